package accounts_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/legacy"
	"rekey/legacy/legacytest"
)

// longAgo is until when a search for shared names was believed that is not any more.
func longAgo() time.Time { return time.Now().Add(-time.Minute) }

// Who has taken, since the search for shared names, the name of somebody who has not moved is not moved with it: that would keep the
// other out for ever. It is asked once for all.
func TestManyNameTakenSince(t *testing.T) {
	t.Parallel()
	names := []string{"anna", "bert", "carl", "dora"}
	begin := func(t *testing.T) (*world, *legacytest.Memory, *herd) {
		w := newWorld(t, md5Salted(t, "1", "ann", "", "tulip"), md5Salted(t, "2", "bert", "", "rose"), md5Salted(t, "3", "carl", "", "lily"))
		blog := legacytest.NewMemory(md5Salted(t, "1", "anna", "", "orchid"), md5Salted(t, "4", "dora", "", "iris"))
		w.Service = w.serve(t, func(c *accounts.Config) { c.Sources = append(c.Sources, accounts.Source{Name: "blog", Source: blog}) })
		w.source.Change("1", func(u *legacy.User) { u.Username = "Anna" })
		return w, blog, newHerd(t, w, "1", "2", "3")
	}
	t.Run("all are asked for at once", func(t *testing.T) {
		t.Parallel()
		w, blog, h := begin(t)
		for _, dryRun := range []bool{true, false} {
			b := h.batch(t)
			b.Believed, b.DryRun = longAgo(), dryRun
			tally := h.mustMove(t, w.Service, b, map[accounts.Outcome]int64{accounts.OutcomeMoved: 2})
			if tally.Refused[accounts.NoteContested] != 1 {
				t.Errorf("%+v", tally)
			}
		}
		if n := w.source.Finds.Load() + blog.Finds.Load(); n != 4 {
			t.Errorf("%d questions for two batches and two sources", n)
		}
		if n := w.source.Lookups.Load(); n != 2 {
			t.Errorf("%d people of two batches were asked for by themselves", n)
		}
		for i, pw := range []string{"orchid", "rose", "lily", "iris"} {
			mustLogin(t, w.Service, names[i], pw)
		}
		mustLogin(t, w.Service, "Anna", "tulip")
	})
	t.Run("not soon after the search", func(t *testing.T) {
		t.Parallel()
		w, blog, h := begin(t)
		b := h.batch(t)
		b.Believed = time.Now().Add(time.Minute)
		h.mustMove(t, w.Service, b, map[accounts.Outcome]int64{accounts.OutcomeMoved: 3})
		if n := w.source.Finds.Load() + blog.Finds.Load(); n != 0 {
			t.Errorf("%d questions", n)
		}
	})
	t.Run("a source that is asked for one at a time", func(t *testing.T) {
		t.Parallel()
		w, blog, h := begin(t)
		s := w.serve(t, func(c *accounts.Config) {
			c.Sources = append(c.Sources, accounts.Source{Name: "blog", Source: struct{ legacy.Source }{blog}})
		})
		b := h.batch(t)
		b.Believed = longAgo()
		tally := h.mustMove(t, s, b, map[accounts.Outcome]int64{accounts.OutcomeMoved: 2})
		if n := blog.Lookups.Load(); n != 3 || tally.Refused[accounts.NoteContested] != 1 {
			t.Errorf("%d of 3 people were asked for by themselves: %+v", n, tally)
		}
	})
	t.Run("a source that does not answer", func(t *testing.T) {
		t.Parallel()
		w, blog, h := begin(t)
		b := h.batch(t)
		b.Believed = longAgo()
		blog.SetDown(errDown)
		_, err := w.MigrateMany(t.Context(), b)
		doubtful(t, "a source is down", err)
		h.isAt(t, "", nil)
	})
}

// picky answers for no question in which there is a name.
type picky struct {
	*legacytest.Memory
	name string
	err  error
}

func (p picky) FindMany(ctx context.Context, spellings []string) ([]legacy.User, error) {
	found, err := p.Memory.FindMany(ctx, spellings)
	if slices.Contains(spellings, p.name) {
		err = p.err
	}
	return found, err
}

// Where somebody who has one of many names cannot be read, or too many have it, that costs whoever has the name the slower way, and
// nobody else.
func TestManyNameThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{"unreadable": &legacy.RowError{Key: "9", Column: "email"}, "too many": legacy.ErrTooMany} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			people := []legacy.User{
				md5Salted(t, "1", "anna", "", "tulip"), md5Salted(t, "2", "bert", "", "rose"), md5Salted(t, "3", "carl", "", "lily"), md5Salted(t, "4", "dora", "", "iris"),
			}
			w := newWorld(t, people...)
			s := w.serve(t, func(c *accounts.Config) { c.Sources[0].Source = picky{w.source, "carl", err} })
			h := newHerd(t, w, idsOf(people)...)
			b := h.batch(t)
			b.Believed = longAgo()
			h.mustMove(t, s, b, map[accounts.Outcome]int64{accounts.OutcomeMoved: 4})
			if n := w.source.Lookups.Load(); n != 1 {
				t.Errorf("%d people were asked for by themselves", n)
			}
		})
	}
}
