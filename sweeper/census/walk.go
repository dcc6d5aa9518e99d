package census

import (
	"context"

	"golang.org/x/sync/errgroup"

	"rekey/accounts"
	"rekey/accounts/jobs"
	"rekey/legacy"
)

const (
	readers = 2      // of a source that can be cut: most of a search is waiting for it, and reading what it says
	piece   = 10_000 // people of one range
	page    = 1000
)

// A span is the people of a source behind a key, up to and with another one; "" are its ends.
type span struct{ after, through string }

// walk shows everybody of a source to see, a page at a time, to several pages at once where the source can be cut.
func walk(ctx context.Context, service *accounts.Service, source string, see func(context.Context, []legacy.User) error) error {
	group, ctx := errgroup.WithContext(ctx)
	spans := make(chan span)
	group.Go(func() error {
		defer close(spans)
		return jobs.Guarded(func() error { return cut(ctx, service, source, spans) })
	})
	for range readers {
		group.Go(func() error {
			for s := range spans {
				if err := jobs.Guarded(func() error { return pages(ctx, service, source, s, see) }); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// cut sends the spans of a source.
func cut(ctx context.Context, service *accounts.Service, source string, spans chan<- span) error {
	for after := ""; ; {
		through := ""
		if service.Cuts(source) {
			var err error
			if through, err = service.CutKey(ctx, source, after, piece); err != nil {
				return err
			}
		}
		select {
		case spans <- span{after, through}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if through == "" {
			return nil
		}
		after = through
	}
}

// pages shows everybody of a span. Who cannot be read is left out: they hold nothing that anybody can type.
func pages(ctx context.Context, service *accounts.Service, source string, s span, see func(context.Context, []legacy.User) error) error {
	for after := s.after; ; {
		p, err := service.Page(ctx, source, after, s.through, page)
		if err != nil {
			return err
		}
		if err := see(ctx, p.People); err != nil {
			return err
		}
		if p.Last {
			return nil
		}
		after = p.Next
	}
}
