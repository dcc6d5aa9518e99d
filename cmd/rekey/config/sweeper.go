package config

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"

	"rekey/accounts"
	"rekey/sweeper/governor"
)

// Sweeper says what every process that sweeps, or serves beside a sweep, has to know. How fast a sweep goes, and when, are settings
// in the store.
type Sweeper struct {
	Checks []SweepCheck `yaml:"checks"`
}

// A SweepCheck is a question of the operator's own that a sweep is held by: a query, or an address.
type SweepCheck struct {
	Name   string  `yaml:"name"`
	SQL    string  `yaml:"sql"`    // a SELECT of one number
	Source string  `yaml:"source"` // the legacy source that it asks; the new store if unset
	HTTP   URL     `yaml:"http"`   // a number in the body, or, without a limit, a good status
	Hold   float64 `yaml:"hold"`
	Shrink float64 `yaml:"shrink"`
	Stop   float64 `yaml:"stop"`
}

// Status tells that it is the status that counts, and no number.
func (c SweepCheck) Status() bool {
	return !c.HTTP.IsZero() && c.Hold == 0 && c.Shrink == 0 && c.Stop == 0
}

// Limit returns from which value on it does what. A status is 0 where it is good, and 1 where not.
func (c SweepCheck) Limit() governor.Limit {
	if c.Status() {
		return governor.Limit{Stop: 1}
	}
	return governor.Limit{Hold: c.Hold, Shrink: c.Shrink, Stop: c.Stop}
}

// checkName is what a check can be called: it stands in the settings, in metrics and in the log.
var checkName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// checkSweeper asks nobody.
func (l *loader) checkSweeper() {
	kinds := map[string]string{}
	for _, source := range l.config.Legacy {
		kinds[source.Name] = source.Kind
	}
	seen := map[string]int{}
	for i, c := range l.config.Sweeper.Checks {
		at := fmt.Sprintf("sweeper.checks[%d].", i)
		if first, twice := seen[c.Name]; twice {
			l.problem(at+"name", "is that of sweeper.checks[%d] too", first)
		}
		seen[c.Name] = i
		if !checkName.MatchString(c.Name) {
			l.problem(at+"name", "want up to 64 small letters, digits, - and _, such as queue-depth")
		}
		l.checkSweepCheck(at, c, kinds)
		var wrong *accounts.InvalidError
		if err := c.Limit().Check(); errors.As(err, &wrong) {
			l.problem(at+wrong.Field, "%s", wrong.Reason)
		}
	}
}

func (l *loader) checkSweepCheck(at string, c SweepCheck, kinds map[string]string) {
	switch {
	case (c.SQL == "") == c.HTTP.IsZero():
		l.problem(at+"sql", "want either sql or http")
	case c.SQL == "":
		if c.Source != "" {
			l.problem(at+"source", "is for sql; an address is asked by itself")
		}
		u, err := url.Parse(c.HTTP.Reveal())
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Fragment != "" {
			l.problem(at+"http", "want an http(s) address without fragment")
		}
	case c.Source != "" && kinds[c.Source] != "sql":
		l.problem(at+"source", "want the name of a legacy source of kind sql, or leave it out for the new store")
	case c.Limit().Off():
		l.problem(at+"stop", "is missing, and so are hold and shrink: from which number on it does what")
	}
}
