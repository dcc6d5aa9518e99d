package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"rekey/accounts"
	"rekey/sweeper/filter"
	"rekey/sweeper/schedule"
)

// Bounds of the fields.
const (
	maxWorkers   = 256   // more than any fleet that an old store likes
	minRate      = 0.001 // or 0; less is a person in days
	maxRate      = 1_000_000
	minTarget    = 10 // milliseconds: less is all overhead
	maxTarget    = 10_000
	maxBatch     = 20_000 // people: more make no transaction faster
	minChunk     = 100    // people: each is a row, and a question to the old store
	maxChunk     = 1_000_000
	maxFailures  = 1_000_000_000
	maxSources   = 100
	maxOverrides = 16
	minEvery     = time.Minute
	maxEvery     = 366 * 24 * time.Hour

	// MaxOverride is the longest that an override may hold. What is to hold for longer is a setting.
	MaxOverride = 31 * 24 * time.Hour
)

// Checks are what the document alone cannot tell. The zero value leaves them out.
type Checks struct {
	Sources  []string                           // that there are; nil: not known
	Governor func(limits json.RawMessage) error // of the governor's limits, by *accounts.InvalidError; nil: any object will do
	NoMail   bool                               // no mail is sent by which anybody could set a new password
}

// changed returns the checks of what an edit has changed. What is as it was may be of another configuration: it must not stand in the
// way of a pause.
func (c Checks) changed(was, is Settings) Checks {
	if slices.Equal(was.Sources, is.Sources) {
		c.Sources = nil
	}
	if bytes.Equal(was.Governor, is.Governor) {
		c.Governor = nil
	}
	c.NoMail = c.NoMail && was.Hash != is.Hash
	return c
}

// unconfigured returns which of the sources there are not, each once.
func (c Checks) unconfigured(sources []string) []string {
	if c.Sources == nil {
		return nil
	}
	slices.Sort(sources)
	return slices.DeleteFunc(slices.Compact(sources), func(name string) bool { return slices.Contains(c.Sources, name) })
}

// check returns an *accounts.InvalidError for each field that cannot be as it is.
func (s Settings) check(c Checks) (faults []error) {
	fault := func(field, reason string, args ...any) {
		faults = append(faults, invalid(field, fmt.Sprintf(reason, args...)))
	}
	between := func(field string, n, least, most int) {
		if n < least || n > most {
			fault(field, "must be %d to %d", least, most)
		}
	}
	if !slices.Contains([]State{Off, Running, Paused, Draining}, s.State) {
		fault("state", "must be off, running, paused or draining")
	}
	faults = append(faults, s.Schedule.check()...)
	between("workers", s.Workers, 1, maxWorkers)
	if r := s.AccountsPerSecond; !r.Unbounded() && r != 0 && !(r >= minRate && r <= maxRate) {
		fault("accounts_per_second", "must be 0, %g to %d, or max", minRate, maxRate)
	}
	between("batch.target_ms", s.Batch.TargetMS, minTarget, maxTarget)
	between("batch.max", s.Batch.Max, 1, maxBatch)
	between("chunk", s.Chunk, minChunk, maxChunk)
	if !slices.Contains([]Order{ByKey, Inactive, Weakest}, s.Order) {
		fault("order", "must be key, inactive or weakest")
	}
	if !slices.Contains([]Hash{Auto, Carry, Wrap, Reset}, s.Hash) {
		fault("hash", "must be auto, carry, wrap or reset")
	}
	if s.Hash == Reset && c.NoMail {
		fault("hash", accounts.ResetUnmailed)
	}
	if share := s.ErrorBudget.Share; !(share >= 0 && share <= 1) {
		fault("error_budget.share", "must be 0 to 1")
	}
	between("error_budget.at_least", s.ErrorBudget.AtLeast, 1, maxFailures)
	if every := time.Duration(s.Every); every != 0 && (every < minEvery || every > maxEvery) {
		fault("every", "must be %s to %s, or off", Interval(minEvery), Interval(maxEvery))
	}
	if err := filter.Check(s.Filter); err != nil {
		fault("filter", "cannot be used: %s", err.Error())
	}
	if len(s.Sources) > maxSources {
		fault("sources", "must be at most %d", maxSources)
	} else {
		for i, name := range s.Sources {
			switch at := fmt.Sprintf("sources[%d]", i); {
			case slices.Contains(s.Sources[:i], name):
				fault(at, "is there twice")
			case c.Sources != nil && !slices.Contains(c.Sources, name):
				fault(at, "must be a source of the configuration")
			}
		}
	}
	return append(faults, s.checkGovernor(c)...)
}

func (s Settings) checkGovernor(c Checks) []error {
	if s.Governor == nil {
		return nil
	}
	if _, err := members(s.Governor); err != nil {
		return []error{invalid("governor", "must be a JSON object")}
	}
	if c.Governor == nil {
		return nil
	}
	err := c.Governor(s.Governor)
	var faults []error
	for _, fault := range accounts.InvalidErrors(err) {
		faults = append(faults, invalid("governor."+fault.Field, fault.Reason))
	}
	if err != nil && faults == nil {
		faults = []error{invalid("governor", err.Error())}
	}
	return faults
}

func (s Schedule) check() (faults []error) {
	_, err := s.Compile()
	all, isJoined := err.(interface{ Unwrap() []error })
	if !isJoined {
		return nil
	}
	for _, err := range all.Unwrap() {
		if fault, ok := errors.AsType[*schedule.Error](err); ok {
			faults = append(faults, invalid("schedule."+fault.Field, fault.Reason))
		}
	}
	return faults
}

// Check returns an *accounts.InvalidError for each field that the document alone says cannot be as it is, joined, for what holds now and
// for what an override makes of it.
func (d Document) Check() error {
	faults := d.check(Checks{})
	if len(d.Overrides) > maxOverrides {
		faults = append(faults, invalid("overrides", fmt.Sprintf("must be at most %d", maxOverrides)))
	}
	if len(faults) == 0 {
		for i, o := range d.Overrides {
			if err := errors.Join(d.with(o).check(Checks{})...); err != nil {
				faults = append(faults, fmt.Errorf("overrides[%d]: %w", i, err))
			}
		}
	}
	return errors.Join(faults...)
}

// resets reports whether passwords are taken away, now or by an override.
func (d Document) resets() bool {
	return d.Hash == Reset || slices.ContainsFunc(d.Overrides, func(o Override) bool { return d.with(o).Hash == Reset })
}

// with returns the settings with one override.
func (d Document) with(o Override) Settings {
	s := d.Settings
	_ = read("", o.Set, &s, false) // Decode has read it before
	return s
}
