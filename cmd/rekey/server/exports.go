package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"rekey/cmd/rekey/config"
	"rekey/legacy"
	"rekey/legacy/filesource"
)

// lookTimeout bounds the looks at all exports together.
const lookTimeout = 10 * time.Second

// An ExportLook is what the beginnings of the exports show, each problem at the key that it is about.
type ExportLook struct {
	Wrong    config.Problems // the export will not be indexed as it is configured
	Doubtful config.Problems // what is behind the beginning may be better
	Unread   config.Problems // it cannot be read now, so nothing is known of it
}

// LookAtExports reads the beginning of each source that is an export.
func LookAtExports(ctx context.Context, c *config.Config, sources []Opened) ExportLook {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	var look ExportLook
	for i, source := range sources {
		export, ok := source.Store.(*filesource.Source)
		if !ok {
			continue
		}
		group := fmt.Sprintf("legacy[%d].file.", i)
		doubts, err := export.Look(ctx)
		if err != nil {
			look.Unread = append(look.Unread, c.Mistake(group+"path", err))
		}
		for _, d := range doubts {
			key := group + "path"
			if d.Column != "" {
				key = group + "columns." + d.Column
			}
			to := &look.Doubtful
			if d.Certain {
				to = &look.Wrong
			}
			*to = append(*to, c.Mistake(key, errors.New(d.Reason)))
		}
	}
	return look
}

// Err returns what is wrong for certain, or nil.
func (l ExportLook) Err() error {
	if len(l.Wrong) == 0 {
		return nil
	}
	return l.Wrong
}

// progressEvery is how often the log tells how far an indexing is.
const progressEvery = 10 * time.Second

// exportLook is how often an export is looked at, for somebody may put a newer one in its place.
const exportLook = 15 * time.Second

// indexExports makes the indexes of the exports that have none, beside serving: until one is there, its people cannot
// log in for the first time and are told to come again, readyz says "degraded", and for the people of other sources it is
// as while any source is silent (see whileOneIsSilent).
func (s *Server) indexExports(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // it ends when the server closes
	var wg sync.WaitGroup
	for _, src := range s.sources {
		if export, ok := src.adapter.(*filesource.Source); ok {
			wg.Go(func() { s.keepIndexed(ctx, src.name, export) })
		}
	}
	s.onClose(func(context.Context) error {
		cancel()
		wg.Wait()
		return nil
	})
}

// keepIndexed indexes an export, and indexes it again when it has been replaced. Where that fails for a mistake of
// configuration, it is not tried again.
func (s *Server) keepIndexed(ctx context.Context, name string, export *filesource.Source) {
	again := time.NewTicker(exportLook)
	defer again.Stop()
	for {
		if err := s.indexExport(ctx, name, export); errors.Is(err, legacy.ErrMapping) {
			return
		}
		for ready := true; ready; {
			select {
			case <-ctx.Done():
				return
			case <-again.C:
				ready = export.Ping(ctx) == nil
			}
		}
	}
}

func (s *Server) indexExport(ctx context.Context, name string, export *filesource.Source) error {
	told := time.Now()
	err := export.Index(ctx, func(p filesource.Progress) {
		if time.Since(told) >= progressEvery {
			told = time.Now()
			s.log.Info("an export is being indexed", "source", name, "read", p.Read, "size", p.Size, "people", p.People, "bad", p.Bad)
		}
	})
	switch {
	case ctx.Err() != nil: // we are closing
	case errors.Is(err, legacy.ErrMapping):
		s.log.Error("an export cannot be indexed; mend the configuration and start again", "source", name, "error", err)
	case err != nil:
		s.log.Error("an export cannot be indexed for now; its people cannot log in", "source", name, "other_sources", s.whileOneIsSilent(), "error", err)
	default:
		stats, err := export.Stats(ctx)
		if err != nil {
			s.log.Warn("an export's index does not tell what it holds", "source", name, "error", err)
			return nil
		}
		s.log.Info("an export is indexed", "source", name, "people", stats.People, "bad", stats.Bad, "ignored", stats.Ignored)
		if stats.Torn != "" {
			s.log.Warn("an export could not be read to its end; who is not found in it may be behind the tear", "source", name, "reason", stats.Torn)
		}
	}
	return err
}
