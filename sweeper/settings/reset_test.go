package settings_test

import (
	"strings"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/sweeper/settings"
)

// Where no mail is sent, nobody can set hash to reset, and whoever has done so before can be paused and set otherwise.
func TestResetWithoutMail(t *testing.T) {
	t.Parallel()
	unmailed := checks
	unmailed.NoMail = true
	override := edit(`{"hash":"reset"}`)
	override.Until = noon.Add(time.Hour)
	for name, e := range map[string]settings.Edit{"set": edit(`{"hash":"reset"}`), "override": override} {
		_, _, err := settings.Apply([]byte(`{}`), e, noon, unmailed)
		if faults := accounts.InvalidErrors(err); len(faults) != 1 || faults[0].Field != "hash" || faults[0].Reason != accounts.ResetUnmailed {
			t.Errorf("%s: %v", name, err)
		}
		stored, _, _ := applied(t, `{}`, e)
		for _, patch := range []string{`{"state":"paused"}`, `{"hash":"auto","overrides":[]}`} {
			if _, changes, err := settings.Apply([]byte(stored), edit(patch), noon, unmailed); err != nil || len(changes) == 0 {
				t.Errorf("%s, and then %s: %v (%v)", name, patch, changes, err)
			}
		}
		if _, _, err := settings.Apply([]byte(stored), e, noon.Add(2*time.Hour), unmailed); name == "override" && err == nil {
			t.Error("an override that has ended lets another one be")
		}
	}
}

// Who sets hash to reset, or starts a sweep for which it is, is told that it cannot be taken back.
func TestResetWarns(t *testing.T) {
	t.Parallel()
	keeper, _ := newKeeper(t)
	warned := func(c accounts.SweepChange, want bool) {
		t.Helper()
		c.By = ada
		v, err := keeper.Change(t.Context(), c)
		if err != nil || strings.Contains(v.Warning, "nothing takes that back") != want {
			t.Errorf("%s%s: %q (%v)", c.Patch, c.Command, v.Warning, err)
		}
	}
	warned(patch(`{"hash":"wrap"}`), false)
	dry := patch(`{"hash":"reset"}`)
	dry.DryRun = true
	warned(dry, true)
	warned(patch(`{"hash":"reset"}`), true)
	warned(patch(`{"workers":4}`), false)
	warned(accounts.SweepChange{Command: accounts.SweepStart}, true)
	warned(accounts.SweepChange{Command: accounts.SweepPause}, false)
}
