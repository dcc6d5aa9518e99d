package accounts_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/legacy"
	"rekey/legacy/legacytest"
)

var because = accounts.By{Actor: "cli:test", Reason: "test"}

// in stores the state that the installation is in at first.
func (w *world) in(t *testing.T, s phase.State) {
	t.Helper()
	s.Salt, s.Began = "0123456789abcdef", time.Now().UTC().Add(-time.Minute).Truncate(time.Microsecond)
	if _, err := w.store.InitPhase(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.Phase(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func lazyNewFirst() phase.State {
	return phase.State{Epoch: 1, TrustEpoch: 1, Plan: phase.Lazy, Phase: phase.NewFirst}
}

// leased returns a service that holds a lease, which is renewed until the test ends.
func (w *world) leased(t *testing.T, name string) (*accounts.Service, *accounts.Lease) {
	t.Helper()
	state, err := w.store.Phase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lease, err := accounts.NewLease(t.Context(), accounts.LeaseConfig{Store: w.store, ID: newID(t).String(), Name: name, First: state})
	if err != nil {
		t.Fatal(err)
	}
	stop := lease.Start(t.Context())
	t.Cleanup(func() {
		if err := stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return w.serve(t, func(c *accounts.Config) { c.Lease = lease }), lease
}

// asleep makes a process known that acknowledges nothing until its lease ends.
func (w *world) asleep(t *testing.T, epoch int64) accounts.Replica {
	t.Helper()
	r := accounts.Replica{Replica: phase.Replica{ID: newID(t).String(), Epoch: epoch}, Name: "sleeper"}
	if _, err := w.store.RenewLease(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	return r
}

func (w *world) phase(t *testing.T) phase.State {
	t.Helper()
	s, err := w.store.Phase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) moves(t *testing.T) (kinds []accounts.EventKind) {
	t.Helper()
	events, err := w.store.RecentEvents(t.Context(), accounts.EventQuery{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Actor == because.Actor {
			kinds = append(kinds, e.Kind)
		}
	}
	slices.Reverse(kinds)
	return kinds
}

// A plan lazy goes down and up again in three epochs each, and every live process has arrived when the move returns.
func TestMoveDownAndUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.in(t, lazyNewFirst())
	service, lease := w.leased(t, "one")
	_, second := w.leased(t, "two")
	for i, to := range []phase.Phase{phase.LegacyOnly, phase.NewFirst} {
		var seen []int64
		report, err := service.MovePhase(t.Context(), accounts.PhaseMove{To: to, Epoch: int64(1 + 3*i), By: because, Progress: func(p accounts.PhaseStep) {
			if len(p.Missing) == 0 {
				seen = append(seen, p.State.Epoch)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		first := report.From.Epoch
		if want := []int64{first, first + 1, first + 2, first + 3}; !slices.Equal(seen, want) || len(report.Steps) != 3 {
			t.Errorf("epochs %v were arrived at in %d steps, want %v in 3", seen, len(report.Steps), want)
		}
		if !report.Steps[0].Frozen || report.Steps[0].Phase == to || !report.Steps[1].Frozen || report.Steps[1].Phase != to || report.Steps[2].Frozen {
			t.Errorf("steps are %+v", report.Steps)
		}
		for _, l := range []*accounts.Lease{lease, second} {
			if s := l.State(); s.Phase != to || s.Moving() {
				t.Errorf("a process is still in %+v", s)
			}
		}
	}
	if kinds := w.moves(t); len(kinds) != 6 || slices.ContainsFunc(kinds, func(k accounts.EventKind) bool { return k != accounts.EventPhaseMoved }) {
		t.Errorf("events: %v", kinds)
	}
}

func TestMoveAsksForWhatItNeeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.in(t, lazyNewFirst())
	var invalid *accounts.InvalidError
	var illegal *phase.MoveError
	var held *accounts.GateError
	for name, test := range map[string]struct {
		move accounts.PhaseMove
		is   func(error) bool
	}{
		"no reason":     {accounts.PhaseMove{To: phase.LegacyOnly}, func(err error) bool { return errors.As(err, &invalid) && invalid.Field == "reason" }},
		"another epoch": {accounts.PhaseMove{To: phase.LegacyOnly, Epoch: 7, By: because}, func(err error) bool { return errors.Is(err, accounts.ErrStale) }},
		"not in plan":   {accounts.PhaseMove{To: phase.Both, By: because}, func(err error) bool { return errors.As(err, &illegal) }},
		"not relaxed":   {accounts.PhaseMove{To: phase.NewFirst, By: because}, func(err error) bool { return errors.As(err, &illegal) }},
		"two gates": {accounts.PhaseMove{To: phase.NewOnly, By: because}, func(err error) bool { // its people cannot be counted
			return errors.As(err, &held) && len(held.Blockers) == 2 && held.Blockers[0].Gate == phase.GateSoak && held.Blockers[1].Gate == phase.GateUnmoved
		}},
	} {
		if _, err := w.MovePhase(t.Context(), test.move); !test.is(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	report, err := w.MovePhase(t.Context(), accounts.PhaseMove{To: phase.LegacyOnly, By: because, DryRun: true})
	if err != nil || len(report.Steps) != 3 || len(report.Findings) != 3 {
		t.Errorf("dry run: %+v, %v", report, err)
	}
	if s := w.phase(t); s.Epoch != 1 {
		t.Errorf("something moved: %+v", s)
	}
}

// interrupt begins a move that is left while it waits for a process in the given epoch.
func (w *world) interrupt(t *testing.T, to phase.Phase, epoch int64) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	sleeper := w.asleep(t, epoch-1)
	defer func() {
		if err := w.store.EndLease(t.Context(), sleeper.ID); err != nil {
			t.Fatal(err)
		}
	}()
	_, err := w.MovePhase(ctx, accounts.PhaseMove{To: to, By: because, Progress: func(p accounts.PhaseStep) {
		if len(p.Missing) > 0 && p.State.Epoch == epoch {
			if p.Missing[0].Name != "sleeper" || phase.DefaultLease().Ends(p.Missing[0].Replica).Sub(p.Clock) <= 0 {
				t.Errorf("it waits for %+v at %s", p.Missing, p.Clock)
			}
			cancel()
		}
	}})
	var unavailable *accounts.UnavailableError
	if !errors.As(err, &unavailable) || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "sleeper") {
		t.Fatalf("the move ended with %v", err)
	}
}

// A move that was left in its first half can be gone on with, and taken back; in its second half it can only go on.
func TestMoveLeftInTheMiddle(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		left  int64 // in this epoch
		asked phase.Phase
		ends  phase.Phase // none: it is refused
		last  int64
	}{
		"first half, on":    {2, phase.LegacyOnly, phase.LegacyOnly, 4},
		"first half, back":  {2, phase.NewFirst, phase.NewFirst, 3},
		"second half, on":   {3, phase.LegacyOnly, phase.LegacyOnly, 4},
		"second half, back": {3, phase.NewFirst, 0, 3},
		"another way":       {2, phase.NewOnly, 0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.in(t, lazyNewFirst())
			w.interrupt(t, phase.LegacyOnly, test.left)
			_, err := w.MovePhase(t.Context(), accounts.PhaseMove{To: test.asked, Epoch: test.left, By: because})
			var illegal *phase.MoveError
			if refused := errors.As(err, &illegal); refused != (test.ends == 0) || !refused && err != nil {
				t.Fatal(err)
			}
			s := w.phase(t)
			if s.Epoch != test.last || test.ends != 0 && (s.Phase != test.ends || s.Moving() || s.Frozen) {
				t.Errorf("it ended in %+v", s)
			}
			if kinds := w.moves(t); (kinds[len(kinds)-1] == accounts.EventPhaseTakenBack) != (name == "first half, back") {
				t.Errorf("events: %v", kinds)
			}
		})
	}
}

// countStore is a store that says what a move depends on as a test wants it.
type countStore struct {
	accounts.Store
	counts accounts.PhaseCounts
	err    error
}

func (c *countStore) PhaseCounts(context.Context, time.Time) (accounts.PhaseCounts, error) {
	return c.counts, c.err
}

// Where the gates have closed behind a frozen phase, whoever goes on with the move finds the old phase open again: frozen,
// nobody could get out of it.
func TestMoveResumedAgainstClosedGates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.in(t, lazyNewFirst())
	w.interrupt(t, phase.LegacyOnly, 2)
	store := &countStore{Store: w.store, counts: accounts.PhaseCounts{Backlog: 1, Refused: 1}}
	s := w.serve(t, func(c *accounts.Config) { c.Store = store })
	report, err := s.MovePhase(t.Context(), accounts.PhaseMove{To: phase.LegacyOnly, By: because})
	var held *accounts.GateError
	if !errors.As(err, &held) || held.Blockers[0].Gate != phase.GateCopyBack || len(report.Findings) == 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	if s := w.phase(t); s.Phase != phase.NewFirst || s.Frozen || s.Moving() {
		t.Errorf("the phase is %+v, want new-first, open", s)
	}
}

// What has begun is ended, whether or not the old store answers: nothing is left to be measured.
func TestMoveEndsWhileLegacyIsDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.in(t, phase.State{Epoch: 5, TrustEpoch: 1, Plan: phase.Lazy, Phase: phase.NewOnly, Frozen: true, To: phase.NewOnly})
	w.source.SetDown(errDown)
	s := w.serve(t, func(c *accounts.Config) {
		c.Store = &countStore{Store: w.store, err: errDown}
		c.Sources = []accounts.Source{{Name: "shop", Source: walked{w.source, []string{"1"}}}}
	})
	if _, err := s.MovePhase(t.Context(), accounts.PhaseMove{To: phase.NewOnly, By: because}); err != nil {
		t.Fatal(err)
	}
	if s := w.phase(t); s.Frozen || s.Moving() {
		t.Errorf("the phase is %+v", s)
	}
}

// walked is an old store that can be walked: it has these people, in order.
type walked struct {
	*legacytest.Memory
	ids []string
}

func (w walked) List(ctx context.Context, after string, limit int) ([]legacy.User, error) {
	var page []legacy.User
	for _, id := range w.ids {
		if id > after && len(page) < limit {
			user, err := w.Get(ctx, id)
			if err != nil {
				return nil, err
			}
			page = append(page, user)
		}
	}
	return page, nil
}

// Who has a copy here that is not trusted would be answered by nobody in new-only.
func TestUnmovedCountsWhoIsNotTrusted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "1", "anna", "", "tulip"), md5Salted(t, "2", "bert", "", "daisy"))
	w.in(t, lazyNewFirst())
	_, lease := w.leased(t, "one")
	service := w.serve(t, func(c *accounts.Config) {
		c.Lease, c.Sources = lease, []accounts.Source{{Name: "shop", Source: walked{w.source, []string{"1", "2"}}}}
	})
	if _, err := service.Login(t.Context(), try("anna", "tulip")); err != nil {
		t.Fatal(err)
	}
	unmoved := func() string {
		t.Helper()
		report, err := service.MovePhase(t.Context(), accounts.PhaseMove{To: phase.NewOnly, By: because, DryRun: true})
		if _, held := errors.AsType[*accounts.GateError](err); !held {
			t.Fatal(err)
		}
		i := slices.IndexFunc(report.Findings, func(f phase.Finding) bool { return f.Gate == phase.GateUnmoved })
		return report.Findings[i].Value
	}
	if got := unmoved(); got != "1 people" {
		t.Errorf("with anna moved: %s", got)
	}
	for _, to := range []phase.Phase{phase.LegacyOnly, phase.NewFirst} {
		if _, err := service.MovePhase(t.Context(), accounts.PhaseMove{To: to, By: because}); err != nil {
			t.Fatal(err)
		}
	}
	if got := unmoved(); got != "2 people" {
		t.Errorf("with a copy of anna from before the way back: %s", got)
	}
}

func TestRelaxAndRelist(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.in(t, phase.State{Epoch: 4, TrustEpoch: 5, Plan: phase.DualWrite, Phase: phase.Both, To: phase.Both})
	one, two := newID(t), newID(t)
	edit := func(allow, deny []uuid.UUID) ([]uuid.UUID, []uuid.UUID) { return append(allow, one), append(deny, two) }
	var illegal *phase.MoveError
	if _, err := w.Relist(t.Context(), accounts.PhaseMove{By: because}, edit); !errors.As(err, &illegal) {
		t.Errorf("lists changed in the middle of a move: %v", err)
	}
	if _, err := w.Relax(t.Context(), accounts.PhaseMove{By: because, Epoch: 3}); !errors.Is(err, accounts.ErrStale) {
		t.Errorf("relax from another epoch: %v", err)
	}
	if report, err := w.Relax(t.Context(), accounts.PhaseMove{By: because, DryRun: true}); err != nil || len(report.Steps) != 1 || w.phase(t).Epoch != 4 {
		t.Errorf("dry run: %+v, %v", report, err)
	}
	if _, err := w.Relax(t.Context(), accounts.PhaseMove{By: because}); err != nil {
		t.Fatal(err)
	}
	if s := w.phase(t); s.Phase != phase.Shadow || s.TrustEpoch != 5 || s.Moving() {
		t.Errorf("relaxed: %+v", s)
	}
	if _, err := w.Relax(t.Context(), accounts.PhaseMove{By: because}); !errors.As(err, &illegal) {
		t.Errorf("relax from shadow: %v", err)
	}
	if _, err := w.Relist(t.Context(), accounts.PhaseMove{By: because}, edit); err != nil {
		t.Fatal(err)
	}
	if s := w.phase(t); !slices.Equal(s.Allow, []uuid.UUID{one}) || !slices.Equal(s.Deny, []uuid.UUID{two}) {
		t.Errorf("lists: %+v", s)
	}
	if kinds := w.moves(t); !slices.Equal(kinds, []accounts.EventKind{accounts.EventPhaseMoved, accounts.EventPhaseRelisted}) {
		t.Errorf("events: %v", kinds)
	}
}

// A look at the phase tells every finding, names who serves, and writes nothing to the old store: the canary waits for a dry
// run.
func TestPhaseView(t *testing.T) {
	t.Parallel()
	like := legacy.Stored{Scheme: "md5($pass.$salt)", Hash: md5hex("xy"), Salt: "y"}
	w := newWorld(t)
	w.source.Allow = legacytest.AllowAll(like)
	w.in(t, phase.State{Epoch: 1, Plan: phase.Lazy, Phase: phase.LegacyOnly})
	w.asleep(t, 0)
	s := w.serve(t, func(c *accounts.Config) {
		c.Sources = []accounts.Source{{Name: "shop", Source: w.source, CopyBack: accounts.CopyBackFull}}
	})
	v, err := s.Phase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Replicas) != 1 || !v.Replicas[0].Live || !v.Replicas[0].Behind || v.Replicas[0].EndsIn <= 0 || v.Replicas[0].EndsIn > 10 {
		t.Errorf("replicas: %+v", v.Replicas)
	}
	if v.Down != nil || v.Ramp != nil || v.Up == nil || v.Up.To != phase.NewFirst || len(v.Up.Epochs) != 3 || !v.Up.Open() {
		t.Fatalf("%+v", v)
	}
	if !slices.Equal(v.Up.Deferred, []phase.Gate{phase.GateWayBack}) || len(v.Up.Findings) != 3 {
		t.Errorf("findings: %+v, deferred %v", v.Up.Findings, v.Up.Deferred)
	}
	if n := w.source.Written.Load(); n != 0 {
		t.Errorf("%d writes to the old store by a look", n)
	}
	if _, err := s.MovePhase(t.Context(), accounts.PhaseMove{To: phase.NewFirst, By: because, DryRun: true}); err != nil {
		t.Fatal(err)
	}
	if n := w.source.Written.Load(); n != 3 {
		t.Errorf("%d writes of the canary by a dry run, want 3: insert, change, delete", n)
	}
}
