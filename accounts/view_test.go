package accounts_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/legacy"
)

// mustView looks at somebody.
func mustView(t *testing.T, s *accounts.Service, ref string) accounts.PersonView {
	t.Helper()
	v, err := s.View(t.Context(), ref)
	if err != nil {
		t.Fatalf("view %q: %v", ref, err)
	}
	return v
}

// told fails unless a person is in a state, in these words.
func told(t *testing.T, s *accounts.Service, ref string, want accounts.PersonState, words string) accounts.PersonView {
	t.Helper()
	v := mustView(t, s, ref)
	if v.State != want || !strings.Contains(v.Why, words) {
		t.Errorf("%s is %s: %s; want %s: %q (also %v)", ref, v.State, v.Why, want, words, v.Also)
	}
	return v
}

// Each cause is told in its words, by whatever the person is called.
func TestCauses(t *testing.T) {
	t.Parallel()
	staff := accounts.By{Actor: "staff:vera", Reason: "x"}
	disableAnna := func(t *testing.T, v *village) {
		_, _, err := v.SetDisabled(t.Context(), anna, true, staff)
		must(t, "disable", err, nil)
	}
	login := func(t *testing.T, v *village) { mustLogin(t, v.Service, "anna", "tulip") }
	moved := func(then func(*testing.T, *village)) func(*testing.T, *village) {
		return func(t *testing.T, v *village) { login(t, v); then(t, v) }
	}
	raw := func(text string) func(*testing.T, *village) {
		return moved(func(t *testing.T, v *village) { v.raw(t, text) })
	}
	stored := func(stored *legacy.Stored) func(*testing.T, *village) {
		return func(_ *testing.T, v *village) { v.source.Change("7", func(u *legacy.User) { u.Password = stored }) }
	}
	for name, tt := range map[string]struct {
		do    func(*testing.T, *village)
		want  accounts.PersonState
		words string
	}{
		"will move": {func(*testing.T, *village) {}, accounts.StateWillMove, "the next login moves them"},
		"moved":     {login, accounts.StateMoved, "moved by login at "},
		"by support": {func(t *testing.T, v *village) {
			m := swept("7")
			m.How = accounts.BySupport
			mustMigrate(t, v.Service, m, accounts.OutcomeMoved)
		}, accounts.StateMoved, "moved by support at "},
		"drifted": {raw(`UPDATE legacy_links SET drifted = TRUE`), accounts.StateDrifted, "changed by others after the move: it answers; the next login moves them again"},
		"behind":  {raw(`UPDATE legacy_links SET dirty = TRUE`), accounts.StateBehind, "a change did not reach the copy here"},
		"disagreeing": {moved(func(t *testing.T, v *village) {
			rec, err := v.store.ByID(t.Context(), anna)
			must(t, "read", err, nil)
			d := accounts.Disagreement{Source: "shop", LegacyID: "7", Version: rec.Credential.Version, Fingerprint: rec.Link.Fingerprint, Taken: phase.New, At: time.Now()}
			kept, err := v.store.KeepDisagreement(t.Context(), d, event(anna, accounts.EventDisagreement, time.Now()))
			if !kept || err != nil {
				t.Fatalf("kept: %t (%v)", kept, err)
			}
		}), accounts.StateDisagreeing, "the copy here took the password of a login, and the legacy store did not, at "},
		"reverted": {moved(func(t *testing.T, v *village) {
			_, err := v.Revert(t.Context(), "anna", false, staff)
			must(t, "revert", err, nil)
		}), accounts.StateReverted, "taken back by staff:vera at "},
		"untrusted":      {raw(`UPDATE legacy_links SET copied_epoch = 0`), accounts.StateUntrusted, "copied before copies could be trusted"},
		"in doubt":       {raw(`UPDATE accounts SET in_doubt = TRUE`), accounts.StateInDoubt, "a change is under way"},
		"pinned":         {raw(`UPDATE accounts SET pinned = TRUE`), accounts.StatePinned, "pinned: answered here in every phase"},
		"changed here":   {raw(`UPDATE accounts SET changed_here = TRUE`), accounts.StateChangedHere, "the legacy store does not know"},
		"disabled":       {moved(disableAnna), accounts.StateDisabled, "disabled by staff:vera at "},
		"disabled past":  {raw(`UPDATE accounts SET disabled = TRUE, disabled_here = TRUE`), accounts.StateDisabled, "disabled by staff: may not log in"},
		"barred":         {raw(`UPDATE accounts SET disabled = TRUE; UPDATE legacy_links SET barred = 'disabled'`), accounts.StateDisabledThere, "disabled by the legacy store"},
		"barred, gone":   {raw(`UPDATE accounts SET disabled = TRUE; UPDATE legacy_links SET barred = 'gone'`), accounts.StateDisabledThere, "has them no more"},
		"disabled there": {func(_ *testing.T, v *village) { v.source.Change("7", disable) }, accounts.StateDisabledThere, "disabled by the legacy store"},
		"deleted":        {moved(func(t *testing.T, v *village) { mustErase(t, v.Service, "anna", true) }), accounts.StateDeleted, "stays deleted"},
		"id reused": {moved(func(_ *testing.T, v *village) {
			v.source.Remove("7")
			other := salted(t, "7", "zoe", "rose")
			other.CreatedAt = other.CreatedAt.Add(time.Hour)
			v.source.Put(other)
		}), accounts.StateIDReused, "another person's"},
		"collides there": {func(t *testing.T, v *village) {
			v.source.Put(legacy.User{ID: "8", Username: "bert", Email: "Anna@example.org", Password: &legacy.Stored{Scheme: "plaintext", Hash: "x"}})
		}, accounts.StateQuarantined, "quarantined: the e-mail address collides with shop/8"},
		"collides here": {func(t *testing.T, v *village) {
			_, err := v.Register(t.Context(), accounts.Registration{Username: "zoe", Password: password.NewSecret([]byte(orchids))})
			must(t, "register", err, nil)
			v.source.Change("7", func(u *legacy.User) { u.Username = "Zoe" })
		}, accounts.StateQuarantined, "quarantined: the user name collides with account "},
		"unusable":   {stored(&legacy.Stored{Scheme: "auto", Hash: "*"}), accounts.StateQuarantined, "no password matches"},
		"unreadable": {stored(&legacy.Stored{Scheme: "auto", Hash: "what is this"}), accounts.StateQuarantined, "cannot be read"},
		"none":       {stored(nil), accounts.StateQuarantined, "has no password"},
		"silent":     {func(_ *testing.T, v *village) { v.source.SetDown(errDown) }, accounts.StateUnknown, ""},
		"born here": {func(t *testing.T, v *village) {
			v.source.Remove("7")
			_, err := v.Register(t.Context(), accounts.Registration{Username: "anna", Password: password.NewSecret([]byte(orchids))})
			must(t, "register", err, nil)
		}, accounts.StateBornHere, "no legacy store knows them"},
		"waiting": {func(t *testing.T, v *village) {
			m := swept("7")
			m.Hash = accounts.KeepReset
			mustMigrate(t, v.Service, m, accounts.OutcomeReset)
			mustKeep(t, v.Service, "anna", accounts.StateWaiting) // or the password that was given up would work again
		}, accounts.StateWaiting, "waits until they have set one"},
		"differs": {moved(func(t *testing.T, v *village) {
			v.raw(t, `UPDATE accounts SET pinned = TRUE`)
			v.source.Change("7", repass("rose"))
		}), accounts.StatePinned, "pinned"},
		"given up": {func(t *testing.T, v *village) {
			login(t, v)
			v.raw(t, `UPDATE legacy_links SET drifted = TRUE`)
			v.move(t, phase.NewOnly)
			v.raw(t, `UPDATE legacy_links SET drifted = FALSE, dirty = FALSE, copied_epoch = 0`)
		}, accounts.StateNewOnly, "only a reset"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"))
			v.hear(t)
			tt.do(t, v)
			ref := "shop/7"
			switch name {
			case "born here":
				ref = "anna"
			case "silent":
				if _, err := v.View(t.Context(), "anna"); !isUnavailable(err) {
					t.Errorf("of a shop that is down: %v", err)
				}
				return
			}
			got := told(t, v.Service, ref, tt.want, tt.words)
			if name == "differs" && (len(got.Also) == 0 || !slices.ContainsFunc(got.Also, func(c accounts.Cause) bool { return c.State == accounts.StateDiffers })) {
				t.Errorf("that the record differs is not told: %v", got.Also)
			}
		})
	}
}

// In each phase the state says who answers, for who has been copied and for who has not.
func TestCausesByPhase(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		at, err := v.store.Phase(t.Context())
		must(t, "phase", err, nil)
		name := at.Phase.String()
		if at.Phase == phase.LegacyOnly {
			got := told(t, v.Service, "anna", accounts.StateNothingMoves, "phase legacy-only: the legacy store answers for everybody")
			if got.Answers != phase.Legacy || got.Where != accounts.WhereLegacy {
				t.Errorf("view: %+v", got)
			}
			return
		}
		told(t, v.Service, "anna", accounts.StateWillMove, "the next login copies them, and in phase "+name)
		mustLogin(t, v.Service, "anna", "tulip")
		if at.Phase == phase.Ramp {
			got := told(t, v.Service, "anna", accounts.StateMoved, "answered here")
			if got.Answers != phase.New {
				t.Errorf("view: %+v", got)
			}
			return
		}
		got := told(t, v.Service, "anna", accounts.StateLegacyAnswers, "phase "+name+": copied by login")
		if got.Answers != phase.Legacy || got.Where != accounts.WhereBoth {
			t.Errorf("view: %+v", got)
		}
	})
}

// While the old store is away its keys go on naming people: what is kept here of one who has not been moved can be seen, and nobody is
// told that somebody of whom nothing is kept is there, or is not.
func TestViewWithoutLegacy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withHash("7", "anna", "auto", "!"))
	mustNotMigrate(t, w.Service, accounts.Migration{Source: "shop", LegacyID: "7", By: because}, accounts.NoteUnusableHash)
	noted := accounts.Unmoved{LegacyKey: accounts.LegacyKey{Source: "shop", LegacyID: "7"}, Class: accounts.NoteUnusableHash, Reason: "no password matches"}
	_, err := w.NoteRefused(t.Context(), []accounts.Unmoved{noted}, because)
	must(t, "quarantine", err, nil)
	w.source.SetDown(errDown)
	people, problems, _ := find(t, w.Service, "shop/7")
	if !slices.Equal(people, []string{"shop/7 legacy unknown"}) || !slices.Equal(problems, []string{"shop not-answered"}) {
		t.Errorf("found: %v, %v", people, problems)
	}
	v := mustView(t, w.Service, "shop/7")
	if v.ID != anna || v.State != accounts.StateUnknown || !v.Silent || v.There != nil || v.Here != nil || len(v.Notes) != 1 || len(v.Events) != 1 {
		t.Errorf("%+v", v)
	}
	if id, events, err := w.History(t.Context(), "shop/7", uuid.Nil, 10); id != anna || len(events) != 1 || err != nil {
		t.Errorf("history: %s, %+v, %v", id, events, err)
	}
	for name, ask := range map[string]func() error{
		"view of another": func() error { _, err := w.View(t.Context(), "shop/8"); return err },
		"view of a name":  func() error { _, err := w.View(t.Context(), "anna"); return err },
		"disable":         func() error { _, err := w.DisableBy(t.Context(), "shop/7", true, false, because); return err },
		"enable":          func() error { _, err := w.DisableBy(t.Context(), "shop/7", false, false, because); return err },
		"delete":          func() error { _, err := w.DeleteBy(t.Context(), "shop/7", false, because); return err },
		"unlock":          func() error { _, err := w.Unlock(t.Context(), "shop/7", false, because); return err },
		"revert":          func() error { _, err := w.Revert(t.Context(), "shop/7", false, because); return err },
	} {
		if err := ask(); !isUnavailable(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A key or an id of which nothing is kept is nobody's until the legacy store says that it is: a typing error has no empty history, and
// no sessions that were ended.
func TestSubjectAnywhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withHash("7", "anna", "auto", "!"))
	asked := func(ref string) error {
		id, err := w.SubjectAnywhere(t.Context(), ref)
		if err == nil && id != anna {
			t.Errorf("%s is %s", ref, id)
		}
		return err
	}
	for _, ref := range []string{"shop/7", "anna"} {
		must(t, ref, asked(ref), nil)
	}
	for _, ref := range []string{"shop/8", "berta", anna.String()} {
		must(t, ref, asked(ref), accounts.ErrNotFound)
	}
	w.source.SetDown(errDown)
	for _, ref := range []string{"shop/7", "shop/8", "anna"} {
		if err := asked(ref); !isUnavailable(err) {
			t.Errorf("%s without the legacy store: %v", ref, err)
		}
	}
	openSession(t, w, anna)
	for _, ref := range []string{"shop/7", anna.String()} {
		must(t, ref+" with a session", asked(ref), nil)
	}
}

// The links stay when a legacy store has left the configuration, and with them the keys that staff have written down.
func TestKeyOfFormerSource(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withHash("7", "anna", "plaintext", "tulip"))
	mustMigrate(t, w.Service, swept("7"), accounts.OutcomeMoved)
	later := w.serve(t, func(c *accounts.Config) { c.Sources = nil })
	for name, ask := range map[string]func() (uuid.UUID, error){
		"account": func() (uuid.UUID, error) { rec, err := later.AccountOf(t.Context(), "shop/7"); return rec.ID, err },
		"view":    func() (uuid.UUID, error) { v, err := later.View(t.Context(), "shop/7"); return v.ID, err },
		"subject": func() (uuid.UUID, error) { return later.SubjectAnywhere(t.Context(), "shop/7") },
	} {
		if id, err := ask(); id != anna || err != nil {
			t.Errorf("%s: %s, %v", name, id, err)
		}
	}
	_, err := w.DeleteBy(t.Context(), "shop/7", false, because)
	must(t, "delete", err, nil)
	if id, events, err := later.History(t.Context(), "shop/7", uuid.Nil, 10); id != anna || len(events) != 2 || err != nil {
		t.Errorf("deleted: %s, %+v, %v", id, events, err)
	}
	for _, ref := range []string{"shop/8", "portal/7"} {
		_, err := later.SubjectAnywhere(t.Context(), ref)
		must(t, ref, err, accounts.ErrNotFound)
	}
}

// The two records stand side by side; what differs is named, and nothing that proves anything is in it.
func TestView(t *testing.T) {
	t.Parallel()
	w := newWorld(t, legacy.User{
		ID: "7", Username: "anna", Email: "Anna@example.org", Password: &legacy.Stored{Scheme: "md5($pass.'pepper-of-hers')", Hash: md5hex("tulippepper-of-hers")},
		Profile:   legacy.Profile{DisplayName: "Anna", Roles: []string{"editor"}, Attributes: map[string]string{"card": "4711"}, RecoveryCodes: []string{"code-one"}},
		CreatedAt: time.Date(2019, 3, 1, 12, 0, 0, 0, time.UTC), LastLoginAt: time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC),
	})
	v := mustView(t, w.Service, "ANNA")
	if v.Where != accounts.WhereLegacy || v.ID != anna || v.Source != "shop" || v.LegacyID != "7" || v.Here != nil || v.There == nil ||
		v.There.Email != "Anna@example.org" || v.There.DisplayName != "Anna" || v.There.LastLoginAt.Year() != 2025 || v.There.Attributes[0] != "card" ||
		v.There.Password != (accounts.PasswordView{Scheme: accounts.SchemeRecipe, Strength: accounts.StrengthWeak}) ||
		v.Move != (accounts.MoveView{Outcome: accounts.OutcomeMoved}) || v.Factors[accounts.FactorRecovery] != 1 || len(v.Identifiers) != 2 {
		t.Errorf("before: %+v %+v", v, v.There)
	}
	mustMigrate(t, w.Service, swept("7"), accounts.OutcomeMoved)
	v = mustView(t, w.Service, "anna")
	if v.Where != accounts.WhereBoth || v.Here == nil || v.There == nil || len(v.Differ) != 0 ||
		v.Here.Password != (accounts.PasswordView{Scheme: "wrapped", Behind: accounts.SchemeRecipe, Strength: accounts.StrengthStrong}) {
		t.Errorf("swept: %+v %+v", v, v.Here)
	}
	openSession(t, w, anna)
	mustLogin(t, w.Service, "anna", "tulip")
	w.source.Change("7", func(u *legacy.User) { u.Profile.DisplayName, u.Email, u.Disabled = "Berta", "berta@example.org", true })
	v = mustView(t, w.Service, "anna")
	if v.Here.Password.Scheme != "argon2id" || !slices.Equal(v.Differ, []string{"identifiers", "email", "display_name", "disabled", "record"}) ||
		v.Sessions != 1 || v.Here.LastLoginAt.IsZero() || len(v.Events) != 2 {
		t.Errorf("after: %+v %+v", v, v.Here)
	}
	for _, hidden := range []string{"pepper-of-hers", md5hex("tulippepper-of-hers"), "$argon2id$", "4711", "code-one", "tulip"} {
		if strings.Contains(fmt.Sprintf("%+v %+v %+v %+v", v.Also, v.Events, *v.Here, *v.There), hidden) {
			t.Errorf("%q is shown", hidden)
		}
	}
}

// A store that only verifies shows its people by the names that it knows them by.
func TestViewVerifyOnly(t *testing.T) {
	t.Parallel()
	w, _ := newDirectory(t, password.FoldNone)
	v := told(t, w.Service, "anna", accounts.StateVerifyOnly, "without one only the profile")
	if v.There.Password.Strength != accounts.StrengthHidden || v.Move.Outcome != accounts.OutcomeProfile {
		t.Errorf("view: %+v", v)
	}
	if outcome, err := w.Migrate(t.Context(), accounts.Migration{Source: "ldap", LegacyID: "7", By: because}); err != nil || outcome != accounts.OutcomeProfile {
		t.Fatalf("move: %s, %v", outcome, err)
	}
	v = told(t, w.Service, "anna", accounts.StateVerifyOnly, "only a login can bring the password")
	if v.Here.Password.Strength != accounts.StrengthNone {
		t.Errorf("view: %+v", v.Here)
	}
	mustRevert(t, w.Service, "anna", false) // the directory answers
	mustLogin(t, w.Service, "anna", "tulip")
	if v := mustView(t, w.Service, "anna"); v.State != accounts.StateMoved || v.Where != accounts.WhereBoth {
		t.Errorf("view: %+v", v)
	}
}

// A text that could be a name and a key is the key, so that nobody can be taken for another by the name that they choose.
func TestRefsAreNotNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plain("7", "anna", "tulip"), plain("8", "shop/7", "rose"), plain("9", "shop/70", "rose"), plain("10", "blog/7", "rose"))
	for _, name := range []string{"anna", "shop/7", "shop/70", "blog/7"} {
		pw := "rose"
		if name == "anna" {
			pw = "tulip"
		}
		mustLogin(t, w.Service, name, pw)
	}
	for ref, want := range map[string]string{"shop/7": "7", "shop/8": "8", "anna": "7", "blog/7": "10"} { // there is no blog
		v := mustView(t, w.Service, ref)
		if v.LegacyID != want {
			t.Errorf("%s is person %s, want %s", ref, v.LegacyID, want)
		}
		if id, err := w.SubjectOf(t.Context(), ref); err != nil || id != v.ID {
			t.Errorf("%s: subject %s, %v", ref, id, err)
		}
		if id, _, legacyID, err := w.PersonOf(t.Context(), ref); err != nil || id != v.ID || legacyID != want {
			t.Errorf("%s: person %s, %v", ref, legacyID, err)
		}
	}
	if _, err := w.View(t.Context(), "shop/70"); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("a name that looks like nobody's key: %v", err)
	}
	if _, err := w.AccountOf(t.Context(), "shop/70"); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("a name that looks like nobody's key: %v", err)
	}
}

// Who only looks is told the phase of the store, whether or not they take part in it.
func TestViewWithoutLease(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	v.move(t, phase.Shadow)
	alone := v.serve(t, func(*accounts.Config) {})
	if got := told(t, alone, "anna", accounts.StateWillMove, "in phase shadow"); got.Phase != phase.Shadow {
		t.Errorf("view: %+v", got)
	}
}
