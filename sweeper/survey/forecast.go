package survey

import (
	"time"
)

// A Range is an estimate: the truth is expected between its ends.
type Range struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// A Forecast says how many people will have moved by logging in, if rekey stood in front of the sources from now on.
type Forecast struct {
	Known bool   `json:"known"` // false: no source tells last logins, and nothing can be said
	Model string `json:"model"`
	// Able is how many could log in and be moved by it: not disabled, with a password that can be verified.
	Able     int64     `json:"able"`
	Horizons []Horizon `json:"horizons"`
	// Checks compare the model with what happened between two surveys.
	Checks []Check `json:"checks,omitempty"`
}

// A Horizon is one line of the forecast.
type Horizon struct {
	Days  int   `json:"days"`
	Moved Range `json:"moved"`
	Left  Range `json:"left"` // for the sweeper, or for a reset where nothing can be swept
}

// A Check is how many people of a source logged in between two surveys, and what the model says of as many days.
type Check struct {
	Source   string  `json:"source"`
	Days     float64 `json:"days"`
	LoggedIn int64   `json:"logged_in"`
	Model    Range   `json:"model"`
}

// The model. Time runs both ways: for somebody who comes now and then at a steady pace, the time until their next login is
// distributed as the time since their last (the forward and the backward recurrence time of a stationary renewal process
// are equal; Feller, An Introduction to Probability Theory, vol. 2, XI.4). So the share of people who will come within the
// next t days is the share who were here within the last t days.
//
// That is the high end: it takes today's coming and going to last, so that whoever leaves is replaced. The low end leaves
// out those who were only ever here on the day of their creation, most of whom do not return, and at least a tenth of all;
// where creation is not told, a fifth.
const forecastModel = "the share of people who log in within the next t days is taken to be the share whose last login is " +
	"less than t days ago (a steady coming and going looks the same forwards and backwards); the low end leaves out people " +
	"who were only seen on the day of their creation, and at least a tenth; a fifth where creation is not known"

const (
	unknownReturns = 0.8
	surelyReturn   = 0.9
)

// horizons are the days that are forecast.
var horizons = []int{7, 30, 90, 365}

func forecastOf(all *tally, sources []SourceReport, at time.Time) Forecast {
	f := Forecast{Known: all.WithLogin > 0, Model: forecastModel, Able: all.AbleTotal, Horizons: []Horizon{}}
	if !f.Known {
		f.Model = "no source tells last logins (map last_login_at, if the store has it): how many will come by themselves is not known"
		return f
	}
	for _, days := range horizons {
		moved := all.within(days)
		f.Horizons = append(f.Horizons, Horizon{
			Days: days, Moved: moved,
			Left: Range{float64(all.People) - moved.High, float64(all.People) - moved.Low},
		})
	}
	for _, s := range sources {
		// In less than an hour too few come for a comparison.
		if c := s.Changes; c != nil && !c.More && at.Sub(c.Since) >= time.Hour {
			days := at.Sub(c.Since).Hours() / 24
			f.Checks = append(f.Checks, Check{Source: s.Name, Days: days, LoggedIn: c.LoggedIn, Model: shareOf(s, all, days)})
		}
	}
	return f
}

// within says how many come within so many days.
func (t *tally) within(days int) Range {
	var high, once float64
	for age := range min(days, ageDays) {
		high += float64(t.Able[age])
		once += float64(t.Once[age])
	}
	low := min(high-once, surelyReturn*high)
	if t.WithBirth == 0 {
		low = unknownReturns * high
	}
	return Range{low, high}
}

// shareOf is the model's number for one source and a time that need not be whole days.
func shareOf(s SourceReport, all *tally, days float64) Range {
	if all.People == 0 {
		return Range{}
	}
	whole := all.within(int(days))
	next := all.within(int(days) + 1)
	part, share := days-float64(int(days)), float64(s.Accounts)/float64(all.People)
	return Range{
		Low: (whole.Low + part*(next.Low-whole.Low)) * share, High: (whole.High + part*(next.High-whole.High)) * share,
	}
}

// A Sweep is the work of moving everybody whom the sweeper can move, on this machine. Times are in seconds.
type Sweep struct {
	Accounts  int64   `json:"accounts"`   // that can be moved without their password being typed
	Carry     int64   `json:"carry"`      // with their hash as it is
	Wrap      int64   `json:"wrap"`       // with argon2id over it
	Profile   int64   `json:"profile"`    // without a password: locked, or not shown by the source
	NeedReset int64   `json:"need_reset"` // hash not readable: they move, and need a reset to log in
	Read      float64 `json:"read_seconds"`
	WrapAll   float64 `json:"wrap_seconds"`       // on all cores
	WrapOne   float64 `json:"wrap_seconds_alone"` // on one core
	Write     float64 `json:"write_seconds"`      // 0: not measured
	Seconds   Range   `json:"seconds"`
	Cores     int     `json:"cores"`
	Model     string  `json:"model"`
}

const sweepModel = "measured here: reading as in this survey, wrapping and writing on made-up people; the low end does all three " +
	"at once with every core, the high end one after the other with one core and a commit for each account"

func sweepOf(all *tally, reading time.Duration, t timing) Sweep {
	s := Sweep{Accounts: all.People, Cores: t.cores, Model: sweepModel, Profile: all.NoPassword + all.NotShown}
	for key, n := range all.Schemes {
		if rowOf(key).carried {
			s.Carry += n
		} else {
			s.Wrap += n
		}
	}
	for _, f := range all.Unreadable {
		s.NeedReset += f.Count
	}
	s.Read = reading.Seconds()
	s.WrapAll = float64(s.Wrap) / t.wrapsASec
	s.WrapOne = float64(s.Wrap) * t.wrapOne.Seconds()
	s.Write = float64(s.Accounts) * t.write.Seconds()
	s.Seconds = Range{max(s.Read, s.WrapAll, s.Write), s.Read + s.WrapOne + s.Write}
	return s
}
