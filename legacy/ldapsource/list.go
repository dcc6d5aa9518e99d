package ldapsource

import (
	"context"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"rekey/legacy"
)

// A directory has no order to go on in: the cookie of paged results (RFC 2696) dies with its connection, sorting by the
// server (RFC 2891) is rarely switched on, and a filter such as (entryUUID>=…) is not served by an index everywhere. So the
// keys alone are read once, by paged results, and sorted here; people are then read by key, some at a time. It costs one
// more pass over the directory at the start of a walk, and 32 bytes a person until the next.
const (
	maxPage    = 10_000
	keyPage    = 500        // Active Directory sends 1000 at once at most (MaxPageSize)
	busyTries  = 3          // OpenLDAP says "busy" where somebody writes while it waits for us to take a page
	peopleAsk  = 10         // keys in one search: OpenLDAP looks its rights up for each key and entry, 100 take it 400 ms, 10 take 3
	maxKeys    = 20_000_000 // some 640 MB
	maxStray   = 1000       // entries without a key: more, and the attribute is the wrong one
	keysLast   = time.Hour  // then those who came meanwhile are met as well
	emptyPages = 100        // in a row, before the directory is no longer believed to get anywhere
)

// A keyring holds the keys of a walk.
type keyring struct {
	gate  chan struct{} // one in it while somebody uses what is below
	known []string      // packed, sorted, each once
	stray []*legacy.RowError
	built time.Time // zero if there are none
}

// List is legacy.Lister's. Keys are in the order of their bytes, which for UUIDs is that of their text.
//
// Entries that have no key, or one that others have too, are told with the first page, and do not count for its length.
//
// A first page reads all keys anew and takes as long as that; so may a later one, an hour on or after a restart. Its
// deadline is the caller's: each question to the directory has its own. The one connection for it is not among MaxConns.
func (s *Source) List(ctx context.Context, after string, limit int) ([]legacy.User, error) {
	if limit < 1 || limit > maxPage {
		return nil, fmt.Errorf("legacy source %s: list users: a page has 1 to %d", s.config.Name, maxPage)
	}
	if _, ok := s.kind.value(after); after != "" && !ok {
		return nil, fmt.Errorf("legacy source %s: list users: that is no key to go on from", s.config.Name)
	}
	keys, stray, err := s.walkKeys(ctx, after == "")
	if err != nil {
		return nil, err
	}
	next := 0
	if after != "" {
		var there bool
		if next, there = slices.BinarySearch(keys, s.kind.pack(after)); there {
			next++
		}
		stray = nil
	}
	var bad []*legacy.RowError
	var users []legacy.User
	for next < len(keys) && len(users)+len(bad) < limit {
		batch := keys[next:min(next+peopleAsk, next+limit-len(users)-len(bad), len(keys))]
		next += len(batch)
		found, unreadable, err := s.byKeys(ctx, batch)
		if err != nil {
			return nil, err
		}
		users, bad = append(users, found...), append(bad, unreadable...)
	}
	if bad = slices.Concat(stray, bad); len(bad) == 0 {
		return users, nil
	}
	return users, fmt.Errorf("legacy source %s: list users: %w", s.config.Name, joined(bad))
}

// walkKeys returns the keys of the walk under way, or of a new one.
func (s *Source) walkKeys(ctx context.Context, anew bool) ([]string, []*legacy.RowError, error) {
	k := &s.keys
	select {
	case k.gate <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, fmt.Errorf("legacy source %s: list users: %w", s.config.Name, ctx.Err())
	}
	defer func() { <-k.gate }()
	if anew || k.built.IsZero() || s.config.Now().Sub(k.built) > keysLast {
		k.known, k.stray, k.built = nil, nil, time.Time{} // the memory of the old ones is needed
		known, stray, err := s.readKeys(ctx)
		if err != nil {
			return nil, nil, err
		}
		k.known, k.stray, k.built = known, stray, s.config.Now()
	}
	return k.known, k.stray, nil
}

// readKeys reads all keys, on a connection of its own: a cookie is good on no other.
func (s *Source) readKeys(ctx context.Context) (keys []string, stray []*legacy.RowError, err error) {
	ask := func(question func(context.Context) error) error { return s.guard.Ask(ctx, "read the keys", question) }
	var c *conn
	err = ask(func(ctx context.Context) (err error) {
		c, err = s.connect(ctx)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	defer c.close()

	var attributes []string
	if s.kind != keyDN {
		attributes = []string{s.config.Attributes.ID}
	}
	request := s.request(anyone, attributes, 0)
	controls := slices.Clip(request.Controls)
	var cookie []byte
	for empty, busy := 0, 0; ; {
		paging, err := pagedResults(cookie)
		if err != nil {
			return nil, nil, err
		}
		request.Controls = append(controls, paging)
		err = ask(func(ctx context.Context) error {
			result, err := c.search(ctx, request)
			if err != nil {
				return keysError(err)
			}
			if len(result.Referrals) > 0 {
				return mapping("a part below the base is on another server, and referrals are not followed: narrow the base")
			}
			page, strayed := s.keysOf(result.Entries)
			keys, stray = append(keys, page...), append(stray, strayed...)
			if empty++; len(result.Entries) > 0 {
				empty = 0
			}
			switch {
			case len(stray) > maxStray:
				return mapping("more than %d people have no key in %s", maxStray, s.config.Attributes.ID)
			case len(keys) > maxKeys:
				return mapping("there are more than %d people", maxKeys)
			case empty > emptyPages:
				return &told{text: "it sends page after page in which nobody is"}
			}
			cookie = nil
			if answer, ok := ldap.FindControl(result.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging); ok {
				cookie = answer.Cookie
			}
			return nil
		})
		if isCode(err, ldap.LDAPResultBusy) && busy < busyTries {
			busy++
			continue // with the cookie of before
		}
		if err != nil {
			return nil, nil, err
		}
		if busy = 0; len(cookie) == 0 {
			break
		}
	}
	slices.Sort(keys)
	keys, twice := s.unique(keys)
	return keys, append(stray, twice...), nil
}

// pagedResults asks for a page (RFC 2696, 2). It is critical: a directory that does not know it must not answer.
func pagedResults(cookie []byte) (ldap.Control, error) {
	value, err := asn1.Marshal(struct {
		Size   int
		Cookie []byte
	}{keyPage, cookie})
	return ldap.NewControlString(ldap.ControlTypePaging, true, string(value)), err
}

// keysOf returns the keys of entries, packed, and the entries that have none.
func (s *Source) keysOf(found []*ldap.Entry) (keys []string, stray []*legacy.RowError) {
	for _, from := range found {
		e, reason := s.newEntry(from)
		key := ""
		if reason == "" {
			key, reason = s.key(e)
		}
		if reason != "" {
			stray = append(stray, &legacy.RowError{Column: s.config.Attributes.ID, Reason: reason})
			continue
		}
		keys = append(keys, strings.Clone(s.kind.pack(key))) // or else it holds on to the whole message
	}
	return keys, stray
}

// unique takes out the keys that several entries have: nobody can be told apart by them.
func (s *Source) unique(sorted []string) (keys []string, twice []*legacy.RowError) {
	keys = sorted[:0]
	for i := 0; i < len(sorted); {
		end := i + 1
		for end < len(sorted) && sorted[end] == sorted[i] {
			end++
		}
		if end == i+1 {
			keys = append(keys, sorted[i])
		} else if len(twice) < maxStray {
			twice = append(twice, &legacy.RowError{
				Key: s.kind.unpack(sorted[i]), Column: s.config.Attributes.ID, Reason: "several people have this key",
			})
		}
		i = end
	}
	return keys, twice
}

// keysError is searchError, but for a limit: paged results are subject to one of their own.
func keysError(err error) error {
	if isCode(err, ldap.LDAPResultSizeLimitExceeded) {
		return mapping("it does not send the source everybody: its limit on paged results is too low (LDAP result 4)")
	}
	return searchError(err)
}

// byKeys reads the people of some keys, in their order. Who has gone meanwhile is left out.
func (s *Source) byKeys(ctx context.Context, packed []string) (users []legacy.User, bad []*legacy.RowError, err error) {
	if s.kind == keyDN {
		return s.byNames(ctx, packed)
	}
	var filter strings.Builder
	keys := make([]string, len(packed))
	for i, p := range packed {
		keys[i] = s.kind.unpack(p)
		value, _ := s.kind.value(keys[i]) // it was made by text, so that it is one
		filter.WriteString("(" + s.config.Attributes.ID + "=" + ldap.EscapeFilter(value) + ")")
	}
	people := map[string]legacy.User{}
	unreadable := map[string]*legacy.RowError{}
	err = s.guard.Ask(ctx, "list users", func(ctx context.Context) error {
		found, whole, err := s.find(ctx, s.request("(|"+filter.String()+")", s.read, 2*len(packed)))
		switch {
		case err != nil:
			return err
		case !whole:
			return mapping("its own limit on the size of an answer is below %d (LDAP result 4)", 2*len(packed))
		}
		for _, from := range found {
			user, row := s.user(from)
			switch {
			case row == nil:
				people[user.ID] = user
			case row.Key == "":
				bad = append(bad, row)
			default:
				unreadable[row.Key] = row
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for _, key := range keys {
		if user, ok := people[key]; ok {
			users = append(users, user)
		} else if row, ok := unreadable[key]; ok {
			bad = append(bad, row)
		}
	}
	return users, bad, nil
}

// byNames is byKeys where an entry's own name is the key: no filter finds several of them.
func (s *Source) byNames(ctx context.Context, names []string) (users []legacy.User, bad []*legacy.RowError, err error) {
	for _, name := range names {
		err := s.guard.Ask(ctx, "list users", func(ctx context.Context) error {
			found, err := s.byKey(ctx, name, s.read)
			if err != nil {
				return err
			}
			user, row := s.user(found)
			if row != nil {
				bad = append(bad, row)
				return nil
			}
			users = append(users, user)
			return nil
		})
		if err != nil && !errors.Is(err, legacy.ErrNoUser) {
			return nil, nil, err
		}
	}
	return users, bad, nil
}
