package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/accounts/sqlstore"
	"rekey/cmd/rekey/config"
	"rekey/legacy"
	"rekey/sweeper"
	"rekey/sweeper/governor"
)

// beating is a pulse of a process that serves, on a store of its own, with an old store that is not there, and with more of
// a configuration.
func beating(t *testing.T, text string) *pulse {
	t.Helper()
	folder := t.TempDir()
	path := filepath.Join(folder, "rekey.yaml")
	text = "store: sqlite://" + folder + "/new.db\nlegacy:\n  - {name: shop, dsn: 'sqlite://" + folder + "/none.db', preset: wordpress}\n" + text
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	store, err := sqlstore.Open(t.Context(), c.Store.Reveal(), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() }) // a test may have closed it
	first, err := phase.Initial(phase.Lazy, "0123456789abcdef", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	lease, err := accounts.NewLease(t.Context(), accounts.LeaseConfig{Store: store, ID: "a", Name: "process a", First: first})
	if err != nil {
		t.Fatal(err)
	}
	sources, err := openSources(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = closeSources(sources) }) // they hold nothing
	checks, err := newSweepChecks(c, store, sources)
	if err != nil {
		t.Fatal(err)
	}
	permits := newPermits(c, 0)
	t.Cleanup(func() { _ = permits.Close(context.WithoutCancel(t.Context())) }) // nothing runs in it
	return newPulse(store, lease, sources, permits, &recent{}, checks, slog.New(slog.DiscardHandler))
}

// told is what a pulse measures, by signal and what it is of.
func told(t *testing.T, p *pulse) map[string]governor.Reading {
	t.Helper()
	all := map[string]governor.Reading{}
	for _, r := range p.measure(t.Context(), time.Now()) {
		all[strings.TrimSpace(string(r.Signal)+" "+r.Of)] = r
	}
	return all
}

func TestPulse(t *testing.T) {
	t.Parallel()
	p := beating(t, "")
	for name, r := range told(t, p) {
		if r.Unread(time.Now()) || r.Signal != governor.StoreLatency && r.Value != 0 {
			t.Errorf("before anything has happened %s is %+v", name, r)
		}
	}
	for range 20 {
		p.logins.answered(40*time.Millisecond, nil)
	}
	for range 5 {
		p.logins.answered(time.Minute, &accounts.UnavailableError{Err: errors.New("down")})
		p.logins.answered(40*time.Millisecond, accounts.ErrCredentials)
	}
	all := told(t, p)
	if got := all["login_p99_ms"].Value; got < 40 || got > 44 {
		t.Errorf("the login p99 is %g ms", got)
	}
	if got := all["login_errors"].Value; got != 5.0/30 {
		t.Errorf("the share of failed logins is %g", got)
	}
	if got := all["store_latency_ms"].Value; got <= 0 {
		t.Errorf("the latency of the new store is %g ms", got)
	}
	for _, absent := range []string{"store_wait_ms", "replica_lag_ms"} {
		if r, there := all[absent]; there {
			t.Errorf("SQLite has a %s: %+v", absent, r)
		}
	}
	p.beat(t.Context())
	said, _, err := p.store.Signals(t.Context())
	if err != nil || len(said) != 1 || said[0].ID != "a" || !strings.Contains(said[0].Text, `"login_errors"`) {
		t.Errorf("published is %+v (%v)", said, err)
	}
	if len(p.readings()) != len(all) {
		t.Errorf("%d readings are kept, want %d", len(p.readings()), len(all))
	}
}

// TestPulseOfPeople: who asks an old store does not matter.
func TestPulseOfPeople(t *testing.T) {
	t.Parallel()
	p := beating(t, "")
	people := p.sources[0].people
	if _, err := people.Lookup(t.Context(), "ada"); err == nil {
		t.Fatal("the table is there")
	}
	for range 3 {
		if _, err := people.(legacy.Lister).List(t.Context(), "", 10); err == nil {
			t.Fatal("the table is there")
		}
	}
	if got := told(t, p)["legacy_errors shop"].Value; got != 1 {
		t.Errorf("the share of failed questions is %g", got)
	}
	p.beat(t.Context())
	g := sweeper.NewGoverning(sweeper.GoverningConfig{Store: p.store, Limits: governor.Default, Idle: func() bool { return false }})
	v, err := g.Tick(t.Context(), 1)
	if err != nil || v.Factor != 0 || !strings.Contains(v.String(), "legacy shop errors 100 % (limit 20 %)") {
		t.Errorf("%s (%v)", v, err)
	}
	if got := oneQuestion(time.Second, 5000); got != 200*time.Millisecond {
		t.Errorf("a page of 5000 counts as %s", got)
	}
	if got := oneQuestion(time.Second, 1); got != time.Second {
		t.Errorf("one counts as %s", got)
	}
}

// TestPulseWithoutStore: what cannot be read keeps the time when it was.
func TestPulseWithoutStore(t *testing.T) {
	t.Parallel()
	p := beating(t, "")
	before := told(t, p)["store_latency_ms"].At
	if err := p.store.Close(); err != nil {
		t.Fatal(err)
	}
	if after := told(t, p)["store_latency_ms"].At; !after.Equal(before) {
		t.Errorf("read at %s, and the store is closed since %s", after, before)
	}
	p.beat(t.Context())
	if !p.silent {
		t.Error("it takes itself for heard")
	}
}

// TestPulseRuns: the leader hears of a process that runs, and stop waits for it.
func TestPulseRuns(t *testing.T) {
	t.Parallel()
	p := beating(t, "")
	stop := p.start(t.Context())
	for {
		said, _, err := p.store.Signals(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(said) > 0 {
			break
		}
	}
	if err := stop(t.Context()); err != nil {
		t.Error(err)
	}
	g := sweeper.NewGoverning(sweeper.GoverningConfig{Store: p.store, Limits: governor.Default, Idle: func() bool { return true }})
	if v, err := g.Tick(t.Context(), 1); err != nil || v.Factor != 1 {
		t.Errorf("%s (%v)", v, err)
	}
}

// A checking is a check of a configuration, and what is to come of it: a number, an error, or the text of one.
type checking struct {
	line string // without its name
	want any
}

// check asks each check once.
func check(t *testing.T, more string, all []checking) {
	t.Helper()
	text := more + "sweeper:\n  checks:\n"
	for i, c := range all {
		text += fmt.Sprintf("    - {name: a%d, %s}\n", i, c.line)
	}
	p := beating(t, text)
	var asked sync.WaitGroup
	for i, c := range all {
		check := p.checks[i]
		check.at = time.Time{}
		if late, ok := c.want.(error); ok && errors.Is(late, errCheckLate) {
			check.wait = 50 * time.Millisecond
		}
		asked.Go(func() {
			defer check.close()
			err := check.once(t.Context())
			r := check.reading()
			switch want := c.want.(type) {
			case error:
				if !errors.Is(err, want) || !r.At.IsZero() {
					t.Errorf("%s: %+v, %v, want %v", c.line, r, err, want)
				}
			case string:
				if err == nil || err.Error() != want {
					t.Errorf("%s: %v, want %s", c.line, err, want)
				}
			default:
				if err != nil || r.Value != want || r.At.IsZero() {
					t.Errorf("%s: %+v, %v, want %v", c.line, r, err, want)
				}
			}
		})
	}
	asked.Wait()
	if r := told(t, p)["check a0"]; *r.Limit != p.checks[0].limit {
		t.Errorf("the first check is told as %+v", r)
	}
}

func TestSweepChecksOfSQL(t *testing.T) {
	t.Parallel()
	old := filepath.Join(t.TempDir(), "old.db")
	made, err := sqlstore.Open(t.Context(), "sqlite://"+old, sqlstore.Options{}) // a database with tables
	if err == nil {
		err = made.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	var all []checking
	for query, want := range map[string]any{
		"SELECT count(*) + 7 FROM signals": 7.0,
		"SELECT 2.5":                       2.5,
		"SELECT ''12.5''":                  12.5,
		"SELECT NULL":                      errCheckNumber,
		"SELECT ''much''":                  errCheckNumber,
		"SELECT 1, 2":                      errCheckNumber,
		"SELECT 1 UNION SELECT 2":          errCheckNumber,
		"SELECT 1 WHERE 1 = 2":             errCheckNumber,
		"SELECT 1 FROM nowhere":            errCheckQuery,
		"DELETE FROM signals RETURNING 1":  errCheckQuery,
		"CREATE TABLE more (id INTEGER)":   errCheckQuery,
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n WHERE i < 0": errCheckLate,
	} {
		for _, source := range []string{"", "source: old, "} {
			all = append(all, checking{source + "sql: '" + query + "', hold: 5", want})
		}
	}
	check(t, "  - {name: old, kind: sql, dsn: 'sqlite://"+old+"', preset: wordpress}\n", all)
}

func TestSweepChecksOfHTTP(t *testing.T) {
	t.Parallel()
	hung := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/number":
			_, _ = w.Write([]byte(" 12.5\n"))
		case "/words":
			_, _ = w.Write([]byte("fine"))
		case "/much":
			_, _ = w.Write([]byte("1" + strings.Repeat(" ", sweepCheckBody)))
		case "/moved":
			http.Redirect(w, r, "/number", http.StatusFound)
		case "/hung":
			<-hung
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(hung) })
	all := []checking{{"http: 'http://127.0.0.1:1'", errCheckHTTP}}
	for path, want := range map[string]struct{ number, status any }{
		"/number": {12.5, 0.0},
		"/words":  {errCheckNumber, 0.0},
		"/much":   {errCheckNumber, 0.0},
		"/moved":  {"the address answers 302", 1.0},
		"/down":   {"the address answers 503", 1.0},
		"/hung":   {errCheckLate, errCheckLate},
	} {
		address := "http: '" + server.URL + path + "'"
		all = append(all, checking{address + ", hold: 5", want.number}, checking{address, want.status})
	}
	check(t, "", all)
}

func FuzzParseNumber(f *testing.F) {
	for _, seed := range []string{"12.5", " 1e3\n", "0x10", "NaN", "1_000", "-Inf", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		value, err := parseNumber(body)
		if err == nil && (math.IsNaN(value) || bytes.ContainsAny(body, "xX_")) {
			t.Errorf("%q is %g", body, value)
		}
	})
}
