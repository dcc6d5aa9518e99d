package ldapsource

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rekey/legacy"
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

// TestStartTLSIsNotLeft shows that no name and no password is sent where TLS does not come about: it was refused, answered

// TestSlippedIn puts an answer in the clear behind that to StartTLS (RFC 4511, 6): it must not be dropped either, for who can

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

// TestCutShort shows that an answer of which the directory has cut something off is none, for a key either.
func TestCutShort(t *testing.T) {
	t.Parallel()
	for _, people := range []int{0, 1} {
		f := &fake{search: func(a asked) []byte {
			if !bytes.Contains(a.body.rest, []byte(annaKey)) { // a page of keys
				return append(a.anna(), a.result(opDone, 0, "")...)
			}
			return append(bytes.Repeat(a.anna(), people), a.result(opDone, 4, "")...)
		}}
		s := open(t, f.config(t))
		_, err := s.Get(t.Context(), annaKey)
		cannotTell(t, "Get", err)
		cannotTell(t, "Verify", s.Verify(t.Context(), annaUser(), []byte(rightPassword)))
		users, err := s.List(t.Context(), "", 10)
		cannotTell(t, "List", err)
		if len(users) > 0 || f.binds(annaDN) > 0 {
			t.Errorf("%d people, %d binds", len(users), f.binds(annaDN))
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
