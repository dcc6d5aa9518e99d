package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// dear makes a login take a while, and lets as many wait as come.
const dear = "password: {memory_kib: 32768, time: 3, queue: 30s}\n"

// shutdownYAML is a gateway in front of anna.
func shutdownYAML(t *testing.T, more string) string {
	t.Helper()
	return fmt.Sprintf("store: sqlite://%s/new.db\nlimits: off\n%slegacy:\n  - {name: shop, kind: sql, dsn: 'sqlite://%s', %s}\n",
		t.TempDir(), more, onePerson(t, "tulip"), usersTable)
}

// A caller is one connection, without anything that would try again behind our back.
type caller struct {
	conn net.Conn
	in   *bufio.Reader
}

// call connects. An error means that the port is closed: nothing was sent.
func (g *gateway) call() (*caller, error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		return nil, err
	}
	return &caller{conn, bufio.NewReader(conn)}, nil
}

// send sends a whole login, and reports whether it got away.
func (c *caller) send() error {
	const body = `{"identifier":"anna","password":"tulip"}`
	_, err := fmt.Fprintf(c.conn, "POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	return err
}

// answer reads one answer, and reports whether it is the connection's last.
func (c *caller) answer() (status int, last bool, err error) {
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = res.Body.Close() }() // it is read to its end
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, res.Close, err
}

func (c *caller) close() { _ = c.conn.Close() } // it was read to its end

// Forty people have sent their login when the operator stops the process: each of them is let in.
func TestShutdownAnswersABurst(t *testing.T) {
	t.Parallel()
	g := start(t, "", shutdownYAML(t, dear+"drain: 0s\n"))
	g.mustLogin(t, "anna", "tulip")

	var sent, all sync.WaitGroup
	var in atomic.Int64
	for range 40 {
		sent.Add(1)
		all.Go(func() {
			c, err := g.call()
			if err == nil {
				defer c.close()
				err = c.send()
			}
			sent.Done()
			if err != nil {
				t.Error(err)
				return
			}
			switch status, _, err := c.answer(); {
			case err != nil:
				t.Errorf("a login that was sent was not answered: %v", err)
			case status != http.StatusOK:
				t.Errorf("a login that was sent was answered %d", status)
			default:
				in.Add(1)
			}
		})
	}
	sent.Wait()
	g.stop(t)
	all.Wait()
	if in.Load() != 40 {
		t.Errorf("%d of 40 are in", in.Load())
	}
}

// People go on coming until the port is closed, on connections of their own and on ones that they keep, while readyz has
// been saying for a while that they should not: each request that was wholly sent is answered.
func TestShutdownLosesNobody(t *testing.T) {
	t.Parallel()
	g := start(t, "", shutdownYAML(t, "drain: 1s\n"))
	g.mustLogin(t, "anna", "tulip")
	idle, err := g.call() // it has been answered once and says nothing more
	if err != nil {
		t.Fatal(err)
	}
	defer idle.close()
	if err := idle.send(); err != nil {
		t.Fatal(err)
	}
	if _, last, err := idle.answer(); err != nil || last {
		t.Fatalf("last %t, %v", last, err)
	}

	var answered, lost, told atomic.Int64
	var all sync.WaitGroup
	for i := range 12 {
		keep := i%2 == 0
		all.Go(func() {
			for {
				c, err := g.call()
				if err != nil {
					if !errors.Is(err, syscall.ECONNREFUSED) {
						t.Errorf("connect: %v", err)
					}
					return
				}
				for more := true; more; {
					if err := c.send(); err != nil {
						lost.Add(1)
						break
					}
					status, last, err := c.answer()
					switch {
					case err != nil:
						lost.Add(1)
					case status == http.StatusOK || status == http.StatusServiceUnavailable:
						answered.Add(1)
					default:
						t.Errorf("answered %d", status)
					}
					if last {
						told.Add(1)
					}
					more = keep && err == nil && !last
				}
				c.close()
			}
		})
	}
	waitFor(t, "some logins", func() bool { return answered.Load() >= 24 })
	g.terminate(t)
	sawDraining := false
	for !sawDraining { // it ends within the drain, or the port is closed and the test fails
		a := g.send(t, http.MethodGet, "/readyz", nil, nil)
		if a.status == 0 {
			break
		}
		sawDraining = a.status == http.StatusServiceUnavailable && strings.Contains(string(a.body), "draining")
	}
	if !sawDraining {
		t.Error("the port was closed before readyz said that it would be")
	}
	g.awaitEnd(t)
	all.Wait()
	if n := lost.Load(); n > 0 && runtime.GOOS == "linux" {
		t.Errorf("%d requests were lost, %d were answered", n, answered.Load())
	}
	if told.Load() == 0 {
		t.Error("nobody who keeps a connection was told to leave it")
	}
	_ = idle.conn.SetReadDeadline(time.Now().Add(time.Second)) // the process has ended
	if _, err := idle.in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("an idle connection ends with %v, want EOF", err)
	}
}
