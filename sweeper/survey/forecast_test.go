package survey

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"rekey/sweeper/sheet"
)

// TestForecastAgainstSimulation lets people come and go at paces of their own, looks at their last logins on one day, and
// compares what the model says of the days after with who then comes.
func TestForecastAgainstSimulation(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	all := newTally()
	firstReturn := []float64{}
	const n = 50_000
	for range n {
		// Mean days between logins: from every other day to once in some years. Long enough before the day, the process is
		// stationary.
		pace := 2 * (1 + 1000*r.Float64()*r.Float64()*r.Float64())
		at := -5000 + pace*r.ExpFloat64()
		last := at
		for at <= 0 {
			last = at
			at += pace * r.ExpFloat64()
		}
		firstReturn = append(firstReturn, at)
		u := person(1)
		u.CreatedAt = someday.AddDate(-20, 0, 0)
		u.LastLoginAt = someday.Add(-time.Duration(-last * float64(24*time.Hour)))
		all.times(&u, true, someday)
		all.People++
	}
	f := forecastOf(all, nil, someday)
	if !f.Known || len(f.Horizons) != 4 {
		t.Fatalf("%+v", f)
	}
	for _, h := range f.Horizons {
		came := 0.0
		for _, at := range firstReturn {
			if at <= float64(h.Days) {
				came++
			}
		}
		if h.Moved.High < came*0.98 || h.Moved.High > came*1.02 {
			t.Errorf("%d days: %.0f came, forecast %+v", h.Days, came, h.Moved)
		}
		if h.Left.Low != n-h.Moved.High || h.Left.High != n-h.Moved.Low {
			t.Errorf("%d days: left %+v of %d", h.Days, h.Left, n)
		}
	}
}

// TestForecastLeavesOutWhoCannotCome: the disabled, and at the low end those who were here for one day.
func TestForecastLeavesOutWhoCannotCome(t *testing.T) {
	t.Parallel()
	all := newTally()
	yesterday := someday.Add(-25 * time.Hour)
	for i := range 100 {
		u := person(i)
		u.LastLoginAt = yesterday
		if i < 10 {
			u.CreatedAt = yesterday.Add(-time.Hour)
		}
		all.times(&u, i < 80, someday)
		all.People++
	}
	if got := all.within(7); got != (Range{70, 80}) {
		t.Errorf("%+v, want 70 to 80", got)
	}
	if got := all.within(1); got != (Range{}) {
		t.Errorf("within a day: %+v", got)
	}
}

func TestForecastWithoutLastLogins(t *testing.T) {
	t.Parallel()
	all := newTally()
	all.People = 10
	if f := forecastOf(all, nil, someday); f.Known || len(f.Horizons) > 0 || !strings.Contains(f.Model, "last_login_at") {
		t.Errorf("%+v", f)
	}
}

func TestSweepTimes(t *testing.T) {
	t.Parallel()
	all := newTally()
	all.People = 1000
	all.Schemes[schemeRow{"bcrypt", Strong, true}.key()] = 600
	all.Schemes[schemeRow{"phpass", SlowWeak, false}.key()] = 300
	all.NoPassword = 50
	all.foreign(Foreign{Reason: "x", Count: 50})
	s := sweepOf(all, 2*time.Second, timing{wrapOne: 100 * time.Millisecond, wrapsASec: 20, write: time.Millisecond, cores: 2})
	if s.Carry != 600 || s.Wrap != 300 || s.Profile != 50 || s.NeedReset != 50 {
		t.Errorf("%+v", s)
	}
	if s.Seconds != (Range{15, 33}) { // 300 wraps at 20 a second; 2 s reading, 30 s wrapping and 1 s writing
		t.Errorf("%+v", s.Seconds)
	}
}

// TestRoads: what is possible, and what is recommended, follows from what was found.
func TestRoads(t *testing.T) {
	t.Parallel()
	writer := Capability{Name: "takes changes back", Has: true}
	lone := SourceReport{Name: "shop", Walked: true, Accounts: 10, Dependents: &Dependents{}}
	used := lone
	used.Dependents = &Dependents{Found: []Dependent{{Kind: "trigger", Name: "log"}}}
	changed := lone
	changed.Changes = &Changes{Changed: 3, Since: someday}
	verifies := lone
	verifies.NotShown = 10
	for name, tt := range map[string]struct {
		source SourceReport
		writer bool
		want   string // the beginning of the recommendation
		closed []string
	}{
		"alone":              {lone, false, "lazy: nobody is shut out, and nothing is written to the old store", []string{roadDual}},
		"others use it":      {used, false, "lazy: nobody is shut out, and nothing is written to the old store; mind", []string{roadDual}},
		"others, and writer": {used, true, "dual-write: others work with the old rows: shop has 1 trigger", nil},
		"changed, writer":    {changed, true, "dual-write: others work with the old rows: 3 rows of shop", nil},
		"writer alone":       {lone, true, "lazy:", nil},
		"verifies only":      {verifies, true, "lazy: the only road", []string{roadOffline, roadDual}},
	} {
		source := tt.source
		if tt.writer {
			source.Capabilities = []Capability{writer}
		}
		roads, recommended := roadsOf(&Report{Sources: []SourceReport{source}})
		if !strings.HasPrefix(recommended, tt.want) {
			t.Errorf("%s: recommended %q", name, recommended)
		}
		var closed []string
		chosen := 0
		for _, road := range roads {
			if !road.Possible {
				closed = append(closed, road.Name)
			}
			if road.Recommended {
				chosen++
				if !road.Possible {
					t.Errorf("%s: what is recommended is not possible", name)
				}
			}
		}
		if strings.Join(closed, " ") != strings.Join(tt.closed, " ") || chosen != 1 {
			t.Errorf("%s: not possible %q, %d recommended", name, closed, chosen)
		}
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		sheet.Grouped(0): "0", sheet.Grouped(-1234): "-1,234", sheet.Grouped(1234567): "1,234,567", people(Range{1234.4, 98765}): "1,230 to 98,800", people(Range{7, 7}): "7",
		duration(0.2): "a second", span(Range{0.2, 1.2}): "a second", counting(1, "account"): "1 account", counting(2000, "account"): "2,000 accounts", duration(90): "90 s", duration(600): "10 min", duration(3600 * 5): "5 h", duration(86400 * 3): "3 days",
		span(Range{60, 600}): "60 s to 10 min", sizeText(999): "999 B", sizeText(2.5e6): "2.5 MB", percent(1, 3): "33.3 %", percent(1, 0): "-",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
