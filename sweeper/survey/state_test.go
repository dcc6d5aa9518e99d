package survey

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rekey/legacy"
)

func TestStateOfAnotherSurveyIsRefused(t *testing.T) {
	t.Parallel()
	c := config(t, &fakeStore{people: crowd(10)})
	c.State = filepath.Join(t.TempDir(), "state")
	mustRun(t, c)
	limited, renamed, about := c, c, c
	limited.Limit = 5
	renamed.Sources = []Source{{Name: "another", Source: c.Sources[0].Source}}
	about.Sources = []Source{{Name: c.Sources[0].Name, Source: c.Sources[0].Source, About: "another table"}}
	for name, c := range map[string]Config{"limit": limited, "name": renamed, "table": about} {
		if _, err := Run(t.Context(), c); !errors.Is(err, ErrState) {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

// TestStateThatIsDamaged is refused and left as it is.
func TestStateThatIsDamaged(t *testing.T) {
	t.Parallel()
	c := config(t, &fakeStore{people: crowd(10)})
	c.State = filepath.Join(t.TempDir(), "state")
	mustRun(t, c)
	good, err := os.ReadFile(c.State)
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{
		"empty": nil, "cut": good[:len(good)/2], "not ours": []byte(`{"a":1}`), "another format": bytes.Replace(good, []byte(`"format":2`), []byte(`"format":1`), 1),
		"no secret": bytes.Replace(good, []byte(`"secret":"`), []byte(`"secret":"AAAA`), 1),
	} {
		if err := os.WriteFile(c.State, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Run(t.Context(), c); !errors.Is(err, ErrState) {
			t.Errorf("%s: %v", name, err)
		}
		if after, err := os.ReadFile(c.State); err != nil || !bytes.Equal(after, raw) {
			t.Errorf("%s: the file was written to: %v", name, err)
		}
	}
}

// TestStateInUse: two surveys with one state file would each undo what the other writes.
func TestStateInUse(t *testing.T) {
	t.Parallel()
	store := &fakeStore{people: crowd(10)}
	c := config(t, store)
	c.State = filepath.Join(t.TempDir(), "state")
	store.fail = func(string, int) error {
		store.fail = nil
		if _, err := Run(t.Context(), c); !errors.Is(err, ErrState) {
			t.Errorf("a second survey beside the first: %v", err)
		}
		return nil
	}
	mustRun(t, c)
}

// TestClaimsThatWereLost: without them collisions would go unseen.
func TestClaimsThatWereLost(t *testing.T) {
	t.Parallel()
	store := &fakeStore{people: crowd(9000)}
	c := config(t, store)
	c.State = filepath.Join(t.TempDir(), "state")
	broken := errors.New("broken")
	store.fail = func(after string, _ int) error {
		if after > "k0004" {
			return errors.Join(broken, legacy.ErrMapping) // which is not tried again
		}
		return nil
	}
	if _, err := Run(t.Context(), c); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if err := os.Truncate(c.State+claimsName, 24); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), c); !errors.Is(err, ErrState) {
		t.Errorf("%v", err)
	}
}

func FuzzState(f *testing.F) {
	c := Config{Sources: []Source{{Name: "shop"}}}
	k := newKeys()
	s := &survey{c: c, state: newState(&c, k)}
	s.c.Now = time.Now
	s.begin()
	f.Add([]byte(`{"format":1}`))
	f.Add([]byte(`{"format":1,"about":"` + c.about() + `","secret":"AAAA","started":"2026-01-01T00:00:00Z","sources":[null],"claims":-1}`))
	f.Add([]byte(`{"format":1,"about":"` + c.about() + `","secret":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","started":"2026-01-01T00:00:00Z","sources":[{"tally":{"schemes":{}}}],"claims":1}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		st, err := parseState(raw, &c)
		if err != nil {
			if !errors.Is(err, ErrState) {
				t.Errorf("%v", err)
			}
			return
		}
		if !st.Started.IsZero() && (st.Sources[0].sketch == nil || st.Sources[0].Tally == nil) {
			t.Error("a state without its numbers is accepted")
		}
	})
}
