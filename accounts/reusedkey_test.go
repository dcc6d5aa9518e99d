package accounts_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/legacy"
)

// replaced gives a person's key to somebody else, as an old store does that counts on from the highest that is there.
func (v *village) replaced(t *testing.T, id, name, pw string, change ...func(*legacy.User)) {
	t.Helper()
	v.source.Remove(id)
	other := salted(t, id, name, pw)
	other.CreatedAt = other.CreatedAt.AddDate(5, 0, 0)
	for _, f := range change {
		f(&other)
	}
	v.source.Put(other)
}

// stillAnnas fails unless the account is hers, as it was copied.
func (v *village) stillAnnas(t *testing.T) {
	t.Helper()
	rec, err := v.store.ByID(t.Context(), anna)
	if err != nil || len(rec.Identifiers) != 2 || rec.Identifiers[1].Spelling != "anna" || rec.Credential.Version != 1 {
		t.Errorf("the account is %+v, version %d (%v)", rec.Identifiers, rec.Credential.Version, err)
	}
}

// refusesReused fails unless nothing moves somebody for another's key.
func refusesReused(t *testing.T, s *accounts.Service, id string) {
	t.Helper()
	outcome, err := s.Migrate(t.Context(), swept(id))
	if no, ok := errors.AsType[*accounts.UnmovableError](err); !ok || no.Class != accounts.NoteIDReused {
		t.Errorf("moved: %q, %v", outcome, err)
	}
}

// Who has the key of somebody else's copy gets neither their subject nor their account: not by a login, a sweep, a repair, a session
// or a reset, in no phase.
func TestKeyOfACopyReused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		plan phase.Plan
		way  []phase.Phase
		mark string
	}{
		"shadow":             {phase.DualWrite, []phase.Phase{phase.Shadow}, ""},
		"both":               {phase.DualWrite, []phase.Phase{phase.Shadow, phase.Both}, ""},
		"both, dirty":        {phase.DualWrite, []phase.Phase{phase.Shadow, phase.Both}, "dirty"},
		"new-first, drifted": {phase.Lazy, nil, "drifted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVillage(t, test.plan, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
			v.move(t, test.way...)
			mustMigrate(t, v.Service, swept("7"), accounts.OutcomeMoved)
			if test.mark != "" {
				v.raw(t, `UPDATE legacy_links SET `+test.mark+` = TRUE`)
			}
			session := accounts.Session{AccountID: anna, Source: "shop", LegacyID: "7"}
			v.replaced(t, "7", "zoe", "daisy")
			for _, s := range []*accounts.Service{v.Service, v.second} {
				mustDoubt(t, s, "zoe", "daisy")
				mustDoubt(t, s, "zoe", "wrong")
				refusesReused(t, s, "7")
			}
			v.judged(t, v.person(t, "7"), accounts.VerdictIDReused)
			if marked, err := v.MarkDrifted(t.Context(), "shop", "7", because); marked || err != nil {
				t.Errorf("marked %t (%v)", marked, err)
			}
			_, err := v.ProfileOf(t.Context(), accounts.Person{ID: anna, Source: "shop", LegacyID: "7"})
			must(t, "the profile of a session of hers", err, accounts.ErrCredentials)
			err = change(v.Service, session, "daisy", orchids)
			must(t, "a change in a session of hers", err, accounts.ErrCredentials)
			_, err = v.Find(t.Context(), "zoe")
			must(t, "find", err, accounts.ErrCredentials)
			v.stillAnnas(t)
			if n := v.noted(t, accounts.NoteIDReused); n != 1 {
				t.Errorf("%d notes, want 1", n)
			}

			// Who comes back is she.
			v.source.Remove("7")
			v.source.Put(salted(t, "7", "anna", "rose"))
			v.raw(t, `UPDATE legacy_links SET drifted = TRUE`)
			v.takes(t, "rose")
		})
	}
}

// Where the new store answers, the key's new owner is not taken for the one whose it was either, though nothing here is marked.
func TestKeyOfAnAccountReused(t *testing.T) {
	t.Parallel()
	v, _ := watching(t, accounts.CopyBackNone)
	v.replaced(t, "7", "zoe", "daisy")
	mustDoubt(t, v.Service, "zoe", "daisy")
	v.judged(t, v.person(t, "7"), accounts.VerdictIDReused)
	v.takes(t, "tulip") // nobody has looked yet
	v.watch(t, v.Service)
	v.refuses(t, "tulip")
	mustDoubt(t, v.second, "zoe", "daisy")
	v.judged(t, v.person(t, "7"), accounts.VerdictIDReused)

	// Staff may let it be, as long as it is as it is.
	skipped, err := v.SkipQuarantined(t.Context(), accounts.LegacyKey{Source: "shop", LegacyID: "7"}, because)
	if !skipped || err != nil {
		t.Fatalf("skipped: %t (%v)", skipped, err)
	}
	v.judged(t, v.person(t, "7"), accounts.VerdictIgnored)
	mustDoubt(t, v.Service, "zoe", "daisy")
}

// Without a time of creation it is told by having been seen gone.
func TestKeyReusedWithoutATime(t *testing.T) {
	t.Parallel()
	first := salted(t, "7", "anna", "tulip")
	first.CreatedAt = time.Time{}
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, first)
	v.hear(t)
	mustMigrate(t, v.Service, swept("7"), accounts.OutcomeMoved)
	v.source.Remove("7")
	v.reconcile(t, v.Service)
	v.replaced(t, "7", "zoe", "daisy", func(u *legacy.User) { u.CreatedAt = time.Time{} })
	v.raw(t, `UPDATE legacy_links SET drifted = TRUE`) // as a repair of before may have left it
	mustDoubt(t, v.Service, "zoe", "daisy")
	refusesReused(t, v.Service, "7")
	v.judged(t, v.person(t, "7"), accounts.VerdictIDReused)
	v.stillAnnas(t)
	if rec, err := v.store.ByID(t.Context(), anna); err != nil || !rec.Disabled || rec.Link.Barred != accounts.BarredGone {
		t.Errorf("disabled %t, %q (%v)", rec.Disabled, rec.Link.Barred, err)
	}
}

// Somebody who is seen to be gone while another is being read under their key is not copied over: the links are read behind it.
func TestKeyReusedWhileItIsRead(t *testing.T) {
	t.Parallel()
	timeless := func(u *legacy.User) { u.CreatedAt = time.Time{} }
	first := salted(t, "7", "anna", "tulip")
	timeless(&first)
	v := newVillage(t, phase.DualWrite, accounts.CopyBackNone, first)
	v.move(t, phase.Shadow)
	mustMigrate(t, v.Service, swept("7"), accounts.OutcomeMoved)
	gone := func() { v.raw(t, `UPDATE legacy_links SET barred = 'gone'; UPDATE accounts SET disabled = TRUE`) }
	back := func() { v.raw(t, `UPDATE legacy_links SET barred = ''; UPDATE accounts SET disabled = FALSE`) }
	v.replaced(t, "7", "zoe", "daisy", timeless)
	v.shop.beforeGet = gone
	refusesReused(t, v.Service, "7")
	v.stillAnnas(t)

	back()
	asked := 0
	s := v.serve(t, func(c *accounts.Config) {
		c.Store, c.Lease = v.store, v.leases[0]
		c.Sources = []accounts.Source{{Name: "shop", Source: asking{v.shop, func() {
			if asked++; asked == 2 { // to find her, and once more behind the copy
				gone()
			}
		}}}}
	})
	mustDoubt(t, s, "zoe", "daisy")
	v.stillAnnas(t)
}

// An asking is a shop that tells when it is asked for somebody.
type asking struct {
	*shop
	asked func()
}

func (s asking) Lookup(ctx context.Context, spellings ...string) ([]legacy.User, error) {
	s.asked()
	return s.shop.Lookup(ctx, spellings...)
}

// What was changed here stands against the record of its person, not against that of another: nobody takes that for hers.
func TestKeyReusedIsNotSettled(t *testing.T) {
	t.Parallel()
	v, session := watching(t, accounts.CopyBackNone)
	must(t, "change", change(v.Service, session, "tulip", orchids), nil)
	v.replaced(t, "7", "zoe", "daisy")
	v.judged(t, v.person(t, "7"), accounts.VerdictIDReused)
	v.raw(t, `UPDATE legacy_links SET drifted = TRUE`)
	refusesReused(t, v.Service, "7")
	v.mustDrift(t, true)
	v.takes(t, orchids)
	mustDoubt(t, v.Service, "zoe", "daisy")
}

// So is who is a part of an account that is named after another.
func TestKeyOfAPartReused(t *testing.T) {
	t.Parallel()
	v, _ := watching(t, accounts.CopyBackNone)
	part := salted(t, "9", "annas", "rose")
	part.CreatedAt = part.CreatedAt.AddDate(0, 0, 1)
	link := accounts.LegacyLink{
		Source: "shop", LegacyID: "9", LegacyCreatedAt: part.CreatedAt, Fingerprint: []byte("x"), How: accounts.ByLogin, At: v.clock.now().Add(time.Hour),
	}
	must(t, "link", v.store.KeepLink(t.Context(), anna, link), nil)
	v.source.Put(part)
	if p := mustLogin(t, v.Service, "annas", "tulip"); p.ID != anna {
		t.Errorf("the part is %s", p.ID)
	}
	v.replaced(t, "9", "zoe", "daisy")
	mustDoubt(t, v.Service, "zoe", "daisy")
	v.judged(t, v.person(t, "9"), accounts.VerdictIDReused)
}

// Nothing that is written to the old store for an account reaches the record of who has its key now.
func TestKeyReusedIsNotWritten(t *testing.T) {
	t.Parallel()
	t.Run("staff delete", func(t *testing.T) {
		t.Parallel()
		v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
		v.move(t, phase.Shadow, phase.Both)
		mustMigrate(t, v.Service, swept("7"), accounts.OutcomeMoved)
		v.replaced(t, "7", "zoe", "daisy")
		_, err := v.DeleteBy(t.Context(), anna.String(), false, because)
		must(t, "delete", err, accounts.ErrNotFound)
		v.sold(t, "7", "daisy", true)
	})
	t.Run("a password", func(t *testing.T) {
		t.Parallel()
		v, session := watching(t, accounts.CopyBackFull)
		must(t, "change", change(v.Service, session, "tulip", orchids), nil)
		v.replaced(t, "7", "zoe", "daisy")
		for range 3 {
			v.deliver(t, v.Service)
			v.later(t, time.Hour)
		}
		v.sold(t, "7", "daisy", true)
		mustDoubt(t, v.Service, "zoe", "daisy")
		if n := v.noted(t, accounts.NoteIDReused); n != 1 {
			t.Errorf("%d notes, want 1", n)
		}
	})
	t.Run("an address", func(t *testing.T) {
		t.Parallel()
		v := newVillage(t, phase.Lazy, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
		_, token := v.asked(t, newAddress)
		must(t, "confirm", confirmEmail(t, v.Service, token), nil)
		v.replaced(t, "7", "zoe", "daisy")
		v.deliver(t, v.Service)
		if user, _ := v.there(t, "7"); user.Email != "zoe@example.org" {
			t.Errorf("the shop has %s", user.Email)
		}
		mustDoubt(t, v.Service, "zoe", "daisy")
	})
	t.Run("a deletion", func(t *testing.T) {
		t.Parallel()
		v, _ := watching(t, accounts.CopyBackFull)
		mustErase(t, v.Service, "anna", true)
		v.replaced(t, "7", "zoe", "daisy")
		v.deliver(t, v.Service)
		v.sold(t, "7", "daisy", true)
		v.waiting(t, 0)
		mustDoubt(t, v.Service, "zoe", "daisy")
	})
}
