package accounts_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rekey/accounts"
	"rekey/legacy"
)

// A shelf lists records in the order in which they stand, and may have several of one key, or of none.
type shelf struct {
	legacy.Source
	records []legacy.User // one without a name cannot be read
}

func (s shelf) List(_ context.Context, after string, limit int) ([]legacy.User, error) {
	begin := 0
	for i, r := range s.records {
		if after != "" && r.ID == after {
			begin = i + 1
		}
	}
	return asListed(s.records[begin:min(len(s.records), begin+limit)])
}

func (s shelf) Get(context.Context, string) (legacy.User, error) {
	return legacy.User{}, errors.New("nobody asks for one")
}

func (s shelf) GetMany(_ context.Context, ids []string) ([]legacy.User, error) {
	return asListed(slices.DeleteFunc(slices.Clone(s.records), func(u legacy.User) bool { return !slices.Contains(ids, u.ID) }))
}

// asListed are records as a source tells them.
func asListed(records []legacy.User) (people []legacy.User, err error) {
	for _, r := range records {
		if r.Username == "" {
			err = errors.Join(err, &legacy.RowError{Key: r.ID, Column: "name"})
		} else {
			people = append(people, r)
		}
	}
	return people, err
}

// Whatever the length of a page, everybody is met, those of one key on one page, and a record without a key stops nobody.
func TestPages(t *testing.T) {
	t.Parallel()
	var records []legacy.User
	for _, r := range []string{"-", "-", "-", "1", "2a", "2b", "3", "4-", "5", "6a", "6b", "6c", "-", "7-", "8"} {
		key := strings.TrimRight(r, "-abc")
		u := legacy.User{ID: key, Username: r}
		if strings.HasSuffix(r, "-") {
			u.Username = ""
		}
		records = append(records, u)
	}
	long := strings.Repeat("k", 500)
	records = append(records, legacy.User{ID: long}, legacy.User{ID: "9", Username: "9"})
	s := newWorld(t).serve(t, func(c *accounts.Config) { c.Sources[0].Source = shelf{c.Sources[0].Source, records} })
	for limit := 1; limit <= len(records)+1; limit++ {
		var met, bad []string
		for after, pages := "", 0; ; pages++ {
			p, err := s.Page(t.Context(), "shop", after, "", limit)
			if err != nil || pages > len(records) {
				t.Fatalf("pages of %d, behind %q: %v", limit, after, err)
			}
			if len(p.People) > limit+2 {
				t.Errorf("a page of %d has %d people", limit, len(p.People))
			}
			for _, u := range p.People {
				met = append(met, u.Username)
			}
			for _, row := range p.Unreadable {
				if row.Key != "" && !slices.Contains(bad, row.Key) {
					bad = append(bad, row.Key)
				}
			}
			if p.Last {
				break
			}
			after = p.Next
		}
		if diff := cmp.Diff([]string{"1", "2a", "2b", "3", "5", "6a", "6b", "6c", "8", "9"}, met); diff != "" {
			t.Errorf("pages of %d (-want +met):\n%s", limit, diff)
		}
		if diff := cmp.Diff([]string{"4", "7", long}, bad); diff != "" {
			t.Errorf("unreadable, by pages of %d (-want +told):\n%s", limit, diff)
		}
	}
	bare := slices.Repeat([]legacy.User{{}}, 20_000)
	s = newWorld(t).serve(t, func(c *accounts.Config) { c.Sources[0].Source = shelf{c.Sources[0].Source, bare} })
	_, err := s.Page(t.Context(), "shop", "", "", 1)
	must(t, "only records without a key", err, accounts.ErrWalkStuck)
}
