package ldapsource

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey/legacy"
)

// walk lists everybody by pages, and what could not be read.
func walk(t *testing.T, s *Source, limit int) (names []string, rows []*legacy.RowError) {
	t.Helper()
	for after := ""; ; {
		page, err := s.List(t.Context(), after, limit)
		bad := rowErrors(err)
		if err != nil && len(bad) == 0 {
			t.Fatal(err)
		}
		rows = append(rows, bad...)
		for _, u := range page {
			names = append(names, u.Username)
		}
		for _, u := range page {
			after = max(after, u.ID)
		}
		counted := len(page)
		for _, row := range bad {
			if row.Column != s.config.Attributes.ID { // those with no key of their own come on top
				counted++
				after = max(after, row.Key)
			}
		}
		if counted < limit {
			return names, rows
		}
	}
}

// rowErrors takes an error of List apart.
func rowErrors(err error) (rows []*legacy.RowError) {
	switch e := err.(type) { //nolint:errorlint // the tree itself is walked
	case *legacy.RowError:
		return []*legacy.RowError{e}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			rows = append(rows, rowErrors(inner)...)
		}
	case interface{ Unwrap() error }:
		return rowErrors(e.Unwrap())
	}
	return rows
}

// TestListMany walks over more people than one page of keys holds, each once, by UUID and by name.
func TestListMany(t *testing.T) {
	t.Parallel()
	d := openDirectory(t)
	const people = 2*keyPage + 234
	var ldif strings.Builder
	for i := range people {
		fmt.Fprintf(&ldif, "dn: uid=u%05d,ou=people,@OU@\nobjectClass: inetOrgPerson\nuid: u%05d\ncn: x\nsn: x\n\n", i, i)
	}
	d.add(t, ldif.String())
	byUUID, byName := d.config("reader"), d.config("reader")
	byName.Attributes.ID = DN
	for limit, c := range map[int]Config{997: byUUID, maxPage: byName} {
		names, rows := walk(t, open(t, c), limit)
		slices.Sort(names)
		if len(rows) > 0 || len(names) != people || len(slices.Compact(names)) != people {
			t.Errorf("%d at a time: %d people, %d unreadable", limit, len(names), len(rows))
		}
	}
}

// TestListChanges removes people while they are walked over, and adds some.
func TestListChanges(t *testing.T) {
	t.Parallel()
	d := openDirectory(t)
	add := func(uid string) {
		d.add(t, "dn: uid="+uid+",ou=people,@OU@\nobjectClass: inetOrgPerson\nuid: "+uid+"\ncn: x\nsn: x\nemployeeNumber: "+uid+"\n")
	}
	for _, uid := range []string{"a", "b", "c", "d", "e", "f"} {
		add(uid)
	}
	now := time.Now()
	c := d.config("reader")
	c.Attributes.ID, c.Now = "employeeNumber", func() time.Time { return now }
	s := open(t, c)
	next := func(after string, limit int, want ...string) {
		t.Helper()
		page, err := s.List(t.Context(), after, limit)
		var got []string
		for _, u := range page {
			got = append(got, u.ID)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("List(%q, %d): %v, error %v; want %v", after, limit, got, err, want)
		}
	}
	next("", 2, "a", "b")
	d.remove(t, "uid=b,"+d.people())
	d.remove(t, "uid=c,"+d.people())
	add("cc")
	next("b", 2, "d", "e") // a page is filled up, or it would be taken for the last
	next("e", 2, "f")
	next("f", 2)
	now = now.Add(2 * keysLast)
	next("b", 2, "cc", "d") // who came meanwhile is met after a while
	add("aa")
	next("", 3, "a", "aa", "cc") // and at once by who begins
	if _, err := s.List(t.Context(), "a\x00", 1); err == nil || errors.Is(err, legacy.ErrNoUser) {
		t.Errorf("a key that is none: %v", err)
	}
	for _, limit := range []int{-1, 0, maxPage + 1} {
		if _, err := s.List(t.Context(), "", limit); err == nil {
			t.Errorf("a page of %d: no error", limit)
		}
	}
}

// TestListSaysWhoIsMissing shows that whoever cannot be walked to, or read, is told.
func TestListSaysWhoIsMissing(t *testing.T) {
	t.Parallel()
	d := openDirectory(t)
	d.add(t, `dn: uid=a,ou=people,@OU@
objectClass: inetOrgPerson
uid: a
cn: x
sn: x
employeeNumber: 1

dn: uid=no key,ou=people,@OU@
objectClass: inetOrgPerson
uid: no key
cn: x
sn: x

dn: uid=b,ou=people,@OU@
objectClass: inetOrgPerson
uid: b
cn: x
sn: x
employeeNumber: 2

dn: uid=c,ou=people,@OU@
objectClass: inetOrgPerson
uid: c
cn: x
sn: x
employeeNumber: 2

dn: uid=d,ou=people,@OU@
objectClass: inetOrgPerson
uid: d
cn: x
sn: x
employeeNumber: 3
title: soon

dn: uid=e,ou=people,@OU@
objectClass: inetOrgPerson
uid: e
cn: x
sn: x
employeeNumber: 4
`)
	c := d.config("reader")
	c.Attributes.ID, c.Disabled = "employeeNumber", []Rule{{Attribute: "title", When: Past}}
	s := open(t, c)
	for _, limit := range []int{2, 100} {
		names, rows := walk(t, s, limit)
		if !slices.Equal(names, []string{"a", "e"}) {
			t.Errorf("pages of %d: %v", limit, names)
		}
		var told []string
		for _, row := range rows {
			told = append(told, row.Key+" "+row.Column+" "+row.Reason)
		}
		slices.Sort(told)
		if want := []string{
			" employeeNumber the key has 0 values", "2 employeeNumber several people have this key", "3 title no time",
		}; !slices.Equal(slices.Compact(told), want) {
			t.Errorf("pages of %d: told %q", limit, told)
		}
	}
	if _, err := s.Get(t.Context(), "2"); !errors.Is(err, legacy.ErrTooMany) {
		t.Errorf("Get of a key that two people have: %v", err)
	}
}

// TestBusyPage shows that a directory may be busy for a moment in a long walk, and that the page is asked for again.
func TestBusyPage(t *testing.T) {
	t.Parallel()
	for busy, want := range map[int]bool{busyTries: true, busyTries + 1: false} {
		var cookies []string
		f := &fake{search: func(a asked) []byte {
			if !bytes.Contains(a.body.rest, []byte(annaKey)) { // a page of keys
				cookie := ""
				if bytes.Contains(a.rest, []byte("second")) {
					cookie = "second"
				}
				cookies = append(cookies, cookie)
				if !bytes.Contains(a.rest, []byte{tagBoolean, 1, 1}) {
					t.Error("a directory that has no paged results may send one page for all")
				}
				switch {
				case len(cookies) == 1:
					return a.paged("second")
				case len(cookies) <= 1+busy:
					return append(a.anna(), a.result(opDone, 51, "")...)
				}
			}
			return append(a.anna(), a.result(opDone, 0, "")...)
		}}
		users, err := open(t, f.config(t)).List(t.Context(), "", 10)
		if (err == nil && len(users) == 1) != want {
			t.Errorf("busy %d times: %d people, error %v", busy, len(users), err)
		}
		if len(cookies) != 2+busyTries || cookies[0] != "" || slices.Contains(cookies[1:], "") {
			t.Errorf("busy %d times: asked with the cookies %q", busy, cookies)
		}
	}
}

// TestPagingFaults has a directory page badly.
func TestPagingFaults(t *testing.T) {
	t.Parallel()
	isKeys := func(a asked) bool {
		return bytes.Contains(a.body.rest, []byte("(objectClass")) || bytes.Contains(a.body.rest, []byte("objectClass"))
	}
	tests := map[string]struct {
		page    func(asked) []byte
		mapping bool
	}{
		"a limit":          {func(a asked) []byte { return append(a.anna(), a.result(opDone, 4, "")...) }, true},
		"no such control":  {func(a asked) []byte { return a.result(opDone, 12, "") }, true},
		"nobody endlessly": {func(a asked) []byte { return a.paged("again") }, false},
		"a broken one": {func(a asked) []byte {
			return bytes.Replace(a.paged("again"), []byte("0\x0a\x02"), []byte("0\x0a\x04"), 1)
		}, false},
		"nobody has a key": {func(a asked) []byte {
			return append(bytes.Repeat(a.person(annaDN, []string{"uid", "anna"}), maxStray+1), a.result(opDone, 0, "")...)
		}, true},
		"another's part": {func(a asked) []byte {
			return append(a.answer(opReference, text("ldap://x/")), a.result(opDone, 0, "")...)
		}, true},
		"out of the blue":  {func(a asked) []byte { return append(a.anna(), a.result(opDone, 80, "")...) }, false},
		"people endlessly": {func(a asked) []byte { return append(bytes.Repeat(a.anna(), 30_000), a.result(opDone, 0, "")...) }, false},
		"a name that is no": {func(a asked) []byte {
			return append(bytes.Repeat(a.person("x"), maxStray+1), a.result(opDone, 0, "")...)
		}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{search: func(a asked) []byte {
				if !isKeys(a) {
					t.Error("people are asked for, without their keys")
				}
				return tt.page(a)
			}}
			users, err := open(t, f.config(t)).List(t.Context(), "", 10)
			cannotTell(t, "List", err)
			if len(users) > 0 || errors.Is(err, legacy.ErrMapping) != tt.mapping {
				t.Errorf("%d people, error %v", len(users), err)
			}
		})
	}
}
