package sweeper

import (
	"context"
	"time"

	"rekey/accounts"
	"rekey/sweeper/settings"
)

// A Wanted is the run that the settings ask for.
type Wanted struct {
	Spec   Spec
	Starts int64         // how often a run was asked for
	Every  time.Duration // from the end of a run to the beginning of the next; 0: none begins by itself
}

// wantedBy is the run that settings ask for, where they name no sources of all.
func wantedBy(d settings.Document, effective settings.Settings, all []string) *Wanted {
	w := &Wanted{
		Spec: Spec{
			Sources: effective.Sources, Order: effective.Order, Filter: effective.Filter, Hash: accounts.Keep(effective.Hash), DryRun: effective.DryRun,
			Actor: "sweeper", Reason: "as the settings say",
		},
		Starts: d.Starts(), Every: time.Duration(effective.Every),
	}
	if len(w.Spec.Sources) == 0 {
		w.Spec.Sources = all
	}
	if d.Started != nil {
		w.Spec.Actor, w.Spec.Reason = d.Started.By, d.Started.Reason
	}
	return w
}

// retryEvery is when a run that has failed is begun again: what was asked for has not been done.
const retryEvery = 10 * time.Minute

// lastRuns are as many as are looked through first, for the last one of the settings: verifications and the runs of people at a
// terminal come between.
const lastRuns = 50

// unasked is when a run begins that does not before somebody asks for it.
var unasked = time.Unix(1<<40, 0)

// begins returns when the run is to begin while none is under way, which may be a time that has passed, or unasked.
func (w Wanted) begins(ctx context.Context, store accounts.RunStore) (time.Time, error) {
	for seen, limit := 0, lastRuns; ; seen, limit = limit, 10*limit {
		runs, err := store.Runs(ctx, limit)
		if err != nil {
			return time.Time{}, err
		}
		for _, r := range runs[min(seen, len(runs)):] {
			if spec, _ := SpecOf(r); r.Kind == accounts.RunMove && !spec.Attended { // one that cannot be read is the settings' own
				return w.after(r), nil
			}
		}
		if len(runs) < limit {
			return time.Time{}, nil // there was none
		}
	}
}

// after is begins after the last run of the settings.
func (w Wanted) after(last accounts.Run) time.Time {
	spec, err := SpecOf(last)
	found, foundErr := FoundBy(last)
	switch {
	case err != nil || foundErr != nil: // another version wrote it: nobody knows whether it was the same
		return time.Time{}
	case w.Starts > found.Starts:
		return time.Time{}
	case last.State == accounts.RunFailed:
		return last.Ended.Add(retryEvery)
	case w.Every == 0:
		return unasked
	case !spec.same(w.Spec):
		return time.Time{}
	}
	return last.Ended.Add(w.Every)
}
