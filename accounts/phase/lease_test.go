package phase_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"rekey/accounts/phase"
)

func TestMissing(t *testing.T) {
	t.Parallel()
	now := testTime()
	lease := phase.DefaultLease()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	replicas := []phase.Replica{
		{ID: "done", Epoch: 7, Renewed: ago(time.Second)},
		{ID: "ahead", Epoch: 8, Renewed: ago(time.Second)},
		{ID: "late", Epoch: 6, Renewed: ago(9 * time.Second)},
		{ID: "later", Epoch: 6, Renewed: ago(time.Second)},
		{ID: "as late", Epoch: 5, Renewed: ago(9 * time.Second)},
		{ID: "just ended", Epoch: 6, Renewed: ago(10 * time.Second)},
		{ID: "dead", Epoch: 1, Renewed: ago(time.Hour)},
		{ID: "never", Epoch: 6},
	}
	var got string
	for _, r := range lease.Missing(7, replicas, now) {
		got += r.ID + ", until " + lease.Ends(r).Sub(now).String() + "; "
	}
	if want := "later, until 9s; as late, until 1s; late, until 1s; "; got != want {
		t.Errorf("missing %q, want %q", got, want)
	}
	if got := lease.Missing(7, replicas, now.Add(10*time.Second)); got != nil {
		t.Errorf("after every lease %v are missing", got)
	}
	if got := lease.Missing(5, replicas, now); got != nil {
		t.Errorf("%v are missing, and all have epoch 5", got)
	}
	got = ""
	for _, r := range lease.Late(replicas, now) {
		got += r.ID + "; "
	}
	if want := "as late; late; "; got != want {
		t.Errorf("late %q, want %q", got, want)
	}
}

func TestLeaseCheck(t *testing.T) {
	t.Parallel()
	if err := phase.DefaultLease().Check(); err != nil {
		t.Error(err)
	}
	for _, l := range []phase.Lease{{}, {TTL: time.Second}, {TTL: 5 * time.Second, Renew: 2 * time.Second}, {TTL: time.Second, Renew: -1}} {
		if l.Check() == nil {
			t.Errorf("%+v was taken", l)
		}
	}
}

func TestMayWrite(t *testing.T) {
	t.Parallel()
	lease, sent := phase.DefaultLease(), testTime()
	for name, row := range map[string]struct {
		sent, now time.Time
		deadline  time.Duration
		want      bool
	}{
		"at once":             {sent, sent, 0, true},
		"in time":             {sent, sent.Add(4 * time.Second), 5 * time.Second, true},
		"would end too late":  {sent, sent.Add(5 * time.Second), 5 * time.Second, false},
		"just in time":        {sent, sent.Add(9900*time.Millisecond - 1), 0, true},
		"the clocks' margin":  {sent, sent.Add(9900 * time.Millisecond), 0, false},
		"after the lease":     {sent, sent.Add(time.Hour), 0, false},
		"never renewed":       {time.Time{}, sent, 0, false},
		"before the renewal":  {sent, sent.Add(-1), 0, false},
		"never, at time zero": {time.Time{}, time.Time{}, 0, false},
	} {
		if got := lease.MayWrite(row.sent, row.now, row.deadline); got != row.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	if (phase.Lease{}).MayWrite(sent, sent, 0) {
		t.Error("the zero lease grants a write")
	}
}

// Whatever the clocks show and however long the messages take: while a replica may still be writing, the new store counts it
// among the living, and so a move waits for it. The clocks are some time apart and run at speeds up to half a percent apart.
func TestWriterIsAlive(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		lease := phase.DefaultLease()
		span := func(low, high time.Duration, name string) time.Duration {
			return time.Duration(rapid.Int64Range(int64(low), int64(high)).Draw(t, name))
		}
		apart := span(-time.Hour, time.Hour, "apart")
		speed := rapid.Float64Range(0.995, 1.005).Draw(t, "speed") // of the replica's clock
		store := func(real time.Duration) time.Time { return testTime().Add(apart + real) }
		local := func(real time.Duration) time.Time { return testTime().Add(time.Duration(float64(real) * speed)) }

		sent := span(0, time.Minute, "sent")
		granted := sent + span(0, 20*time.Second, "on its way")
		asks := granted + span(0, 20*time.Second, "asks")
		deadline := span(0, 10*time.Second, "deadline")
		if !lease.MayWrite(local(sent), local(asks), deadline) {
			return
		}
		// A deadline runs by the replica's clock too.
		ends := asks + time.Duration(float64(deadline)/speed)
		r := phase.Replica{ID: "r", Epoch: 6, Renewed: store(granted)}
		if missing := lease.Missing(7, []phase.Replica{r}, store(ends)); len(missing) != 1 {
			t.Fatalf("writes until %s after its renewal, and counts as dead", ends-granted)
		}
	})
}
