package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

const sessionColumns = `
id, account_id, source, legacy_id, epoch, generation, client, address, created_at, rotated_at, expires_at, revoked_at`

// epochOf is the session epoch of an account, or of somebody who is not here.
func epochOf(account string) string {
	return `coalesce((SELECT session_epoch FROM accounts WHERE id = ` + account + `),
                (SELECT e.epoch FROM session_epochs e WHERE e.account_id = ` + account + `), 0)`
}

// current holds of a session that was not ended together with all of its account.
var current = `sessions.epoch = ` + epochOf("sessions.account_id")

// CreateSession implements accounts.Sessions.
func (s *Store) CreateSession(ctx context.Context, n accounts.Session) error {
	err := s.retry(func() error {
		_, err := s.exec(ctx, s.write, `
INSERT INTO sessions (`+sessionColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
			n.ID, n.AccountID, n.Source, n.LegacyID, n.Epoch, n.Generation, plain(n.Client), plain(n.Address),
			micros(n.CreatedAt), micros(n.RotatedAt), micros(n.ExpiresAt), microsOrNull(n.RevokedAt))
		return err
	})
	return storeError("create session", err)
}

// Session implements accounts.Sessions.
func (s *Store) Session(ctx context.Context, id uuid.UUID) (accounts.Session, error) {
	var found *accounts.Session
	err := s.each(ctx, s.read, func(scan scan) error {
		var row sessionRow
		var superseded bool
		err := scan(append(row.into(), &superseded)...)
		found = row.session()
		found.Superseded = superseded
		return err
	}, `SELECT `+sessionColumns+`, NOT (`+current+`) FROM sessions WHERE id = $1`, id)
	if err == nil && found == nil {
		err = accounts.ErrNotFound
	}
	if err != nil {
		return accounts.Session{}, storeError("read session", err)
	}
	return *found, nil
}

// SessionEpoch implements accounts.Directory.
func (s *Store) SessionEpoch(ctx context.Context, account uuid.UUID) (int64, error) {
	var epoch int64
	err := s.each(ctx, s.read, func(scan scan) error { return scan(&epoch) }, `SELECT `+epochOf("$1"), account)
	return epoch, storeError("read session epoch", err)
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
 WHERE id = $1 AND generation = $2 AND revoked_at IS NULL AND expires_at > $3 AND `+current+`
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

// renewUpdate is what rotateSession writes, and renewable under which conditions; that on the account is to be added.
const renewUpdate = `
UPDATE sessions
   SET generation = generation + 1, rotated_at = $3,
       expires_at = CASE WHEN sessions.created_at + $5 < $4 THEN sessions.created_at + $5 ELSE $4 END`

const renewable = `
 WHERE sessions.id = $1 AND generation = $2 AND revoked_at IS NULL AND expires_at > $3`

// renewSession is rotateSession with its conditions on the account, which no other statement can come between.
const renewSession = renewUpdate + renewable + `
   AND EXISTS (SELECT 1 FROM accounts a WHERE a.id = sessions.account_id AND a.session_epoch = sessions.epoch AND NOT a.disabled)
RETURNING ` + sessionColumns

// RenewSession implements accounts.Sessions.
func (s *Store) RenewSession(
	ctx context.Context, id uuid.UUID, from int64, at time.Time, idle, absolute time.Duration,
) (accounts.Session, accounts.Account, error) {
	var renewed *accounts.Session
	var account accounts.Account
	err := s.retry(func() error {
		var err error
		renewed, account, err = s.engine.renew(s, ctx, id, from, micros(at), micros(at.Add(idle)), absolute.Microseconds())
		return err
	})
	if err == nil && renewed == nil {
		err = accounts.ErrStale
	}
	if err != nil {
		return accounts.Session{}, accounts.Account{}, storeError("renew session", err)
	}
	return *renewed, account, nil
}

// renewInSelect renews and reads the account in one statement, which has a row for each identifier. The account is joined
// to the UPDATE, so that it is looked up once, and its names are sorted here: PostgreSQL spends more time on setting up a
// step of a plan than on the one row that goes through it.
func (s *Store) renewInSelect(ctx context.Context, args ...any) (*accounts.Session, accounts.Account, error) {
	var (
		renewed   *accounts.Session
		account   accounts.Account
		positions []int64
	)
	err := s.each(ctx, s.write, func(scan scan) error {
		var session sessionRow
		var row recordRow
		err := scan(append(session.into(), &account.ChangedHere, &account.Pinned, &account.InDoubt, &account.Incomplete, &account.Terms, &row.needsChange, &row.accountCreated,
			&row.position, &row.kind, &row.canonical, &row.spelling, &row.contested, &row.verified)...)
		renewed = session.session()
		account.NeedsChange = row.needsChange.Bool
		account.ID, account.CreatedAt = renewed.AccountID, moment(row.accountCreated.Int64)
		account.SessionEpoch = renewed.Epoch
		if row.position.Valid {
			positions = append(positions, row.position.Int64)
			account.Identifiers = append(account.Identifiers, row.identifier())
		}
		return err
	}, `WITH renewed AS (`+renewUpdate+` FROM accounts a`+renewable+` AND a.id = account_id AND a.session_epoch = epoch AND NOT a.disabled
RETURNING sessions.*, a.created_at AS account_created, a.changed_here, a.pinned, a.in_doubt, a.incomplete, a.terms)
SELECT n.id, n.account_id, n.source, n.legacy_id, n.epoch, n.generation, n.client, n.address, n.created_at, n.rotated_at, n.expires_at,
       n.revoked_at, n.changed_here, n.pinned, n.in_doubt, n.incomplete, n.terms, c.needs_change, n.account_created, i.position, i.kind, i.canonical, i.spelling, i.contested, i.verified
  FROM renewed n LEFT JOIN identifiers i ON i.account_id = n.account_id
       LEFT JOIN credentials c ON c.account_id = n.account_id AND c.kind = 'password'`, args...)
	sortBy(account.Identifiers, positions)
	return renewed, account, err
}

// renewThenSelect renews, and then reads the account: it is that of a moment later.
func (s *Store) renewThenSelect(ctx context.Context, args ...any) (*accounts.Session, accounts.Account, error) {
	renewed, err := s.session(ctx, s.write, renewSession, args...)
	if err != nil || renewed == nil {
		return nil, accounts.Account{}, err
	}
	rec, err := s.ByID(ctx, renewed.AccountID)
	return renewed, rec.Account, err
}

// session returns the session that a text returns, or nil.
func (s *Store) session(ctx context.Context, q querier, text string, args ...any) (*accounts.Session, error) {
	var found *accounts.Session
	err := s.each(ctx, q, func(scan scan) error {
		var row sessionRow
		err := scan(row.into()...)
		found = row.session()
		return err
	}, text, args...)
	return found, err
}

// A sessionRow is the columns of a session as they are read.
type sessionRow struct {
	accounts.Session
	created, rotated, expires int64
	revoked                   sql.NullInt64
}

func (r *sessionRow) into() []any {
	return []any{&r.ID, &r.AccountID, &r.Source, &r.LegacyID, &r.Epoch, &r.Generation, &r.Client, &r.Address,
		&r.created, &r.rotated, &r.expires, &r.revoked}
}

func (r *sessionRow) session() *accounts.Session {
	n := r.Session
	n.CreatedAt, n.RotatedAt, n.ExpiresAt = moment(r.created), moment(r.rotated), moment(r.expires)
	n.RevokedAt = momentOrZero(r.revoked)
	return &n
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
