package server

import (
	"log/slog"
	"net"
	"testing"
	"time"
)

// Who stands at the door when it closes is let in, and nobody comes after them.
func TestLastOnesAreLetIn(t *testing.T) {
	t.Parallel()
	d, err := listen(t.Context(), "127.0.0.1:0", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	listener := d.listener
	defer listener.Close()
	waiting := 0
	knock := func() bool {
		c, err := net.DialTimeout("tcp", listener.Addr().String(), 200*time.Millisecond)
		if err != nil {
			return false
		}
		waiting++
		t.Cleanup(func() { _ = c.Close() }) // the test is over
		return true
	}
	if !knock() {
		t.Fatal("the first one was not let in")
	}
	done := make(chan struct{})
	go func() {
		letLastIn(t.Context(), listener, 0)
		close(done)
	}()
	for knock() { // until the filter is there
		if waiting > 1000 {
			t.Fatal("a thousand came after the last one")
		}
	}
	for range waiting {
		select {
		case <-done:
			t.Fatal("somebody still stands at the door")
		default:
		}
		c, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close() // they were let in
	}
	<-done
}
