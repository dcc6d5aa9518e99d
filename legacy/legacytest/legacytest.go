// Package legacytest is the contract of package legacy as a test suite: every adapter runs it. A failure says which
// rule was broken and why the rule is there.
package legacytest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"rekey/legacy"
)

// A Harness makes the stores that the suite asks.
type Harness struct {
	// New returns a source over a store that holds exactly these people, and removes the store when the test ends. Their
	// IDs are decimal numbers without leading zeros; every text is at most 60 characters; times are whole seconds.
	New func(t *testing.T, people []legacy.User) legacy.Source

	// Down returns a source whose store does not answer.
	Down func(t *testing.T) legacy.Source

	// Secrets are texts that no error may contain, such as the password in the DSN that Down uses.
	Secrets []string

	// Order sorts keys as the store's List does; nil is by number.
	Order func(a, b string) int
}

// answerWithin is how long a source may take to say that it cannot tell. Adapters have deadlines of about 2 s.
const answerWithin = 10 * time.Second

// A rule is one sentence of the contract and what checks it. check returns what was seen instead.
type rule struct {
	name  string
	text  string
	check func(ctx context.Context, h *harness) error
}

// harness is what a rule's check works with.
type harness struct {
	Harness
	t      *testing.T
	people []legacy.User
	source legacy.Source // over people
}

// Run checks a source against every rule. Powers that the source does not have are left out.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			if err := apply(t, h, r); err != nil {
				t.Errorf("the rule: %s\nwas broken: %v", r.text, err)
			}
		})
	}
}

// apply checks one rule over a fresh store.
func apply(t *testing.T, h Harness, r rule) error {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	people := People()
	env := &harness{Harness: h, t: t, people: people, source: h.New(t, people)}
	return r.check(ctx, env)
}

// People returns the people of the suite's store.
func People() []legacy.User {
	at := func(text string) time.Time {
		moment, err := time.Parse(time.RFC3339, text)
		if err != nil {
			panic(err) // a constant below is wrong
		}
		return moment
	}
	stored := func(hash, salt string) *legacy.Stored { return &legacy.Stored{Hash: hash, Salt: salt} }
	return []legacy.User{
		{
			ID: "1", Username: "anna", Email: "anna@example.org", Phone: "+4915100000001", Password: stored("$2y$10$aaaa", "s1"),
			CreatedAt: at("2011-03-04T05:06:07Z"), LastLoginAt: at("2024-02-29T23:59:59Z"),
		},
		{ID: "2", Username: "Bob", Email: "BOB@Example.org", Password: stored("5f4dcc3b5aa765d61d8327deb882cf99", "a'b\"c\\d`e"), Disabled: true},
		{ID: "3", Username: "дарья", Email: "дарья@пример.рф", Password: stored("x", ""), CreatedAt: at("1999-12-31T23:59:59Z")},
		{ID: "4", Username: "", Email: "nameless@example.org", Password: stored("", "")},
		{ID: "5", Username: "o'brien", Email: "", Password: stored("h5", "")},
		{ID: "6", Username: "twice@example.org", Email: "twice@example.org", Password: stored("h6", "")},
		{ID: "7", Username: "carol", Email: "shared@example.org", Password: stored("h7", "")},
		{ID: "8", Username: "shared@example.org", Email: "other@example.org", Password: stored("h8", "")},
		{ID: "9", Username: "0", Email: "zero@example.org", Password: stored("h9", "")},
		{ID: "10", Username: "100%_sure", Email: "ten@example.org", Password: stored("h10", "")},
		{ID: "205", Username: "205", Email: "last@example.org", Phone: "0049151", Password: stored("h205", "")},
	}
}

// person returns one of the suite's people.
func (h *harness) person(id string) legacy.User {
	for _, p := range h.people {
		if p.ID == id {
			return p
		}
	}
	panic("legacytest: there is no person " + id)
}

// lookup asks, and compares the keys of who was found, in any order, each once.
func (h *harness) lookup(ctx context.Context, spellings []string, want ...string) error {
	users, err := h.source.Lookup(ctx, spellings...)
	if err != nil {
		return fmt.Errorf("Lookup(%q): %w", spellings, err)
	}
	got := map[string]int{}
	for _, u := range users {
		got[u.ID]++
	}
	for _, id := range want {
		if got[id] != 1 {
			return fmt.Errorf("Lookup(%q) found person %s %d times, want once", spellings, id, got[id])
		}
		delete(got, id)
	}
	for id := range got {
		return fmt.Errorf("Lookup(%q) found person %s, who has none of these", spellings, id)
	}
	return nil
}
