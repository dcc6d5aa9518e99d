package accounts_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"rekey/accounts"
	"rekey/legacy"
)

// What was proven may be changed in the legacy store before the account is made: then nothing is made of it.
func TestLegacyChangeBetweenProofAndCommit(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*legacy.User){
		"password": func(u *legacy.User) { u.Password.Hash = md5hex("orchid") },
		"disabled": func(u *legacy.User) { u.Disabled = true },
		"deleted":  func(u *legacy.User) { u.Username = "somebody else" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, md5Salted(t, "7", "anna", "", "tulip"))
			calls := 0
			w.source.OnLookup = func() {
				if calls++; calls == 2 { // the last look before the move
					w.source.Change("7", change)
				}
			}
			mustDoubt(t, w.Service, "anna", "tulip")
			if n, err := w.store.CountAccounts(t.Context()); err != nil || n != 0 {
				t.Errorf("there are %d accounts (%v), want none", n, err)
			}
			mustRefuse(t, w.Service, "anna", "tulip")
		})
	}
}

// A pepper may be any bytes; it comes back from the sealed parameters of a wrapped credential as it was.
func TestWrapKeepsBinaryParameters(t *testing.T) {
	t.Parallel()
	pepper := "\xff\x00\xfepepper"
	right := strings.Repeat("x", 70)
	user := legacy.User{ID: "7", Username: "anna", Password: &legacy.Stored{
		Scheme: "bcrypt-pepper", Hash: bcryptHash(t, []byte(right+pepper)), Params: map[string]string{"pepper": pepper},
	}}
	w := newWorld(t, user)
	person := mustLogin(t, w.Service, "anna", right)
	rec, err := w.store.ByID(t.Context(), person.ID)
	if err != nil || rec.Credential.Scheme != accounts.SchemeWrapped {
		t.Fatalf("stored as %s (%v): the test needs a wrap", rec.Credential.Scheme, err)
	}
	mustLogin(t, w.Service, "anna", right)
	mustRefuse(t, w.Service, "anna", right[1:])
}

// Spaces alone fold to the empty password, and nobody has that.
func TestNobodyHasTheEmptyPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t, legacy.User{ID: "7", Username: "anna", Password: &legacy.Stored{Scheme: "wordpress", Hash: md5hex("")}})
	mustRefuse(t, w.Service, "anna", "   ")
}

// A scheme that is not there is our mistake, not the person's.
func TestUnknownSchemeIsNotARefusal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, legacy.User{ID: "7", Username: "anna", Password: &legacy.Stored{Scheme: "no-such-scheme", Hash: "abc"}})
	mustDoubt(t, w.Service, "anna", "x")
}

func TestHashOverBoundsIsNoted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, legacy.User{ID: "7", Username: "anna", Password: &legacy.Stored{Hash: "$2b$31$" + strings.Repeat("a", 53)}})
	mustRefuse(t, w.Service, "anna", "x")
	notes, err := w.store.Notes(t.Context(), 10)
	if err != nil || len(notes) != 1 || notes[0].Class != accounts.NoteOverBounds {
		t.Errorf("notes are %+v (%v)", notes, err)
	}
}

// While somebody is not moved nothing says that a name is theirs alone, so applications must not be told it.
func TestUnmovedPeopleHaveNoName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "1", "anna", "ceo@example.org", "tulip"))
	if p := mustLogin(t, w.Service, "anna", "tulip"); p.Name() != "anna" {
		t.Errorf("anna is called %q", p.Name())
	}
	w = newWorld(t, md5Salted(t, "1", "anna", "ceo@example.org", "tulip"), md5Salted(t, "2", "ceo@example.org", "m@example.org", "daisy"))
	if p := mustLogin(t, w.Service, "m@example.org", "daisy"); p.Name() != "" {
		t.Errorf("somebody who is not moved is called %q, which is another's e-mail", p.Name())
	}
}

// Of several who share a name to the letter and the password, it is always the same one.
func TestOrderOfTheSourceDoesNotMatter(t *testing.T) {
	t.Parallel()
	a, b := md5Salted(t, "1", "anna", "shared@example.org", "tulip"), md5Salted(t, "2", "bert", "shared@example.org", "tulip")
	for _, users := range [][]legacy.User{{a, b}, {b, a}} {
		if p := mustLogin(t, newWorld(t, users...).Service, "shared@example.org", "tulip"); p.ID != accounts.SubjectFor("shop", "1") {
			t.Error("who is meant depends on the order in which the store answers")
		}
	}
}

// One attempt costs a bounded number of hashes, however many people share a value.
func TestManyShareAValue(t *testing.T) {
	t.Parallel()
	var users []legacy.User
	for i := range 6 {
		users = append(users, md5Salted(t, fmt.Sprint(i), fmt.Sprint("person", i), "none@example.org", "tulip"))
	}
	w := newWorld(t, users...)
	mustRefuse(t, w.Service, "none@example.org", "tulip")
	if p := mustLogin(t, w.Service, "person3", "tulip"); p.ID != accounts.SubjectFor("shop", "3") {
		t.Error("by their own name people are who they are")
	}

	w.source.SetDown(legacy.ErrTooMany)
	mustRefuse(t, w.Service, "none@example.org", "tulip")
}

// Somebody who has moved is not put in doubt by a crowd of namesakes in the legacy store.
func TestManyNamesakesOfTheMoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "7", "anna", "", "tulip"))
	person := mustLogin(t, w.Service, "anna", "tulip")
	w.source.SetDown(legacy.ErrTooMany)
	if p := mustLogin(t, w.Service, "ANNA", "tulip"); p.ID != person.ID {
		t.Error("the moved person is somebody else")
	}
	mustRefuse(t, w.Service, "ANNA", "wrong")
}

func TestAuditHoldsNoPepper(t *testing.T) {
	t.Parallel()
	user := legacy.User{ID: "7", Username: "anna", Password: &legacy.Stored{Scheme: `md5("s3cret".$pass)`, Hash: md5hex("s3crettulip")}}
	w := newWorld(t, user)
	person := mustLogin(t, w.Service, "anna", "tulip")
	events, err := w.store.Events(t.Context(), person.ID, 10)
	if err != nil || len(events) != 1 || events[0].Detail["from"] != "recipe" {
		t.Errorf("events are %+v (%v)", events, err)
	}
}

// A replica that was rolled out without a source must not end the sessions of the people in it.
func TestResumeWithoutTheSource(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	session := accounts.Session{AccountID: accounts.SubjectFor("gone", "1"), Source: "gone", LegacyID: "1"}
	_, err := w.Resume(t.Context(), session)
	if _, doubt := errors.AsType[*accounts.UnavailableError](err); !doubt {
		t.Errorf("got %v, want \"cannot tell\"", err)
	}
	session.Source, session.LegacyID = "", ""
	if _, err := w.Resume(t.Context(), session); !errors.Is(err, accounts.ErrCredentials) {
		t.Errorf("an account that is gone: got %v, want a refusal", err)
	}
}

// Contested people whose column is padded are told apart as well.
func TestPaddedNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, legacy.User{ID: "1", Username: "anna", Email: " shared@example.org", Password: &legacy.Stored{Scheme: "plaintext", Hash: "tulip"}},
		legacy.User{ID: "2", Username: "bert", Email: "shared@example.org", Password: &legacy.Stored{Scheme: "plaintext", Hash: "daisy"}})
	if p := mustLogin(t, w.Service, "shared@example.org", "daisy"); p.ID != accounts.SubjectFor("shop", "2") {
		t.Error("the password did not decide")
	}
}

// A recipe without its pepper refuses everybody: that is ours to mend, and nobody's password is wrong.
func TestMissingPepperIsNotARefusal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, legacy.User{ID: "7", Username: "anna", Password: &legacy.Stored{Scheme: "md5($pass.$pepper)", Hash: md5hex("tulip")}})
	mustDoubt(t, w.Service, "anna", "tulip")
	if notes, err := w.store.Notes(t.Context(), 10); err != nil || len(notes) != 0 {
		t.Errorf("notes are %+v (%v), want none", notes, err)
	}
}
