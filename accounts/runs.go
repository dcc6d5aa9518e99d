package accounts

import (
	"context"

	"github.com/google/uuid"

	"rekey/accounts/phase"
	"rekey/legacy"
	"rekey/legacy/hash"
)

// A RunStore is what runs are kept in.
type RunStore interface {
	Sweeps
	Watching
	SweepSettings
	Signals
	// Works returns all work that was ever claimed, by name.
	Works(ctx context.Context) ([]Work, error)
	// Phase returns the state of the installation; ErrNotFound if it has none yet.
	Phase(ctx context.Context) (phase.State, error)
}

// RunStore returns what the service's runs are kept in.
func (s *Service) RunStore() RunStore { return s.store }

// BeginRun stores a run with its parts, and who has begun it, why. It returns ErrStale if another one of its kind has not ended.
func (s *Service) BeginRun(ctx context.Context, r Run, parts []Part, by By) error {
	event := by.event(uuid.Nil, EventSweepBegan, s.now())
	event.Detail = map[string]string{"run": r.ID.String(), "kind": string(r.Kind)}
	return s.store.BeginRun(ctx, r, parts, event)
}

// EndRun ends a run as r says. It returns ErrStale if it has ended. It needs no legacy store: a run can be ended whatever else is down.
func EndRun(ctx context.Context, store Sweeps, r Run, by By) error {
	event := by.event(uuid.Nil, EventSweepEnded, r.Ended)
	event.Detail = map[string]string{"run": r.ID.String(), "kind": string(r.Kind), "state": string(r.State)}
	return store.EndRun(ctx, r, event)
}

// RunsUnderWay returns the runs that have not ended, newest first. Its error is an *UnavailableError.
func (s *Service) RunsUnderWay(ctx context.Context) ([]Run, error) {
	runs, err := s.store.RunsUnderWay(ctx)
	if err != nil {
		return nil, cannotTell("read the runs that go on", err)
	}
	return runs, nil
}

// Runs returns up to limit runs, newest first. Its error is an *UnavailableError.
func (s *Service) Runs(ctx context.Context, limit int) ([]Run, error) {
	runs, err := s.store.Runs(ctx, limit)
	if err != nil {
		return nil, cannotTell("read runs", err)
	}
	return runs, nil
}

// RunPieces returns the parts of a run and its chunks, in their order. Its error is an *UnavailableError.
func (s *Service) RunPieces(ctx context.Context, run uuid.UUID) (parts []Part, chunks []Chunk, err error) {
	if parts, err = s.store.Parts(ctx, run); err == nil {
		chunks, err = s.store.Chunks(ctx, run)
	}
	if err != nil {
		return nil, nil, cannotTell("read the run", err)
	}
	return parts, chunks, nil
}

// NotePoisoned tells support about a legacy person whom a sweep passes over, because it never comes past them.
func (s *Service) NotePoisoned(ctx context.Context, source, legacyID string, by By) error {
	event := by.event(SubjectFor(source, legacyID), EventQuarantined, s.now())
	event.Detail = map[string]string{"source": source, "legacy_id": legacyID, "class": string(NotePoisoned)}
	note := Note{Source: source, LegacyID: legacyID, Class: NotePoisoned, Reason: "the sweep has died or stalled at this person again and again", At: s.now()}
	if _, err := s.store.AddNote(ctx, note, event); err != nil {
		return cannotTell("note for support", err)
	}
	return nil
}

// LegacyHash reads the hash of a legacy person; nil if there is none, or none that can be read.
func (s *Service) LegacyHash(user legacy.User) *hash.Hash {
	if user.Password == nil {
		return nil
	}
	h, err := s.hashes.Open(*user.Password)
	if err != nil {
		return nil
	}
	return h
}
