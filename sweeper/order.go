package sweeper

import (
	"slices"
	"time"

	"rekey/accounts"
	"rekey/legacy"
	"rekey/legacy/hash"
	"rekey/sweeper/filter"
	"rekey/sweeper/settings"
	"rekey/sweeper/survey"
)

// A source knows one order only, that of its keys. Any other is a few walks through it, one for each band of people, each of which
// passes over whom another one takes.

// idle are the bands of settings.Inactive: who was not seen for longer, and is not of a band before. The first band is of those of
// whom nobody knows when; the last of the rest.
var idle = []time.Duration{5 * year, 3 * year, year, 90 * 24 * time.Hour}

const year = 365 * 24 * time.Hour

// bands is how many walks an order takes.
func bands(o settings.Order) int {
	switch o {
	case settings.Inactive:
		return 2 + len(idle)
	case settings.Weakest:
		return len(survey.Strengths()) + 1 // the last is of those whose strength nobody can tell
	case settings.ByKey:
	}
	return 1
}

// parts are the walks of a run.
func (s Spec) parts() []accounts.Part {
	var parts []accounts.Part
	for _, source := range s.Sources {
		for band := range bands(s.Order) {
			parts = append(parts, accounts.Part{Source: source, Band: band})
		}
	}
	return parts
}

// A choice tells whom a walk takes.
type choice struct {
	spec   Spec
	source string
	band   int
	began  time.Time // the time that counts for everybody of the run, however long it lasts
	filter *filter.Filter
	hashOf func(legacy.User) *hash.Hash // nil if there is none to be read
}

// newChoice compiles the filter.
func newChoice(spec Spec, source string, band int, began time.Time, hashOf func(legacy.User) *hash.Hash) (choice, error) {
	f, err := filter.Compile(spec.Filter)
	return choice{spec, source, band, began, f, hashOf}, err
}

// A whim is what becomes of somebody in a walk.
type whim int

const (
	taken whim = iota
	another
	passed // by the filter
	untold // the filter has no result for them
)

// of tells what becomes of somebody.
func (c choice) of(u legacy.User) whim {
	if c.bandOf(u) != c.band {
		return another
	}
	if c.spec.Filter == "" {
		return taken
	}
	r := filter.Record{
		ID: u.ID, Source: c.source, Username: u.Username, Email: u.Email, CreatedAt: u.CreatedAt, LastLoginAt: u.LastLoginAt, Disabled: u.Disabled,
	}
	if h := c.hashOf(u); h != nil {
		r.Scheme = h.Scheme
	}
	switch match, err := c.filter.Match(r, c.began); {
	case err != nil:
		return untold
	case !match:
		return passed
	}
	return taken
}

// bandOf returns which walk takes somebody.
func (c choice) bandOf(u legacy.User) int {
	switch c.spec.Order {
	case settings.Inactive:
		if u.LastLoginAt.IsZero() {
			return 0
		}
		for i, d := range idle {
			if c.began.Sub(u.LastLoginAt) > d {
				return 1 + i
			}
		}
		return 1 + len(idle)
	case settings.Weakest:
		if h := c.hashOf(u); h != nil {
			return slices.Index(survey.Strengths(), survey.StrengthOf(h, *u.Password))
		}
		return len(survey.Strengths())
	case settings.ByKey:
	}
	return 0
}
