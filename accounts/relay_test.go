package accounts_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/legacy"
)

// copying is a village in new-first that copies back, with anna logged in.
func copying(t *testing.T, users ...legacy.User) (*village, accounts.Session) {
	t.Helper()
	v := newVillage(t, phase.Lazy, accounts.CopyBackFull, append(users, salted(t, "7", "anna", "tulip"))...)
	return v, v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
}

// later sets the clock forward, and the processes live on.
func (v *village) later(t *testing.T, d time.Duration) {
	t.Helper()
	v.clock.advance(d)
	v.hear(t)
}

// noted returns how many notes of a class there are.
func (v *village) noted(t *testing.T, class accounts.NoteClass) int {
	t.Helper()
	notes, err := v.store.Notes(t.Context(), 100)
	must(t, "read notes", err, nil)
	return len(slices.DeleteFunc(notes, func(n accounts.Note) bool { return n.Class != class }))
}

// knows fails unless the new store thinks that legacy knows of anna's last change, or does not.
func (v *village) knows(t *testing.T, want bool) {
	t.Helper()
	rec, err := v.store.ByID(t.Context(), anna)
	if err != nil || rec.ChangedHere == want {
		t.Errorf("changed here is %v (%v), want %v", rec.ChangedHere, err, !want)
	}
}

// Nobody notices that the shop is down, and when it is back it hears of everything.
func TestRelayWhileTheShopIsDown(t *testing.T) {
	t.Parallel()
	v, session := copying(t)
	v.source.SetDown(errDown)
	must(t, "change", change(v.Service, session, "tulip", orchids), nil)
	for range 3 {
		v.deliver(t, v.second)
		v.waiting(t, 1)
		v.knows(t, false)
		v.takes(t, orchids)
		v.later(t, 20*time.Second)
	}
	v.source.SetDown(nil)
	v.deliver(t, v.second)
	v.waiting(t, 0)
	v.knows(t, true)
	v.sold(t, "7", orchids, true)
	if n := v.count(t, anna, accounts.EventDelivered); n != 1 {
		t.Errorf("%d events of the delivery, want 1", n)
	}
}

// A name goes to somebody new while the shop has not heard that its last owner is gone, and hears of the new one first.
func TestRelayOfANameThatChangesHands(t *testing.T) {
	t.Parallel()
	v, session := copying(t, salted(t, "8", "bert", "tulip"))
	must(t, "delete", erase(v.Service, session, "tulip"), nil)
	v.source.SetDown(errDown)
	v.deliver(t, v.second) // the deletion waits now
	v.source.SetDown(nil)
	mustRegister(t, v.Service, "anna", "", orchids)
	v.deliver(t, v.second)
	v.waiting(t, 2)
	v.later(t, 5*time.Second)
	v.deliver(t, v.second)
	v.later(t, 5*time.Second)
	v.deliver(t, v.second)
	v.waiting(t, 0)
	v.sold(t, "9", orchids, true)
}

// What arrived is known again by its hash: it is not written twice, nobody suspects drift, and nobody is there twice.
func TestRelayLosesAnAnswer(t *testing.T) {
	t.Parallel()
	v, session := copying(t)
	bert := mustRegister(t, v.Service, "bert", "", orchids)
	must(t, "change", change(v.Service, session, "tulip", orchids), nil)
	v.source.LoseAnswers(errDown)
	v.deliver(t, v.second)
	v.source.LoseAnswers(nil)
	v.waiting(t, 2)
	v.knows(t, false)
	written := v.source.Written.Load()
	v.later(t, time.Minute)
	for range 2 { // and our half is lost once, too
		v.doors.beforeFinish = func() error { return errDown }
		_, _ = v.DeliverNext(t.Context()) // its error is errDown
		v.doors.beforeFinish = nil
	}
	v.later(t, time.Minute)
	v.deliver(t, v.Service)
	v.waiting(t, 0)
	v.knows(t, true)
	if n := v.source.Written.Load() - written; n != 0 || v.noted(t, accounts.NoteDrifted) != 0 {
		t.Errorf("written %d times more, %d notes of drift", n, v.noted(t, accounts.NoteDrifted))
	}
	rec, err := v.store.ByID(t.Context(), bert.ID)
	if err != nil || rec.Link == nil || rec.Link.LegacyID != "8" {
		t.Errorf("bert's link is %+v (%v)", rec.Link, err)
	}
	must(t, "delete", erase(v.Service, v.open(t, bert), orchids), nil)
	v.source.LoseAnswers(errDown)
	v.deliver(t, v.second)
	v.source.LoseAnswers(nil)
	v.later(t, time.Minute)
	v.deliver(t, v.second)
	v.waiting(t, 0)
	if _, ok := v.there(t, "8"); ok {
		t.Error("the shop still has bert")
	}
}

// Two relays at once: each change is written once.
func TestTwoRelays(t *testing.T) {
	t.Parallel()
	const people = 8
	var users []legacy.User
	for n := range people {
		users = append(users, salted(t, fmt.Sprint(100+n), fmt.Sprintf("person%d", n), "tulip"))
	}
	v, _ := copying(t, users...)
	for _, u := range users {
		must(t, "change", change(v.Service, v.open(t, mustLogin(t, v.Service, u.Username, "tulip")), "tulip", orchids), nil)
	}
	var wg sync.WaitGroup
	for range 2 {
		for _, s := range []*accounts.Service{v.Service, v.second} {
			wg.Go(func() {
				for more := true; more; {
					var err error
					if more, err = s.DeliverNext(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	v.waiting(t, 0)
	if n := v.source.Written.Load(); n != people {
		t.Errorf("the shop was written %d times, want %d", n, people)
	}
	if a, b := v.Stats().Delivered.Load(), v.second.Stats().Delivered.Load(); a+b != people {
		t.Errorf("%d and %d deliveries counted, want %d", a, b, people)
	}
}

// A relay that wakes when its claim has long ended writes nothing, and does not bring an older password back.
func TestARelayWakesLate(t *testing.T) {
	t.Parallel()
	for _, again := range []bool{false, true} {
		t.Run(fmt.Sprintf("changed again %v", again), func(t *testing.T) {
			t.Parallel()
			v, session := copying(t)
			must(t, "change", change(v.Service, session, "tulip", orchids), nil)
			last, writes := orchids, int64(1)
			v.shop.before = func() error {
				v.later(t, 31*time.Second)
				v.deliver(t, v.second)
				v.waiting(t, 0)
				if again {
					must(t, "change again", change(v.second, session, orchids, tulips), nil)
					v.deliver(t, v.second)
					last, writes = tulips, 2
				}
				return nil
			}
			more, err := v.DeliverNext(t.Context())
			if !more || err != nil {
				t.Errorf("the late one: %v, %v", more, err)
			}
			v.waiting(t, 0)
			v.knows(t, true)
			v.sold(t, "7", last, true)
			if n := v.source.Written.Load(); n != writes {
				t.Errorf("the shop was written %d times, want %d", n, writes)
			}
		})
	}
}

// A relay that died keeps its delivery until the claim ends, and no longer.
func TestAClaimEnds(t *testing.T) {
	t.Parallel()
	v, session := copying(t)
	must(t, "change", change(v.Service, session, "tulip", orchids), nil)
	now := v.clock.now()
	claimed, err := v.store.ClaimDelivery(t.Context(), now, now.Add(30*time.Second))
	must(t, "claim", err, nil)
	v.later(t, 29*time.Second)
	v.deliver(t, v.second)
	v.waiting(t, 1)
	v.later(t, 2*time.Second)
	v.deliver(t, v.second)
	v.waiting(t, 0)
	must(t, "the dead one's answer", v.store.FinishDelivery(t.Context(), claimed, accounts.Finish{}), accounts.ErrStale)
}

// Others have changed the record since: what was changed here stands, support hears of it, and it arrives.
func TestRelaySettlesDrift(t *testing.T) {
	t.Parallel()
	v, session := copying(t)
	must(t, "change", change(v.Service, session, "tulip", orchids), nil)
	v.source.Change("7", func(u *legacy.User) {
		u.Password = salted(t, "7", "anna", "rose").Password
		u.Email = "anna@new.example"
	})
	v.takes(t, orchids)
	v.refuses(t, "rose")
	v.deliver(t, v.second)
	v.later(t, time.Second)
	v.deliver(t, v.second)
	v.waiting(t, 0)
	v.knows(t, true)
	if n := v.noted(t, accounts.NoteDrifted); n != 1 {
		t.Errorf("%d notes of drift, want 1", n)
	}
	v.sold(t, "7", orchids, true)
	if user, _ := v.there(t, "7"); user.Email != "anna@new.example" {
		t.Errorf("her address was written: %s", user.Email)
	}
	v.move(t, phase.LegacyOnly)
	v.takes(t, orchids)
	v.refuses(t, "rose")
}

// What the shop refuses waits with its reason, is never dropped, and holds back what comes after it for the same person alone.
func TestRelayIsRefused(t *testing.T) {
	t.Parallel()
	v, session := copying(t, salted(t, "8", "bert", "daisy"))
	other := v.open(t, mustLogin(t, v.Service, "bert", "daisy"))
	must(t, "change", change(v.Service, session, "tulip", orchids), nil)
	v.later(t, time.Second)
	must(t, "change again", change(v.Service, session, orchids, tulips), nil)
	must(t, "change of another", change(v.Service, other, "daisy", orchids), nil)
	v.shop.before = func() error { return &legacy.RefusedError{Field: "Password", Reason: "too good"} }
	v.deliver(t, v.second)
	v.waiting(t, 2)
	v.sold(t, "7", "tulip", true)
	v.sold(t, "8", orchids, true)
	backlog, err := v.store.Backlog(t.Context())
	if err != nil || backlog.Waiting != 2 || backlog.Refused != 1 {
		t.Errorf("the backlog is %+v (%v)", backlog, err)
	}
	all, err := v.store.Deliveries(t.Context(), accounts.DeliveryQuery{Limit: 10})
	if err != nil || len(all) != 2 || all[0].Refused != "the legacy store refused Password: too good" {
		t.Errorf("the first waits because %q (%v)", all[0].Refused, err)
	}
	v.move(t, phase.LegacyOnly) // her change is not there: she stays
	v.takes(t, tulips)
	v.refuses(t, "tulip")
	v.later(t, 10*time.Minute)
	v.deliver(t, v.Service)
	v.waiting(t, 0)
	v.sold(t, "7", tulips, true)
	v.knows(t, true)
	v.takes(t, tulips)
	v.refuses(t, orchids)
}

// Somebody who was born here and is gone before the shop ever heard of them.
func TestRelayOfAWholeLife(t *testing.T) {
	t.Parallel()
	v, _ := copying(t)
	v.source.SetDown(nil)
	bert := mustRegister(t, v.Service, "bert", "bert@example.org", orchids)
	session := v.open(t, bert)
	must(t, "change", change(v.second, session, orchids, tulips), nil)
	must(t, "delete", erase(v.Service, session, tulips), nil)
	v.waiting(t, 3)
	for want := 2; want >= 0; want-- {
		more, err := v.second.DeliverNext(t.Context())
		if !more || err != nil {
			t.Fatalf("%v, %v", more, err)
		}
		v.waiting(t, want)
		mustRefuse(t, v.Service, "bert", orchids)
		mustRefuse(t, v.Service, "bert", tulips)
	}
	if _, ok := v.there(t, "8"); ok {
		t.Error("the shop still has bert")
	}
	v.move(t, phase.LegacyOnly)
	mustRefuse(t, v.Service, "bert", tulips)
}

// Whoever was stopped between reading the shop and writing it writes nothing when they wake, though the stored password is the
// very same again: it has been another meanwhile.
func TestAWriteIsNotSentLate(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		was, _ := v.there(t, "7")
		session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
		v.doors.afterBegin = func() {
			v.shop.beforeGet = func() {
				v.later(t, 31*time.Second)
				v.deliver(t, v.second)
				v.waiting(t, 0)
				v.sold(t, "7", orchids, true)
				v.source.Change("7", func(u *legacy.User) { u.Password = was.Password }) // as a change back would, without a salt
			}
		}
		doubtful(t, "the late change", change(v.Service, session, "tulip", orchids))
		v.sold(t, "7", "tulip", true)
		if n := v.source.Written.Load(); n != 1 {
			t.Errorf("the shop was written %d times, want once", n)
		}
	})
}

// The write of somebody who has lost their claim arrives while the next is about to make it: the change is whole.
func TestALateWriteOfTheSameChange(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		person := mustLogin(t, v.Service, "anna", "tulip")
		session, other := v.open(t, person), v.open(t, person)
		sent, goesOn, done := make(chan struct{}), make(chan struct{}), make(chan error)
		v.shop.before = func() error {
			close(sent)
			<-goesOn
			return nil
		}
		go func() { done <- change(v.Service, session, "tulip", orchids) }()
		<-sent
		v.later(t, 31*time.Second)
		v.shop.before = func() error {
			close(goesOn)
			if err := <-done; err != nil { // where the shop alone counts it is done
				doubtful(t, "the late change", err)
			}
			return nil
		}
		v.deliver(t, v.second)
		v.waiting(t, 0)
		v.takes(t, orchids)
		v.refuses(t, "tulip")
		v.sold(t, "7", orchids, true)
		if n := v.count(t, anna, accounts.EventPassword); n != 1 {
			t.Errorf("%d events of the change, want 1", n)
		}
		if _, _, err := v.Renew(t.Context(), other.ID, 0, time.Now(), time.Hour, time.Hour); err == nil {
			t.Error("the other session lives")
		}
	})
}
