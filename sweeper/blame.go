package sweeper

import (
	"context"
	"errors"

	"rekey/accounts"
	"rekey/accounts/jobs"
)

// Nobody is blamed for what the old store does. Before somebody at whom the sweep stands still is passed over, somebody else is asked
// for; where that is not answered either, nobody is passed over, and the one person is tried anew. Where it is, they are tried once
// more, for the store may have come back just then, and passed over when they fail while others are answered again.

var errSilent = errors.New("the old store answers for nobody else either: nobody is passed over")

const (
	// askTime is how long each of those others may take. A person takes milliseconds.
	askTime = batchTime / 4
	// askBehind is how far behind another is looked for, for who stands next may be like this one.
	askBehind = 100
	// asks is how often others are asked for at most: who dies of it each time blames without it.
	asks = 2
)

// mayBlame reports whether somebody is to be passed over; if not, they are tried again. Its error is errSilent if the old store answers
// for nobody else. That others are asked for is written down before it is done.
func (t *task) mayBlame(ctx context.Context, id string) (bool, error) {
	counts, err := CountsOf(t.chunk)
	if err != nil || counts.Asked >= asks {
		return err == nil, err
	}
	if err := t.keepAsked(ctx, counts.Asked+1); err != nil {
		return false, err
	}
	answered := t.othersAnswer(ctx, id)
	switch {
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case answered && counts.Asked > 0:
		return true, nil
	case answered:
		t.chunk.Attempts = patience
		return false, nil
	}
	t.chunk.Attempts = patience - 1 // what was tried while nobody was answered does not count
	return false, errors.Join(errSilent, t.keepAsked(ctx, 0))
}

func (t *task) keepAsked(ctx context.Context, times int) error {
	counts, err := CountsOf(t.chunk)
	if err != nil {
		return err
	}
	counts.Asked = times
	if t.chunk.Counts, err = counts.text(); err != nil {
		return err
	}
	return t.store().KeepChunk(ctx, t.chunk, claimFor, 0)
}

// othersAnswer reports whether the old store answers for anybody but one person: for who stands behind them, further behind, or first.
func (t *task) othersAnswer(ctx context.Context, id string) bool {
	return t.answers(ctx, id, id, 0) || t.Service.Cuts(t.chunk.Source) && t.answers(ctx, id, id, askBehind) || t.answers(ctx, id, "", 0)
}

var errSame = errors.New("it is the same person")

// answers reports whether somebody so far behind a key is read, and looked at as if they were to be moved. That nobody is there is an
// answer, and so is every refusal.
func (t *task) answers(ctx context.Context, not, after string, further int) bool {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	err := jobs.Guarded(func() (err error) {
		if further > 0 {
			if after, err = t.Service.CutKey(ctx, t.chunk.Source, after, further); err != nil {
				return err
			}
		}
		page, err := t.Service.Page(ctx, t.chunk.Source, after, "", 1)
		if err != nil || len(page.People) == 0 {
			return err
		}
		if page.People[0].ID == not {
			return errSame
		}
		_, err = t.Service.Migrate(ctx, accounts.Migration{
			Source: t.chunk.Source, LegacyID: page.People[0].ID, Hash: t.spec.hash(), How: accounts.BySweep, By: t.spec.by(), DryRun: true, Untold: true,
		})
		return err
	})
	return ctx.Err() == nil && !errors.Is(err, errSame) && !errors.As(err, new(*accounts.UnavailableError))
}
