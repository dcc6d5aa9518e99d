package accounts_test

import (
	"strings"
	"testing"

	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"rekey/accounts"
)

func TestParseIdentifier(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		typed     string
		kind      accounts.Kind
		canonical string
	}{
		{"anna", accounts.Username, "anna"},
		{"Anna", accounts.Username, "anna"},
		{"  Anna ", accounts.Username, "anna"},
		{"ÄNNA", accounts.Username, "änna"},
		{"a\u0308nna", accounts.Username, "änna"},
		{"ＡＮＮＡ", accounts.Username, "anna"}, // full width
		{"John Smith", accounts.Username, "john smith"},
		{"Σίσυφος", accounts.Username, "σίσυφος"},
		{"user.name-1_x", accounts.Username, "user.name-1_x"},
		{"Anna@Example.ORG", accounts.Email, "anna@example.org"},
		{"A\u0308@b", accounts.Email, "ä@b"},
		{"+49 (0)30-12.34", accounts.Phone, "+490301234"},
		{"+a", accounts.Username, "+a"},
		{"+1Up", accounts.Username, "+1up"},
		{"@Anna", accounts.Username, "@anna"},
		{"Anna@", accounts.Username, "anna@"},
	} {
		id, err := accounts.ParseIdentifier(test.typed)
		if err != nil || id.Kind != test.kind || id.Canonical != test.canonical || id.Spelling != strings.Trim(test.typed, " ") {
			t.Errorf("%q: got %+v, %v; want %s %q", test.typed, id, err, test.kind, test.canonical)
		}
	}
	for _, typed := range []string{
		"", " ", "a  b", "a\tb", "a\nb", "a\x00b", "\u200b", "a\u200db", "a\u202eb", "a\u2028", "\ufeffa", "a\xff",
		"a b@c", "a\x00@b", strings.Repeat("a", accounts.MaxIdentifier+1), "♥", "\u0645a", // bidi rule
	} {
		if id, err := accounts.ParseIdentifier(typed); err == nil {
			t.Errorf("%q was taken as %+v", typed, id)
		}
	}
}

// Two people must never meet in one canonical value by way of canonicalising twice.
func TestCanonicalIsAFixedPoint(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		typed := rapid.OneOf(rapid.String(), rapid.StringMatching(`[A-Za-zÀ-ž@+ .0-9ǅİıßẞΣς]{1,12}`)).Draw(t, "typed")
		id, err := accounts.ParseIdentifier(typed)
		if err != nil {
			return
		}
		again, err := accounts.ParseIdentifier(id.Canonical)
		if err != nil || again.Canonical != id.Canonical {
			t.Fatalf("%q is %q, and that is %q (%v)", typed, id.Canonical, again.Canonical, err)
		}
	})
}

// Plain names and addresses take a shorter way, which comes to the same.
func TestSimpleIdentifiers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		typed := rapid.StringMatching(`[!-~]{1,24}`).Draw(t, "typed")
		id, err := accounts.ParseIdentifier(typed)
		if err != nil {
			t.Fatalf("%q: %v", typed, err)
		}
		var want string
		switch id.Kind {
		case accounts.Phone:
			return
		case accounts.Email:
			want = norm.NFC.String(strings.ToLower(typed))
		default:
			if want, err = precis.UsernameCaseMapped.String(typed); err != nil {
				t.Fatalf("%q: %v", typed, err)
			}
		}
		if id.Canonical != want {
			t.Errorf("%q is %q, not %q", typed, id.Canonical, want)
		}
	})
}

func FuzzParseIdentifier(f *testing.F) {
	for _, seed := range []string{"anna", "Anna@example.org", "+49 30", "a\xff", "John Smith", strings.Repeat("é", 200)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		id, err := accounts.ParseIdentifier(typed)
		if err == nil && (id.Canonical == "" || strings.ContainsRune(id.Canonical, 0)) {
			t.Errorf("%q became %q", typed, id.Canonical)
		}
	})
}
