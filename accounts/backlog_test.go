package accounts_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/legacy"
)

// refusing has the shop say no to anna's change, which stands here.
func refusing(t *testing.T) *village {
	t.Helper()
	v, session := copying(t)
	v.shop.before = func() error { return &legacy.RefusedError{Field: "Password", Reason: "too good"} }
	must(t, "change", change(v.Service, session, "tulip", orchids), nil)
	v.deliver(t, v.second)
	return v
}

// What a legacy store has refused is told with the account, in the list and with the phase, in every phase.
func TestRefusedIsSeen(t *testing.T) {
	t.Parallel()
	v := refusing(t)
	const said = "the legacy store refused Password: too good"
	seen := func(ref string, kinds ...accounts.DeliveryKind) {
		t.Helper()
		o, err := v.Overview(t.Context(), ref)
		must(t, "overview", err, nil)
		all, err := v.Deliveries(t.Context(), accounts.DeliveryQuery{Limit: 10})
		must(t, "list", err, nil)
		if !slices.Equal(all, o.CopyBack) || len(all) != len(kinds) {
			t.Fatalf("with the account: %+v; in the list: %+v; want %v", o.CopyBack, all, kinds)
		}
		for i, kind := range kinds {
			if d := all[i]; d.AccountID != anna || d.Source != "shop" || d.Kind != kind || d.Intent || d.CreatedAt.IsZero() {
				t.Errorf("a delivery is %+v, want %s", d, kind)
			}
		}
		if d := all[0]; d.Attempts != 1 || d.Refused != said || !d.NextAt.After(v.clock.now()) {
			t.Errorf("the first is %+v", d)
		}
	}
	seen("anna", accounts.DeliverPassword)
	for _, to := range []phase.Phase{phase.NewFirst, phase.LegacyOnly} {
		if to == phase.LegacyOnly {
			v.move(t, to)
		}
		view, err := v.Phase(t.Context())
		if err != nil || view.Backlog.Waiting != 1 || view.Backlog.Refused != 1 || view.Backlog.Oldest.IsZero() || view.Staying != 1 {
			t.Errorf("in %s: %+v, %d stay (%v)", to, view.Backlog, view.Staying, err)
		}
	}
	v.move(t, phase.NewFirst)
	must(t, "delete", erase(v.Service, v.open(t, mustLogin(t, v.Service, "anna", orchids)), orchids), nil)
	seen(anna.String(), accounts.DeliverPassword, accounts.DeliverDelete)
}

// Once the legacy store has been mended, nobody waits for the next try.
func TestTryNow(t *testing.T) {
	t.Parallel()
	v := refusing(t)
	var nudged []string
	s := v.serve(t, func(c *accounts.Config) {
		c.Store, c.Now, c.Nudge = v.doors, v.clock.now, func(kind string) { nudged = append(nudged, kind) }
	})
	asks := func(account uuid.UUID, dryRun bool, want int64) {
		t.Helper()
		if n, err := s.TryNow(t.Context(), account, dryRun, because); err != nil || n != want {
			t.Errorf("%d deliveries (%v), want %d", n, err, want)
		}
		v.deliver(t, v.second)
	}
	if _, err := s.TryNow(t.Context(), anna, false, accounts.By{Actor: "cli:test"}); !isInvalid(err, "reason") {
		t.Errorf("without a reason: %v", err)
	}
	asks(anna, true, 1)
	asks(newID(t), false, 0)
	v.waiting(t, 1)
	if n := v.count(t, anna, accounts.EventTriedNow); n != 0 || len(nudged) != 0 {
		t.Errorf("%d events and %v before anything was done", n, nudged)
	}
	asks(anna, false, 1)
	v.waiting(t, 0)
	v.sold(t, "7", orchids, true)
	asks(uuid.Nil, false, 0)
	if n := v.count(t, anna, accounts.EventTriedNow); n != 1 || !slices.Equal(nudged, []string{accounts.JobCopyBack}) {
		t.Errorf("%d events, nudged %v", n, nudged)
	}
	deaf := v.serve(t, func(c *accounts.Config) { c.Store = deafStore{v.store} })
	for what, ask := range map[string]func() error{
		"try": func() error {
			_, err := deaf.TryNow(t.Context(), anna, false, because)
			return err
		},
		"count": func() error {
			_, err := deaf.TryNow(t.Context(), anna, true, because)
			return err
		},
		"list": func() error {
			_, err := deaf.Deliveries(t.Context(), accounts.DeliveryQuery{Limit: 1})
			return err
		},
		"phase": func() error {
			_, err := deaf.Phase(t.Context())
			return err
		},
		"account": func() error {
			_, err := deaf.Overview(t.Context(), "anna")
			return err
		},
	} {
		if err := ask(); !isUnavailable(err) {
			t.Errorf("%s with the store down: %v", what, err)
		}
	}
}

// deafStore is a store that does not answer when it is asked for deliveries.
type deafStore struct{ accounts.Store }

func (deafStore) Deliveries(context.Context, accounts.DeliveryQuery) ([]accounts.Delivery, error) {
	return nil, errDown
}
func (deafStore) Backlog(context.Context) (accounts.Backlog, error) {
	return accounts.Backlog{}, errDown
}
func (deafStore) Postponed(context.Context, uuid.UUID, time.Time) (int64, error) {
	return 0, errDown
}

func (deafStore) TryNow(context.Context, uuid.UUID, time.Time, accounts.Event) (int64, error) {
	return 0, errDown
}

// What legacy has refused holds a way back up, along both plans, unless it is to stay here: its number is told.
func TestRefusedHoldsTheWayBack(t *testing.T) {
	t.Parallel()
	for _, plan := range []phase.Plan{phase.Lazy, phase.DualWrite} {
		t.Run(plan.String(), func(t *testing.T) {
			t.Parallel()
			v := newVillage(t, plan, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
			back, percent := phase.LegacyOnly, phase.Percent(0)
			if plan == phase.DualWrite {
				v.move(t, phase.Shadow, phase.Both, phase.Ramp, phase.NewFirst)
				back, percent = phase.Ramp, phase.All
			}
			session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
			v.shop.before = func() error { return &legacy.RefusedError{Reason: "too good"} }
			must(t, "change", change(v.Service, session, "tulip", orchids), nil)
			v.deliver(t, v.second)
			heard := func(accounts.PhaseStep) { v.hear(t) }
			ask := accounts.PhaseMove{To: back, Percent: percent, By: because, Progress: heard}
			says := func(report accounts.PhaseReport, limit string) {
				t.Helper()
				for gate, want := range map[phase.Gate]string{
					phase.GateCopyBack: "1 deliveries, 1 of them refused (" + limit + ")", phase.GateStaying: "1 accounts (none: they go on being answered here)",
				} {
					i := slices.IndexFunc(report.Findings, func(f phase.Finding) bool { return f.Gate == gate })
					if i < 0 || report.Findings[i].Value+" ("+report.Findings[i].Limit+")" != want {
						t.Errorf("%s: %+v, want %s", gate, report.Findings, want)
					}
				}
			}
			for _, ask.DryRun = range []bool{true, false} {
				report, err := v.MovePhase(t.Context(), ask)
				held, ok := errors.AsType[*accounts.GateError](err)
				if !ok || len(held.Blockers) != 1 || held.Blockers[0].Gate != phase.GateCopyBack {
					t.Fatalf("%v, want it held up by the delivery", err)
				}
				says(report, "at most 0")
			}
			ask.LeaveBacklog = true
			report, err := v.MovePhase(t.Context(), ask)
			must(t, "move that leaves it", err, nil)
			says(report, "none: the accounts stay here")
			v.takes(t, orchids)
			v.refuses(t, "tulip")
		})
	}
}

// draining is a store whose deliveries arrive one by one, each time that somebody looks.
type draining struct {
	accounts.Store
	left    atomic.Int64
	looks   atomic.Int64
	refused int64 // from this look on the first of them is
	looked  func(look int64)
}

func (d *draining) PhaseCounts(context.Context, time.Time) (accounts.PhaseCounts, error) {
	look := d.looks.Add(1)
	d.looked(look)
	counts := accounts.PhaseCounts{Backlog: int(max(0, d.left.Add(-1)))}
	if d.refused > 0 && look >= d.refused {
		counts.Refused = min(counts.Backlog, 1)
	}
	return counts, nil
}

// A way back waits for what is on its way, and for nothing that was refused.
func TestAWayBackWaitsForDeliveries(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		refused  int64 // from this look on
		dryRun   bool
		goesAway int64 // whoever asked, at this look
		looks    int64
		passes   bool
	}{
		"it passes":       {looks: 9, passes: true},
		"refused":         {refused: 1, looks: 1},
		"refused later":   {refused: 3, looks: 4},
		"a dry run":       {dryRun: true, looks: 1},
		"who asked, goes": {goesAway: 3, looks: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.in(t, lazyNewFirst())
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			store := &draining{Store: w.store, refused: test.refused, looked: func(look int64) {
				if look == test.goesAway {
					leave()
				}
			}}
			store.left.Store(9)
			s := w.serve(t, func(c *accounts.Config) { c.Store = store })
			_, err := s.MovePhase(ctx, accounts.PhaseMove{To: phase.LegacyOnly, By: because, DryRun: test.dryRun})
			if _, held := errors.AsType[*accounts.GateError](err); held == test.passes || !held && err != nil {
				t.Fatal(err)
			}
			if n := store.looks.Load(); n < test.looks || !test.passes && n > test.looks {
				t.Errorf("it looked %d times, want %d", n, test.looks)
			}
			if at := w.phase(t); at.Frozen || (at.Phase == phase.LegacyOnly) != test.passes {
				t.Errorf("it ended in %+v", at)
			}
			if test.refused > 0 && !strings.Contains(err.Error(), "1 of them refused") {
				t.Errorf("the refusal is not told: %v", err)
			}
		})
	}
}
