package sweeper

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rekey/accounts"
	"rekey/sweeper/settings"
)

// Forgiven is what had come of the people of a run when somebody resumed it, having looked: the error budget counts from there.
type Forgiven struct {
	At     time.Time `json:"at"` // of the resumption
	Failed int64     `json:"failed"`
	People int64     `json:"people"`
}

// spent pauses the sweep when its error budget is used up, and reports whether it has.
func (p *Planner) spent(ctx context.Context, o Orders, counts Counts) (bool, error) {
	if o.Spent == nil || p.Settle == nil {
		return false, nil
	}
	from, err := p.forgive(ctx, o, counts)
	if err != nil {
		return false, err
	}
	failed, people := counts.Failed()-from.Failed, counts.People()-from.People
	if !o.Spent(failed, people) {
		return false, nil
	}
	why := fmt.Sprintf("the error budget is used up: %d of %d people could not be moved", failed, people)
	if !from.At.IsZero() {
		why += " since " + from.At.UTC().Format(time.RFC3339)
	}
	p.Desk.Forget()
	return true, p.Settle(ctx, o.Version, settings.Paused, why)
}

// forgive returns what does not count, and writes it down when somebody has resumed the run since.
func (p *Planner) forgive(ctx context.Context, o Orders, counts Counts) (Forgiven, error) {
	if o.Resumed.Add(time.Second).Before(o.Run.Began) { // a run that was not there yet; the time has whole seconds
		return Forgiven{}, nil
	}
	if p.forgiven.run == o.Run.ID && p.forgiven.At.Equal(o.Resumed) {
		return p.forgiven.Forgiven, nil
	}
	store := p.Service.RunStore()
	found, err := readFound(ctx, store, o.Run.ID)
	if err != nil {
		return Forgiven{}, err
	}
	if found.Forgiven == nil || !found.Forgiven.At.Equal(o.Resumed) {
		found.Forgiven = &Forgiven{o.Resumed, counts.Failed(), counts.People()}
		err := changeFound(ctx, store, o.Run.ID, func(is *Found) { is.Forgiven = found.Forgiven })
		if err != nil && !errors.Is(err, accounts.ErrStale) { // which means that it has ended
			return Forgiven{}, err
		}
	}
	p.forgiven.run, p.forgiven.Forgiven = o.Run.ID, *found.Forgiven
	return *found.Forgiven, nil
}
