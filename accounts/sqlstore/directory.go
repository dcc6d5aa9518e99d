package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"rekey/accounts"
)

// selectRecord reads an account with all that a login needs of it in one statement, so that it is of one moment. There
// is a row for each identifier, and the rest is the same in each. What comes after it finds the account a; joined like
// this rather than by a subquery, PostgreSQL needs half the time.
const selectRecord = `
SELECT a.id, a.disabled, a.created_at, a.deleted_at, a.session_epoch, a.changed_here, a.pinned, a.in_doubt, a.disabled AND NOT a.disabled_here, a.incomplete, a.terms,
       EXISTS (SELECT 1 FROM factors f WHERE f.account_id = a.id AND f.kind = 'totp'),
       i.position, i.kind, i.canonical, i.spelling, i.contested, i.verified,
       ` + credentialColumns + `, c.needs_change,
       ` + linkColumns

// credentialColumns are those of a password c, which may be missing; intoCredential reads them.
const credentialColumns = `coalesce(c.version, 0), coalesce(c.scheme, ''), coalesce(c.encoded, ''), coalesce(c.fold, ''), coalesce(c.legacy, '')`

func intoCredential(c *accounts.Credential) []any {
	return []any{&c.Version, (*string)(&c.Scheme), &c.Encoded, &c.Fold, &c.Legacy}
}

const joinRecord = `
  LEFT JOIN identifiers  i ON i.account_id = a.id
  LEFT JOIN credentials  c ON c.account_id = a.id AND c.kind = 'password'
  LEFT JOIN legacy_links l ON l.account_id = a.id`

// ByIdentifier implements accounts.Directory.
func (s *Store) ByIdentifier(ctx context.Context, canonical string) (accounts.Record, error) {
	return s.record(ctx, selectRecord+`
  FROM identifiers asked JOIN accounts a ON a.id = asked.account_id`+joinRecord+`
 WHERE asked.canonical = $1`, canonical)
}

// ByID implements accounts.Directory.
func (s *Store) ByID(ctx context.Context, id uuid.UUID) (accounts.Record, error) {
	return s.record(ctx, selectRecord+`
  FROM accounts a`+joinRecord+`
 WHERE a.id = $1`, id)
}

// ByLink implements accounts.Directory.
func (s *Store) ByLink(ctx context.Context, source, legacyID string) (accounts.Record, error) {
	return s.record(ctx, selectRecord+`
  FROM legacy_links asked JOIN accounts a ON a.id = asked.account_id`+joinRecord+`
 WHERE asked.source = $1 AND asked.legacy_id = $2`, source, legacyID)
}

func (s *Store) record(ctx context.Context, text string, args ...any) (accounts.Record, error) {
	var (
		r         accounts.Record
		found     bool
		positions []int64
	)
	err := s.each(ctx, s.read, func(scan scan) error {
		row := recordRow{}
		if err := row.scan(scan, &r); err != nil {
			return err
		}
		found = true
		// An account that was merged from several legacy people has a row for each pair of identifier and link.
		if row.position.Valid && !slices.Contains(positions, row.position.Int64) {
			positions = append(positions, row.position.Int64)
			r.Identifiers = append(r.Identifiers, row.identifier())
		}
		if link := row.link(); r.Link == nil || link != nil && older(link, r.Link) {
			r.Link = link
		}
		return nil
	}, text, args...)
	if err != nil {
		return accounts.Record{}, fmt.Errorf("read account: %w", err)
	}
	if !found {
		return accounts.Record{}, accounts.ErrNotFound
	}
	sortBy(r.Identifiers, positions)
	return r, nil
}

// older says which of two links of one account is the one to name: the first.
func older(a, b *accounts.LegacyLink) bool {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Source, b.Source), cmp.Compare(a.LegacyID, b.LegacyID)) < 0
}

// sortBy puts the identifiers in the order of their positions. There are a handful.
func sortBy(ids []accounts.Identifier, positions []int64) {
	for i := range ids {
		for j := i; j > 0 && positions[j] < positions[j-1]; j-- {
			positions[j], positions[j-1] = positions[j-1], positions[j]
			ids[j], ids[j-1] = ids[j-1], ids[j]
		}
	}
}

// A recordRow is what of a row may be missing: an account can have no identifier, password or link.
type recordRow struct {
	position                       sql.NullInt64
	kind, canonical, spelling      sql.NullString
	contested, verified            sql.NullBool
	accountCreated, accountDeleted sql.NullInt64
	needsChange                    sql.NullBool
	linkRow
}

// scan copies a row, and fills r with what is the same in every row of an account.
func (row *recordRow) scan(scan scan, r *accounts.Record) error {
	columns := []any{
		&r.ID, &r.Disabled, &row.accountCreated, &row.accountDeleted, &r.SessionEpoch, &r.ChangedHere, &r.Pinned, &r.InDoubt,
		&r.DisabledThere, &r.Incomplete, &r.Terms, &r.SecondFactor,
		&row.position, &row.kind, &row.canonical, &row.spelling, &row.contested, &row.verified,
	}
	columns = append(append(columns, intoCredential(&r.Credential)...), &row.needsChange)
	if err := scan(append(columns, row.into()...)...); err != nil {
		return err
	}
	r.NeedsChange = row.needsChange.Bool
	r.CreatedAt, r.DeletedAt = moment(row.accountCreated.Int64), momentOrZero(row.accountDeleted)
	return nil
}

func (row *recordRow) identifier() accounts.Identifier {
	return accounts.Identifier{
		Kind:      accounts.Kind(row.kind.String),
		Canonical: row.canonical.String,
		Spelling:  row.spelling.String,
		Contested: row.contested.Bool,
		Verified:  row.verified.Bool,
	}
}

// CountAccounts implements accounts.Directory.
func (s *Store) CountAccounts(ctx context.Context) (int64, error) {
	var n int64
	err := s.each(ctx, s.read, func(scan scan) error { return scan(&n) }, `SELECT count(*) FROM accounts WHERE deleted_at IS NULL`)
	if err != nil {
		return 0, fmt.Errorf("count accounts: %w", err)
	}
	return n, nil
}
