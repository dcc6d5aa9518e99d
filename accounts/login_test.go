package accounts_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/legacy"
)

func md5hex(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

func bcryptHash(t *testing.T, pw []byte) string {
	t.Helper()
	encoded, err := bcrypt.GenerateFromPassword(pw[:min(len(pw), 72)], bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

func mustLogin(t *testing.T, s *accounts.Service, identifier, pw string) accounts.Person {
	t.Helper()
	person, err := s.Login(t.Context(), try(identifier, pw))
	if err != nil {
		t.Fatalf("the right password of %q was not accepted: %v", identifier, err)
	}
	return person
}

func mustRefuse(t *testing.T, s *accounts.Service, identifier, pw string) {
	t.Helper()
	if _, err := s.Login(t.Context(), try(identifier, pw)); !errors.Is(err, accounts.ErrCredentials) {
		t.Fatalf("login of %q: got %v, want a refusal", identifier, err)
	}
}

func mustDoubt(t *testing.T, s *accounts.Service, identifier, pw string) {
	t.Helper()
	_, err := s.Login(t.Context(), try(identifier, pw))
	var unavailable *accounts.UnavailableError
	if !errors.As(err, &unavailable) || unavailable.RetryAfter <= 0 {
		t.Fatalf("login of %q: got %v, want \"cannot tell\" with a time to retry", identifier, err)
	}
	if errors.Is(err, accounts.ErrCredentials) {
		t.Fatal("\"cannot tell\" is a refusal too")
	}
}

func TestFirstLoginMoves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "7", "anna", "Anna@Example.org", "tulip"))

	first := mustLogin(t, w.Service, "anna", "tulip")
	if want := accounts.SubjectFor("shop", "7"); first.ID != want {
		t.Errorf("sub is %s, want %s: it must not depend on the login", first.ID, want)
	}
	asked := w.source.Lookups.Load()

	w.source.SetDown(errDown)
	for _, identifier := range []string{"anna", "Anna@Example.org"} {
		if second := mustLogin(t, w.Service, identifier, "tulip"); second.ID != first.ID {
			t.Errorf("%s: sub changed from %s to %s", identifier, first.ID, second.ID)
		}
	}
	if w.source.Lookups.Load() != asked {
		t.Error("the second login asked the legacy store")
	}
	mustRefuse(t, w.Service, "anna", "rose")

	rec, err := w.store.ByID(t.Context(), first.ID)
	if err != nil {
		t.Fatal(err)
	}
	if rec.Credential.Scheme != accounts.SchemeArgon2id || !strings.HasPrefix(rec.Credential.Encoded, "$argon2id$") {
		t.Errorf("stored as %q, want argon2id", rec.Credential.Scheme)
	}
	if rec.Link == nil || rec.Link.Source != "shop" || rec.Link.LegacyID != "7" || len(rec.Link.Fingerprint) != 32 ||
		!rec.Link.LegacyCreatedAt.Equal(time.Date(2019, 3, 1, 12, 0, 0, 0, time.UTC)) {
		t.Errorf("link is %+v", rec.Link)
	}
	events, err := w.store.Events(t.Context(), first.ID, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != 1 || events[0].Kind != accounts.EventMigrated {
		t.Errorf("events are %+v, want one move", events)
	}
}

func TestWrongPasswordWritesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "7", "anna", "", "tulip"))
	mustRefuse(t, w.Service, "anna", "rose")
	mustRefuse(t, w.Service, "nobody", "rose")
	if n, err := w.store.CountAccounts(t.Context()); err != nil || n != 0 {
		t.Errorf("there are %d accounts (%v), want none", n, err)
	}
	if notes, err := w.store.Notes(t.Context(), 10); err != nil || len(notes) != 0 {
		t.Errorf("notes: %v (%v), want none", notes, err)
	}
}

func TestReplacedPasswordIsNotRevived(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "7", "anna", "", "tulip"))
	person := mustLogin(t, w.Service, "anna", "tulip")
	setPassword(t, w, person, "orchid")

	mustRefuse(t, w.Service, "anna", "tulip")
	mustLogin(t, w.Service, "anna", "orchid")

	// The legacy store may know the person by another name now; the account here still answers for them.
	w.source.Change("7", func(u *legacy.User) { u.Username = "annette" })
	mustRefuse(t, w.Service, "annette", "tulip")
	if again := mustLogin(t, w.Service, "annette", "orchid"); again.ID != person.ID {
		t.Errorf("sub changed from %s to %s", person.ID, again.ID)
	}
}

// setPassword changes a password behind the service's back, as another replica would.
func setPassword(t *testing.T, w *world, p accounts.Person, pw string) {
	t.Helper()
	rec, err := w.store.ByID(t.Context(), p.ID)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := password.Hasher{Policy: cheap}.Hash([]byte(pw))
	if err != nil {
		t.Fatal(err)
	}
	next := accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: encoded}
	event := accounts.Event{ID: newID(t), At: time.Now(), AccountID: p.ID, Kind: accounts.EventRehashed, Actor: "test"}
	if err := w.store.ReplaceCredential(t.Context(), p.ID, rec.Credential.Version, next, event); err != nil {
		t.Fatal(err)
	}
}

// The person logs in with the old password; between the proof and the commit another replica moves them and they
// change their password. The login that lost the race must not let the old password in.
func TestLoserOfARaceReadsAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "7", "anna", "", "tulip"))
	other := w.restart(t, cheap)
	calls := 0
	w.source.OnLookup = func() {
		if calls++; calls != 2 { // the second question is the one before the move
			return
		}
		w.source.OnLookup = nil
		person, err := other.Login(t.Context(), try("anna", "tulip"))
		if err != nil {
			t.Error(err)
			return
		}
		setPassword(t, w, person, "orchid")
	}
	mustRefuse(t, w.Service, "anna", "tulip")
	mustLogin(t, w.Service, "anna", "orchid")
}

func TestManyFirstLoginsMakeOneAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "7", "anna", "", "tulip"))
	replicas := []*accounts.Service{w.Service, w.restart(t, cheap)}
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			person, err := replicas[i%2].Login(context.Background(), try("anna", "tulip"))
			if err != nil || person.ID != accounts.SubjectFor("shop", "7") || person.Source != "" {
				t.Errorf("login %d: %v, %v", i, person.ID, err)
			}
		})
	}
	wg.Wait()
	if n, err := w.store.CountAccounts(t.Context()); err != nil || n != 1 {
		t.Errorf("there are %d accounts (%v), want 1", n, err)
	}
	if moved := replicas[0].Stats().Migrated.Load() + replicas[1].Stats().Migrated.Load(); moved != 1 {
		t.Errorf("%d logins say that they moved the account, want 1", moved)
	}
}

func TestRightPasswordIsNeverRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "7", "anna", "", "tulip"))
	w.store.failCreate.Store(true)
	person := mustLogin(t, w.Service, "anna", "tulip")
	if person.Source != "shop" || person.LegacyID != "7" || person.ID != accounts.SubjectFor("shop", "7") {
		t.Errorf("person is %+v, want the legacy one under the same sub", person)
	}
	if n := w.Stats().NotMigrated.Load(); n != 1 {
		t.Errorf("%d failed moves counted, want 1", n)
	}
	mustRefuse(t, w.Service, "anna", "rose")
	w.store.failCreate.Store(false)
	if again := mustLogin(t, w.Service, "anna", "tulip"); again.Source != "" || again.ID != person.ID {
		t.Errorf("the next login did not move the account: %+v", again)
	}

	stronger := w.restart(t, password.Policy{MemoryKiB: 128, Time: 1, Lanes: 1})
	w.store.failReplace.Store(true)
	mustLogin(t, stronger, "anna", "tulip")
	if n := stronger.Stats().NotRehashed.Load(); n != 1 {
		t.Errorf("%d failed rehashes counted, want 1", n)
	}
	w.store.failReplace.Store(false)
	mustLogin(t, stronger, "anna", "tulip")
	if n := stronger.Stats().Rehashed.Load(); n != 1 {
		t.Errorf("%d rehashes counted, want 1", n)
	}
	mustLogin(t, w.Service, "anna", "tulip")
}

func TestCannotTellIsNotNo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "7", "anna", "", "tulip"), md5Salted(t, "8", "bert", "", "daisy"))
	mustLogin(t, w.Service, "anna", "tulip")
	w.source.SetDown(errDown)
	mustDoubt(t, w.Service, "bert", "daisy")
	mustDoubt(t, w.Service, "bert", "wrong")
	mustDoubt(t, w.Service, "nobody", "wrong")
	mustLogin(t, w.Service, "anna", "tulip")
	mustRefuse(t, w.Service, "anna", "wrong")
	mustLogin(t, w.Service, "ANNA", "tulip") // another spelling must not make the move undone
	w.source.SetDown(nil)
	mustLogin(t, w.Service, "bert", "daisy")

	w.store.down.Store(true)
	mustDoubt(t, w.Service, "anna", "tulip")
}

func TestDisabled(t *testing.T) {
	t.Parallel()
	user := md5Salted(t, "7", "anna", "", "tulip")
	user.Disabled = true
	w := newWorld(t, user)
	mustRefuse(t, w.Service, "anna", "tulip")
	if n, err := w.store.CountAccounts(t.Context()); err != nil || n != 0 {
		t.Errorf("there are %d accounts (%v): a disabled person must not be moved by a login", n, err)
	}
}

func TestUnreadableHash(t *testing.T) {
	t.Parallel()
	broken := legacy.User{ID: "9", Username: "carl", Password: &legacy.Stored{Hash: "$2y$10$broken"}}
	locked := legacy.User{ID: "10", Username: "dora", Password: &legacy.Stored{Hash: "!"}}
	w := newWorld(t, broken, locked)
	for range 3 {
		mustRefuse(t, w.Service, "carl", "x")
		mustRefuse(t, w.Service, "dora", "!")
	}
	mustRefuse(t, w.restart(t, cheap), "carl", "x")
	notes, err := w.store.Notes(t.Context(), 10)
	if err != nil || len(notes) != 1 || notes[0].LegacyID != "9" || notes[0].Class != accounts.NoteUnreadableHash {
		t.Errorf("notes are %+v (%v), want one about carl", notes, err)
	}
	events, err := w.store.Events(t.Context(), accounts.SubjectFor("shop", "9"), 10)
	if err != nil || len(events) != 1 {
		t.Errorf("events are %+v (%v), want one, not one per attempt", events, err)
	}
}

// bcrypt ignores what lies beyond 72 bytes. Whatever a person types there, their password must go on working, and
// what somebody else types there must never become it.
func TestTruncatingScheme(t *testing.T) {
	t.Parallel()
	right := strings.Repeat("0123456789", 8)
	wrongTail := right[:72] + "XXXXXXXX"
	w := newWorld(t, legacy.User{ID: "7", Username: "anna", Password: &legacy.Stored{Hash: bcryptHash(t, []byte(right))}})

	person := mustLogin(t, w.Service, "anna", wrongTail) // the old system let it in, so does the new one
	rec, err := w.store.ByID(t.Context(), person.ID)
	if err != nil {
		t.Fatal(err)
	}
	if rec.Credential.Scheme != accounts.SchemeWrapped {
		t.Fatalf("stored as %s: a prefix became the password", rec.Credential.Scheme)
	}
	mustLogin(t, w.Service, "anna", right)
	mustLogin(t, w.Service, "anna", right[:72])
	mustRefuse(t, w.Service, "anna", right[:71])
	mustRefuse(t, w.Service, "anna", "x"+right[1:])

	// A stronger policy rewraps, and the wrap still stands for the same password.
	stronger := w.restart(t, password.Policy{MemoryKiB: 128, Time: 1, Lanes: 1})
	mustLogin(t, stronger, "anna", right)
	if n := stronger.Stats().Rehashed.Load(); n != 1 {
		t.Errorf("%d rehashes, want 1", n)
	}
	mustLogin(t, stronger, "anna", wrongTail)
	mustRefuse(t, stronger, "anna", right[:71])

	short := legacy.User{ID: "8", Username: "bert", Password: &legacy.Stored{Hash: bcryptHash(t, []byte(right[:71]))}}
	w = newWorld(t, short)
	person = mustLogin(t, w.Service, "bert", right[:71])
	if rec, err = w.store.ByID(t.Context(), person.ID); err != nil || rec.Credential.Scheme != accounts.SchemeArgon2id {
		t.Errorf("71 bytes were stored as %s (%v), want argon2id", rec.Credential.Scheme, err)
	}
}

// WordPress trims. What was proven is the trimmed password, and every spelling that worked goes on working.
func TestFoldingScheme(t *testing.T) {
	t.Parallel()
	const wp = "$wp$2y$10$" // taken from the vectors of legacy/hash
	row := vector(t, "wp-bcrypt", func(pw, stored string) bool {
		return strings.HasPrefix(stored, wp) && len(pw) > 3 && pw == strings.TrimSpace(pw)
	})
	w := newWorld(t, legacy.User{ID: "7", Username: "anna", Password: &legacy.Stored{Scheme: "wp-bcrypt", Hash: row.hash}})
	mustLogin(t, w.Service, "anna", "  "+row.password+" \n")
	mustLogin(t, w.Service, "anna", row.password)
	mustLogin(t, w.Service, "anna", row.password+"\t")
	mustRefuse(t, w.Service, "anna", row.password+"x")
	rec, err := w.store.ByLink(t.Context(), "shop", "7")
	if err != nil || rec.Credential.Scheme != accounts.SchemeArgon2id || rec.Credential.Fold != "trim" {
		t.Errorf("stored as %s with fold %q (%v)", rec.Credential.Scheme, rec.Credential.Fold, err)
	}
}

// WordPress's own login page hashes what addslashes made of the password; its command line hashes it as typed. Nothing
// in a row tells which, and either person types what they always typed.
func TestEscapingScheme(t *testing.T) {
	t.Parallel()
	const typed, slashed = `it's`, `it\'s`
	for made, hash := range map[string]string{"by the page": md5hex(slashed), "by the command line": md5hex(typed)} {
		w := newWorld(t, legacy.User{ID: "7", Username: "anna", Password: &legacy.Stored{Scheme: "wordpress", Hash: hash}})
		mustRefuse(t, w.Service, "anna", `it"s`)
		first := mustLogin(t, w.Service, "anna", typed)
		w.source.SetDown(errDown)
		if second := mustLogin(t, w.Service, "anna", typed); second.ID != first.ID {
			t.Errorf("%s: sub changed", made)
		}
		mustRefuse(t, w.Service, "anna", slashed) // what was typed is the password now, in one spelling
		rec, err := w.store.ByID(t.Context(), first.ID)
		if err != nil || rec.Credential.Scheme != accounts.SchemeArgon2id || rec.Credential.Fold != "trim" {
			t.Errorf("%s: stored as %s with fold %q (%v)", made, rec.Credential.Scheme, rec.Credential.Fold, err)
		}
	}

	// Past the limit of the reading that was proven, the wrap is made over that reading.
	long := strings.Repeat("'", 40)
	stored := legacy.Stored{Scheme: "wordpress", Hash: bcryptHash(t, []byte(strings.Repeat(`\'`, 40)))}
	w := newWorld(t, legacy.User{ID: "8", Username: "bert", Password: &stored})
	person := mustLogin(t, w.Service, "bert", long)
	rec, err := w.store.ByID(t.Context(), person.ID)
	if err != nil || rec.Credential.Scheme != accounts.SchemeWrapped {
		t.Fatalf("40 quotes were stored as %s (%v), want a wrap", rec.Credential.Scheme, err)
	}
	w.source.SetDown(errDown)
	mustLogin(t, w.Service, "bert", long)
	mustLogin(t, w.Service, "bert", long[:36])
	mustRefuse(t, w.Service, "bert", long[:35])
}

func TestContested(t *testing.T) {
	t.Parallel()
	for _, order := range [][]string{{"Anna", "anna"}, {"anna", "Anna"}} {
		t.Run(strings.Join(order, " then "), func(t *testing.T) {
			t.Parallel()
			// Both have the same password: it must not make one of them the other.
			w := newWorld(t, md5Salted(t, "1", "Anna", "", "tulip"), md5Salted(t, "2", "anna", "", "tulip"))
			ids := map[string]string{"Anna": "1", "anna": "2"}
			for range 2 {
				for _, name := range order {
					person := mustLogin(t, w.Service, name, "tulip")
					if want := accounts.SubjectFor("shop", ids[name]); person.ID != want {
						t.Errorf("%s is %s, want %s: somebody got another's sub", name, person.ID, want)
					}
				}
			}
			w.source.Change("1", func(u *legacy.User) { *u = md5Salted(t, "1", "Anna", "", "orchid") })
			mustRefuse(t, w.Service, "Anna", "tulip")
			mustLogin(t, w.Service, "Anna", "orchid")
			mustRefuse(t, w.Service, "anna", "orchid")
			if _, err := w.store.ByLink(t.Context(), "shop", "1"); !errors.Is(err, accounts.ErrNotFound) {
				t.Errorf("Anna was moved (%v)", err)
			}
		})
	}
}

func TestNameThatIsAnothersEmail(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "1", "anna", "shared@example.org", "tulip"), md5Salted(t, "2", "shared@example.org", "bert@example.org", "daisy"))
	if p := mustLogin(t, w.Service, "anna", "tulip"); p.Source == "" {
		t.Error("anna was moved with an e-mail that is bert's name")
	}
	if p := mustLogin(t, w.Service, "shared@example.org", "daisy"); p.ID != accounts.SubjectFor("shop", "2") {
		t.Error("the password did not decide who is meant")
	}
	if p := mustLogin(t, w.Service, "shared@example.org", "tulip"); p.ID != accounts.SubjectFor("shop", "1") {
		t.Error("the password did not decide who is meant")
	}
	notes, err := w.store.Notes(t.Context(), 10)
	if err != nil || len(notes) != 2 || slices.ContainsFunc(notes, func(n accounts.Note) bool { return n.Class != accounts.NoteContested }) {
		t.Errorf("notes are %+v (%v), want one for each", notes, err)
	}
}

func TestOtherSpellingIsTheSamePerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "7", "anna", "anna@example.org", "tulip"))
	first := mustLogin(t, w.Service, "anna", "tulip")
	asked := w.source.Lookups.Load()
	for range 3 {
		if p := mustLogin(t, w.Service, "Anna@EXAMPLE.org", "tulip"); p.ID != first.ID {
			t.Errorf("sub changed from %s to %s", first.ID, p.ID)
		}
	}
	if n := w.source.Lookups.Load() - asked; n > 1 {
		t.Errorf("the legacy store was asked %d times for one spelling, want once", n)
	}
}

func TestInvalidInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, test := range []struct{ identifier, password, field string }{
		{"", "x", "identifier"},
		{"   ", "x", "identifier"},
		{"a\x00b", "x", "identifier"},
		{"a\u202eb", "x", "identifier"},
		{strings.Repeat("a", 321), "x", "identifier"},
		{"a\xffb", "x", "identifier"},
		{"anna", "", "password"},
		{"anna", "a\x00b", "password"},
		{"anna", strings.Repeat("a", 1025), "password"},
	} {
		_, err := w.Login(t.Context(), try(test.identifier, test.password))
		var invalid *accounts.InvalidError
		if !errors.As(err, &invalid) || invalid.Field != test.field {
			t.Errorf("%q with %d bytes of password: got %v, want %s named", test.identifier, len(test.password), err, test.field)
		}
	}
	if w.source.Lookups.Load() != 0 {
		t.Error("the legacy store was asked about input that cannot be used")
	}
}

func TestResume(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "7", "anna", "", "tulip"), md5Salted(t, "8", "bert", "", "daisy"))
	session := func(p accounts.Person) accounts.Session {
		return accounts.Session{AccountID: p.ID, Source: p.Source, LegacyID: p.LegacyID}
	}
	moved := session(mustLogin(t, w.Service, "anna", "tulip"))
	w.store.failCreate.Store(true)
	unmoved := session(mustLogin(t, w.Service, "bert", "daisy"))
	w.store.failCreate.Store(false)

	for name, s := range map[string]accounts.Session{"moved": moved, "not moved": unmoved} {
		if p, err := w.Resume(t.Context(), s); err != nil || p.ID != s.AccountID {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
	w.source.SetDown(errDown)
	var unavailable *accounts.UnavailableError
	if _, err := w.Resume(t.Context(), unmoved); !errors.As(err, &unavailable) {
		t.Errorf("legacy store down: got %v, want \"cannot tell\"", err)
	}
	if _, err := w.Resume(t.Context(), moved); err != nil {
		t.Errorf("a moved person noticed that the legacy store is down: %v", err)
	}
	w.source.SetDown(nil)
	w.source.Change("8", func(u *legacy.User) { u.Disabled = true })
	if _, err := w.Resume(t.Context(), unmoved); !errors.Is(err, accounts.ErrCredentials) {
		t.Errorf("disabled in the legacy store: got %v, want a refusal", err)
	}
	w.source.Change("8", func(u *legacy.User) { u.ID = "other" })
	if _, err := w.Resume(t.Context(), unmoved); !errors.Is(err, accounts.ErrCredentials) {
		t.Errorf("gone from the legacy store: got %v, want a refusal", err)
	}
}
