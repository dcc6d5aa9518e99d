package e2e

import (
	"bytes"
	"context"
	"crypto/md5"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rekey/accounts/password"
)

// A gate stands between rekey and a database, and can hold one question back, or the answer to one.
type gate struct {
	addr, target string

	mu      sync.Mutex
	pattern []byte // what a question must have in it to be held, in small letters; nil: none is
	skip    int    // of those that have it
	after   []byte // what another question of the same connection must have had in it before; nil: no other
	answer  bool   // the question passes, and its answer is held
	caught  chan struct{}
	open    chan struct{}
}

// gated returns the DSN with its host replaced by a gate's.
func gated(t *testing.T, dsn string) (string, *gate) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("the DSN of the test server is not a URL")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{addr: l.Addr().String(), target: u.Host, caught: make(chan struct{}), open: make(chan struct{})}
	t.Cleanup(func() { _ = l.Close() }) // the test is over
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go g.carry(conn)
		}
	}()
	u.Host = g.addr
	return u.String(), g
}

// hold holds the next question that has a text in it, or the answer to it, until release.
func (g *gate) hold(pattern string, skip int, answer bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pattern, g.skip, g.answer = []byte(strings.ToLower(pattern)), skip, answer
}

// holdAfter is hold of the next question behind one of its connection that has another text in it: a process commits much else meanwhile.
func (g *gate) holdAfter(after, pattern string, answer bool) {
	g.hold(pattern, 0, answer)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.after = []byte(strings.ToLower(after))
}

func (g *gate) release() { close(g.open) }

// matches reports whether a question is the one, and whether it is its answer that is held. behind is of its connection: that the
// question before has been seen.
func (g *gate) matches(question []byte, behind *bool) (held, answer bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	question = bytes.ToLower(question)
	if g.after != nil {
		if !*behind {
			*behind = bytes.Contains(question, g.after)
			return false, false
		}
	}
	if g.pattern == nil || !bytes.Contains(question, g.pattern) {
		return false, false
	}
	if g.skip--; g.skip >= 0 {
		return false, false
	}
	g.pattern = nil
	return true, g.answer
}

func (g *gate) carry(client net.Conn) {
	server, err := net.Dial("tcp", g.target)
	if err != nil {
		_ = client.Close() // there is nobody to talk to
		return
	}
	end := func() { _, _ = client.Close(), server.Close() } // one side ended, so the other does
	answers := make(chan bool, 1)
	stop := func() {
		close(g.caught)
		<-g.open
	}
	go func() {
		defer end()
		behind := false
		pump(server, client, func(piece []byte) {
			switch held, answer := g.matches(piece, &behind); {
			case held && answer:
				answers <- true
			case held:
				stop()
			}
		})
	}()
	defer end()
	pump(client, server, func([]byte) {
		select {
		case <-answers:
			stop()
		default:
		}
	})
}

// pump carries one direction, and shows each piece before it goes on.
func pump(to, from net.Conn, show func([]byte)) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		show(buf[:n])
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// A stopping is a moment in a change of a password at which a replica is stopped.
type stopping struct {
	name   string
	both   bool // in phase both; else in new-first
	there  bool // on the way to the old store; else to the new
	at     string
	after  string
	answer bool
	done   int // changes that the stopped replica's own becomes in the end
}

// Of anna's passwords.
const ancient = "a password of long ago"

// One of two replicas is stopped in the middle of a change of anna's password, until its lease and its claim have ended. The move
// names it, waits for its lease, and goes on; the other replica ends the change, if it was begun, and takes two more of anna's,
// the last to the password of the beginning, whose hash there is the very same. When the first wakes it serves nobody before it
// has caught up, and what it still had in its hands changes nothing.
func TestStoppedInTheMiddle(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup // each waits for half a minute, and takes no place of another test's meanwhile
	for _, s := range []stopping{
		{name: "new-first, before the commit", at: "commit", after: "update credentials"},
		{name: "both, before the intent is committed", both: true, at: "commit", after: "insert into copy_back"},
		{name: "both, behind the intent", both: true, at: "commit", after: "insert into copy_back", answer: true, done: 1},
		{name: "both, the write is on its way", both: true, there: true, at: hashed(orchids), done: 1},
		{name: "both, the write waits for its commit", both: true, there: true, at: hashed(orchids), answer: true, done: 1},
		{name: "both, the commit there is on its way", both: true, there: true, at: "commit", done: 1},
		{name: "both, it is committed there", both: true, there: true, at: "commit", answer: true, done: 1},
		{name: "both, before our half is committed", both: true, at: "commit", after: "delete from copy_back", done: 1},
	} {
		all.Go(func() { t.Run(s.name, func(t *testing.T) { stopInTheMiddle(t, s) }) })
	}
	all.Wait()
}

func stopInTheMiddle(t *testing.T, s stopping) {
	t.Helper()
	shopDSN, shop := database(t, need(t, "REKEY_TEST_MYSQL", "MariaDB"))
	store, db := database(t, need(t, "REKEY_TEST_POSTGRES", "PostgreSQL"))
	mustExec(t, shop, `CREATE TABLE users (id INTEGER PRIMARY KEY AUTO_INCREMENT, login VARCHAR(60) NOT NULL UNIQUE, pass VARCHAR(255) NOT NULL)`)
	mustExec(t, shop, `INSERT INTO users VALUES (7, 'anna', MD5(?))`, ancient)
	plan := "lazy"
	if s.both {
		plan = "dual-write"
	}
	key := masterKey(t)
	yaml := func(store, shop string) string {
		return fmt.Sprintf(`
store: %s
master_key_file: %s
limits: off
login: {floor: 0s}
plan: %s
password: {memory_kib: 64, time: 1}
legacy:
  - {name: shop, kind: sql, dsn: "%s", scheme: md5($pass), %s, write: {scheme: md5($pass)}, copy_back: full}
`, store, key, plan, shop, usersTable)
	}
	gatedStore, here := gated(t, store)
	gatedShop, there := gated(t, shopDSN)
	goes := start(t, "", yaml(store, shopDSN))
	stops := start(t, "", yaml(gatedStore, gatedShop))
	if s.both {
		goes.phase(t, "advance")
		mustExec(t, db, `UPDATE phase SET epoch = 3, state = replace(replace(replace(state, '"shadow"', '"both"'), '"epoch":2', '"epoch":3'), '"trust_epoch":2', '"trust_epoch":3')`)
		waitFor(t, "both replicas to be in both", func() bool { return one[int](t, store, `SELECT count(*) FROM replicas WHERE epoch = 3`) == 2 })
	}
	access := stops.mustLogin(t, "anna", ancient).Access

	// It is stopped at its moment.
	at := here
	if s.there {
		at = there
	}
	if s.after == "" {
		at.hold(s.at, 0, s.answer)
	} else {
		at.holdAfter(s.after, s.at, s.answer)
	}
	late := make(chan answer, 1)
	go func() { late <- stops.lateChange(t, access, ancient, orchids) }()
	select {
	case <-at.caught:
	case a := <-late:
		t.Fatalf("it has never come to that: %d", a.status)
	}
	stops.signal(t, syscall.SIGSTOP)
	began := time.Now()
	stopped := true
	t.Cleanup(func() {
		if stopped {
			at.release()
			stops.signal(t, syscall.SIGCONT)
		}
	})

	// The others go on without it.
	out, progress := goes.mustRekey(t, "phase", "rollback", "--reason", "one of us hangs")
	t.Logf("the move took %v", time.Since(began).Round(100*time.Millisecond))
	if !strings.Contains(progress, stops.name()+" (its lease ends in ") {
		t.Errorf("the move does not say whom it waits for:\n%s%s", progress, out)
	}
	waitFor(t, "the intent to end", func() bool { return one[int](t, store, `SELECT count(*) FROM copy_back`) == 0 })
	t.Logf("the intent had ended after %v", time.Since(began).Round(100*time.Millisecond))
	now := ancient
	if s.done > 0 {
		now = orchids
	}
	for _, next := range []string{tulips, ancient} {
		if now != next {
			wantStatus(t, "change at the other", goes.change(t, goes.mustLogin(t, "anna", now).Access, now, next), http.StatusNoContent)
			now = next
		}
	}
	if !s.both {
		goes.phase(t, "advance")
		goes.mustLogin(t, "anna", now)
	}

	// It wakes, and is kept from renewing its lease for a moment.
	waitFor(t, "30 s", func() bool { return time.Since(began) > 30*time.Second })
	held, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := held.Exec(`LOCK TABLE replicas IN SHARE ROW EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	at.release()
	stops.signal(t, syscall.SIGCONT)
	stopped = false
	for range 3 {
		wantStatus(t, "a login before it has caught up", stops.login(t, "anna", now), http.StatusServiceUnavailable)
	}
	if err := held.Rollback(); err != nil {
		t.Fatal(err)
	}
	if a := <-late; a.status != 0 && a.status != http.StatusServiceUnavailable { // 0: the time to answer it had passed, and the connection ended
		t.Errorf("its own change: %d", a.status)
	}
	waitFor(t, "it has caught up", func() bool { return stops.login(t, "anna", now).status == http.StatusOK })
	for _, g := range []*gateway{stops, goes} {
		for _, old := range []string{orchids, tulips} {
			wantStatus(t, "an older password", g.login(t, "anna", old), http.StatusUnauthorized)
		}
		g.mustLogin(t, "anna", now)
	}
	waitFor(t, "what is on its way to end", func() bool { return one[int](t, store, `SELECT count(*) FROM copy_back`) == 0 })
	inBoth(t, store, shop, now)
	if n := one[int](t, store, `SELECT count(*) FROM events WHERE kind = 'credential.changed'`); n != 2+s.done {
		t.Errorf("%d events of changes, want %d", n, 2+s.done)
	}
}

// hashed is a password as the old store has it.
func hashed(pw string) string {
	sum := md5.Sum([]byte(pw))
	return hex.EncodeToString(sum[:])
}

// inBoth fails unless anna has a password in both stores, whoever is asked.
func inBoth(t *testing.T, store string, shop *sql.DB, pw string) {
	t.Helper()
	var n int
	if err := shop.QueryRow(`SELECT count(*) FROM users WHERE login = 'anna' AND pass = MD5(?)`, pw).Scan(&n); err != nil || n != 1 {
		t.Errorf("the old store has another password (%v)", err)
	}
	encoded := one[string](t, store, `SELECT encoded FROM credentials`)
	if ok, err := (password.Hasher{}).Verify(encoded, []byte(pw)); !ok {
		t.Errorf("the new store has another password (%v)", err)
	}
}

// lateChange is change that waits for as long as it takes.
func (g *gateway) lateChange(t *testing.T, access, current, next string) answer {
	t.Helper()
	body, err := json.Marshal(map[string]string{"current_password": current, "new_password": next})
	if err != nil {
		t.Error(err)
		return answer{}
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPut, g.url+"/v1/account/password", bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return answer{}
	}
	req.Header = bearer(access)
	req.Header.Set("Content-Type", "application/json")
	res, err := (&http.Client{}).Do(req)
	if err != nil {
		return answer{}
	}
	defer func() { _ = res.Body.Close() }() // it is read to its end
	text, _ := io.ReadAll(res.Body)         // it is told for people
	return answer{status: res.StatusCode, header: res.Header, body: text}
}
