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
		err := w.source(ctx, source, run.one, run.unreadable)
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

	mu     sync.Mutex
	report CopyReport
}

// one moves one person. Its error ends the pass.
func (r *copyRun) one(ctx context.Context, user legacy.User) error {
	var outcome accounts.Outcome
	err := r.Wait.again(ctx, func() (err error) {
		outcome, err = r.Service.Migrate(ctx, accounts.Migration{
			Source: r.report.Source, LegacyID: user.ID, Hash: r.Hash, How: accounts.BySweep, By: r.By, DryRun: r.DryRun,
		})
		return err
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var doubt *accounts.UnavailableError
	no, refused := errors.AsType[*accounts.UnmovableError](err)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
		r.report.People++
		r.report.Outcomes[outcome]++
	case refused:
		r.refuse(no.Class, user.ID)
	case errors.As(err, &doubt):
		r.report.People++
		r.report.NotAnswered++
		return r.doubts.count(err)
	default:
		return err
	}
	return r.doubts.count(nil)
}

func (r *copyRun) unreadable(row *legacy.RowError) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse(accounts.NoteUnreadableRecord, row.Key)
}

// refuse counts somebody who cannot be moved; r.mu is held.
func (r *copyRun) refuse(class accounts.NoteClass, id string) {
	r.report.People++
	r.report.Refused[class]++
	if named := r.report.Examples[class]; len(named) < examples && !slices.Contains(named, id) {
		r.report.Examples[class] = append(named, id)
	}
}
