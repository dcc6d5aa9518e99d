package sweeper

import (
	"testing"

	"rekey/accounts"
	"rekey/sweeper/settings"
)

// What is asked of a run holds for the one that is under way too: it ends before the next batch, and one that is as asked begins.
func TestOutdated(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		patch string
		asked func(Spec) bool
		here  int // at the end
	}{
		"dry run": {`{"dry_run": true}`, func(s Spec) bool { return s.DryRun }, 20},
		"filter":  {`{"filter": "user.id == \"1099\""}`, func(s Spec) bool { return s.Filter != "" }, 21},
		"hash":    {`{"hash": "carry"}`, func(s Spec) bool { return s.Hash == accounts.KeepCarry }, 20},
		"order":   {`{"order": "inactive"}`, func(s Spec) bool { return s.Order == settings.Inactive }, 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 100)
			s := w.sweeper()
			run := w.onlyChunk(s)
			s.worker.Progress = func(accounts.Chunk, int64) { w.set(s, row.patch) }
			if err := w.work(s); err != nil {
				t.Fatal(err)
			}
			w.exactly(20)
			s.worker.Progress = nil
			w.set(s, `{"every": "off"}`) // what was asked for is begun all the same
			if o := s.orders(t); !o.only(settings.CauseOutdated) {
				t.Errorf("%+v", o.Holds)
			}
			w.told(s.orders(t))
			w.tick(s)
			if was, err := w.store.RunByID(t.Context(), run.ID); err != nil || was.State != accounts.RunStopped || was.Why != "the settings ask for another" {
				t.Errorf("%+v, %v", was, err)
			}
			for range 20 {
				w.tick(s)
				if err := w.work(s); err != nil {
					t.Fatal(err)
				}
				if w.lastRun().State != accounts.RunRunning {
					break
				}
			}
			last := w.lastRun()
			spec, err := SpecOf(last)
			if err != nil || last.ID == run.ID || last.State != accounts.RunDone || !row.asked(spec) {
				t.Errorf("%+v, %v", last, err)
			}
			w.exactly(row.here)
			if o := w.tick(s); !o.only(settings.CauseNoRun) || w.lastRun().ID != last.ID {
				t.Errorf("and then: %+v", o.Holds)
			}
		})
	}
}

// Nobody ends a run for what does not change it: the pace, and the same sources by name. One that is held for other reasons stays
// until it could go on.
func TestNotOutdated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 100)
	s := w.sweeper()
	run := w.onlyChunk(s)
	w.set(s, `{"accounts_per_second": 500, "workers": 7, "sources": ["shop"], "error_budget": {"share": 1}}`)
	if o := w.tick(s); !o.moves() {
		t.Errorf("%+v", o.Holds)
	}
	w.set(s, `{"dry_run": true, "schedule": {"windows": ["`+closedNow()+`"]}}`)
	if o := w.tick(s); !o.held(settings.CauseOutdated) || o.Run.ID != run.ID {
		t.Errorf("outside the window: %+v", o.Holds)
	}
	w.set(s, `{"dry_run": null, "schedule": null}`)
	if o := w.tick(s); !o.moves() || o.Run.ID != run.ID {
		t.Errorf("%+v", o.Holds)
	}
}

// Two processes, one of which is configured with a source more, do not end the runs of one another.
func TestAllSources(t *testing.T) {
	t.Parallel()
	wants := func(set []string, all ...string) Wanted {
		return *wantedBy(settings.Default(), settings.Settings{Sources: set}, all)
	}
	for name, row := range map[string]struct {
		run, wanted Wanted
		same        bool
	}{
		"all of other processes": {wants(nil, "shop"), wants(nil, "shop", "blog"), true},
		"one is left out":        {wants(nil, "shop", "blog"), wants([]string{"shop"}, "shop", "blog"), false},
		"all again":              {wants([]string{"shop"}, "shop", "blog"), wants(nil, "shop", "blog"), false},
		"all by name":            {wants(nil, "shop", "blog"), wants([]string{"shop", "blog"}, "shop", "blog"), true},
	} {
		if got := row.wanted.asksFor(row.run.Spec); got != row.same {
			t.Errorf("%s: %v, want %v", name, got, row.same)
		}
	}
}
