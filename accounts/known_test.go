package accounts_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/legacy"
)

// readKnown reads the batch anew, with what is known before, and does something once the people are read.
func (h *herd) readKnown(t *testing.T, s *accounts.Service, b *accounts.Batch, then func()) {
	t.Helper()
	known, err := s.KnownBefore(t.Context(), "shop", func(ctx context.Context) (_ []legacy.User, err error) {
		b.People, err = h.read(ctx)
		then()
		return b.People, err
	})
	must(t, "KnownBefore", err, nil)
	b.Known = known
}

// Who was read just now is not read again, and all is as if they were: who changes after the look is not made of what was read.
func TestManyKnownBefore(t *testing.T) {
	t.Parallel()
	begin := func(t *testing.T) (*village, *herd, accounts.Batch, *int) {
		v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "1", "anna", "tulip"), salted(t, "2", "bert", "tulip"))
		v.move(t, phase.Shadow, phase.Both)
		h := newHerd(t, v.world, "1", "2")
		b, again := h.batch(t), new(int)
		b.Again = func(ctx context.Context) ([]legacy.User, error) { *again++; return h.read(ctx) }
		return v, h, b, again
	}
	t.Run("all as it was", func(t *testing.T) {
		t.Parallel()
		v, h, b, again := begin(t)
		h.readKnown(t, v.Service, &b, func() {})
		n, err := v.ToMove(t.Context(), "shop", b.People, nil, b.Known)
		if n != 2 || err != nil {
			t.Errorf("%d people are to be moved (%v)", n, err)
		}
		h.mustMove(t, v.Service, b, map[accounts.Outcome]int64{accounts.OutcomeMoved: 2})
		h.readKnown(t, v.Service, &b, func() {})
		n, err = v.ToMove(t.Context(), "shop", b.People, nil, b.Known)
		if n != 0 || err != nil || *again != 0 {
			t.Errorf("%d people are to be moved once more (%v); they were read %d times again", n, err, *again)
		}
	})
	for name, at := range map[string]struct{ reading, writing bool }{"while they are read": {reading: true}, "after they were read": {writing: true}} {
		t.Run("changed "+name, func(t *testing.T) {
			t.Parallel()
			v, h, b, again := begin(t)
			session := v.open(t, legacyPerson(v, "bert", "2"))
			overtake := func(now bool) {
				if now {
					must(t, "change", change(v.second, session, "tulip", orchids), nil)
				}
			}
			h.readKnown(t, v.Service, &b, func() { overtake(at.reading) })
			overtake(at.writing)
			tally, err := v.MigrateMany(t.Context(), b)
			must(t, "MigrateMany", err, nil)
			if tally.People() != 2 || *again != 0 {
				t.Errorf("%+v; they were read %d times again", tally, *again)
			}
			v.refusesOf(t, "bert", "tulip")
			mustLogin(t, v.Service, "bert", orchids)
			v.move(t, phase.Ramp, phase.NewFirst)
			v.refusesOf(t, "bert", "tulip")
			mustLogin(t, v.Service, "bert", orchids)
		})
	}
	t.Run("in another epoch", func(t *testing.T) {
		t.Parallel()
		v, h, b, again := begin(t)
		h.readKnown(t, v.Service, &b, func() {})
		v.move(t, phase.Ramp)
		h.mustMove(t, v.Service, b, map[accounts.Outcome]int64{accounts.OutcomeMoved: 2})
		if *again != 1 {
			t.Errorf("they were read %d times again", *again)
		}
	})
	t.Run("long ago", func(t *testing.T) {
		t.Parallel()
		v, h, b, again := begin(t)
		h.readKnown(t, v.Service, &b, func() {})
		v.clock.advance(3 * time.Second)
		h.mustMove(t, v.Service, b, map[accounts.Outcome]int64{accounts.OutcomeMoved: 2})
		if *again != 1 {
			t.Errorf("they were read %d times again", *again)
		}
	})
	t.Run("not read", func(t *testing.T) {
		t.Parallel()
		v, _, _, _ := begin(t)
		_, err := v.KnownBefore(t.Context(), "shop", func(context.Context) ([]legacy.User, error) { return nil, errDown })
		if !errors.Is(err, errDown) {
			t.Errorf("%v", err)
		}
	})
}
