package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"rekey/cmd/chaos/proxy"
)

// through returns the DSN with its host replaced by that of a proxy, which is there until the test ends.
func through(t *testing.T, dsn string) (string, *proxy.Proxy) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("the DSN of the test server is not a URL")
	}
	p, err := proxy.New(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() }) // the test is over
	u.Host = p.Address()
	return u.String(), p
}

func wantStatus(t *testing.T, what string, a answer, want int) {
	t.Helper()
	if a.status != want {
		t.Errorf("%s: %d, want %d", what, a.status, want)
	}
	if want == http.StatusServiceUnavailable && a.header.Get("Retry-After") == "" {
		t.Errorf("%s: no Retry-After", what)
	}
}

// A legacy store that hangs or is gone, and a new store that is gone: never a refusal, and those who were moved do not
// notice the former.
func TestFaults(t *testing.T) {
	t.Parallel()
	server := need(t, "REKEY_TEST_POSTGRES", "PostgreSQL")
	direct, db := database(t, server)
	oldDSN, old := through(t, direct)
	storeDirect, _ := database(t, server)
	store, news := through(t, storeDirect)
	mustExec(t, db, `CREATE TABLE users (id int PRIMARY KEY, login text, pass text)`)
	mustExec(t, db, `INSERT INTO users VALUES (1, 'anna', ''), (2, 'bert', 'md5$x$not hex')`)
	mustExec(t, db, `UPDATE users SET pass = $1 WHERE id = 1`, ssha("tulip"))
	mustExec(t, db, `INSERT INTO users VALUES (3, 'carl', $1)`, ssha("daisy"))

	g := start(t, "", fmt.Sprintf("store: %s\nmaster_key_file: %s\nlimits: off\nlegacy:\n  - {name: site, kind: sql, dsn: %q, timeout: 500ms, %s}\n",
		store, masterKey(t), oldDSN, usersTable))
	g.mustLogin(t, "anna", "tulip")

	for fault, what := range map[proxy.Fault]string{proxy.Hang: "legacy hangs", proxy.Reset: "legacy is gone"} {
		old.Set(fault, 0)
		begin := time.Now()
		for range 8 { // enough to open the breaker
			wantStatus(t, what+", right password", g.login(t, "carl", "daisy"), http.StatusServiceUnavailable)
		}
		wantStatus(t, what+", wrong password", g.login(t, "carl", "x"), http.StatusServiceUnavailable)
		wantStatus(t, what+", unknown", g.login(t, "nobody", "x"), http.StatusServiceUnavailable)
		if took := time.Since(begin); took > 15*time.Second {
			t.Errorf("%s: ten logins took %v: neither deadline nor breaker", what, took)
		}
		wantStatus(t, what+", moved", g.login(t, "anna", "tulip"), http.StatusOK)
		wantStatus(t, what+", moved, wrong", g.login(t, "anna", "x"), http.StatusUnauthorized)
		waitFor(t, what+", readyz says degraded", func() bool { // an answer counts for a second
			ready := g.send(t, http.MethodGet, "/readyz", nil, nil)
			return ready.status == http.StatusOK && strings.Contains(string(ready.body), `"degraded"`)
		})
		old.Set(proxy.None, 0)
		waitFor(t, what+", and back", func() bool { return g.login(t, "nobody", "x").status == http.StatusUnauthorized })
	}
	wantStatus(t, "a hash that cannot be read", g.login(t, "bert", "x"), http.StatusUnauthorized)
	wantStatus(t, "a hash that cannot be read", g.login(t, "bert", "x"), http.StatusUnauthorized)
	if n := one[int](t, storeDirect, `SELECT count(*) FROM events WHERE kind = 'account.quarantined'`); n != 1 {
		t.Errorf("%d events about the hash that cannot be read, want 1", n)
	}

	news.Set(proxy.Reset, 0)
	for _, name := range []string{"anna", "carl", "nobody"} {
		wantStatus(t, "new store is gone, "+name, g.login(t, name, "tulip"), http.StatusServiceUnavailable)
	}
	waitFor(t, "new store is gone, readyz", func() bool {
		return g.send(t, http.MethodGet, "/readyz", nil, nil).status == http.StatusServiceUnavailable
	})
	news.Set(proxy.None, 0)
	waitFor(t, "the new store is back", func() bool { return g.login(t, "anna", "tulip").status == http.StatusOK })
	g.mustLogin(t, "carl", "daisy")
}

// waitFor asks until it is so. Only the processes themselves know when.
func waitFor(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !so(); time.Sleep(50 * time.Millisecond) { // polls another process
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

func TestWrongMasterKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	yaml := fmt.Sprintf("store: sqlite://%s/new.db\nlimits: off\nlegacy:\n  - {name: shop, kind: sql, dsn: 'sqlite://%s', %s}\n", dir, onePerson(t, "tulip"), usersTable)
	g := start(t, "", yaml)
	g.mustLogin(t, "anna", "tulip")
	g.stop(t)

	key := dir + "/new.db.key"
	right, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	refuses := func(what string) {
		t.Helper()
		g := launch(t, "", yaml)
		select {
		case <-g.ended:
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: it runs", what)
		}
		if g.cmd.ProcessState.ExitCode() == 0 || !strings.Contains(g.log.String(), "key") || strings.Contains(g.log.String(), strings.Repeat("5a", 32)) {
			t.Errorf("%s: exit code %d, and it says\n%s", what, g.cmd.ProcessState.ExitCode(), g.log)
		}
	}
	if err := os.WriteFile(key, []byte(strings.Repeat("5a", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	refuses("another key")
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	refuses("no key, and the store is not new")
	if err := os.WriteFile(key, right, 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, "", yaml).mustLogin(t, "anna", "tulip")
}
