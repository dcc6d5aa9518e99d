package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"rekey/cmd/rekey/config"
	"rekey/cmd/rekey/server"
)

// A visit is a gateway that is serving, and can be told to close.
type visit struct {
	*server.Server
	lines  chan logLine
	close  context.CancelFunc
	served chan error
}

func serve(t *testing.T, c *config.Config) *visit {
	t.Helper()
	v := &visit{lines: make(chan logLine, 1000), served: make(chan error, 1)}
	var err error
	if v.Server, err = server.Open(t.Context(), c, logTo(v.lines)); err != nil {
		t.Fatal(err)
	}
	var ctx context.Context
	ctx, v.close = context.WithCancel(t.Context())
	t.Cleanup(v.close)
	go func() { v.served <- v.Serve(ctx) }()
	until(t, v.lines, "ready")
	return v
}

func (v *visit) dial(t *testing.T) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", v.PublicAddress())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, bufio.NewReader(c)
}

// untilClosed returns when nobody is let in any more.
func (v *visit) untilClosed(t *testing.T) {
	t.Helper()
	for {
		c, err := net.Dial("tcp", v.PublicAddress())
		if err != nil {
			return
		}
		c.Close()
	}
}

func answerOf(t *testing.T, in *bufio.Reader) (*http.Response, string) {
	t.Helper()
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatalf("not answered: %v", err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(text)
}

const ask = "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"

// While the gateway drains, it says so to whoever looks, lets people in, and lets go of them with their answer.
func TestDrain(t *testing.T) {
	t.Parallel()
	c := configure(t, "")
	c.Drain = 3 * time.Second // what follows takes milliseconds
	v := serve(t, c)
	kept, in := v.dial(t)
	fmt.Fprint(kept, ask)
	if res, _ := answerOf(t, in); res.Close || res.StatusCode != http.StatusOK {
		t.Fatalf("before: %d, close %t", res.StatusCode, res.Close)
	}
	v.close()
	until(t, v.lines, "closing")
	fresh, freshIn := v.dial(t)
	fmt.Fprint(fresh, ask)
	for name, in := range map[string]*bufio.Reader{"kept": in, "fresh": freshIn} {
		if name == "kept" {
			fmt.Fprint(kept, ask)
		}
		res, text := answerOf(t, in)
		if !res.Close || res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(text, "draining") {
			t.Errorf("%s: %d %s, close %t", name, res.StatusCode, text, res.Close)
		}
	}
	if err := <-v.served; err != nil {
		t.Error(err)
	}
}

// What has begun to arrive when the port closes is answered, however little of it; who says nothing is let go.
func TestHalfAHeader(t *testing.T) {
	t.Parallel()
	v := serve(t, configure(t, ""))
	idle, idleIn := v.dial(t)
	fmt.Fprint(idle, ask)
	answerOf(t, idleIn)
	kept, in := v.dial(t)
	fmt.Fprint(kept, ask)
	answerOf(t, in)
	fmt.Fprint(kept, ask[:len(ask)/2])
	fresh, freshIn := v.dial(t)
	fmt.Fprint(fresh, ask[:1])

	v.close()
	v.untilClosed(t)
	if _, err := idleIn.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("idle: %v, want EOF", err)
	}
	fmt.Fprint(kept, ask[len(ask)/2:])
	fmt.Fprint(fresh, ask[1:])
	for name, in := range map[string]*bufio.Reader{"kept": in, "fresh": freshIn} {
		if res, _ := answerOf(t, in); !res.Close || res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s: %d, close %t", name, res.StatusCode, res.Close)
		}
	}
	if err := <-v.served; err != nil {
		t.Error(err)
	}
}

// The time for everything bounds the drain and those who do not end.
func TestShutdownBounds(t *testing.T) {
	t.Parallel()
	c := configure(t, "")
	c.Drain, c.Shutdown = time.Hour, 100*time.Millisecond
	v := serve(t, c)
	slow, _ := v.dial(t)
	fmt.Fprint(slow, ask[:5])
	v.close()
	if err := <-v.served; err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("closing: %v, want that requests were cut off", err)
	}
}

// The gateway answers "OPTIONS *", which is for no path of it, and not net/http.
func TestOptionsOfEverything(t *testing.T) {
	t.Parallel()
	v := serve(t, configure(t, ""))
	c, in := v.dial(t)
	fmt.Fprint(c, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
	if res, _ := answerOf(t, in); res.StatusCode < 400 {
		t.Errorf("answered %d", res.StatusCode)
	}
	v.close()
	if err := <-v.served; err != nil {
		t.Error(err)
	}
}
