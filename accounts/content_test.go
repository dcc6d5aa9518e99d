package accounts_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/legacy"
)

// strong is somebody whose hash is carried, with a profile.
func strong(id, name string) legacy.User {
	return legacy.User{
		ID: id, Username: name, Email: name + "@example.org",
		Password: &legacy.Stored{Scheme: "auto", Hash: "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"},
		Profile:  legacy.Profile{DisplayName: "Anna", Roles: []string{"b", "a"}, Attributes: map[string]string{"k": "v"}},
	}
}

// differs fails unless all ways of comparing find this verdict, and these aspects.
func (v *village) differs(t *testing.T, id string, want accounts.Verdict, aspects ...accounts.Aspect) {
	t.Helper()
	user := v.person(t, id)
	v.judged(t, user, want)
	got, err := v.Compare(t.Context(), "shop", user)
	if err != nil || !slices.Equal(got.Aspects, aspects) {
		t.Errorf("%q differ (%v), want %q", got.Aspects, err, aspects)
	}
}

// ofAnna finds the rows of person 7.
var ofAnna = ` WHERE account_id = '` + anna.String() + `'`

// What is here is compared, not only what was noted of legacy when it was copied: whoever has damaged it is found, and what they
// have damaged is copied again once it is marked.
func TestCompareContents(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]struct {
		sql     string
		aspects []accounts.Aspect
	}{
		"no names":           {`DELETE FROM identifiers` + ofAnna, []accounts.Aspect{accounts.AspectNames}},
		"one name missing":   {`DELETE FROM identifiers WHERE canonical = 'anna@example.org'`, []accounts.Aspect{accounts.AspectNames}},
		"another name":       {`UPDATE identifiers SET canonical = 'evil', spelling = 'evil' WHERE canonical = 'anna'`, []accounts.Aspect{accounts.AspectNames}},
		"one name more":      {`INSERT INTO identifiers (canonical, account_id, position, kind, spelling) SELECT 'evil', account_id, 9, 'username', 'evil' FROM identifiers WHERE canonical = 'anna'`, []accounts.Aspect{accounts.AspectNames}},
		"another spelling":   {`UPDATE identifiers SET spelling = 'ANNA' WHERE canonical = 'anna'`, []accounts.Aspect{accounts.AspectNames}},
		"another kind":       {`UPDATE identifiers SET kind = 'phone' WHERE canonical = 'anna'`, []accounts.Aspect{accounts.AspectNames}},
		"disabled as legacy": {`UPDATE accounts SET disabled = TRUE WHERE id IN (SELECT account_id FROM legacy_links` + ofAnna + `)`, []accounts.Aspect{accounts.AspectDisabled}},
		"another's password": {`UPDATE credentials SET legacy = (SELECT legacy FROM credentials c WHERE c.account_id <> credentials.account_id)` + ofAnna, []accounts.Aspect{accounts.AspectPassword}},
		"no password":        {`DELETE FROM credentials` + ofAnna, []accounts.Aspect{accounts.AspectPassword}},
		"a second factor":    {`INSERT INTO factors (id, account_id, kind, name, secret) SELECT account_id, account_id, 'totp', '', x'78' FROM credentials` + ofAnna, []accounts.Aspect{accounts.AspectFactor}},
		"another's profile":  {`UPDATE profiles SET display_name = 'Evil'` + ofAnna, []accounts.Aspect{accounts.AspectProfile}},
		"no profile":         {`DELETE FROM profiles` + ofAnna, []accounts.Aspect{accounts.AspectProfile}},
		"other roles":        {`UPDATE profiles SET roles = '["root"]'` + ofAnna, []accounts.Aspect{accounts.AspectProfile}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, strong("7", "anna"), strong("8", "bert"))
			v.move(t, phase.Shadow, phase.Both)
			for _, id := range []string{"7", "8"} {
				mustMigrate(t, v.Service, swept(id), accounts.OutcomeMoved)
			}
			v.differs(t, "7", accounts.VerdictEqual)
			v.raw(t, damage.sql)
			v.differs(t, "7", accounts.VerdictDifferent, damage.aspects...)
			v.differs(t, "8", accounts.VerdictEqual)
			if slices.Contains(damage.aspects, accounts.AspectFactor) || name == "no password" {
				return // a copy is of what can be read of them, and there is no version that it could replace
			}
			if marked, err := v.MarkDrifted(t.Context(), "shop", "7", because); !marked || err != nil {
				t.Errorf("marked %t (%v)", marked, err)
			}
			if marked, err := v.MarkDrifted(t.Context(), "shop", "7", because); marked || err != nil {
				t.Errorf("marked again: %t (%v)", marked, err)
			}
			mustMigrate(t, v.Service, swept("7"), accounts.OutcomeRecopied)
			v.differs(t, "7", accounts.VerdictEqual)
		})
	}
}

// Where legacy answers a profile has to be the one that it has; where the new store does, it goes its own way.
func TestCompareProfiles(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, strong("7", "anna"))
	v.move(t, phase.Shadow)
	mustMigrate(t, v.Service, swept("7"), accounts.OutcomeMoved)
	v.source.Change("7", func(u *legacy.User) { u.Profile.Roles = []string{"a", "b"} })
	v.differs(t, "7", accounts.VerdictEqual) // in another order
	v.source.Change("7", func(u *legacy.User) {
		u.Profile.DisplayName, u.Profile.Roles = "Anna \x00 \xff\xfe Berg", []string{"\xff\xfe\x00"}
	})
	v.differs(t, "7", accounts.VerdictDifferent, accounts.AspectProfile)
	if marked, err := v.MarkDrifted(t.Context(), "shop", "7", because); !marked || err != nil {
		t.Errorf("marked %t (%v)", marked, err)
	}
	mustMigrate(t, v.Service, swept("7"), accounts.OutcomeRecopied)
	v.differs(t, "7", accounts.VerdictEqual)
	v.source.Change("7", func(u *legacy.User) { u.Profile.EmailVerified = true })
	v.differs(t, "7", accounts.VerdictDifferent, accounts.AspectProfile)
	v.source.Change("7", func(u *legacy.User) { u.Profile = legacy.Profile{} })
	v.differs(t, "7", accounts.VerdictDifferent, accounts.AspectProfile)

	lazy := newVillage(t, phase.Lazy, accounts.CopyBackNone, strong("7", "anna"))
	mustMigrate(t, lazy.Service, swept("7"), accounts.OutcomeMoved)
	lazy.source.Change("7", func(u *legacy.User) { u.Profile.DisplayName = "Anna Berg" })
	lazy.differs(t, "7", accounts.VerdictAhead, accounts.AspectOwnProfile)
	if marked, err := lazy.MarkDrifted(t.Context(), "shop", "7", because); marked || err != nil {
		t.Errorf("marked %t (%v)", marked, err)
	}
	lazy.raw(t, `DELETE FROM identifiers`)
	lazy.differs(t, "7", accounts.VerdictDifferent, accounts.AspectNames, accounts.AspectOwnProfile)
}

// A wrap opens for its own account alone, and nobody can tell of whom the argon2id of a proven password is.
func TestComparePasswords(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"), salted(t, "8", "bert", "daisy"))
	for _, id := range []string{"7", "8"} {
		mustMigrate(t, v.Service, swept(id), accounts.OutcomeMoved)
	}
	v.storedAs(t, "7", accounts.SchemeWrapped)
	v.differs(t, "7", accounts.VerdictEqual)
	mustLogin(t, v.Service, "bert", "daisy")
	v.storedAs(t, "8", accounts.SchemeArgon2id)
	v.differs(t, "8", accounts.VerdictEqual)
	for _, damage := range []string{
		`UPDATE credentials SET encoded = '$argon2id$'`, `UPDATE credentials SET legacy = ''`, `UPDATE credentials SET legacy = 'AAAA'`,
	} {
		w := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"))
		mustMigrate(t, w.Service, swept("7"), accounts.OutcomeMoved)
		w.raw(t, damage)
		w.differs(t, "7", accounts.VerdictDifferent, accounts.AspectPassword)
	}
}

// A name that was left to somebody else is no difference; the same name, held by nobody, is one.
func TestCompareANameOfAnothers(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, strong("7", "anna"))
	mustMigrate(t, v.Service, swept("7"), accounts.OutcomeMoved)
	v.raw(t, `DELETE FROM identifiers WHERE canonical = 'anna'`)
	v.differs(t, "7", accounts.VerdictDifferent, accounts.AspectNames)
	v.source.Put(salted(t, "8", "ANNA", "daisy"))
	v.differs(t, "7", accounts.VerdictEqual)
	v.source.SetDown(errors.New("connection refused"))
	_, err := v.CompareMany(t.Context(), "shop", []legacy.User{strong("7", "anna")})
	if !errors.As(err, new(*accounts.UnavailableError)) {
		t.Errorf("with the shop down: %v", err)
	}
}

// Whom staff have enabled here is as staff say, where the new store answers; a copy that was never disabled is a difference.
func TestCompareTheDisabled(t *testing.T) {
	t.Parallel()
	barred := strong("7", "anna")
	barred.Disabled = true
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, barred)
	mustMigrate(t, v.Service, swept("7"), accounts.OutcomeMoved)
	v.differs(t, "7", accounts.VerdictEqual)
	v.raw(t, `UPDATE accounts SET disabled = FALSE`)
	v.differs(t, "7", accounts.VerdictDifferent, accounts.AspectDisabled)
	v.raw(t, `UPDATE accounts SET disabled = TRUE`)
	unwatched := v.serve(t, func(c *accounts.Config) {
		c.Store, c.Sources = v.store, []accounts.Source{{Name: "shop", Source: v.shop}}
	})
	if changed, _, err := unwatched.SetDisabled(t.Context(), anna, false, because); !changed || err != nil {
		t.Fatalf("enabled: %t (%v)", changed, err)
	}
	v.differs(t, "7", accounts.VerdictEqual)
}

// What is accepted of an account counts no more when the account is another, though the link is the same.
func TestIgnoreContents(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, strong("7", "anna"))
	mustMigrate(t, v.Service, swept("7"), accounts.OutcomeMoved)
	v.raw(t, `DELETE FROM identifiers WHERE canonical = 'anna'`)
	if got, err := v.IgnoreDifference(t.Context(), "shop", "7", because); got != accounts.VerdictDifferent || err != nil {
		t.Errorf("%q (%v)", got, err)
	}
	v.differs(t, "7", accounts.VerdictIgnored)
	if rec, err := v.store.ByID(t.Context(), anna); err != nil || rec.Link.Dirty || rec.Link.Drifted {
		t.Errorf("marked for a name (%v)", err)
	}
	v.raw(t, `DELETE FROM identifiers`+ofAnna)
	v.differs(t, "7", accounts.VerdictDifferent, accounts.AspectNames)
	v.raw(t, `UPDATE credentials SET legacy = 'AAAA'`)
	if got, err := v.IgnoreDifference(t.Context(), "shop", "7", because); got != accounts.VerdictDifferent || err != nil {
		t.Errorf("%q (%v)", got, err)
	}
	if rec, err := v.store.ByID(t.Context(), anna); err != nil || !rec.Link.Dirty {
		t.Errorf("not marked for a password (%v)", err)
	}
}

// Who is equal but for what comparing logins has found is disagreeing: also where their profile goes its own way, or a name of theirs
// was left to somebody else. Where more differs, that is told.
func TestCompareContentsOfThoseWhoDisagree(t *testing.T) {
	t.Parallel()
	t.Run("own profile", func(t *testing.T) {
		t.Parallel()
		v, s := comparingIn(t, phase.Shadow, phase.Both, phase.Ramp)
		v.source.Change("7", func(u *legacy.User) { u.Profile.DisplayName = "Anna Berg" })
		v.differs(t, "7", accounts.VerdictAhead, accounts.AspectOwnProfile)
		v.plant(t, "rose")
		mustLogin(t, s, "anna", "rose")
		compared(t, s, verdicts{here: 1})
		v.differs(t, "7", accounts.VerdictDisagreeing, accounts.AspectOwnProfile)
	})
	t.Run("names", func(t *testing.T) {
		t.Parallel()
		v, s := comparingIn(t, phase.Shadow)
		v.plant(t, "rose")
		mustLogin(t, s, "anna", "tulip")
		compared(t, s, verdicts{legacy: 1})
		v.raw(t, `DELETE FROM identifiers WHERE canonical = 'anna'`)
		v.differs(t, "7", accounts.VerdictDifferent, accounts.AspectNames)
		v.source.Put(salted(t, "8", "ANNA", "daisy"))
		v.differs(t, "7", accounts.VerdictDisagreeing)
		if marked, err := v.MarkDrifted(t.Context(), "shop", "7", because); !marked || err != nil {
			t.Errorf("marked %t (%v)", marked, err)
		}
		if rec, err := v.store.ByID(t.Context(), anna); err != nil || !rec.Link.Dirty || rec.Link.Drifted {
			t.Errorf("%+v (%v)", rec.Link, err)
		}
	})
}

// Who was born here, and whom legacy was told of, has what the old table has a column for.
func TestCompareThoseBornHere(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, strong("7", "anna"))
	mustMigrate(t, v.Service, swept("7"), accounts.OutcomeMoved)
	v.raw(t, `UPDATE legacy_links SET how = 'copy-back'`)
	v.source.Change("7", func(u *legacy.User) { u.Profile = legacy.Profile{} })
	v.raw(t, `INSERT INTO identifiers (canonical, account_id, position, kind, spelling) SELECT '+4912', account_id, 9, 'phone', '+4912' FROM identifiers WHERE canonical = 'anna'`)
	v.differs(t, "7", accounts.VerdictEqual)
	v.raw(t, `UPDATE legacy_links SET drifted = TRUE`)
	mustMigrate(t, v.Service, swept("7"), accounts.OutcomeRecopied)
	if profile, err := v.store.Profile(t.Context(), anna); err != nil || profile.DisplayName != "Anna" {
		t.Errorf("the profile is %+v (%v)", profile, err)
	}
	v.raw(t, `DELETE FROM identifiers WHERE canonical = 'anna'`)
	v.differs(t, "7", accounts.VerdictDifferent, accounts.AspectNames)
}

// Of a store that only verifies the profile is here and the password waits: that is no difference, until the profile is.
func TestCompareThoseWhoWait(t *testing.T) {
	t.Parallel()
	w, d := newDirectory(t, "")
	mustMigrate(t, w.Service, accounts.Migration{Source: "ldap", LegacyID: "7", How: accounts.BySweep, By: because}, accounts.OutcomeProfile)
	found := func(want accounts.Verdict, aspects ...accounts.Aspect) {
		t.Helper()
		user, err := d.Get(t.Context(), "7")
		must(t, "read", err, nil)
		got, err := w.Compare(t.Context(), "ldap", user)
		if err != nil || got.Verdict != want || !slices.Equal(got.Aspects, aspects) {
			t.Errorf("%q (%v), want %q %q", got, err, want, aspects)
		}
	}
	found(accounts.VerdictWaiting)
	if !accounts.VerdictWaiting.Clean() {
		t.Error("that is a difference")
	}
	d.Change("7", func(u *legacy.User) { u.Profile.DisplayName = "Anna" })
	found(accounts.VerdictDifferent, accounts.AspectProfile)
	d.Change("7", func(u *legacy.User) { u.Profile.DisplayName = "" })
	must(t, "mark", w.store.MarkDirty(t.Context(), accounts.LegacyKey{Source: "ldap", LegacyID: "7"}), nil)
	found(accounts.VerdictUntrusted)
	mustLogin(t, w.Service, "anna", "tulip")
	found(accounts.VerdictEqual)
}

// Two records under one key are nobody's to compare by the key.
func TestCompareIDsOfTwins(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, strong("7", "anna"))
	mustMigrate(t, v.Service, swept("7"), accounts.OutcomeMoved)
	twins := v.serve(t, func(c *accounts.Config) {
		c.Store, c.Sources = v.store, []accounts.Source{{Name: "shop", Source: twins{v.shop, "7"}}}
	})
	got, err := twins.CompareIDs(t.Context(), "shop", []string{"7"})
	if err != nil || len(got) != 1 || got[0].Verdict != accounts.VerdictUnreadable || !slices.Equal(got[0].Aspects, []accounts.Aspect{accounts.AspectKey}) {
		t.Errorf("%q (%v)", got, err)
	}
}

// A twins is a shop that has a record twice under one key.
type twins struct {
	*shop
	id string
}

func (s twins) GetMany(ctx context.Context, ids []string) ([]legacy.User, error) {
	var all []legacy.User
	for _, id := range ids {
		user, err := s.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		all = append(all, user)
		if id == s.id {
			user.Username = "twin"
			all = append(all, user)
		}
	}
	return all, nil
}
