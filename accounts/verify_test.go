package accounts_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/legacy"
)

// A page is judged as its people are one by one, whatever else is on it.
func TestCompareManyIsCompare(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull,
		salted(t, "1", "equal", "tulip"), salted(t, "2", "differs", "tulip"), salted(t, "3", "absent", "tulip"), salted(t, "4", "dirty", "tulip"),
		salted(t, "5", "pinned", "tulip"), salted(t, "6", "old", "tulip"), salted(t, "7", "also", "tulip"))
	v.move(t, phase.Shadow)
	mustMigrate(t, v.Service, swept("6"), accounts.OutcomeMoved)
	v.move(t, phase.Both)
	for _, id := range []string{"1", "2", "4", "5", "7"} {
		mustMigrate(t, v.Service, swept(id), accounts.OutcomeMoved)
	}
	v.source.Change("2", func(u *legacy.User) { u.Email = "new@example.org" })
	must(t, "mark", v.store.MarkDirty(t.Context(), accounts.LegacyKey{Source: "shop", LegacyID: "4"}), nil)
	v.raw(t, `UPDATE accounts SET pinned = TRUE WHERE id = '`+accounts.SubjectFor("shop", "5").String()+`'`)
	var page []legacy.User
	want := []accounts.Verdict{
		accounts.VerdictEqual, accounts.VerdictDifferent, accounts.VerdictMissingHere, accounts.VerdictUntrusted, accounts.VerdictAhead,
		accounts.VerdictUntrusted, accounts.VerdictEqual,
	}
	for i, id := range []string{"1", "2", "3", "4", "5", "6", "7"} {
		page = append(page, v.person(t, id))
		v.judged(t, page[i], want[i])
	}
	got, err := v.CompareMany(t.Context(), "shop", page)
	must(t, "compare", err, nil)
	for i := range want {
		if got[i].Verdict != want[i] {
			t.Errorf("person %s is %q, want %q", page[i].ID, got[i], want[i])
		}
	}
	for i := range page { // each alone with one who is equal: one difference is never lost in a digest
		if got, err := v.CompareMany(t.Context(), "shop", []legacy.User{page[0], page[i]}); err != nil || got[1].Verdict != want[i] {
			t.Errorf("beside another, person %s is %q (%v), want %q", page[i].ID, got, err, want[i])
		}
	}
	v.source.SetDown(errors.New("connection refused"))
	got, err = v.CompareMany(t.Context(), "shop", page)
	if !errors.As(err, new(*accounts.UnavailableError)) || len(got) != 1 || got[0].Verdict != accounts.VerdictEqual {
		t.Errorf("with the shop down: %q, %v", got, err)
	}
}

// A key that no database can keep is of somebody who is not here and cannot be, and stops nobody from being compared.
func TestCompareManyUnstorable(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "1", "anna", "tulip"), salted(t, "a\x00b", "bert", "rose"), salted(t, "a\xffb", "carl", "lily"))
	mustMigrate(t, v.Service, swept("1"), accounts.OutcomeMoved)
	want := []accounts.Verdict{accounts.VerdictUnmovable, accounts.VerdictEqual, accounts.VerdictUnmovable}
	got, err := v.CompareMany(t.Context(), "shop", []legacy.User{v.person(t, "a\x00b"), v.person(t, "1"), v.person(t, "a\xffb")})
	must(t, "compare", err, nil)
	for i := range got {
		if got[i].Verdict != want[i] {
			t.Errorf("person %d is %q, want %q", i, got[i], want[i])
		}
	}
}

// What somebody accepts counts no more, until either side is another; and an old password does not come to count by it.
func TestIgnoreDifference(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"), salted(t, "8", "bert", "daisy"))
	mustMigrate(t, v.Service, swept("7"), accounts.OutcomeMoved)
	ignore := func(id string, want accounts.Verdict) {
		t.Helper()
		if got, err := v.IgnoreDifference(t.Context(), "shop", id, because); got != want || err != nil {
			t.Errorf("ignored: %q (%v), want %q", got, err, want)
		}
	}
	invalid := func(source, id string, by accounts.By) {
		t.Helper()
		if _, err := v.IgnoreDifference(t.Context(), source, id, by); !errors.As(err, new(*accounts.InvalidError)) {
			t.Errorf("%s %s: %v", source, id, err)
		}
	}
	invalid("shop", "7", because) // nothing to ignore
	invalid("shop", "8", accounts.By{Actor: "cli:test"})
	invalid("blog", "8", because)
	bert := v.person(t, "8")
	v.judged(t, bert, accounts.VerdictMissingHere)
	ignore("8", accounts.VerdictMissingHere)
	v.judged(t, bert, accounts.VerdictIgnored)
	v.source.Change("8", func(u *legacy.User) { u.Email = "new@example.org" })
	v.judged(t, v.person(t, "8"), accounts.VerdictMissingHere)

	v.source.Change("7", func(u *legacy.User) { u.Password.Hash = md5hex(md5hex("rose") + u.Password.Salt) })
	changed := v.person(t, "7")
	v.judged(t, changed, accounts.VerdictDifferent)
	ignore("7", accounts.VerdictDifferent)
	v.judged(t, changed, accounts.VerdictIgnored)
	v.refuses(t, "tulip")
	if marked, err := v.MarkDrifted(t.Context(), "shop", "7", because); marked || err != nil {
		t.Errorf("marked again: %t (%v)", marked, err)
	}
	v.takes(t, "rose") // it is copied again, so ours is another
	v.judged(t, changed, accounts.VerdictEqual)
	all, err := v.AllIgnored(t.Context(), 10)
	if err != nil || len(all) != 2 || all[0].Reason != because.Reason || all[0].Actor != because.Actor {
		t.Errorf("%+v (%v)", all, err)
	}
	if n := v.count(t, anna, accounts.EventDifferenceIgnored); n != 1 {
		t.Errorf("%d events", n)
	}
}

// A comparison is gone on with if it was begun for the same, in the same epoch, and nobody who is at another is disturbed.
func TestVerifyGoesOn(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	verify := func(s *accounts.Service, spec accounts.VerifySpec) (*accounts.Verification, error) {
		return s.Verify(t.Context(), spec, because)
	}
	shop := accounts.VerifySpec{Sources: []string{"shop"}}
	_, err := verify(v.Service, shop)
	must(t, "in legacy-only", err, accounts.ErrNothingMoves)
	v.move(t, phase.Shadow)
	if _, err := v.Verify(t.Context(), shop, accounts.By{}); !errors.As(err, new(*accounts.InvalidError)) {
		t.Errorf("without a reason: %v", err)
	}
	first, err := verify(v.Service, shop)
	must(t, "begin", err, nil)
	if first.Resumed || first.Anew != "" || first.Spec.Cursors["shop"] == "" {
		t.Errorf("%+v", first)
	}
	again, err := verify(v.second, shop)
	must(t, "go on", err, nil)
	if !again.Resumed || again.Run.ID != first.Run.ID || again.Spec.Cursors["shop"] != first.Spec.Cursors["shop"] {
		t.Errorf("%+v", again)
	}

	repair := shop
	repair.Repair = true
	must(t, "cut", first.Cut(t.Context(), accounts.Part{Source: "shop"}, accounts.Part{Source: "shop", Whole: true}, accounts.Chunk{}), nil)
	c, err := first.Claim(t.Context(), "one", time.Hour)
	must(t, "claim", err, nil)
	_, err = verify(v.second, repair)
	must(t, "another while somebody is at it", err, accounts.ErrVerifyBusy)
	must(t, "give back", first.Keep(t.Context(), c, 0, 0), nil)
	other, err := verify(v.second, repair)
	must(t, "another", err, nil)
	if other.Resumed || other.Anew == "" || other.Run.ID == first.Run.ID {
		t.Errorf("%+v", other)
	}
	_, err = first.Claim(t.Context(), "one", time.Hour)
	must(t, "claim of one that was ended", err, accounts.ErrNotFound)

	v.move(t, phase.Both)
	anew, err := verify(v.Service, repair)
	must(t, "in another epoch", err, nil)
	if anew.Resumed || anew.Anew == "" {
		t.Errorf("%+v", anew)
	}
	for range 2 { // an answer that was lost
		found, err := anew.Finish(t.Context(), because)
		must(t, "finish", err, nil)
		if found.ID != anew.Run.ID || !found.Found.Complete || !found.Found.Clean() {
			t.Errorf("%+v", found)
		}
	}
	all, err := v.Validations(t.Context(), 10)
	if err != nil || len(all) != 1 {
		t.Errorf("%d are kept (%v)", len(all), err)
	}
	_, err = v.VerifyProgress(t.Context())
	must(t, "progress of none", err, accounts.ErrNotFound)
}

// A comparison of what has changed goes on from the newest one that was over its sources, however many of others came since.
func TestBeginDeltaBehindManyOthers(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "1", "anna", "tulip"))
	v.move(t, phase.Shadow)
	began := time.Now().Add(-time.Hour).Truncate(time.Microsecond)
	add := func(began time.Time, source string) {
		t.Helper()
		must(t, "add", v.store.AddValidation(t.Context(), accounts.Validation{
			ID: uuid.Must(uuid.NewV7()), Began: began, Ended: began, Epoch: 100,
			Found: accounts.ValidationReport{Complete: true, Sources: []accounts.Comparison{accounts.NewComparison(source)}},
		}), nil)
	}
	for i := range 250 {
		add(began.Add(time.Duration(i+1)*time.Second), "another")
	}
	_, err := v.BeginDelta(t.Context(), []string{"shop"})
	must(t, "begin with none", err, accounts.ErrNoWholeComparison)
	add(began, "shop")
	d, err := v.BeginDelta(t.Context(), []string{"shop"})
	must(t, "begin", err, nil)
	if !d.Found.Since.Equal(began) {
		t.Errorf("it goes on from %s, want %s", d.Found.Since, began)
	}
}
