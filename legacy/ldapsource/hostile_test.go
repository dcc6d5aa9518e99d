package ldapsource

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rekey/legacy"
	"rekey/legacy/guard"
)

// annaUser is anna as Lookup returns her.
func annaUser() legacy.User { return legacy.User{ID: annaKey, Username: "anna"} }

// questions are all that a source can be asked, and what each answers.
func questions(t *testing.T, s *Source) map[string]error {
	t.Helper()
	_, lookup := s.Lookup(t.Context(), "anna")
	_, get := s.Get(t.Context(), annaKey)
	_, list := s.List(t.Context(), "", 10)
	return map[string]error{
		"Lookup": lookup, "Get": get, "List": list, "Verify": s.Verify(t.Context(), annaUser(), []byte(rightPassword)),
		"Check": s.Check(t.Context()), "Ping": s.Ping(t.Context()),
	}
}

// cannotTell fails unless an error claims nothing about anybody.
func cannotTell(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil || errors.Is(err, legacy.ErrNoUser) || errors.Is(err, legacy.ErrWrongPassword) || errors.Is(err, legacy.ErrTooMany) {
		t.Errorf("%s: %v; want an error that claims nothing", what, err)
	}
}

// TestHanging has a directory stop at every step, and each question end at its deadline.
func TestHanging(t *testing.T) {
	t.Parallel()
	steps := map[string]func(net.Conn){
		"after it was connected to": func(net.Conn) {},
		"in the bind":               answering(func(asked) []byte { return nil }),
		"in an answer": answering(func(a asked) []byte {
			if a.op == askBind {
				return a.result(opBind, 0, "")
			}
			return a.anna()[:20]
		}),
		"after somebody": answering(func(a asked) []byte {
			if a.op == askBind {
				return a.result(opBind, 0, "")
			}
			return a.anna()
		}),
	}
	for name, step := range steps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := fakeConfig(serve(t, step))
			c.Timeout, c.BreakAfter = 50*time.Millisecond, 1000
			start := time.Now()
			for what, err := range questions(t, open(t, c)) {
				cannotTell(t, what, err)
				if !strings.HasSuffix(fmt.Sprint(err), "no answer within 50ms") {
					t.Errorf("%s: %v", what, err)
				}
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("all together took %v", took)
			}
		})
	}
}

// answering is a directory that answers each request with what a function makes of it.
func answering(answer func(asked) []byte) func(net.Conn) {
	return func(c net.Conn) {
		for {
			a, ok := nextAsked(c)
			if !ok {
				return
			}
			if _, err := c.Write(answer(a)); err != nil {
				return
			}
		}
	}
}

// TestHangingHandshake stops in StartTLS and in TLS.
func TestHangingHandshake(t *testing.T) {
	t.Parallel()
	steps := map[string]func(net.Conn){
		"before the answer": func(net.Conn) {},
		"after it": func(c net.Conn) {
			if a, ok := nextAsked(c); ok {
				_, _ = c.Write(a.result(opExtended, 0, "")) // then the handshake waits
			}
		},
	}
	for name, step := range steps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := fakeConfig(serve(t, step))
			c.StartTLS, c.Timeout, c.BreakAfter = true, 50*time.Millisecond, 1000
			for what, err := range questions(t, open(t, c)) {
				cannotTell(t, what, err)
			}
		})
	}
}

// TestStartTLSIsNotLeft shows that no name and no password is sent where TLS does not come about: it was refused, answered
// with something else, or answered with more than an answer.
func TestStartTLSIsNotLeft(t *testing.T) {
	t.Parallel()
	bound := func(a asked) []byte { return a.result(opBind, 0, "") }
	answers := map[string]func(asked) []byte{
		"refused":         func(a asked) []byte { return a.result(opExtended, 2, "unsupported extended operation") },
		"another answer":  bound,
		"another message": func(a asked) []byte { return asked{id: a.id + 1}.result(opExtended, 0, "") },
		"more than one": func(a asked) []byte { // RFC 4511, 6: an answer slipped in before the handshake is no answer
			return slices.Concat(a.result(opExtended, 0, ""), asked{id: 1}.result(opBind, 0, ""), asked{id: 2}.anna())
		},
		"garbage": func(asked) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") },
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var behind atomic.Pointer[[]byte]
			c := fakeConfig(serve(t, func(c net.Conn) {
				a, ok := nextAsked(c)
				if !ok || a.op != askExtended {
					t.Errorf("the first request is not StartTLS but %#x", a.op)
				}
				if _, err := c.Write(answer(a)); err != nil {
					t.Error(err)
				}
				rest, _ := io.ReadAll(c) // it ends in a reset, or does not
				behind.Store(&rest)
				c.Close()
			}))
			c.StartTLS = true
			s := open(t, c)
			_, err := s.Lookup(t.Context(), "anna")
			cannotTell(t, "Lookup", err)
			cannotTell(t, "Verify", s.Verify(t.Context(), annaUser(), []byte(rightPassword)))
			switch rest := behind.Load(); {
			case rest == nil:
			case bytes.Contains(*rest, []byte("cn=reader")), bytes.Contains(*rest, []byte(servicePassword)):
				t.Error("the source's name or password was sent in the clear")
			case name != "more than one" && len(*rest) > 0:
				t.Errorf("%d bytes were sent behind a refusal", len(*rest))
			}
		})
	}
}

// TestSlippedIn puts an answer in the clear behind that to StartTLS (RFC 4511, 6): it must not be dropped either, for who can
// do that is in the middle.
func TestSlippedIn(t *testing.T) {
	t.Parallel()
	certificate := selfSigned(t)
	for slipped, fine := range map[string]bool{"": true, "\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00": false} {
		c := fakeConfig(serve(t, func(c net.Conn) {
			a, ok := nextAsked(c)
			if !ok {
				return
			}
			if _, err := c.Write(append(a.result(opExtended, 0, ""), slipped...)); err != nil {
				return
			}
			answering((&fake{}).answer)(tls.Server(c, &tls.Config{Certificates: []tls.Certificate{certificate}}))
		}))
		c.StartTLS, c.InsecureSkipVerify = true, true
		users, err := open(t, c).Lookup(t.Context(), "anna")
		if fine && (err != nil || len(users) != 1) || !fine && err == nil {
			t.Errorf("%d bytes slipped in: %d people, error %v", len(slipped), len(users), err)
		}
	}
}

// TestGarbage has a directory answer with what is no answer.
func TestGarbage(t *testing.T) {
	t.Parallel()
	endless := func(a asked) []byte { return bytes.Repeat(a.anna(), 50_000) }
	deep := func(asked) (b []byte) {
		for range 2000 {
			b = element(tagSequence, b)
		}
		return b
	}
	answers := map[string]func(asked) []byte{
		"text":           func(asked) []byte { return []byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n") },
		"zeroes":         func(asked) []byte { return make([]byte, 1000) },
		"4 GiB":          func(asked) []byte { return []byte("\x30\x84\xff\xff\xff\xff\x02\x01\x02") },
		"longer length":  func(asked) []byte { return []byte("\x30\x88\x00\x00\x00\x00\x00\x00\x00\x02\x02\x01") },
		"indefinite":     func(asked) []byte { return []byte("\x30\x80\x02\x01\x02\x65\x07\x0a\x01\x00\x04\x00\x04\x00\x00\x00") },
		"deep":           deep,
		"no result":      func(a asked) []byte { return a.answer(opDone) },
		"result of text": func(a asked) []byte { return a.answer(opDone, text("0"), text(""), text("")) },
		"no values": func(a asked) []byte {
			return a.answer(opEntry, text(annaDN), element(tagSequence, element(tagSequence, text("entryUUID"))))
		},
		"a number for a value": func(a asked) []byte {
			values := element(tagSet, element(tagInteger, []byte{1}))
			return a.answer(opEntry, text(annaDN), element(tagSequence, element(tagSequence, text("entryUUID"), values)))
		},
		"a bind's answer":   func(a asked) []byte { return a.result(opBind, 0, "") },
		"a request":         func(a asked) []byte { return a.answer(askSearch, text("")) },
		"it hangs up":       func(a asked) []byte { return asked{}.result(opExtended, 52, "hunter2") },
		"two million":       func(a asked) []byte { return a.person(annaDN, append([]string{"uid"}, make([]string, 900_000)...)) },
		"a value of 4 MB":   func(a asked) []byte { return a.person(annaDN, []string{"uid", strings.Repeat("a", 4<<20)}) },
		"people endlessly":  endless,
		"a control of 1 MB": func(a asked) []byte { return a.paged(strings.Repeat("a", 1<<20)) },
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{search: answer}
			c := f.config(t)
			c.BreakAfter = 1000
			for what, err := range questions(t, open(t, c)) {
				cannotTell(t, what, err)
				if text := fmt.Sprint(err); strings.Contains(text, "hunter2") || strings.Contains(text, "no answer within") {
					t.Errorf("%s: %v", what, err)
				}
			}
			if f.binds(annaDN) > 0 {
				t.Error("somebody was tried whom the directory has not told of")
			}
		})
	}
}

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

// TestTooMany stops at a limit that the directory keeps, and at one that it does not.
func TestTooMany(t *testing.T) {
	t.Parallel()
	crowd := func(a asked, n int) (b []byte) {
		for i := range n {
			key := fmt.Sprintf("5bfb8b1f-86b3-4b2c-9f52-%012d", i)
			b = append(b, a.person(annaDN, []string{"entryUUID", key}, []string{"uid", "anna"})...)
		}
		return b
	}
	for _, tt := range []struct {
		people  int
		code    byte
		tooMany bool
		some    bool
	}{
		{people: maxPeople, some: true},
		{people: maxPeople + 1, tooMany: true},
		{people: 500, tooMany: true},
		{people: maxPeople + 1, code: 4, tooMany: true},
		{people: 5, code: 4},   // cut: "these five" would be a guess
		{people: 0, code: 4},   // cut: so would "nobody" be
		{people: 5, code: 3},   // out of time
		{people: 5, code: 51},  // busy
		{people: 0, code: 32},  // the base has gone
		{people: 0, code: 50},  // no rights
		{people: 3, code: 10},  // a referral
		{people: 3, code: 123}, // whatever
	} {
		f := &fake{search: func(a asked) []byte { return append(crowd(a, tt.people), a.result(opDone, tt.code, "")...) }}
		users, err := open(t, f.config(t)).Lookup(t.Context(), "anna")
		switch {
		case tt.some:
			if err != nil || len(users) != tt.people {
				t.Errorf("%d people: %d, error %v", tt.people, len(users), err)
			}
		case tt.tooMany:
			if !errors.Is(err, legacy.ErrTooMany) {
				t.Errorf("%d people, result %d: %v", tt.people, tt.code, err)
			}
		default:
			cannotTell(t, fmt.Sprintf("%d people, result %d", tt.people, tt.code), err)
		}
	}
}

// TestReferral shows that an answer from which a part is missing is no answer, and that nobody else is asked.
func TestReferral(t *testing.T) {
	t.Parallel()
	var asked2 atomic.Int64
	elsewhere := serve(t, func(net.Conn) { asked2.Add(1) })
	uri := "ldap://" + elsewhere + "/dc=example,dc=org"
	answers := map[string]func(asked) []byte{
		"instead of an answer": func(a asked) []byte {
			return a.answer(opDone, element(tagEnumerated, []byte{10}), text(""), text(""), element(tagReferral, text(uri)))
		},
		"beside one": func(a asked) []byte {
			return slices.Concat(a.anna(), a.answer(opReference, text(uri)), a.result(opDone, 0, ""))
		},
		"and nobody":  func(a asked) []byte { return append(a.answer(opReference, text(uri)), a.result(opDone, 0, "")...) },
		"of somebody": func(a asked) []byte { return append(a.anna(), a.result(opDone, 10, "")...) },
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{search: answer}
			for what, err := range questions(t, open(t, f.config(t))) {
				if what == "Ping" { // it answers, whatever it says
					continue
				}
				cannotTell(t, what, err)
				if !errors.Is(err, legacy.ErrMapping) || strings.Contains(err.Error(), elsewhere) {
					t.Errorf("%s: %v", what, err)
				}
			}
			if asked2.Load() > 0 {
				t.Error("the referral was followed")
			}
		})
	}
	t.Run("of a bind", func(t *testing.T) {
		t.Parallel()
		f := &fake{bind: func(a asked) []byte {
			return a.answer(opBind, element(tagEnumerated, []byte{10}), text(""), text(""), element(tagReferral, text(uri)))
		}}
		cannotTell(t, "Verify", open(t, f.config(t)).Verify(t.Context(), annaUser(), []byte(rightPassword)))
	})
}

// TestKeptConnections shows that a connection which the directory has closed meanwhile costs nobody an answer, and that a
// question is not asked a third time.
func TestKeptConnections(t *testing.T) {
	t.Parallel()
	var conns atomic.Int64
	c := fakeConfig(serve(t, func(c net.Conn) {
		conns.Add(1)
		for range 2 { // a bind and one search
			a, ok := nextAsked(c)
			if !ok {
				return
			}
			f := fake{}
			if _, err := c.Write(f.answer(a)); err != nil {
				return
			}
		}
		if _, ok := nextAsked(c); ok { // the next search is read, and the connection cut
			c.Close()
		}
	}))
	s := open(t, c)
	for i := range 3 {
		if users, err := s.Lookup(t.Context(), "anna"); err != nil || len(users) != 1 {
			t.Fatalf("question %d: %d people, error %v", i, len(users), err)
		}
	}
	if conns.Load() != 3 {
		t.Errorf("%d connections", conns.Load())
	}
}

// TestConnectionsAreBounded asks more at once than there are connections.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	var now, most atomic.Int64
	f := &fake{}
	c := fakeConfig(serve(t, func(c net.Conn) {
		for n := now.Add(1); ; {
			if before := most.Load(); n <= before || most.CompareAndSwap(before, n) {
				break
			}
		}
		answering(f.answer)(c)
		now.Add(-1)
	}))
	c.MaxConns = 2
	s := open(t, c)
	errs := make(chan error)
	for range 50 {
		go func() { errs <- s.Verify(t.Context(), annaUser(), []byte(rightPassword)) }()
	}
	for range 50 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	// Two that read and two that try, of which one more each may be about to close.
	if most.Load() > 8 {
		t.Errorf("%d connections at once", most.Load())
	}
}

// TestClose ends what is under way, and refuses what comes after.
func TestClose(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{})
	f := &fake{search: func(asked) []byte {
		close(reached)
		return nil
	}}
	s, err := Open(f.config(t))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		_, err := s.Lookup(t.Context(), "anna")
		ended <- err
	}()
	<-reached
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	cannotTell(t, "the question under way", <-ended)
	_, err = s.Lookup(t.Context(), "anna")
	cannotTell(t, "the next question", err)
}

// TestCertificates shows that nobody is told a password whose certificate is not good.
func TestCertificates(t *testing.T) {
	t.Parallel()
	certificate := selfSigned(t)
	var shaken atomic.Int64
	c := fakeConfig(serve(t, func(c net.Conn) {
		secured := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{certificate}})
		if secured.Handshake() == nil {
			shaken.Add(1)
			answering((&fake{}).answer)(secured)
		}
	}))
	c.URL = strings.Replace(c.URL, "ldap://", "ldaps://", 1)
	s := open(t, c)
	_, err := s.Lookup(t.Context(), "anna")
	cannotTell(t, "Lookup", err)
	cannotTell(t, "Verify", s.Verify(t.Context(), annaUser(), []byte(rightPassword)))
	if !strings.Contains(err.Error(), "certificate") || shaken.Load() > 0 {
		t.Errorf("%d handshakes, then %v", shaken.Load(), err)
	}
	c.InsecureSkipVerify = true
	if users, err := open(t, c).Lookup(t.Context(), "anna"); err != nil || len(users) != 1 {
		t.Errorf("where the operator says so: %d people, error %v", len(users), err)
	}
}
