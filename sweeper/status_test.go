package sweeper_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/masterkey"
	"rekey/accounts/password"
	"rekey/accounts/sqlstore"
	"rekey/accounts/sqlstore/sqlstoretest"
	"rekey/legacy/hash"
	"rekey/sweeper"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// A world is a store, and what reads how far the sweeper is in it.
type world struct {
	sweeper.StatusConfig
	store accounts.Store
}

func newWorld(t *testing.T) world {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), sqlstoretest.SQLite(t), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() }) // nothing is lost with a temporary folder
	key, err := masterkey.Parse([]byte(strings.Repeat("42", 32)))
	if err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return now }
	service, err := accounts.New(accounts.Config{
		Store: store, Hashes: hash.New(hash.Config{}), Hasher: password.Hasher{}, Permits: password.NewPool(password.PoolConfig{Permits: 1}), Key: key, Now: clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	return world{sweeper.StatusConfig{Service: service, Now: clock}, store}
}

func event(kind accounts.EventKind) accounts.Event {
	return accounts.Event{ID: uuid.Must(uuid.NewV7()), At: now, AccountID: uuid.Max, Kind: kind, Actor: "system"}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// begun is a run with two parts: of the first half of 100 people are done, and of the second nobody knows how many there are.
func begun(t *testing.T, c world, unknown int64) accounts.Run {
	t.Helper()
	return begunAs(t, c, unknown, accounts.RunMove, `{"order":"inactive"}`)
}

func begunAs(t *testing.T, c world, unknown int64, kind accounts.RunKind, spec string) accounts.Run {
	t.Helper()
	run := accounts.Run{ID: uuid.Must(uuid.NewV7()), Kind: kind, State: accounts.RunRunning, Spec: spec, Began: now.Add(-10 * time.Second)}
	parts := []accounts.Part{{Source: "shop", Band: 0, Total: 100}, {Source: "shop", Band: 1, Total: unknown}}
	must(t, c.store.BeginRun(t.Context(), run, parts, event("run.began")))
	is := parts[0]
	is.Cut, is.Whole = "3", true
	must(t, c.store.CutChunks(t.Context(), run.ID, parts[0], is, []accounts.Chunk{{Through: "1"}, {After: "1", Through: "2"}, {After: "2"}}))
	done := []string{
		`{"outcomes":{"moved":30},"refused":{"weak-hash":5},"not_answered":1,"passed":4,"examples":{"weak-hash":["7"]}}`, `{"outcomes":{"moved":9,"unchanged":1}}`,
	}
	if kind == accounts.RunVerify {
		done = []string{`{"counts":{"equal":40}}`, `{"counts":{"equal":9,"different":1}}`}
	}
	for i, counts := range done {
		chunk, err := c.store.ClaimChunk(t.Context(), run.ID, "worker", 9, time.Minute)
		must(t, err)
		chunk.Cursor, chunk.Done, chunk.Counts = "x", i == 0, counts
		must(t, c.store.KeepChunk(t.Context(), chunk, time.Minute, 0))
	}
	return run
}

func read(t *testing.T, c world) sweeper.Status {
	t.Helper()
	s, err := sweeper.ReadStatus(t.Context(), c.StatusConfig)
	must(t, err)
	return s
}

func TestStatus(t *testing.T) {
	t.Parallel()
	c := newWorld(t)
	if s := read(t, c); len(s.Runs) != 0 || s.Settings != nil || s.Held != nil || s.Progress.Phase.String() != "new-first" {
		t.Errorf("before there was a run: %+v", s)
	}
	run := begun(t, c, 0)
	s := read(t, c)
	if len(s.Runs) != 1 {
		t.Fatalf("%d runs, want the one that is under way", len(s.Runs))
	}
	got, hundred := s.Runs[0], int64(100)
	if len(got.Workers) != 1 || got.Workers[0].Seconds <= 0 || got.Workers[0].Seconds > 60 {
		t.Fatalf("workers: %+v", got.Workers)
	}
	got.Workers[0].Seconds = 0
	want := sweeper.RunStatus{
		ID: run.ID, Kind: run.Kind, State: run.State, Began: run.Began, Spec: json.RawMessage(run.Spec),
		Counts: sweeper.RunCounts{
			People: 50, Outcomes: map[accounts.Outcome]int64{accounts.OutcomeMoved: 39, accounts.OutcomeUnchanged: 1},
			Refused: map[accounts.NoteClass]int64{accounts.NoteWeakHash: 5}, NotAnswered: 1, Passed: 4,
		},
		Parts:   []sweeper.PartStatus{{Source: "shop", Total: &hundred, People: 50, Whole: true, Open: 2}, {Source: "shop", Band: 1}},
		Chunks:  sweeper.ChunkCounts{Done: 1, Open: 2, Claimed: 1},
		Workers: []sweeper.Working{{Worker: "worker", Source: "shop", Chunk: 2, Cursor: "x", People: 10, Attempts: got.Workers[0].Attempts}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the run (-want +got):\n%s", diff)
	}

	run.State, run.Ended, run.Why = accounts.RunStopped, now, "a person has ended it"
	must(t, c.store.EndRun(t.Context(), run, event("run.ended")))
	if s := read(t, c); len(s.Runs) != 1 || s.Runs[0].State != accounts.RunStopped || s.Runs[0].Why == "" || s.Runs[0].ETA != nil {
		t.Errorf("after it has ended: %+v", s.Runs)
	}
}

// TestStatusOfComparison: who was compared is counted, by what was found.
func TestStatusOfComparison(t *testing.T) {
	t.Parallel()
	c := newWorld(t)
	begunAs(t, c, 0, accounts.RunVerify, `{}`)
	want := sweeper.RunCounts{
		People: 50, Outcomes: map[accounts.Outcome]int64{}, Refused: map[accounts.NoteClass]int64{},
		Verdicts: map[accounts.Verdict]int64{accounts.VerdictEqual: 49, accounts.VerdictDifferent: 1},
	}
	got := read(t, c).Runs[0]
	if diff := cmp.Diff(want, got.Counts); diff != "" || got.Parts[0].People != 50 {
		t.Errorf("%+v (-want +got):\n%s", got.Parts, diff)
	}
}

// TestForsaken: a run that nobody is at is told as that, and has no end; one that waits for a store, or is the settings', is no such.
func TestForsaken(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		kind     accounts.RunKind
		spec     string
		claim    time.Duration // of the chunk that was begun
		why      string        // why it waits
		present  bool          // somebody is at the terminal, and held up
		forsaken bool
	}{
		"a comparison":                         {accounts.RunVerify, `{}`, 0, "", false, true},
		"a comparison, somebody at it":         {accounts.RunVerify, `{}`, time.Minute, "", false, false},
		"a comparison that waits":              {accounts.RunVerify, `{}`, 0, "the shop is away", false, false},
		"at a terminal":                        {accounts.RunMove, `{"attended":true}`, 0, "", false, true},
		"at a terminal, somebody at it":        {accounts.RunMove, `{"attended":true}`, time.Minute, "", false, false},
		"at a terminal, and somebody is there": {accounts.RunMove, `{"attended":true}`, 0, "", true, false},
		"the sweep":                            {accounts.RunMove, `{}`, 0, "", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newWorld(t)
			run := begunAs(t, c, 50, row.kind, row.spec)
			chunks, err := c.store.Chunks(t.Context(), run.ID)
			must(t, err)
			if row.why != "" {
				chunks[1].Counts = `{"counts":{"equal":10},"suspended":"` + row.why + `"}`
			}
			must(t, c.store.KeepChunk(t.Context(), chunks[1], row.claim, 0))
			if row.present {
				_, err := c.store.ClaimWork(t.Context(), "sweep-attended", time.Now(), time.Now().Add(time.Minute), 0)
				must(t, err)
			}
			if got := read(t, c).Runs[0]; got.Forsaken != row.forsaken || row.forsaken != (got.ETA == nil) {
				t.Errorf("forsaken %v, to end %+v", got.Forsaken, got.ETA)
			}
		})
	}
}

// TestStatusBehindOthers: the run that is under way is shown, however many have begun and ended since.
func TestStatusBehindOthers(t *testing.T) {
	t.Parallel()
	c := newWorld(t)
	run := begun(t, c, 0)
	for range 20 { // a comparison of each night
		night := accounts.Run{ID: uuid.Must(uuid.NewV7()), Kind: accounts.RunVerify, State: accounts.RunRunning, Began: now}
		must(t, c.store.BeginRun(t.Context(), night, nil, event("run.began")))
		night.State, night.Ended = accounts.RunDone, now
		must(t, c.store.EndRun(t.Context(), night, event("run.ended")))
	}
	if s := read(t, c); len(s.Runs) != 1 || s.Runs[0].ID != run.ID {
		t.Errorf("behind twenty others: %+v", s.Runs)
	}
}

// TestETA: 50 of 150 people took ten seconds; the rest takes twenty, counted as the schedule counts.
func TestETA(t *testing.T) {
	t.Parallel()
	c := newWorld(t)
	begun(t, c, 50)
	eta := func(change func(*sweeper.StatusConfig)) *sweeper.ETA {
		t.Helper()
		c := c
		change(&c.StatusConfig)
		return read(t, c).Runs[0].ETA
	}
	if got := eta(func(*sweeper.StatusConfig) {}); got == nil || !got.Earliest.Equal(now.Add(20*time.Second)) || !got.Latest.Equal(got.Earliest) {
		t.Errorf("at all times: %+v", got)
	}
	night := func(from time.Time, work time.Duration) time.Time { return from.Add(time.Hour + work) }
	if got := eta(func(c *sweeper.StatusConfig) { c.Remaining = night }); got == nil || !got.Latest.Equal(now.Add(time.Hour+20*time.Second)) {
		t.Errorf("with windows: %+v", got)
	}
	half := func(from, to time.Time) time.Duration { return to.Sub(from) / 2 } // the windows were closed for the other five seconds
	if got := eta(func(c *sweeper.StatusConfig) { c.Remaining, c.Worked = night, half }); got == nil || !got.Latest.Equal(now.Add(time.Hour+10*time.Second)) {
		t.Errorf("with windows, of which one was closed: %+v", got)
	}
	for name, change := range map[string]func(*sweeper.StatusConfig){
		"never in a window": func(c *sweeper.StatusConfig) { c.Worked = func(time.Time, time.Time) time.Duration { return 0 } },
		"no window in sight": func(c *sweeper.StatusConfig) {
			c.Remaining = func(time.Time, time.Duration) time.Time { return time.Time{} }
		},
		"held": func(c *sweeper.StatusConfig) {
			c.Held = func(context.Context) ([]string, error) { return []string{"paused by anna"}, nil }
		},
		"just begun": func(c *sweeper.StatusConfig) { c.Now = func() time.Time { return now.Add(-10 * time.Second) } },
	} {
		if got := eta(change); got != nil {
			t.Errorf("%s: %+v, want that nobody knows", name, got)
		}
	}
}

// TestETAOutsideWindows: neither the windows nor what holds the sweep count for a comparison; of a run at a terminal what holds that does.
func TestETAOutsideWindows(t *testing.T) {
	t.Parallel()
	never := func(time.Time, time.Duration) time.Time { return time.Time{} }
	for name, row := range map[string]struct {
		kind          accounts.RunKind
		spec          string
		stands, known bool
	}{
		"the sweep":               {accounts.RunMove, `{}`, false, false},
		"a comparison":            {accounts.RunVerify, `{}`, true, true},
		"at a terminal":           {accounts.RunMove, `{"attended":true}`, false, true},
		"at a terminal, and held": {accounts.RunMove, `{"attended":true}`, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newWorld(t)
			begunAs(t, c, 50, row.kind, row.spec)
			c.Remaining, c.Worked = never, func(time.Time, time.Time) time.Duration { return 0 }
			c.TerminalHeld = func(context.Context) (bool, error) { return row.stands, nil }
			for _, held := range [][]string{nil, {"outside the windows"}} {
				c.Held = func(context.Context) ([]string, error) { return held, nil }
				switch got := read(t, c).Runs[0].ETA; {
				case row.known != (got != nil):
					t.Errorf("held %v: %+v", held, got)
				case row.known && !got.Latest.Equal(now.Add(20*time.Second)):
					t.Errorf("held %v: it ends %v", held, got.Latest)
				}
			}
		})
	}
}

// TestStatusParts: what is plugged in is told, and where it cannot be read nothing is.
func TestStatusParts(t *testing.T) {
	t.Parallel()
	c := newWorld(t)
	c.Settings = func(context.Context) (json.RawMessage, error) { return json.RawMessage(`{"state":"running"}`), nil }
	c.Governor = func(context.Context) (json.RawMessage, string, error) {
		return json.RawMessage(`{"zone":"stop"}`), "held", nil
	}
	if s := read(t, c); string(s.Settings) != `{"state":"running"}` || string(s.Governor) != `{"zone":"stop"}` || s.Verdict != "held" {
		t.Errorf("%+v", s)
	}
	lost := errors.New("lost")
	c.Governor = func(context.Context) (json.RawMessage, string, error) { return nil, "", lost }
	if _, err := sweeper.ReadStatus(t.Context(), c.StatusConfig); !errors.Is(err, lost) {
		t.Errorf("error %v, want %v", err, lost)
	}
}
