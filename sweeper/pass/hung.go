package pass

import (
	"context"
	"fmt"

	"rekey/accounts"
	"rekey/legacy"
)

// Somebody whose record can never be looked up, though the store answers for others, must not keep their whole chunk waiting. They
// are told by the claims under which a chunk has come no further than to them: then they are suspended by themselves, as a
// difference, so that no comparison that has one is clean; and the chunk goes on behind them. Where many are looked up at once, fewer
// are first, down to one.

const (
	// recordTries is under how many claims a chunk comes to the same person before they are suspended. Each time their page, or their
	// link, was read again before.
	recordTries = 5
	// narrowAfter is after how many of them links are looked up one by one.
	narrowAfter = 2
)

// suspect does something about a chunk whose store did not answer, if it did not move.
func (d *doing) suspect() {
	switch {
	case d.c.Cursor != d.from:
	case d.at != "" && d.c.Attempts >= recordTries && d.found.Hang(d.at, d.found.Suspended):
		d.say(fmt.Sprintf("%s %s is suspended, and the rest goes on: %s", d.c.Source, d.at, d.found.Suspended))
		d.c.Attempts = 0
	case d.c.Band == accounts.WalkLinks && d.at == "" && d.c.Attempts >= narrowAfter:
		d.c.Bound = 1
	}
}

// hangs reports whether somebody was suspended.
func (d *doing) hangs(id string) bool {
	_, hung := d.found.Hung[id]
	return hung
}

// compare compares people of whom nobody is known to hang.
func (d *doing) compare(ctx context.Context, users []legacy.User) error {
	verdicts, err := d.judgements(ctx, users)
	if err != nil && verdicts != nil {
		d.at = users[len(verdicts)].ID
	}
	if err := d.mayMark(verdicts); err != nil {
		return err
	}
	for i, verdict := range verdicts {
		if err := d.judged(ctx, users[i].ID, verdict); err != nil {
			d.at = users[i].ID
			return err
		}
		d.c.Cursor = users[i].ID
	}
	d.progress(d.c.Source, len(verdicts))
	return err
}

// passOver counts somebody who was suspended.
func (d *doing) passOver(id string) {
	d.found.Add(accounts.VerdictSuspended, id)
	d.c.Cursor = id
	d.progress(d.c.Source, 1)
}
