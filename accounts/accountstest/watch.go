package accountstest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

func watchRules() []rule {
	return []rule{
		{"see", "What is seen of a legacy person is written once, under the link as it was read; nothing else of the account changes.", testSee},
		{"see nobody", "Nobody else's link is touched, and no deleted account's.", testSeeNobody},
		{"see a bar", "Who is barred is disabled, and out at once, until nobody bars them any more: staff, or any of their links.", testSeeBar},
		{"see while a change is under way", "While a change is on its way to the legacy store, only the bar is written: the rest is that change's.", testSeeOwed},
		{"see race", "Of 50 that see the same, one writes it.", testSeeRace},
		{"see and disable race", "Whatever is seen and staff say at once, an account is disabled as long as one of them has said so.", testSeeDisableRace},
		{"born disabled", "Who is made disabled from a legacy person is barred by that store, not by staff.", testBornDisabled},
		{"linked ids", "The people of a source are returned in pages that neither repeat nor skip one; not those of deleted accounts.", testLinkedIDs},
		{"work", "Work is claimed by one at a time, goes on where it was kept, and is not due again too early.", testWork},
		{"work race", "Of 50 that want some work one gets it.", testWorkRace},
	}
}

// sighting is what was seen of a person's link.
func sighting(r accounts.Record, change func(now *accounts.LegacyLink)) accounts.Sighting {
	s := accounts.Sighting{Account: r.ID, Was: *r.Link, Now: *r.Link, At: now()}
	change(&s.Now)
	return s
}

func drift(now *accounts.LegacyLink) { now.Drifted = true }

func barred(by accounts.Barred) func(*accounts.LegacyLink) {
	return func(now *accounts.LegacyLink) { now.Barred = by }
}

// see writes what was seen, which must be right, and returns the account as it then is.
func see(t *testing.T, s accounts.Store, what accounts.Sighting) (accounts.Record, []uuid.UUID) {
	t.Helper()
	ended, err := s.See(t.Context(), what, Event(what.Account, accounts.EventDrifted))
	is(t, "See", err, nil)
	rec, err := s.ByID(t.Context(), what.Account)
	is(t, "ByID", err, nil)
	return rec, ended
}

func testSee(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	r = asStored(r)
	session := newSession(r.ID)
	is(t, "CreateSession", s.CreateSession(t.Context(), session), nil)
	want := *r.Link
	want.Drifted = true
	got, ended := see(t, s, sighting(r, drift))
	same(t, "link", *got.Link, want)
	same(t, "ended", len(ended), 0)
	same(t, "session epoch", got.SessionEpoch, int64(0))
	same(t, "disabled", got.Disabled, false)
	events(t, s, r.ID, 2)

	for name, change := range map[string]func(*accounts.LegacyLink){
		"again": drift, "the fingerprint": func(l *accounts.LegacyLink) { l.Fingerprint = []byte("later") },
	} {
		_, err := s.See(t.Context(), sighting(r, change), Event(r.ID, accounts.EventDrifted))
		is(t, name+", of a link that is not so any more", err, accounts.ErrStale)
	}
	r.Link.Drifted = true
	for name, was := range map[string]accounts.LegacyLink{
		"another fingerprint": {Fingerprint: []byte("other"), Drifted: true}, "another bar": {Fingerprint: r.Link.Fingerprint, Drifted: true, Barred: accounts.BarredGone},
	} {
		what := sighting(r, func(l *accounts.LegacyLink) { l.Drifted = false })
		what.Was.Fingerprint, what.Was.Barred = was.Fingerprint, was.Barred
		_, err := s.See(t.Context(), what, Event(r.ID, accounts.EventDrifted))
		is(t, name, err, accounts.ErrStale)
	}
	events(t, s, r.ID, 2)

	want.Drifted, want.Fingerprint = false, []byte("later")
	ended, err := s.See(t.Context(), accounts.Sighting{Account: r.ID, Was: *r.Link, Now: want, At: now()}, accounts.Event{})
	is(t, "See without an event", err, nil)
	same(t, "ended", len(ended), 0)
	got, err = s.ByID(t.Context(), r.ID)
	is(t, "ByID", err, nil)
	same(t, "link", *got.Link, want)
	events(t, s, r.ID, 2)
}

func testSeeNobody(t *testing.T, s accounts.Store) {
	ada, bob := Person("Ada"), Person("Bob")
	create(t, s, ada)
	create(t, s, bob)
	ada, bob = asStored(ada), asStored(bob)
	what := sighting(ada, drift)
	what.Account = bob.ID
	_, err := s.See(t.Context(), what, Event(bob.ID, accounts.EventDrifted))
	is(t, "another's link", err, accounts.ErrStale)
	what.Account = uuid.Must(uuid.NewV7())
	_, err = s.See(t.Context(), what, Event(what.Account, accounts.EventDrifted))
	is(t, "no account", err, accounts.ErrNotFound)
	is(t, "Delete", s.Delete(t.Context(), ada.ID, 1, now(), Event(ada.ID, accounts.EventDeleted)), nil)
	_, err = s.See(t.Context(), sighting(ada, barred(accounts.BarredGone)), Event(ada.ID, accounts.EventDisabled))
	is(t, "a deleted account", err, accounts.ErrNotFound)
	isDisabled(t, s, ada.ID, true)
}

func testSeeBar(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	other := *r.Link
	other.Source, other.At = "blog", now().Add(time.Second)
	r.Also = []accounts.LegacyLink{other}
	create(t, s, r)
	living, expired := sessionsOf(t, s, r.ID, 2)
	r = asStored(r)
	got, ended := see(t, s, sighting(r, barred(accounts.BarredDisabled)))
	same(t, "disabled", got.Disabled, true)
	same(t, "bar", got.Link.Barred, accounts.BarredDisabled)
	same(t, "ended", sorted(ended), sorted(append(ids(living), expired.ID)))
	noneLives(t, s, r.ID)

	// A second store says so too, and the first does not any more.
	links, err := s.Links(t.Context(), r.ID)
	is(t, "Links", err, nil)
	second := accounts.Sighting{Account: r.ID, Was: links[1], Now: links[1], At: now()}
	second.Now.Barred = accounts.BarredGone
	see(t, s, second)
	back := accounts.Sighting{Account: r.ID, Was: *got.Link, Now: *got.Link, At: now()}
	back.Now.Barred = accounts.NotBarred
	got, _ = see(t, s, back)
	same(t, "disabled by the second", got.Disabled, true)
	second.Was, second.Now = second.Now, second.Was
	got, _ = see(t, s, second)
	same(t, "disabled by nobody", got.Disabled, false)

	// Staff say so as well: it is a change, and what the store says later does not undo it.
	got, _ = see(t, s, sighting(r, barred(accounts.BarredDisabled)))
	changed, _, err := setDisabled(t, s, r.ID, true)
	is(t, "SetDisabled", err, nil)
	same(t, "changed", changed, true)
	back.Was = *got.Link
	got, _ = see(t, s, back)
	same(t, "disabled by staff", got.Disabled, true)
	changed, _, err = setDisabled(t, s, r.ID, false)
	is(t, "SetDisabled", err, nil)
	same(t, "changed", changed, true)

	// Who enables lifts both.
	see(t, s, sighting(r, barred(accounts.BarredGone)))
	changed, _, err = setDisabled(t, s, r.ID, false)
	is(t, "SetDisabled", err, nil)
	same(t, "changed", changed, true)
	got, err = s.ByID(t.Context(), r.ID)
	is(t, "ByID", err, nil)
	same(t, "disabled", got.Disabled, false)
	same(t, "bar", got.Link.Barred, accounts.NotBarred)
}

func testSeeOwed(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	r = asStored(r)
	d := accounts.Delivery{
		ID: uuid.Must(uuid.NewV7()), AccountID: r.ID, Source: "shop", Kind: accounts.DeliverPassword, Sealed: []byte("sealed"), CreatedAt: now(), NextAt: now(),
	}
	next := accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: encoded("next")}
	is(t, "SetPassword", s.SetPassword(t.Context(), r.ID, 1, next, uuid.Nil, Event(r.ID, accounts.EventPassword), d), nil)
	for name, change := range map[string]func(*accounts.LegacyLink){
		"drift": drift, "fingerprint": func(l *accounts.LegacyLink) { l.Fingerprint = []byte("later") },
	} {
		_, err := s.See(t.Context(), sighting(r, change), Event(r.ID, accounts.EventDrifted))
		is(t, name, err, accounts.ErrStale)
	}
	got, _ := see(t, s, sighting(r, barred(accounts.BarredDisabled)))
	same(t, "disabled", got.Disabled, true)
}

func testSeeRace(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	r = asStored(r)
	errs := together(crowd, func(int) error {
		_, err := s.See(t.Context(), sighting(r, drift), Event(r.ID, accounts.EventDrifted))
		return err
	})
	oneWon(t, errs, accounts.ErrStale)
	events(t, s, r.ID, 2)
}

func testSeeDisableRace(t *testing.T, s accounts.Store) {
	for round := range 10 {
		r := Person(numbered("ada", round))
		create(t, s, r)
		bar := sighting(asStored(r), barred(accounts.BarredDisabled))
		see(t, s, bar)
		bar.Was, bar.Now = bar.Now, bar.Was
		together(2, func(i int) error {
			if i == 0 {
				_, err := s.See(t.Context(), bar, Event(r.ID, accounts.EventEnabled))
				is(t, "See", err, nil)
				return nil
			}
			_, _, err := setDisabled(t, s, r.ID, true)
			is(t, "SetDisabled", err, nil)
			return nil
		})
		isDisabled(t, s, r.ID, true)
		_, _, err := setDisabled(t, s, r.ID, false)
		is(t, "SetDisabled", err, nil)
		isDisabled(t, s, r.ID, false)
	}
}

func testBornDisabled(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	r.Disabled = true
	create(t, s, r)
	got, err := s.ByID(t.Context(), r.ID)
	is(t, "ByID", err, nil)
	same(t, "bar", got.Link.Barred, accounts.BarredDisabled)
	what := accounts.Sighting{Account: r.ID, Was: *got.Link, Now: *got.Link, At: now()}
	what.Now.Barred = accounts.NotBarred
	got, _ = see(t, s, what)
	same(t, "disabled", got.Disabled, false)
}

func testLinkedIDs(t *testing.T, s accounts.Store) {
	want := []string{"Ada", "Bob", "Cid", "Dan"}
	for _, name := range append([]string{"Zoe"}, want...) {
		create(t, s, Person(name))
	}
	elsewhere := Person("Eve")
	elsewhere.Link.Source = "blog"
	create(t, s, elsewhere)
	zoe := accounts.SubjectFor("shop", "Zoe")
	is(t, "Delete", s.Delete(t.Context(), zoe, 1, now(), Event(zoe, accounts.EventDeleted)), nil)
	var got []string
	for after := ""; ; after = got[len(got)-1] {
		page, err := s.LinkedIDs(t.Context(), "shop", after, 3)
		is(t, "LinkedIDs", err, nil)
		if len(page) > 3 {
			t.Fatalf("a page of 3 has %d", len(page))
		}
		got = append(got, page...)
		if len(page) < 3 {
			break
		}
	}
	same(t, "keys", got, want)
	none, err := s.LinkedIDs(t.Context(), "nowhere", "", 3)
	is(t, "LinkedIDs", err, nil)
	same(t, "keys of no source", len(none), 0)
}

func testWork(t *testing.T, s accounts.Store) {
	at := stored(now())
	later := func(d time.Duration) time.Time { return at.Add(d) }
	first, err := s.ClaimWork(t.Context(), "watch", at, later(time.Minute), time.Hour)
	is(t, "ClaimWork", err, nil)
	same(t, "work", first, accounts.Work{Name: "watch", Fence: 1})
	_, err = s.ClaimWork(t.Context(), "watch", later(59*time.Second), later(time.Hour), 0)
	is(t, "while somebody is at it", err, accounts.ErrNotFound)
	_, err = s.ClaimWork(t.Context(), "other", at, later(time.Minute), time.Hour)
	is(t, "other work", err, nil)

	first.Cursor = "half"
	is(t, "KeepWork", s.KeepWork(t.Context(), first, later(2*time.Minute)), nil)
	_, err = s.ClaimWork(t.Context(), "watch", later(time.Minute), later(time.Hour), 0)
	is(t, "while the claim was prolonged", err, accounts.ErrNotFound)
	second, err := s.ClaimWork(t.Context(), "watch", later(2*time.Minute), later(3*time.Minute), time.Hour)
	is(t, "when the claim has ended", err, nil)
	same(t, "work", second, accounts.Work{Name: "watch", Cursor: "half", Fence: 2})
	is(t, "KeepWork by who has lost it", s.KeepWork(t.Context(), first, later(time.Hour)), accounts.ErrStale)

	second.DoneAt, second.Cursor = later(150*time.Second), ""
	is(t, "KeepWork", s.KeepWork(t.Context(), second, at), nil)
	_, err = s.ClaimWork(t.Context(), "watch", second.DoneAt.Add(time.Hour-time.Microsecond), later(2*time.Hour), time.Hour)
	is(t, "before it is due again", err, accounts.ErrNotFound)
	third, err := s.ClaimWork(t.Context(), "watch", second.DoneAt.Add(time.Hour), later(2*time.Hour), time.Hour)
	is(t, "when it is due again", err, nil)
	same(t, "work", third, accounts.Work{Name: "watch", DoneAt: second.DoneAt, Fence: 3})
}

func testWorkRace(t *testing.T, s accounts.Store) {
	for range 3 { // new, and known
		errs := together(crowd, func(int) error {
			_, err := s.ClaimWork(t.Context(), "watch", now(), now().Add(time.Minute), 0)
			return err
		})
		oneWon(t, errs, accounts.ErrNotFound)
		w := accounts.Work{Name: "watch", Fence: 0}
		for w.Fence = 1; s.KeepWork(t.Context(), w, now()) != nil; w.Fence++ {
			if w.Fence > crowd {
				t.Fatal("nobody has the claim")
			}
		}
	}
}
