package accounts

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// A Session is a refresh family: one login, and the chain of refresh tokens that follows from it. The tokens are not
// stored: each is computed from the id and the generation.
type Session struct {
	ID         uuid.UUID // UUIDv7
	AccountID  uuid.UUID
	Source     string // set, with LegacyID, when the account was not in the new store at login
	LegacyID   string
	Epoch      int64  // the account's SessionEpoch as the login read it
	Generation int64  // of the newest refresh token; the first is 0
	Client     string // user agent, cut to 256 bytes
	Address    string // of the client
	CreatedAt  time.Time
	RotatedAt  time.Time // CreatedAt until the first rotation
	ExpiresAt  time.Time // moves with each rotation
	RevokedAt  time.Time // zero unless the session was ended by itself
	// Superseded: all sessions of the account were ended after its password was read for this one. It is read, not stored.
	Superseded bool
}

// Sessions is the part of a Store that keeps refresh families.
type Sessions interface {
	// CreateSession stores a new session: one statement, one commit.
	CreateSession(ctx context.Context, s Session) error
	// Session returns a session, revoked or not; ErrNotFound if there is none.
	Session(ctx context.Context, id uuid.UUID) (Session, error)
	// RotateSession moves a living session from generation from to from+1 and returns it as it then is. It returns
	// ErrStale if its generation is another or it is revoked, superseded or expired at the time at; ErrNotFound if there is
	// none.
	RotateSession(ctx context.Context, id uuid.UUID, from int64, at, expires time.Time) (Session, error)
	// RenewSession is RotateSession for a session whose account is here and not disabled, and returns the account with
	// it, all in one statement where the database can. The session then expires idle after at, but no later than
	// absolute after it was created. For every other session it returns ErrStale and changes nothing; who asks then
	// finds out why by Session and ByID.
	RenewSession(ctx context.Context, id uuid.UUID, from int64, at time.Time, idle, absolute time.Duration) (Session, Account, error)
	// RevokeSession ends a session, with the event, and reports whether this call ended it: ending it again, or one
	// that is not there, changes nothing and writes no event.
	RevokeSession(ctx context.Context, id uuid.UUID, at time.Time, e Event) (bool, error)
	// DeleteSessions removes up to limit sessions that expired before the given time, and returns how many.
	DeleteSessions(ctx context.Context, before time.Time, limit int) (int64, error)
}
