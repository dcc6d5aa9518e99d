package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A comparison of the stores is a run: what it has found so far is in its chunks, and whoever asks for the same goes on where it
// stopped, alone or beside others. Each source has two parts: its people, in the order of its keys, and the links to them, in
// the order of ours.

// The two walks of a source.
const (
	WalkPeople = 0 // band: compares everybody who is there
	WalkLinks  = 1 // band: looks for those of whom there are links, and who are not
)

// A VerifySpec is what a comparison is asked for.
type VerifySpec struct {
	Sources []string `json:"sources"`
	Repair  bool     `json:"repair,omitempty"`
	// The rest is written down when it begins.
	Epoch   int64             `json:"epoch"`
	Cursors map[string]string `json:"cursors,omitempty"` // how far legacy.Watcher was, by source
}

// same reports whether somebody who asks for want is answered by a comparison that was begun for s.
func (s VerifySpec) same(want VerifySpec) bool {
	return slices.Equal(s.Sources, want.Sources) && s.Repair == want.Repair && s.Epoch == want.Epoch
}

// ErrVerifyBusy: another comparison is under way, or was killed a moment ago.
var ErrVerifyBusy = errors.New("another comparison of other sources, or for another purpose, is under way, or was killed less than a minute ago")

// A Verification is a comparison of the stores that goes on.
type Verification struct {
	Run     Run
	Spec    VerifySpec
	Resumed bool   // somebody has begun it before
	Anew    string // why one that was there is not gone on with; "" if there was none

	service *Service
}

// Verify begins a comparison, or goes on with the one that was begun for the same in this epoch. Its error is an *InvalidError
// (the reason), ErrNothingMoves, ErrVerifyBusy, or an *UnavailableError.
func (s *Service) Verify(ctx context.Context, want VerifySpec, by By) (*Verification, error) {
	if err := by.Check(); err != nil {
		return nil, err
	}
	begun, err := s.BeginValidation()
	if err != nil {
		return nil, err
	}
	want.Epoch, want.Cursors = begun.Epoch, nil
	v := &Verification{service: s}
	for range staleTries {
		run, err := s.store.Running(ctx, RunVerify)
		switch {
		case err == nil:
			if err := v.resume(ctx, run, want, by); err != nil || v.Resumed {
				return v, err
			}
		case !errors.Is(err, ErrNotFound):
			return nil, cannotTell("read the comparison that goes on", err)
		}
		if err := v.begin(ctx, begun, want, by); !errors.Is(err, ErrStale) {
			return v, err
		}
	}
	return nil, cannotTell("begin a comparison", ErrStale)
}

// resume goes on with a run, or ends it.
func (v *Verification) resume(ctx context.Context, run Run, want VerifySpec, by By) error {
	var spec VerifySpec
	if err := json.Unmarshal([]byte(run.Spec), &spec); err != nil {
		spec = VerifySpec{} // of another version, which asked for nothing that we could go on with
	}
	if spec.same(want) {
		v.Run, v.Spec, v.Resumed = run, spec, true
		_ = v.takenUp(ctx) // without it the end is told by the pace since the beginning
		return nil
	}
	v.Anew = "it was over other sources, or for another purpose"
	if spec.Epoch != want.Epoch {
		v.Anew = fmt.Sprintf("it began in epoch %d of the phase, which is %d now", spec.Epoch, want.Epoch)
	}
	busy := false
	err := v.service.store.EachChunk(ctx, run.ID, func(c Chunk) error { busy = busy || c.ClaimedFor > 0; return nil })
	if err != nil {
		return cannotTell("read the comparison that goes on", err)
	}
	if busy {
		return ErrVerifyBusy
	}
	err = v.end(ctx, run, RunStopped, "another one was asked for: "+v.Anew, by)
	if errors.Is(err, ErrStale) {
		return nil // it has just ended
	}
	return err
}

// A TakenUp is when a comparison was last gone on with, and of how many people something was found by then.
type TakenUp struct {
	At     time.Time `json:"taken_up,omitzero"`
	People int64     `json:"people_before,omitempty"`
}

// TakenUpOf returns that of a comparison by what it has found; the zero TakenUp if nobody has gone on with it.
func TakenUpOf(found []byte) TakenUp {
	var t TakenUp
	if json.Unmarshal(found, &t) != nil {
		return TakenUp{}
	}
	return t
}

// takenUp writes down that it is gone on with now.
func (v *Verification) takenUp(ctx context.Context) error {
	p, err := v.service.progressOf(ctx, v.Run)
	if err != nil {
		return err
	}
	t := TakenUp{At: v.service.now()}
	for _, source := range p.Sources {
		t.People += int64(source.People())
	}
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return v.service.outlive(ctx, func(ctx context.Context) error {
		run, err := v.service.store.RunByID(ctx, v.Run.ID)
		if err != nil {
			return err
		}
		return v.service.store.KeepFound(ctx, run.ID, run.Found, string(text))
	})
}

func (v *Verification) begin(ctx context.Context, begun Validation, want VerifySpec, by By) error {
	s := v.service
	want.Cursors = s.newest(ctx, want.Sources)
	text, err := json.Marshal(want)
	if err != nil {
		return err
	}
	run := Run{ID: begun.ID, Kind: RunVerify, State: RunRunning, Spec: string(text), Began: begun.Began}
	var parts []Part
	for _, source := range want.Sources {
		parts = append(parts, Part{Source: source, Band: WalkPeople}, Part{Source: source, Band: WalkLinks})
	}
	err = s.outlive(ctx, func(ctx context.Context) error {
		if err := s.store.DropChunks(ctx, RunVerify); err != nil { // their sums are kept, as validations
			return err
		}
		return s.store.BeginRun(ctx, run, parts, by.verifyEvent(EventVerifyBegan, run, s.now()))
	})
	switch {
	case errors.Is(err, ErrStale):
		return err
	case err != nil:
		return cannotTell("begin a comparison", err)
	}
	v.Run, v.Spec = run, want
	return nil
}

func (b By) verifyEvent(kind EventKind, run Run, at time.Time) Event {
	e := b.event(phaseAccount, kind, at)
	e.Detail = map[string]string{"run": run.ID.String()}
	if run.State != RunRunning {
		e.Detail["state"] = string(run.State)
	}
	return e
}

func (v *Verification) end(ctx context.Context, run Run, state RunState, why string, by By) error {
	s := v.service
	run.State, run.Why, run.Ended = state, why, s.now()
	err := s.outlive(ctx, func(ctx context.Context) error {
		return s.store.EndRun(ctx, run, by.verifyEvent(EventVerifyEnded, run, s.now()))
	})
	if err != nil && !errors.Is(err, ErrStale) {
		return cannotTell("end the comparison", err)
	}
	return err
}

// Parts returns how far the parts are cut. Its error is an *UnavailableError.
func (v *Verification) Parts(ctx context.Context) ([]Part, error) {
	parts, err := v.service.store.Parts(ctx, v.Run.ID)
	if err != nil {
		return nil, cannotTell("read parts", err)
	}
	return parts, nil
}

// Cut cuts chunks off a part; ErrStale if somebody else has, or an *UnavailableError.
func (v *Verification) Cut(ctx context.Context, was, is Part, chunks ...Chunk) error {
	err := v.service.outlive(ctx, func(ctx context.Context) error { return v.service.store.CutChunks(ctx, v.Run.ID, was, is, chunks) })
	if err != nil && !errors.Is(err, ErrStale) {
		return cannotTell("cut chunks", err)
	}
	return err
}

// mostClaims is no limit: each worker claims one chunk.
const mostClaims = 10_000

// Claim claims the first chunk that is to be compared; ErrNotFound if there is none now, or an *UnavailableError.
func (v *Verification) Claim(ctx context.Context, worker string, claim time.Duration) (Chunk, error) {
	var c Chunk
	err := v.service.outlive(ctx, func(ctx context.Context) (err error) {
		c, err = v.service.store.ClaimChunk(ctx, v.Run.ID, worker, mostClaims, claim)
		return err
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Chunk{}, cannotTell("claim a chunk", err)
	}
	return c, err
}

// Keep writes down how far a chunk is, as Sweeps.KeepChunk does; ErrStale if somebody else has claimed it, or an *UnavailableError.
func (v *Verification) Keep(ctx context.Context, c Chunk, claim, pause time.Duration) error {
	err := v.service.outlive(ctx, func(ctx context.Context) error { return v.service.store.KeepChunk(ctx, c, claim, pause) })
	if err != nil && !errors.Is(err, ErrStale) {
		return cannotTell("keep a chunk", err)
	}
	return err
}

// Hold keeps the claim of a chunk for a while from now, and changes nothing else; ErrStale if somebody else has claimed it, or an
// *UnavailableError.
func (v *Verification) Hold(ctx context.Context, c Chunk, claim time.Duration) error {
	err := v.service.outlive(ctx, func(ctx context.Context) error { return v.service.store.HoldChunk(ctx, c, claim) })
	if err != nil && !errors.Is(err, ErrStale) {
		return cannotTell("keep a chunk", err)
	}
	return err
}

// VerifyTurn returns how long to wait before so many people may be read, where all comparisons of all machines are to read no more
// than perSecond, which is above 0, together. Its error is an *UnavailableError.
func (s *Service) VerifyTurn(ctx context.Context, people, perSecond int) (time.Duration, error) {
	wait, err := s.store.TakeVerifyTurn(ctx, time.Duration(people)*time.Second/time.Duration(perSecond))
	if err != nil {
		return 0, cannotTell("take a turn", err)
	}
	return wait, nil
}

// Waits reports whether there are chunks that are not compared yet. Its error is an *UnavailableError.
func (v *Verification) Waits(ctx context.Context) (bool, error) {
	p, err := v.service.progressOf(ctx, v.Run)
	return p.Chunks[ChunkPending]+p.Chunks[ChunkSuspended] > 0, err
}

// Finish stores what was found, and ends the comparison. Whoever else does so too, or does so again after a crash, changes nothing.
// Its error is an *UnavailableError.
func (v *Verification) Finish(ctx context.Context, by By) (Validation, error) {
	p, err := v.service.progressOf(ctx, v.Run)
	if err != nil {
		return Validation{}, err
	}
	all := !slices.ContainsFunc(v.service.SourceNames(), func(name string) bool { return !slices.Contains(v.Spec.Sources, name) })
	found, err := v.service.EndValidation(ctx, Validation{
		ID: v.Run.ID, Began: v.Run.Began, Epoch: v.Spec.Epoch,
		Found: ValidationReport{Complete: all, Sources: p.Sources, Cursors: v.Spec.Cursors},
	})
	if err != nil {
		return found, err
	}
	if err := v.end(ctx, v.Run, RunDone, "", by); err != nil && !errors.Is(err, ErrStale) {
		return found, err
	}
	return found, nil
}

// A VerifyProgress is how far a comparison is.
type VerifyProgress struct {
	Run     Run
	Spec    VerifySpec
	Chunks  map[ChunkState]int64
	Sources []Comparison // what was found so far
	Why     string       // one of the reasons why chunks are suspended
}

// VerifyProgress returns how far the comparison is that goes on; ErrNotFound if none does, or an *UnavailableError.
func (s *Service) VerifyProgress(ctx context.Context) (VerifyProgress, error) {
	run, err := s.store.Running(ctx, RunVerify)
	switch {
	case errors.Is(err, ErrNotFound):
		return VerifyProgress{}, err
	case err != nil:
		return VerifyProgress{}, cannotTell("read the comparison that goes on", err)
	}
	return s.progressOf(ctx, run)
}

// progressOf adds up the chunks of a run, of which it holds one at a time.
func (s *Service) progressOf(ctx context.Context, run Run) (VerifyProgress, error) {
	p := VerifyProgress{Run: run, Chunks: map[ChunkState]int64{}, Sources: []Comparison{}}
	if err := json.Unmarshal([]byte(run.Spec), &p.Spec); err != nil {
		return p, fmt.Errorf("read what a comparison was asked for: %w", err)
	}
	for _, source := range p.Spec.Sources {
		p.Sources = append(p.Sources, NewComparison(source))
	}
	err := s.store.EachChunk(ctx, run.ID, func(c Chunk) error {
		found, err := c.Found()
		if err != nil {
			return err
		}
		p.Chunks[found.stateOf(c.Done)]++
		if found.Suspended != "" {
			p.Why = found.Suspended
		}
		for i := range p.Sources {
			if p.Sources[i].Source == c.Source {
				p.Sources[i].add(found.Comparison)
			}
		}
		return nil
	})
	if err != nil {
		return p, cannotTell("read chunks", err)
	}
	return p, nil
}
