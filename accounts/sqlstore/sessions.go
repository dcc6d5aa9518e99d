package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

const sessionColumns = `
id, account_id, source, legacy_id, generation, client, address, created_at, rotated_at, expires_at, revoked_at`

// CreateSession implements accounts.Sessions.
func (s *Store) CreateSession(ctx context.Context, n accounts.Session) error {
	err := s.retry(func() error {
		_, err := s.exec(ctx, s.write, `
INSERT INTO sessions (`+sessionColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			n.ID, n.AccountID, n.Source, n.LegacyID, n.Generation, plain(n.Client), plain(n.Address),
			micros(n.CreatedAt), micros(n.RotatedAt), micros(n.ExpiresAt), microsOrNull(n.RevokedAt))
		return err
	})
	return storeError("create session", err)
}

// Session implements accounts.Sessions.
func (s *Store) Session(ctx context.Context, id uuid.UUID) (accounts.Session, error) {
	found, err := s.session(ctx, s.read, `SELECT `+sessionColumns+` FROM sessions WHERE id = $1`, id)
	if err == nil && found == nil {
		err = accounts.ErrNotFound
	}
	if err != nil {
		return accounts.Session{}, storeError("read session", err)
	}
	return *found, nil
}

// RotateSession implements accounts.Sessions.
func (s *Store) RotateSession(
	ctx context.Context, id uuid.UUID, from int64, at, expires time.Time,
) (accounts.Session, error) {
	var rotated *accounts.Session
	err := s.retry(func() error {
		var err error
		rotated, err = s.session(ctx, s.write, `
UPDATE sessions SET generation = generation + 1, rotated_at = $3, expires_at = $4
 WHERE id = $1 AND generation = $2 AND revoked_at IS NULL AND expires_at > $3
RETURNING `+sessionColumns, id, from, micros(at), micros(expires))
		return err
	})
	if err == nil && rotated == nil {
		err = s.whyUnchanged(ctx, s.read, `SELECT 1 FROM sessions WHERE id = $1`, id)
	}
	if err != nil {
		return accounts.Session{}, storeError("rotate session", err)
	}
	return *rotated, nil
}

// session returns the session that a text returns, or nil.
func (s *Store) session(ctx context.Context, q querier, text string, args ...any) (*accounts.Session, error) {
	var found *accounts.Session
	err := s.each(ctx, q, func(scan scan) error {
		var (
			n                         accounts.Session
			created, rotated, expires int64
			revoked                   sql.NullInt64
		)
		err := scan(&n.ID, &n.AccountID, &n.Source, &n.LegacyID, &n.Generation, &n.Client, &n.Address,
			&created, &rotated, &expires, &revoked)
		n.CreatedAt, n.RotatedAt, n.ExpiresAt = moment(created), moment(rotated), moment(expires)
		n.RevokedAt = momentOrZero(revoked)
		found = &n
		return err
	}, text, args...)
	return found, err
}

// RevokeSession implements accounts.Sessions.
func (s *Store) RevokeSession(ctx context.Context, id uuid.UUID, at time.Time, e accounts.Event) (bool, error) {
	return s.once(ctx, "revoke session", e,
		`UPDATE sessions SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL`, id, micros(at))
}

// DeleteSessions implements accounts.Sessions. The expiry is asked for twice: a session that is rotated between the
// inner and the outer look is looked at again by the outer one only.
func (s *Store) DeleteSessions(ctx context.Context, before time.Time, limit int) (int64, error) {
	var n int64
	err := s.retry(func() error {
		var err error
		n, err = s.exec(ctx, s.write, `
DELETE FROM sessions
 WHERE expires_at < $1 AND id IN (SELECT id FROM sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)`,
			micros(before), max(limit, 0))
		return err
	})
	return n, storeError("delete sessions", err)
}
