package governor

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rekey/accounts"
)

var start = time.Date(2026, 3, 29, 1, 59, 50, 0, time.UTC)

// login is a reading of the login p99 that is just made.
func login(now time.Time, ms float64) []Reading {
	return []Reading{{Signal: LoginP99, Value: ms, At: now}}
}

// A scene steps a governor once a second.
type scene struct {
	*Governor
	now time.Time
}

func newScene() *scene { return &scene{New(Default(), State{}), start} }

// next steps with one login p99.
func (s *scene) next(ms float64) Verdict {
	s.now = s.now.Add(time.Second)
	return s.Step(s.now, login(s.now, ms), false)
}

func (s *scene) want(t *testing.T, v Verdict, zone Zone, factor float64) {
	t.Helper()
	if v.Zone != zone || math.Abs(v.Factor-factor) > 1e-9 {
		t.Fatalf("after %s: %s at %g, want %s at %g", s.now.Sub(start), v.Zone, v.Factor, zone, factor)
	}
}

// during steps for some seconds and returns the last verdict.
func (s *scene) during(seconds int, ms float64) (v Verdict) {
	for range seconds {
		v = s.next(ms)
	}
	return v
}

const (
	fine, holding, shrinking, stopping = 20, 350, 700, 1600 // ms of the login p99
)

func TestStory(t *testing.T) {
	t.Parallel()
	s := newScene()
	s.want(t, s.next(fine), Grow, 1) // what the operator has asked for
	s.want(t, s.next(shrinking), Shrink, 0.5)
	s.want(t, s.during(4, shrinking), Shrink, 0.5) // what was measured before says nothing of it
	s.want(t, s.next(shrinking), Shrink, 0.25)
	s.want(t, s.during(60, shrinking), Shrink, 0.05) // throttled is not stuck
	s.want(t, s.during(30, holding), Hold, 0.05)
	s.want(t, s.during(5, fine), Hold, 0.05) // has to stay so
	s.want(t, s.next(fine), Grow, 0.1)
	s.want(t, s.during(9, fine), Grow, 0.1)
	s.want(t, s.next(fine), Grow, 0.15)
	s.want(t, s.next(holding), Hold, 0.15)
	s.want(t, s.during(200, fine), Grow, 1)

	v := s.next(stopping)
	s.want(t, v, Stop, 0)
	if want := s.now.Add(30 * time.Second); !v.WakesAt.Equal(want) {
		t.Fatalf("wakes at %s, want %s", v.WakesAt, want)
	}
	s.want(t, s.during(29, fine), Stop, 0)
	v = s.next(fine)
	s.want(t, v, Hold, 0.1)
	if !v.WakesAt.IsZero() {
		t.Error("who is awake wakes again")
	}
	s.want(t, s.during(300, fine), Grow, 1)
}

func TestSleepDoublesAndEnds(t *testing.T) {
	t.Parallel()
	s := newScene()
	var sleeps []float64
	var wakes time.Time
	for range 3600 {
		if v := s.next(stopping); !v.WakesAt.Equal(wakes) {
			wakes = v.WakesAt
			sleeps = append(sleeps, wakes.Sub(s.now).Seconds())
		}
	}
	if want := []float64{30, 60, 120, 240, 480, 600, 600, 600, 600, 600}; !slices.Equal(sleeps, want) {
		t.Errorf("sleeps of %v s, want %v", sleeps, want)
	}
	s.during(600, fine)
	s.during(1500, fine) // long enough for the trouble to be another
	s.next(stopping)
	if got := s.State().Sleep; got != 30*time.Second {
		t.Errorf("the first sleep after a long calm is %s", got)
	}
	s.during(35, fine)
	s.next(stopping)
	if got := s.State().Sleep; got != time.Minute {
		t.Errorf("the sleep soon after another is %s", got)
	}
}

func TestUnread(t *testing.T) {
	t.Parallel()
	g := New(Default(), State{})
	reading := Reading{Signal: LegacyP95, Of: "shop", Value: 10, At: start}
	step := func(after time.Duration) Verdict { return g.Step(start.Add(after), []Reading{reading}, false) }
	if v := step(15 * time.Second); v.Zone != Grow {
		t.Errorf("after 15 s: %s", v)
	}
	v := step(15*time.Second + 1)
	if v.Zone != Stop || len(v.Tripped) != 1 || !v.Tripped[0].Since.Equal(start) {
		t.Errorf("after more: %+v", v)
	}
	if want := "stopped by 1 signal: legacy shop p95 cannot be read since 01:59:50Z; looks again at 02:00:35Z"; v.String() != want {
		t.Errorf("%s\nwant %s", v, want)
	}
	off := Default()
	off.LegacyP95 = Limit{}
	if v := New(off, State{}).Step(start.Add(time.Hour), []Reading{reading}, false); v.Zone != Grow {
		t.Errorf("a signal that is switched off: %s", v)
	}
	if v := New(off, State{}).Step(start, nil, false); v.Zone != Grow || v.Factor != 1 {
		t.Errorf("without any signal: %s", v)
	}
	if v := New(Default(), State{}).Step(start, login(start, math.NaN()), false); v.Zone != Stop {
		t.Errorf("a value that is none: %s", v)
	}
	silent := []Reading{{Signal: Report, Of: "process b", At: start}}
	if v := New(off, State{}).Step(start, silent, false); v.Zone != Stop || !strings.Contains(v.String(), "process b cannot be read") {
		t.Errorf("a process that is silent: %s", v)
	}
}

func TestAllTrippedAreListed(t *testing.T) {
	t.Parallel()
	readings := []Reading{
		{Signal: LoginP99, Value: 412, At: start},
		{Signal: HashWait, Value: 1, At: start},
		{Signal: LegacyErrors, Of: "shop", Value: 0.12345, At: start},
		{Signal: Check, Of: "queue", Value: 7, At: start, Limit: &Limit{Hold: 5}},
		{Signal: Check, Of: "free", Value: 7, At: start, Limit: &Limit{Hold: 8}},
	}
	v := New(Default(), State{}).Step(start, readings, false)
	want := "slowed down by 3 signals at 50 % of full speed: login p99 412 ms (limit 300 ms), " +
		"legacy shop errors 12.3 % (limit 5 %), check queue 7 (limit 5)"
	if v.String() != want {
		t.Errorf("%s\nwant %s", v, want)
	}
	limits := Default()
	limits.Checks = map[string]Limit{"queue": {}, "free": {Stop: 7}}
	v = New(limits, State{}).Step(start, readings[3:], false)
	if len(v.Tripped) != 1 || v.Tripped[0].Of != "free" || v.Zone != Stop {
		t.Errorf("the live limits of checks do not go before those of the configuration: %+v", v)
	}
}

// While it sleeps it says what it was stopped by, though nobody measures that meanwhile; and no more when it has woken.
func TestSaysWhatHasStoppedIt(t *testing.T) {
	t.Parallel()
	slow := []Reading{{Signal: LegacyP95, Of: "shop", Value: 5000, At: start}}
	g := New(Default(), State{})
	stopped := g.Step(start, slow, false)
	if stopped.Zone != Stop || len(stopped.Stopped) != 1 || !strings.HasPrefix(stopped.String(), "stopped by 1 signal: legacy shop p95 5000 ms") {
		t.Fatalf("%+v", stopped)
	}
	g = New(Default(), g.State()) // another leader
	asleep := g.Step(start.Add(5*time.Second), nil, false)
	if len(asleep.Tripped) != 0 || !asleep.StoppedAt.Equal(start) || !strings.Contains(asleep.String(), "by 1 signal: legacy shop p95 5000 ms (limit ") {
		t.Errorf("%s", asleep)
	}
	if awake := g.Step(asleep.WakesAt, nil, false); awake.Zone == Stop || len(awake.Stopped) > 0 || strings.Contains(awake.String(), "shop") {
		t.Errorf("%s", awake)
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]Verdict{
		"full speed":                       {Zone: Grow, Factor: 1},
		"growing, at 37.5 % of full speed": {Zone: Grow, Factor: 0.375},
		"stopped: the signals are good, and have to stay so; looks again at 01:59:50Z": {Zone: Stop, WakesAt: start},
		"held at 5 % of full speed: the signals are good, and have to stay so":         {Zone: Hold, Factor: 0.05},
		"held by 1 signal at 5 % of full speed: login p99 over its idle value 1.42 x (limit 1.3 x)": {
			Zone: Hold, Factor: 0.05, Tripped: []Tripped{{Signal: LoginRatio, Zone: Hold, Value: 1.4167, Limit: 1.3}},
		},
		"stopped by 1 signal: the governor cannot be read since the start": Verdict{}.Current(start),
		"stopped at 01:59:40Z by 1 signal: legacy shop p95 1118 ms (limit 400 ms); none has reached its limit since, where anything was measured; looks again at 01:59:50Z": {
			Zone: Stop, WakesAt: start, Stopped: []Tripped{{Signal: LegacyP95, Of: "shop", Zone: Stop, Value: 1118, Limit: 400}}, StoppedAt: start.Add(-10 * time.Second),
		},
	} {
		if v.String() != want {
			t.Errorf("%s\nwant %s", v, want)
		}
	}
}

func TestCurrent(t *testing.T) {
	t.Parallel()
	v := Verdict{Zone: Grow, Factor: 1, At: start}
	if got := v.Current(start.Add(Unread)); got.Factor != 1 {
		t.Errorf("after 15 s: %s", got)
	}
	if got := v.Current(start.Add(Unread + 1)); got.Factor != 0 || got.Zone != Stop || got.Workers(8) != 0 {
		t.Errorf("after more: %s", got)
	}
}

func TestWorkers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		factor    float64
		all, want int
	}{{0, 8, 0}, {0.05, 8, 1}, {0.5, 8, 4}, {0.51, 8, 5}, {1, 8, 8}, {1, 0, 0}, {0.05, 1, 1}} {
		if got := (Verdict{Factor: c.factor}).Workers(c.all); got != c.want {
			t.Errorf("%d of %d at %g, want %d", got, c.all, c.factor, c.want)
		}
	}
}

func TestRatioOverIdle(t *testing.T) {
	t.Parallel()
	g := New(Default(), State{})
	now := start
	step := func(ms float64, idle bool) Verdict {
		now = now.Add(2 * time.Second)
		return g.Step(now, login(now, ms), idle)
	}
	if v := step(200, false); v.Zone != Grow {
		t.Errorf("nothing is known of an idle time: %s", v)
	}
	for range 100 {
		step(100, true)
	}
	if v := step(120, false); v.Zone != Grow {
		t.Errorf("1.2 x: %s", v)
	}
	v := step(140, false)
	if v.Zone != Hold || v.Tripped[0].Signal != LoginRatio || math.Abs(v.Tripped[0].Value-1.4) > 0.01 {
		t.Errorf("1.4 x: %s", v)
	}
	next := New(Default(), g.State()) // another leader
	if v := next.Step(now.Add(time.Second), login(now, 140), false); v.Zone != Hold {
		t.Errorf("the next leader does not know the idle p99: %s", v)
	}
	g.Limits.RatioFloorMS = 150
	for range 4 {
		v = step(140, false)
	}
	if v.Zone != Grow {
		t.Errorf("below the floor: %s", v)
	}
}

func TestClockSetBack(t *testing.T) {
	t.Parallel()
	s := newScene()
	s.next(stopping)
	s.now = s.now.Add(-24 * time.Hour)
	if v := s.during(601, fine); v.Zone == Stop {
		t.Errorf("it sleeps for a day: %s", v)
	}
	s.during(300, shrinking)
	s.now = s.now.Add(-24 * time.Hour)
	if v := s.during(400, fine); v.Factor != 1 {
		t.Errorf("it does not grow: %s", v)
	}
}

// TestProperties steps through anything at all.
func TestProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limits := Default()
		limits.SleepS = rapid.Float64Range(1, 60).Draw(t, "sleep")
		limits.SleepMaxS = limits.SleepS * rapid.Float64Range(1, 8).Draw(t, "longest")
		g, now := New(limits, State{}), start
		var before Verdict
		changes, steps := 0, rapid.IntRange(1, 120).Draw(t, "steps")
		for i := range steps {
			now = now.Add(time.Second)
			ms := rapid.SampledFrom([]float64{fine, holding, shrinking, stopping}).Draw(t, "p99")
			age := rapid.SampledFrom([]time.Duration{0, 0, 0, 14 * time.Second, 16 * time.Second}).Draw(t, "age")
			readings := []Reading{{Signal: LoginP99, Value: ms, At: now.Add(-age)}}

			// Monotone: from where it stands, a signal that is worse never makes it faster.
			worse := New(limits, g.State())
			worseReading := readings[0]
			worseReading.Value += rapid.Float64Range(0, 2000).Draw(t, "worse")
			w := worse.Step(now, []Reading{worseReading}, false)
			v := g.Step(now, readings, false)
			switch {
			case v.Factor < 0 || v.Factor > 1 || (v.Factor == 0) != (v.Zone == Stop):
				t.Fatalf("%s at %g", v.Zone, v.Factor)
			case v.Zone == Stop && !v.WakesAt.After(now):
				t.Fatalf("stopped, and nobody knows until when: %+v", v)
			case v.Zone != Stop && (ms >= stopping || age > Unread):
				t.Fatalf("a stop is not obeyed: %s", v)
			case w.Factor > v.Factor || w.Zone < v.Zone:
				t.Fatalf("worse is faster: %s, and %s", w, v)
			case i > 0 && v.Factor > before.Factor && v.Factor > max(before.Factor*growRatio, before.Factor+growStep)+1e-9 && before.Zone != Stop:
				t.Fatalf("from %g to %g in a step", before.Factor, v.Factor)
			}
			if i > 0 && v.Zone != before.Zone {
				changes++
			}
			before = v
		}
		// Bounded: a zone gets better only after it has settled or slept, so it can get worse only as often.
		quiet := int(min(settle, seconds(limits.SleepS)) / time.Second)
		if most := 6 * (steps/max(quiet, 1) + 1); changes > most {
			t.Fatalf("%d changes of zone in %d s, at most %d", changes, steps, most)
		}
		// Recovers: nobody has to do anything.
		for range int(limits.SleepMaxS) + 1 + 5 + 20*int(limits.GrowEveryS) {
			now = now.Add(time.Second)
			before = g.Step(now, login(now, fine), false)
		}
		if before.Zone != Grow || before.Factor != 1 {
			t.Fatalf("does not recover: %s", before)
		}
	})
}

// TestFlapping is the worst of signals: it crosses a limit with every reading.
func TestFlapping(t *testing.T) {
	t.Parallel()
	s := newScene()
	zones, factors := 0, 0
	before := s.next(fine)
	for i := range 600 {
		v := s.next([]float64{holding, fine}[i%2])
		if v.Zone != before.Zone {
			zones++
		}
		if v.Factor != before.Factor {
			factors++
		}
		before = v
	}
	if zones != 1 || factors != 0 {
		t.Errorf("%d changes of zone and %d of the factor", zones, factors)
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	s := newScene()
	v := s.next(stopping)
	text, err := json.Marshal(Memory{v, s.State()})
	if err != nil {
		t.Fatal(err)
	}
	var m Memory
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	s.Governor = New(Default(), m.State)
	if got := s.during(29, fine); got.Zone != Stop || !got.WakesAt.Equal(v.WakesAt) || got.Factor != 0 {
		t.Errorf("a new leader wakes early: %s", got)
	}
	for _, state := range []State{{Factor: math.NaN()}, {Factor: 7}, {Factor: -1}, {Zone: 9, Factor: 1}, {Zone: -1, Factor: 1}} {
		if v := New(Default(), state).Step(start, nil, false); !(v.Factor > 0 && v.Factor <= 1) || v.Zone > Hold || v.Zone < Grow {
			t.Errorf("%+v: %s", state, v)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	var l Limits
	text := `{"login_p99_ms": {"hold": 100}, "checks": {"queue": {"stop": 7}}, "sleep_s": 12.5}`
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		t.Fatal(err)
	}
	d := Default()
	if l.LoginP99 != (Limit{100, d.LoginP99.Shrink, d.LoginP99.Stop}) || l.Checks["queue"] != (Limit{Stop: 7}) || l.SleepS != 12.5 || l.HashWait != d.HashWait {
		t.Errorf("%+v", l)
	}
	again, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	var read Limits
	if err := json.Unmarshal(again, &read); err != nil || read.LoginP99 != l.LoginP99 || read.Checks["queue"] != l.Checks["queue"] {
		t.Errorf("written and read: %+v (%v)", read, err)
	}
	if err := d.Check(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
}

func TestLimitsThatAreRefused(t *testing.T) {
	t.Parallel()
	for text, field := range map[string]string{
		`{"login_p99": {}}`:                                           "login_p99",
		`{"login_p99_ms": 300}`:                                       "login_p99_ms",
		`{"login_p99_ms": {"hold": "300"}}`:                           "login_p99_ms.hold",
		`{"login_p99_ms": {"hold": null}}`:                            "login_p99_ms.hold",
		`{"login_p99_ms": {"hold": -1}}`:                              "login_p99_ms.hold",
		`{"login_p99_ms": {"stopp": 1}}`:                              "login_p99_ms.stopp",
		`{"legacy_errors": {"hold": 0.1, "shrink": 0.05}}`:            "legacy_errors.shrink",
		`{"legacy_errors": {"hold": 0.1, "shrink": 0, "stop": 0.05}}`: "legacy_errors.stop",
		`{"checks": []}`:                                              "checks",
		`{"checks": {"queue": 1}}`:                                    "checks.queue",
		`{"checks": {"queue": {"stop": -1}}}`:                         "checks.queue.stop",
		`{"sleep_s": 0}`:                                              "sleep_s",
		`{"sleep_s": 700}`:                                            "sleep_max_s",
		`{"grow_every_s": "10"}`:                                      "grow_every_s",
		`[]`:                                                          "governor",
	} {
		var l Limits
		err := json.Unmarshal([]byte(text), &l)
		var wrong *accounts.InvalidError
		if !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%s: %v, want the field %s", text, err, field)
		}
	}
}

func FuzzLimits(f *testing.F) {
	f.Add([]byte(`{"login_p99_ms": {"hold": 100}, "checks": {"queue": {"stop": 7}}, "sleep_s": 12.5}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var l Limits
		if err := json.Unmarshal(data, &l); err != nil {
			return
		}
		if err := l.Check(); err != nil {
			t.Errorf("%s was read: %v", data, err)
		}
	})
}
