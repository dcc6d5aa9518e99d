package sweeper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"rekey/accounts"
)

// Whoever stalls or kills the sweep is passed over by their key, and where a source Cuts that is read alone. Elsewhere their record has
// to be read for it, which may stall or kill again: for ever, as nobody can tell who stands behind them. There the run is given up, when
// nothing else of it is left to be done.

// hopeless is after how many claims in vain that is done: more than it takes to come down to one person, and then some minutes.
const hopeless = 20

var (
	errImpassable = errors.New("the next person can be neither read nor passed over")
	errNextSilent = errors.New("the old store answers for others, and not for who is next")
)

// unstick does something about a chunk that does not move, if it does not: see suspect.
func (t *task) unstick(ctx context.Context, o Orders) error {
	stuck := t.chunk.Attempts > patience && t.chunk.Bound == 1 && !t.Service.Cuts(t.chunk.Source)
	if stuck && t.chunk.Attempts > hopeless {
		switch last, err := t.isLast(ctx); {
		case err != nil:
			return err
		case last:
			return fmt.Errorf("%w: behind the key %s", errImpassable, strconv.Quote(t.behind()))
		}
	}
	t.began.Store(time.Now().UnixMicro()) // whatever it hangs in, others are to find the chunk
	defer t.began.Store(0)
	err := t.suspect(ctx, o)
	if stuck && ctx.Err() == nil && errors.As(err, new(*accounts.UnavailableError)) && t.answers(ctx, "", "", 0) {
		return errNextSilent // which counts as an attempt, as no doubt of a store does
	}
	return err
}

// isLast reports whether nothing of the run is left but this chunk.
func (t *task) isLast(ctx context.Context) (bool, error) {
	chunks, err := t.store().Chunks(ctx, t.chunk.Run)
	return !slices.ContainsFunc(chunks, func(c accounts.Chunk) bool { return !c.Done && c.Seq != t.chunk.Seq }), err
}
