package sqlstore

import (
	"context"
	"database/sql"

	"github.com/google/uuid"

	"rekey/accounts"
)

// linkColumns are those of a link l; linkRow reads them. All are NULL where an account has none.
const linkColumns = `l.source, l.legacy_id, l.fingerprint, l.legacy_created_at, l.how, l.at, l.copied_epoch, l.dirty, l.drifted`

type linkRow struct {
	source, legacyID, how sql.NullString
	fingerprint           []byte
	created, at, copied   sql.NullInt64
	dirty, drifted        sql.NullBool
}

// into are where the columns go.
func (row *linkRow) into() []any {
	return []any{&row.source, &row.legacyID, &row.fingerprint, &row.created, &row.how, &row.at, &row.copied, &row.dirty, &row.drifted}
}

// link is the link that was read, or nil if there is none.
func (row *linkRow) link() *accounts.LegacyLink {
	if !row.source.Valid {
		return nil
	}
	return &accounts.LegacyLink{
		Source:          row.source.String,
		LegacyID:        row.legacyID.String,
		Fingerprint:     row.fingerprint,
		LegacyCreatedAt: momentOrZero(row.created),
		How:             accounts.How(row.how.String),
		At:              moment(row.at.Int64),
		CopiedEpoch:     row.copied.Int64,
		Dirty:           row.dirty.Bool,
		Drifted:         row.drifted.Bool,
	}
}

// links returns the links that the end of a SELECT chooses.
func (s *Store) links(ctx context.Context, which string, args ...any) ([]accounts.LegacyLink, error) {
	var links []accounts.LegacyLink
	err := s.each(ctx, s.read, func(scan scan) error {
		var row linkRow
		if err := scan(row.into()...); err != nil {
			return err
		}
		links = append(links, *row.link())
		return nil
	}, `SELECT `+linkColumns+` FROM legacy_links l `+which, args...)
	return links, err
}

// Links implements accounts.Support.
func (s *Store) Links(ctx context.Context, account uuid.UUID) ([]accounts.LegacyLink, error) {
	links, err := s.links(ctx, `WHERE l.account_id = $1 ORDER BY l.at, l.source, l.legacy_id`, account)
	return links, storeError("read links", err)
}

// Tombstone implements accounts.Directory.
func (s *Store) Tombstone(ctx context.Context, source, legacyID string) (accounts.LegacyLink, error) {
	links, err := s.links(ctx, `JOIN accounts a ON a.id = l.account_id
 WHERE l.source = $1 AND l.legacy_id = $2 AND a.deleted_at IS NOT NULL`, source, legacyID)
	switch {
	case err != nil:
		return accounts.LegacyLink{}, storeError("read tombstone", err)
	case len(links) == 0:
		return accounts.LegacyLink{}, accounts.ErrNotFound
	}
	return links[0], nil
}
