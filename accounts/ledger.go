package accounts

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
)

// The final account of a migration: what became of everybody, and what was done by whom on the way. It is made from rows and from
// the audit, and holds nothing of a person but what a receipt of one is asked for.

// A Ledger is the account of a migration.
type Ledger struct {
	Progress    Progress            `json:"progress"`
	Ready       Readiness           `json:"ready"`
	Days        []DayCount          `json:"days"` // on which people became accounts
	Quarantine  []NoteCount         `json:"quarantine"`
	Events      map[EventKind]int64 `json:"events"`
	Phases      []PhaseStepTaken    `json:"phases"`      // oldest first
	Validations []PassMade          `json:"validations"` // newest first
	Runs        []RunMade           `json:"runs"`        // newest first
}

// A PassMade is a validation.
type PassMade struct {
	ID       uuid.UUID         `json:"id"`
	Began    time.Time         `json:"began"`
	Ended    time.Time         `json:"ended"`
	Complete bool              `json:"complete"`
	Clean    bool              `json:"clean"`
	Found    map[Verdict]int64 `json:"found"`
}

// A RunMade is a run.
type RunMade struct {
	ID    uuid.UUID `json:"id"`
	Kind  RunKind   `json:"kind"`
	State RunState  `json:"state"`
	Why   string    `json:"why,omitempty"`
	Began time.Time `json:"began"`
	Ended time.Time `json:"ended,omitzero"`
}

// A PhaseStepTaken is what the audit says of a step of the phase.
type PhaseStepTaken struct {
	At      time.Time `json:"at"`
	Kind    EventKind `json:"kind"`
	Epoch   string    `json:"epoch"`
	Phase   string    `json:"phase"`
	Percent string    `json:"percent,omitempty"`
	Frozen  bool      `json:"frozen"`
	Actor   string    `json:"actor"`
	Reason  string    `json:"reason"`
}

// What of the audit a ledger lists: more than an installation ever does, and what fits in memory.
const (
	ledgerEvents = 10_000
	ledgerPage   = 500
	ledgerRuns   = 1000
)

// Ledger returns the account of the migration. Its error is an *UnavailableError.
func (s *Service) Ledger(ctx context.Context) (Ledger, error) {
	var l Ledger
	var err error
	if l.Progress, err = s.Progress(ctx); err != nil {
		return l, err
	}
	if l.Ready, err = s.Ready(ctx); err != nil {
		return l, err
	}
	for _, read := range []func() error{
		func() error {
			days, err := s.store.MovedByDay(ctx)
			l.Days = append([]DayCount{}, days...)
			return err
		},
		func() error {
			notes, err := s.store.CountNotes(ctx)
			l.Quarantine = append([]NoteCount{}, notes...)
			return err
		},
		func() (err error) { l.Events, err = s.store.CountEvents(ctx); return err },
		func() (err error) { l.Validations, err = s.passesMade(ctx); return err },
		func() (err error) { l.Runs, err = s.runsMade(ctx); return err },
		func() (err error) { l.Phases, err = s.stepsTaken(ctx); return err },
	} {
		if err := read(); err != nil {
			return l, cannotTell("read the account of the migration", err)
		}
	}
	return l, nil
}

func (s *Service) passesMade(ctx context.Context) ([]PassMade, error) {
	all, err := s.store.Validations(ctx, ledgerRuns)
	made := make([]PassMade, len(all))
	for i, v := range all {
		made[i] = PassMade{v.ID, v.Began, v.Ended, v.Found.Complete, v.Found.Clean(), map[Verdict]int64{}}
		for _, c := range v.Found.Sources {
			for verdict, n := range c.Counts {
				made[i].Found[verdict] += int64(n)
			}
		}
	}
	return made, err
}

func (s *Service) runsMade(ctx context.Context) ([]RunMade, error) {
	all, err := s.store.Runs(ctx, ledgerRuns)
	made := make([]RunMade, len(all))
	for i, r := range all {
		made[i] = RunMade{r.ID, r.Kind, r.State, r.Why, r.Began, r.Ended}
	}
	return made, err
}

// stepKinds are the events of the steps.
var stepKinds = []EventKind{EventPhaseMoved, EventPhaseTakenBack, EventPhaseRelisted}

// stepsTaken reads the steps of the phase, oldest first.
func (s *Service) stepsTaken(ctx context.Context) ([]PhaseStepTaken, error) {
	steps := []PhaseStepTaken{}
	q := EventQuery{Account: phaseAccount, Limit: ledgerPage}
	for len(steps) < ledgerEvents {
		page, err := s.store.RecentEvents(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, e := range page {
			if !slices.Contains(stepKinds, e.Kind) { // comparisons are filed there too
				continue
			}
			steps = append(steps, PhaseStepTaken{
				At: e.At, Kind: e.Kind, Epoch: e.Detail["epoch"], Phase: e.Detail["phase"], Percent: e.Detail["percent"], Frozen: e.Detail["frozen"] == "true",
				Actor: e.Actor, Reason: e.Reason,
			})
		}
		if len(page) < q.Limit {
			break
		}
		q.Before = page[len(page)-1].ID
	}
	slices.Reverse(steps)
	return steps, nil
}

// A Receipt says how one account came here. It holds no hash and no name.
type Receipt struct {
	Account  uuid.UUID `json:"account_id"`
	Created  time.Time `json:"created_at"`
	Deleted  time.Time `json:"deleted_at,omitzero"`
	Disabled bool      `json:"disabled"`
	// From and To are the schemes of the password when the account was made; "" where the audit does not say. Password is how it is
	// kept now, and Version how often it was replaced since, and once more.
	From     string         `json:"scheme_from,omitempty"`
	To       string         `json:"scheme_to,omitempty"`
	Password Scheme         `json:"scheme,omitempty"`
	Version  int64          `json:"password_version"`
	Links    []ReceiptLink  `json:"links"`
	Events   []ReceiptEvent `json:"events"` // oldest first; at most receiptEvents
}

// A ReceiptLink is a legacy person whom the account was made from.
type ReceiptLink struct {
	Source   string    `json:"source"`
	LegacyID string    `json:"legacy_id"`
	How      How       `json:"how"`
	At       time.Time `json:"at"`
}

// A ReceiptEvent is a line of the audit.
type ReceiptEvent struct {
	ID    uuid.UUID `json:"id"`
	At    time.Time `json:"at"`
	Kind  EventKind `json:"kind"`
	Actor string    `json:"actor"`
}

// receiptEvents is more than happens to an account in a migration.
const receiptEvents = 1000

// Receipt returns how the account came here that a ref names: its id, what its person logs in with, or a source and a legacy id
// with a slash between them. Its error is ErrNotFound, or an *UnavailableError.
func (s *Service) Receipt(ctx context.Context, ref string) (Receipt, error) {
	rec, err := s.AccountOf(ctx, ref)
	if err != nil {
		return Receipt{}, err
	}
	r := Receipt{
		Account: rec.ID, Created: rec.CreatedAt, Deleted: rec.DeletedAt, Disabled: rec.Disabled, Password: rec.Credential.Scheme, Version: rec.Credential.Version,
		Links: []ReceiptLink{}, Events: []ReceiptEvent{},
	}
	links, err := s.store.Links(ctx, rec.ID)
	if err != nil {
		return Receipt{}, cannotTell("read links", err)
	}
	for _, l := range links {
		r.Links = append(r.Links, ReceiptLink{l.Source, l.LegacyID, l.How, l.At})
	}
	events, err := s.store.Events(ctx, rec.ID, receiptEvents)
	if err != nil {
		return Receipt{}, cannotTell("read events", err)
	}
	for _, e := range events {
		if e.Kind == EventMigrated {
			r.From, r.To = e.Detail["from"], e.Detail["to"]
		}
		r.Events = append(r.Events, ReceiptEvent{e.ID, e.At, e.Kind, e.Actor})
	}
	return r, nil
}
