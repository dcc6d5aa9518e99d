// Package e2e runs the binary as an operator would: real processes, real databases, logins over HTTP. It has tests
// only. Those that need MariaDB, PostgreSQL, PHP or Django say so when they are skipped; deploy/dev/services, which
// `make test` uses, starts what they need.
package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"
)

// binaries are built once: as it is released, and with failpoints.
var binaries struct {
	dir string
	sync.Mutex
	built map[string]string
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "rekey-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binaries.dir, binaries.built = dir, map[string]string{}
	err = os.Unsetenv("GOGC") // what spares tests time is not what rekey is run with
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// Processes, servers and windows are waited for more than anything is computed.
	if err := flag.Set("test.parallel", "3"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// binary builds rekey with build tags and returns its path.
func binary(t *testing.T, tags string) string {
	t.Helper()
	binaries.Lock()
	defer binaries.Unlock()
	if path := binaries.built[tags]; path != "" {
		return path
	}
	path := filepath.Join(binaries.dir, "rekey"+tags)
	cmd := exec.Command("go", "build", "-tags", tags, "-o", path, "rekey/cmd/rekey")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	binaries.built[tags] = path
	return path
}

// need returns an environment variable, or skips the test with a word on what it is for.
func need(t *testing.T, name, what string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Skipf("needs %s: `make test` starts it and sets %s", what, name)
	}
	return value
}

// database makes a database on the server that dsn names, mysql://… or postgres://…, and drops it at the end.
func database(t *testing.T, dsn string) (string, *sql.DB) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("the DSN of the test server is not a URL")
	}
	name := "e2e_" + strings.ToLower(rand.Text()[:12])
	admin := openDB(t, u)
	if _, err := admin.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		drop := "DROP DATABASE " + name
		if u.Scheme == "postgres" {
			drop += " WITH (FORCE)"
		}
		if _, err := admin.Exec(drop); err != nil {
			t.Error(err)
		}
		_ = admin.Close() // the test is over
	})
	made := *u
	made.Path = "/" + name
	db := openDB(t, &made)
	t.Cleanup(func() { _ = db.Close() }) // the test is over
	return made.String(), db
}

func openDB(t *testing.T, u *url.URL) *sql.DB {
	t.Helper()
	driver, source := "pgx", u.String()
	if u.Scheme == "mysql" {
		pw, _ := u.User.Password()
		driver, source = "mysql", fmt.Sprintf("%s:%s@tcp(%s)%s/?multiStatements=true", u.User.Username(), pw, u.Host, "")
		if db := strings.Trim(u.Path, "/"); db != "" {
			source = fmt.Sprintf("%s:%s@tcp(%s)/%s?multiStatements=true", u.User.Username(), pw, u.Host, db)
		}
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// sqlite makes a database file from statements.
func sqlite(t *testing.T, statements ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "legacy.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // every statement was committed
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// A gateway is a running rekey.
type gateway struct {
	url    string
	config string
	cmd    *exec.Cmd
	log    *lockedBuffer
	ended  chan struct{} // closed when the process has ended
}

// start runs rekey on a configuration and waits until it is ready. extra is the environment beside our own.
func start(t *testing.T, tags, yaml string, extra ...string) *gateway {
	t.Helper()
	g := launch(t, tags, yaml, extra...)
	g.waitReady(t)
	return g
}

// launch runs rekey without waiting. The configuration's listeners are filled in.
func launch(t *testing.T, tags, yaml string, extra ...string) *gateway {
	t.Helper()
	listen, admin := freeAddress(t), freeAddress(t)
	path := filepath.Join(t.TempDir(), "rekey.yaml")
	text := fmt.Sprintf("listen: %s\nadmin: {listen: %s}\nissuer: http://rekey.test\n%s", listen, admin, yaml)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	g := &gateway{url: "http://" + listen, config: path, log: &lockedBuffer{}, ended: make(chan struct{})}
	g.cmd = exec.Command(binary(t, tags), "serve", "--config", path)
	g.cmd.Env = append(os.Environ(), extra...)
	g.cmd.Stdout, g.cmd.Stderr = g.log, g.log
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = g.cmd.Wait() // how it ended is read from ProcessState
		close(g.ended)
	}()
	t.Cleanup(func() {
		g.kill()
		if t.Failed() {
			t.Logf("log of %s:\n%s", g.url, g.log)
		}
	})
	return g
}

func (g *gateway) waitReady(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		if res, err := http.Get(g.url + "/readyz"); err == nil {
			_ = res.Body.Close() // only the status counts
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-g.ended:
			t.Fatalf("rekey ended: %v\n%s", g.cmd.ProcessState, g.log)
		case <-time.After(10 * time.Millisecond): // another process tells only when it is asked
		}
	}
	t.Fatalf("rekey did not become ready:\n%s", g.log)
}

// kill ends the process with SIGKILL and waits for it.
func (g *gateway) kill() {
	_ = g.cmd.Process.Kill() // it may have ended by itself
	<-g.ended
}

// stop ends it as an operator does.
func (g *gateway) stop(t *testing.T) {
	t.Helper()
	g.terminate(t)
	g.awaitEnd(t)
}

// terminate tells it to end.
func (g *gateway) terminate(t *testing.T) {
	t.Helper()
	if err := g.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// awaitEnd waits until it has ended, as it should.
func (g *gateway) awaitEnd(t *testing.T) {
	t.Helper()
	select {
	case <-g.ended:
	case <-time.After(30 * time.Second):
		t.Fatal("rekey did not end after SIGTERM")
	}
	if code := g.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d after SIGTERM", code)
	}
}

// An answer is what a login returned.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Account struct {
		ID, Username, Email string
	}
}

var client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// post sends JSON. A transport error has status 0.
func (g *gateway) post(t *testing.T, path string, body any) answer {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return g.send(t, http.MethodPost, path, text, nil)
}

func (g *gateway) send(t *testing.T, method, path string, body []byte, header http.Header) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, g.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(req.Header, header)
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := client.Do(req)
	if err != nil {
		return answer{}
	}
	defer func() { _ = res.Body.Close() }() // it is read to its end
	a := answer{status: res.StatusCode, header: res.Header}
	if a.body, err = io.ReadAll(res.Body); err != nil {
		return answer{}
	}
	if res.StatusCode == http.StatusOK && strings.Contains(res.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(a.body, &a); err != nil {
			t.Errorf("%s %s answered what is not JSON: %v", method, path, err)
		}
	}
	return a
}

func (g *gateway) login(t *testing.T, identifier, password string) answer {
	t.Helper()
	return g.post(t, "/v1/login", map[string]string{"identifier": identifier, "password": password})
}

func (g *gateway) mustLogin(t *testing.T, identifier, password string) answer {
	t.Helper()
	a := g.login(t, identifier, password)
	if a.status != http.StatusOK || a.Access == "" || a.Refresh == "" {
		t.Fatalf("login of %q answered %d", identifier, a.status)
	}
	return a
}

// freeAddress returns a loopback address that nobody listens on. Where every address of 127/8 is one it is of a host of its own, on
// which no connection going out takes the port while the process is down.
func freeAddress(t *testing.T) string {
	t.Helper()
	host := "127.0.0.1"
	if runtime.GOOS == "linux" {
		host = fmt.Sprintf("127.%d.%d.%d", 1+mathrand.IntN(254), mathrand.IntN(256), 1+mathrand.IntN(254))
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // its port is what was wanted
	return l.Addr().String()
}

// masterKey writes a key file.
func masterKey(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "master.key")
	if err := os.WriteFile(path, []byte(strings.Repeat("5a", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A lockedBuffer takes a process's output while it is read.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// one returns the single value that a query on a PostgreSQL store gives.
func one[T any](t *testing.T, dsn, query string, args ...any) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }() // it was read from only
	var v T
	if err := conn.QueryRow(t.Context(), query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}
