package accounts_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/legacy"
)

// measures returns what the gates of the step up say of what was measured, by gate.
func (v *village) measures(t *testing.T) map[phase.Gate]phase.Finding {
	t.Helper()
	for _, s := range []*accounts.Service{v.Service, v.second} {
		s.MirrorAll(t.Context())
	}
	view, err := v.Phase(t.Context())
	must(t, "look at the phase", err, nil)
	found := map[phase.Gate]phase.Finding{}
	for _, f := range view.Up.Findings {
		found[f.Gate] = f
	}
	return found
}

// said fails unless a gate has measured something.
func said(t *testing.T, found map[phase.Gate]phase.Finding, gate phase.Gate, want string) {
	t.Helper()
	if got := found[gate].Value; !strings.HasPrefix(got, want) {
		t.Errorf("%s: %q, want %q", gate, got, want)
	}
}

// In shadow and in both, the lookups of both processes are mirrored and add up; in other phases nothing is.
func TestMirroredReads(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	mustLogin(t, v.Service, "anna", "tulip")
	v.move(t, phase.Shadow)
	v.takes(t, "tulip") // the first of them finds nobody here, and copies her
	mustRefuse(t, v.Service, "anna", "rose")
	mustRefuse(t, v.second, "nobody", "rose")
	found := v.measures(t)
	said(t, found, phase.GateMirrored, "4 of 4 logins")
	said(t, found, phase.GateReadErrors, "0 of 4 reads")
	said(t, found, phase.GateShadowFailures, "0 of 1 writes")
	if stats := v.Stats(); stats.ShadowReads.Load() != 2 || stats.ShadowReadsDiffering.Load() != 0 {
		t.Errorf("the first process: %d mirrored, %d differ", stats.ShadowReads.Load(), stats.ShadowReadsDiffering.Load())
	}

	// What was measured belongs to the phase, and begins anew with it.
	v.move(t, phase.Both)
	said(t, v.measures(t), phase.GateMirrored, "0 of 0 logins")
	v.takes(t, "tulip")
	found = v.measures(t)
	said(t, found, phase.GateMirrored, "2 of 2 logins")
	if gate := found[phase.GateReadP99]; strings.HasPrefix(gate.Value, "0s") || !strings.Contains(gate.Value, "of 2 reads") {
		t.Errorf("p99: %s", gate.Value)
	}
	v.move(t, phase.Ramp)
	before := v.Stats().ShadowReads.Load()
	mustLogin(t, v.Service, "anna", "tulip")
	v.MirrorAll(t.Context())
	if n := v.Stats().ShadowReads.Load() - before; n != 0 {
		t.Errorf("%d lookups are mirrored in the ramp", n)
	}
}

// What the mirror meets, the login does not notice; what the login meets there counts as met by the mirror, and legacy answers.
func TestMirrorFails(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	v.move(t, phase.Shadow)
	mustLogin(t, v.Service, "anna", "tulip")
	v.store.down.Store(true)
	v.MirrorAll(t.Context())
	if p := mustLogin(t, v.Service, "anna", "tulip"); !p.Alone {
		t.Error("a login while the new store is down was not answered alone")
	}
	v.store.down.Store(false)
	found := v.measures(t)
	said(t, found, phase.GateReadErrors, "2 of 2 reads")
	said(t, found, phase.GateMirrored, "2 of 2 logins")
	if stats := v.Stats(); stats.ShadowReadsFailed.Load() != 2 || stats.ShadowReadsDiffering.Load() != 0 {
		t.Errorf("%d failed and %d differ", stats.ShadowReadsFailed.Load(), stats.ShadowReadsDiffering.Load())
	}
}

// Where nobody is free to mirror a lookup the login goes on, and is counted as not mirrored.
func TestMirrorFull(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull)
	v.move(t, phase.Shadow)
	const over = 3
	for i := range accounts.MirrorQueue + over {
		mustRefuse(t, v.Service, fmt.Sprintf("nobody%d", i), "rose")
	}
	if n := v.Stats().ShadowReadsSkipped.Load(); n != over {
		t.Errorf("%d lookups were left out, want %d", n, over)
	}
	said(t, v.measures(t), phase.GateMirrored, fmt.Sprintf("%d of %d logins", accounts.MirrorQueue, accounts.MirrorQueue+over))
}

// A lookup that comes too late says nothing of the minute that its login was in.
func TestMirrorLate(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull)
	v.move(t, phase.Shadow)
	mustRefuse(t, v.Service, "nobody", "rose")
	v.clock.advance(2 * time.Minute)
	said(t, v.measures(t), phase.GateMirrored, "0 of 1 logins")
}

// hanging is a store whose lookups end with their context.
type hanging struct {
	accounts.Store
	entered chan struct{}
}

func (h hanging) ByIdentifier(ctx context.Context, _ string) (accounts.Record, error) {
	h.entered <- struct{}{}
	<-ctx.Done()
	return accounts.Record{}, ctx.Err()
}

// Whoever ends Measure does not wait for the new store, and what was cut off is not held against it. What was measured is
// stored.
func TestMeasureEnds(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull)
	v.move(t, phase.Shadow)
	mustRefuse(t, v.Service, "nobody", "rose")
	h := hanging{v.doors.Store, make(chan struct{})}
	v.doors.Store = h
	ctx, end := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		v.Measure(ctx)
		close(done)
	}()
	<-h.entered
	end()
	<-done
	v.doors.Store = h.Store
	if stats := v.Stats(); stats.ShadowReads.Load() != 0 || stats.ShadowReadsFailed.Load() != 0 {
		t.Error("a lookup that was cut off is counted")
	}
	at, err := v.store.Phase(t.Context())
	must(t, "read the phase", err, nil)
	var logins int64
	must(t, "read what is stored", v.store.Windows(t.Context(), at.Began, time.Time{}, func(w accounts.Window) { logins += w.Logins }), nil)
	if logins != 1 {
		t.Errorf("%d logins are stored, want 1", logins)
	}
}

// In shadow a write that fails here is counted and made good, and nobody is told; what cannot be begun here is not begun there.
func TestShadowWrites(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	v.move(t, phase.Shadow)
	lost := func(want string) {
		t.Helper()
		said(t, v.measures(t), phase.GateShadowFailures, want)
	}
	v.doors.beforeCreate = func() error { return errDown }
	session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
	lost("1 of 1 writes")
	mustLogin(t, v.Service, "anna", "tulip")
	lost("1 of 2 writes")

	v.doors.beforeBegin = func() error { return errDown }
	doubtful(t, "a change that cannot be begun", change(v.Service, session, "tulip", orchids))
	v.sold(t, "7", "tulip", true)
	lost("2 of 3 writes")

	v.doors.beforeFinish = func() error { return errDown }
	must(t, "a change whose half here fails", change(v.Service, session, "tulip", orchids), nil)
	v.sold(t, "7", orchids, true)
	lost("3 of 4 writes")
	v.takes(t, orchids)
	v.clock.advance(31 * time.Second)
	v.hear(t)
	said(t, v.measures(t), phase.GateIntents, "1 intents")
	v.deliver(t, v.second)
	said(t, v.measures(t), phase.GateIntents, "0 intents")
	v.takes(t, orchids)
	lost("3 of 4 writes")
}

// A copy that cannot be made again is marked, and the next login makes it good.
func TestShadowCopyFails(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	v.move(t, phase.Shadow)
	mustLogin(t, v.Service, "anna", "tulip")
	v.source.Change("7", func(u *legacy.User) { u.Password = salted(t, "7", "anna", "orchid").Password })
	v.doors.beforeRecopy = func() error { return errDown }
	mustLogin(t, v.Service, "anna", "orchid")
	must(t, "wait for what outlives its login", v.Close(t.Context()), nil)
	found := v.measures(t)
	said(t, found, phase.GateDirty, "1 accounts")
	said(t, found, phase.GateShadowFailures, "1 of 2 writes")
	mustLogin(t, v.second, "anna", "orchid")
	found = v.measures(t)
	said(t, found, phase.GateDirty, "0 accounts")
	said(t, found, phase.GateShadowFailures, "1 of 3 writes")
}

// With what was measured, and limits that it is within, the steps up are free; without it they are not.
func TestMeasuredStep(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	v.move(t, phase.Shadow)
	limits := phase.Limits{MinReads: 2, MinShadowWrites: 1, MirroredShare: 1, P99Floor: time.Minute}
	s := v.serve(t, func(c *accounts.Config) {
		c.Sources = []accounts.Source{{Name: "shop", Source: v.shop, CopyBack: accounts.CopyBackFull}}
		c.Limits = &limits
	})
	try := accounts.PhaseMove{To: phase.Both, DryRun: true, By: because}
	_, err := s.MovePhase(t.Context(), try)
	held, ok := err.(*accounts.GateError) //nolint:errorlint // it is returned as it is
	if !ok || len(held.Blockers) != 4 {
		t.Fatalf("before anything was measured: %v", err)
	}
	v.takes(t, "tulip")
	v.measures(t)
	report, err := s.MovePhase(t.Context(), try)
	if err != nil || len(report.Findings) != 10 {
		t.Errorf("%v: %+v", err, report.Findings)
	}
}

// A move waits for a process that is gone as long as leases last, not as long as they do by default.
func TestMoveByTheConfiguredLease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.in(t, lazyNewFirst())
	w.asleep(t, 0)
	s := w.serve(t, func(c *accounts.Config) { c.Terms = phase.Lease{TTL: 3 * time.Millisecond, Renew: time.Millisecond} })
	ctx, cancel := context.WithTimeout(t.Context(), phase.DefaultLease().TTL/2)
	defer cancel()
	_, err := s.MovePhase(ctx, accounts.PhaseMove{To: phase.LegacyOnly, By: because})
	must(t, "move", err, nil)
}
