package accountstest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

func supportRules() []rule {
	return []rule{
		{"links", "Every link of an account is returned, the one that it is named after first, and none of another's.", testLinks},
		{"notes of", "The notes about an account's legacy people are returned, newest first, and none about others.", testNotesOf},
		{"recent events", "Events come newest first, all or an account's, in pages that neither repeat nor skip one.", testRecentEvents},
		{"living sessions", "Sessions of an account that are neither revoked nor expired are returned, newest first, up to the limit.",
			testLivingSessions},
		{"revoke sessions", "Every session of an account is ended and named once, with one event that counts them; where there is none, " +
			"nothing is done and no event written.", testRevokeSessions},
		{"disable", "Disabling changes an account once, ends its sessions, and writes one event; again it does nothing.", testDisable},
		{"enable", "Enabling ends what sessions slipped in: they must not come to life with the account.", testEnable},
		{"enable deleted", "Who is deleted is not there to be enabled or disabled, and stays disabled.", testEnableDeleted},
		{"disable race", "Of 50 that disable an account one does, with one event, and it ends every session once.", testDisableRace},
		{"disable and enable race", "Disabling and enabling at once, there are as many events as changes, and the last says how it is.",
			testDisableEnableRace},
		{"revoke sessions race", "Of 50 that end an account's sessions each session is ended by one.", testRevokeSessionsRace},
		{"renew and disable", "Once an account is disabled no session of it is renewed, and a renewal brings none back.",
			testRenewAndDisable},
	}
}

func testLinks(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	for i, source := range []string{"blog", "forum", "anvil"} {
		link := *r.Link
		link.Source, link.At = source, now().Add(time.Duration(3-i)*time.Second)
		r.Also = append(r.Also, link)
	}
	create(t, s, r)
	create(t, s, Person("Bob"))
	links, err := s.Links(t.Context(), r.ID)
	is(t, "Links", err, nil)
	var sources []string
	for _, l := range links {
		sources = append(sources, l.Source)
	}
	same(t, "sources", sources, []string{"shop", "anvil", "forum", "blog"})
	if len(links) > 0 {
		same(t, "the first link", links[0], *asStored(r).Link)
	}
	links, err = s.Links(t.Context(), uuid.Must(uuid.NewV7()))
	is(t, "Links of nobody", err, nil)
	same(t, "links of nobody", len(links), 0)
}

func testNotesOf(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	other := *r.Link
	other.Source = "blog"
	r.Also = []accounts.LegacyLink{other}
	create(t, s, r)
	create(t, s, Person("Bob"))
	note := func(source, id string, class accounts.NoteClass, after time.Duration) accounts.Note {
		n := accounts.Note{Source: source, LegacyID: id, Class: class, Reason: "r", At: now().Add(after)}
		did, err := s.AddNote(t.Context(), n, Event(r.ID, accounts.EventQuarantined))
		is(t, "AddNote", onceTrue(did, err), nil)
		n.At = stored(n.At)
		return n
	}
	first := note("shop", "Ada", accounts.NoteExternalTaken, 0)
	note("shop", "Bob", accounts.NoteContested, time.Second)
	note("blog", "Bob", accounts.NoteContested, time.Second)
	second := note("blog", "Ada", accounts.NoteContested, 2*time.Second)
	notes, err := s.NotesOf(t.Context(), r.ID)
	is(t, "NotesOf", err, nil)
	same(t, "NotesOf", notes, []accounts.Note{second, first})
}

func testRecentEvents(t *testing.T, s accounts.Store) {
	ada, bob := Person("Ada"), Person("Bob")
	create(t, s, ada)
	create(t, s, bob)
	for i := range 7 {
		did, err := s.AddNote(t.Context(), accounts.Note{
			Source: "shop", LegacyID: numbered("x", i), Class: accounts.NoteContested, Reason: "r", At: now(),
		}, Event([]uuid.UUID{ada.ID, bob.ID}[i%2], accounts.EventQuarantined))
		is(t, "AddNote", onceTrue(did, err), nil)
	}
	all := slices.Concat(events(t, s, ada.ID, 5), events(t, s, bob.ID, 4))
	newestFirst := func(events []accounts.Event) []accounts.Event {
		slices.SortFunc(events, func(a, b accounts.Event) int { return slices.Compare(b.ID[:], a.ID[:]) })
		return events
	}
	for name, q := range map[string]struct {
		account uuid.UUID
		want    []accounts.Event
	}{
		"everybody's": {uuid.Nil, newestFirst(all)},
		"Ada's":       {ada.ID, newestFirst(events(t, s, ada.ID, 5))},
		"nobody's":    {uuid.Must(uuid.NewV7()), nil},
	} {
		var got []accounts.Event
		query := accounts.EventQuery{Account: q.account, Limit: 2}
		for range all { // more pages than there can be
			page, err := s.RecentEvents(t.Context(), query)
			is(t, "RecentEvents", err, nil)
			if len(page) == 0 {
				break
			}
			if len(page) > query.Limit {
				t.Fatalf("a page of %d has %d", query.Limit, len(page))
			}
			got = append(got, page...)
			query.Before = page[len(page)-1].ID
		}
		same(t, name+" events in pages", got, q.want)
	}
	none, err := s.RecentEvents(t.Context(), accounts.EventQuery{Limit: -1})
	is(t, "RecentEvents", err, nil)
	same(t, "events with a limit below 0", len(none), 0)
}

// sessionsOf stores living sessions of an account, and beside them one that is expired and one of somebody else.
func sessionsOf(t *testing.T, s accounts.Store, account uuid.UUID, n int) (living []accounts.Session, expired accounts.Session) {
	t.Helper()
	for range n {
		living = append(living, newSession(account))
	}
	expired = newSession(account)
	expired.ExpiresAt = now()
	for _, session := range append([]accounts.Session{expired, newSession(uuid.Must(uuid.NewV7()))}, living...) {
		is(t, "CreateSession", s.CreateSession(t.Context(), session), nil)
	}
	return living, expired
}

func testLivingSessions(t *testing.T, s accounts.Store) {
	account := uuid.Must(uuid.NewV7())
	living, _ := sessionsOf(t, s, account, 4)
	did, err := s.RevokeSession(t.Context(), living[1].ID, now(), Event(account, accounts.EventSessionRevoked))
	is(t, "RevokeSession", onceTrue(did, err), nil)
	want := []accounts.Session{sessionAsStored(living[3]), sessionAsStored(living[2]), sessionAsStored(living[0])}
	for limit, want := range map[int][]accounts.Session{10: want, 3: want, 2: want[:2], 0: nil, -1: nil} {
		got, err := s.LivingSessions(t.Context(), account, now(), limit)
		is(t, "LivingSessions", err, nil)
		same(t, "LivingSessions up to "+strconv.Itoa(limit), got, want)
	}
}

// noneLives fails if a session of an account lives.
func noneLives(t *testing.T, s accounts.Store, account uuid.UUID) {
	t.Helper()
	living, err := s.LivingSessions(t.Context(), account, now(), 1000)
	is(t, "LivingSessions", err, nil)
	same(t, "sessions that live", len(living), 0)
}

func testRevokeSessions(t *testing.T, s accounts.Store) {
	account := uuid.Must(uuid.NewV7())
	living, expired := sessionsOf(t, s, account, 3)
	e := Event(account, accounts.EventSessionsRevoked)
	ended, err := s.RevokeSessions(t.Context(), account, now(), e)
	is(t, "RevokeSessions", err, nil)
	same(t, "ended", sorted(ended), sorted(append(ids(living), expired.ID)))
	noneLives(t, s, account)
	got := events(t, s, account, 1)[0]
	e.Detail["sessions"] = "4"
	same(t, "event", got, eventAsStored(e))

	again, err := s.RevokeSessions(t.Context(), account, now(), Event(account, accounts.EventSessionsRevoked))
	is(t, "RevokeSessions again", err, nil)
	same(t, "ended again", len(again), 0)
	events(t, s, account, 1)
	session, err := s.Session(t.Context(), living[0].ID)
	is(t, "Session", err, nil)
	same(t, "revoked at", session.RevokedAt, stored(now()))
}

func ids(sessions []accounts.Session) []uuid.UUID {
	var ids []uuid.UUID
	for _, s := range sessions {
		ids = append(ids, s.ID)
	}
	return ids
}

func sorted(ids []uuid.UUID) []uuid.UUID {
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return ids
}

// setDisabled changes an account and returns what SetDisabled says of it.
func setDisabled(t *testing.T, s accounts.Store, account uuid.UUID, disabled bool) (bool, []uuid.UUID, error) {
	kind := accounts.EventEnabled
	if disabled {
		kind = accounts.EventDisabled
	}
	return s.SetDisabled(t.Context(), account, disabled, now(), Event(account, kind))
}

func isDisabled(t *testing.T, s accounts.Store, account uuid.UUID, want bool) {
	t.Helper()
	rec, err := s.ByID(t.Context(), account)
	is(t, "ByID", err, nil)
	same(t, "disabled", rec.Disabled, want)
}

func testDisable(t *testing.T, s accounts.Store) {
	r, bob := Person("Ada"), Person("Bob")
	create(t, s, r)
	create(t, s, bob)
	living, expired := sessionsOf(t, s, r.ID, 2)
	changed, ended, err := setDisabled(t, s, r.ID, true)
	is(t, "SetDisabled", err, nil)
	same(t, "changed", changed, true)
	same(t, "ended", sorted(ended), sorted(append(ids(living), expired.ID)))
	isDisabled(t, s, r.ID, true)
	isDisabled(t, s, bob.ID, false)
	noneLives(t, s, r.ID)
	e := events(t, s, r.ID, 2)[1]
	same(t, "kind", e.Kind, accounts.EventDisabled)
	same(t, "sessions in the event", e.Detail["sessions"], "3")

	slipped := newSession(r.ID)
	is(t, "CreateSession", s.CreateSession(t.Context(), slipped), nil)
	changed, ended, err = setDisabled(t, s, r.ID, true)
	is(t, "SetDisabled again", err, nil)
	same(t, "changed again", changed, false)
	same(t, "ended again", len(ended), 0)
	events(t, s, r.ID, 2)

	nobody := uuid.Must(uuid.NewV7())
	_, _, err = setDisabled(t, s, nobody, true)
	is(t, "SetDisabled of nobody", err, accounts.ErrNotFound)
	events(t, s, nobody, 0)
}

func testEnable(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	r.Disabled = true
	create(t, s, r)
	slipped := newSession(r.ID)
	is(t, "CreateSession", s.CreateSession(t.Context(), slipped), nil)
	changed, ended, err := setDisabled(t, s, r.ID, false)
	is(t, "SetDisabled", err, nil)
	same(t, "changed", changed, true)
	same(t, "ended", ended, []uuid.UUID{slipped.ID})
	isDisabled(t, s, r.ID, false)
	noneLives(t, s, r.ID)
	same(t, "kind", events(t, s, r.ID, 2)[1].Kind, accounts.EventEnabled)
	changed, _, err = setDisabled(t, s, r.ID, false)
	is(t, "SetDisabled again", err, nil)
	same(t, "changed again", changed, false)
	events(t, s, r.ID, 2)
}

func testEnableDeleted(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	is(t, "Delete", s.Delete(t.Context(), r.ID, 1, now(), Event(r.ID, accounts.EventDeleted)), nil)
	for _, disabled := range []bool{false, true} {
		changed, ended, err := setDisabled(t, s, r.ID, disabled)
		is(t, "SetDisabled", err, accounts.ErrNotFound)
		same(t, "changed", changed, false)
		same(t, "ended", len(ended), 0)
		isDisabled(t, s, r.ID, true)
	}
	events(t, s, r.ID, 2)
}

func testDisableRace(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	living, expired := sessionsOf(t, s, r.ID, 5)
	ended := make([][]uuid.UUID, crowd)
	errs := together(crowd, func(i int) error {
		changed, these, err := setDisabled(t, s, r.ID, true)
		ended[i] = these
		return onceTrue(changed, err)
	})
	winner := oneWon(t, errs, errNotMe)
	same(t, "ended by the winner", sorted(ended[winner]), sorted(append(ids(living), expired.ID)))
	same(t, "ended by all", len(slices.Concat(ended...)), len(living)+1)
	events(t, s, r.ID, 2)
	isDisabled(t, s, r.ID, true)
}

func testDisableEnableRace(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	changes := make([]int, crowd)
	errs := together(crowd, func(i int) error {
		for round := range 4 {
			changed, _, err := setDisabled(t, s, r.ID, (i+round)%2 == 0)
			if err != nil {
				return err
			}
			if changed {
				changes[i]++
			}
		}
		return nil
	})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, n := range changes {
		total += n
	}
	// It begins enabled, and each change turns it round: so many changes say how it must be.
	isDisabled(t, s, r.ID, total%2 == 1)
	events(t, s, r.ID, 1+total)
}

func testRevokeSessionsRace(t *testing.T, s accounts.Store) {
	account := uuid.Must(uuid.NewV7())
	living, expired := sessionsOf(t, s, account, 20)
	ended := make([][]uuid.UUID, crowd)
	errs := together(crowd, func(i int) (err error) {
		ended[i], err = s.RevokeSessions(t.Context(), account, now(), Event(account, accounts.EventSessionsRevoked))
		return err
	})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	same(t, "ended by all", sorted(slices.Concat(ended...)), sorted(append(ids(living), expired.ID)))
	won := 0
	for _, these := range ended {
		won += min(len(these), 1)
	}
	events(t, s, account, won)
	noneLives(t, s, account)
}

func testRenewAndDisable(t *testing.T, s accounts.Store) {
	for round := range 20 {
		r := Person(numbered("ada", round))
		create(t, s, r)
		session := newSession(r.ID)
		is(t, "CreateSession", s.CreateSession(t.Context(), session), nil)
		disabled := make(chan struct{})
		errs := together(2, func(i int) error {
			if i == 0 {
				defer close(disabled)
				changed, _, err := setDisabled(t, s, r.ID, true)
				return onceTrue(changed, err)
			}
			for generation, last := int64(0), false; ; generation++ {
				select {
				case <-disabled: // from here on none may succeed
					last = true
				default:
				}
				_, _, err := s.RenewSession(t.Context(), session.ID, generation, now(), time.Hour, 240*time.Hour)
				switch {
				case errors.Is(err, accounts.ErrStale):
					return nil
				case err != nil:
					return err
				case last:
					return fmt.Errorf("a renewal after the account was disabled: %w", errRotated)
				}
			}
		})
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		noneLives(t, s, r.ID)
		events(t, s, r.ID, 2)
	}
}
