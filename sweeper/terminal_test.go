package sweeper

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/sweeper/governor"
	"rekey/sweeper/pause"
	"rekey/sweeper/settings"
)

// keeper returns who keeps the settings, as the command line and the gateway have it.
func (w *world) keeper() *settings.Keeper {
	return &settings.Keeper{
		Documents: accounts.SweepDocuments{Store: w.store}, Beside: Beside(w.store, []string{"shop"}, !w.unmailed), Attended: Attended(w.store), EndAttended: EndAttended(w.store), EndLeft: EndLeft(w.store),
	}
}

// outdate lets what was read before go out of date: it may be obeyed for so long.
func (w *world) outdate() {
	if err := pause.For(w.t.Context(), obeyed); err != nil {
		w.t.Error(err)
	}
}

// command makes a change as somebody else does.
func (w *world) command(c accounts.SweepCommand) settings.View {
	w.t.Helper()
	v, err := w.keeper().Change(w.t.Context(), accounts.SweepChange{Command: c, By: accounts.By{Actor: "cli:bob", Reason: "incident 12"}})
	if err != nil {
		w.t.Error(err)
	}
	return v
}

// What holds the sweep holds a run at a terminal, wherever it is, and it goes on when that has ended.
func TestAttendHeld(t *testing.T) {
	t.Parallel()
	stop := governor.Verdict{Zone: governor.Stop, Tripped: []governor.Tripped{{Signal: governor.LoginP99, Zone: governor.Stop, Value: 900, Limit: 600}}}
	for name, row := range map[string]struct {
		on, off func(w *world)
		text    string
		governs bool
		change  func(c *AttendConfig)
	}{
		"a pause": {
			on:  func(w *world) { w.command(accounts.SweepPause) },
			off: func(w *world) { w.command(accounts.SweepResume) }, text: "paused since 20",
		},
		"the governor": {
			on:  func(w *world) { keepVerdict(w.t, w.sweeper(), stop) },
			off: func(w *world) { keepVerdict(w.t, w.sweeper(), governor.Verdict{Factor: 1}) }, text: "stopped by 1 signal: login p99 900 ms", governs: true,
		},
		"the governor, ignored": {
			on: func(w *world) { keepVerdict(w.t, w.sweeper(), stop) }, change: func(c *AttendConfig) { c.IgnoreGovernor = true },
		},
		"settings that cannot be read": {
			on: func(w *world) { w.document(`{"order": 7}`) }, off: func(w *world) { w.document(`{}`) }, text: "stored sweeper settings: order",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 300)
			var once sync.Once
			var told []string
			r, err := w.attend(t.Context(), func(c *AttendConfig) {
				c.Workers = 1
				c.Progress = func(_ string, people int64) {
					if people > 0 {
						once.Do(func() { row.on(w); w.outdate() })
					}
				}
				c.Held = func(why string, governs bool) {
					if governs != (row.governs && why != "") {
						t.Errorf("%q is the governor's: %t", why, governs)
					}
					if told = append(told, why); why == "" {
						return
					}
					run := w.lastRun()
					if _, n := w.counts(run.ID); n.People() != firstSize {
						t.Errorf("%d people while it is held", n.People())
					}
					row.off(w)
				}
				if row.change != nil {
					row.change(c)
				}
			})
			if err != nil || r.Outcomes[accounts.OutcomeMoved] != 300 {
				t.Errorf("%+v, %v", r, err)
			}
			if row.text == "" && len(told) > 0 || row.text != "" && (len(told) != 2 || !strings.HasPrefix(told[0], row.text)) {
				t.Errorf("%q", told)
			}
			if d, _, err := w.keeper().Read(t.Context()); err != nil || d.State != settings.Off {
				t.Errorf("it is %s (%v)", d.State, err)
			}
		})
	}
}

// document stores settings as they are.
func (w *world) document(text string) {
	w.t.Helper()
	d := w.keeper().Documents
	is, err := d.Read(w.t.Context())
	if err == nil {
		_, err = d.Put(w.t.Context(), is.Version, []byte(text), nil, aSpec().by())
	}
	if err != nil {
		w.t.Error(err)
	}
}

// A pause stops the search for names too, and what is paused is paused for who comes later.
func TestAttendBeginsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2*gateEvery)
	w.command(accounts.SweepPause)
	r, err := w.attend(t.Context(), func(c *AttendConfig) {
		c.Held = func(why string, _ bool) {
			if why == "" {
				return
			}
			run := w.lastRun()
			if run.Found != "" {
				t.Error("the names are known")
			}
			if free, err := forsaken(t.Context(), w.store, run, Spec{Attended: true}); free || err != nil { // it has no chunk yet
				t.Errorf("others take it for left (%v)", err)
			}
			w.command(accounts.SweepResume)
		}
	})
	if err != nil || r.Outcomes[accounts.OutcomeMoved] != 2*gateEvery {
		t.Errorf("%+v, %v", r, err)
	}
}

// Who stops the sweep ends it, is told whose it was, and whoever waits for it is told who has ended it.
func TestAttendStopped(t *testing.T) {
	t.Parallel()
	for name, early := range map[string]bool{"moving": false, "counting": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 2*gateEvery)
			stop := sync.OnceFunc(func() {
				v, err := w.keeper().Look(t.Context())
				if err != nil || v.Attended == nil || v.Attended.By != "cli:test" || v.Attended.Run != w.lastRun().ID {
					t.Errorf("%+v, %v", v.Attended, err)
				}
				if why := v.Why(); len(why) != 1 || why[0] != "nobody has started it (the run of cli:test at a terminal is not held by that)" {
					t.Errorf("%q", why)
				}
				v = w.command(accounts.SweepStop)
				w.outdate()
				if len(v.Changes) != 1 || v.Changes[0].Before != `"of cli:test at a terminal"` || v.Attended != nil {
					t.Errorf("%+v, %+v", v.Changes, v.Attended)
				}
			})
			r, err := w.attend(t.Context(), func(c *AttendConfig) {
				c.Workers = 1
				c.Progress = func(_ string, people int64) {
					if people > 0 {
						stop()
					}
				}
				if early {
					c.Counting = func(int64) { stop() }
				}
			})
			want := int64(firstSize)
			if early {
				want = 0
			}
			if !errors.Is(err, ErrEnded) || !strings.HasSuffix(err.Error(), "stopped by cli:bob: incident 12") || r.People != want {
				t.Errorf("%+v, %v", r, err)
			}
			events, err := w.store.Events(t.Context(), uuid.Nil, 20)
			if err != nil || !slices.ContainsFunc(events, func(e accounts.Event) bool {
				return e.Kind == accounts.EventSweepEnded && e.Actor == "cli:bob" && e.Reason == "incident 12"
			}) {
				t.Errorf("%+v, %v", events, err)
			}
			if v := w.command(accounts.SweepStop); len(v.Changes) != 0 {
				t.Errorf("%+v", v.Changes)
			}
		})
	}
}

// Who drains where nothing is under way finds it off.
func TestDrainNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	s := w.sweeper()
	w.set(s, `{"state": "running", "schedule": {"windows": ["`+closedNow()+`"]}}`)
	w.tick(s)
	w.command(accounts.SweepStop)
	if o := w.tick(s); !o.Off() {
		t.Errorf("%+v", o.Holds)
	}
}
