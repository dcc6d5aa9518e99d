package accounts_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/legacy"
	"rekey/legacy/legacytest"
)

// claimEnds is when an intent that was interrupted is taken on.
const claimEnds = time.Minute

// noID is that of no event.
var noID uuid.UUID

func (d doorsAt) Delete(ctx context.Context, id uuid.UUID, from int64, at time.Time, e accounts.Event, owed ...accounts.Delivery) error {
	if err := knock(&d.doors.beforeDelete); err != nil {
		return err
	}
	return d.Writes.Delete(ctx, id, from, at, e, owed...)
}

// mustErase deletes somebody as staff.
func mustErase(t *testing.T, s *accounts.Service, ref string, want bool) accounts.Erasure {
	t.Helper()
	e, err := s.DeleteBy(t.Context(), ref, false, because)
	if err != nil || e.Changed != want {
		t.Fatalf("delete %q: %+v, %v; want changed %t", ref, e, err, want)
	}
	return e
}

// erasedBy fails unless anna is deleted for good, with one event of whoever did it.
func (v *village) erasedBy(t *testing.T, want accounts.By) {
	t.Helper()
	v.refuses(t, "tulip")
	rec, err := v.store.ByID(t.Context(), anna)
	if err != nil || !rec.Deleted() {
		t.Errorf("she is not a tombstone: %v", err)
	}
	events := eventsAbout(t, v.store, anna)
	i := slices.IndexFunc(events, func(e accounts.Event) bool { return e.Kind == accounts.EventDeleted })
	if i < 0 || v.count(t, anna, accounts.EventDeleted) != 1 || events[i].Actor != want.Actor || events[i].Reason != want.Reason {
		t.Errorf("events: %+v", events)
	}
}

func TestDeleteBy(t *testing.T) {
	t.Parallel()
	for _, policy := range []accounts.CopyBack{accounts.CopyBackNone, accounts.CopyBackFull} {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			v, session := watching(t, policy)
			if _, err := v.DeleteBy(t.Context(), "anna", false, accounts.By{}); !isInvalid(err, "reason") {
				t.Errorf("without a reason: %v", err)
			}
			dry, err := v.DeleteBy(t.Context(), "anna", true, because)
			if err != nil || !dry.Changed || len(dry.What) != 2 || v.count(t, anna, accounts.EventDeleted) != 0 || v.Stats().Deleted.Load() != 0 {
				t.Errorf("a dry run: %+v, %v", dry, err)
			}
			v.takes(t, "tulip")
			e := mustErase(t, v.Service, "shop/7", true)
			if !slices.Equal(e.What, dry.What) || len(e.Ended) != 1 || e.Ended[0] != session.ID || e.AccountID != anna {
				t.Errorf("what was done: %+v; the dry run said %v", e, dry.What)
			}
			v.mustLive(t, "the session", session, false)
			v.erasedBy(t, because)
			v.deliver(t, v.second)
			if _, there := v.there(t, "7"); there != (policy == accounts.CopyBackNone) {
				t.Errorf("the shop has her: %t", there)
			}
			mustErase(t, v.second, anna.String(), false)
			v.erasedBy(t, because)
			if n := v.Stats().Deleted.Load(); n != 1 {
				t.Errorf("%d deletions counted", n)
			}
		})
	}
}

// Where the old shop must have the change it gets it first; who did it and why outlives a crash.
func TestDeleteByThere(t *testing.T) {
	t.Parallel()
	for name, crash := range map[string]bool{"at once": false, "interrupted": true} {
		t.Run(name, func(t *testing.T) {
			inEach(t, func(t *testing.T, v *village) {
				by := accounts.By{Actor: "staff:vera", Reason: "asked in writing", RequestID: "r9"}
				dry, err := v.DeleteBy(t.Context(), "anna", true, by)
				if err != nil || !dry.Changed || len(dry.What) != 2 {
					t.Errorf("a dry run: %+v, %v", dry, err)
				}
				v.waiting(t, 0)
				if crash {
					v.doors.beforeFinish = func() error { return errDown }
				}
				_, err = v.DeleteBy(t.Context(), "anna", false, by)
				if crash && err != nil && !isUnavailable(err) || !crash && err != nil {
					t.Fatalf("delete: %v", err)
				}
				if crash {
					v.later(t, claimEnds)
					v.deliver(t, v.second)
				}
				v.erasedBy(t, by)
				if _, there := v.there(t, "7"); there {
					t.Error("the shop has her")
				}
				v.waiting(t, 0)
			})
		})
	}
}

// Who has not moved yet is moved first, so that nobody is made from them again; who cannot be is not deleted.
func TestDeleteByUnmoved(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"), withHash("8", "bert", "auto", "what is this"))
	v.hear(t)
	dry, err := v.DeleteBy(t.Context(), "anna", true, because)
	if err != nil || len(dry.What) != 3 || v.count(t, anna, accounts.EventMigrated) != 0 {
		t.Errorf("a dry run: %+v, %v", dry, err)
	}
	mustErase(t, v.Service, "anna", true)
	v.erasedBy(t, because)
	mustMigrate(t, v.Service, swept("7"), accounts.OutcomeDeleted)
	mustErase(t, v.Service, "shop/7", false)
	for _, dryRun := range []bool{true, false} {
		if _, err := v.DeleteBy(t.Context(), "bert", dryRun, because); !errors.As(err, new(*accounts.UnmovableError)) {
			t.Errorf("dry run %t: %v", dryRun, err)
		}
	}
	for _, ref := range []string{"nobody", "shop/77", newID(t).String()} {
		if _, err := v.DeleteBy(t.Context(), ref, false, because); !errors.Is(err, accounts.ErrNotFound) {
			t.Errorf("%s: %v", ref, err)
		}
	}
	v.source.SetDown(errDown)
	if _, err := v.DeleteBy(t.Context(), "bert", false, because); !isUnavailable(err) {
		t.Errorf("while the shop is down: %v", err)
	}
}

// Where the old shop must have it and takes nothing, the answer says where to go.
func TestDeleteByElsewhere(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	v.shop.Allow = legacy.Writes{}
	v.hear(t)
	for _, dryRun := range []bool{true, false} {
		_, err := v.DeleteBy(t.Context(), "anna", dryRun, because)
		if elsewhere, ok := errors.AsType[*accounts.ElsewhereError](err); !ok || elsewhere.URL != manageURL {
			t.Errorf("dry run %t: %v", dryRun, err)
		}
	}
	v.takes(t, "tulip")
	v.shop.Allow = legacytest.AllowAll(legacy.Stored{})
}

// A login that rehashes, or a change, between the look and the write makes it begin again.
func TestDeleteByRace(t *testing.T) {
	t.Parallel()
	v, session := watching(t, accounts.CopyBackNone)
	v.doors.beforeDelete = func() error { return change(v.second, session, "tulip", orchids) }
	mustErase(t, v.Service, "anna", true)
	v.erasedBy(t, because)
	v.refuses(t, orchids)
}

func TestUnlock(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"), salted(t, "8", "bert", "rose"))
	v.hear(t)
	mustLogin(t, v.Service, "anna", "tulip")
	if _, err := v.Unlock(t.Context(), "anna", false, accounts.By{}); !isInvalid(err, "reason") {
		t.Errorf("without a reason: %v", err)
	}
	for ref, want := range map[string]accounts.Locked{
		"Anna@Example.org": {AccountID: anna, Identifiers: []string{"anna@example.org", "anna"}},
		"shop/8":           {AccountID: accounts.SubjectFor("shop", "8"), Identifiers: []string{"bert@example.org", "bert"}},
	} {
		if _, err := v.Unlock(t.Context(), ref, true, because); err != nil || v.count(t, want.AccountID, accounts.EventUnlocked) != 0 {
			t.Errorf("a dry run of %s: %v", ref, err)
		}
		got, err := v.Unlock(t.Context(), ref, false, because)
		if err != nil || got.AccountID != want.AccountID || !slices.Equal(got.Identifiers, want.Identifiers) || v.count(t, want.AccountID, accounts.EventUnlocked) != 1 {
			t.Errorf("%s: %+v, %v", ref, got, err)
		}
	}
	if _, err := v.Unlock(t.Context(), "nobody", false, because); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("of nobody: %v", err)
	}
	mustErase(t, v.Service, "anna", true)
	if _, err := v.Unlock(t.Context(), "shop/7", false, because); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("of somebody who is deleted: %v", err)
	}
}

func TestHistory(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"))
	v.hear(t)
	for range 3 {
		_, err := v.Unlock(t.Context(), "anna", false, because) // who has not moved has a history too
		must(t, "unlock", err, nil)
	}
	for _, ref := range []string{"anna", "shop/7", anna.String()} {
		id, events, err := v.History(t.Context(), ref, noID, 2)
		if err != nil || id != anna || len(events) != 2 {
			t.Fatalf("%s: %s, %d events, %v", ref, id, len(events), err)
		}
		if _, older, err := v.History(t.Context(), ref, events[1].ID, 2); err != nil || len(older) != 1 {
			t.Errorf("%s: %d older events, %v", ref, len(older), err)
		}
	}
	if _, _, err := v.History(t.Context(), "nobody", noID, 2); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("of nobody: %v", err)
	}
}
