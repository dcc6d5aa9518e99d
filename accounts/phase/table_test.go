package phase_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"rekey/accounts/phase"
)

// How an account may stand: trusted in state() below, and not.
var (
	absent  = phase.Account{ID: uuid.Max}
	trusted = phase.Account{ID: uuid.Max, CopiedEpoch: testEpoch}
	pinned  = phase.Account{ID: uuid.Max, Pinned: true}
)

// The table, told once more and otherwise: who answers; what a login leaves; a change in legacy / in the new store; home.
func TestTable(t *testing.T) {
	t.Parallel()
	const want = `
legacy-only   absent   legacy; nothing; required/none; home legacy
legacy-only   trusted  legacy; nothing; required/none; home legacy
legacy-only   pinned   new; nothing; copy-back/required; home new
shadow        absent   legacy, mirrored; copy-best-effort; required/best-effort; home legacy
shadow        trusted  legacy, mirrored; copy-best-effort; required/best-effort; home legacy
shadow        pinned   new; nothing; copy-back/required; home new
both          absent   legacy, mirrored; copy; required/required; home legacy
both          trusted  legacy, mirrored; copy; required/required; home legacy
both          pinned   new; nothing; copy-back/required; home new
ramp 0        absent   legacy; copy-trusted; required/required; home legacy
ramp 0        trusted  legacy; copy-trusted; required/required; home legacy
ramp 0        pinned   new; nothing; copy-back/required; home new
ramp 100      absent   legacy; copy-trusted; required/required; home legacy
ramp 100      trusted  new; nothing; required/required; home new
ramp 100      pinned   new; nothing; copy-back/required; home new
new-first     absent   legacy; migrate; copy-back/required; home legacy
new-first     trusted  new; nothing; copy-back/required; home new
new-first     pinned   new; nothing; copy-back/required; home new
new-only      absent   neither; nothing; none/required; home new
new-only      trusted  new; nothing; none/required; home new
new-only      pinned   new; nothing; none/required; home new
`
	var got strings.Builder
	got.WriteByte('\n')
	for _, s := range everyState() {
		name := s.Phase.String()
		if s.Phase == phase.Ramp {
			name += " " + s.Percent.String()
		}
		for _, a := range []struct {
			name    string
			account phase.Account
		}{{"absent", absent}, {"trusted", trusted}, {"pinned", pinned}} {
			row := s.Row(a.account)
			answers := row.Answers.String()
			if row.Mirrored {
				answers += ", mirrored"
			}
			fmt.Fprintf(&got, "%-13s %-8s %s; %s; %s/%s; home %s\n", name, a.name, answers, row.Login, row.Legacy, row.New, row.Home)
		}
	}
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("the table (-want +got):\n%s", diff)
	}
}

// everyState is one of each phase of plan dual-write, the ramp at both ends.
func everyState() []phase.State {
	var states []phase.State
	for _, p := range phase.DualWrite.Phases() {
		s := state(phase.DualWrite, p)
		states = append(states, s)
		if p == phase.Ramp {
			s.Percent = phase.All
			states = append(states, s)
		}
	}
	return states
}

func TestTrust(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		change func(*phase.State, *phase.Account)
		want   bool
	}{
		"copied in the epoch":       {func(*phase.State, *phase.Account) {}, true},
		"copied later":              {func(_ *phase.State, a *phase.Account) { a.CopiedEpoch++ }, true},
		"copied before":             {func(_ *phase.State, a *phase.Account) { a.CopiedEpoch-- }, false},
		"dirty":                     {func(_ *phase.State, a *phase.Account) { a.Dirty = true }, false},
		"drifted":                   {func(_ *phase.State, a *phase.Account) { a.Drifted = true }, false},
		"no trust epoch":            {func(s *phase.State, _ *phase.Account) { s.TrustEpoch = 0 }, false},
		"no trust epoch, no copy":   {func(s *phase.State, a *phase.Account) { s.TrustEpoch, a.CopiedEpoch = 0, 0 }, false},
		"in shadow nobody is":       {func(s *phase.State, _ *phase.Account) { s.Phase = phase.Shadow }, false},
		"nor in legacy-only":        {func(s *phase.State, _ *phase.Account) { s.Phase = phase.LegacyOnly }, false},
		"in both":                   {func(s *phase.State, _ *phase.Account) { s.Phase = phase.Both }, true},
		"a frozen state trusts too": {func(s *phase.State, _ *phase.Account) { s.Frozen, s.To = true, phase.NewOnly }, true},
	} {
		s, a := state(phase.DualWrite, phase.NewFirst), trusted
		row.change(&s, &a)
		if got := s.Trusts(a); got != row.want {
			t.Errorf("%s: trusted %t", name, got)
		}
	}
}

// A drift mark sends the account back to legacy, unless its password was changed here.
func TestDriftedAccountGoesHome(t *testing.T) {
	t.Parallel()
	s := state(phase.Lazy, phase.NewFirst)
	a := trusted
	a.Drifted = true
	if row := s.Row(a); row.Answers != phase.Legacy || row.Login != phase.TakeOver {
		t.Errorf("drifted: %+v", row)
	}
	a.ChangedHere = true
	if row := s.Row(a); row.Answers != phase.New {
		t.Errorf("drifted, and changed here: %+v", row)
	}
}

// What must hold of every row, whatever the state and the account.
func TestRowProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom(everyState()).Draw(t, "state")
		s.TrustEpoch = rapid.Int64Range(0, testEpoch).Draw(t, "trust epoch")
		s.Percent = phase.Percent(rapid.IntRange(0, int(phase.All)).Draw(t, "percent"))
		flag := func(name string) bool { return rapid.Bool().Draw(t, name) }
		a := phase.Account{
			ID: numbered(rapid.IntRange(0, 100).Draw(t, "id")), CopiedEpoch: rapid.Int64Range(0, testEpoch+1).Draw(t, "copied"),
			Dirty: flag("dirty"), Drifted: flag("drifted"), ChangedHere: flag("changed"), InDoubt: flag("doubt"),
			Pinned: flag("pinned"), Tombstone: flag("tombstone"),
		}
		row := s.Row(a)
		frozen := s
		frozen.Frozen, frozen.To = true, s.Phase
		cold := frozen.Row(a)

		must := func(ok bool, rule string) {
			if !ok {
				t.Fatalf("%s: %+v", rule, row)
			}
		}
		deleted, stays := a.Tombstone, a.Pinned || a.ChangedHere
		must(!deleted || row == (phase.Row{}), "a deleted account is answered for by nobody, and not written")
		must(deleted || !stays || row.Answers == phase.New && row.Home == phase.New && row.Legacy != phase.Required,
			"what stays here is answered here, and legacy cannot hold it up")
		must(row.Answers != phase.New || stays || s.Trusts(a), "an old copy answers for nobody")
		must(row.Answers == phase.Neither || row.Answers == row.Home, "who answers is home")
		must(row.Login == phase.TakeNothing || row.Answers == phase.Legacy, "what is taken comes from legacy")
		must(row.Login == phase.TakeNothing || !a.InDoubt, "nothing is copied while a change is in doubt")
		must(!row.Mirrored || row.Answers == phase.Legacy, "what is mirrored is legacy's answer")
		must(deleted || row.Legacy == phase.Required || row.New == phase.Required, "a change is written somewhere or fails")
		must(row.New == phase.Required || row.New == phase.NoWrite || row.Legacy == phase.Required, "a best effort follows a required write")
		must(row.Answers != phase.Legacy || s.AsksLegacy(), "where legacy answers, it is asked")
		must(row.Answers != phase.Legacy || row.Legacy != phase.NoWrite, "where legacy answers, it hears of changes")
		must(row.New != phase.Required || deleted || stays || s.NeedsNew(), "legacy-only and shadow go on without the new store")
		must(!row.Frozen, "an open state is not frozen")

		must(cold.Answers == row.Answers && cold.Home == row.Home, "frozen, people log in as before")
		must(deleted || cold.Frozen && cold.Legacy == phase.NoWrite && cold.New == phase.NoWrite && cold.Login == phase.TakeNothing,
			"frozen, nothing is written")
	})
}

// A state that says nothing lets nobody in.
func TestZeroStateAnswersForNobody(t *testing.T) {
	t.Parallel()
	for _, s := range []phase.State{{}, {Phase: 9}} {
		for _, a := range []phase.Account{absent, trusted, pinned} {
			if row := s.Row(a); row.Answers != phase.Neither || row.Login != phase.TakeNothing {
				t.Errorf("phase %q: %+v", s.Phase, row)
			}
		}
		if phase.Coexist(s, s) {
			t.Errorf("phase %q may stand beside itself", s.Phase)
		}
	}
}
