// Package sweeper works in the background: it moves people at the operator's pace, and says how far that is.
//
// It serves cmd. What becomes of one person is accounts.Service's to say.
package sweeper

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

// A Status is everything that there is to see of the sweeper at a moment. It is made of rows, so that every process sees the same.
type Status struct {
	At       time.Time         `json:"at"`
	Settings json.RawMessage   `json:"settings,omitempty"` // in effect
	Held     []string          `json:"held,omitempty"`     // why nobody is moved now, each reason in words
	Governor json.RawMessage   `json:"governor,omitempty"` // the verdict, with each signal that has reached a limit
	Verdict  string            `json:"verdict,omitempty"`  // the same in words
	Runs     []RunStatus       `json:"runs"`               // that are under way; if none is, the newest that has ended
	Progress accounts.Progress `json:"progress"`
}

// A RunStatus is how far a run is.
type RunStatus struct {
	ID    uuid.UUID         `json:"id"`
	Kind  accounts.RunKind  `json:"kind"`
	State accounts.RunState `json:"state"`
	Why   string            `json:"why,omitempty"`
	Began time.Time         `json:"began"`
	Ended time.Time         `json:"ended,omitzero"`
	Spec  json.RawMessage   `json:"spec,omitempty"`
	Found json.RawMessage   `json:"found,omitempty"`

	Counts  RunCounts    `json:"counts"`
	Parts   []PartStatus `json:"parts"` // by source and band: what is left by cohort, where a run goes by cohorts
	Chunks  ChunkCounts  `json:"chunks"`
	Workers []Working    `json:"workers"`
	ETA     *ETA         `json:"eta,omitempty"` // nil: not known
	// Forsaken: it has not ended, and nobody is at it: who had begun it at a terminal has gone, or was killed.
	Forsaken bool `json:"forsaken,omitempty"`
	// Names is how far the search for names that several people hold is, before anybody is moved; nil: nobody is at it.
	Names *Counting `json:"names,omitempty"`
}

// RunCounts are what came of people.
type RunCounts struct {
	People      int64                        `json:"people"`
	Outcomes    map[accounts.Outcome]int64   `json:"outcomes"`
	Refused     map[accounts.NoteClass]int64 `json:"refused"`
	NotAnswered int64                        `json:"not_answered"`
	Passed      int64                        `json:"passed"` // not asked for

	// Verdicts are what a comparison has found; it has no outcomes. Of who is only here it counts those alone who should be there.
	Verdicts map[accounts.Verdict]int64 `json:"verdicts,omitempty"`
}

// A PartStatus is how far a run is in the people of one source, or in one band of them.
type PartStatus struct {
	Source string `json:"source"`
	Band   int    `json:"band"`
	Total  *int64 `json:"total,omitempty"` // nil: nobody has counted
	People int64  `json:"people"`          // that are done
	Whole  bool   `json:"whole"`           // it is cut up to its end
	Open   int    `json:"open_chunks"`
}

// ChunkCounts are a run's chunks.
type ChunkCounts struct {
	Done    int `json:"done"`
	Open    int `json:"open"`    // cut, and not done
	Claimed int `json:"claimed"` // of those: somebody is at them
}

// Working is a worker at a chunk.
type Working struct {
	Worker   string `json:"worker"`
	Source   string `json:"source"`
	Chunk    int64  `json:"chunk"`
	Cursor   string `json:"cursor,omitempty"`
	People   int64  `json:"people"` // of the chunk, that are done
	Attempts int    `json:"attempts"`
	// Seconds is how long it may stay silent until another one takes its chunk.
	Seconds float64 `json:"claimed_for_seconds"`
}

// StatusConfig is what a Status is read from. Service is required; what is nil is left out of the Status.
type StatusConfig struct {
	Service *accounts.Service
	Now     func() time.Time

	Settings func(context.Context) (json.RawMessage, error)
	Held     func(context.Context) ([]string, error)
	Governor func(context.Context) (verdict json.RawMessage, words string, err error)
	// TerminalHeld reports whether the runs of people at a terminal are held up: they do not obey all that the sweep does. nil: never.
	TerminalHeld func(context.Context) (bool, error)
	// Remaining returns when so much work will have been done, if it is done only while the windows let it; the zero time if nobody
	// knows. nil: they are always open.
	Remaining func(from time.Time, work time.Duration) time.Time
	// Worked is the other way round: for how long the windows were open, from a time to another; 0 if nobody knows. nil: always.
	Worked func(from, to time.Time) time.Duration
	// Rate returns how many people a second the sweep may move at most now. nil: any number.
	Rate func() float64
}

// ReadStatus returns how far the sweeper is. Its error is an *accounts.UnavailableError, or one of the functions'.
func ReadStatus(ctx context.Context, c StatusConfig) (Status, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	s := Status{At: c.Now(), Runs: []RunStatus{}}
	var err error
	if s.Progress, err = c.Service.Progress(ctx); err != nil {
		return s, err
	}
	if c.Settings != nil {
		if s.Settings, err = c.Settings(ctx); err != nil {
			return s, err
		}
	}
	if c.Held != nil {
		if s.Held, err = c.Held(ctx); err != nil {
			return s, err
		}
	}
	if c.Governor != nil {
		if s.Governor, s.Verdict, err = c.Governor(ctx); err != nil {
			return s, err
		}
	}
	runs, err := c.Service.RunsUnderWay(ctx)
	if err == nil && len(runs) == 0 {
		runs, err = c.Service.Runs(ctx, 1)
	}
	if err != nil {
		return s, err
	}
	for _, run := range runs {
		r, err := c.runStatus(ctx, run)
		if err != nil {
			return s, err
		}
		if r.Names != nil {
			r.Names.Of = everybody(s.Progress)
		}
		if r.Kind == accounts.RunVerify {
			r.totals(s.Progress)
		}
		goes, obeys, err := c.goes(ctx, run, s.Held)
		if err != nil {
			return s, err
		}
		if goes && !r.Forsaken {
			r.ETA = c.eta(r, s.Progress, obeys)
		}
		s.Runs = append(s.Runs, r)
	}
	return s, nil
}

// forsaken reports whether nobody is at a run that somebody at a terminal is to be at. A comparison was left where a piece was begun,
// nobody has it any more, and no store is waited for.
func (c StatusConfig) forsaken(ctx context.Context, run accounts.Run, chunks []accounts.Chunk) (bool, error) {
	if run.State != accounts.RunRunning || claimed(chunks) {
		return false, nil
	}
	if run.Kind != accounts.RunVerify {
		spec, _ := SpecOf(run) // one that cannot be read is the settings' own
		if !spec.Attended {
			return false, nil
		}
		there, err := somebodyThere(ctx, c.Service.RunStore())
		return !there && err == nil, err
	}
	left := false
	for _, chunk := range chunks {
		if chunk.Done || chunk.Worker == "" {
			continue
		}
		found, err := chunk.Found()
		if err != nil || found.Suspended != "" {
			return false, err
		}
		left = true
	}
	return left, nil
}

// goes reports whether a run goes on, and whether it obeys the windows. A comparison obeys nothing of the sweep, and the run of
// somebody at a terminal no more than a pause and the governor.
func (c StatusConfig) goes(ctx context.Context, run accounts.Run, held []string) (goes, obeys bool, err error) {
	spec, _ := SpecOf(run) // one that cannot be read is the settings' own
	switch {
	case run.State != accounts.RunRunning:
		return false, false, nil
	case run.Kind != accounts.RunMove:
		return true, false, nil
	case !spec.Attended:
		return len(held) == 0, true, nil
	case c.TerminalHeld == nil:
		return true, false, nil
	}
	stands, err := c.TerminalHeld(ctx)
	return !stands, false, err
}

func (c StatusConfig) runStatus(ctx context.Context, run accounts.Run) (RunStatus, error) {
	r := RunStatus{
		ID: run.ID, Kind: run.Kind, State: run.State, Why: run.Why, Began: run.Began, Ended: run.Ended, Spec: rawJSON(run.Spec), Found: run.Told(),
		Counts: RunCounts{Outcomes: map[accounts.Outcome]int64{}, Refused: map[accounts.NoteClass]int64{}}, Parts: []PartStatus{}, Workers: []Working{},
	}
	parts, chunks, err := c.Service.RunPieces(ctx, run.ID)
	if err != nil {
		return r, err
	}
	for _, p := range parts {
		part := PartStatus{Source: p.Source, Band: p.Band, Whole: p.Whole}
		if p.Total != 0 {
			people := max(0, p.Total)
			part.Total = &people
		}
		r.Parts = append(r.Parts, part)
	}
	if r.Names, err = countingOf(ctx, c.Service.RunStore(), run); err != nil {
		return r, err
	}
	for _, chunk := range chunks {
		if err := r.add(chunk); err != nil {
			return r, err
		}
	}
	r.Forsaken, err = c.forsaken(ctx, run, chunks)
	return r, err
}

// everybody is how many people the sources have; nil: nobody knows.
func everybody(p accounts.Progress) *int64 {
	var all int64
	for _, source := range p.Sources {
		if source.Total == nil {
			return nil
		}
		all += *source.Total
	}
	return &all
}

// rawJSON is a document as it is stored, if it is one.
func rawJSON(text string) json.RawMessage {
	if !json.Valid([]byte(text)) {
		return nil
	}
	return json.RawMessage(text)
}

// add counts a chunk.
func (r *RunStatus) add(chunk accounts.Chunk) error {
	count := r.Counts.moved
	if r.Kind == accounts.RunVerify {
		count = r.Counts.compared
	}
	people, err := count(chunk)
	if err != nil {
		return fmt.Errorf("read the counts of chunk %d: %w", chunk.Seq, err)
	}
	r.Counts.People += people
	part := slices.IndexFunc(r.Parts, func(p PartStatus) bool { return p.Source == chunk.Source && p.Band == chunk.Band })
	if part >= 0 {
		r.Parts[part].People += people
	}
	if chunk.Done {
		r.Chunks.Done++
		return nil
	}
	r.Chunks.Open++
	if part >= 0 {
		r.Parts[part].Open++
	}
	if chunk.ClaimedFor > 0 {
		r.Chunks.Claimed++
		r.Workers = append(r.Workers, Working{
			Worker: chunk.Worker, Source: chunk.Source, Chunk: chunk.Seq, Cursor: chunk.Cursor, People: people, Attempts: chunk.Attempts,
			Seconds: chunk.ClaimedFor.Seconds(),
		})
	}
	return nil
}

// moved adds what came of the people of a chunk, and returns how many they are.
func (n *RunCounts) moved(chunk accounts.Chunk) (people int64, err error) {
	of, err := CountsOf(chunk)
	if err != nil {
		return 0, err
	}
	for outcome, count := range of.Outcomes {
		n.Outcomes[outcome] += count
	}
	for class, count := range of.Refused {
		n.Refused[class] += count
	}
	n.NotAnswered += of.NotAnswered
	n.Passed += of.Passed
	return of.People(), nil
}

// compared adds what was found in a chunk, and returns of how many people.
func (n *RunCounts) compared(chunk accounts.Chunk) (people int64, err error) {
	found, err := chunk.Found()
	if err != nil {
		return 0, err
	}
	for verdict, count := range found.Counts {
		if n.Verdicts == nil {
			n.Verdicts = map[accounts.Verdict]int64{}
		}
		n.Verdicts[verdict] += int64(count)
	}
	return int64(found.People()), nil
}
