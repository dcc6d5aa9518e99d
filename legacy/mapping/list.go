package mapping

import (
	"context"
	"errors"
	"slices"
	"time"

	"rekey/legacy"
)

// minAsk is the least that is asked for at once while a page is filled: where few are kept, a page's last place would
// otherwise be filled by one question for each person.
const minAsk = 256

var errStuck = errors.New("a whole page of records cannot be read, and none says where to go on")

// pages are where people are read page by page.
type pages func(ctx context.Context, after string, limit int) ([]legacy.User, error)

// listTo is list that ends with a key.
func (s *mapped) listTo(ctx context.Context, after, through string, limit int) ([]legacy.User, error) {
	return s.list(ctx, after, limit, func(ctx context.Context, after string, limit int) ([]legacy.User, error) {
		return s.cutter.ListTo(ctx, after, through, limit)
	})
}

// list fills a page with people who are kept, so that a page that is shorter than limit still means the end. It may have
// to read much of the store for that, page by page, each under the source's own deadline; it ends when ctx does.
func (s *mapped) list(ctx context.Context, after string, limit int, from pages) ([]legacy.User, error) {
	if limit < 1 {
		return from(ctx, after, limit) // the source knows what to say to that
	}
	p := page{limit: limit, seen: map[string]bool{}}
	for ask := limit; ; ask = max(p.room(), min(limit, minAsk)) {
		users, rows, err := s.read(ctx, after, ask, from)
		if err == nil && len(rows) > 0 && ask > p.room() {
			// Where those stand among the people is not told. Were they counted, and people cut off for that, a caller who
			// goes on behind them would never meet these people.
			ask = p.room()
			users, rows, err = s.read(ctx, after, ask, from)
		}
		if err != nil {
			return nil, err
		}
		p.unreadable(rows)
		read, next := len(users), lastKey(users, rows)
		twins := countTail(users, next)
		if p.people == nil {
			p.people = users[:0] // whoever is kept takes the room of who was read: there may be thousands
		} else {
			p.people = slices.Grow(p.people, max(0, min(p.room(), len(users))))
		}
		for _, raw := range users {
			if p.room() <= 0 {
				break // whoever is left is met again, behind the last of this page
			}
			user, kept, err := s.one(raw)
			switch {
			case err != nil:
				p.bad = append(p.bad, err)
			case kept:
				p.people = append(p.people, user)
			}
		}
		if p.room() <= 0 || read+len(rows) < ask {
			break
		}
		if next == "" || next == after {
			return nil, s.fail("list users", []error{errStuck})
		}
		if err := s.addTwins(ctx, &p, twins, next); err != nil {
			return nil, err
		}
		if p.room() <= 0 {
			break
		}
		after = next
	}
	if len(p.bad) > 0 {
		return p.people, s.fail("list users", p.bad)
	}
	return p.people, nil
}

// read asks the source for one page. The records that it cannot read are no error here.
func (s *mapped) read(ctx context.Context, after string, limit int, from pages) ([]legacy.User, []*legacy.RowError, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, s.fail("list users", []error{err})
	}
	begun := time.Now()
	users, err := from(ctx, after, limit)
	s.mapping.tell(ctx, begun, len(users), err)
	rows, err := legacy.RowErrors(err)
	if err != nil {
		return nil, nil, err
	}
	return users, rows, nil
}

// addTwins adds whoever has the key of the last of some people, as many of whom were read, and was cut off: what comes next is behind
// that key.
func (s *mapped) addTwins(ctx context.Context, p *page, read int, key string) error {
	getter, ok := s.source.(legacy.ManyGetter)
	if !ok || read == 0 {
		return nil
	}
	found, err := getter.GetMany(ctx, []string{key})
	if _, err := legacy.RowErrors(err); err != nil {
		return err
	}
	if len(found) <= read {
		return nil
	}
	has := func(u legacy.User) bool { return u.ID == key }
	people, _ := s.all(found) // why one cannot be told stands for the key already, or the person is none of these
	p.people = append(slices.DeleteFunc(p.people, has), people...)
	return nil
}

// countTail returns how many of some people, the last ones, have a key.
func countTail(users []legacy.User, key string) int {
	n := 0
	for n < len(users) && users[len(users)-1-n].ID == key {
		n++
	}
	return n
}

// page is a page that is being filled.
type page struct {
	limit  int
	people []legacy.User
	bad    []error
	seen   map[string]bool // keys of bad rows: one at the end of the store's page comes again with the next
}

// room returns how many more the page takes. Those who cannot be read count.
func (p *page) room() int { return p.limit - len(p.people) - len(p.bad) }

func (p *page) unreadable(rows []*legacy.RowError) {
	for _, row := range rows {
		if row.Key != "" { // without one they may be several people
			if p.seen[row.Key] {
				continue
			}
			p.seen[row.Key] = true
		}
		p.bad = append(p.bad, row)
	}
}

// lastKey returns behind whom the next page starts: the last person, or, of a page on which nobody can be read, the last
// record whose key is known.
func lastKey(users []legacy.User, rows []*legacy.RowError) string {
	if len(users) > 0 {
		return users[len(users)-1].ID
	}
	for _, row := range slices.Backward(rows) {
		if row.Key != "" {
			return row.Key
		}
	}
	return ""
}
