package ldapsource

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rekey/legacy"
	"rekey/legacy/guard"
)

// TestVerdicts lists what each result of a bind means. Only 0 is a yes, and only 49 is a no.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	for code := range byte(124) {
		want := errors.New("cannot tell")
		switch code {
		case 0:
			want = nil
		case 49:
			want = legacy.ErrWrongPassword
		}
		f := &fake{bind: func(a asked) []byte { return a.result(opBind, code, "hunter2") }}
		c := f.config(t)
		err := open(t, c).Verify(t.Context(), annaUser(), []byte(rightPassword))
		switch {
		case want == nil || errors.Is(want, legacy.ErrWrongPassword):
			if !errors.Is(err, want) {
				t.Errorf("result %d: %v, want %v", code, err, want)
			}
		default:
			cannotTell(t, fmt.Sprintf("result %d", code), err)
			if mistake := slices.Contains([]byte{7, 8, 10, 13, 48}, code); errors.Is(err, legacy.ErrMapping) != mistake {
				t.Errorf("result %d: a mistake of the configuration should be %v: %v", code, mistake, err)
			}
		}
		if strings.Contains(fmt.Sprint(err), "hunter2") {
			t.Errorf("result %d: the server's own words are told: %v", code, err)
		}
		if f.binds(annaDN) != 1 {
			t.Errorf("result %d: %d binds, want 1", code, f.binds(annaDN))
		}
	}
}

// TestBindNeedsABindAnswer shows that no other "success" is one.
func TestBindNeedsABindAnswer(t *testing.T) {
	t.Parallel()
	answers := map[string]func(asked) []byte{
		"of a search":     func(a asked) []byte { return a.result(opDone, 0, "") },
		"of an extension": func(a asked) []byte { return a.result(opExtended, 0, "") },
		"somebody":        func(a asked) []byte { return a.anna() },
		"65536": func(a asked) []byte {
			return a.answer(opBind, element(tagEnumerated, []byte{1, 0, 0}), text(""), text(""))
		},
		"in five bytes": func(a asked) []byte {
			return a.answer(opBind, element(tagEnumerated, make([]byte, 5)), text(""), text(""))
		},
		"of no result":     func(a asked) []byte { return a.answer(opBind, text(""), text("")) },
		"as a number":      func(a asked) []byte { return a.answer(opBind, element(tagInteger, []byte{0}), text(""), text("")) },
		"in another class": func(a asked) []byte { return a.answer(0xa1, element(tagEnumerated, []byte{0}), text(""), text("")) },
		"in a set":         func(a asked) []byte { b := a.result(opBind, 0, ""); b[0] = tagSet; return b },
		"with a rest": func(a asked) []byte {
			return a.answer(opBind, element(tagEnumerated, []byte{0}), text(""), text(""), text(""))
		},
		"with a tail": func(a asked) []byte { return element(tagSequence, a.result(opBind, 0, "")[2:], text("")) },
		"in a long length": func(asked) []byte {
			return []byte("\x30\x85\x00\x00\x00\x00\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00")
		},
		"to a negative one": func(asked) []byte { return asked{id: -1}.result(opBind, 0, "") },
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{bind: answer}
			c := f.config(t)
			c.Timeout = 2 * time.Second
			cannotTell(t, "Verify", open(t, c).Verify(t.Context(), annaUser(), []byte(rightPassword)))
		})
	}
}

// TestActiveDirectoryVerdicts lists what Active Directory's reasons mean.
func TestActiveDirectoryVerdicts(t *testing.T) {
	t.Parallel()
	words := func(code string) string {
		return "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data " + code + ", v2580\x00"
	}
	yes, no, unknown := error(nil), legacy.ErrWrongPassword, errors.New("cannot tell")
	tests := []struct {
		words              string
		want, whenAccepted error
	}{
		{words("52e"), no, no},
		{words("52E"), no, no},
		{words("52f"), no, no},
		{words("530"), no, no},
		{words("531"), no, no},
		{words("532"), no, yes},
		{words("533"), no, no},
		{words("701"), no, no},
		{words("773"), no, yes},
		{words("775"), no, no},
		{words("525"), unknown, unknown},
		{words("568"), unknown, unknown},
		{words("57"), unknown, unknown},
		{words(""), unknown, unknown},
		{words("0x532"), unknown, unknown},
		{words("hunter2"), unknown, unknown},
		{words("52e52e52e"), unknown, unknown},
		{"", no, no},
		{"invalid credentials, data 532, v1", no, no}, // another directory's words are not Active Directory's
	}
	for _, tt := range tests {
		for accept, want := range map[bool]error{false: tt.want, true: tt.whenAccepted} {
			f := &fake{bind: func(a asked) []byte { return a.result(opBind, 49, tt.words) }}
			c := f.config(t)
			c.AcceptExpired = accept
			err := open(t, c).Verify(t.Context(), annaUser(), []byte(rightPassword))
			if errors.Is(want, unknown) {
				cannotTell(t, tt.words, err)
			} else if !errors.Is(err, want) {
				t.Errorf("%q, expired ones accepted %v: %v, want %v", tt.words, accept, err, want)
			}
			if strings.Contains(fmt.Sprint(err), "hunter2") {
				t.Errorf("the server's own words are told: %v", err)
			}
		}
	}
}

// TestBindNeedsBoth shows that the connection itself asks for no bind that would prove nothing, whoever calls it.
func TestBindNeedsBoth(t *testing.T) {
	t.Parallel()
	f := &fake{}
	s := open(t, f.config(t))
	for _, tt := range [][2]string{{"", ""}, {"", rightPassword}, {annaDN, ""}} {
		c, err := s.dialer.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := c.bind(t.Context(), tt[0], tt[1]); err == nil {
			t.Errorf("a bind as %q with a password of %d bytes", tt[0], len(tt[1]))
		}
		c.close()
	}
	if len(f.names) > 0 {
		t.Errorf("binds as %q", f.names)
	}
}

// TestWhoIsTried shows that a bind is made only as the one entry of the key, below the base.
func TestWhoIsTried(t *testing.T) {
	t.Parallel()
	key := []string{"entryUUID", annaKey}
	tests := map[string]struct {
		search func(asked) []byte
		noUser bool
	}{
		"nobody's name":    {search: func(a asked) []byte { return a.person("", key) }, noUser: true},
		"outside the base": {search: func(a asked) []byte { return a.person("uid=anna,dc=example,dc=com", key) }, noUser: true},
		"no DN":            {search: func(a asked) []byte { return a.person("anna", key) }, noUser: true},
		"another key": {search: func(a asked) []byte {
			return a.person(annaDN, []string{"entryUUID", strings.ToUpper(annaKey[:35]) + "1"})
		}, noUser: true},
		"no key":              {search: func(a asked) []byte { return a.person(annaDN, []string{"uid", "anna"}) }, noUser: true},
		"two keys":            {search: func(a asked) []byte { return a.person(annaDN, append(key, annaKey)) }, noUser: true},
		"two of the same key": {search: func(a asked) []byte { return append(a.anna(), a.person("uid=other,dc=example,dc=org", key)...) }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{search: func(a asked) []byte { return append(tt.search(a), a.result(opDone, 0, "")...) }}
			err := open(t, f.config(t)).Verify(t.Context(), annaUser(), []byte(rightPassword))
			if err == nil || errors.Is(err, legacy.ErrWrongPassword) || errors.Is(err, legacy.ErrNoUser) != tt.noUser {
				t.Errorf("Verify: %v", err)
			}
			for _, name := range f.names {
				if name != "cn=reader" {
					t.Errorf("a bind as %q", name)
				}
			}
		})
	}
}

// TestNamesAreNotAskedElsewhere shows that a key which is a name outside the base is no question to the directory.
func TestNamesAreNotAskedElsewhere(t *testing.T) {
	t.Parallel()
	f := &fake{search: func(a asked) []byte {
		t.Error("the directory was asked")
		return a.result(opDone, 0, "")
	}}
	c := f.config(t)
	c.Attributes.ID = DN
	if _, err := open(t, c).Get(t.Context(), "uid=anna,dc=example,dc=com"); !errors.Is(err, legacy.ErrNoUser) {
		t.Errorf("Get: %v", err)
	}
}

// TestOwnBindIsLeftAlone shows that a source whose own password is refused stops trying, before its account is locked.
func TestOwnBindIsLeftAlone(t *testing.T) {
	t.Parallel()
	var binds atomic.Int64
	c := fakeConfig(serve(t, answering(func(a asked) []byte {
		binds.Add(1)
		return a.result(opBind, 49, servicePassword)
	})))
	c.BreakAfter, c.BreakFor = 3, time.Hour
	s := open(t, c)
	var err error
	for range 20 {
		_, err = s.Lookup(t.Context(), "anna")
		cannotTell(t, "Lookup", err)
		if strings.Contains(err.Error(), servicePassword) {
			t.Fatalf("the source's password is told: %v", err)
		}
	}
	if binds.Load() != 3 || !errors.Is(err, guard.ErrOpen) {
		t.Errorf("%d binds, then %v", binds.Load(), err)
	}
}
