package accounts_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/legacy"
)

// person is how a walk has found somebody.
func (v *village) person(t *testing.T, id string) legacy.User {
	t.Helper()
	user, err := v.source.Get(t.Context(), id)
	must(t, "read "+id, err, nil)
	return user
}

// judged fails unless both ways of comparing find this.
func (v *village) judged(t *testing.T, user legacy.User, want accounts.Verdict) {
	t.Helper()
	got, err := v.Compare(t.Context(), "shop", user)
	if err != nil || got.Verdict != want {
		t.Errorf("compared: %q (%v), want %q", got, err, want)
	}
	many, err := v.CompareMany(t.Context(), "shop", []legacy.User{user})
	if err != nil || len(many) != 1 || many[0].Verdict != want {
		t.Errorf("compared with others: %q (%v), want %q", many, err, want)
	}
	if got, err = v.CompareLink(t.Context(), "shop", user.ID); err != nil || got.Verdict != want {
		t.Errorf("compared by the link: %q (%v), want %q", got, err, want)
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"), salted(t, "8", "bert", "daisy"), salted(t, "9", "BERT", "rose"))
	_, err := v.BeginValidation()
	must(t, "in legacy-only", err, accounts.ErrNothingMoves)
	v.move(t, phase.Shadow)
	first := v.person(t, "7")
	v.judged(t, first, accounts.VerdictMissingHere)
	v.judged(t, v.person(t, "8"), accounts.VerdictUnmovable) // contested
	mustMigrate(t, v.Service, swept("7"), accounts.OutcomeMoved)
	v.judged(t, first, accounts.VerdictEqual)
	v.move(t, phase.Both)
	v.judged(t, first, accounts.VerdictUntrusted)
	mustMigrate(t, v.Service, swept("7"), accounts.OutcomeRecopied)
	v.judged(t, first, accounts.VerdictEqual)

	// Who was changed and copied since the walk read them is equal: they are read again.
	v.source.Change("7", func(u *legacy.User) { u.Email = "new@example.org" })
	v.judged(t, v.person(t, "7"), accounts.VerdictDifferent)
	mustMigrate(t, v.Service, swept("7"), accounts.OutcomeRecopied)
	v.judged(t, first, accounts.VerdictEqual)

	v.raw(t, `UPDATE accounts SET in_doubt = TRUE`)
	v.source.Change("7", func(u *legacy.User) { u.Email = "newer@example.org" })
	v.judged(t, v.person(t, "7"), accounts.VerdictAhead)
	v.raw(t, `UPDATE accounts SET in_doubt = FALSE`)
	gone := v.person(t, "7")
	must(t, "delete there", v.source.Delete(t.Context(), gone), nil)
	v.judged(t, gone, accounts.VerdictMissingThere)
}

// Of people who are one account only the one that it is named after is compared: the others answer for nothing.
func TestCompareOfTheLinked(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"))
	mustMigrate(t, v.Service, swept("7"), accounts.OutcomeMoved)
	v.source.Put(salted(t, "8", "another", "daisy"))
	must(t, "link", v.store.KeepLink(t.Context(), anna, accounts.LegacyLink{Source: "shop", LegacyID: "8", How: accounts.ByLogin, At: v.clock.now().Add(time.Hour)}), nil)
	v.judged(t, v.person(t, "8"), accounts.VerdictEqual)
	mustMigrate(t, v.Service, swept("8"), accounts.OutcomeUnchanged)
	gone := v.person(t, "8")
	must(t, "delete there", v.source.Delete(t.Context(), gone), nil)
	v.judged(t, gone, accounts.VerdictEqual)
	v.takes(t, "tulip")
}

// Repair marks what differs, and no more; whoever was marked is copied again, or settled.
func TestMarkDrifted(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"), salted(t, "8", "bert", "daisy"))
	for _, id := range []string{"7", "8"} {
		mustMigrate(t, v.Service, swept(id), accounts.OutcomeMoved)
	}
	must(t, "change bert's", change(v.Service, v.open(t, mustLogin(t, v.Service, "bert", "daisy")), "daisy", orchids), nil)
	mark := func(id string, want bool) {
		t.Helper()
		if got, err := v.MarkDrifted(t.Context(), "shop", id, because); got != want || err != nil {
			t.Errorf("person %s: marked %t (%v), want %t", id, got, err, want)
		}
	}
	mark("7", false) // equal
	for _, id := range []string{"7", "8"} {
		v.source.Change(id, func(u *legacy.User) { u.Password.Hash = md5hex(md5hex("rose") + u.Password.Salt) })
	}
	mark("8", false) // ours stands
	mark("nobody", false)
	v.takes(t, "tulip")
	mark("7", true)
	mark("7", false) // again
	v.takes(t, "rose")
	v.refuses(t, "tulip")
	mustLogin(t, v.Service, "bert", orchids)
	if n := v.count(t, anna, accounts.EventDrifted); n != 1 {
		t.Errorf("%d events of the mark", n)
	}
	if _, err := v.MarkDrifted(t.Context(), "shop", "7", accounts.By{}); !errors.As(err, new(*accounts.InvalidError)) {
		t.Errorf("without a reason: %v", err)
	}
}

// A mark that was decided before somebody copied again does not take the copy's trust away.
func TestMarkDriftedIsOvertaken(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	v.move(t, phase.Shadow, phase.Both)
	mustMigrate(t, v.Service, swept("7"), accounts.OutcomeMoved)
	v.source.Change("7", func(u *legacy.User) { u.Email = "new@example.org" })
	v.doors.beforeSetLink = func() error { mustMigrate(t, v.second, swept("7"), accounts.OutcomeRecopied); return nil }
	if marked, err := v.MarkDrifted(t.Context(), "shop", "7", because); marked || err != nil {
		t.Errorf("marked %t (%v)", marked, err)
	}
	v.judged(t, v.person(t, "7"), accounts.VerdictEqual)
}

func (d doorsAt) SetLink(ctx context.Context, was, is accounts.LegacyLink, e accounts.Event) error {
	if err := knock(&d.doors.beforeSetLink); err != nil {
		return err
	}
	return d.Writes.SetLink(ctx, was, is, e)
}

// The gate opens for a pass over everything that has found nothing, began after the copies were first trusted, and was
// followed by none that has.
func TestValidationGate(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	blocks := func() bool {
		t.Helper()
		report, err := v.MovePhase(t.Context(), accounts.PhaseMove{To: phase.Ramp, By: because, DryRun: true})
		if _, held := errors.AsType[*accounts.GateError](err); !held {
			t.Fatal(err)
		}
		i := slices.IndexFunc(report.Findings, func(f phase.Finding) bool { return f.Gate == phase.GateValidation })
		return report.Findings[i].Blocks
	}
	pass := func(complete bool, verdict accounts.Verdict) {
		t.Helper()
		validation, err := v.BeginValidation()
		must(t, "begin", err, nil)
		one := accounts.NewComparison("shop")
		one.Add(verdict, "7")
		validation.Found = accounts.ValidationReport{Complete: complete, Sources: []accounts.Comparison{one}}
		_, err = v.EndValidation(t.Context(), validation)
		must(t, "end", err, nil)
		v.clock.advance(time.Second)
	}
	v.move(t, phase.Shadow)
	pass(true, accounts.VerdictEqual)
	v.move(t, phase.Both)
	for _, step := range []struct {
		what   string
		do     func()
		blocks bool
	}{
		{"a pass from before copies were trusted", func() {}, true},
		{"one over a part", func() { pass(false, accounts.VerdictEqual) }, true},
		{"one that found something", func() { pass(true, accounts.VerdictDifferent) }, true},
		{"a clean one", func() { pass(true, accounts.VerdictAhead) }, false},
		{"a clean one over a part", func() { pass(false, accounts.VerdictEqual) }, false},
		{"and more of them", func() {
			for range 20 {
				pass(false, accounts.VerdictEqual)
				v.hear(t)
			}
		}, false},
		{"a part that differs", func() { pass(false, accounts.VerdictMissingHere) }, true},
		{"a clean one again", func() { pass(true, accounts.VerdictUnmovable) }, false},
		{"a login that is judged differently", func() {
			mustLogin(t, v.Service, "anna", "tulip")
			v.plant(t, "rose")
			s := v.comparing(t, asItIs)
			mustLogin(t, s, "anna", "tulip")
			s.CompareAll(t.Context())
		}, true},
		{"copied again", func() {
			v.raw(t, `UPDATE legacy_links SET dirty = TRUE`)
			mustMigrate(t, v.Service, swept("7"), accounts.OutcomeRecopied)
		}, false},
		{"a day later", func() { v.clock.advance(25 * time.Hour); v.hear(t) }, true},
	} {
		if step.do(); blocks() != step.blocks {
			t.Errorf("%s: blocks %t, want %t", step.what, !step.blocks, step.blocks)
		}
	}
}

// Who has gone from the old store is no difference once they are disabled for it, marked or not; before, a repair leaves them alone:
// their password is here, and nowhere else.
func TestCompareThoseWhoHaveGone(t *testing.T) {
	t.Parallel()
	v, _ := watching(t, accounts.CopyBackNone)
	v.source.Remove("7")
	found := func(want accounts.Verdict) {
		t.Helper()
		if got, err := v.CompareLink(t.Context(), "shop", "7"); err != nil || got.Verdict != want {
			t.Errorf("%q (%v), want %q", got, err, want)
		}
	}
	found(accounts.VerdictMissingThere)
	if marked, err := v.MarkDrifted(t.Context(), "shop", "7", because); marked || err != nil {
		t.Errorf("marked %t (%v)", marked, err)
	}
	v.takes(t, "tulip")
	v.reconcile(t, v.Service)
	found(accounts.VerdictGone)
	v.raw(t, `UPDATE legacy_links SET drifted = TRUE`) // as a repair of before has
	found(accounts.VerdictGone)
	if !accounts.VerdictGone.Clean() {
		t.Error("that is a difference")
	}
	p := of(t, mustProgress(t, v.serve(t, func(c *accounts.Config) {
		c.Store, c.Sources = v.store, []accounts.Source{{Name: "shop", Source: v.shop}}
	})), "shop")
	if p.Gone != 1 || p.Drifted != 0 || p.Copied != 0 || p.Home != 1 {
		t.Errorf("%+v", p)
	}
	v.source.Put(salted(t, "7", "anna", "tulip"))
	v.reconcile(t, v.second)
	found(accounts.VerdictEqual)
	v.takes(t, "tulip")
}

// Who has gone and was disabled by staff alone is not yet one of them.
func TestCompareTheGoneWhomStaffHaveDisabled(t *testing.T) {
	t.Parallel()
	v, _ := watching(t, accounts.CopyBackNone)
	_, _, err := v.SetDisabled(t.Context(), anna, true, because)
	must(t, "disable", err, nil)
	v.source.Remove("7")
	if got, err := v.CompareLink(t.Context(), "shop", "7"); err != nil || got.Verdict != accounts.VerdictMissingThere {
		t.Errorf("%q (%v)", got, err)
	}
}
