package mapping

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"rekey/legacy"
)

// A moody store answers with an error.
type moody struct{ err error }

func (m *moody) Lookup(context.Context, ...string) ([]legacy.User, error) {
	return []legacy.User{{ID: "1"}, {ID: "2"}}, m.err
}

func (m *moody) Get(context.Context, string) (legacy.User, error) { return legacy.User{ID: "1"}, m.err }

func (m *moody) List(context.Context, string, int) ([]legacy.User, error) {
	return []legacy.User{{ID: "1"}}, m.err
}

func TestAsked(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	given, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancelLate := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancelLate()
	for name, c := range map[string]struct {
		ctx context.Context //nolint:containedctx // a case's
		err error
		// told is how many people each of Lookup, Get and List is told to have returned; failed whether they are told an error.
		told   []int
		failed bool
	}{
		"answered":       {t.Context(), nil, []int{2, 1, 1}, false},
		"nobody":         {t.Context(), legacy.ErrNoUser, []int{2, 1, 1}, false},
		"too many":       {t.Context(), legacy.ErrTooMany, []int{2, 1, 1}, false},
		"one unreadable": {t.Context(), &legacy.RowError{Key: "7"}, []int{2, 1, 1}, false},
		"down":           {t.Context(), down, []int{2, 1, 1}, true},
		"given up":       {given, down, nil, false},
		"too late":       {late, down, []int{2, 1}, true},
	} {
		var told []int
		m, err := New(Config{Name: "shop", Asked: func(took time.Duration, people int, err error) {
			told = append(told, people)
			if took < 0 || (err != nil) != c.failed {
				t.Errorf("%s: %s, %v", name, took, err)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		source := m.Wrap(&moody{c.err})
		_, _ = source.Lookup(c.ctx, "ada") // what it returns is tested elsewhere
		_, _ = source.(legacy.Getter).Get(c.ctx, "1")
		_, _ = source.(legacy.Lister).List(c.ctx, "", 1)
		if !slices.Equal(told, c.told) {
			t.Errorf("%s: told of %v, want %v", name, told, c.told)
		}
	}
}
