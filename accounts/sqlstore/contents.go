package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"rekey/accounts"
)

// Contents implements accounts.Verifies. A person is one row of one statement, and so of one moment.
func (s *Store) Contents(ctx context.Context, source string, legacyIDs []string) (map[string]accounts.Content, error) {
	if len(legacyIDs) == 0 {
		return nil, nil
	}
	list, err := json.Marshal(legacyIDs)
	if err != nil {
		return nil, fmt.Errorf("list people: %w", err)
	}
	all := make(map[string]accounts.Content, len(legacyIDs))
	err = s.each(ctx, s.read, func(scan scan) error {
		var row contentRow
		c, err := row.scan(scan)
		c.Link.Source = source
		all[c.Link.LegacyID] = c
		return err
	}, `
SELECT a.id, a.disabled, a.disabled AND NOT a.disabled_here, a.deleted_at, a.session_epoch, a.changed_here, a.pinned, a.in_doubt,
       l.legacy_id, l.fingerprint, l.legacy_created_at, l.how, l.at, l.copied_epoch, l.dirty, l.drifted, l.barred,
       (SELECT count(*) FROM legacy_links o WHERE o.account_id = a.id),
       (SELECT count(*) FROM legacy_links o WHERE o.account_id = a.id
           AND (o.at < l.at OR o.at = l.at AND (o.source < l.source OR o.source = l.source AND o.legacy_id < l.legacy_id))),
       (SELECT `+s.engine.lists(`i.kind, i.canonical, i.spelling, CASE WHEN i.contested THEN 'yes' ELSE '' END, CASE WHEN i.verified THEN 'yes' ELSE '' END`,
		`i.position`)+` FROM identifiers i WHERE i.account_id = a.id),
       EXISTS (SELECT 1 FROM factors f WHERE f.account_id = a.id AND f.kind = 'totp'),
       c.version, c.scheme, c.encoded, c.fold, c.legacy,
       p.display_name, p.locale, p.roles, p.groups, p.attributes
  FROM legacy_links l JOIN accounts a ON a.id = l.account_id
  LEFT JOIN credentials c ON c.account_id = a.id AND c.kind = 'password'
  LEFT JOIN profiles p ON p.account_id = a.id
 WHERE l.source = $1 AND l.legacy_id IN `+s.engine.texts("$2"), source, string(list))
	return all, storeError("read contents", err)
}

// A contentRow is what of a row may be missing, or is kept in another form.
type contentRow struct {
	deleted, created, version           sql.NullInt64
	at                                  int64
	how, barred                         string
	links, before                       int64
	identifiers                         sql.NullString
	scheme, encoded, fold, legacy       sql.NullString
	name, locale, roles, groups, others sql.NullString
}

func (row *contentRow) scan(scan scan) (accounts.Content, error) {
	var c accounts.Content
	var l accounts.LegacyLink
	err := scan(&c.ID, &c.Disabled, &c.DisabledThere, &row.deleted, &c.SessionEpoch, &c.ChangedHere, &c.Pinned, &c.InDoubt,
		&l.LegacyID, &l.Fingerprint, &row.created, &row.how, &row.at, &l.CopiedEpoch, &l.Dirty, &l.Drifted, &row.barred,
		&row.links, &row.before, &row.identifiers, &c.SecondFactor,
		&row.version, &row.scheme, &row.encoded, &row.fold, &row.legacy,
		&row.name, &row.locale, &row.roles, &row.groups, &row.others)
	c.DeletedAt, c.Link, c.Merged, c.Part = momentOrZero(row.deleted), &l, row.links > 1, row.before > 0
	l.LegacyCreatedAt, l.How, l.At, l.Barred = momentOrZero(row.created), accounts.How(row.how), moment(row.at), accounts.Barred(row.barred)
	c.Credential = accounts.Credential{
		Version: row.version.Int64, Scheme: accounts.Scheme(row.scheme.String), Encoded: row.encoded.String, Fold: row.fold.String, Legacy: row.legacy.String,
	}
	if err != nil {
		return c, err
	}
	if row.identifiers.Valid {
		var ids [][5]string
		if err := json.Unmarshal([]byte(row.identifiers.String), &ids); err != nil {
			return c, fmt.Errorf("decode identifiers: %w", err)
		}
		for _, id := range ids {
			c.Identifiers = append(c.Identifiers, accounts.Identifier{
				Kind: accounts.Kind(id[0]), Canonical: id[1], Spelling: id[2], Contested: id[3] != "", Verified: id[4] != "",
			})
		}
	}
	if row.name.Valid {
		p := accounts.Profile{DisplayName: row.name.String, Locale: row.locale.String}
		err = errors.Join(decode(row.roles.String, &p.Roles), decode(row.groups.String, &p.Groups), decode(row.others.String, &p.Attributes))
		c.Profile = &p
	}
	return c, err
}
