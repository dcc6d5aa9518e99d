package policy

import (
	"context"
	"crypto/sha1"
	"errors"
	"slices"
	"strings"
	"testing"
)

func newPolicy(t testing.TB, c Config) *Policy {
	t.Helper()
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCheck(t *testing.T) {
	t.Parallel()
	p := newPolicy(t, Config{Words: []string{"Acme Shop", "rekey"}})
	anna := About{Names: []string{"anna.berg", "anna.berg@kontoso-werke.example.org", "Anna-Lena Bergström"}}
	beside := About{Names: anna.Names, HasFactor: true}
	tooShort := "must have at least 15 characters"
	for _, test := range []struct {
		password string
		about    About
		want     string
	}{
		{"orchids of the night", anna, ""},
		{"correct horse battery staple", anna, ""},
		{"fünfzehn Zeichén", anna, ""},
		{"Tr0ub4dor&3", anna, tooShort},
		{"vierzehnZeiche", anna, tooShort},
		{"äöüäöüßéèêåøñæœ", anna, ""},      // fifteen characters, thirty bytes
		{"äöüäöüßéèêåøñæ", anna, tooShort}, // fourteen, twenty-eight
		{"nine luft", beside, ""},
		{"seven l", beside, "must have at least 8 characters"},
		{"broken\xffbroken\xffbroken", anna, reasonMalformed},

		// What is known of them, with too little besides.
		{"anna.berg@kontoso-werke.example.org", anna, ReasonKnown},
		{"AnnaBerg!!!1998", anna, ReasonKnown},
		{"Bergström12345678", anna, ReasonKnown},
		{"B3rg57röm-kontoso", anna, ReasonKnown},
		{"kontoso.2026.werke", anna, ReasonKnown},
		{"acmeshop-acme-shop", anna, ReasonKnown},
		{"R3k3y-r3k3y-2026!", anna, ReasonKnown},
		{"annaberg", beside, ReasonKnown},
		{"anna sees purple elephants", anna, ""}, // enough is left
		{"example of a good one", anna, ""},      // "example" is her domain's
		{"the org chart is a lie", anna, ""},

		// What everybody tries.
		{"aaaaaaaaaaaaaaaa", anna, ReasonRepeats},
		{"abcabcabcabcabcab", anna, ReasonRepeats},
		{"passwordpassword", anna, ReasonRepeats},
		{"Passw0rd!Passw0rd!", anna, ReasonRepeats},
		{"purple elephants purple elephants ", anna, ""}, // its half would hold alone
		{"abcdefghijklmnop", anna, ReasonSequence},
		{"0987654321098765", anna, ReasonSequence},
		{"qwertyuiopasdfgh", anna, ReasonSequence},
		{"1qaz2wsx3edc4rfv", anna, ReasonSequence},
		{"abcdefgh12345678", anna, ReasonSequence},
		{"qwer1234asdf5678", anna, ReasonSequence},
		{"password1234567", anna, ReasonCommon},
		{"P@$$w0rd2026!!!", anna, ReasonCommon},
		{"$unshine2026!!!", anna, ReasonCommon},
		{"ILoveYou1234567", anna, ReasonCommon},
		{"basketball", beside, ReasonCommon},
		{"ＰＡＳＳＷＯＲＤ１２３４５６７", anna, ReasonCommon}, // by NFKC
		{"sunshine 3 elephants 77", anna, ""},
	} {
		got, err := p.Check(t.Context(), []byte(test.password), test.about)
		if err != nil || got != test.want {
			t.Errorf("%q: %q, %v; want %q", test.password, got, err, test.want)
		}
		if strings.Contains(got, test.password) {
			t.Errorf("%q is told back", test.password)
		}
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		min, withFactor int
		ok              bool
	}{{0, 0, true}, {15, 8, true}, {8, 0, true}, {64, 64, true}, {7, 0, false}, {15, 7, false}, {10, 12, false}, {65, 8, false}} {
		if _, err := New(Config{MinLength: test.min, MinLengthWithFactor: test.withFactor}); (err == nil) != test.ok {
			t.Errorf("%d, %d with a factor: %v", test.min, test.withFactor, err)
		}
	}
}

func TestCommonIsFoldedAndSorted(t *testing.T) {
	t.Parallel()
	if !strings.HasSuffix(common, "\n") || strings.Contains(common, "\r") {
		t.Fatal("want a line feed behind each line, and nothing else")
	}
	lines := strings.Split(strings.TrimSuffix(common, "\n"), "\n")
	if len(lines) < 19_000 || !slices.IsSorted(lines) || len(slices.Compact(slices.Clone(lines))) != len(lines) {
		t.Errorf("%d lines, sorted: %t, or some are there twice", len(lines), slices.IsSorted(lines))
	}
	for _, line := range lines {
		if line != fold(lower(line)) {
			t.Errorf("%q is not folded", line)
		}
		if !isCommon(line) {
			t.Errorf("%q is not found", line)
		}
	}
	for _, other := range []string{"", "a", lines[0] + "x", lines[len(lines)-1] + "x", "zzzzzzzzzzzzzzzz", "correct horse"} {
		if isCommon(other) {
			t.Errorf("%q is found", other)
		}
	}
}

// breached knows one password, or fails.
type breached struct {
	sum [sha1.Size]byte
	err error
}

func (b breached) Has(_ context.Context, sum [sha1.Size]byte) (bool, error) {
	return sum == b.sum, b.err
}

func TestCheckBreached(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	known := []byte("orchids of the night")
	p := newPolicy(t, Config{Breached: breached{sum: sha1.Sum(known)}})
	if got, err := p.Check(t.Context(), known, About{}); got != ReasonBreached || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := p.Check(t.Context(), []byte("tulips from amsterdam"), About{}); got != "" || err != nil {
		t.Errorf("another: %q, %v", got, err)
	}
	p = newPolicy(t, Config{Breached: breached{err: down}})
	if got, err := p.Check(t.Context(), known, About{}); got != "" || !errors.Is(err, down) {
		t.Errorf("not told: %q, %v", got, err)
	}
	if got, err := p.Check(t.Context(), []byte("passwordpassword"), About{}); got != ReasonRepeats || err != nil {
		t.Errorf("nobody needs to be asked: %q, %v", got, err)
	}
}

func FuzzCheck(f *testing.F) {
	p := newPolicy(f, Config{Words: []string{"rekey"}})
	f.Add("Passw0rd!Passw0rd!", "anna@example.org")
	f.Add("İıſßﬁ", "ſ@ß.org")
	f.Fuzz(func(t *testing.T, password, name string) {
		if len(password) > 1024 {
			return
		}
		plain := lower(password)
		if len(fold(plain)) != len(plain) {
			t.Fatalf("%q: a substitution has another length", plain)
		}
		if _, err := p.Check(t.Context(), []byte(password), About{Names: []string{name}}); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	p := newPolicy(b, Config{Words: []string{"rekey", "acme"}})
	about := About{Names: []string{"anna.berg", "anna.berg@example.org", "Anna Berg"}}
	for name, password := range map[string]string{
		"usual":   "orchids of the night 1848",
		"longest": strings.Repeat("xkcd horse ", 1024/11),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := p.Check(b.Context(), []byte(password), about); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
