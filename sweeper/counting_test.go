package sweeper

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/legacy"
	"rekey/sweeper/settings"
)

// A walk through everybody stands still while anything holds it, is slowed down as the governor says, ends with its run, and says
// how far it is.
func TestGate(t *testing.T) {
	t.Parallel()
	run := uuid.New()
	look := func(t *testing.T, read func(asked int) (Orders, error), lost error) (took time.Duration, told []Counting, err error) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			g := &gate{run: run, desk: &Desk{Read: func(context.Context) (Orders, error) { asked++; return read(asked) }}, keep: func(_ context.Context, c Counting) error {
				told = append(told, c)
				return lost
			}}
			g.looked = time.Now()
			time.Sleep(100 * time.Millisecond) // that reading so many took
			began := time.Now()
			for range gateEvery {
				if err = g.pass(t.Context()); err != nil {
					break
				}
			}
			took = time.Since(began)
		})
		return took, told, err
	}
	names := settings.Hold{Cause: settings.CauseNames}
	orders := func(speed float64, holds ...settings.Hold) Orders {
		return Orders{Run: accounts.Run{ID: run}, Speed: speed, Holds: append([]settings.Hold{names}, holds...)}
	}
	full := func(int) (Orders, error) { return orders(1), nil }
	took, told, err := look(t, full, nil)
	if want := []Counting{{Run: run, Read: gateEvery, PerSecond: gateEvery * 10}}; err != nil || took != 0 || cmp.Diff(want, told) != "" {
		t.Errorf("where nothing holds it: %v, %v, %+v", took, err, told)
	}
	if took, _, err = look(t, func(int) (Orders, error) { return orders(0.25), nil }, nil); err != nil || took != 300*time.Millisecond {
		t.Errorf("at a quarter of full speed a tenth of a second costs %v (%v)", took, err)
	}
	for name, held := range map[string]func() (Orders, error){
		"paused":                  func() (Orders, error) { return orders(1, settings.Hold{Cause: settings.CausePaused}), nil },
		"nobody knows what holds": func() (Orders, error) { return Orders{}, errors.New("the store is down") },
		"stopped by the governor": func() (Orders, error) { return orders(0, settings.Hold{Cause: settings.CauseSignal}), nil },
	} {
		took, told, err := look(t, func(asked int) (Orders, error) {
			if asked > 8 {
				return full(asked)
			}
			return held()
		}, nil)
		if err != nil || took != 8*obeyed || len(told) != 3 || told[2].PerSecond != gateEvery*10 {
			t.Errorf("%s: %v, %v, %+v", name, took, err, told)
		}
	}
	if _, _, err = look(t, func(int) (Orders, error) {
		return Orders{Run: accounts.Run{ID: uuid.New()}, Holds: []settings.Hold{names}}, nil
	}, nil); !errors.Is(err, errCounting) {
		t.Errorf("when the run has ended: %v", err)
	}
	if _, _, err = look(t, full, errCounting); !errors.Is(err, errCounting) {
		t.Errorf("when another looks for them: %v", err)
	}
}

// What was counted is in the parts of the run before anybody is moved, in every order.
func TestPartTotals(t *testing.T) {
	t.Parallel()
	for order, want := range map[settings.Order][]int64{
		settings.ByKey: {30}, settings.Inactive: {26, 1, -1, -1, 3, -1}, settings.Weakest: {30, -1, -1, -1, -1, -1},
	} {
		w := newWorld(t, 30)
		for id, ago := range map[string]time.Duration{"1003": 9 * year, "1004": 100 * 24 * time.Hour, "1005": 101 * 24 * time.Hour, "1006": 102 * 24 * time.Hour} {
			w.shop.Change(id, func(u *legacy.User) { u.LastLoginAt = time.Now().Add(-ago) })
		}
		s := w.sweeper()
		w.set(s, `{"state": "running", "accounts_per_second": "max", "workers": 1, "chunk": 100, "order": "`+string(order)+`"}`)
		w.tick(s)
		w.tick(s)
		w.tick(s)
		parts, err := w.store.Parts(t.Context(), w.lastRun().ID)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, p := range parts {
			got = append(got, p.Total)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", order, diff)
		}
		status, err := ReadStatus(t.Context(), StatusConfig{Service: w.Service})
		if err != nil {
			t.Fatal(err)
		}
		if left, known := status.Runs[0].left(); !known || left != (accounts.Between{Low: 30, High: 30}) {
			t.Errorf("%s: %+v are left (%v)", order, left, known)
		}
	}
}

// A run ends no sooner than the rate lets those move who are not here yet, whatever its pace was; who is here takes no turn.
func TestETAByRate(t *testing.T) {
	t.Parallel()
	now, total := time.Now(), int64(1000)
	run := RunStatus{
		Kind: accounts.RunMove, Began: now.Add(-10 * time.Second), Counts: RunCounts{People: 500},
		Parts: []PartStatus{{Source: "shop", Total: &total, People: 500, Open: 1}},
	}
	for name, row := range map[string]struct {
		unmoved accounts.Between
		held    int64
		obeys   bool
		want    time.Duration
	}{
		"all are to move":       {accounts.Between{Low: 500, High: 500}, 0, true, 250 * time.Second},
		"some are":              {accounts.Between{Low: 40, High: 60}, 0, true, 20 * time.Second},
		"few are":               {accounts.Between{Low: 10, High: 60}, 0, true, 10 * time.Second},
		"more than it comes to": {accounts.Between{Low: 900, High: 900}, 0, true, 250 * time.Second},
		"in quarantine":         {accounts.Between{Low: 500, High: 500}, 500, true, 10 * time.Second},
		"at a terminal":         {accounts.Between{Low: 500, High: 500}, 0, false, 10 * time.Second},
	} {
		p := accounts.Progress{Sources: []accounts.SourceProgress{
			{Source: "shop", Unmoved: &row.unmoved, Held: row.held}, {Source: "club", Unmoved: &accounts.Between{Low: 1e6, High: 1e6}},
		}}
		c := StatusConfig{Now: func() time.Time { return now }, Rate: func() float64 { return 2 }}
		if eta := c.eta(run, p, row.obeys); eta == nil || eta.Earliest.Sub(now) != row.want || eta.Latest.Sub(now) != row.want {
			t.Errorf("%s: %+v, want %s after %s", name, eta, row.want, now)
		}
	}
}

// A comparison ends when it has come to everybody, and when it has come to all links too, at the latest.
func TestComparisonETA(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 30)
	if _, err := w.attend(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	v, err := w.Verify(t.Context(), accounts.VerifySpec{Sources: []string{"shop"}}, accounts.By{Actor: "cli:test", Reason: "test"})
	if err != nil {
		t.Fatal(err)
	}
	status := func() RunStatus {
		t.Helper()
		s, err := ReadStatus(t.Context(), StatusConfig{Service: w.Service, Now: func() time.Time { return v.Run.Began.Add(10 * time.Second) }})
		if err != nil || len(s.Runs) != 1 || s.Runs[0].Kind != accounts.RunVerify {
			t.Fatalf("%+v (%v)", s.Runs, err)
		}
		return s.Runs[0]
	}
	compare := func(was, is accounts.Part, people int) {
		t.Helper()
		if err := v.Cut(t.Context(), was, is, accounts.Chunk{After: was.Cut, Through: is.Cut}); err != nil {
			t.Fatal(err)
		}
		c, err := v.Claim(t.Context(), "test", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		found := accounts.ChunkFound{Comparison: accounts.NewComparison("shop")}
		for range people {
			found.Add(accounts.VerdictEqual, "1000")
		}
		if c, err = found.Keep(c); err != nil {
			t.Fatal(err)
		}
		c.Done = true
		if err := v.Keep(t.Context(), c, time.Minute, 0); err != nil {
			t.Fatal(err)
		}
	}
	must := func(when string, from, to time.Duration) {
		t.Helper()
		eta, now := status().ETA, v.Run.Began.Add(10*time.Second)
		if eta == nil || eta.Earliest.Sub(now).Round(time.Millisecond) != from || eta.Latest.Sub(now).Round(time.Millisecond) != to {
			t.Errorf("%s: %+v, want %s to %s after %s", when, eta, from, to, now)
		}
	}
	if r := status(); r.ETA != nil {
		t.Errorf("nobody was compared: %+v", r.ETA)
	}
	some := accounts.Part{Source: "shop", Band: accounts.WalkPeople, Cut: "1009"}
	compare(accounts.Part{Source: "shop", Band: accounts.WalkPeople}, some, 10)
	must("ten were compared in ten seconds", 20*time.Second, 50*time.Second)
	all := some
	all.Whole = true
	compare(some, all, 20)
	must("all were", 0, 10*time.Second)
	links := accounts.Part{Source: "shop", Band: accounts.WalkLinks}
	whole := links
	whole.Whole = true
	resumed, err := w.Verify(t.Context(), accounts.VerifySpec{Sources: []string{"shop"}}, accounts.By{Actor: "cli:test", Reason: "test"})
	if err != nil || !resumed.Resumed {
		t.Fatalf("%+v (%v)", resumed, err)
	}
	if r := status(); r.ETA != nil {
		t.Errorf("it is gone on with, and nobody was compared since: %+v", r.ETA)
	}
	compare(links, whole, 2)
	if eta := status().ETA; eta == nil || !eta.Latest.Equal(eta.Earliest) {
		t.Errorf("and the links: %+v", eta)
	}
}

// How far the search for names is can be seen from everywhere; that of another run is nobody's.
func TestCountingIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	run := w.begin(nil)
	claim, err := w.store.ClaimWork(t.Context(), countWork, time.Now(), time.Now().Add(countFor), 0)
	if err != nil {
		t.Fatal(err)
	}
	names := func(c Counting) *Counting {
		t.Helper()
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		claim.Cursor = string(text)
		if err := w.store.KeepWork(t.Context(), claim, time.Now().Add(countFor)); err != nil {
			t.Fatal(err)
		}
		status, err := ReadStatus(t.Context(), StatusConfig{Service: w.Service})
		if err != nil {
			t.Fatal(err)
		}
		return status.Runs[0].Names
	}
	three := int64(3)
	if got := names(Counting{Run: run.ID, Read: 2, PerSecond: 1}); cmp.Diff(&Counting{Run: run.ID, Read: 2, Of: &three, PerSecond: 1}, got) != "" {
		t.Errorf("%+v", got)
	}
	if got := names(Counting{Run: uuid.New(), Read: 2}); got != nil {
		t.Errorf("of another run: %+v", got)
	}
	if err := w.store.KeepFound(t.Context(), run.ID, "", "{}"); err != nil {
		t.Fatal(err)
	}
	if got := names(Counting{Run: run.ID, Read: 3}); got != nil {
		t.Errorf("when they are known: %+v", got)
	}
}
