package accounts_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/legacy"
)

// swept is a person of the shop who is to be moved without their password.
func swept(id string) accounts.Migration {
	return accounts.Migration{Source: "shop", LegacyID: id, How: accounts.BySweep, By: because}
}

// mustMigrate fails unless a move comes to this.
func mustMigrate(t *testing.T, s *accounts.Service, m accounts.Migration, want accounts.Outcome) {
	t.Helper()
	if got, err := s.Migrate(t.Context(), m); err != nil || got != want {
		t.Fatalf("person %s: %q (%v), want %q", m.LegacyID, got, err, want)
	}
}

// mustNotMigrate fails unless a move is refused with this class.
func mustNotMigrate(t *testing.T, s *accounts.Service, m accounts.Migration, want accounts.NoteClass) {
	t.Helper()
	_, err := s.Migrate(t.Context(), m)
	if no, ok := errors.AsType[*accounts.UnmovableError](err); !ok || no.Class != want {
		t.Fatalf("person %s: %v, want class %s", m.LegacyID, err, want)
	}
}

// storedAs fails unless a person's credential is of a scheme.
func (w *world) storedAs(t *testing.T, id string, want accounts.Scheme) accounts.Record {
	t.Helper()
	rec, err := w.store.ByLink(t.Context(), "shop", id)
	if err != nil || rec.Credential.Scheme != want {
		t.Fatalf("person %s is stored as %q (%v), want %q", id, rec.Credential.Scheme, err, want)
	}
	return rec
}

func withHash(id, username, scheme, stored string) legacy.User {
	return legacy.User{ID: id, Username: username, Password: &legacy.Stored{Scheme: scheme, Hash: stored}}
}

// strongHash is what an old store has of a password that is kept as it is.
func strongHash(t *testing.T, pw string) string {
	t.Helper()
	made, err := bcrypt.GenerateFromPassword([]byte(pw), 10)
	if err != nil {
		t.Fatal(err)
	}
	return string(made)
}

// A hash that is moved unseen is of the same password as before, and of no other; a login replaces it.
func TestMigrateKeepsThePassword(t *testing.T) {
	t.Parallel()
	strong := strongHash(t, "tulip")
	argon2, err := password.Hasher{}.Hash([]byte("tulip"))
	must(t, "hash", err, nil)
	for name, tt := range map[string]struct {
		user  legacy.User
		keep  accounts.Keep
		typed string
		want  accounts.Scheme
		no    []string        // must not log in
		after accounts.Scheme // the login
	}{
		"weak":                  {md5Salted(t, "7", "anna", "", "tulip"), "", "tulip", accounts.SchemeWrapped, []string{"rose"}, accounts.SchemeArgon2id},
		"strong":                {withHash("7", "anna", "auto", strong), "", "tulip", accounts.SchemeCarried, []string{"rose"}, accounts.SchemeArgon2id},
		"strong, to be wrapped": {withHash("7", "anna", "auto", strong), accounts.KeepWrap, "tulip", accounts.SchemeWrapped, []string{"rose"}, accounts.SchemeArgon2id},
		"bcrypt of little cost": {withHash("7", "anna", "auto", bcryptHash(t, []byte("tulip"))), "", "tulip", accounts.SchemeWrapped, []string{"rose"}, accounts.SchemeArgon2id},
		"plaintext":             {withHash("7", "anna", "plaintext", "tulip"), "", "tulip", accounts.SchemeWrapped, []string{"rose", "masked"}, accounts.SchemeArgon2id},
		"trimmed":               {withHash("7", "anna", "wordpress", md5hex("tulip")), "", " tulip ", accounts.SchemeWrapped, []string{"tulip2"}, accounts.SchemeArgon2id},
		// WordPress has some passwords escaped and others not, and the hash does not tell.
		"escaped":     {withHash("7", "anna", "wordpress", md5hex(`it\'s`)), "", "it's", accounts.SchemeWrapped, []string{"its"}, accounts.SchemeArgon2id},
		"not escaped": {withHash("7", "anna", "wordpress", md5hex(`it's`)), "", "it's", accounts.SchemeWrapped, []string{`it\'s`, "its"}, accounts.SchemeArgon2id},
		// What takes more memory than ours is not made weaker by a login.
		"stronger than ours": {withHash("7", "anna", "auto", argon2), "", "tulip", accounts.SchemeCarried, []string{"rose"}, accounts.SchemeCarried},
		"cut":                {withHash("7", "anna", "bcrypt", strongHash(t, strings.Repeat("a", 72))), "", strings.Repeat("a", 80), accounts.SchemeCarried, []string{"a"}, accounts.SchemeWrapped},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tt.user)
			m := swept("7")
			m.Hash = tt.keep
			dry := m
			dry.DryRun = true
			mustMigrate(t, w.Service, dry, accounts.OutcomeMoved)
			if n, err := w.store.CountAccounts(t.Context()); n != 0 || err != nil {
				t.Fatalf("a dry run made %d accounts (%v)", n, err)
			}
			mustMigrate(t, w.Service, m, accounts.OutcomeMoved)
			w.storedAs(t, "7", tt.want)
			asked := w.source.Lookups.Load()
			for _, pw := range append(tt.no, tt.typed+"?") {
				if pw != tt.typed+"?" || tt.after != accounts.SchemeWrapped { // beyond 72 bytes bcrypt does not see it
					mustRefuse(t, w.Service, "anna", pw)
				}
			}
			for range 2 {
				if p := mustLogin(t, w.Service, "anna", tt.typed); p.ID != anna {
					t.Errorf("the subject is %s", p.ID)
				}
			}
			w.storedAs(t, "7", tt.after) // cut: never what was typed beyond the limit
			for _, pw := range tt.no {
				mustRefuse(t, w.Service, "anna", pw)
			}
			if now := w.source.Lookups.Load(); now != asked {
				t.Errorf("the old store was asked %d times after the move", now-asked)
			}
			mustMigrate(t, w.Service, m, accounts.OutcomeUnchanged)
		})
	}
}

// A hash of the empty password lets nobody in, however the old scheme folds.
func TestMigrateEmptyPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withHash("7", "anna", "wordpress", md5hex("")))
	mustRefuse(t, w.Service, "anna", "   ")
	mustMigrate(t, w.Service, swept("7"), accounts.OutcomeMoved)
	mustRefuse(t, w.Service, "anna", "   ")
	w.storedAs(t, "7", accounts.SchemeWrapped)
}

// The audit has one event of a move, with who, why and how; and moving again changes nothing.
func TestMigrateIsAudited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "7", "anna", "", "tulip"))
	m := swept("7")
	m.How, m.By = accounts.BySupport, accounts.By{Actor: "staff:berta", Reason: "ticket 4711", RequestID: "r1"}
	mustMigrate(t, w.Service, m, accounts.OutcomeMoved)
	before := w.storedAs(t, "7", accounts.SchemeWrapped)
	mustMigrate(t, w.Service, m, accounts.OutcomeUnchanged)
	if after := w.storedAs(t, "7", accounts.SchemeWrapped); after.Credential != before.Credential || after.Link.How != accounts.BySupport {
		t.Error("the second move changed something")
	}
	events, err := w.store.Events(t.Context(), anna, 10)
	if err != nil || len(events) != 1 {
		t.Fatalf("%d events (%v)", len(events), err)
	}
	e := events[0]
	if e.Kind != accounts.EventMigrated || e.Actor != "staff:berta" || e.Reason != "ticket 4711" || e.RequestID != "r1" ||
		e.Detail["how"] != "support" || e.Detail["from"] != "recipe" || e.Detail["to"] != "wrapped" {
		t.Errorf("the event is %+v", e)
	}
	m.By.Reason = ""
	if _, err := w.Migrate(t.Context(), m); !errors.As(err, new(*accounts.InvalidError)) {
		t.Errorf("without a reason: %v", err)
	}
}

// Who cannot be moved without a password is refused with a class, is not here afterwards, and can still log in.
func TestMigrateRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		users []legacy.User
		keep  accounts.Keep
		want  accounts.NoteClass
		noted int
	}{
		"nobody":         {nil, "", accounts.NoteGone, 0},
		"no hash":        {[]legacy.User{{ID: "7", Username: "anna"}}, "", accounts.NoteUnusableHash, 0},
		"locked":         {[]legacy.User{withHash("7", "anna", "auto", "!")}, "", accounts.NoteUnusableHash, 0},
		"unreadable":     {[]legacy.User{withHash("7", "anna", "auto", "what is this")}, "", accounts.NoteUnreadableHash, 1},
		"over bounds":    {[]legacy.User{withHash("7", "anna", "auto", "$2y$31$"+strings.Repeat("a", 53))}, "", accounts.NoteOverBounds, 1},
		"weak":           {[]legacy.User{md5Salted(t, "7", "anna", "", "tulip")}, accounts.KeepCarry, accounts.NoteWeakHash, 0},
		"contested":      {[]legacy.User{md5Salted(t, "7", "anna", "", "tulip"), md5Salted(t, "8", "Anna", "", "rose")}, "", accounts.NoteContested, 1},
		"without a name": {[]legacy.User{md5Salted(t, "7", "\x01", "", "tulip")}, "", accounts.NoteInvalidIdentifier, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tt.users...)
			m := swept("7")
			m.Hash, m.DryRun = tt.keep, true
			mustNotMigrate(t, w.Service, m, tt.want)
			notes, err := w.store.Notes(t.Context(), 10)
			if err != nil || len(notes) != 0 {
				t.Errorf("a dry run left %d notes (%v)", len(notes), err)
			}
			m.DryRun = false
			mustNotMigrate(t, w.Service, m, tt.want)
			mustNotMigrate(t, w.Service, m, tt.want)
			if notes, err = w.store.Notes(t.Context(), 10); err != nil || len(notes) != tt.noted {
				t.Errorf("%d notes (%v), want %d", len(notes), err, tt.noted)
			}
			if n, err := w.store.CountAccounts(t.Context()); n != 0 || err != nil {
				t.Errorf("%d accounts (%v)", n, err)
			}
			if name == "contested" {
				mustLogin(t, w.Service, "anna", "tulip")
			}
		})
	}
}

// Whoever asks for a move that cannot be made is in the audit, with their reason and why not, each time; a look and a sweep are not.
func TestMigrateRefusedIsAudited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withHash("7", "anna", "auto", "!"))
	asked := accounts.Migration{Source: "shop", LegacyID: "7", By: because}
	dry := asked
	dry.DryRun = true
	for _, m := range []accounts.Migration{dry, swept("7"), asked, asked} {
		mustNotMigrate(t, w.Service, m, accounts.NoteUnusableHash)
	}
	all, err := w.store.Events(t.Context(), accounts.SubjectFor("shop", "7"), 10)
	must(t, "events", err, nil)
	if len(all) != 2 {
		t.Fatalf("%+v", all)
	}
	for _, e := range all {
		if e.Kind != accounts.EventMoveRefused || e.Actor != because.Actor || e.Reason != because.Reason || e.Detail["class"] != string(accounts.NoteUnusableHash) {
			t.Errorf("%+v", e)
		}
	}
}

// verifier is an old store that checks passwords and shows none.
type verifier struct{ legacy.Source }

func (verifier) Get(context.Context, string) (legacy.User, error) {
	return legacy.User{ID: "7", Username: "anna"}, nil
}
func (verifier) Verify(context.Context, legacy.User, []byte) error { return nil }

func TestMigrateOfVerifyOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.serve(t, func(c *accounts.Config) { c.Sources[0].Source = verifier{w.source} })
	carry := swept("7")
	carry.Hash = accounts.KeepCarry
	mustNotMigrate(t, s, carry, accounts.NoteVerifyOnly)
}

// What is moved in which phase, and that it is then what that phase needs.
func TestMigrateInEachPhase(t *testing.T) {
	t.Parallel()
	strong := strongHash(t, "rose")
	for name, way := range ways() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
			v.move(t, way...)
			if name == "legacy-only" {
				_, err := v.Migrate(t.Context(), swept("7"))
				must(t, "in legacy-only", err, accounts.ErrNothingMoves)
				return
			}
			mustMigrate(t, v.Service, swept("7"), accounts.OutcomeMoved)
			mustMigrate(t, v.second, swept("7"), accounts.OutcomeUnchanged)
			v.takes(t, "tulip")
			v.refuses(t, "rose")
			// Whoever changes the password there is followed, and the newer copy is not weaker than the one before.
			v.source.Change("7", func(u *legacy.User) { u.Password = &legacy.Stored{Hash: strong} })
			if name == "ramp" {
				return // the copy answers, until somebody marks it
			}
			mustMigrate(t, v.Service, swept("7"), accounts.OutcomeRecopied)
			mustMigrate(t, v.Service, swept("7"), accounts.OutcomeUnchanged)
			v.storedAs(t, "7", accounts.SchemeWrapped)
			v.hear(t) // hashes may have taken long
			v.takes(t, "rose")
			v.hear(t)
			v.refuses(t, "tulip")
		})
	}
	t.Run("frozen", func(t *testing.T) {
		t.Parallel()
		v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"))
		v.step(t, phase.LegacyOnly, 0)
		v.hear(t)
		_, err := v.Migrate(t.Context(), swept("7"))
		doubtful(t, "frozen", err)
	})
	t.Run("new-only", func(t *testing.T) {
		t.Parallel()
		v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"))
		v.move(t, phase.NewOnly)
		_, err := v.Migrate(t.Context(), swept("7"))
		must(t, "in new-only", err, accounts.ErrNothingMoves)
	})
}

// While a change of both stores has not ended, nobody knows which of them has it.
func TestMigrateInDoubt(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	v.move(t, phase.Shadow, phase.Both)
	mustMigrate(t, v.Service, swept("7"), accounts.OutcomeMoved)
	v.doors.afterBegin = func() {
		v.source.Change("7", func(u *legacy.User) { u.Email = "new@example.org" })
		_, err := v.second.Migrate(t.Context(), swept("7"))
		doubtful(t, "in doubt", err)
	}
	err := change(v.Service, v.open(t, mustLogin(t, v.Service, "anna", "tulip")), "tulip", orchids)
	doubtful(t, "a change that was overtaken", err)
	mustMigrate(t, v.Service, swept("7"), accounts.OutcomeRecopied)
	v.takes(t, "tulip")
}

// A copy that is only not trusted yet keeps its credential, which may be of a password that was proven.
func TestMigrateTrustsACopy(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	v.move(t, phase.Shadow)
	mustLogin(t, v.Service, "anna", "tulip")
	copied := v.storedAs(t, "7", accounts.SchemeArgon2id)
	v.move(t, phase.Both)
	dry := swept("7")
	dry.DryRun = true
	mustMigrate(t, v.Service, dry, accounts.OutcomeRecopied)
	mustMigrate(t, v.Service, swept("7"), accounts.OutcomeRecopied)
	if now := v.storedAs(t, "7", accounts.SchemeArgon2id); now.Credential.Encoded != copied.Credential.Encoded || now.Link.CopiedEpoch <= copied.Link.CopiedEpoch {
		t.Error("the credential was replaced, or the copy is not trusted")
	}
	mustMigrate(t, v.Service, swept("7"), accounts.OutcomeUnchanged)
}

// A drifted copy is made equal again; one that was changed here stays as it is, and the conflict is listed once.
func TestMigrateOfTheDrifted(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"), salted(t, "8", "bert", "daisy"))
	anna, bert := mustLogin(t, v.Service, "anna", "tulip"), mustLogin(t, v.Service, "bert", "daisy")
	must(t, "change bert's", change(v.Service, v.open(t, bert), "daisy", orchids), nil)
	for _, id := range []string{"7", "8"} {
		v.source.Change(id, func(u *legacy.User) { u.Password.Hash = md5hex(md5hex("rose") + u.Password.Salt) })
		mustMigrate(t, v.Service, swept(id), accounts.OutcomeUnchanged) // nothing says that it has drifted
		v.raw(t, `UPDATE legacy_links SET drifted = TRUE WHERE legacy_id = ?`, id)
	}
	mustMigrate(t, v.Service, swept("7"), accounts.OutcomeRecopied)
	mustMigrate(t, v.Service, swept("8"), accounts.OutcomeSettled)
	v.takes(t, "rose")
	v.refuses(t, "tulip")
	mustLogin(t, v.Service, "bert", orchids)
	mustRefuse(t, v.Service, "bert", "rose")
	for _, id := range []string{"7", "8"} {
		mustMigrate(t, v.Service, swept(id), accounts.OutcomeUnchanged)
	}
	if v.count(t, bert.ID, accounts.EventDriftSettled) != 1 || v.count(t, bert.ID, accounts.EventQuarantined) != 1 || v.count(t, anna.ID, accounts.EventCopied) != 1 {
		t.Error("the conflict is not listed once")
	}
}

// Disabled there is disabled here, and no longer than there while the old store answers.
func TestMigrateOfTheDisabled(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	disable := func(disabled bool) { v.source.Change("7", func(u *legacy.User) { u.Disabled = disabled }) }
	disabled := func(want bool) {
		t.Helper()
		if rec, err := v.store.ByLink(t.Context(), "shop", "7"); err != nil || rec.Disabled != want {
			t.Fatalf("disabled here: %t (%v), want %t", rec.Disabled, err, want)
		}
	}
	v.move(t, phase.Shadow, phase.Both)
	disable(true)
	mustMigrate(t, v.Service, swept("7"), accounts.OutcomeMoved)
	disabled(true)
	v.refuses(t, "tulip")
	disable(false)
	v.takes(t, "tulip") // and copies again
	disabled(false)

	session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
	disable(true)
	mustMigrate(t, v.Service, swept("7"), accounts.OutcomeRecopied)
	disabled(true)
	v.refuses(t, "tulip")
	if s, err := v.store.Session(t.Context(), session.ID); err != nil || !s.Superseded {
		t.Errorf("her session lives (%v)", err)
	}
	v.move(t, phase.Ramp)
	v.refuses(t, "tulip") // the copy answers

	// What staff say is theirs, whatever the old store says.
	v.move(t, phase.Both)
	_, _, err := v.SetDisabled(t.Context(), anna, true, because)
	must(t, "disable", err, nil)
	disable(false)
	mustMigrate(t, v.Service, swept("7"), accounts.OutcomeRecopied)
	disabled(true)
	v.refuses(t, "tulip")
}

// Whoever comes between a move's look and its write is not overwritten.
func TestMigrateIsOvertaken(t *testing.T) {
	t.Parallel()
	t.Run("by a login", func(t *testing.T) {
		t.Parallel()
		v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"))
		v.doors.beforeCreate = func() error { mustLogin(t, v.second, "anna", "tulip"); return nil }
		mustMigrate(t, v.Service, swept("7"), accounts.OutcomeUnchanged)
		v.storedAs(t, "7", accounts.SchemeArgon2id)
	})
	t.Run("by a login and a change", func(t *testing.T) {
		t.Parallel()
		v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"))
		v.doors.beforeCreate = func() error {
			session := v.open(t, mustLogin(t, v.second, "anna", "tulip"))
			must(t, "change", change(v.second, session, "tulip", orchids), nil)
			return nil
		}
		mustMigrate(t, v.Service, swept("7"), accounts.OutcomeUnchanged)
		v.takes(t, orchids)
		v.refuses(t, "tulip")
	})
	t.Run("by a deletion", func(t *testing.T) {
		t.Parallel()
		v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"))
		v.doors.beforeCreate = func() error {
			must(t, "delete", erase(v.second, v.open(t, mustLogin(t, v.second, "anna", "tulip")), "tulip"), nil)
			return nil
		}
		mustMigrate(t, v.Service, swept("7"), accounts.OutcomeDeleted)
		v.refuses(t, "tulip")
		mustMigrate(t, v.Service, swept("7"), accounts.OutcomeDeleted)

		// And whoever has the number now is not her.
		v.source.Change("7", func(u *legacy.User) { u.CreatedAt = u.CreatedAt.AddDate(1, 0, 0) })
		mustNotMigrate(t, v.Service, swept("7"), accounts.NoteIDReused)
	})
	t.Run("by the old application", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, md5Salted(t, "7", "anna", "", "tulip"))
		looks := 0
		w.source.OnLookup = func() {
			if looks++; looks == 1 { // the hash is made of the old one
				w.source.Change("7", func(u *legacy.User) { u.Password.Hash = md5hex(md5hex("rose") + u.Password.Salt) })
			}
		}
		mustMigrate(t, w.Service, swept("7"), accounts.OutcomeMoved)
		mustRefuse(t, w.Service, "anna", "tulip")
		mustLogin(t, w.Service, "anna", "rose")
	})
	for name, overtake := range map[string]func(*testing.T, *village){
		"by a change of an untrusted copy": func(t *testing.T, v *village) {
			t.Helper()
			session := v.open(t, mustLogin(t, v.second, "anna", "tulip"))
			must(t, "change", change(v.second, session, "tulip", orchids), nil)
		},
		"by a rehash": func(t *testing.T, v *village) { t.Helper(); mustLogin(t, v.second, "anna", "tulip") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
			v.move(t, phase.Shadow)
			mustMigrate(t, v.Service, swept("7"), accounts.OutcomeMoved)
			v.move(t, phase.Both)
			v.doors.beforeRecopy = func() error { overtake(t, v); return nil }
			if _, err := v.Migrate(t.Context(), swept("7")); err != nil {
				t.Fatal(err)
			}
			pw := map[bool]string{true: orchids, false: "tulip"}[strings.Contains(name, "change")]
			v.takes(t, pw)
			v.move(t, phase.Ramp)
			v.takes(t, pw)
			if pw != "tulip" {
				v.refuses(t, "tulip")
			}
		})
	}
	t.Run("by a move of the phase", func(t *testing.T) {
		t.Parallel()
		v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"))
		v.doors.beforeCreate = func() error { v.step(t, phase.LegacyOnly, 0); return nil }
		_, err := v.Migrate(t.Context(), swept("7"))
		doubtful(t, "in an epoch that has ended", err)
		if n, err := v.store.CountAccounts(t.Context()); n != 0 || err != nil {
			t.Errorf("%d accounts (%v)", n, err)
		}
	})
}

// Moves and logins of one person at once make one account, and every right login is in.
func TestMigrateBesideLogins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "7", "anna", "", "tulip"))
	second := w.restart(t, cheap)
	var all sync.WaitGroup
	for i := range 24 {
		s := []*accounts.Service{w.Service, second}[i%2]
		all.Go(func() {
			if i%3 == 0 {
				if _, err := s.Login(t.Context(), try("anna", "tulip")); err != nil {
					t.Errorf("login: %v", err)
				}
				return
			}
			_, err := s.Migrate(t.Context(), swept("7"))
			if _, doubt := errors.AsType[*accounts.UnavailableError](err); err != nil && !doubt {
				t.Errorf("migrate: %v", err)
			}
		})
	}
	all.Wait()
	if n, err := w.store.CountAccounts(t.Context()); n != 1 || err != nil {
		t.Errorf("%d accounts (%v)", n, err)
	}
	mustLogin(t, w.Service, "anna", "tulip")
	w.storedAs(t, "7", accounts.SchemeArgon2id)
}

// The sweep hashes behind the logins.
func TestMigrateWaitsForLogins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "7", "anna", "", "tulip"), md5Salted(t, "8", "bert", "", "daisy"))
	pool := password.NewPool(password.PoolConfig{Permits: 2, SweepPermits: 1})
	s := w.serve(t, func(c *accounts.Config) { c.Permits = pool })
	mustMigrate(t, s, swept("7"), accounts.OutcomeMoved)
	support := swept("8")
	support.How = accounts.BySupport
	mustMigrate(t, s, support, accounts.OutcomeMoved)
	if stats := pool.Stats(); stats.BegunSweep != 1 || stats.Begun != 1 {
		t.Errorf("%+v", stats)
	}
}

// Somebody is named by what they type, by their id once they are here, and by nothing that several people hold.
func TestPersonOf(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "7", "anna", "", "tulip"), md5Salted(t, "8", "bert", "", "daisy"), md5Salted(t, "9", "Bert", "", "daisy"))
	for ref, want := range map[string]error{"anna": nil, "ANNA": nil, "nobody": accounts.ErrNotFound, "bert": accounts.ErrContestedPerson, anna.String(): accounts.ErrNotFound} {
		account, source, id, err := w.PersonOf(t.Context(), ref)
		if !errors.Is(err, want) || err == nil && (source != "shop" || id != "7" || account != anna) {
			t.Errorf("%s: %s %s %v", ref, source, id, err)
		}
	}
	mustMigrate(t, w.Service, swept("7"), accounts.OutcomeMoved)
	w.source.SetDown(errDown)
	if _, _, id, err := w.PersonOf(t.Context(), anna.String()); id != "7" || err != nil {
		t.Errorf("%s %v", id, err)
	}
	_, _, _, err := w.PersonOf(t.Context(), "nobody")
	doubtful(t, "while the old store is down", err)
}
