package pass

import (
	"context"
	"slices"
	"strings"

	"rekey/accounts"
)

// CompareChanged compares those who have changed on either side since the comparison before, and stores what it has found. Of
// CompareConfig it knows no workers: it is done in seconds, or begun anew.
func CompareChanged(ctx context.Context, c CompareConfig) (accounts.Validation, error) {
	c.setDefaults()
	if err := c.By.Check(); err != nil {
		return accounts.Validation{}, err
	}
	d, err := c.Service.BeginDelta(ctx, c.Sources)
	if err != nil {
		return accounts.Validation{}, err
	}
	if len(d.Blind) > 0 {
		c.Notice("of " + strings.Join(d.Blind, ", ") + " only what was written here is compared: when a record was changed there is not known (updated_at)")
	}
	p := pace{c.Service, c.Rate}
	for _, source := range c.Sources {
		found, done := accounts.NewComparison(source), int64(0)
		err := c.Service.ChangedSince(ctx, d, source, func(ids []string) error {
			for batch := range slices.Chunk(ids, p.batch(len(ids))) {
				if err := c.Wait.again(ctx, func() error { return p.take(ctx, c.Wait, len(batch)) }); err != nil {
					return err
				}
				if err := c.compareIDs(ctx, &found, batch); err != nil {
					return err
				}
				done += int64(len(batch))
				if c.Progress != nil {
					c.Progress(Progress{source, done})
				}
			}
			return nil
		})
		if err != nil {
			return accounts.Validation{}, err
		}
		d.Found.Sources = append(d.Found.Sources, found)
	}
	return c.Service.EndDelta(ctx, d)
}

// compareIDs compares some people, and marks them where that is wanted.
func (c *CompareConfig) compareIDs(ctx context.Context, found *accounts.Comparison, ids []string) error {
	var verdicts []accounts.Judgement
	err := c.Wait.again(ctx, func() (err error) {
		verdicts, err = c.Service.CompareIDs(ctx, found.Source, ids)
		return err
	})
	if err != nil {
		return err
	}
	if c.Repair {
		if err := c.mayMark(ctx, found, toMark(verdicts)); err != nil {
			return err
		}
	}
	for i, j := range verdicts {
		if c.Repair && j.Marks {
			err := c.Wait.again(ctx, func() error {
				marked, err := c.Service.MarkDrifted(ctx, found.Source, ids[i], c.By)
				if marked {
					found.Marked++
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		found.Add(j.Verdict, ids[i], j.Aspects...)
	}
	return nil
}
