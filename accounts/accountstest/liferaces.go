package accountstest

import (
	"cmp"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

func lifeRaceRules() []rule {
	return []rule{
		{"one password", "Of 50 that set or rehash a password from one version one does; sessions end once for each that was set.",
			testOnePassword},
		{"set and delete", "A password that is set while the account is deleted changes nothing, or the deletion does not happen.",
			testSetAndDelete},
		{"set and renew", "Once a password is set no session but the kept one can be renewed, however the two are interleaved.",
			testSetAndRenew},
		{"set and renew kept", "The kept session is renewed while the password is set without being lost.", testSetAndRenewKept},
		{"set and open", "A session that is opened while a password is set, by a login with the old one, cannot be renewed.",
			testSetAndOpen},
		{"one deletion", "Of 50 that delete an account one does, with one event.", testOneDeletion},
		{"delete and create", "Whoever makes the deleted person again, at whatever moment, is told ErrLinked; somebody else may get " +
			"the names, wholly or not.", testDeleteAndCreate},
	}
}

func testOnePassword(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	epoch := int64(0)
	for round := range int64(8) {
		errs := together(crowd, func(i int) error {
			next := accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: encoded(numbered("w", i))}
			if i%2 == 0 {
				return s.ReplaceCredential(t.Context(), r.ID, round+1, next, Event(r.ID, accounts.EventRehashed))
			}
			return s.SetPassword(t.Context(), r.ID, round+1, next, uuid.Nil, Event(r.ID, accounts.EventPassword))
		})
		winner := oneWon(t, errs, accounts.ErrStale)
		epoch += int64(winner % 2)
		got, err := s.ByID(t.Context(), r.ID)
		is(t, "ByID", err, nil)
		same(t, "version", got.Credential.Version, round+2)
		same(t, "the winner's password", got.Credential.Encoded, encoded(numbered("w", winner)))
		same(t, "session epoch", got.SessionEpoch, epoch)
		events(t, s, r.ID, int(round)+2)
	}
}

func testSetAndDelete(t *testing.T, s accounts.Store) {
	for round := range 20 {
		r := Person(numbered("ada", round))
		create(t, s, r)
		errs := together(2, func(i int) error {
			if i == 0 {
				return s.Delete(t.Context(), r.ID, 1, now(), Event(r.ID, accounts.EventDeleted))
			}
			return s.SetPassword(t.Context(), r.ID, 1, newPassword(), uuid.Nil, Event(r.ID, accounts.EventPassword))
		})
		got, err := s.ByID(t.Context(), r.ID)
		is(t, "ByID", err, nil)
		same(t, "deleted", got.Deleted(), errs[0] == nil)
		same(t, "session epoch", got.SessionEpoch, 1)
		events(t, s, r.ID, 2)
		if errs[0] == nil {
			is(t, "SetPassword of a deleted one", errs[1], accounts.ErrNotFound)
			same(t, "version", got.Credential.Version, 0)
		} else {
			is(t, "Delete from the old version", errs[0], accounts.ErrStale)
			is(t, "SetPassword", errs[1], nil)
			same(t, "version", got.Credential.Version, 2)
		}
	}
}

// errRenewed: a session was renewed that must not be.
var errRenewed = errors.New("it was renewed")

func testSetAndRenew(t *testing.T, s accounts.Store) {
	for round := range 20 {
		r := Person(numbered("ada", round))
		create(t, s, r)
		session := opened(t, s, r.ID, 0)
		renewed, set := int64(0), make(chan struct{})
		renew := func() error {
			var err error
			if renewed%2 == 0 {
				_, _, err = s.RenewSession(t.Context(), session.ID, renewed, now(), time.Hour, 240*time.Hour)
			} else {
				_, err = s.RotateSession(t.Context(), session.ID, renewed, now(), session.ExpiresAt)
			}
			if err == nil {
				renewed++
			}
			return err
		}
		errs := together(2, func(i int) error {
			if i == 0 {
				defer close(set)
				return s.SetPassword(t.Context(), r.ID, 1, newPassword(), uuid.Nil, Event(r.ID, accounts.EventPassword))
			}
			// One client renews until it is told to stop; the new password comes in somewhere.
			for {
				if err := renew(); err != nil {
					if errors.Is(err, accounts.ErrStale) {
						return nil
					}
					return err
				}
				select {
				case <-set:
					if err := renew(); !errors.Is(err, accounts.ErrStale) {
						return fmt.Errorf("after the password was set: %w", cmp.Or(err, errRenewed))
					}
					return nil
				default:
				}
			}
		})
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		got, err := s.Session(t.Context(), session.ID)
		is(t, "Session", err, nil)
		same(t, "superseded", got.Superseded, true)
		same(t, "generation", got.Generation, renewed)
	}
}

func testSetAndRenewKept(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	session := opened(t, s, r.ID, 0)
	const changes = 10
	renewed, set := int64(0), make(chan struct{})
	errs := together(2, func(i int) error {
		if i == 0 {
			defer close(set)
			for version := range int64(changes) {
				err := s.SetPassword(t.Context(), r.ID, version+1, newPassword(), session.ID, Event(r.ID, accounts.EventPassword))
				if err != nil {
					return err
				}
			}
			return nil
		}
		for last := false; !last; {
			select {
			case <-set:
				last = true
			default:
			}
			// ErrStale says only that it was not renewed, and whoever is told it looks again.
			_, _, err := s.RenewSession(t.Context(), session.ID, renewed, now(), time.Hour, 240*time.Hour)
			switch {
			case err == nil:
				renewed++
			case last || !errors.Is(err, accounts.ErrStale):
				return err
			}
			got, err := s.Session(t.Context(), session.ID)
			if err == nil && (got.Superseded || got.Generation != renewed) {
				err = fmt.Errorf("superseded is %v, generation %d, want %d", got.Superseded, got.Generation, renewed)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	got, err := s.Session(t.Context(), session.ID)
	is(t, "Session", err, nil)
	same(t, "epoch", got.Epoch, changes)
}

func testSetAndOpen(t *testing.T, s accounts.Store) {
	for round := range 20 {
		r := Person(numbered("ada", round))
		create(t, s, r)
		read, err := s.ByID(t.Context(), r.ID) // as the login did that checks the old password
		is(t, "ByID", err, nil)
		session := newSession(r.ID)
		session.Epoch = read.SessionEpoch
		errs := together(2, func(i int) error {
			if i == 0 {
				return s.CreateSession(t.Context(), session)
			}
			return s.SetPassword(t.Context(), r.ID, 1, newPassword(), uuid.Nil, Event(r.ID, accounts.EventPassword))
		})
		is(t, "both", errors.Join(errs...), nil)
		superseded(t, s, "opened by the old password", session)
	}
}

func testOneDeletion(t *testing.T, s accounts.Store) {
	for round := range 4 {
		r := Person(numbered("ada", round))
		create(t, s, r)
		errs := together(crowd, func(int) error {
			return s.Delete(t.Context(), r.ID, 1, now(), Event(r.ID, accounts.EventDeleted))
		})
		oneWon(t, errs, accounts.ErrNotFound)
		events(t, s, r.ID, 2)
		count(t, s, 0)
	}
}

func testDeleteAndCreate(t *testing.T, s accounts.Store) {
	for round := range 10 {
		r := Person(numbered("ada", round))
		create(t, s, r)
		names := r.Identifiers
		others := make([]accounts.Record, 8)
		for i := range others {
			others[i] = Person(numbered(numbered("other", round), i))
			others[i].Link = nil
			others[i].Identifiers = names
			if i%2 == 1 {
				others[i].Identifiers = []accounts.Identifier{names[1], names[0]}
			}
		}
		errs := together(2+len(others), func(i int) error {
			switch i {
			case 0:
				return s.Delete(t.Context(), r.ID, 1, now(), Event(r.ID, accounts.EventDeleted))
			case 1:
				return s.Create(t.Context(), r, Event(r.ID, accounts.EventMigrated))
			}
			return s.Create(t.Context(), others[i-2], Event(others[i-2].ID, accounts.EventRegistered))
		})
		is(t, "Delete", errs[0], nil)
		is(t, "Create of the deleted person", errs[1], accounts.ErrLinked)
		winners := 0
		for i, other := range others {
			if err := errs[i+2]; err == nil {
				winners++
				whole(t, s, other)
			} else {
				is(t, "Create of somebody else", err, accounts.ErrTaken)
				_, err := s.ByID(t.Context(), other.ID)
				is(t, "ByID of a loser", err, accounts.ErrNotFound)
			}
		}
		if winners > 1 {
			t.Errorf("%d accounts have the same names", winners)
		}
		got, err := s.ByID(t.Context(), r.ID)
		is(t, "ByID", err, nil)
		same(t, "deleted", got.Deleted(), true)
	}
}
