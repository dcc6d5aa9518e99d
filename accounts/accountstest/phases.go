package accountstest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/phase"
)

func phaseRules() []rule {
	return []rule{
		{"first", "The first state is stored once, by whoever is first; all others are told that one.", testFirstPhase},
		{"move", "A move names the epoch before it: of all who move from one epoch one does, with one event.", testMovePhase},
		{"leases", "A replica is known with what it last said, by the store's own clock, until it says that it has stopped.", testLeases},
		{"held writes", "A write that was decided in an epoch that is not the installation's changes nothing.", testHeldWrites},
		{"moves wait", "When a move is done, nothing that was decided in the epoch before is written any more.", testMovesWait},
		{"counts", "What a move depends on is counted: living accounts alone, and intents apart from deliveries.", testPhaseCounts},
		{"copy again", "A copy is made again from the version that was read, with its names, and is then trusted; or nothing is changed.", testRecopy},
	}
}

// first is the state of a new installation.
func first(t *testing.T, s accounts.Store, plan phase.Plan) phase.State {
	t.Helper()
	state, err := phase.Initial(plan, "0123456789abcdef", now())
	is(t, "the first state", err, nil)
	state, err = s.InitPhase(t.Context(), state)
	is(t, "InitPhase", err, nil)
	return state
}

// after is the state behind another on the way to a phase.
func after(t *testing.T, s phase.State, to phase.Phase) phase.State {
	t.Helper()
	if s.Moving() {
		return s.Resume(now())[0]
	}
	next, err := s.Move(to, 0, now())
	is(t, "a legal move", err, nil)
	return next[0]
}

func moved() accounts.Event { return Event(uuid.Max, accounts.EventPhaseMoved) }

func testFirstPhase(t *testing.T, s accounts.Store) {
	_, err := s.Phase(t.Context())
	is(t, "Phase of an empty store", err, accounts.ErrNotFound)
	stood := make([]phase.State, crowd)
	errs := together(crowd, func(i int) error {
		state, err := phase.Initial(phase.Lazy, numbered("the-salt-of-somebody", i), now())
		if err == nil {
			stood[i], err = s.InitPhase(t.Context(), state)
		}
		return err
	})
	for i, err := range errs {
		is(t, "InitPhase", err, nil)
		same(t, "the state that stands", stood[i], stood[0])
	}
	same(t, "InitPhase again", first(t, s, phase.DualWrite), stood[0])
	state, err := s.Phase(t.Context())
	is(t, "Phase", err, nil)
	same(t, "Phase", state, stood[0])
	epoch, err := s.PhaseEpoch(t.Context())
	is(t, "PhaseEpoch", err, nil)
	same(t, "PhaseEpoch", epoch, 1)
}

func testMovePhase(t *testing.T, s accounts.Store) {
	at := first(t, s, phase.Lazy)
	for range 3 {
		next := after(t, at, phase.LegacyOnly)
		errs := together(crowd, func(int) error { return s.MovePhase(t.Context(), next, moved()) })
		oneWon(t, errs, accounts.ErrStale)
		got, err := s.Phase(t.Context())
		is(t, "Phase", err, nil)
		same(t, "Phase", got, next)
		before := at
		is(t, "a move from an epoch that is over", s.MovePhase(t.Context(), after(t, before, phase.LegacyOnly), moved()), accounts.ErrStale)
		ahead := next
		ahead.Epoch += 2
		is(t, "a move that skips an epoch", s.MovePhase(t.Context(), ahead, moved()), accounts.ErrStale)
		epoch, err := s.PhaseEpoch(t.Context())
		is(t, "PhaseEpoch", err, nil)
		same(t, "PhaseEpoch", epoch, next.Epoch)
		at = next
	}
	events(t, s, uuid.Max, 3)
}

func testLeases(t *testing.T, s accounts.Store) {
	state := first(t, s, phase.Lazy)
	all, clock, err := s.Replicas(t.Context())
	is(t, "Replicas", err, nil)
	if len(all) != 0 || clock.IsZero() {
		t.Errorf("an empty store has %d replicas, at %s", len(all), clock)
	}
	renew := func(id, name string, epoch int64) {
		t.Helper()
		got, err := s.RenewLease(t.Context(), accounts.Replica{Replica: phase.Replica{ID: id, Epoch: epoch, Renewed: now()}, Name: name})
		is(t, "RenewLease", err, nil)
		same(t, "the state it is told", got, state)
	}
	renew("b", "two", 1)
	renew("a", "one", 1)
	renew("a", "one, moved", 2)
	all, later, err := s.Replicas(t.Context())
	is(t, "Replicas", err, nil)
	if len(all) != 2 || all[0].ID != "a" || all[0].Name != "one, moved" || all[0].Epoch != 2 || all[1].ID != "b" {
		t.Fatalf("the replicas are %+v", all)
	}
	for _, r := range all { // by the store's clock, not by theirs
		if r.Renewed.Before(clock) || r.Renewed.After(later) {
			t.Errorf("%s was renewed at %s, and the store's clock went from %s to %s", r.ID, r.Renewed, clock, later)
		}
	}
	if all[0].Renewed.Before(all[1].Renewed) {
		t.Errorf("who renewed last did so at %s, and the other at %s", all[0].Renewed, all[1].Renewed)
	}
	state = after(t, state, phase.LegacyOnly)
	is(t, "MovePhase", s.MovePhase(t.Context(), state, moved()), nil)
	renew("b", "two", 1)
	for range 2 {
		is(t, "EndLease", s.EndLease(t.Context(), "a"), nil)
	}
	all, _, err = s.Replicas(t.Context())
	if err != nil || len(all) != 1 || all[0].ID != "b" {
		t.Errorf("the replicas are %+v (%v)", all, err)
	}
}

func testHeldWrites(t *testing.T, s accounts.Store) {
	state := first(t, s, phase.Lazy)
	ada, bert := Person("Ada"), Person("Bert")
	create(t, s, ada)
	is(t, "Create in the epoch", s.At(1).Create(t.Context(), bert, Event(bert.ID, accounts.EventMigrated)), nil)
	is(t, "MovePhase", s.MovePhase(t.Context(), after(t, state, phase.LegacyOnly), moved()), nil)

	carl := Person("Carl")
	changed := ada
	changed.Identifiers = carl.Identifiers
	next := accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: encoded("next")}
	owed := delivery(ada.ID, accounts.DeliverPassword)
	for _, epoch := range []int64{1, 3} {
		w := s.At(epoch)
		for what, write := range map[string]func() error{
			"Create": func() error { return w.Create(t.Context(), carl, Event(carl.ID, accounts.EventMigrated)) },
			"Recopy": func() error { return w.Recopy(t.Context(), changed, 1, Event(ada.ID, accounts.EventCopied)) },
			"SetLink": func() error {
				return w.SetLink(t.Context(), *asStored(ada).Link, *ada.Link, Event(ada.ID, accounts.EventDrifted))
			},
			"SetPassword": func() error {
				return w.SetPassword(t.Context(), ada.ID, 1, next, uuid.Nil, Event(ada.ID, accounts.EventPassword), owed)
			},
			"Delete": func() error {
				return w.Delete(t.Context(), ada.ID, 1, now(), Event(ada.ID, accounts.EventDeleted), owed)
			},
			"MarkDirty": func() error {
				return w.MarkDirty(t.Context(), accounts.LegacyKey{Source: ada.Link.Source, LegacyID: ada.Link.LegacyID})
			},
			"BeginIntent": func() error {
				_, err := w.BeginIntent(t.Context(), owed, now().Add(time.Minute))
				return err
			},
		} {
			is(t, what+" in another epoch", write(), accounts.ErrStaleEpoch)
		}
	}
	none(t, s, carl)
	whole(t, s, ada)
	backlog(t, s, 0)
	is(t, "SetPassword in the epoch", s.At(2).SetPassword(t.Context(), ada.ID, 1, next, uuid.Nil, Event(ada.ID, accounts.EventPassword), owed), nil)
	backlog(t, s, 1)
}

func testMovesWait(t *testing.T, s accounts.Store) {
	at := first(t, s, phase.Lazy)
	for round := range 6 {
		to := phase.LegacyOnly
		if at.Phase == to {
			to = phase.NewFirst
		}
		next := after(t, at, to)
		var seen int64
		errs := together(9, func(i int) error {
			if i == 0 {
				err := s.MovePhase(t.Context(), next, moved())
				if err == nil {
					seen, err = s.CountAccounts(t.Context())
				}
				return err
			}
			for n := range 4 {
				r := Person(numbered(numbered(numbered("p", round), i), n))
				err := s.At(at.Epoch).Create(t.Context(), r, Event(r.ID, accounts.EventMigrated))
				if err != nil && !errors.Is(err, accounts.ErrStaleEpoch) {
					return err
				}
			}
			return nil
		})
		for _, err := range errs {
			is(t, "a write or the move", err, nil)
		}
		count(t, s, seen) // nothing was written behind the move's back
		at = next
	}
}

func testPhaseCounts(t *testing.T, s accounts.Store) {
	first(t, s, phase.Lazy)
	counted := func(want accounts.PhaseCounts) {
		t.Helper()
		got, err := s.PhaseCounts(t.Context(), now())
		is(t, "PhaseCounts", err, nil)
		same(t, "PhaseCounts", got, want)
	}
	counted(accounts.PhaseCounts{})
	ada, bert, born := Person("Ada"), Person("Bert"), Person("Born")
	born.ID, born.Link = uuid.Must(uuid.NewV7()), nil
	told := Person("Told") // born here too, and legacy has been told
	told.ID = uuid.Must(uuid.NewV7())
	for _, r := range []accounts.Record{ada, bert, born, told} {
		create(t, s, r)
	}
	counted(accounts.PhaseCounts{Staying: 1})
	next := accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: encoded("next")}
	is(t, "SetPassword", s.SetPassword(t.Context(), ada.ID, 1, next, uuid.Nil, Event(ada.ID, accounts.EventPassword)), nil)
	counted(accounts.PhaseCounts{Staying: 2})
	is(t, "SetPassword", s.SetPassword(t.Context(), ada.ID, 2, next, uuid.Nil, Event(ada.ID, accounts.EventPassword),
		delivery(ada.ID, accounts.DeliverPassword)), nil)
	counted(accounts.PhaseCounts{Staying: 2, Backlog: 1}) // it has not arrived
	refused, err := s.ClaimDelivery(t.Context(), now(), now().Add(time.Minute))
	is(t, "ClaimDelivery", err, nil)
	is(t, "PostponeDelivery", s.PostponeDelivery(t.Context(), refused, now().Add(time.Hour), "too long"), nil)
	counted(accounts.PhaseCounts{Staying: 2, Backlog: 1, Refused: 1})
	intent, err := s.BeginIntent(t.Context(), delivery(bert.ID, accounts.DeliverPassword), now().Add(time.Minute))
	is(t, "BeginIntent", err, nil)
	counted(accounts.PhaseCounts{Staying: 2, Backlog: 1, Refused: 1, Intents: 1})
	young, err := s.PhaseCounts(t.Context(), now().Add(-time.Second))
	if err != nil || young.Intents != 0 {
		t.Errorf("%d intents are older than the oldest (%v)", young.Intents, err)
	}
	is(t, "DropDelivery", s.DropDelivery(t.Context(), intent, true), nil)
	counted(accounts.PhaseCounts{Staying: 2, Backlog: 1, Refused: 1, Drifted: 1})
	is(t, "Delete", s.Delete(t.Context(), bert.ID, 1, now(), Event(bert.ID, accounts.EventDeleted)), nil)
	is(t, "Delete", s.Delete(t.Context(), born.ID, 1, now(), Event(born.ID, accounts.EventDeleted)), nil)
	counted(accounts.PhaseCounts{Staying: 1, Backlog: 1, Refused: 1})
	is(t, "Delete", s.Delete(t.Context(), ada.ID, 3, now(), Event(ada.ID, accounts.EventDeleted), delivery(ada.ID, accounts.DeliverDelete)), nil)
	counted(accounts.PhaseCounts{Backlog: 2, Refused: 1})
}

func testRecopy(t *testing.T, s accounts.Store) {
	first(t, s, phase.Lazy)
	ada, bert := Person("Ada"), Person("Bert")
	create(t, s, ada)
	create(t, s, bert)
	next := Person("Adele")
	next.ID, next.Link.LegacyID = ada.ID, ada.Link.LegacyID
	next.Link.Fingerprint, next.Link.CopiedEpoch = []byte{9, 9}, 8
	copied := func(r accounts.Record, from int64) error {
		return s.Recopy(t.Context(), r, from, Event(r.ID, accounts.EventCopied))
	}

	is(t, "Recopy from another version", copied(next, 2), accounts.ErrStale)
	taken := next
	taken.Identifiers = append(taken.Identifiers[:1:1], bert.Identifiers[0])
	is(t, "Recopy with a name of another's", copied(taken, 1), accounts.ErrTaken)
	strange := next
	link := *next.Link
	link.LegacyID, strange.Link = bert.Link.LegacyID, &link
	is(t, "Recopy of another's link", copied(strange, 1), accounts.ErrNotFound)
	nobody := Person("Nobody")
	is(t, "Recopy of nobody", copied(nobody, 1), accounts.ErrNotFound)
	whole(t, s, ada)
	whole(t, s, bert)

	intent, err := s.BeginIntent(t.Context(), delivery(ada.ID, accounts.DeliverPassword), now().Add(time.Minute))
	is(t, "BeginIntent", err, nil)
	is(t, "DropDelivery", s.DropDelivery(t.Context(), intent, true), nil)
	got, err := s.ByID(t.Context(), ada.ID)
	if err != nil || !got.Link.Drifted {
		t.Errorf("she is not drifted (%v)", err)
	}
	is(t, "Recopy", copied(next, 1), nil)
	want := asStored(next)
	want.Credential.Version, want.Link.At = 2, stored(ada.Link.At)
	got, err = s.ByID(t.Context(), ada.ID)
	is(t, "ByID", err, nil)
	same(t, "the copy", got, want)
	_, err = s.ByIdentifier(t.Context(), ada.Identifiers[0].Canonical)
	is(t, "the name that is no more", err, accounts.ErrNotFound)
	events(t, s, ada.ID, 2)

	errs := together(crowd, func(int) error { return copied(next, 2) })
	oneWon(t, errs, accounts.ErrStale)
	is(t, "Delete", s.Delete(t.Context(), ada.ID, 3, now(), Event(ada.ID, accounts.EventDeleted)), nil)
	is(t, "Recopy of a deleted person", copied(next, 3), accounts.ErrNotFound)
}
