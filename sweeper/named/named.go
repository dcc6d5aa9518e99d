// Package named moves people who are named one by one: a list that support or an operator has made, as a small sweep with a result
// for each.
//
// It serves `rekey account migrate --list`. It decides about nobody: what becomes of a person is accounts.Service's to say. Who was
// moved by an earlier run is unchanged in the next, so that a list can be begun again at any time.
package named

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/sweeper/pause"
)

// A Person is one of the list: by the key of a legacy store, or, where that is zero, by a ref as accounts.Service.PersonOf reads it.
type Person struct {
	Line int // of the list, from 1
	Key  accounts.LegacyKey
	Ref  string
}

// Outcomes that a Migration has not.
const (
	OutcomeNotFound   accounts.Outcome = "not-found"   // no store knows them
	OutcomeNotReached accounts.Outcome = "not-reached" // the run has ended before
)

// A Result is what came of one person.
type Result struct {
	Line      int                `json:"line"`
	Ref       string             `json:"ref,omitempty"`
	Source    string             `json:"source,omitempty"`
	LegacyID  string             `json:"legacy_id,omitempty"`
	AccountID *uuid.UUID         `json:"account_id,omitempty"` // as far as it is known
	Outcome   accounts.Outcome   `json:"outcome"`
	Class     accounts.NoteClass `json:"class,omitempty"` // why they were not moved
	Reason    string             `json:"reason,omitempty"`
}

// Config says who is moved, and how. Service, People and By are required.
type Config struct {
	Service  *accounts.Service
	People   []Person
	Workers  int           // 0: 1
	Hash     accounts.Keep // "": KeepAuto
	By       accounts.By
	DryRun   bool
	Progress func(done int)                                   // called for each person, by one goroutine at a time
	Wait     func(ctx context.Context, d time.Duration) error // before somebody is tried again; nil waits
}

const (
	tries       = 3 // for one person of several, while something does not answer
	giveUpAfter = 3 // people in a row who find a store that does not answer
	noteEvery   = 200
)

// Run tries to move everybody of the list, and returns a result for each, in the list's order, also beside an error. Who is refused is
// put into quarantine. It moves nobody, and returns an *accounts.InvalidError, if a person is of a source that is not configured, or
// accounts.ErrNothingMoves where several are to be reset, and not all of them may be. It ends early, with an error, when ctx ends, in a phase in which nobody is moved, or when a store does not
// answer for several people in a row.
func Run(ctx context.Context, c Config) ([]Result, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := c.Service.Moves(c.Hash); len(c.People) > 1 && c.Hash == accounts.KeepReset && errors.Is(err, accounts.ErrNothingMoves) {
		return nil, err // or some of them would lose their passwords, and others not
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := run{Config: c, results: make([]Result, len(c.People))}
	if r.Wait == nil {
		r.Wait = pause.For
	}
	for i, p := range c.People {
		r.results[i] = Result{Line: p.Line, Ref: p.Ref, Source: p.Key.Source, LegacyID: p.Key.LegacyID, Outcome: OutcomeNotReached}
	}
	next := make(chan int)
	var workers sync.WaitGroup
	for range max(c.Workers, 1) {
		workers.Go(func() {
			for i := range next {
				if err := r.one(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
hand:
	for i := range c.People {
		if ctx.Err() != nil {
			break
		}
		select {
		case next <- i:
		case <-ctx.Done():
			break hand
		}
	}
	close(next)
	workers.Wait()
	// Whoever was refused is noted also where the run was cut short.
	return r.results, errors.Join(context.Cause(ctx), r.note(context.WithoutCancel(ctx), 1))
}

// check refuses people of sources that are not configured: no store would ever answer for them.
func (c Config) check() error {
	sources := c.Service.SourceNames()
	for _, p := range c.People {
		if p.Key.Source != "" && !slices.Contains(sources, p.Key.Source) {
			return &accounts.InvalidError{Field: "list", Reason: fmt.Sprintf("line %d: the source is none that is configured", p.Line)}
		}
	}
	return nil
}

type run struct {
	Config

	mu      sync.Mutex
	results []Result
	refused []accounts.Unmoved // who are not in quarantine yet
	done    int
	silent  int // people in a row who could not be told about
}

// one moves one person. Its error ends the run.
func (r *run) one(ctx context.Context, i int) error {
	result := r.results[i]
	var err error
	for try := 1; ; try++ {
		err = r.migrate(ctx, r.People[i], &result)
		doubt, ok := errors.AsType[*accounts.UnavailableError](err)
		if !ok || try == tries || len(r.People) == 1 || ctx.Err() != nil { // who asks for one person may ask again
			break
		}
		if r.Wait(ctx, doubt.RetryAfter) != nil {
			break
		}
	}
	if ctx.Err() != nil && err != nil {
		return nil // nothing was found out: they are as before
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	fatal := r.judge(&result, err)
	r.results[i] = result
	if r.done++; r.Progress != nil {
		r.Progress(r.done)
	}
	if fatal != nil || len(r.refused) < noteEvery {
		return fatal
	}
	return r.noteHeld(ctx)
}

// migrate finds a person and moves them.
func (r *run) migrate(ctx context.Context, p Person, result *Result) error {
	if p.Key == (accounts.LegacyKey{}) {
		account, source, legacyID, err := r.Service.PersonOf(ctx, p.Ref)
		if err != nil {
			return err
		}
		result.AccountID, result.Source, result.LegacyID = &account, source, legacyID
	}
	outcome, err := r.Service.Migrate(ctx, accounts.Migration{
		Source: result.Source, LegacyID: result.LegacyID, Hash: r.Hash, How: accounts.BySupport, By: r.By, DryRun: r.DryRun, Untold: true,
	})
	result.Outcome = outcome
	switch outcome {
	case accounts.OutcomeMoved, accounts.OutcomeProfile, accounts.OutcomeReset:
		account := accounts.SubjectFor(result.Source, result.LegacyID)
		result.AccountID = &account
	default: // they have an account since before, or none
	}
	return err
}

// judge says what an error means for a person. What it returns ends the run; r.mu is held.
func (r *run) judge(result *Result, err error) error {
	doubt, ok := errors.AsType[*accounts.UnavailableError](err)
	if !ok {
		r.silent = 0
	}
	no, refused := accounts.UnmovedBy(accounts.LegacyKey{Source: result.Source, LegacyID: result.LegacyID}, err)
	switch {
	case err == nil:
	case errors.Is(err, accounts.ErrNotFound):
		result.Outcome, result.Reason = OutcomeNotFound, "no store knows somebody of that name who can be moved"
	case ok:
		result.Outcome, result.Class, result.Reason = accounts.OutcomeNotAnswered, no.Class, "a store did not answer; the same may be tried again"
		if r.silent++; r.silent >= giveUpAfter {
			return doubt
		}
	case refused:
		result.Outcome, result.Class, result.Reason = accounts.OutcomeRefused, no.Class, no.Reason
		if no.Class == accounts.NoteGone {
			result.Outcome = accounts.OutcomeGone
		}
		if !r.DryRun {
			r.refused = append(r.refused, no)
		}
	default:
		result.Outcome = OutcomeNotReached
		return err
	}
	return nil
}

// note puts those into quarantine who were refused, if there are so many.
func (r *run) note(ctx context.Context, least int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.refused) < least {
		return nil
	}
	return r.noteHeld(ctx)
}

// noteHeld is note for who holds r.mu.
func (r *run) noteHeld(ctx context.Context) error {
	_, err := r.Service.NoteRefused(ctx, r.refused, r.By)
	if err == nil {
		r.refused = nil
	}
	return err
}
