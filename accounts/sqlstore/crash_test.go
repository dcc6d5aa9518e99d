package sqlstore

import (
	"strconv"
	"testing"

	"github.com/google/uuid"

	"rekey/accounts"
)

// What was acknowledged is there after kill -9, and the rest is there wholly or not at all.
func TestKill(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, url string) {
		const enough = 200
		writer := start(t, "create", url)
		acknowledged := -1
		for acknowledged < enough && writer.lines.Scan() {
			acknowledged = atoi(t, writer.lines.Text())
		}
		if err := writer.command.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for writer.lines.Scan() { // what it had still written
			acknowledged = atoi(t, writer.lines.Text())
		}
		if err := writer.command.Wait(); err == nil {
			t.Fatal("the writer ended by itself")
		}
		if acknowledged < enough {
			t.Fatalf("the writer ended after %d", acknowledged)
		}

		s := open(t, url)
		for i := range acknowledged + 1 {
			checkWhole(t, s, "person-"+strconv.Itoa(i))
		}
		n, err := s.CountAccounts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n > int64(acknowledged)+2 {
			t.Errorf("%d accounts are there, and %d were made", n, acknowledged+1)
		}
		if n == int64(acknowledged)+2 { // killed between the commit and the acknowledgement
			checkWhole(t, s, "person-"+strconv.Itoa(acknowledged+1))
		}
		// And it goes on from there.
		r, e := person("next")
		if err := s.Create(t.Context(), r, e); err != nil {
			t.Error(err)
		}
	})
}

func atoi(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// checkWhole fails unless all that belongs to a person is there.
func checkWhole(t *testing.T, s *Store, name string) {
	t.Helper()
	r, _ := person(name)
	events, err := s.Events(t.Context(), r.ID, 10)
	if err != nil || len(events) != 1 {
		t.Errorf("%s has %d events, %v; want 1", name, len(events), err)
	}
	for _, read := range []func() (accounts.Record, error){
		func() (accounts.Record, error) { return s.ByID(t.Context(), r.ID) },
		func() (accounts.Record, error) { return s.ByLink(t.Context(), "shop", name) },
		func() (accounts.Record, error) { return s.ByIdentifier(t.Context(), r.Identifiers[1].Canonical) },
	} {
		got, err := read()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.ID == uuid.Nil || got.Credential.Version != 1 || got.Link == nil || len(got.Identifiers) != 2 {
			t.Errorf("%s is there in part: %+v", name, got)
		}
	}
}
