package sweeper

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

// A run of the settings is ended by the process that plans it. Where the last such process has gone, its run would stand in the way
// of every other for ever.

// leftFor is how long nobody has planned a run that no process is at. Every process tries to each second; one that has died in the
// middle of it keeps its claim for planFor.
const leftFor = 5 * time.Second

// leftRun returns the run of the settings that no process is at: nobody plans it, and nobody has claimed a piece of it. The zero Run:
// there is none.
func leftRun(ctx context.Context, store accounts.RunStore) (accounts.Run, error) {
	run, err := runOf(ctx, store)
	if err != nil || run.ID == uuid.Nil {
		return accounts.Run{}, err
	}
	if spec, err := SpecOf(run); err != nil || spec.Attended {
		return accounts.Run{}, err
	}
	chunks, err := store.Chunks(ctx, run.ID)
	if err != nil {
		return accounts.Run{}, err
	}
	for _, c := range chunks {
		if c.ClaimedFor > 0 {
			return accounts.Run{}, nil
		}
	}
	now := time.Now()
	switch _, err := store.ClaimWork(ctx, planWork, now, now, leftFor); {
	case errors.Is(err, accounts.ErrNotFound):
		return accounts.Run{}, nil
	case err != nil:
		return accounts.Run{}, err
	}
	return run, nil
}

// EndLeft returns what a settings.Keeper ends such a run by.
func EndLeft(store accounts.RunStore) func(ctx context.Context, by accounts.By, dryRun bool) (bool, error) {
	return func(ctx context.Context, by accounts.By, dryRun bool) (bool, error) {
		run, err := leftRun(ctx, store)
		if err != nil || run.ID == uuid.Nil || dryRun {
			return run.ID != uuid.Nil, err
		}
		_, err = endBy(ctx, store, Orders{Run: run}, accounts.RunStopped, "stopped by "+by.Actor+": "+by.Reason, by)
		if errors.Is(err, accounts.ErrStale) {
			return false, nil // it has ended meanwhile
		}
		return err == nil, err
	}
}
