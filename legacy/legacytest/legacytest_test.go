package legacytest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"rekey/legacy"
)

// A fake is a source that keeps the contract, but for what the fields break.
type fake struct {
	people []legacy.User
	err    error // what every question is answered with

	likeWildcards, matchEmpty, firstOnly, twice, errNobody, ignoreContext, shareParams, dropDisabled bool
	looseKeys, getUnknownIsError, skipLast, unsorted, ignoreAfter, miscount                          bool
}

// shared is what a careless adapter hands to everybody.
var shared = map[string]string{"iterations": "7"}

func (m *fake) answer(u legacy.User) legacy.User {
	stored := *u.Password
	stored.User = u.Username
	stored.Params = map[string]string{"iterations": "7"}
	if m.shareParams {
		stored.Params = shared
	}
	u.Password = &stored
	if m.dropDisabled {
		u.Disabled = false
	}
	return u
}

func (m *fake) Count(ctx context.Context) (int64, error) {
	if m.miscount {
		return int64(len(m.people)) - 1, nil
	}
	return int64(len(m.people)), errors.Join(m.err, ctx.Err())
}

func (m *fake) Lookup(ctx context.Context, spellings ...string) ([]legacy.User, error) {
	if m.err != nil {
		return nil, m.err
	}
	if err := ctx.Err(); err != nil && !m.ignoreContext {
		return nil, err
	}
	var found []legacy.User
	for _, u := range m.people {
		columns := u.Identifiers()
		if m.matchEmpty {
			columns = []string{u.Username, u.Email, u.Phone}
		}
		hit := slices.ContainsFunc(columns, func(column string) bool {
			return slices.ContainsFunc(spellings, func(s string) bool {
				return column == s || m.likeWildcards && strings.HasSuffix(s, "%") && strings.HasPrefix(column, s[:len(s)-1])
			})
		})
		if hit {
			found = append(found, m.answer(u))
			if m.twice {
				found = append(found, m.answer(u))
			}
		}
	}
	if m.firstOnly && len(found) > 1 {
		found = found[:1]
	}
	if m.errNobody && len(found) == 0 {
		return nil, legacy.ErrNoUser
	}
	return found, nil
}

func (m *fake) Get(ctx context.Context, id string) (legacy.User, error) {
	if m.err != nil {
		return legacy.User{}, m.err
	}
	if err := ctx.Err(); err != nil && !m.ignoreContext {
		return legacy.User{}, err
	}
	for _, u := range m.people {
		if u.ID == id || m.looseKeys && u.ID == strings.TrimSpace(id) {
			return m.answer(u), nil
		}
	}
	if m.getUnknownIsError {
		return legacy.User{}, errors.New("not there")
	}
	return legacy.User{}, legacy.ErrNoUser
}

func (m *fake) List(_ context.Context, after string, limit int) ([]legacy.User, error) {
	if m.err != nil {
		return nil, m.err
	}
	people := slices.Clone(m.people)
	if m.unsorted {
		slices.Reverse(people)
	}
	if m.skipLast {
		people = people[:len(people)-1]
	}
	start := slices.IndexFunc(people, func(u legacy.User) bool { return u.ID == after }) + 1
	if m.ignoreAfter {
		start = 0
	}
	var page []legacy.User
	for _, u := range people[start:min(start+limit, len(people))] {
		page = append(page, m.answer(u))
	}
	return page, nil
}

func harnessOf(change func(*fake), down error) Harness {
	return Harness{
		New: func(_ *testing.T, people []legacy.User) legacy.Source {
			m := &fake{people: people}
			change(m)
			return m
		},
		Down:    func(*testing.T) legacy.Source { return &fake{err: down} },
		Secrets: []string{"hunter2"},
	}
}

// TestSuitePasses runs the suite on a source that keeps the contract.
func TestSuitePasses(t *testing.T) {
	t.Parallel()
	Run(t, harnessOf(func(*fake) {}, errors.New("no answer")))
}

// TestMemory runs the suite on the store that tests of other packages use.
func TestMemory(t *testing.T) {
	t.Parallel()
	Run(t, Harness{
		New: func(_ *testing.T, people []legacy.User) legacy.Source {
			for _, u := range people {
				u.Password.User = u.Username
				u.Password.Params = map[string]string{"iterations": "7"}
			}
			return NewMemory(people...)
		},
		Down: func(*testing.T) legacy.Source {
			m := NewMemory()
			m.SetDown(errors.New("no answer"))
			return m
		},
	})
}

// TestSuiteFails breaks the contract in one way at a time, and shows which rule notices.
func TestSuiteFails(t *testing.T) {
	t.Parallel()
	unreachable := errors.New("no answer")
	tests := []struct {
		rule   string
		change func(*fake)
		down   error
	}{
		{"text is text", func(m *fake) { m.likeWildcards = true }, unreachable},
		{"empty spelling", func(m *fake) { m.matchEmpty = true }, unreachable},
		{"contested value", func(m *fake) { m.firstOnly = true }, unreachable},
		{"same value twice", func(m *fake) { m.twice = true }, unreachable},
		{"nobody", func(m *fake) { m.errNobody = true }, unreachable},
		{"cancelled", func(m *fake) { m.ignoreContext = true }, unreachable},
		{"own copy", func(m *fake) { m.shareParams = true }, unreachable},
		{"whole person", func(m *fake) { m.dropDisabled = true }, unreachable},
		{"get nobody", func(m *fake) { m.looseKeys = true }, unreachable},
		{"get nobody", func(m *fake) { m.getUnknownIsError = true }, unreachable},
		{"list", func(m *fake) { m.skipLast = true }, unreachable},
		{"list", func(m *fake) { m.unsorted = true }, unreachable},
		{"list", func(m *fake) { m.ignoreAfter = true }, unreachable},
		{"count", func(m *fake) { m.miscount = true }, unreachable},
		{"down", func(*fake) {}, nil},
		{"down", func(*fake) {}, legacy.ErrNoUser},
		{"down", func(*fake) {}, errors.New("dial root:hunter2@db")},
	}
	for _, tt := range tests {
		i := slices.IndexFunc(rules(), func(r rule) bool { return r.name == tt.rule })
		if i < 0 {
			t.Fatalf("there is no rule %q", tt.rule)
		}
		if err := apply(t, harnessOf(tt.change, tt.down), rules()[i]); err == nil {
			t.Errorf("rule %q notices nothing", tt.rule)
		}
	}
}
