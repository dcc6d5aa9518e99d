package copied_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rekey/accounts"
	"rekey/accounts/sqlstore"
	"rekey/cmd/loadtest/rig"
	"rekey/cmd/sweepbench/copied"
)

const people = 20

// What COPY has written is what the store reads, to the last field: it is the same rows that a sweep is compared by.
func TestStoreReadsWhatWasCopied(t *testing.T) {
	t.Parallel()
	from, into := database(t), database(t)
	first := open(t, from)
	for i := range people {
		if err := first.Create(t.Context(), record(i), event(i)); err != nil {
			t.Fatal(err)
		}
	}
	spool, err := copied.Take(t.Context(), from, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := spool.Into(t.Context(), into); err != nil {
		t.Fatal(err)
	}
	counts, err := copied.Count(t.Context(), into)
	want := map[string]int64{"accounts": people, "identifiers": 2 * people, "credentials": people, "legacy_links": people, "profiles": 0, "events": people}
	if err != nil || !maps.Equal(counts, want) || copied.Sum(counts) != spool.Rows {
		t.Errorf("%v and %d rows, want %v (%v)", counts, spool.Rows, want, err)
	}
	second := open(t, into)
	for i := range people {
		same(t, i, first.ByLink, second.ByLink)
		id := record(i).ID
		before, err := first.Events(t.Context(), id, 10)
		if err != nil || len(before) != 1 {
			t.Fatalf("%d events, %v", len(before), err)
		}
		if after, err := second.Events(t.Context(), id, 10); err != nil || !cmp.Equal(before, after) {
			t.Errorf("the event of person %d is another: %v", i, err)
		}
	}
	if err := spool.Remove(); err != nil {
		t.Error(err)
	}
}

func same(t *testing.T, i int, first, second func(context.Context, string, string) (accounts.Record, error)) {
	t.Helper()
	before, err := first(t.Context(), "old", fmt.Sprint(i))
	if err != nil {
		t.Fatal(err)
	}
	after, err := second(t.Context(), "old", fmt.Sprint(i))
	if diff := cmp.Diff(before, after); err != nil || diff != "" {
		t.Errorf("person %d is another: %v\n%s", i, err, diff)
	}
}

func at(i int) time.Time {
	return time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC).Add(time.Duration(i) * time.Second)
}

func record(i int) accounts.Record {
	name := fmt.Sprintf("zoë%d", i)
	return accounts.Record{
		Account: accounts.Account{
			ID: accounts.SubjectFor("old", fmt.Sprint(i)), CreatedAt: at(i), Disabled: i%5 == 0, DisabledThere: i%5 == 0,
			Identifiers: []accounts.Identifier{{Kind: accounts.Username, Canonical: name, Spelling: name}, {Kind: accounts.Email, Canonical: name + "@example.org", Spelling: name + "@example.org"}},
		},
		Credential: accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: fmt.Sprint("$argon2id$", i)},
		Link:       &accounts.LegacyLink{Source: "old", LegacyID: fmt.Sprint(i), Fingerprint: []byte{byte(i)}, How: accounts.BySweep, At: at(i), CopiedEpoch: 1},
	}
}

func event(i int) accounts.Event {
	by := accounts.By{Actor: "sweep", Reason: "a test"}
	return accounts.Event{
		ID: accounts.SubjectFor("event", fmt.Sprint(i)), At: at(i), AccountID: record(i).ID, Kind: accounts.EventMigrated, Actor: by.Actor, Reason: by.Reason,
		Detail: map[string]string{"source": "old"},
	}
}

func database(t *testing.T) string {
	t.Helper()
	server := os.Getenv("REKEY_TEST_POSTGRES")
	if server == "" {
		t.Skip("no database: REKEY_TEST_POSTGRES is not set, see deploy/dev/services")
	}
	db, err := rig.NewDatabase(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Drop(); err != nil {
			t.Error(err)
		}
	})
	return db.DSN
}

func open(t *testing.T, dsn string) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), dsn, sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
