package mapping

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"rekey/legacy"
	"rekey/legacy/legacytest"
)

func memoryOf(people ...legacy.User) *legacytest.Memory {
	m := legacytest.NewMemory(people...)
	m.Allow = legacytest.AllowAll(legacy.Stored{Hash: "mark:"})
	return m
}

// TestMappedWriter runs the contract of a writer behind a mapping that cleans.
func TestMappedWriter(t *testing.T) {
	t.Parallel()
	wrap := func(t *testing.T, m *legacytest.Memory) legacy.Source {
		t.Helper()
		mapping, err := New(Config{Name: "shop"})
		if err != nil {
			t.Fatal(err)
		}
		return mapping.Wrap(m)
	}
	legacytest.RunWriter(t, legacytest.WriterHarness{
		Harness: legacytest.Harness{
			New: func(t *testing.T, people []legacy.User) legacy.Source { return wrap(t, memoryOf(people...)) },
			Down: func(t *testing.T) legacy.Source {
				m := memoryOf()
				m.SetDown(errors.New("no answer"))
				return wrap(t, m)
			},
		},
		Like: legacy.Stored{Hash: "mark:"},
		Make: func(like legacy.Stored, password []byte) (legacy.Stored, error) {
			like.Hash = fmt.Sprintf("mark:%x", password)
			return like, nil
		},
		Verify:  func(s legacy.Stored, password []byte) bool { return s.Hash == fmt.Sprintf("mark:%x", password) },
		TooLong: "Email",
	})
}

// TestWhatIsSetIsNotWritten: what an expression makes of a field is not what the store holds there.
func TestWhatIsSetIsNotWritten(t *testing.T) {
	t.Parallel()
	memory := memoryOf(legacy.User{ID: "1", Username: "anna", Email: "anna@example.org", Password: &legacy.Stored{Hash: "h"}})
	m, err := New(Config{Name: "shop", Set: map[string]string{"email": "user.email + '.test'", "display_name": "user.username", "disabled": "false"}})
	if err != nil {
		t.Fatal(err)
	}
	source := m.Wrap(memory)
	writer := source.(legacy.Writer)
	can := writer.Writes()
	if can.Email || can.DisplayName || can.Disabled || can.Insert || !can.Username || !can.Delete || can.Password != legacy.PasswordHashed {
		t.Errorf("%+v", can)
	}
	users, err := source.Lookup(t.Context(), "anna")
	if err != nil || len(users) != 1 {
		t.Fatalf("%d people, %v", len(users), err)
	}
	mail, name := "new@example.org", "renamed"
	if err := writer.Update(t.Context(), users[0], legacy.Change{Email: &mail}); !errors.Is(err, legacy.ErrNotSent) {
		t.Errorf("a field that is set: %v", err)
	}
	if err := writer.Update(t.Context(), users[0], legacy.Change{Username: &name}); err != nil {
		t.Errorf("a field that is not: %v", err)
	}
	if _, err := writer.Insert(t.Context(), legacy.User{Username: "new"}, legacy.NewPassword{Hashed: legacy.Stored{Hash: "h"}}); !errors.Is(err, legacy.ErrNotSent) {
		t.Errorf("somebody whose e-mail would be another: %v", err)
	}
	if u, err := memory.Get(t.Context(), "1"); err != nil || u.Username != name || u.Email != "anna@example.org" || memory.Written.Load() != 1 {
		t.Errorf("%d writes, %v", memory.Written.Load(), err)
	}
}

// TestWhoIsNotKeptIsNotWritten: for whoever asks the wrapped source, they do not exist.
func TestWhoIsNotKeptIsNotWritten(t *testing.T) {
	t.Parallel()
	memory := memoryOf(legacy.User{ID: "1", Username: "robot", Password: &legacy.Stored{Hash: "h"}})
	m, err := New(Config{Name: "shop", Keep: "user.username != 'robot'"})
	if err != nil {
		t.Fatal(err)
	}
	writer := m.Wrap(memory).(legacy.Writer)
	was := legacy.User{ID: "1", Username: "robot", Password: &legacy.Stored{Hash: "h"}}
	name := "person"
	if err := writer.Update(t.Context(), was, legacy.Change{Username: &name}); !errors.Is(err, legacy.ErrNoUser) {
		t.Errorf("Update: %v", err)
	}
	if err := writer.Delete(t.Context(), was); !errors.Is(err, legacy.ErrNoUser) {
		t.Errorf("Delete: %v", err)
	}
	_, err = writer.Insert(t.Context(), was, legacy.NewPassword{Hashed: legacy.Stored{Hash: "h"}})
	if _, ok := errors.AsType[*legacy.RefusedError](err); !ok {
		t.Errorf("Insert: %v", err)
	}
	if memory.Written.Load() != 0 {
		t.Error("something was written")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := writer.Delete(ended, was); !errors.Is(err, legacy.ErrNotSent) {
		t.Errorf("who had stopped waiting: %v", err)
	}
}
