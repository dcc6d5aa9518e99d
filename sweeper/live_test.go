package sweeper

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rekey/accounts"
	"rekey/legacy"
	"rekey/sweeper/governor"
	"rekey/sweeper/settings"
)

// sweeper returns what a process does of the sweep of this world.
func (w *world) sweeper() *Sweeper {
	s := New(Config{Service: w.Service, Settings: w.store, Signals: w.store, Name: "test"})
	w.t.Cleanup(s.Close)
	return s
}

// set changes the settings.
func (w *world) set(s *Sweeper, patch string) {
	w.t.Helper()
	if _, err := s.keeper.Change(w.t.Context(), accounts.SweepChange{Patch: json.RawMessage(patch), By: accounts.By{Actor: "cli:ann", Reason: "ticket 7"}}); err != nil {
		w.t.Fatal(err)
	}
	s.desk.Forget()
}

// tick plans, and waits for what that begins.
func (w *world) tick(s *Sweeper) Orders {
	w.t.Helper()
	s.desk.Forget()
	o, err := s.desk.Orders(w.t.Context())
	if err == nil && !o.Off() {
		err = s.governing.step(w.t.Context())
	}
	if err == nil {
		s.desk.Forget()
		if o, err = s.desk.Orders(w.t.Context()); err == nil {
			err = s.planner.plan(w.t.Context(), o)
		}
	}
	s.planner.ending.Wait()
	s.desk.Forget()
	if err == nil {
		o, err = s.desk.Orders(w.t.Context())
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

// work works until nothing is left that may be done, and returns the last error.
func (w *world) work(s *Sweeper) (last error) {
	w.t.Helper()
	for range 1000 {
		more, err := s.Work(w.t.Context())
		if err != nil {
			last = err
		}
		if !more {
			return last
		}
	}
	w.t.Fatal("there is no end of the work")
	return nil
}

// step lets the governor decide under the newest claim there is.
func (g *Governing) step(ctx context.Context) error {
	_, err := g.Tick(ctx, 1<<40)
	return err
}

// lastRun returns the newest run.
func (w *world) lastRun() accounts.Run {
	w.t.Helper()
	runs, err := w.store.Runs(w.t.Context(), 10)
	if err != nil || len(runs) == 0 {
		w.t.Fatalf("%d runs, %v", len(runs), err)
	}
	return runs[0]
}

// From the settings to the end of a run; and it is not begun again before its time, unless somebody asks.
func TestSweep(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 400)
	w.shop.Change("1005", func(u *legacy.User) { u.Username = "USER6" })
	s := w.sweeper()
	o := w.tick(s)
	if w.told(o); !o.Off() || len(w.noRuns()) > 0 {
		t.Errorf("nobody has started it: %+v", o)
	}
	w.set(s, `{"state": "running", "accounts_per_second": "max", "chunk": 100, "workers": 3}`)
	o = w.tick(s)
	if w.told(o); !o.only(settings.CauseNames) {
		t.Errorf("a run has begun: %+v", o.Holds)
	}
	if o := w.tick(s); !o.moves() {
		t.Errorf("the names are known: %+v", o.Holds)
	}
	w.tick(s)
	run := w.lastRun()
	if chunks, _ := w.counts(run.ID); len(chunks) != 5 || chunks[0].Through != "1099" || chunks[1].After != "1099" {
		t.Errorf("cut ahead: %d chunks, %+v", len(chunks), chunks)
	}
	for range 5 {
		if err := w.work(s); err != nil {
			t.Fatal(err)
		}
		w.tick(s)
	}
	run = w.lastRun()
	found, err := FoundBy(run)
	if err != nil || run.State != accounts.RunDone || found.Counts == nil || found.Counts.Outcomes[accounts.OutcomeMoved] != 398 ||
		found.Counts.Refused[accounts.NoteContested] != 2 || found.Counts.People() != 400 {
		t.Errorf("%+v (%v)", run, err)
	}
	w.exactly(398)
	if o := w.tick(s); !o.only(settings.CauseNoRun) || len(w.noRuns()) != 1 {
		t.Errorf("it begins again: %+v", o)
	}
	w.told(s.orders(t))
	if h := w.tick(s).Holds[0]; h.Until == nil || h.Until.Sub(run.Ended.Add(24*time.Hour)).Abs() > time.Second || !strings.Contains(h.Text, "; the next begins 20") {
		t.Errorf("when it begins again is not told: %+v", h)
	}
	for _, state := range []string{"paused", "running"} { // which asks for nothing
		if w.set(s, `{"state": "`+state+`"}`); len(w.ticked(s)) != 1 {
			t.Errorf("it begins again because it is %s", state)
		}
	}
	w.set(s, `{"every": "off"}`)
	if h := w.tick(s).Holds[0]; h.Until != nil || !strings.Contains(h.Text, "none begins by itself") {
		t.Errorf("%+v", h)
	}
	again := accounts.SweepChange{Command: accounts.SweepStart, By: accounts.By{Actor: "cli:bob", Reason: "ticket 8"}}
	for i := range 2 { // each time at once, though it runs all the while
		if _, err := s.keeper.Change(t.Context(), again); err != nil {
			t.Fatal(err)
		}
		if len(w.ticked(s)) != 2+i {
			t.Fatal("it does not begin again when somebody asks")
		}
		for w.lastRun().State == accounts.RunRunning {
			w.tick(s)
			if err := w.work(s); err != nil {
				t.Fatal(err)
			}
		}
		if len(w.ticked(s)) != 2+i {
			t.Error("it begins once more than it was asked for")
		}
	}
	if spec, err := SpecOf(w.lastRun()); err != nil || spec.Actor != "cli:bob" || spec.Reason != "ticket 8" {
		t.Errorf("%+v, %v", spec, err)
	}
	w.exactly(398)
}

// ticked plans, and returns all runs.
func (w *world) ticked(s *Sweeper) []accounts.Run { w.t.Helper(); w.tick(s); return w.noRuns() }

// orders returns what is obeyed now.
func (s *Sweeper) orders(t *testing.T) Orders {
	t.Helper()
	s.desk.Forget()
	o, err := s.desk.Orders(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (w *world) noRuns() []accounts.Run {
	w.t.Helper()
	runs, err := w.store.Runs(w.t.Context(), 10)
	if err != nil {
		w.t.Fatal(err)
	}
	return runs
}

// Each thing that holds a sweep holds it, is told, and lets it go on.
func TestHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 300)
	s := w.sweeper()
	w.set(s, `{"state": "running", "accounts_per_second": "max", "chunk": 1000, "batch": {"max": 20}}`)
	w.tick(s)
	w.tick(s)
	w.tick(s)
	done := int64(0)
	goesOn := func(name string) {
		t.Helper()
		s.desk.Forget()
		if o, err := s.desk.Orders(t.Context()); err != nil || !o.moves() {
			t.Fatalf("after %s: %+v, %v", name, o.Holds, err)
		}
		s.worker.Progress = func(accounts.Chunk, int64) { w.set(s, `{"state": "paused"}`) } // one batch
		if _, err := s.Work(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.worker.Progress = nil
		_, n := w.counts(w.lastRun().ID)
		if n.People() != done+20 {
			t.Errorf("after %s it does not go on: %d people, then %d", name, done, n.People())
		}
		done = n.People()
		w.set(s, `{"state": "running"}`)
	}
	goesOn("the start")
	for name, hold := range map[string]struct {
		on, off string
		cause   settings.Cause
		text    string
	}{
		"a pause":    {`{"state": "paused"}`, `{"state": "running"}`, settings.CausePaused, "paused since 20"},
		"a window":   {`{"schedule": {"windows": ["` + closedNow() + `"]}}`, `{"schedule": null}`, settings.CauseWindow, "outside the windows; the next one opens "},
		"a rate":     {`{"accounts_per_second": 0}`, `{"accounts_per_second": "max"}`, settings.CauseRate, "accounts_per_second is 0"},
		"the drain":  {`{"state": "draining"}`, `{"state": "running"}`, settings.CauseDraining, "draining since 20"},
		"the signal": {"stop", "go", settings.CauseSignal, "stopped by 1 signal: login p99 900 ms"},
	} {
		if hold.cause == settings.CauseSignal {
			keepVerdict(t, s, governor.Verdict{Zone: governor.Stop, WakesAt: time.Now().Add(time.Hour), Tripped: []governor.Tripped{{Signal: governor.LoginP99, Zone: governor.Stop, Value: 900, Limit: 600}}})
		} else {
			w.set(s, hold.on)
		}
		s.desk.Forget()
		o, err := s.desk.Orders(t.Context())
		if err != nil || !o.only(hold.cause) || !strings.HasPrefix(o.Holds[0].Text, hold.text) {
			t.Errorf("%s: %+v, %v", name, o.Holds, err)
		}
		w.told(o)
		if more, err := s.Work(t.Context()); more || err != nil {
			t.Errorf("%s: there is work (%v)", name, err)
		}
		if hold.cause == settings.CauseSignal {
			keepVerdict(t, s, governor.Verdict{Zone: governor.Grow, Factor: 1})
		} else {
			w.set(s, hold.off)
		}
		goesOn(name)
	}
}

// told fails unless people are told just what workers obey.
func (w *world) told(o Orders) {
	w.t.Helper()
	v, err := (&settings.Keeper{Documents: accounts.SweepDocuments{Store: w.store}, Beside: Beside(w.store, []string{"shop"}, !w.unmailed)}).Look(w.t.Context())
	if diff := cmp.Diff(o.Holds, v.Holds); err != nil || diff != "" {
		w.t.Errorf("what is obeyed, and what is told (%v):\n%s", err, diff)
	}
}

// closedNow is a window that is not open.
func closedNow() string {
	day := time.Now().UTC().Add(72 * time.Hour).Weekday().String()
	return strings.ToLower(day[:3]) + " 10:00-11:00"
}

func keepVerdict(t *testing.T, s *Sweeper, v governor.Verdict) {
	t.Helper()
	text, err := json.Marshal(governor.Memory{Verdict: v})
	if err == nil {
		err = s.service.RunStore().KeepSweepVerdict(t.Context(), 1<<40, string(text))
	}
	if err != nil {
		t.Fatal(err)
	}
	s.desk.Forget()
}

// What is drained ends what it is at, and then it is off.
func TestDrain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 300)
	s := w.sweeper()
	w.set(s, `{"state": "running", "accounts_per_second": "max", "chunk": 100, "batch": {"max": 20}}`)
	w.tick(s)
	w.tick(s)
	w.tick(s)
	once := false
	s.worker.Progress = func(accounts.Chunk, int64) {
		if !once {
			once = true
			w.set(s, `{"state": "draining"}`)
			w.tick(s)
			if w.lastRun().State != accounts.RunRunning {
				t.Error("it ends though somebody is at a chunk")
			}
		}
	}
	if err := w.work(s); err != nil {
		t.Fatal(err)
	}
	w.tick(s)
	run := w.lastRun()
	found, err := FoundBy(run)
	if err != nil || run.State != accounts.RunStopped || found.Counts.People() != 100 {
		t.Errorf("%+v (%v)", run, err)
	}
	if o := w.tick(s); !o.Off() {
		t.Errorf("%+v", o.Holds)
	}
	w.exactly(100)
}

// Too many failures pause it, and say so.
func TestErrorBudget(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 60)
	for i := range 10 {
		w.shop.Change(strconv.Itoa(1000+i), func(u *legacy.User) { u.Password = nil })
	}
	s := w.sweeper()
	w.set(s, `{"state": "running", "accounts_per_second": "max", "batch": {"max": 20}, "error_budget": {"share": 0.1, "at_least": 5}}`)
	w.tick(s)
	w.tick(s)
	w.tick(s)
	if err := w.work(s); err != nil {
		t.Fatal(err)
	}
	o := w.tick(s)
	if !o.held(settings.CausePaused) || !strings.Contains(o.hold(settings.CausePaused), "by sweeper: the error budget is used up: 10 of 60") {
		t.Errorf("%+v", o.Holds)
	}
	if s, err := SpecOf(w.lastRun()); err != nil || s.Actor != "cli:ann" {
		t.Errorf("%+v, %v", s, err)
	}
}

// Who resumes it has looked: failures count from then on, for every planner, and only then is it paused again.
func TestErrorBudgetForgives(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 400)
	for i := range 4 { // one of each chunk
		w.shop.Change(strconv.Itoa(1000+100*i), func(u *legacy.User) { u.Password = nil })
	}
	s := w.sweeper()
	w.set(s, `{"state": "running", "accounts_per_second": "max", "workers": 1, "chunk": 100, "batch": {"max": 100}, "error_budget": {"share": 0, "at_least": 2}}`)
	w.tick(s)
	w.tick(s)
	w.tick(s)
	twoChunks := func() {
		t.Helper()
		for range 2 {
			if _, err := s.Work(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	twoChunks()
	if o := w.tick(s); !strings.HasSuffix(o.hold(settings.CausePaused), ": 2 of 200 people could not be moved") {
		t.Errorf("%+v", o.Holds)
	}
	w.set(s, `{"state": "running"}`)
	for _, planner := range []*Sweeper{s, w.sweeper(), s} {
		if o := w.tick(planner); !o.moves() {
			t.Errorf("%+v", o.Holds)
		}
	}
	twoChunks()
	if o := w.tick(s); !strings.Contains(o.hold(settings.CausePaused), ": 2 of 200 people could not be moved since 20") {
		t.Errorf("%+v", o.Holds)
	}
}

// Nothing is done while nobody can tell what is to be done.
func TestOrdersUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	s := w.sweeper()
	w.set(s, `{"state": "running"}`)
	w.tick(s)
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	s.desk.Forget()
	for name, do := range map[string]func() error{
		"Work": func() error { _, err := s.Work(t.Context()); return err }, "Plan": func() error { _, err := s.Plan(t.Context()); return err },
	} {
		if err := do(); err == nil || errors.Is(err, accounts.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A run that somebody has begun at a terminal and left does not stand in the way for ever.
func TestForsaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	s := w.sweeper()
	run := w.begin(func(s *Spec) { s.Attended = true })
	w.set(s, `{"state": "running"}`)
	o := w.tick(s)
	if w.told(o); !o.held(settings.CauseOther) || w.lastRun().ID != run.ID {
		t.Errorf("%+v", o.Holds)
	}
	w.tick(s)
	if r := w.lastRun(); r.State != accounts.RunRunning {
		t.Errorf("it is ended at once: %+v", r)
	}
	s.planner.forsaken.since = time.Now().Add(-2 * forsakenFor)
	w.tick(s)
	if r := w.lastRun(); r.ID != run.ID || r.State != accounts.RunStopped {
		t.Errorf("%+v", r)
	}
	if w.tick(s); w.lastRun().ID == run.ID {
		t.Error("the settings' own does not begin")
	}
}
