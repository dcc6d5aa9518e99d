package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"rekey/accounts"
)

// linkColumns are those of a link l, which may be missing; linkRow reads them.
const linkColumns = `coalesce(l.source, ''), coalesce(l.legacy_id, ''), l.fingerprint, l.legacy_created_at, coalesce(l.how, ''), coalesce(l.at, 0),
       coalesce(l.copied_epoch, 0), coalesce(l.dirty, FALSE), coalesce(l.drifted, FALSE), coalesce(l.barred, '')`

type linkRow struct {
	l       accounts.LegacyLink
	created sql.NullInt64
	at      int64
}

// into are where the columns go.
func (row *linkRow) into() []any {
	l := &row.l
	return []any{
		&l.Source, &l.LegacyID, &l.Fingerprint, &row.created, (*string)(&l.How), &row.at, &l.CopiedEpoch, &l.Dirty, &l.Drifted, (*string)(&l.Barred),
	}
}

// link is the link that was read, or nil if there is none.
func (row *linkRow) link() *accounts.LegacyLink {
	if row.l.Source == "" {
		return nil
	}
	l := row.l
	l.LegacyCreatedAt, l.At = momentOrZero(row.created), moment(row.at)
	return &l
}

// byPerson compares legacy people. Whoever writes several links in a transaction does so in this order: two that wait for one another's
// rows would be undone as a deadlock.
func byPerson(source, legacyID, otherSource, otherID string) int {
	return cmp.Or(strings.Compare(source, otherSource), strings.Compare(legacyID, otherID))
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
	link, err := first(s.links(ctx, `JOIN accounts a ON a.id = l.account_id
 WHERE l.source = $1 AND l.legacy_id = $2 AND a.deleted_at IS NOT NULL`, source, legacyID))
	return link, storeError("read tombstone", err)
}

// keepLink adds a link to an account, or writes down what the legacy record looks like now, if it is the link that was; nil is
// any. One that has drifted is marked, and stays as it was.
func (s *Store) keepLink(ctx context.Context, tx querier, account uuid.UUID, l accounts.LegacyLink, was []byte) error {
	if l.Drifted {
		_, err := s.exec(ctx, tx, `UPDATE legacy_links SET drifted = TRUE WHERE source = $1 AND legacy_id = $2 AND account_id = $3`, l.Source, l.LegacyID, account)
		if err != nil {
			return fmt.Errorf("mark link: %w", err)
		}
		return nil
	}
	_, err := s.exec(ctx, tx, `
INSERT INTO legacy_links (source, legacy_id, account_id, fingerprint, legacy_created_at, how, at, copied_epoch)
VALUES ($1, $2, $3, $4, $5, $6, $7, (SELECT coalesce(max(epoch), 1) FROM phase))
ON CONFLICT (source, legacy_id) DO UPDATE SET fingerprint = excluded.fingerprint, copied_epoch = excluded.copied_epoch, drifted = FALSE
 WHERE legacy_links.account_id = excluded.account_id AND ($9 OR legacy_links.fingerprint = $8)`,
		l.Source, l.LegacyID, account, notNull(l.Fingerprint), microsOrNull(l.LegacyCreatedAt), string(l.How), micros(l.At), notNull(was), was == nil)
	if err != nil {
		return fmt.Errorf("keep link: %w", err)
	}
	return nil
}

// KeepLink implements accounts.Outbox.
func (s *Store) KeepLink(ctx context.Context, account uuid.UUID, link accounts.LegacyLink) error {
	return storeError("keep link", s.inTx(ctx, func(tx querier) error { return s.keepLink(ctx, tx, account, link, nil) }))
}

// MarkDirty implements accounts.Writes. The people are taken in one order by everybody, so that two do not wait for each other.
func (s *Store) MarkDirty(ctx context.Context, people ...accounts.LegacyKey) error {
	return storeError("mark copies", s.inTx(ctx, func(tx querier) error { return s.markDirty(ctx, tx, people) }))
}

func (s *Store) markDirty(ctx context.Context, tx querier, people []accounts.LegacyKey) error {
	people = slices.Clone(people)
	slices.SortFunc(people, func(a, b accounts.LegacyKey) int { return byPerson(a.Source, a.LegacyID, b.Source, b.LegacyID) })
	for _, p := range people {
		if _, err := s.exec(ctx, tx, `UPDATE legacy_links SET dirty = TRUE WHERE source = $1 AND legacy_id = $2`, p.Source, p.LegacyID); err != nil {
			return fmt.Errorf("mark a copy: %w", err)
		}
	}
	return nil
}
