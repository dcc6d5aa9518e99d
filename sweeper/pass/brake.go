package pass

import (
	"context"

	"rekey/accounts"
)

// A repair that would mark very many stops, before the batch that shows it: a mistake of ours, such as another table, is likelier, and
// would leave each of them with no password but the other table's.

// mayMark returns why a repair stops, where these would be too many more to mark of a chunk.
func (d *doing) mayMark(found []accounts.Judgement) error {
	if !d.Repair {
		return nil
	}
	return d.Service.MayMark(d.c.Source, d.found.Marked+toMark(found), len(found)+d.found.People())
}

// toMark is how many of some people a repair would mark.
func toMark(found []accounts.Judgement) (n int) {
	for _, j := range found {
		if j.Marks {
			n++
		}
	}
	return n
}

// mayMark returns why a repair stops, where so many more would be too many to mark of all who are here: whoever has changed is a small
// share of them.
func (c *CompareConfig) mayMark(ctx context.Context, found *accounts.Comparison, more int) error {
	if more == 0 {
		return nil
	}
	var here int64
	err := c.Wait.again(ctx, func() (err error) {
		here, err = c.Service.CountLinked(ctx, found.Source)
		return err
	})
	if err != nil {
		return err
	}
	return c.Service.MayMark(found.Source, found.Marked+more, int(here))
}
