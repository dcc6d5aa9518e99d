package pass

import (
	"context"
	"errors"
	"slices"
	"sync"

	"rekey/accounts"
	"rekey/legacy"
)

// CopyConfig says who is moved or copied, and how. Service, Sources and By are required.
type CopyConfig struct {
	Service  *accounts.Service
	Sources  []string
	Workers  int // 0: 1
	Hash     accounts.Keep
	By       accounts.By
	DryRun   bool
	Progress func(Progress) // called for each person, by one goroutine at a time
	Wait     Wait           // before somebody is tried again; nil waits
}

// A CopyReport is what came of one source.
type CopyReport struct {
	Source string `json:"source"`
	People int64  `json:"people"`
	// Outcomes counts who was not refused; Refused those who were, by class. NotAnswered could not be told about.
	Outcomes    map[accounts.Outcome]int64      `json:"outcomes"`
	Refused     map[accounts.NoteClass]int64    `json:"refused"`
	NotAnswered int64                           `json:"not_answered"`
	Examples    map[accounts.NoteClass][]string `json:"examples"` // legacy ids
}

// Copy moves or copies everybody of the sources, as the phase says, and returns what came of each source, also beside an
// error. Who is here as they should be already costs two reads, so that a pass can be begun again at any time.
func Copy(ctx context.Context, c CopyConfig) ([]CopyReport, error) {
	var reports []CopyReport
	w := walker{c.Service, c.Workers, c.Progress}
	for _, source := range c.Sources {
		run := copyRun{CopyConfig: c, report: newCopyReport(source)}
		var err error
		if run.held, err = c.Service.HeldBack(ctx, source); err != nil {
			return reports, err
		}
		err = w.source(ctx, source, run.one, run.unreadable)
		if err == nil {
			run.refused = append(run.refused, run.silent...)
		}
		err = errors.Join(err, run.note(context.WithoutCancel(ctx), 1)) // also of a pass that was cut short
		reports = append(reports, run.report)
		if err != nil {
			return reports, err
		}
	}
	return reports, nil
}

func newCopyReport(source string) CopyReport {
	return CopyReport{
		Source: source, Outcomes: map[accounts.Outcome]int64{}, Refused: map[accounts.NoteClass]int64{}, Examples: map[accounts.NoteClass][]string{},
	}
}

// A copyRun is the pass through one source.
type copyRun struct {
	CopyConfig
	doubts doubts
	held   map[string]accounts.Unmoved // who is left alone

	mu      sync.Mutex
	report  CopyReport
	refused []accounts.Unmoved // who are not in quarantine yet
	silent  []accounts.Unmoved // for whom the store did not answer, until it does for somebody: it may be down
}

// noteEvery is how many people are put into quarantine at once.
const noteEvery = 500

// one moves one person. Its error ends the pass.
func (r *copyRun) one(ctx context.Context, user legacy.User) error {
	if no, ok := r.held[user.ID]; ok {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.refuse(no)
		return nil
	}
	var outcome accounts.Outcome
	err := r.Wait.again(ctx, func() (err error) {
		outcome, err = r.Service.Migrate(ctx, accounts.Migration{
			Source: r.report.Source, LegacyID: user.ID, Hash: r.Hash, How: accounts.BySweep, By: r.By, DryRun: r.DryRun, Untold: true,
		})
		return err
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if fatal := r.judge(user.ID, outcome, err); fatal != nil {
		return fatal
	}
	return r.note(ctx, noteEvery)
}

// judge counts what came of one person. Its error ends the pass.
func (r *copyRun) judge(id string, outcome accounts.Outcome, err error) error {
	var doubt *accounts.UnavailableError
	no, refused := accounts.UnmovedBy(accounts.LegacyKey{Source: r.report.Source, LegacyID: id}, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
		r.report.People++
		r.report.Outcomes[outcome]++
	case errors.As(err, &doubt):
		r.report.People++
		r.report.NotAnswered++
		if refused && !r.DryRun {
			r.silent = append(r.silent, no)
		}
		return r.doubts.count(err)
	case refused:
		r.refuse(no)
	default:
		return err
	}
	r.refused, r.silent = append(r.refused, r.silent...), nil
	return r.doubts.count(nil)
}

func (r *copyRun) unreadable(row *legacy.RowError) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse(accounts.UnmovedRow(r.report.Source, row))
}

// refuse counts somebody who cannot be moved; r.mu is held.
func (r *copyRun) refuse(no accounts.Unmoved) {
	r.report.People++
	r.report.Refused[no.Class]++
	if named := r.report.Examples[no.Class]; len(named) < examples && !slices.Contains(named, no.LegacyID) {
		r.report.Examples[no.Class] = append(named, no.LegacyID)
	}
	if !r.DryRun {
		r.refused = append(r.refused, no)
	}
}

// note puts those into quarantine who were refused, if there are so many: everybody of the source is either here, or there.
func (r *copyRun) note(ctx context.Context, least int) error {
	r.mu.Lock()
	refused := r.refused
	if len(refused) < least {
		r.mu.Unlock()
		return nil
	}
	r.refused = nil
	r.mu.Unlock()
	return r.Wait.again(ctx, func() error {
		_, err := r.Service.NoteRefused(ctx, refused, r.By)
		return err
	})
}
