package demo

import (
	"slices"
	"testing"

	"rekey/legacy"
	"rekey/legacy/hash"
)

// TestMakersAreRead has every kind of hash that the demo makes read by the package that reads real ones, under the
// scheme that the demo's configuration declares.
func TestMakersAreRead(t *testing.T) {
	t.Parallel()
	registry := hash.New(hash.Config{})
	schemes := 0
	for _, s := range sources() {
		for _, m := range s.makers {
			schemes++
			t.Run(m.scheme, func(t *testing.T) {
				t.Parallel()
				for _, pw := range []string{"a", "meadow-lantern-42", "Straße 7"} {
					stored, salt := m.make(pw)
					h, err := registry.Open(legacy.Stored{Scheme: s.scheme, Hash: stored, Salt: salt})
					if err != nil {
						t.Fatalf("not read: %v", err)
					}
					if !h.Verify([]byte(pw)) || h.Verify([]byte(pw+"x")) {
						t.Errorf("%s: verified wrongly", h.Scheme)
					}
				}
			})
		}
	}
	if schemes < 12 {
		t.Errorf("only %d schemes", schemes)
	}
}

func TestMakersSaltEachHash(t *testing.T) {
	t.Parallel()
	for _, s := range sources() {
		for _, m := range s.makers {
			a, _ := m.make("same")
			b, _ := m.make("same")
			if a == b {
				t.Errorf("%s: the same hash twice", m.scheme)
			}
		}
	}
}

// TestMD5Crypt is a known answer of openssl passwd -1 -salt saltsalt password.
func TestMD5Crypt(t *testing.T) {
	t.Parallel()
	if got, want := md5crypt("password", "saltsalt"), "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPeople(t *testing.T) {
	t.Parallel()
	people := invent(5000)
	seen := map[string]bool{}
	for _, p := range people {
		for _, id := range []string{p.username, p.email} {
			if seen[id] {
				t.Fatalf("%s twice", id)
			}
			seen[id] = true
		}
	}
	bySource := map[string]int{}
	for _, p := range people {
		bySource[p.source.name]++
	}
	var counts []int
	for _, n := range bySource {
		counts = append(counts, n)
	}
	if slices.Min(counts) < 250 || len(counts) != len(sources()) {
		t.Errorf("spread: %v", bySource)
	}
}
