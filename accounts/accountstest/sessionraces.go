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

func sessionRaceRules() []rule {
	return []rule{
		{"one successor", "Of 50 that rotate or renew a session from one generation one does: a refresh token has one successor.",
			testOneSuccessor},
		{"rotate and revoke", "Once a session is revoked no rotation succeeds, and a rotation never brings it back.",
			testRotateAndRevoke},
		{"revoke", "Of 50 that revoke a session one does, with one event.", testRevokeRace},
		{"rotate and delete", "A session that was rotated just now is not deleted as expired.", testRotateAndDelete},
	}
}

var errRotated = errors.New("it succeeded")

func testOneSuccessor(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	session := newSession(r.ID)
	is(t, "CreateSession", s.CreateSession(t.Context(), session), nil)
	rotate := func(i int, from int64) (got accounts.Session, err error) {
		if i%2 == 0 {
			return s.RotateSession(t.Context(), session.ID, from, now().Add(time.Hour), session.ExpiresAt)
		}
		got, _, err = s.RenewSession(t.Context(), session.ID, from, now().Add(time.Hour), 2*time.Hour, 240*time.Hour)
		return got, err
	}
	for generation := range int64(10) {
		errs := together(crowd, func(i int) error {
			got, err := rotate(i, generation)
			if err == nil && got.Generation != generation+1 {
				t.Errorf("rotated from %d to %d", generation, got.Generation)
			}
			return err
		})
		oneWon(t, errs, accounts.ErrStale)
	}
	got, err := s.Session(t.Context(), session.ID)
	is(t, "Session", err, nil)
	same(t, "generation", got.Generation, int64(10))
}

func testRotateAndRevoke(t *testing.T, s accounts.Store) {
	for range 20 {
		session := newSession(uuid.Must(uuid.NewV7()))
		is(t, "CreateSession", s.CreateSession(t.Context(), session), nil)
		var (
			rotated int64
			revoked = make(chan struct{})
		)
		errs := together(8, func(i int) error {
			if i == 0 {
				defer close(revoked)
				did, err := s.RevokeSession(t.Context(), session.ID, now(),
					Event(session.AccountID, accounts.EventSessionRevoked))
				return onceTrue(did, err)
			}
			if i > 1 {
				_, err := s.Session(t.Context(), session.ID)
				return err
			}
			// One client rotates until it is told to stop; the one that revokes comes in somewhere.
			for {
				_, err := s.RotateSession(t.Context(), session.ID, rotated, now(), session.ExpiresAt)
				if errors.Is(err, accounts.ErrStale) {
					return nil
				}
				if err != nil {
					return err
				}
				rotated++
				select {
				case <-revoked: // one more may have been under way; from here on none may succeed
					_, err := s.RotateSession(t.Context(), session.ID, rotated, now(), session.ExpiresAt)
					if !errors.Is(err, accounts.ErrStale) {
						return fmt.Errorf("a rotation after the session was revoked: %w", cmp.Or(err, errRotated))
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
		session.RevokedAt, session.Generation = now(), rotated
		same(t, "Session", got, sessionAsStored(session))
		_, err = s.RotateSession(t.Context(), session.ID, rotated, now(), session.ExpiresAt)
		is(t, "RotateSession after it was revoked", err, accounts.ErrStale)
		events(t, s, session.AccountID, 1)
	}
}

func testRevokeRace(t *testing.T, s accounts.Store) {
	session := newSession(uuid.Must(uuid.NewV7()))
	is(t, "CreateSession", s.CreateSession(t.Context(), session), nil)
	errs := together(crowd, func(int) error {
		return onceTrue(s.RevokeSession(t.Context(), session.ID, now(),
			Event(session.AccountID, accounts.EventSessionRevoked)))
	})
	oneWon(t, errs, errNotMe)
	events(t, s, session.AccountID, 1)
}

func testRotateAndDelete(t *testing.T, s accounts.Store) {
	for range 20 {
		session := newSession(uuid.Must(uuid.NewV7()))
		is(t, "CreateSession", s.CreateSession(t.Context(), session), nil)
		// The sweep's clock is ahead of the other's: by the one it has expired, by the other it can still be rotated.
		sweep := session.ExpiresAt.Add(time.Second)
		var deleted int64
		errs := together(2, func(i int) error {
			var err error
			if i == 0 {
				deleted, err = s.DeleteSessions(t.Context(), sweep, 100)
			} else {
				_, err = s.RotateSession(t.Context(), session.ID, 0, now(), session.ExpiresAt.Add(time.Hour))
			}
			return err
		})
		is(t, "DeleteSessions", errs[0], nil)
		_, err := s.Session(t.Context(), session.ID)
		switch {
		case errs[1] == nil:
			is(t, "Session that was rotated", err, nil)
			same(t, "deleted", deleted, 0)
		default:
			is(t, "RotateSession of a deleted one", errs[1], accounts.ErrNotFound)
			is(t, "Session that was deleted", err, accounts.ErrNotFound)
			same(t, "deleted", deleted, 1)
		}
	}
}
