package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"rekey/accounts"
)

// insertProfile writes what moves with a new account beside its password.
func (s *Store) insertProfile(ctx context.Context, tx querier, r accounts.Record) error {
	if err := s.keepProfile(ctx, tx, r); err != nil {
		return err
	}
	if err := s.insertFactors(ctx, tx, r.ID, r.Factors, true); err != nil {
		return err
	}
	for _, e := range r.External {
		_, err := s.exec(ctx, tx, `
INSERT INTO external_identities (provider, subject, account_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			e.Provider, e.Subject, r.ID)
		if err != nil {
			return fmt.Errorf("insert external identity: %w", err)
		}
	}
	return nil
}

// keepProfile writes the profile of an account that has none yet, if there is one.
func (s *Store) keepProfile(ctx context.Context, tx querier, r accounts.Record) error {
	if r.Profile == nil {
		return nil
	}
	row, err := appendProfile(nil, r.ID, r.Profile)
	if err != nil {
		return err
	}
	return s.insert(ctx, tx, profilesTable, row)
}

// replaceProfile makes the profile of an account another; nil: it stays as it is.
func (s *Store) replaceProfile(ctx context.Context, tx querier, r accounts.Record) error {
	if r.Profile == nil {
		return nil
	}
	if _, err := s.exec(ctx, tx, `DELETE FROM profiles WHERE account_id = $1`, r.ID); err != nil {
		return fmt.Errorf("remove profile: %w", err)
	}
	return s.keepProfile(ctx, tx, r)
}

func decode(text string, into any) error {
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("decode profile: %w", err)
	}
	return nil
}

// Profile implements accounts.Directory.
func (s *Store) Profile(ctx context.Context, account uuid.UUID) (accounts.Profile, error) {
	var p accounts.Profile
	found := false
	err := s.each(ctx, s.read, func(scan scan) error {
		found = true
		var roles, groups, attributes string
		if err := scan(&p.DisplayName, &p.Locale, &roles, &groups, &attributes); err != nil {
			return err
		}
		return errors.Join(decode(roles, &p.Roles), decode(groups, &p.Groups), decode(attributes, &p.Attributes))
	}, `
SELECT coalesce(p.display_name, ''), coalesce(p.locale, ''), coalesce(p.roles, 'null'), coalesce(p.groups, 'null'),
       coalesce(p.attributes, 'null')
  FROM accounts a LEFT JOIN profiles p ON p.account_id = a.id
 WHERE a.id = $1`, account)
	if err == nil && !found {
		err = accounts.ErrNotFound
	}
	if err != nil {
		return accounts.Profile{}, storeError("read profile", err)
	}
	return p, nil
}

// ExternalIdentities implements accounts.Directory.
func (s *Store) ExternalIdentities(ctx context.Context, account uuid.UUID) ([]accounts.ExternalIdentity, error) {
	var identities []accounts.ExternalIdentity
	err := s.each(ctx, s.read, func(scan scan) error {
		var e accounts.ExternalIdentity
		err := scan(&e.Provider, &e.Subject)
		identities = append(identities, e)
		return err
	}, `SELECT provider, subject FROM external_identities WHERE account_id = $1 ORDER BY provider, subject`, account)
	return identities, storeError("read external identities", err)
}

// UpdateProfile implements accounts.Writes.
func (s *Store) UpdateProfile(ctx context.Context, account uuid.UUID, u accounts.Update, events ...accounts.Event) error {
	err := s.inTx(ctx, func(tx querier) error {
		n, err := s.exec(ctx, tx, `
UPDATE accounts SET terms = coalesce($2, terms), incomplete = incomplete AND NOT $3 WHERE id = $1 AND deleted_at IS NULL`,
			account, textOrNull(u.Terms), u.Complete)
		switch {
		case err != nil:
			return err
		case n == 0:
			return accounts.ErrNotFound
		}
		if u.DisplayName != nil || u.Locale != nil {
			if err := s.keepHere(ctx, tx, account); err != nil {
				return err
			}
			_, err := s.exec(ctx, tx, `
INSERT INTO profiles (account_id, display_name, locale, roles, groups, attributes)
VALUES ($1, coalesce($2, ''), coalesce($3, ''), 'null', 'null', 'null')
ON CONFLICT (account_id) DO UPDATE SET display_name = coalesce($2, profiles.display_name), locale = coalesce($3, profiles.locale)`,
				account, textOrNull(u.DisplayName), textOrNull(u.Locale))
			if err != nil {
				return err
			}
		}
		for _, e := range events {
			if err := s.insertEvent(ctx, tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	return storeError("update profile", err)
}

func textOrNull(text *string) sql.NullString {
	if text == nil {
		return sql.NullString{}
	}
	return sql.NullString{String: plain(*text), Valid: true}
}
