package accounts_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rekey/accounts"
	"rekey/legacy"
)

// What the legacy store knows of somebody moves with them, and no secret of it lies open in the new store.
func TestProfileMoves(t *testing.T) {
	t.Parallel()
	secret := []byte("the shared key of anna")
	user := md5Salted(t, "7", "anna", "anna@example.org", "tulip")
	user.Phone = "+4915100000001"
	user.Profile = legacy.Profile{
		DisplayName: "Anna Berg", Locale: "de-CH", EmailVerified: true, Roles: []string{"admin"}, Groups: []string{"staff", "ski"},
		Attributes:    map[string]string{"plan": "gold"},
		TOTP:          []legacy.TOTP{{Name: "phone", Secret: secret, Digits: 6, Period: 30}},
		RecoveryCodes: []string{"ABCD-1234", "efgh5678"},
		External:      []legacy.ExternalIdentity{{Provider: "google", Subject: "117"}, {Provider: "google", Subject: "117"}, {Provider: "github"}},
	}
	w := newWorld(t, user)
	person := mustLogin(t, w.Service, "anna", "tulip")

	profile, err := w.store.Profile(t.Context(), person.ID)
	want := accounts.Profile{
		DisplayName: "Anna Berg", Locale: "de-CH", Roles: []string{"admin"}, Groups: []string{"staff", "ski"}, Attributes: map[string]string{"plan": "gold"},
	}
	if diff := cmp.Diff(want, profile); err != nil || diff != "" {
		t.Errorf("profile (%v, -want +got):\n%s", err, diff)
	}
	rec, err := w.store.ByID(t.Context(), person.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range rec.Identifiers {
		if id.Verified != (id.Kind == accounts.Email) {
			t.Errorf("%s is verified: %t", id.Kind, id.Verified)
		}
	}
	factors, err := w.store.Factors(t.Context(), person.ID)
	if err != nil || len(factors) != 3 || factors[0].Kind != accounts.FactorTOTP || factors[1].Kind != accounts.FactorRecovery {
		t.Fatalf("%d second factors (%v), want one generator and two codes", len(factors), err)
	}
	for _, f := range factors {
		if bytes.Contains(f.Secret, secret) || bytes.Contains(bytes.ToLower(f.Secret), []byte("abcd")) {
			t.Error("a secret is stored in the open")
		}
		if printed := fmt.Sprintf("%v %+v %#v %s", f, f, f, &f); strings.Contains(printed, string(f.Secret)) {
			t.Error("a second factor prints its secret")
		}
	}
	external, err := w.store.ExternalIdentities(t.Context(), person.ID)
	if err != nil || len(external) != 1 || external[0] != (accounts.ExternalIdentity{Provider: "google", Subject: "117"}) {
		t.Errorf("external identities are %+v (%v)", external, err)
	}
}

// Somebody whose second factor is changed while they are proven is not moved with the old one.
func TestSecondFactorIsPartOfTheFingerprint(t *testing.T) {
	t.Parallel()
	user := md5Salted(t, "7", "anna", "", "tulip")
	user.Profile.TOTP = []legacy.TOTP{{Secret: []byte("first")}}
	w := newWorld(t, user)
	calls := 0
	w.source.OnLookup = func() {
		if calls++; calls == 2 {
			w.source.Change("7", func(u *legacy.User) { u.Profile.TOTP = []legacy.TOTP{{Secret: []byte("second")}} })
		}
	}
	mustDoubt(t, w.Service, "anna", "tulip")
	mustLogin(t, w.Service, "anna", "tulip")
}

// Whatever the old store let somebody type logs them in, before the move and after it.
func TestAliases(t *testing.T) {
	t.Parallel()
	user := md5Salted(t, "7", "anna", "anna@example.org", "tulip")
	user.Aliases = []string{"anna@old.example", "ANNA", "berg"}
	for _, first := range []string{"anna@old.example", "berg", "anna"} {
		w := newWorld(t, user)
		person := mustLogin(t, w.Service, first, "tulip")
		for _, name := range []string{"anna@old.example", "berg", "anna@example.org"} {
			if p := mustLogin(t, w.Service, name, "tulip"); p.ID != person.ID {
				t.Errorf("%s is somebody else", name)
			}
		}
		rec, err := w.store.ByID(t.Context(), person.ID)
		if err != nil || len(rec.Identifiers) != 4 || rec.Named(accounts.Email) != "anna@example.org" || rec.Named(accounts.Username) != "anna" {
			t.Errorf("identifiers are %+v (%v)", rec.Identifiers, err)
		}
	}
	// A name that is another's alias is contested.
	w := newWorld(t, user, md5Salted(t, "8", "berg", "", "daisy"))
	if p := mustLogin(t, w.Service, "berg", "daisy"); p.ID != accounts.SubjectFor("shop", "8") {
		t.Error("the password did not decide")
	}
	if n, err := w.store.CountAccounts(t.Context()); err != nil || n != 0 {
		t.Errorf("%d accounts (%v), want none moved", n, err)
	}
}

// Of two people with one identity at a provider the first keeps it, and support learns of the second.
func TestExternalIdentityTaken(t *testing.T) {
	t.Parallel()
	google := []legacy.ExternalIdentity{{Provider: "google", Subject: "117"}}
	anna, bert := md5Salted(t, "1", "anna", "", "tulip"), md5Salted(t, "2", "bert", "", "daisy")
	anna.Profile.External, bert.Profile.External = google, google
	w := newWorld(t, anna, bert)
	mustLogin(t, w.Service, "anna", "tulip")
	if notes, err := w.store.Notes(t.Context(), 10); err != nil || len(notes) != 0 {
		t.Fatalf("notes about the first: %+v (%v)", notes, err)
	}
	mustLogin(t, w.Service, "bert", "daisy")
	notes, err := w.store.Notes(t.Context(), 10)
	if err != nil || len(notes) != 1 || notes[0].Class != accounts.NoteExternalTaken || notes[0].LegacyID != "2" {
		t.Errorf("notes are %+v (%v), want one about bert", notes, err)
	}
}
