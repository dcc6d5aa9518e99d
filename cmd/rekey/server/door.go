package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// How a door closes, in rules:
//
//  1. While the gateway drains, everybody is still let in, and each answer says that it is the connection's last.
//  2. Then nobody new is let in; who has got as far as the operating system's queue is.
//  3. A connection on which a request has begun to arrive is waited for. http.Server.Shutdown would not do: it drops a
//     request whose header is read after it was called.
//  4. One that waits for its next request ends, after a last look whether that has come.
//  5. What has not ended in time is cut off.

// headerTimeout is what a client has for the header of a request.
const headerTimeout = 5 * time.Second

// A door is a listener, what answers on it, and who is inside.
type door struct {
	listener *net.TCPListener
	server   *http.Server
	served   chan struct{} // closed when nobody new is let in any more

	mu      sync.Mutex
	guests  map[*guest]bool
	closing bool
	empty   chan struct{} // closed when the door is closing and nobody is left
}

// listen takes an address. Nothing is answered before serve.
func listen(ctx context.Context, address string, log *slog.Logger) (*door, error) {
	var plain net.ListenConfig
	plain.SetMultipathTCP(false) // Linux takes no filter on such a listener, and letLastIn needs one
	listener, err := plain.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	tcp, ok := listener.(*net.TCPListener)
	if !ok {
		return nil, errors.Join(fmt.Errorf("listen on %s: a %T", address, listener), listener.Close())
	}
	d := &door{listener: tcp, served: make(chan struct{}), guests: map[*guest]bool{}, empty: make(chan struct{})}
	d.server = &http.Server{
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       10 * time.Second, // a body has at most 4 KiB
		WriteTimeout:      30 * time.Second, // longer than any handler takes
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ConnState:         d.see,

		DisableGeneralOptionsHandler: true, // what answers is the gateway, to "OPTIONS *" too
	}
	return d, nil
}

// serve lets people in until the door closes.
func (d *door) serve() error {
	defer close(d.served)
	if err := d.server.Serve(reception{d.listener}); !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", d.listener.Addr(), err)
	}
	return nil
}

// see keeps the list of who is inside. net/http calls it for a new connection before it looks for the next.
func (d *door) see(c net.Conn, state http.ConnState) {
	g, ok := c.(*guest)
	if !ok {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch state {
	case http.StateNew:
		d.guests[g] = true
	case http.StateActive: // it knows
	case http.StateIdle:
		g.rest()
		if d.closing {
			g.leave()
		}
	case http.StateClosed, http.StateHijacked:
		delete(d.guests, g)
		if d.closing && len(d.guests) == 0 {
			close(d.empty)
		}
	}
}

// leave closes the door and waits until everybody who is inside has been answered, or ctx ends. Handshakes that have
// begun get the given time to end.
func (d *door) leave(ctx context.Context, handshakes time.Duration) error {
	letLastIn(ctx, d.listener, handshakes)
	err := d.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil // it has failed before
	}
	<-d.served
	d.mu.Lock()
	d.closing = true
	for g := range d.guests {
		g.leave()
	}
	if len(d.guests) == 0 {
		close(d.empty)
	}
	d.mu.Unlock()
	select {
	case <-d.empty:
	case <-ctx.Done():
		err = errors.Join(err, fmt.Errorf("requests were cut off on %s: %w", d.listener.Addr(), ctx.Err()))
	}
	return errors.Join(err, d.server.Close())
}

// close closes a door that was never served, or whose requests did not end in time.
func (d *door) close() error {
	err := errors.Join(d.server.Close(), d.listener.Close())
	if errors.Is(err, net.ErrClosed) {
		return nil // leave was here before
	}
	return err
}

// A reception is a listener that makes a guest of everybody who comes.
type reception struct{ *net.TCPListener }

// Accept implements net.Listener.
func (r reception) Accept() (net.Conn, error) {
	c, err := r.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return &guest{TCPConn: c}, nil
}

// A guest is a connection that knows whether a request has begun to arrive. net/http learns that when the whole header
// has been read, which is too late for one that is about to be ended.
type guest struct {
	*net.TCPConn

	mu      sync.Mutex
	idle    bool // it was answered, and nothing has come since
	leaving bool // it ends if nothing has come
}

// lastLook is how long a guest who leaves is looked at: what has come is read at once, however short that is.
const lastLook = 10 * time.Millisecond

// Read implements net.Conn.
func (g *guest) Read(p []byte) (int, error) {
	n, err := g.TCPConn.Read(p)
	if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && g.asks() {
		n, err = g.TCPConn.Read(p)
	}
	if n > 0 {
		g.wake()
	}
	return n, err
}

// SetReadDeadline implements net.Conn. It cannot keep a guest who leaves.
func (g *guest) SetReadDeadline(t time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.leaving {
		return nil
	}
	return g.TCPConn.SetReadDeadline(t)
}

// rest says that an answer was given and the next request is waited for.
func (g *guest) rest() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.idle = true
}

// leave ends the wait for the next request.
func (g *guest) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.idle {
		g.leaving = true
		_ = g.TCPConn.SetReadDeadline(time.Unix(1, 0)) // fails if it has gone, which is what is wanted
	}
}

// asks reports whether the guest leaves, and gives it a last look.
func (g *guest) asks() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.leaving && g.TCPConn.SetReadDeadline(time.Now().Add(lastLook)) == nil
}

// wake says that something has come.
func (g *guest) wake() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.idle = false
	if g.leaving {
		g.leaving = false
		_ = g.TCPConn.SetReadDeadline(time.Now().Add(headerTimeout)) // if it has gone, the next Read says so
	}
}
