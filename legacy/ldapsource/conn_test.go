package ldapsource

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

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
