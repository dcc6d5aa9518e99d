package accounts_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/legacy"
)

// watch lets a process look at what was changed, when it is time to.
func (v *village) watch(t *testing.T, s *accounts.Service) {
	t.Helper()
	v.later(t, time.Minute)
	did, err := s.WatchNext(t.Context(), "shop")
	if err != nil || !did {
		t.Fatalf("looked: %v, %v", did, err)
	}
}

// reconcile lets a process compare all links, when it is time to.
func (v *village) reconcile(t *testing.T, s *accounts.Service) {
	t.Helper()
	v.later(t, time.Hour)
	did, err := s.ReconcileNext(t.Context(), "shop")
	if err != nil || !did {
		t.Fatalf("compared: %v, %v", did, err)
	}
}

// looks are the two ways to find out what others have changed.
func looks() map[string]func(*village, *testing.T, *accounts.Service) {
	return map[string]func(*village, *testing.T, *accounts.Service){"watch": (*village).watch, "reconcile": (*village).reconcile}
}

// watching is a village whose anna has moved, and her session.
func watching(t *testing.T, policy accounts.CopyBack) (*village, accounts.Session) {
	t.Helper()
	v := newVillage(t, phase.Lazy, policy, salted(t, "7", "anna", "tulip"), salted(t, "8", "bert", "daisy"))
	v.hear(t)
	person := mustLogin(t, v.Service, "anna", "tulip")
	return v, v.open(t, person)
}

func disable(u *legacy.User) { u.Disabled = true }
func allow(u *legacy.User)   { u.Disabled = false }

// repass gives somebody a password as the old shop does.
func repass(pw string) func(*legacy.User) {
	return func(u *legacy.User) {
		stored := *u.Password
		stored.Hash = md5hex(md5hex(pw) + stored.Salt)
		u.Password = &stored
	}
}

// mustDrift fails unless anna's link is marked, or is not.
func (v *village) mustDrift(t *testing.T, want bool) {
	t.Helper()
	rec, err := v.store.ByID(t.Context(), anna)
	if err != nil || rec.Link.Drifted != want {
		t.Errorf("drifted is %v (%v), want %v", rec.Link.Drifted, err, want)
	}
}

// Who is disabled in the old shop is out here, and in again with it, but not if staff have disabled them as well.
func TestDisabledThere(t *testing.T) {
	t.Parallel()
	for name, look := range looks() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, session := watching(t, accounts.CopyBackNone)
			look(v, t, v.Service)
			v.mustLive(t, "before", session, true)
			v.source.Change("7", disable)
			v.takes(t, "tulip") // it is not seen yet
			look(v, t, v.second)
			v.refuses(t, "tulip")
			v.mustLive(t, "her session", session, false)
			look(v, t, v.Service)
			if n := v.count(t, anna, accounts.EventDisabled); n != 1 {
				t.Errorf("%d events, want 1", n)
			}
			v.mustDrift(t, false)

			_, _, err := v.SetDisabled(t.Context(), anna, false, because)
			must(t, "staff against the old shop", err, accounts.ErrManagedElsewhere)
			v.source.Change("7", allow)
			look(v, t, v.Service)
			v.takes(t, "tulip")
			v.mustLive(t, "a session that was ended", session, false)
			if n := v.count(t, anna, accounts.EventEnabled); n != 1 {
				t.Errorf("%d events, want 1", n)
			}

			v.source.Change("7", disable)
			look(v, t, v.Service)
			changed, _, err := v.SetDisabled(t.Context(), anna, true, because)
			if err != nil || !changed {
				t.Errorf("staff beside the old shop: %v, %v", changed, err)
			}
			v.source.Change("7", allow)
			look(v, t, v.Service)
			v.refuses(t, "tulip")
			_, _, err = v.SetDisabled(t.Context(), anna, false, because)
			must(t, "staff", err, nil)
			v.takes(t, "tulip")
		})
	}
}

// Who has gone from the old shop is out here. The same record brings them back; another under the same key does not.
func TestGoneThere(t *testing.T) {
	t.Parallel()
	created := time.Date(2015, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, test := range map[string]struct {
		before, after func(*legacy.User)
		back          bool
	}{
		"the same":                       {nil, nil, true},
		"the same person, changed":       {func(u *legacy.User) { u.CreatedAt = created }, func(u *legacy.User) { u.CreatedAt = created; repass("rose")(u) }, true},
		"another, by the time":           {func(u *legacy.User) { u.CreatedAt = created }, func(u *legacy.User) { u.CreatedAt = created.Add(time.Second); repass("rose")(u) }, false},
		"maybe another, without a time":  {nil, repass("rose"), false},
		"the same, whose time is better": {nil, func(u *legacy.User) { u.CreatedAt = created }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			user := salted(t, "7", "anna", "tulip")
			user.CreatedAt = time.Time{}
			if test.before != nil {
				test.before(&user)
			}
			v := newVillage(t, phase.Lazy, accounts.CopyBackNone, user)
			v.hear(t)
			session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
			v.source.Remove("7")
			v.takes(t, "tulip")
			v.reconcile(t, v.Service)
			v.refuses(t, "tulip")
			v.mustLive(t, "the session", session, false)
			v.reconcile(t, v.second)
			if n := v.count(t, anna, accounts.EventDisabled); n != 1 {
				t.Errorf("%d events, want 1", n)
			}
			if test.after != nil {
				test.after(&user)
			}
			v.source.Put(user)
			v.reconcile(t, v.Service)
			rec, err := v.store.ByID(t.Context(), anna)
			if err != nil || rec.Disabled == test.back {
				t.Errorf("disabled is %v (%v)", rec.Disabled, err)
			}
			if n := v.noted(t, accounts.NoteIDReused); (n == 0) != test.back {
				t.Errorf("%d notes", n)
			}
			if !test.back {
				mustRefuse(t, v.Service, "anna", "tulip")
				mustRefuse(t, v.Service, "anna", "rose")
			}
		})
	}
}

// A key that was given to somebody else between two looks.
func TestReplacedThere(t *testing.T) {
	t.Parallel()
	user := salted(t, "7", "anna", "tulip")
	user.CreatedAt = time.Date(2015, 1, 2, 3, 4, 5, 0, time.UTC)
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, user)
	v.hear(t)
	mustLogin(t, v.Service, "anna", "tulip")
	other := salted(t, "7", "zoe", "daisy")
	other.CreatedAt = user.CreatedAt.AddDate(9, 0, 0)
	v.source.Remove("7")
	v.source.Put(other)
	v.watch(t, v.Service)
	v.refuses(t, "tulip")
	if n := v.noted(t, accounts.NoteIDReused); n != 1 {
		t.Errorf("%d notes, want 1", n)
	}
	mustDoubt(t, v.Service, "zoe", "daisy") // never with anna's subject
}

// A store that tells a deletion by a mark is heard by the watch as well.
func TestMarkedThere(t *testing.T) {
	t.Parallel()
	v, session := watching(t, accounts.CopyBackNone)
	v.source.Mark("7")
	v.watch(t, v.Service)
	v.refuses(t, "tulip")
	v.mustLive(t, "the session", session, false)
}

// A password that the old shop has changed counts, and the next login copies it.
func TestDriftedThere(t *testing.T) {
	t.Parallel()
	for name, look := range looks() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, _ := watching(t, accounts.CopyBackNone)
			v.source.Change("7", repass("rose"))
			v.takes(t, "tulip")
			look(v, t, v.Service)
			v.mustDrift(t, true)
			look(v, t, v.second)
			if n := v.count(t, anna, accounts.EventDrifted); n != 1 {
				t.Errorf("%d events, want 1", n)
			}
			v.refuses(t, "tulip")
			v.mustDrift(t, true) // a wrong password changes nothing
			v.takes(t, "rose")
			v.mustDrift(t, false)
			v.source.SetDown(errDown)
			v.takes(t, "rose") // she is at home here again
			v.refuses(t, "tulip")
			v.source.SetDown(nil)

			// Back to what was copied: nothing has drifted.
			v.source.Change("7", repass("daisy"))
			look(v, t, v.Service)
			v.mustDrift(t, true)
			v.source.Change("7", repass("rose"))
			look(v, t, v.Service)
			v.mustDrift(t, false)
			v.takes(t, "rose")
		})
	}
}

// Status and password at once: the stricter wins, and the mark is set as well.
func TestDisabledAndDriftedThere(t *testing.T) {
	t.Parallel()
	v, _ := watching(t, accounts.CopyBackNone)
	v.source.Change("7", func(u *legacy.User) { disable(u); repass("rose")(u) })
	v.watch(t, v.Service)
	v.mustDrift(t, true)
	v.refuses(t, "rose")
	v.source.Change("7", allow)
	v.watch(t, v.Service)
	v.mustDrift(t, true)
	v.refuses(t, "tulip")
	v.takes(t, "rose")
}

// What was changed here stands, and support hears of it once.
func TestConflictThere(t *testing.T) {
	t.Parallel()
	v, session := watching(t, accounts.CopyBackNone)
	must(t, "change", change(v.Service, session, "tulip", orchids), nil)
	for _, pw := range []string{"rose", "daisy"} {
		v.source.Change("7", repass(pw))
		v.watch(t, v.Service)
		v.takes(t, orchids)
		mustRefuse(t, v.Service, "anna", pw)
		v.mustDrift(t, false)
	}
	if n := v.noted(t, accounts.NoteDrifted); n != 1 {
		t.Errorf("%d notes, want 1", n)
	}
	v.source.Change("7", disable)
	v.watch(t, v.Service)
	v.refuses(t, orchids)
}

// Our own writes are no drift, neither before they have arrived nor after.
func TestOwnWritesAreNoDrift(t *testing.T) {
	t.Parallel()
	v, session := watching(t, accounts.CopyBackFull)
	must(t, "change", change(v.Service, session, "tulip", orchids), nil)
	v.watch(t, v.Service)
	v.deliver(t, v.Service)
	v.watch(t, v.second)
	v.reconcile(t, v.second)
	v.takes(t, orchids)
	v.mustDrift(t, false)
	if n := v.noted(t, accounts.NoteDrifted); n != 0 {
		t.Errorf("%d notes, want none", n)
	}

	// The write has arrived, and its answer is lost: until the relay knows, nobody else judges.
	must(t, "change", change(v.Service, session, orchids, tulips), nil)
	v.source.LoseAnswers(errDown)
	_, err := v.DeliverNext(t.Context())
	must(t, "relay", err, nil)
	v.source.LoseAnswers(nil)
	v.watch(t, v.second)
	v.mustDrift(t, false)
	if n := v.noted(t, accounts.NoteDrifted); n != 0 {
		t.Errorf("%d notes, want none", n)
	}
	v.source.Change("7", disable) // but the bar does not wait
	v.watch(t, v.second)
	v.refuses(t, tulips)
}

// An account in doubt is left alone, but for the bar.
func TestInDoubtIsLeftAlone(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	v.move(t, phase.Shadow, phase.Both)
	session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
	v.source.LoseAnswers(errDown)
	doubtful(t, "change", change(v.Service, session, "tulip", orchids))
	v.source.LoseAnswers(nil)
	did, err := v.second.WatchNext(t.Context(), "shop")
	if err != nil || !did {
		t.Fatalf("looked: %v, %v", did, err)
	}
	v.mustDrift(t, false)
	v.later(t, time.Minute)
	v.deliver(t, v.second)
	v.mustDrift(t, false)
	v.takes(t, orchids)
}

// Between reading the link and reading the person a login copies again: what was read before it counts for nothing.
func TestLookLosesToALogin(t *testing.T) {
	t.Parallel()
	v, _ := watching(t, accounts.CopyBackNone)
	v.source.Change("7", repass("rose"))
	v.watch(t, v.Service)
	v.mustDrift(t, true)
	v.source.Change("7", repass("daisy"))
	v.shop.beforeGet = func() { mustLogin(t, v.second, "anna", "daisy") }
	v.watch(t, v.Service)
	v.mustDrift(t, false)
	v.takes(t, "daisy")
}

// Who was not copied, and who was deleted here, is nobody to look at.
func TestLookAtNobody(t *testing.T) {
	t.Parallel()
	v, session := watching(t, accounts.CopyBackNone)
	must(t, "delete", erase(v.Service, session, "tulip"), nil)
	v.source.Change("7", disable)
	v.source.Change("8", disable)
	v.watch(t, v.Service)
	v.reconcile(t, v.Service)
	if n := v.count(t, anna, accounts.EventDisabled); n != 0 {
		t.Errorf("%d events of somebody who is deleted", n)
	}
	if n, err := v.store.CountAccounts(t.Context()); err != nil || n != 0 {
		t.Errorf("%d accounts, %v", n, err)
	}
}

// A store that does not answer says nothing of anybody, and the look goes on where it was.
func TestLookWhileTheShopIsDown(t *testing.T) {
	t.Parallel()
	for name, next := range map[string]func(*accounts.Service) (bool, error){
		"watch":     func(s *accounts.Service) (bool, error) { return s.WatchNext(t.Context(), "shop") },
		"reconcile": func(s *accounts.Service) (bool, error) { return s.ReconcileNext(t.Context(), "shop") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, _ := watching(t, accounts.CopyBackNone)
			v.source.Change("7", disable)
			v.source.SetDown(errDown)
			v.later(t, time.Hour)
			if did, err := next(v.Service); !did || err == nil {
				t.Errorf("looked: %v, %v", did, err)
			}
			v.takes(t, "tulip")
			v.source.SetDown(nil)
			if did, err := next(v.second); did || err != nil {
				t.Errorf("at once: %v, %v", did, err)
			}
			v.later(t, 30*time.Second)
			if did, err := next(v.second); !did || err != nil {
				t.Errorf("later: %v, %v", did, err)
			}
			v.refuses(t, "tulip")
		})
	}
}

// What is seen late is read all the same.
func TestWatchReadsAgain(t *testing.T) {
	t.Parallel()
	v, _ := watching(t, accounts.CopyBackNone)
	v.watch(t, v.Service)
	v.source.Change("8", disable)
	v.watch(t, v.Service)
	v.source.ChangeLate("7", disable)
	v.watch(t, v.Service)
	v.refuses(t, "tulip")
}

// One process looks at a time, each change is read once its time has passed, and nothing is read for ever.
func TestWatchReadsOn(t *testing.T) {
	t.Parallel()
	v, _ := watching(t, accounts.CopyBackNone)
	v.watch(t, v.Service)
	if did, err := v.second.WatchNext(t.Context(), "shop"); did || err != nil {
		t.Errorf("a second time within its interval: %v, %v", did, err)
	}
	// The newest has stood for longer than the overlap: from here on only what is newer is read.
	v.watch(t, v.second)
	v.watch(t, v.second)
	gets := v.shop.gets.Load()
	for range 3 {
		v.watch(t, v.Service)
	}
	if n := v.shop.gets.Load() - gets; n != 0 {
		t.Errorf("%d people were read again though nothing has happened", n)
	}
	v.source.Change("7", disable)
	v.watch(t, v.Service)
	v.refuses(t, "tulip")
}

// crowded is a village of many who have moved.
func crowded(t *testing.T, n int) *village {
	t.Helper()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone)
	v.hear(t)
	for i := range n {
		id := fmt.Sprintf("%04d", i)
		v.source.Put(salted(t, id, "n"+id, "tulip"))
		must(t, "login", login(v.Service, "n"+id, "tulip"), nil)
	}
	return v
}

// Many who are gone, or other than they were, at once are a mistake of somebody else's.
func TestManyChanged(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(v *village, id string)
		is     func(accounts.Record) bool
	}{
		"gone":    {func(v *village, id string) { v.source.Remove(id) }, func(r accounts.Record) bool { return r.Disabled }},
		"drifted": {func(v *village, id string) { v.source.Change(id, repass("")) }, func(r accounts.Record) bool { return r.Link.Drifted }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := crowded(t, 20)
			changed := func() (n int) {
				for i := range 20 {
					rec, err := v.store.ByLink(t.Context(), "shop", fmt.Sprintf("%04d", i))
					must(t, "read account", err, nil)
					if test.is(rec) {
						n++
					}
				}
				return n
			}
			users := map[string]legacy.User{}
			for i := range 5 {
				id := fmt.Sprintf("%04d", i)
				users[id], _ = v.there(t, id)
				test.change(v, id)
			}
			v.later(t, time.Hour)
			if _, err := v.ReconcileNext(t.Context(), "shop"); err == nil || !strings.Contains(err.Error(), "shop: 5 of 20") {
				t.Errorf("five of twenty: %v", err)
			}
			if n := changed(); n != 0 {
				t.Errorf("%d were changed", n)
			}
			for _, id := range []string{"0000", "0001"} {
				v.source.Remove(id)
				v.source.Put(users[id])
			}
			v.reconcile(t, v.Service)
			if n := changed(); n != 3 {
				t.Errorf("%d were changed, want 3", n)
			}
		})
	}
}

// In new-only nobody asks the old shop, or a mark would shut its person out.
func TestNobodyLooksInNewOnly(t *testing.T) {
	t.Parallel()
	v, _ := watching(t, accounts.CopyBackNone)
	v.source.Change("7", repass("rose"))
	v.move(t, phase.NewOnly)
	v.later(t, time.Hour)
	for _, next := range []func() (bool, error){
		func() (bool, error) { return v.WatchNext(t.Context(), "shop") }, func() (bool, error) { return v.ReconcileNext(t.Context(), "shop") },
	} {
		if did, err := next(); did || err != nil {
			t.Errorf("looked: %v, %v", did, err)
		}
	}
	v.takes(t, "tulip")
}

// A move to new-only between reading and writing: the mark is not written.
func TestLookLosesToAMove(t *testing.T) {
	t.Parallel()
	v, _ := watching(t, accounts.CopyBackNone)
	v.source.Change("7", repass("rose"))
	v.shop.beforeGet = func() { v.move(t, phase.NewOnly) }
	v.watch(t, v.Service)
	v.mustDrift(t, false)
	v.takes(t, "tulip")
}

// A login that has read the record from before a change is slow, and the change is noticed meanwhile: the mark stays.
func TestALateCopyKeepsANewerMark(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	v.move(t, phase.Shadow)
	mustLogin(t, v.Service, "anna", "tulip")
	v.source.Change("7", func(u *legacy.User) { u.Email = "anna@new.example" }) // so that the next login copies again
	v.doors.beforeRecopy = func() error {
		v.source.Change("7", func(u *legacy.User) { u.Password = salted(t, "7", "anna", "rose").Password })
		_, err := v.second.ReconcileNext(t.Context(), "shop")
		must(t, "reconcile", err, nil)
		return nil
	}
	mustLogin(t, v.Service, "anna", "tulip") // it began before
	if rec, err := v.store.ByID(t.Context(), anna); err != nil || !rec.Link.Drifted || rec.Credential.Version != 1 {
		t.Errorf("drifted is %v (%v), version %d", rec.Link.Drifted, err, rec.Credential.Version)
	}
	v.takes(t, "rose") // and copies
	v.refuses(t, "tulip")
	if rec, err := v.store.ByID(t.Context(), anna); err != nil || rec.Link.Drifted {
		t.Errorf("drifted is %v (%v) after a copy of what is there", rec.Link.Drifted, err)
	}
}
