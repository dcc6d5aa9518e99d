package accounts_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/legacy"
)

func (d doorsAt) Revert(
	ctx context.Context, id uuid.UUID, from int64, was accounts.LegacyLink, at time.Time, e accounts.Event,
) ([]uuid.UUID, error) {
	if err := knock(&d.doors.beforeRevert); err != nil {
		return nil, err
	}
	return d.Writes.Revert(ctx, id, from, was, at, e)
}

// mustRevert takes a move back.
func mustRevert(t *testing.T, s *accounts.Service, ref string, want bool) accounts.Taken {
	t.Helper()
	taken, err := s.Revert(t.Context(), ref, false, because)
	if err != nil || taken.Changed != want {
		t.Fatalf("revert %q: %+v, %v; want changed %t", ref, taken, err, want)
	}
	return taken
}

// mustKeep fails unless nothing is taken back, for this reason.
func mustKeep(t *testing.T, s *accounts.Service, ref string, want accounts.PersonState) {
	t.Helper()
	_, err := s.Revert(t.Context(), ref, false, because)
	if kept, ok := errors.AsType[*accounts.KeptError](err); !ok || kept.State != want {
		t.Errorf("revert %q: %v, want it refused as %s", ref, err, want)
	}
}

// Whose move was taken back is answered by the old shop alone, with its password and under the same subject, until they log in.
func TestRevert(t *testing.T) {
	t.Parallel()
	v, session := watching(t, accounts.CopyBackNone)
	before, err := v.store.ByID(t.Context(), anna)
	must(t, "read", err, nil)
	if _, err := v.Revert(t.Context(), "anna", false, accounts.By{Actor: "x"}); !isInvalid(err, "reason") {
		t.Errorf("without a reason: %v", err)
	}
	dry, err := v.Revert(t.Context(), "anna", true, because)
	if err != nil || !dry.Changed || dry.AccountID != anna || !strings.Contains(dry.Until, "next login") {
		t.Errorf("a dry run: %+v, %v", dry, err)
	}
	v.mustLive(t, "a session after a dry run", session, true)

	taken := mustRevert(t, v.Service, "shop/7", true)
	if taken.AccountID != anna || taken.Source != "shop" || taken.LegacyID != "7" || len(taken.Ended) != 1 || taken.Ended[0] != session.ID {
		t.Errorf("taken: %+v", taken)
	}
	v.mustLive(t, "the session", session, false)
	mustRevert(t, v.second, "anna", false) // again it changes nothing
	if n := v.count(t, anna, accounts.EventReverted); n != 1 {
		t.Errorf("%d events, want 1", n)
	}

	// The old shop gives her another password: it counts, and what was rehashed here does not.
	v.source.Change("7", repass("rose"))
	v.refuses(t, "tulip")
	v.takes(t, "rose")
	after, err := v.store.ByID(t.Context(), anna)
	if err != nil || after.Link.Dirty || after.Credential.Version <= before.Credential.Version {
		t.Errorf("the next login has not moved her again: %+v, %v", after.Link, err)
	}
	v.source.SetDown(errDown)
	v.takes(t, "rose") // answered here
	mustDoubtRevert(t, v.Service)
}

// mustDoubtRevert fails unless a move is not taken back while the old shop does not answer.
func mustDoubtRevert(t *testing.T, s *accounts.Service) {
	t.Helper()
	if _, err := s.Revert(t.Context(), "anna", false, because); !isUnavailable(err) {
		t.Errorf("while the shop is down: %v", err)
	}
}

// A look at the old shop finds nothing, and does not move anybody again; the sweep does.
func TestRevertStays(t *testing.T) {
	t.Parallel()
	for name, look := range looks() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, _ := watching(t, accounts.CopyBackFull)
			mustRevert(t, v.Service, "anna", true)
			look(v, t, v.second)
			v.source.Change("7", func(u *legacy.User) { u.Profile.DisplayName = "Anna" })
			look(v, t, v.second)
			rec, err := v.store.ByID(t.Context(), anna)
			if err != nil || !rec.Link.Dirty {
				t.Fatalf("the look has undone it: %+v, %v", rec.Link, err)
			}
			mustMigrate(t, v.Service, swept("7"), accounts.OutcomeRecopied)
			v.takes(t, "tulip")
			mustRevert(t, v.Service, "anna", true)
		})
	}
}

// Nothing is taken back where something of here would be lost, an older password would come back, or nobody could answer.
func TestRevertKept(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		policy accounts.CopyBack
		do     func(*testing.T, *village, accounts.Session)
		want   accounts.PersonState
	}{
		"password": {accounts.CopyBackNone, func(t *testing.T, v *village, s accounts.Session) {
			must(t, "change", change(v.Service, s, "tulip", orchids), nil)
		}, accounts.StateChangedHere},
		"password on its way": {accounts.CopyBackFull, func(t *testing.T, v *village, s accounts.Session) {
			must(t, "change", change(v.Service, s, "tulip", orchids), nil)
		}, accounts.StateChangedHere},
		"profile": {accounts.CopyBackFull, func(t *testing.T, v *village, s accounts.Session) {
			name := "Anna B"
			must(t, "profile", v.UpdateProfile(t.Context(), accounts.ProfileChange{Session: s, DisplayName: &name}), nil)
		}, accounts.StateChangedHere},
		"in doubt": {accounts.CopyBackFull, func(t *testing.T, v *village, _ accounts.Session) {
			v.raw(t, `UPDATE accounts SET in_doubt = TRUE`)
		}, accounts.StateInDoubt},
		"pinned": {accounts.CopyBackFull, func(t *testing.T, v *village, _ accounts.Session) { v.raw(t, `UPDATE accounts SET pinned = TRUE`) }, accounts.StatePinned},
		"deleted": {accounts.CopyBackNone, func(t *testing.T, v *village, s accounts.Session) {
			must(t, "delete", erase(v.Service, s, "tulip"), nil)
		}, accounts.StateDeleted},
		"gone": {accounts.CopyBackFull, func(_ *testing.T, v *village, _ accounts.Session) { v.source.Remove("7") }, accounts.StateGone},
		"another": {accounts.CopyBackFull, func(_ *testing.T, v *village, _ accounts.Session) {
			v.source.Remove("7")
			other := salted(t, "7", "zoe", "tulip")
			other.CreatedAt = other.CreatedAt.Add(time.Hour)
			v.source.Put(other)
		}, accounts.StateIDReused},
		"merged": {accounts.CopyBackFull, func(t *testing.T, v *village, _ accounts.Session) {
			v.raw(t, `INSERT INTO legacy_links (source, legacy_id, account_id, fingerprint, how, at, copied_epoch)
				SELECT 'blog', '9', account_id, fingerprint, how, at + 1, copied_epoch FROM legacy_links`)
		}, accounts.StateMoved},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, session := watching(t, tt.policy)
			tt.do(t, v, session)
			mustKeep(t, v.Service, "shop/7", tt.want)
			if n := v.count(t, anna, accounts.EventReverted); n != 0 {
				t.Errorf("%d events", n)
			}
		})
	}
}

// Once the old shop has heard of what was changed here, the move can be taken back: it has the new password, and no other counts.
func TestRevertAfterDelivery(t *testing.T) {
	t.Parallel()
	v, session := watching(t, accounts.CopyBackFull)
	must(t, "change", change(v.Service, session, "tulip", orchids), nil)
	v.deliver(t, v.second)
	mustRevert(t, v.Service, "anna", true)
	v.refuses(t, "tulip")
	v.takes(t, orchids)
}

// What comes between the look and the write decides.
func TestRevertRaces(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		policy accounts.CopyBack
		before func(*testing.T, *village, accounts.Session)
		kept   bool
		right  string
	}{
		"a change": {accounts.CopyBackNone, func(t *testing.T, v *village, s accounts.Session) {
			must(t, "change", change(v.second, s, "tulip", orchids), nil)
		}, true, orchids},
		"a change that has arrived": {accounts.CopyBackFull, func(t *testing.T, v *village, s accounts.Session) {
			must(t, "change", change(v.second, s, "tulip", orchids), nil)
			v.deliver(t, v.second)
		}, false, orchids},
		"a deletion": {accounts.CopyBackNone, func(t *testing.T, v *village, s accounts.Session) {
			must(t, "delete", erase(v.second, s, "tulip"), nil)
		}, true, ""},
		"another": {accounts.CopyBackFull, func(t *testing.T, v *village, _ accounts.Session) { mustRevert(t, v.second, "anna", true) }, false, "tulip"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, session := watching(t, tt.policy)
			v.doors.beforeRevert = func() error { tt.before(t, v, session); return nil }
			_, err := v.Revert(t.Context(), "anna", false, because)
			if kept := errors.As(err, new(*accounts.KeptError)) || errors.Is(err, accounts.ErrNotFound); kept != tt.kept || err != nil && !kept {
				t.Errorf("Revert: %v, want it kept %t", err, tt.kept)
			}
			if tt.right == "" {
				v.refuses(t, "tulip")
				return
			}
			v.takes(t, tt.right)
			if tt.right != "tulip" {
				v.refuses(t, "tulip")
			}
		})
	}
}

// A change that was begun before a move was taken back, and ends after it, is not lost, and what it replaced is not revived.
func TestChangeAcrossRevert(t *testing.T) {
	t.Parallel()
	for _, policy := range []accounts.CopyBack{accounts.CopyBackNone, accounts.CopyBackFull} {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			v, session := watching(t, policy)
			v.doors.beforeSet = func() error { mustRevert(t, v.second, "anna", true); return nil }
			must(t, "change", change(v.Service, session, "tulip", orchids), nil)
			v.takes(t, orchids)
			v.refuses(t, "tulip")
			v.deliver(t, v.Service)
			v.takes(t, orchids)
			v.refuses(t, "tulip")
		})
	}
}

// In each phase in which legacy answers there is nothing to take back; in the ramp there is for who is inside.
func TestRevertByPhase(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		mustLogin(t, v.Service, "anna", "tulip")
		at, err := v.store.Phase(t.Context())
		must(t, "phase", err, nil)
		mustRevert(t, v.Service, "anna", at.Phase == phase.Ramp)
		v.takes(t, "tulip")
	})
}

// In new-only nobody is left to answer.
func TestRevertInNewOnly(t *testing.T) {
	t.Parallel()
	v, _ := watching(t, accounts.CopyBackNone)
	v.move(t, phase.NewOnly)
	mustKeep(t, v.Service, "anna", accounts.StateNewOnly)
	v.takes(t, "tulip")
}

// Who staff have disabled stays that.
func TestRevertDisabled(t *testing.T) {
	t.Parallel()
	v, _ := watching(t, accounts.CopyBackNone)
	_, _, err := v.SetDisabled(t.Context(), anna, true, because)
	must(t, "disable", err, nil)
	mustRevert(t, v.Service, "anna", true)
	v.refuses(t, "tulip")
}

func TestRevertNobody(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"), salted(t, "8", "Anna", "rose"), salted(t, "9", "bert", "x"))
	v.hear(t)
	for ref, want := range map[string]error{
		"nobody": accounts.ErrNotFound, "shop/77": accounts.ErrNotFound, newID(t).String(): accounts.ErrNotFound, "": accounts.ErrNotFound,
		"anna": accounts.ErrContestedPerson,
	} {
		if _, err := v.Revert(t.Context(), ref, false, because); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", ref, err, want)
		}
	}
	mustRevert(t, v.Service, "bert", false) // not moved
}
