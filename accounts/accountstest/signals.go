package accountstest

import (
	"testing"
	"time"

	"rekey/accounts"
	"rekey/accounts/phase"
)

func signalRules() []rule {
	return []rule{
		{"publish", "What a replica measures stands in the place of what it said before, by the store's clock, and goes with its lease.", testPublish},
		{"verdict", "The last verdict stands, by the store's clock; one of an older leader never takes the place of a later one's.", testVerdict},
		{"verdict race", "Of leaders that write at once, the one of the latest claim is the one that stands.", testVerdictRace},
	}
}

// signals reads what the replicas have said.
func signals(t *testing.T, s accounts.Store) ([]accounts.Measured, time.Time) {
	t.Helper()
	all, clock, err := s.Signals(t.Context())
	is(t, "Signals", err, nil)
	return all, clock
}

func testPublish(t *testing.T, s accounts.Store) {
	first(t, s, phase.Lazy)
	if all, clock := signals(t, s); len(all) != 0 || clock.IsZero() {
		t.Errorf("an empty store has %d signals, at %s", len(all), clock)
	}
	is(t, "PublishSignals of nobody", s.PublishSignals(t.Context(), "a", "{}"), accounts.ErrNotFound)
	for _, id := range []string{"b", "a", "c"} {
		_, err := s.RenewLease(t.Context(), accounts.Replica{Replica: phase.Replica{ID: id, Epoch: 1}, Name: "the " + id})
		is(t, "RenewLease", err, nil)
	}
	_, before := signals(t, s)
	for _, text := range []string{`{"n": 1}`, `{"n": 2}`} {
		is(t, "PublishSignals", s.PublishSignals(t.Context(), "b", text), nil)
	}
	is(t, "PublishSignals", s.PublishSignals(t.Context(), "a", `{}`), nil)
	all, clock := signals(t, s)
	if len(all) != 2 || all[0].ID != "a" || all[0].Name != "the a" || all[1].Text != `{"n": 2}` || all[1].Epoch != 1 {
		t.Fatalf("the signals are %+v", all)
	}
	replicas, _, err := s.Replicas(t.Context())
	is(t, "Replicas", err, nil)
	for i, m := range all {
		if m.At.Before(before) || m.At.After(clock) {
			t.Errorf("%s spoke at %s, and the store's clock went from %s to %s", m.ID, m.At, before, clock)
		}
		same(t, "the lease of who speaks", m.Replica, replicas[i])
	}
	is(t, "EndLease", s.EndLease(t.Context(), "b"), nil)
	if all, _ = signals(t, s); len(all) != 1 || all[0].ID != "a" {
		t.Errorf("after the end of b: %+v", all)
	}
	is(t, "PublishSignals after the end", s.PublishSignals(t.Context(), "b", "{}"), accounts.ErrNotFound)
}

func testVerdict(t *testing.T, s accounts.Store) {
	_, _, err := s.SweepVerdict(t.Context())
	is(t, "SweepVerdict of an empty store", err, accounts.ErrNotFound)
	_, before := signals(t, s)
	is(t, "KeepSweepVerdict", s.KeepSweepVerdict(t.Context(), 2, "first"), nil)
	is(t, "KeepSweepVerdict again", s.KeepSweepVerdict(t.Context(), 2, "second"), nil)
	is(t, "KeepSweepVerdict of an older leader", s.KeepSweepVerdict(t.Context(), 1, "late"), accounts.ErrStale)
	v, clock, err := s.SweepVerdict(t.Context())
	is(t, "SweepVerdict", err, nil)
	if v.Fence != 2 || v.Text != "second" || v.At.Before(before) || v.At.After(clock) {
		t.Errorf("the verdict is %+v, and the store's clock went from %s to %s", v, before, clock)
	}
	is(t, "KeepSweepVerdict of the next leader", s.KeepSweepVerdict(t.Context(), 3, "third"), nil)
	v, _, err = s.SweepVerdict(t.Context())
	is(t, "SweepVerdict", err, nil)
	same(t, "text", v.Text, "third")
}

func testVerdictRace(t *testing.T, s accounts.Store) {
	errs := together(crowd, func(i int) error { return s.KeepSweepVerdict(t.Context(), int64(i+1), numbered("verdict", i+1)) })
	for i, err := range errs {
		if i == crowd-1 || err != nil {
			is(t, "KeepSweepVerdict", err, map[bool]error{true: nil, false: accounts.ErrStale}[i == crowd-1])
		}
	}
	v, _, err := s.SweepVerdict(t.Context())
	is(t, "SweepVerdict", err, nil)
	same(t, "fence", v.Fence, int64(crowd))
	same(t, "text", v.Text, numbered("verdict", crowd))
}
