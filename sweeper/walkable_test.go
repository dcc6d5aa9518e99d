package sweeper

import (
	"strings"
	"testing"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/legacy"
	"rekey/legacy/legacytest"
)

// A source whose people can only be asked for by name is left out, and the run says so; it ends all the same.
func TestUnwalkableSourceIsLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20)
	w.others = []accounts.Source{{Name: "blog", Source: struct{ legacy.Source }{legacytest.NewMemory()}}}
	w.Service, w.store = w.process(phase.Lazy, "two")
	ended := func(run accounts.Run) {
		t.Helper()
		if run.State != accounts.RunDone || !strings.HasSuffix(run.Why, "when they log in: blog") {
			t.Errorf("%s: %q", run.State, run.Why)
		}
	}
	r, err := w.attend(t.Context(), func(c *AttendConfig) { c.Spec.Sources = []string{"shop", "blog"} })
	if err != nil || r.Outcomes[accounts.OutcomeMoved] != 20 {
		t.Errorf("%+v (%v)", r, err)
	}
	ended(w.lastRun())
	s := w.sweeper()
	w.set(s, `{"state": "running", "accounts_per_second": "max", "workers": 1}`)
	for range 6 {
		if err := w.work(s); err != nil {
			t.Fatal(err)
		}
		w.tick(s)
	}
	if last := w.lastRun(); last.Ended.IsZero() {
		t.Errorf("the settings' run has not ended: %+v", last)
	} else {
		ended(last)
	}
	w.exactly(20)
}
