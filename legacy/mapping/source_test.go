package mapping_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rekey/legacy"
	"rekey/legacy/legacytest"
	"rekey/legacy/mapping"
)

// A store is legacytest's Memory with the powers that Memory has not. Its people are in the order of their keys.
type store struct {
	*legacytest.Memory
	people []legacy.User
	rows   map[string]bool // keys of people whose record cannot be read
	err    error           // what List answers
	asked  []int           // the limits that List was asked for
	named  []string        // who Verify was asked about, by username
	closed bool
}

func newStore(people ...legacy.User) *store {
	return &store{Memory: legacytest.NewMemory(people...), people: people}
}

func (s *store) List(_ context.Context, after string, limit int) ([]legacy.User, error) {
	s.asked = append(s.asked, limit)
	if s.err != nil {
		return nil, s.err
	}
	start := 0
	for i, u := range s.people {
		if after != "" && u.ID == after {
			start = i + 1
		}
	}
	var users []legacy.User
	var bad []error
	for _, u := range s.people[start:min(start+limit, len(s.people))] {
		if s.rows[u.ID] {
			bad = append(bad, &legacy.RowError{Key: u.ID, Column: "name", Reason: "broken"})
			continue
		}
		users = append(users, u)
	}
	if bad != nil {
		return users, fmt.Errorf("legacy source shop: list users: %w", errors.Join(bad...))
	}
	return users, nil
}

func (s *store) Verify(_ context.Context, user legacy.User, password []byte) error {
	s.named = append(s.named, user.Username)
	if string(password) != "right" {
		return legacy.ErrWrongPassword
	}
	return nil
}

func (s *store) Watches() bool { return true }

func (s *store) Changed(_ context.Context, after string, back time.Duration, limit int) (legacy.Changes, error) {
	return legacy.Changes{IDs: ids(s.people)[:min(limit, len(s.people))], Next: after + back.String(), More: true}, nil
}

func (s *store) Close() error {
	s.closed = true
	return nil
}

var (
	_ legacy.Lister   = (*store)(nil)
	_ legacy.Verifier = (*store)(nil)
	_ legacy.Watcher  = (*store)(nil)
	_ io.Closer       = (*store)(nil)
)

func compiled(t testing.TB, c mapping.Config) *mapping.Mapping {
	t.Helper()
	c.Name = "shop"
	if c.Now == nil {
		c.Now = func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }
	}
	m, err := mapping.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func harness(t *testing.T, c mapping.Config, ask bool) legacytest.Harness {
	c.Sanitise.AskAsTyped = !ask
	return legacytest.Harness{
		New: func(_ *testing.T, people []legacy.User) legacy.Source {
			for _, u := range people {
				u.Password.User = u.Username
			}
			return compiled(t, c).Wrap(newStore(people...))
		},
		Down: func(*testing.T) legacy.Source {
			s := newStore()
			s.err = errors.New("no answer")
			s.SetDown(s.err)
			return compiled(t, c).Wrap(s)
		},
	}
}

// A mapping that changes nothing leaves a source that keeps the contract.
func TestContract(t *testing.T) {
	t.Parallel()
	identity := mapping.Config{
		Keep: "true",
		Set: map[string]string{
			"username": "user.username", "email": "user.email", "phone": "user.phone", "disabled": "user.disabled",
			"created_at": "user.created_at", "last_login_at": "user.last_login_at",
		},
	}
	for name, c := range map[string]mapping.Config{"nothing set": {}, "each field set to itself": identity} {
		for _, ask := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, asks for more %v", name, ask), func(t *testing.T) {
				t.Parallel()
				legacytest.Run(t, harness(t, c, ask))
			})
		}
	}
}

// Somebody who is not kept does not exist, by whichever road they are asked for.
func TestKeepLeavesOut(t *testing.T) {
	t.Parallel()
	anna := legacy.User{ID: "1", Username: "anna", Extra: map[string]any{"paying": true}}
	bob := legacy.User{ID: "2", Username: "bob", Extra: map[string]any{"paying": false}}
	m := compiled(t, mapping.Config{Keep: "user.paying", Columns: []string{"paying"}})
	source := m.Wrap(newStore(anna, bob))
	want := []string{"1"}

	users, err := source.Lookup(t.Context(), "anna", "bob")
	if diff := cmp.Diff(want, ids(users)); diff != "" || err != nil {
		t.Errorf("Lookup: error %v, people (-want +got)\n%s", err, diff)
	}
	users, err = source.(legacy.Lister).List(t.Context(), "", 10)
	if diff := cmp.Diff(want, ids(users)); diff != "" || err != nil {
		t.Errorf("List: error %v, people (-want +got)\n%s", err, diff)
	}
	got, err := source.(legacy.Watcher).Changed(t.Context(), "all of ", time.Minute, 2) // who is kept is for Get to tell
	if diff := cmp.Diff(legacy.Changes{IDs: []string{"1", "2"}, Next: "all of 1m0s", More: true}, got); diff != "" || err != nil {
		t.Errorf("Changed: error %v, (-want +got)\n%s", err, diff)
	}
	if _, err := source.(legacy.Getter).Get(t.Context(), "1"); err != nil {
		t.Errorf("Get(1): %v", err)
	}
	if _, err := source.(legacy.Getter).Get(t.Context(), "2"); !errors.Is(err, legacy.ErrNoUser) {
		t.Errorf("Get(2): %v, want ErrNoUser", err)
	}
	if diff := cmp.Diff(mapping.Report{Kept: 3, Dropped: 3}, m.Report()); diff != "" {
		t.Errorf("the report (-want +got)\n%s", diff)
	}
}

// An expression that fails for somebody says nothing about them: neither that they are not there nor that they are.
func TestFailingExpressionCannotTell(t *testing.T) {
	t.Parallel()
	good := legacy.User{ID: "1", Username: "anna", Extra: map[string]any{"points": int64(2)}}
	bad := legacy.User{ID: "2", Username: "bob", Extra: map[string]any{"points": "hunter2"}}
	for target, c := range map[string]mapping.Config{
		"keep":           {Keep: "user.points > 1"},
		"attributes.one": {Set: map[string]string{"attributes.one": "string(user.points + 1)"}},
		"disabled":       {Set: map[string]string{"disabled": `user.points != 2 && user.points`}},
		"roles":          {Set: map[string]string{"roles": `user.points == 2 ? ["a"] : user.points`}},
		"created_at":     {Set: map[string]string{"created_at": `user.points == 2 ? now : timestamp(user.points)`}},
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			c.Columns = []string{"points"}
			m := compiled(t, c)
			source := m.Wrap(newStore(good, bad))

			check := func(what string, err error) {
				t.Helper()
				row, ok := errors.AsType[*legacy.RowError](err)
				switch {
				case !ok:
					t.Fatalf("%s: error %v, want a RowError", what, err)
				case errors.Is(err, legacy.ErrNoUser):
					t.Errorf("%s claims that nobody is there", what)
				case row.Key != "2" || row.Column != target:
					t.Errorf("%s: key %q, column %q", what, row.Key, row.Column)
				case strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, row), "hunter2"):
					t.Errorf("%s tells the value", what)
				}
			}
			_, err := source.Lookup(t.Context(), "anna", "bob")
			check("Lookup", err)
			_, err = source.(legacy.Getter).Get(t.Context(), "2")
			check("Get", err)
			users, err := source.(legacy.Lister).List(t.Context(), "", 10)
			check("List", err)
			if diff := cmp.Diff([]string{"1"}, ids(users)); diff != "" {
				t.Errorf("the others of the page (-want +got)\n%s", diff)
			}
			want := mapping.Report{Kept: 2, Failed: 3, Findings: []mapping.Finding{
				{Kind: mapping.Failed, Field: target, Count: 3, Keys: []string{"2"}},
			}}
			if diff := cmp.Diff(want, m.Report()); diff != "" {
				t.Errorf("the report (-want +got)\n%s", diff)
			}
		})
	}
}

// Pages stay full however few are kept: a short page means the end, and people would be forgotten behind it.
func TestListFillsPages(t *testing.T) {
	t.Parallel()
	var people []legacy.User
	for i := 1; i <= 1000; i++ {
		people = append(people, legacy.User{ID: strconv.Itoa(i), Username: "u", Extra: map[string]any{"n": int64(i)}})
	}
	for name, test := range map[string]struct {
		keep string
		want func(int) bool
	}{
		"all":           {"true", func(int) bool { return true }},
		"few":           {"user.n % 97 == 0", func(i int) bool { return i%97 == 0 }},
		"the last":      {"user.n == 1000", func(i int) bool { return i == 1000 }},
		"the first":     {"user.n == 1", func(i int) bool { return i == 1 }},
		"nobody":        {"false", func(int) bool { return false }},
		"the first ten": {"user.n <= 10", func(i int) bool { return i <= 10 }},
	} {
		for _, limit := range []int{1, 3, 10, 1000, 5000} {
			t.Run(fmt.Sprintf("%s by %d", name, limit), func(t *testing.T) {
				t.Parallel()
				lister := compiled(t, mapping.Config{Keep: test.keep, Columns: []string{"n"}}).Wrap(newStore(people...)).(legacy.Lister)
				var want, got []string
				for i := 1; i <= len(people); i++ {
					if test.want(i) {
						want = append(want, strconv.Itoa(i))
					}
				}
				for after := ""; ; {
					page, err := lister.List(t.Context(), after, limit)
					if err != nil || len(page) > limit {
						t.Fatalf("a page of %d, error %v", len(page), err)
					}
					got = append(got, ids(page)...)
					if len(page) < limit {
						break
					}
					after = page[len(page)-1].ID
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("the walk (-want +got)\n%s", diff)
				}
			})
		}
	}
}

// Records that the store cannot read and people for whom an expression fails count for the length of a page, each once.
func TestListCountsTheUnreadable(t *testing.T) {
	t.Parallel()
	var people []legacy.User
	for i := 1; i <= 12; i++ {
		people = append(people, legacy.User{ID: strconv.Itoa(i), Username: "u", Extra: map[string]any{"n": int64(i)}})
	}
	people[4].Extra["n"] = "five"
	s := newStore(people...)
	s.rows = map[string]bool{"2": true, "3": true, "6": true}
	lister := compiled(t, mapping.Config{Keep: "user.n % 4 != 0", Columns: []string{"n"}}).Wrap(s).(legacy.Lister)

	page, err := lister.List(t.Context(), "", 6)
	if diff := cmp.Diff([]string{"1", "7"}, ids(page)); diff != "" {
		t.Errorf("the page (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"2", "3", "6", "5"}, keys(err)); diff != "" {
		t.Errorf("the unreadable (-want +got)\n%s", diff)
	}
	page, err = lister.List(t.Context(), "7", 6)
	if diff := cmp.Diff([]string{"9", "10", "11"}, ids(page)); diff != "" || err != nil {
		t.Errorf("the last page: error %v (-want +got)\n%s", err, diff)
	}
}

// A page on which nobody can be read is passed by the keys of its records.
func TestListPassesAnUnreadablePage(t *testing.T) {
	t.Parallel()
	const limit = 300
	people := []legacy.User{{ID: "0", Username: "refused"}}
	s := newStore()
	s.rows = map[string]bool{}
	for i := 1; i < limit; i++ {
		people = append(people, legacy.User{ID: strconv.Itoa(i)})
		s.rows[strconv.Itoa(i)] = true
	}
	s.people = append(people, legacy.User{ID: "300", Username: "kept"}, legacy.User{ID: "301", Username: "kept"})
	// The first question leaves one place. The second meets records that cannot be read, and that are counted already.
	page, err := compiled(t, mapping.Config{Keep: `user.username == "kept"`}).Wrap(s).(legacy.Lister).List(t.Context(), "", limit)
	if diff := cmp.Diff([]string{"300"}, ids(page)); diff != "" {
		t.Errorf("the page (-want +got)\n%s", diff)
	}
	if n := len(keys(err)); n != limit-1 {
		t.Errorf("%d records cannot be read, want %d", n, limit-1)
	}
}

// However people who are kept, who are not, who fail and whose record is broken stand beside each other, whoever walks
// meets each of the first once and is told of each of the last two.
func TestListForgetsNobody(t *testing.T) {
	t.Parallel()
	const kept, dropped, failing, broken = 0, 1, 2, 3
	random := rand.New(rand.NewPCG(1, 2))
	m := compiled(t, mapping.Config{Keep: "user.n < 1", Columns: []string{"n"}})
	for round := range 500 {
		var people []legacy.User
		var want, wantBad []string
		s := newStore()
		s.rows = map[string]bool{}
		weights := []int{random.IntN(4), random.IntN(12), random.IntN(4), random.IntN(4)}
		for id := range random.IntN(60) {
			u := legacy.User{ID: strconv.Itoa(id + 1), Extra: map[string]any{"n": int64(0)}}
			switch pick(random, weights) {
			case kept:
				want = append(want, u.ID)
			case dropped:
				u.Extra["n"] = int64(1)
			case failing:
				u.Extra["n"] = "?"
				wantBad = append(wantBad, u.ID)
			case broken:
				s.rows[u.ID] = true
				wantBad = append(wantBad, u.ID)
			}
			people = append(people, u)
		}
		s.people = people
		lister := m.Wrap(s).(legacy.Lister)

		limit := 1 + random.IntN(8)
		var got []string
		bad := map[string]bool{}
		for after, questions := "", 0; ; questions++ {
			page, err := lister.List(t.Context(), after, limit)
			unread := keys(err)
			if len(page) > limit || questions > 200 || err != nil && len(unread) == 0 {
				t.Fatalf("round %d: a page of %d after %d others, error %v", round, len(page), questions, err)
			}
			got = append(got, ids(page)...)
			for _, key := range unread {
				bad[key] = true
			}
			if len(page)+len(unread) < limit {
				break
			}
			if len(page) > 0 {
				after = page[len(page)-1].ID
			} else {
				after = unread[len(unread)-1]
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("round %d, pages of %d: who was met (-want +got)\n%s", round, limit, diff)
		}
		for _, key := range wantBad {
			if !bad[key] {
				t.Fatalf("round %d, pages of %d: nothing is told of %s", round, limit, key)
			}
		}
	}
}

// pick returns an index of weights, each as often as its weight says.
func pick(random *rand.Rand, weights []int) int {
	var all []int
	for i, weight := range weights {
		for range weight + 1 {
			all = append(all, i)
		}
	}
	return all[random.IntN(len(all))]
}

// A stuckStore answers the same page whatever it is asked.
type stuckStore struct {
	*legacytest.Memory
	page []legacy.User
	err  error
}

func (s *stuckStore) List(context.Context, string, int) ([]legacy.User, error) { return s.page, s.err }

// A walk that comes no further is an error, neither an end nor a loop without one.
func TestListStuck(t *testing.T) {
	t.Parallel()
	two := []legacy.User{{ID: "1"}, {ID: "2"}}
	keyless := &legacy.RowError{Column: "name"}
	lister := func(s *stuckStore) legacy.Lister {
		return compiled(t, mapping.Config{Keep: "false"}).Wrap(s).(legacy.Lister)
	}
	if page, err := lister(&stuckStore{page: two}).List(t.Context(), "", 2); err == nil || len(keys(err)) > 0 {
		t.Errorf("the same page again: %v, error %v", ids(page), err)
	}
	// Records without a key may be different people: each counts, so that the page is full.
	page, err := lister(&stuckStore{err: errors.Join(keyless, keyless)}).List(t.Context(), "", 2)
	if len(page) != 0 || len(keys(err)) != 2 {
		t.Errorf("two records without a key: %v, error %v", ids(page), err)
	}
	known := &legacy.RowError{Key: "7", Column: "name"}
	page, err = lister(&stuckStore{err: errors.Join(known, known, known)}).List(t.Context(), "7", 3)
	if err == nil || len(keys(err)) > 0 {
		t.Errorf("unreadable records that come again: %v, error %v", ids(page), err)
	}
}

// A twinStore has two people of one key.
type twinStore struct{ *store }

func (s twinStore) GetMany(_ context.Context, ids []string) ([]legacy.User, error) {
	return slices.DeleteFunc(slices.Clone(s.people), func(u legacy.User) bool { return !slices.Contains(ids, u.ID) }), nil
}

// Whoever has the key behind which a page goes on is of the page too, wherever the source's own pages end.
func TestListTwins(t *testing.T) {
	t.Parallel()
	people := []legacy.User{
		{ID: "1", Username: "no"}, {ID: "2", Username: "anna"}, {ID: "2", Username: "bert"}, {ID: "3", Username: "no"}, {ID: "4", Username: "carl"},
		{ID: "5", Username: "dora"},
	}
	for limit := 2; limit <= len(people); limit++ {
		lister, _ := compiled(t, mapping.Config{Keep: `user.username != "no"`}).Wrap(twinStore{newStore(people...)}).(legacy.Lister)
		page, err := lister.List(t.Context(), "", limit)
		if err != nil || !slices.Equal(ids(page)[:2], []string{"2", "2"}) || page[0].Username == page[1].Username {
			t.Errorf("a page of %d: %v (%v)", limit, ids(page), err)
		}
	}
}

// A store that breaks down while a page is filled has not ended.
func TestListTellsAnOutage(t *testing.T) {
	t.Parallel()
	down := errors.New("gone")
	s := newStore(legacy.User{ID: "1", Username: "anna"})
	s.err = down
	page, err := compiled(t, mapping.Config{}).Wrap(s).(legacy.Lister).List(t.Context(), "", 2)
	if !errors.Is(err, down) || page != nil {
		t.Errorf("people %v, error %v", ids(page), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.err = nil
	if _, err := compiled(t, mapping.Config{Keep: "false"}).Wrap(s).(legacy.Lister).List(ctx, "", 2); !errors.Is(err, context.Canceled) {
		t.Errorf("under a cancelled context: %v", err)
	}
}

// Where hardly anybody is kept, a page must not cost one question for each person.
func TestListAsksForMany(t *testing.T) {
	t.Parallel()
	var people []legacy.User
	for i := 1; i <= 10_000; i++ {
		people = append(people, legacy.User{ID: strconv.Itoa(i), Username: "u", Extra: map[string]any{"n": int64(i)}})
	}
	s := newStore(people...)
	lister := compiled(t, mapping.Config{Keep: "user.n % 100 == 0", Columns: []string{"n"}}).Wrap(s).(legacy.Lister)
	if page, err := lister.List(t.Context(), "", 100); err != nil || len(page) != 100 {
		t.Fatalf("a page of %d, error %v", len(page), err)
	}
	if len(s.asked) > 110 {
		t.Errorf("%d questions for one page", len(s.asked))
	}
}

// A source that verifies is asked about the person whom it knows, not about what the mapping made of them.
func TestVerifyAsksAboutTheStoresPerson(t *testing.T) {
	t.Parallel()
	s := newStore(legacy.User{ID: "1", Username: "anna ", Email: "anna@example.org"})
	source := compiled(t, mapping.Config{Set: map[string]string{"username": `user.username + "-of-shop"`}}).Wrap(s)
	users, err := source.Lookup(t.Context(), "anna@example.org")
	if err != nil || len(users) != 1 || users[0].Username != "anna-of-shop" {
		t.Fatalf("Lookup: %v, error %v", ids(users), err)
	}
	verifier := source.(legacy.Verifier)
	if err := verifier.Verify(t.Context(), users[0], []byte("right")); err != nil {
		t.Errorf("the right password: %v", err)
	}
	if err := verifier.Verify(t.Context(), users[0], []byte("wrong")); !errors.Is(err, legacy.ErrWrongPassword) {
		t.Errorf("the wrong password: %v", err)
	}
	// Somebody else's proof is not to be had by changing the key of a person.
	swapped := users[0]
	swapped.ID = "2"
	if err := verifier.Verify(t.Context(), swapped, []byte("right")); !errors.Is(err, legacy.ErrNoUser) {
		t.Errorf("under another key: %v, want ErrNoUser", err)
	}
	// A person that was put together elsewhere is read again.
	if err := verifier.Verify(t.Context(), legacy.User{ID: "1", Username: "anna-of-shop"}, []byte("right")); err != nil {
		t.Errorf("a person from elsewhere: %v", err)
	}
	if diff := cmp.Diff([]string{"anna ", "anna ", "anna "}, s.named); diff != "" {
		t.Errorf("who was asked about (-want +got)\n%s", diff)
	}
}

// What travels beside a person tells nothing when it is printed.
func TestOriginalPrintsNothing(t *testing.T) {
	t.Parallel()
	s := newStore(legacy.User{ID: "1", Username: "anna", Password: &legacy.Stored{Hash: "hunter2"}, Profile: legacy.Profile{DisplayName: "hunter2"}})
	users, err := compiled(t, mapping.Config{}).Wrap(s).Lookup(t.Context(), "anna")
	if err != nil || len(users) != 1 || len(users[0].Extra) != 1 {
		t.Fatalf("Lookup: %d people, error %v", len(users), err)
	}
	if text := fmt.Sprintf("%v %+v %#v", users[0].Extra, users[0].Extra, users[0].Extra); strings.Contains(text, "hunter2") {
		t.Error("a hash or a name is printed")
	}
}

// A spelling finds those whose record says the same in another Unicode form or with a blank around it.
func TestLookupReachesTheDirty(t *testing.T) {
	t.Parallel()
	const composed, decomposed = "Ren\u00e9", "Rene\u0301"
	m := compiled(t, mapping.Config{})
	source := m.Wrap(newStore(
		legacy.User{ID: "1", Username: "anna "},
		legacy.User{ID: "2", Username: " bob"},
		legacy.User{ID: "3", Username: decomposed},
		legacy.User{ID: "4", Username: decomposed + " "},
		legacy.User{ID: "5", Username: "carol\t"},
	))
	for typed, want := range map[string][]string{
		"anna": {"1"}, "bob": {"2"}, composed: {"3", "4"}, decomposed: {"3", "4"},
		"carol": nil, // nobody can guess a tab; List meets her
		"":      nil, " ": nil,
	} {
		users, err := source.Lookup(t.Context(), typed)
		if diff := cmp.Diff(want, ids(users)); diff != "" || err != nil {
			t.Errorf("Lookup(%q): error %v, people (-want +got)\n%s", typed, err, diff)
		}
		for _, u := range users {
			if u.Username != typed && typed != decomposed {
				t.Errorf("Lookup(%q): the name is %q", typed, u.Username)
			}
		}
	}
	users, err := source.(legacy.Lister).List(t.Context(), "", 10)
	if err != nil || len(users) != 5 || users[4].Username != "carol" {
		t.Fatalf("List: %v, error %v", ids(users), err)
	}
	var unreachable []mapping.Finding
	for _, f := range m.Report().Findings {
		if f.Kind == mapping.Unreachable {
			unreachable = append(unreachable, f)
		}
	}
	want := []mapping.Finding{{Kind: mapping.Unreachable, Field: "username", Count: 1, Keys: []string{"5"}}}
	if diff := cmp.Diff(want, unreachable); diff != "" {
		t.Errorf("unreachable (-want +got)\n%s", diff)
	}

	asTyped := compiled(t, mapping.Config{Sanitise: mapping.Sanitise{AskAsTyped: true}}).Wrap(newStore(legacy.User{ID: "1", Username: "anna "}))
	if users, err := asTyped.Lookup(t.Context(), "anna"); err != nil || len(users) > 0 {
		t.Errorf("as typed: %v, error %v", ids(users), err)
	}
}

func ids(users []legacy.User) []string {
	var list []string
	for _, u := range users {
		list = append(list, u.ID)
	}
	return list
}

// keys returns the keys of the records that an error tells of.
func keys(err error) []string {
	switch e := err.(type) { //nolint:errorlint // every error of the tree is looked at, one by one
	case *legacy.RowError:
		return []string{e.Key}
	case interface{ Unwrap() []error }:
		var list []string
		for _, inner := range e.Unwrap() {
			list = append(list, keys(inner)...)
		}
		return list
	case interface{ Unwrap() error }:
		return keys(e.Unwrap())
	}
	return nil
}

// TestCount: who is left out cannot be told from who is counted.
func TestCount(t *testing.T) {
	t.Parallel()
	people := legacytest.NewMemory(legacytest.People()...)
	for name, tt := range map[string]struct {
		keep   string
		source legacy.Source
		want   int64
		err    error
	}{
		"all":       {source: people, want: int64(len(legacytest.People()))},
		"some":      {keep: `user.username != "anna"`, source: people, err: legacy.ErrNotCounted},
		"uncounted": {source: struct{ legacy.Source }{people}, err: legacy.ErrNotCounted},
	} {
		m, err := mapping.New(mapping.Config{Name: "shop", Keep: tt.keep})
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Wrap(tt.source).(legacy.Counter).Count(t.Context())
		if got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: Count() = %d, %v; want %d, %v", name, got, err, tt.want, tt.err)
		}
	}
}
