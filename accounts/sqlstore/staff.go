package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

const staffColumns = `id, name, role, digest, created_at, expires_at, last_used_at, revoked_at`

// AddStaffToken implements accounts.StaffTokens.
func (s *Store) AddStaffToken(ctx context.Context, t accounts.StaffToken, e accounts.Event) error {
	err := s.inTx(ctx, func(tx querier) error {
		_, err := s.exec(ctx, tx, `
INSERT INTO staff_tokens (`+staffColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			t.ID, t.Name, string(t.Role), t.Digest[:], micros(t.CreatedAt), micros(t.ExpiresAt),
			microsOrNull(t.LastUsedAt), microsOrNull(t.RevokedAt))
		if err != nil {
			return err
		}
		return s.insertEvent(ctx, tx, e)
	})
	return storeError("add staff token", err)
}

// StaffTokenByDigest implements accounts.StaffTokens.
func (s *Store) StaffTokenByDigest(ctx context.Context, digest accounts.StaffDigest, at time.Time) (accounts.StaffToken, error) {
	token, err := first(s.staffTokens(ctx, `
SELECT `+staffColumns+` FROM staff_tokens WHERE digest = $1 AND revoked_at IS NULL AND expires_at > $2`, digest[:], micros(at)))
	return token, storeError("read staff token", err)
}

// StaffTokens implements accounts.StaffTokens.
func (s *Store) StaffTokens(ctx context.Context) ([]accounts.StaffToken, error) {
	tokens, err := s.staffTokens(ctx, `SELECT `+staffColumns+` FROM staff_tokens ORDER BY created_at, id`)
	return tokens, storeError("read staff tokens", err)
}

var errDigestLength = errors.New("a stored digest has another length")

func (s *Store) staffTokens(ctx context.Context, text string, args ...any) ([]accounts.StaffToken, error) {
	var tokens []accounts.StaffToken
	err := s.each(ctx, s.read, func(scan scan) error {
		var (
			t                accounts.StaffToken
			role             string
			digest           []byte
			created, expires int64
			used, revoked    sql.NullInt64
		)
		if err := scan(&t.ID, &t.Name, &role, &digest, &created, &expires, &used, &revoked); err != nil {
			return err
		}
		t.Role, t.CreatedAt, t.ExpiresAt = accounts.Role(role), moment(created), moment(expires)
		t.LastUsedAt, t.RevokedAt = momentOrZero(used), momentOrZero(revoked)
		if copy(t.Digest[:], digest) != len(t.Digest) {
			return errDigestLength
		}
		tokens = append(tokens, t)
		return nil
	}, text, args...)
	return tokens, err
}

// UseStaffToken implements accounts.StaffTokens.
func (s *Store) UseStaffToken(ctx context.Context, id uuid.UUID, at time.Time, every time.Duration) error {
	err := s.retry(func() error {
		_, err := s.exec(ctx, s.write, `
UPDATE staff_tokens SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)`,
			id, micros(at), micros(at.Add(-every)))
		return err
	})
	return storeError("note use of staff token", err)
}

// RevokeStaffToken implements accounts.StaffTokens.
func (s *Store) RevokeStaffToken(ctx context.Context, id uuid.UUID, at time.Time, e accounts.Event) (bool, error) {
	did, err := s.once(ctx, "revoke staff token", e,
		`UPDATE staff_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL`, id, micros(at))
	if err != nil || did {
		return did, err
	}
	err = s.whyUnchanged(ctx, s.read, `SELECT 1 FROM staff_tokens WHERE id = $1`, id)
	if errors.Is(err, accounts.ErrStale) {
		return false, nil // it was revoked before
	}
	return false, storeError("revoke staff token", err)
}
