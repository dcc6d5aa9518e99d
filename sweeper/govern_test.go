package sweeper

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/accounts/sqlstore"
	"rekey/accounts/sqlstore/sqlstoretest"
	"rekey/sweeper/governor"
)

// governed is an empty store in which some replicas live.
func governed(t *testing.T, replicas ...string) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), sqlstoretest.SQLite(t), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	state, err := phase.Initial(phase.Lazy, "0123456789abcdef", time.Now())
	if err == nil {
		_, err = s.InitPhase(t.Context(), state)
	}
	for _, id := range replicas {
		if err == nil {
			_, err = s.RenewLease(t.Context(), accounts.Replica{Replica: phase.Replica{ID: id, Epoch: 1}, Name: "process " + id})
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func publish(t *testing.T, s accounts.Signals, replica string, readings ...governor.Reading) {
	t.Helper()
	now := time.Now()
	for i := range readings {
		readings[i].At = now
	}
	if err := Publish(t.Context(), s, replica, now, readings); err != nil {
		t.Fatal(err)
	}
}

func tick(t *testing.T, g *Governing, fence int64) governor.Verdict {
	t.Helper()
	v, err := g.Tick(t.Context(), fence)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func never() bool { return false }

func TestGoverning(t *testing.T) {
	t.Parallel()
	s := governed(t, "a", "b")
	if v, err := CurrentVerdict(t.Context(), s); err != nil || v.Zone != governor.Stop || v.Factor != 0 {
		t.Fatalf("before anybody leads: %s (%v)", v, err)
	}
	var log bytes.Buffer
	limits := governor.Default()
	g := NewGoverning(GoverningConfig{
		Store: s, Idle: never, Limits: func() governor.Limits { return limits }, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if v := tick(t, g, 1); v.Zone != governor.Grow || v.Factor != 1 || log.Len() > 0 {
		t.Errorf("nobody measures anything: %s\n%s", v, &log)
	}
	publish(t, s, "a", governor.Reading{Signal: governor.LoginP99, Value: 350}, governor.Reading{Signal: governor.HashWait, Value: 1})
	publish(t, s, "b", governor.Reading{Signal: governor.LoginP99, Value: 20}, governor.Reading{Signal: governor.HashWait, Value: 60})
	v := tick(t, g, 1)
	if v.Zone != governor.Hold || len(v.Tripped) != 2 {
		t.Errorf("the worst of two processes: %s", v)
	}
	if got := log.String(); !strings.Contains(got, "zone=hold was=grow factor=1") || !strings.Contains(got, "login p99 350 ms (limit 300 ms)") ||
		!strings.Contains(got, "hash queue 60 ms (limit 50 ms)") {
		t.Errorf("the log says %s", got)
	}
	stored, err := CurrentVerdict(t.Context(), s)
	if err != nil || stored.String() != v.String() {
		t.Errorf("stored is %s (%v), want %s", stored, err, v)
	}
	limits.LoginP99, limits.HashWait = governor.Limit{Stop: 300}, governor.Limit{}
	log.Reset()
	if v = tick(t, g, 1); v.Zone != governor.Stop || len(v.Tripped) != 1 || !strings.Contains(log.String(), "level=WARN") {
		t.Errorf("with new limits: %s\n%s", v, &log)
	}
	worst := map[governor.Signal]float64{}
	for _, r := range g.Readings() {
		worst[r.Signal] = r.Value
	}
	if worst[governor.LoginP99] != 350 || worst[governor.HashWait] != 60 || len(worst) != 3 {
		t.Errorf("the readings are %v", worst)
	}
}

func TestNextLeaderGoesOn(t *testing.T) {
	t.Parallel()
	s := governed(t, "a")
	config := GoverningConfig{Store: s, Idle: never, Limits: governor.Default}
	first, second := NewGoverning(config), NewGoverning(config)
	publish(t, s, "a", governor.Reading{Signal: governor.LegacyErrors, Of: "shop", Value: 1})
	stopped := tick(t, first, 1)
	publish(t, s, "a")
	v := tick(t, second, 2)
	if v.Zone != governor.Stop || !v.WakesAt.Equal(stopped.WakesAt) {
		t.Errorf("the next leader: %s, and the one before: %s", v, stopped)
	}
	if _, err := first.Tick(t.Context(), 1); !errors.Is(err, accounts.ErrStale) {
		t.Errorf("the one before goes on: %v", err)
	}
	if got, err := CurrentVerdict(t.Context(), s); err != nil || got.String() != v.String() {
		t.Errorf("%s stands (%v), want %s", got, err, v)
	}
	// Who leads again has to forget what they knew.
	if err := s.KeepSweepVerdict(t.Context(), 3, `{"state": {"zone": "hold", "factor": 0.25}}`); err != nil {
		t.Fatal(err)
	}
	if v := tick(t, second, 4); v.Factor != 0.25 {
		t.Errorf("who leads again goes on from %s", v)
	}
	if err := s.KeepSweepVerdict(t.Context(), 5, "not JSON"); err != nil {
		t.Fatal(err)
	}
	if v, err := CurrentVerdict(t.Context(), s); err != nil || v.Zone != governor.Stop {
		t.Errorf("a verdict that cannot be read: %s (%v)", v, err)
	}
	if v := tick(t, NewGoverning(config), 6); v.Factor != 1 {
		t.Errorf("the governor does not begin anew: %s", v)
	}
}

// A broken store answers but for what is set.
type broken struct {
	GoverningStore
	backlog, keep error
}

func (b *broken) KeepSweepVerdict(ctx context.Context, fence int64, text string) error {
	if b.keep != nil {
		return b.keep
	}
	return b.GoverningStore.KeepSweepVerdict(ctx, fence, text)
}

// TestVerdictNotStored: what nobody was told has not been decided, and is not left out of the log either.
func TestVerdictNotStored(t *testing.T) {
	t.Parallel()
	s := governed(t, "a")
	store := &broken{GoverningStore: s, keep: errors.New("down")}
	var log bytes.Buffer
	g := NewGoverning(GoverningConfig{Store: store, Idle: never, Limits: governor.Default, Log: slog.New(slog.NewTextHandler(&log, nil))})
	publish(t, s, "a", governor.Reading{Signal: governor.LoginP99, Value: 700})
	for range 3 {
		if _, err := g.Tick(t.Context(), 1); !errors.Is(err, store.keep) || log.Len() > 0 {
			t.Fatalf("%v\n%s", err, &log)
		}
	}
	store.keep = nil
	if v := tick(t, g, 1); v.Factor != 0.5 || !strings.Contains(log.String(), "zone=shrink was=grow factor=0.5") {
		t.Errorf("%s\n%s", v, &log)
	}
}

func (b *broken) Backlog(context.Context) (accounts.Backlog, error) {
	return accounts.Backlog{Waiting: 7}, b.backlog
}

func TestBacklog(t *testing.T) {
	t.Parallel()
	store := &broken{}
	g := NewGoverning(GoverningConfig{Store: store, Limits: governor.Default, Idle: never})
	at := time.Unix(1_800_000_000, 0)
	read := func(after time.Duration) governor.Reading { return g.readBacklog(t.Context(), at.Add(after)) }
	if r := read(0); r.Value != 7 || r.Unread(at) {
		t.Errorf("%+v", r)
	}
	store.backlog = errors.New("down")
	for after := time.Second; after <= 15*time.Second; after += time.Second {
		if r := read(after); r.Unread(at.Add(after)) {
			t.Errorf("after %s: %+v", after, r)
		}
	}
	if r := read(20 * time.Second); !r.Unread(at.Add(20 * time.Second)) {
		t.Errorf("what cannot be counted for 20 s counts: %+v", r)
	}
}

func TestHeard(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	said := func(id string, lease, spoke time.Duration, text string) accounts.Measured {
		return accounts.Measured{
			Replica: accounts.Replica{Replica: phase.Replica{ID: id, Renewed: now.Add(-lease)}, Name: "process " + id}, At: now.Add(-spoke), Text: text,
		}
	}
	p99 := func(value, age string) string {
		return `{"readings": [{"signal": "login_p99_ms", "value": ` + value + `, "age_ms": ` + age + `}]}`
	}
	for name, c := range map[string]struct {
		all  []accounts.Measured
		want []governor.Reading
	}{
		"nobody":        {},
		"one":           {[]accounts.Measured{said("a", 0, time.Second, p99("5", "500"))}, []governor.Reading{{Signal: governor.LoginP99, Value: 5, At: now.Add(-1500 * time.Millisecond)}}},
		"the greater":   {[]accounts.Measured{said("a", 0, 0, p99("5", "0")), said("b", 0, 0, p99("7", "0")), said("c", 0, 0, p99("6", "0"))}, []governor.Reading{{Signal: governor.LoginP99, Value: 7, At: now}}},
		"an old one":    {[]accounts.Measured{said("a", 0, 0, p99("5", "16000")), said("b", 0, 0, p99("7", "0"))}, []governor.Reading{{Signal: governor.LoginP99, Value: 5, At: now.Add(-16 * time.Second)}}},
		"a dead one":    {[]accounts.Measured{said("a", 10*time.Second, 0, p99("5", "0")), said("b", time.Hour, time.Hour, "")}, nil},
		"a silent one":  {[]accounts.Measured{said("a", 0, 16*time.Second, p99("5", "0"))}, []governor.Reading{{Signal: governor.Report, Of: "process a", At: now.Add(-16 * time.Second)}}},
		"a garbled one": {[]accounts.Measured{said("a", 0, 0, `{"readings": 1}`)}, []governor.Reading{{Signal: governor.Report, Of: "process a", At: now}}},
	} {
		got := heard(c.all, phase.DefaultLease(), now)
		if len(got) != len(c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: %+v, want %+v", name, got[i], c.want[i])
			}
		}
	}
	got := heard([]accounts.Measured{said("a", 0, 0, p99("5", "0")), said("b", 0, 0, p99("null", "0"))}, phase.DefaultLease(), now)
	if len(got) != 1 || !math.IsNaN(got[0].Value) {
		t.Errorf("a value that could not be read: %+v", got)
	}
}

// TestPublishTellsAges: the clocks of two machines differ.
func TestPublishTellsAges(t *testing.T) {
	t.Parallel()
	s := governed(t, "a")
	elsewhere := time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC)
	readings := []governor.Reading{
		{Signal: governor.StoreWait, Value: 3, At: elsewhere.Add(-4 * time.Second)},
		{Signal: governor.Check, Of: "queue", Value: math.NaN(), At: elsewhere, Limit: &governor.Limit{Stop: 5}},
	}
	if err := Publish(t.Context(), s, "a", elsewhere, readings); err != nil {
		t.Fatal(err)
	}
	all, now, err := s.Signals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := heard(all, phase.DefaultLease(), now)
	if len(got) != 2 || got[1].Value != 3 || !got[1].At.Equal(all[0].At.Add(-4*time.Second)) || !math.IsNaN(got[0].Value) || *got[0].Limit != *readings[1].Limit {
		t.Errorf("%+v", got)
	}
	if err := Publish(t.Context(), s, "b", elsewhere, nil); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("who is not known: %v", err)
	}
}

func FuzzHeard(f *testing.F) {
	f.Add(`{"readings": [{"signal": "login_p99_ms", "value": 5, "age_ms": 500, "limit": {"stop": 3}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		now := time.Unix(1_800_000_000, 0)
		m := accounts.Measured{Replica: accounts.Replica{Replica: phase.Replica{Renewed: now}}, At: now, Text: text}
		readings := heard([]accounts.Measured{m}, phase.DefaultLease(), now)
		v := governor.New(governor.Default(), governor.State{}).Step(now, readings, false)
		if _, err := json.Marshal(v); err != nil {
			t.Errorf("%q makes a verdict that cannot be stored: %v", text, err)
		}
	})
}
