package sqlstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	neturl "net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rekey/accounts"
)

// A database whose own default is stricter does not change what the store does.
func TestPostgresIsolation(t *testing.T) {
	t.Parallel()
	url := postgresURL(t)
	run(t, raw(t, url), `DO $$ BEGIN
		EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable', current_database());
	END $$`)
	s := open(t, url)
	var level string
	if err := s.read.QueryRowContext(t.Context(), `SHOW transaction_isolation`).Scan(&level); err != nil {
		t.Fatal(err)
	}
	if level != "read committed" {
		t.Errorf("the store works at isolation level %q", level)
	}
}

// The names of a renewed session's account are in its order, in whichever PostgreSQL finds them.
func TestPostgresRenewOrder(t *testing.T) {
	t.Parallel()
	url := postgresURL(t)
	run(t, raw(t, url), `DO $$ BEGIN
		EXECUTE format('ALTER DATABASE %I SET enable_indexscan = off', current_database());
		EXECUTE format('ALTER DATABASE %I SET enable_bitmapscan = off', current_database());
	END $$`)
	s := open(t, url)
	r, e := person("Zoe")
	r.Identifiers = append(r.Identifiers, accounts.Identifier{Kind: accounts.Email, Canonical: "ada@example.org", Spelling: "ada@example.org"})
	if err := s.Create(t.Context(), r, e); err != nil {
		t.Fatal(err)
	}
	n := newSession(r.ID)
	if err := s.CreateSession(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	_, account, err := s.RenewSession(t.Context(), n.ID, n.Generation, n.CreatedAt, time.Hour, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.Identifiers, account.Identifiers); diff != "" {
		t.Error(diff)
	}
}

// A transaction that the database undoes because two waited for one another is run again.
func TestDeadlock(t *testing.T) {
	t.Parallel()
	url := postgresURL(t)
	u, err := neturl.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	// Each looks for a deadlock once, so long after it began to wait, and whoever finds one is undone: that is the store, for
	// the other never looks. By then the other must be waiting, on a busy machine too.
	query.Set("deadlock_timeout", "2s")
	query.Set("application_name", "victim")
	u.RawQuery = query.Encode()
	s, db := open(t, u.String()), raw(t, url)
	owner, e := person("owner")
	if err := s.Create(t.Context(), owner, e); err != nil {
		t.Fatal(err)
	}
	other, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Rollback() }() // after the rollback below it does nothing
	if _, err := other.ExecContext(t.Context(), `SET LOCAL deadlock_timeout = '1h'`); err != nil {
		t.Fatal(err)
	}
	insert := func(canonical string) error {
		_, err := other.ExecContext(t.Context(), `
INSERT INTO identifiers (canonical, account_id, position, kind, spelling)
VALUES ($1, $2, (SELECT max(position) + 1 FROM identifiers), 'username', 'x')`, canonical, owner.ID)
		return err
	}
	// The other transaction has the second identifier and will want the first; the store has the first.
	r, e := person("Ada")
	if err := insert(r.Identifiers[1].Canonical); err != nil {
		t.Fatal(err)
	}
	created := make(chan error, 1)
	go func() { created <- s.Create(t.Context(), r, e) }()
	for waiting := false; !waiting; {
		err := db.QueryRowContext(t.Context(), `SELECT EXISTS (SELECT 1 FROM pg_stat_activity
			WHERE application_name = 'victim' AND datname = current_database() AND wait_event_type = 'Lock')`).Scan(&waiting)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := insert(r.Identifiers[0].Canonical); err != nil {
		t.Fatalf("the other transaction was undone: %v", err)
	}
	if err := other.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-created; err != nil {
		t.Errorf("Create: %v", err)
	}
	checkWhole(t, s, "Ada")
}

// People whose identifiers overlap, in whatever order they list them, wait for one another in one direction only. Here
// the server does not look for deadlocks, so that one would last until the deadline.
func TestNoDeadlock(t *testing.T) {
	t.Parallel()
	url := postgresURL(t)
	u, err := neturl.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("deadlock_timeout", "1h")
	u.RawQuery = query.Encode()
	s := open(t, u.String())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // it takes two seconds
	defer cancel()
	for round := range 50 {
		var wait sync.WaitGroup
		for i := range 8 {
			wait.Go(func() {
				r, e := person(fmt.Sprintf("p-%d-%d", round, i))
				for j := range r.Identifiers {
					r.Identifiers[j].Canonical = fmt.Sprintf("shared-%d-%d", round, (i+j)%2)
				}
				if err := s.Create(ctx, r, e); err != nil && !errors.Is(err, accounts.ErrTaken) {
					t.Errorf("Create: %v", err)
				}
			})
		}
		wait.Wait()
	}
}

// verdicts are the errors from which something follows; a fault must never look like one.
func verdicts() []error {
	return []error{accounts.ErrNotFound, accounts.ErrLinked, accounts.ErrTaken, accounts.ErrStale}
}

func noVerdict(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", what)
	}
	for _, verdict := range verdicts() {
		if errors.Is(err, verdict) {
			t.Errorf("%s: %v, though the store could not be asked", what, err)
		}
	}
}

// The connection is lost while the commit is under way. Nobody can know how it ended; asking again tells.
func TestLostAtCommit(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		forward bool  // whether the server still gets to see the commit
		again   error // what asking again says
	}{
		"committed":     {forward: true, again: accounts.ErrLinked},
		"not committed": {forward: false, again: nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := postgresURL(t)
			direct := open(t, url)
			p := newProxy(t, url)
			through := open(t, p.url)

			p.cutAt("commit", test.forward)
			r, e := person("Ada")
			noVerdict(t, "Create", through.Create(t.Context(), r, e))
			_, e = person("Ada")
			if err := through.Create(t.Context(), r, e); !errors.Is(err, test.again) {
				t.Errorf("Create again: %v, want %v", err, test.again)
			}
			checkWhole(t, direct, "Ada")
		})
	}
}

// A unique key refused the row, and then the connection was lost before it was known which.
func TestLostBeforeVerdict(t *testing.T) {
	t.Parallel()
	url := postgresURL(t)
	direct := open(t, url)
	p := newProxy(t, url)
	through := open(t, p.url)
	r, e := person("Ada")
	if err := direct.Create(t.Context(), r, e); err != nil {
		t.Fatal(err)
	}
	p.cutAt("SELECT 1 FROM accounts", false)
	noVerdict(t, "Create", through.Create(t.Context(), r, e))
}

// The server ends every connection, as it does when it restarts: the pool notices and goes on.
func TestServerEndsConnections(t *testing.T) {
	t.Parallel()
	url := postgresURL(t)
	s, db := open(t, url), raw(t, url)
	r, e := person("Ada")
	if err := s.Create(t.Context(), r, e); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		run(t, db, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		var err error
		for range maxConns(Options{}) + 1 { // each dead connection may cost one call
			if _, err = s.ByIdentifier(t.Context(), "ada"); err == nil {
				break
			}
			noVerdict(t, "ByIdentifier", err)
		}
		if err != nil {
			t.Fatalf("the store does not come back: %v", err)
		}
	}
}

// A server that stops answering costs the caller's deadline and gives no verdict.
func TestServerHangs(t *testing.T) {
	t.Parallel()
	url := postgresURL(t)
	p := newProxy(t, url)
	s := open(t, p.url)
	r, e := person("Ada")
	p.hang.Store(true)
	for name, ask := range map[string]func(context.Context) error{
		"ByIdentifier":  func(ctx context.Context) error { _, err := s.ByIdentifier(ctx, "ada"); return err },
		"Create":        func(ctx context.Context) error { return s.Create(ctx, r, e) },
		"CreateSession": func(ctx context.Context) error { return s.CreateSession(ctx, newSession(r.ID)) },
		"Ping":          s.Ping,
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		err := ask(ctx)
		cancel()
		noVerdict(t, name, err)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v, want the deadline's error", name, err)
		}
	}
	p.cut() // so that closing the pool does not wait for answers
}

// A proxy stands between a store and a PostgreSQL server that is spoken to in clear.
type proxy struct {
	url     string
	hang    atomic.Bool // nothing is passed on any more
	deaf    atomic.Bool // the next answer of the server is lost, and the connections with it
	mu      sync.Mutex
	word    []byte
	forward bool
	conns   []net.Conn
	over    bool // new connections are cut at once
}

func newProxy(t *testing.T, url string) *proxy {
	t.Helper()
	u, err := neturl.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	server := u.Host
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u.Host = listener.Addr().String()
	query := u.Query()
	query.Set("sslmode", "disable")
	u.RawQuery = query.Encode()
	p := &proxy{url: u.String()}
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server)
			if err != nil {
				_ = client.Close() // the test fails by itself
				continue
			}
			p.keep(client, upstream)
			wait.Go(func() { p.pump(upstream, client, true) })
			wait.Go(func() { p.pump(client, upstream, false) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close() // ends the loop
		p.mu.Lock()
		p.over = true
		p.mu.Unlock()
		p.cut()
		wait.Wait()
	})
	return p
}

// cutAt makes the proxy cut every connection when a client next sends word, before or after the server gets to see it.
func (p *proxy) cutAt(word string, forward bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.word, p.forward = []byte(word), forward
}

// keep notes connections so that they can be cut.
func (p *proxy) keep(conns ...net.Conn) {
	p.mu.Lock()
	p.conns = append(p.conns, conns...)
	over := p.over
	p.mu.Unlock()
	if over {
		p.cut()
	}
}

// cut cuts every connection.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.conns {
		_ = conn.Close() // it may be closed already
	}
	p.conns = nil
}

// pump copies one direction until either side ends.
func (p *proxy) pump(to, from net.Conn, fromClient bool) {
	defer to.Close()
	buffer := make([]byte, 64<<10) // more than any message of these tests, so that no word is torn
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if p.hang.Load() {
			continue
		}
		if fromClient && p.hit(buffer[:n]) {
			if !p.forward {
				p.cut()
				return
			}
			p.deaf.Store(true)
		} else if !fromClient && p.deaf.Swap(false) { // the server's answer: it is done, and the client never hears of it
			p.cut()
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// hit reports whether a message holds the word, once.
func (p *proxy) hit(message []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.word) == 0 || !bytes.Contains(message, p.word) {
		return false
	}
	p.word = nil
	return true
}

// unsent is an error that says that nothing was sent.
type unsent struct{ error }

func (unsent) SafeToRetry() bool { return true }

// Connections that have ended unnoticed cost the caller nothing, within bounds. What was sent is never sent again.
func TestOnLiving(t *testing.T) {
	t.Parallel()
	lost := errors.New("lost")
	for name, x := range map[string]struct {
		errs []error
		want error
		runs int
	}{
		"a living one":        {[]error{nil}, nil, 1},
		"two dead ones":       {[]error{unsent{lost}, fmt.Errorf("write: %w", unsent{lost}), nil}, nil, 3},
		"dead ones only":      {[]error{unsent{lost}, unsent{lost}, unsent{lost}, nil}, unsent{lost}, 3},
		"lost after the send": {[]error{lost, nil}, lost, 1},
	} {
		runs := 0
		err := onLiving(func() error { runs++; return x.errs[runs-1] })
		if !errors.Is(err, x.want) || runs != x.runs {
			t.Errorf("%s: %v after %d runs, want %v after %d", name, err, runs, x.want, x.runs)
		}
	}
}
