package server

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// meet returns both ends of a connection.
func meet(t *testing.T) (client net.Conn, g *guest) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	c, err := reception{l.(*net.TCPListener)}.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = client.Close(), c.Close() }) // the test is over
	return client, c.(*guest)
}

// A request that has come and was not looked at yet keeps its connection, which then may be read to the request's end.
func TestGuestWhoHasJustAsked(t *testing.T) {
	t.Parallel()
	client, g := meet(t)
	g.rest()
	g.leave()
	p := make([]byte, 8)
	if _, err := g.Read(p); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("nothing has come: %v, want that time is over", err)
	}
	for _, text := range []string{"GET", " /"} {
		if _, err := client.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		n, err := g.Read(p)
		if err != nil || string(p[:n]) != text {
			t.Fatalf("read %q, %v, want %q", p[:n], err, text)
		}
	}
}

// net/http sets a deadline when it begins to wait, which may be after the guest was told to leave.
func TestGuestIsNotKept(t *testing.T) {
	t.Parallel()
	_, g := meet(t)
	g.rest()
	g.leave()
	if err := g.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v, want that time is over", err)
	}
}

// Who has not been answered yet is not sent away.
func TestGuestIsServedFirst(t *testing.T) {
	t.Parallel()
	client, g := meet(t)
	g.leave()
	if _, err := client.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
}
