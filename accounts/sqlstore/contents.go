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
	all := make(map[string]accounts.Content, len(legacyIDs))
	var row contentRow
	into := row.into()
	err := s.each(ctx, s.read, func(scan scan) error {
		if err := scan(into...); err != nil {
			return err
		}
		c, err := row.content()
		all[c.Link.LegacyID] = c
		return err
	}, `
SELECT `+copyColumns+`,
       (SELECT count(*) FROM legacy_links o WHERE o.account_id = a.id),
       (SELECT `+s.engine.lists(`i.kind, i.canonical, i.spelling, CASE WHEN i.contested THEN 'yes' ELSE '' END, CASE WHEN i.verified THEN 'yes' ELSE '' END`,
		`i.position`)+` FROM identifiers i WHERE i.account_id = a.id),
       EXISTS (SELECT 1 FROM factors f WHERE f.account_id = a.id AND f.kind = 'totp'),
       `+credentialColumns+`,
       p.display_name, p.locale, p.roles, p.groups, p.attributes
  FROM legacy_links l JOIN accounts a ON a.id = l.account_id
  LEFT JOIN credentials c ON c.account_id = a.id AND c.kind = 'password'
  LEFT JOIN profiles p ON p.account_id = a.id
 WHERE l.source = $1 AND l.legacy_id IN `+s.engine.texts("$2"), source, legacyIDs)
	return all, storeError("read contents", err)
}

// A contentRow is what of a row may be missing, or is kept in another form. It may be read into again and again.
type contentRow struct {
	copyRow
	links                               int64
	identifiers                         sql.NullString
	name, locale, roles, groups, others sql.NullString
}

func (row *contentRow) into() []any {
	into := append(row.copyRow.into(), &row.links, &row.identifiers, &row.c.SecondFactor)
	into = append(into, intoCredential(&row.c.Credential)...)
	return append(into, &row.name, &row.locale, &row.roles, &row.groups, &row.others)
}

func (row *contentRow) content() (accounts.Content, error) {
	c := accounts.Content{Copy: row.made(), Merged: row.links > 1}
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
		err := errors.Join(decode(row.roles.String, &p.Roles), decode(row.groups.String, &p.Groups), decode(row.others.String, &p.Attributes))
		c.Profile = &p
		return c, err
	}
	return c, nil
}
