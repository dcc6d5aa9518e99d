package server_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	_ "modernc.org/sqlite"

	"rekey/accounts/sqlstore"
	"rekey/cmd/rekey/config"
	"rekey/cmd/rekey/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// configure returns a configuration with a store and an old table of its own; more is YAML behind it.
func configure(t *testing.T, more string) *config.Config {
	t.Helper()
	folder := t.TempDir()
	db, err := sql.Open("sqlite", filepath.Join(folder, "old.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`CREATE TABLE users (id INTEGER PRIMARY KEY, login TEXT, pass TEXT, salt TEXT);
		INSERT INTO users VALUES (1, 'ann', 'f1f5a9cc6d1ec6f9a1f2a9f0ddf8c4a5', 'x')`); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "rekey.yaml")
	text := strings.ReplaceAll(`listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
store: sqlite://FOLDER/new.db
password: {memory_kib: 64, time: 1}
login: {floor: 1ms}
drain: 0s
legacy:
  - name: shop
    dsn: sqlite://FOLDER/old.db
    table: users
    columns: {id: id, username: login, password: pass, salt: salt}
    scheme: md5($pass.$salt)
`+more, "FOLDER", folder)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A logLine is sent for each line of the log.
type logLine struct {
	Msg, Level, Source string
	Others             string `json:"other_sources"`
}

// logTo returns a logger whose lines arrive on the channel, in order, as they are written.
func logTo(lines chan<- logLine) *slog.Logger {
	return slog.New(slog.NewJSONHandler(writerFunc(func(p []byte) (int, error) {
		var l logLine
		if err := json.Unmarshal(p, &l); err != nil {
			return 0, err
		}
		lines <- l
		return len(p), nil
	}), nil))
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// until waits for a line of the log.
func until(t *testing.T, lines <-chan logLine, msg string) logLine {
	t.Helper()
	for {
		select {
		case l := <-lines:
			if l.Msg == msg {
				return l
			}
		case <-t.Context().Done():
			t.Fatalf("no log line %q", msg)
		}
	}
}

// TestShutdownAnswersWhatIsUnderWay takes the gateway down while a login has been half sent: the rest is still read
// and answered, readyz tells the load balancer meanwhile, and nobody new gets in.
func TestShutdownAnswersWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	lines := make(chan logLine, 1000)
	s, err := server.Open(t.Context(), configure(t, ""), logTo(lines))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	until(t, lines, "ready")

	connection, err := net.Dial("tcp", s.PublicAddress())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	const body = `{"identifier":"nobody","password":"x"}`
	fmt.Fprintf(connection, "POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(body))
	in := bufio.NewReader(connection)
	if status, err := in.ReadString('\n'); err != nil || !strings.Contains(status, "100 Continue") {
		t.Fatalf("%q, %v", status, err) // the handler reads: the request is under way
	}

	cancel()
	until(t, lines, "closing")
	status, text := get(t, "http://"+s.AdminAddress()+"/readyz")
	if status != http.StatusServiceUnavailable || !strings.Contains(text, "draining") {
		t.Errorf("readyz while draining: %d %s", status, text)
	}
	fmt.Fprint(connection, body)
	if _, err := in.ReadString('\n'); err != nil { // the empty line behind the 100
		t.Fatal(err)
	}
	response, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatalf("the request was cut off: %v", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("answer %d", response.StatusCode)
	}
	if err := <-served; err != nil {
		t.Errorf("closing: %v", err)
	}
	if c, err := net.Dial("tcp", s.PublicAddress()); err == nil {
		c.Close()
		t.Error("the port is still open")
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// TestSourceDownAtStart: those who have moved must be served, so a source that does not answer is only a warning.
func TestSourceDownAtStart(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	closed.Close()
	c := configure(t, "  - {name: gone, dsn: 'mysql://u:hunter2@"+address+"/d', table: t, columns: {id: i, email: e, password: p}}\n")
	var lines []logLine
	log := make(chan logLine, 1000)
	s, err := server.Open(t.Context(), c, logTo(log))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	lines = append(lines, until(t, log, "a legacy source does not answer; people who have not moved from it cannot log in yet"))
	if lines[0].Source != "gone" || lines[0].Level != "WARN" || !strings.Contains(lines[0].Others, "are not moved") {
		t.Errorf("warning: %+v", lines[0])
	}
	until(t, log, "ready")
	status, text := get(t, "http://"+s.AdminAddress()+"/readyz")
	if status != http.StatusOK || !strings.Contains(text, `"status":"degraded"`) || !strings.Contains(text, `"legacy:gone":"failing"`) || !strings.Contains(text, `"legacy:shop":"ok"`) {
		t.Errorf("readyz: %d %s", status, text)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// TestOpenClosesWhatItOpened takes the port away: everything opened before must be closed again, as goleak sees.
func TestOpenClosesWhatItOpened(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	c := configure(t, "")
	c.Listen = taken.Addr().String()
	if _, err := server.Open(t.Context(), c, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "listen on "+c.Listen) {
		t.Fatalf("error: %v", err)
	}
}

// TestAdminOff: without an admin listener there is one door.
func TestAdminOff(t *testing.T) {
	t.Parallel()
	c := configure(t, "")
	c.Admin.Listen = "off"
	log := make(chan logLine, 1000)
	s, err := server.Open(t.Context(), c, logTo(log))
	if err != nil {
		t.Fatal(err)
	}
	if s.AdminAddress() != "off" {
		t.Errorf("admin listens on %s", s.AdminAddress())
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	until(t, log, "ready")
	if status, _ := get(t, "http://"+s.PublicAddress()+"/healthz"); status != http.StatusOK {
		t.Errorf("healthz: %d", status)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// TestProbeChangesNothing: `config check --connect` must not make a store.
func TestProbeChangesNothing(t *testing.T) {
	t.Parallel()
	c := configure(t, "  - {name: empty, dsn: 'sqlite://FOLDER/nowhere.db', table: t, columns: {id: i, email: e, password: p}}\n")
	got := map[string]bool{}
	for _, f := range server.Probe(t.Context(), c) {
		got[f.Name] = f.Err == nil
	}
	want := map[string]bool{"master key": true, "store": true, "legacy shop": true, "legacy empty": false}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("findings %v, want %v", got, want)
	}
	path, _ := config.SQLitePath(c.Store)
	for _, p := range []string{path, c.MasterKeyFile, filepath.Join(filepath.Dir(path), "nowhere.db")} {
		if _, err := os.Stat(p); err == nil {
			t.Errorf("%s was made", p)
		}
	}
}

// TestProbeOfSweeps: what sweeps are held by is asked as a sweep would, and what fails is named by its key, without what is secret.
func TestProbeOfSweeps(t *testing.T) {
	t.Parallel()
	var bad atomic.Bool
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if bad.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(web.Close)
	c := configure(t, `  - {name: twin, dsn: 'sqlite://FOLDER/old.db', replica_dsn: 'sqlite://FOLDER/old.db', table: users, columns: {id: id, username: login, password: pass}, scheme: md5($pass)}
  - {name: lost, dsn: 'sqlite://FOLDER/old.db', replica_dsn: 'sqlite://FOLDER/nowhere.db', table: users, columns: {id: id, username: login, password: pass}, scheme: md5($pass)}
sweeper:
  checks:
    - {name: people, sql: SELECT count(*) FROM users, source: twin, stop: 9}
    - {name: wrong, sql: SELECT secret FROM users, source: twin, stop: 9}
    - {name: ours, sql: SELECT 17, stop: 99}
    - {name: ours-wrong, sql: SELECT 17 FROM nowhere, stop: 99}
    - {name: on-call, http: "`+strings.Replace(web.URL, "http://", "http://ops:s3cret@", 1)+`/may?key=s3cret"}
    - {name: nobody, http: "http://127.0.0.1:1/", stop: 1}
`)
	probed := func() map[string]string {
		t.Helper()
		got := map[string]string{}
		for _, f := range server.Probe(t.Context(), c) {
			if text := fmt.Sprint(f); strings.Contains(text, "s3cret") {
				t.Errorf("a secret: %s", text)
			}
			if f.Note != "" || f.Err != nil {
				got[f.Name] = fmt.Sprint(f.Note, f.Err)
			}
		}
		delete(got, "legacy lost: legacy[2].replica_dsn") // in the words of the driver
		return got
	}
	want := map[string]string{
		"sweeps: check people: sweeper.checks[0].sql": "the answer is 1<nil>", "sweeps: check wrong: sweeper.checks[1].sql": "the database does not answer the query",
		"sweeps: check ours: sweeper.checks[2].sql": "not asked: the new store is not made yet<nil>", "sweeps: check ours-wrong: sweeper.checks[3].sql": "not asked: the new store is not made yet<nil>",
		"sweeps: check on-call: sweeper.checks[4].http": "the status is good<nil>", "sweeps: check nobody: sweeper.checks[5].http": "the address does not answer",
	}
	if diff := cmp.Diff(want, probed()); diff != "" {
		t.Error(diff)
	}
	failed := map[string]bool{}
	for _, f := range server.Probe(t.Context(), c) {
		failed[f.Name] = f.Err != nil
	}
	if failed["legacy twin: legacy[1].replica_dsn"] || !failed["legacy lost: legacy[2].replica_dsn"] || failed["legacy lost"] {
		t.Errorf("the replicas: %v", failed)
	}
	store, err := sqlstore.Open(t.Context(), c.Store.Reveal(), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() }) // nothing is lost with a temporary folder
	bad.Store(true)
	want["sweeps: check ours: sweeper.checks[2].sql"], want["sweeps: check ours-wrong: sweeper.checks[3].sql"] = "the answer is 17<nil>", "the database does not answer the query"
	want["sweeps: check on-call: sweeper.checks[4].http"] = "the status is none of 2xx: sweeps stop now<nil>"
	got := probed()
	delete(got, "master key") // which is missing, now that there is a store
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestProbeOfFiles: what is no database is no store, and an export is looked at and not indexed.
func TestProbeOfFiles(t *testing.T) {
	t.Parallel()
	c := configure(t, "  - {name: old, kind: file, scheme: md5($pass), file: {path: FOLDER/old.csv, format: csv, columns: {id: id, email: mail, password: hash}}}\n")
	path, _ := config.SQLitePath(c.Store)
	folder := filepath.Dir(path)
	export := filepath.Join(folder, "old.csv")
	probed := func(store, csv string) (storeErr, exportErr error) {
		t.Helper()
		if err := errors.Join(os.WriteFile(path, []byte(store), 0o600), os.WriteFile(export, []byte(csv), 0o600)); err != nil {
			t.Fatal(err)
		}
		for _, f := range server.Probe(t.Context(), c) {
			switch f.Name {
			case "store":
				storeErr = f.Err
			case "legacy old":
				exportErr = f.Err
			}
		}
		return storeErr, exportErr
	}
	if storeErr, exportErr := probed("", "id,mail,hash\n1,a@x,5ebe2294ecd0e0f08eab7690d2a6ee69\n"); storeErr != nil || exportErr != nil {
		t.Errorf("an empty file: %v; a good export: %v", storeErr, exportErr)
	}
	if storeErr, exportErr := probed("not a database, and longer than its header", "id,mail\n1,a@x\n"); storeErr == nil || exportErr == nil {
		t.Errorf("no database: %v; a column that is not there: %v", storeErr, exportErr)
	}
	if left, err := filepath.Glob(export + "?*"); err != nil || len(left) > 0 {
		t.Errorf("left beside the export: %v, %v", left, err)
	}
}
