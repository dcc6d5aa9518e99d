// Package proxy stands between two processes and does to their connections what networks do. It serves the chaos harness,
// and knows nothing of what it carries but the word that ends a transaction.
package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A Fault is what is done to connections.
type Fault string

// The faults. The zero Fault is None.
const (
	None Fault = ""
	// Slow holds each piece back for the delay.
	Slow Fault = "slow"
	// Hang carries nothing in either direction, and delivers what came meanwhile when it ends, as a network does that was cut
	// for a while: writes arrive late.
	Hang Fault = "hang"
	// Deaf carries what is asked and loses what is answered: the asker sees the end of the connection.
	Deaf Fault = "deaf"
	// Unheard carries everything but the answer to a COMMIT: it is done, and the asker sees the end of the connection. That is
	// the one moment of Deaf in which nobody can know what was written.
	Unheard Fault = "unheard"
	// Reset ends every connection at its next piece, and each new one at once.
	Reset Fault = "reset"
)

// Faults returns all but None.
func Faults() []Fault { return []Fault{Slow, Hang, Deaf, Unheard, Reset} }

// A Proxy carries connections to one address.
type Proxy struct {
	listener *net.TCPListener
	target   string
	ctx      context.Context //nolint:containedctx // it ends with Close; nobody calls while a connection is carried
	cancel   context.CancelFunc
	carried  sync.WaitGroup

	mu      sync.Mutex
	fault   Fault
	delay   time.Duration
	changed chan struct{} // closed when the fault is another
}

// New listens on a port of loopback for connections to target.
func New(target string) (*Proxy, error) {
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Proxy{listener: listener, target: target, ctx: ctx, cancel: cancel, changed: make(chan struct{})}
	p.carried.Go(p.accept)
	return p, nil
}

// Address is where it listens.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Set makes connections suffer a fault from now on, those that are there too. delay is that of Slow.
func (p *Proxy) Set(f Fault, delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.delay = f, delay
	close(p.changed)
	p.changed = make(chan struct{})
}

// Close ends every connection, and waits for it.
func (p *Proxy) Close() error {
	p.cancel()
	err := p.listener.Close()
	p.carried.Wait()
	return err
}

func (p *Proxy) now() (Fault, time.Duration, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault, p.delay, p.changed
}

func (p *Proxy) accept() {
	for {
		conn, err := p.listener.AcceptTCP()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // too many files, say: the next one may be better off
			continue
		}
		p.carried.Go(func() { p.carry(conn) })
	}
}

// carry carries one connection to its end.
func (p *Proxy) carry(from *net.TCPConn) {
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { reset(from) })
	defer stop()
	if !p.pass(ctx) { // an address that does not answer is not reached either
		reset(from)
		return
	}
	dialed, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.target)
	if err != nil {
		reset(from)
		return
	}
	to, ok := dialed.(*net.TCPConn)
	if !ok {
		panic(fmt.Sprintf("proxy: a TCP connection is a %T", dialed))
	}
	context.AfterFunc(ctx, func() { reset(to) })

	var both sync.WaitGroup
	var resets [2]bool
	var lost atomic.Bool // what is answered from now on
	both.Go(func() {
		if resets[0] = !p.pump(ctx, to, from, &lost, false); resets[0] {
			cancel()
		}
	})
	both.Go(func() {
		if resets[1] = !p.pump(ctx, from, to, &lost, true); resets[1] {
			cancel()
		}
	})
	both.Wait()
	if !resets[0] && !resets[1] {
		_ = to.Close()   // both directions have ended as their senders ended them
		_ = from.Close() // likewise
	}
}

// pump carries one direction, and reports whether it ended as its sender ended it.
func (p *Proxy) pump(ctx context.Context, to, from *net.TCPConn, lost *atomic.Bool, answers bool) bool {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if !p.pass(ctx) {
				return false
			}
			switch f, _, _ := p.now(); {
			case answers && (f == Deaf || lost.Load()):
				return to.CloseWrite() == nil // what is asked goes on being carried until the asker hangs up
			case !answers && f == Unheard && ends(buffer[:n]):
				lost.Store(true)
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return false
			}
		}
		if err != nil {
			return to.CloseWrite() == nil
		}
	}
}

// ends tells whether what is asked ends a transaction: both databases' clients say so in words, in a piece of its own.
func ends(asked []byte) bool { return bytes.Contains(bytes.ToUpper(asked), []byte("COMMIT")) }

// pass waits as long as the fault of the moment wants, and reports whether the piece may go on.
func (p *Proxy) pass(ctx context.Context) bool {
	for {
		fault, delay, changed := p.now()
		var wait <-chan time.Time
		switch fault {
		case None:
			return true
		case Deaf, Unheard:
			return true // the pump looks which direction it is
		case Reset:
			return false
		case Slow:
			timer := time.NewTimer(delay)
			defer timer.Stop()
			wait = timer.C
		case Hang:
		}
		select {
		case <-ctx.Done():
			return false
		case <-wait:
			return true
		case <-changed:
		}
	}
}

// reset ends a connection without a farewell.
func reset(conn *net.TCPConn) {
	_ = conn.SetLinger(0) // a connection that has ended already needs none
	_ = conn.Close()      // likewise
}
