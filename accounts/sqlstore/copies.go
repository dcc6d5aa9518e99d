package sqlstore

import (
	"context"
	"database/sql"

	"github.com/google/uuid"

	"rekey/accounts"
)

func (s *Store) copies(ctx context.Context, q querier, source string, legacyIDs []string) (map[string]accounts.Copy, error) {
	// Most are not, at first; who is, is looked for one by one.
	here, err := s.those(ctx, q, source, legacyIDs, linkOf)
	if err != nil {
		return nil, storeError("read copies", err)
	}
	copies := make(map[string]accounts.Copy, len(here))
	var row copyRow
	into := row.into()
	err = s.each(ctx, q, func(scan scan) error {
		if err := scan(into...); err != nil {
			return err
		}
		c := row.made()
		copies[c.Link.LegacyID] = c
		return nil
	}, `
SELECT `+copyColumns+`
  FROM legacy_links l JOIN accounts a ON a.id = l.account_id
 WHERE l.source = $1 AND l.legacy_id IN `+s.engine.texts("$2"), source, here)
	return copies, storeError("read copies", err)
}

// copyColumns are those of a link l and its account a, and whether another link of the account is older; copyRow reads them.
const copyColumns = `a.id, a.disabled, a.disabled AND NOT a.disabled_here, a.deleted_at, a.session_epoch, a.changed_here, a.pinned, a.in_doubt,
       EXISTS (SELECT 1 FROM legacy_links o WHERE o.account_id = a.id
                  AND (o.at < l.at OR o.at = l.at AND (o.source < l.source OR o.source = l.source AND o.legacy_id < l.legacy_id))),
       ` + linkColumns

// A copyRow may be read into again and again: what was made of it stays.
type copyRow struct {
	c       accounts.Copy
	deleted sql.NullInt64
	linkRow
}

func (row *copyRow) into() []any {
	c := &row.c
	return append([]any{&c.ID, &c.Disabled, &c.DisabledThere, &row.deleted, &c.SessionEpoch, &c.ChangedHere, &c.Pinned, &c.InDoubt, &c.Part},
		row.linkRow.into()...)
}

func (row *copyRow) made() accounts.Copy {
	c := row.c
	c.DeletedAt, c.Link = momentOrZero(row.deleted), row.link()
	return c
}

// linkOf, of those, finds the link of somebody.
const linkOf = `SELECT 1 FROM legacy_links l WHERE l.source = $1 AND l.legacy_id = v.id`

// those returns which of some people of a source have a row that a query finds by the source, $1, and their id, v.id.
func (s *Store) those(ctx context.Context, q querier, source string, legacyIDs []string, row string) ([]string, error) {
	return column[string](ctx, s, q, `SELECT v.id FROM `+s.engine.texts("$2")+` AS v WHERE (`+row+found, source, legacyIDs)
}

func (s *Store) sessionEpochs(ctx context.Context, q querier, ids []uuid.UUID) (map[uuid.UUID]int64, error) {
	epochs, err := s.epochs(ctx, q, ids)
	return epochs, storeError("read session epochs", err)
}

// epochs reads the session epochs of people who are not here; whose is 0 is left out.
func (s *Store) epochs(ctx context.Context, q querier, ids []uuid.UUID) (map[uuid.UUID]int64, error) {
	epochs := map[uuid.UUID]int64{}
	err := s.each(ctx, q, func(scan scan) error {
		var id uuid.UUID
		var epoch int64
		err := scan(&id, &epoch)
		epochs[id] = epoch
		return err
	}, `SELECT account_id, epoch FROM session_epochs WHERE account_id IN `+s.engine.ids("$1"), ids)
	return epochs, err
}
