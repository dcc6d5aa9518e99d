package sqlstore

import (
	"context"
	"fmt"

	"rekey/accounts"
)

// SigningKeys implements accounts.SigningKeys.
func (s *Store) SigningKeys(ctx context.Context) ([]accounts.SigningKey, error) {
	var keys []accounts.SigningKey
	err := s.each(ctx, s.read, func(scan scan) error {
		var (
			k               accounts.SigningKey
			created, active int64
		)
		err := scan(&k.Seq, &k.ID, &k.Algorithm, &k.Sealed, &created, &active)
		k.CreatedAt, k.ActiveAt = moment(created), moment(active)
		keys = append(keys, k)
		return err
	}, `SELECT seq, id, algorithm, sealed, created_at, active_at FROM signing_keys ORDER BY seq`)
	if err != nil {
		return nil, fmt.Errorf("read signing keys: %w", err)
	}
	return keys, nil
}

// AddSigningKey implements accounts.SigningKeys.
func (s *Store) AddSigningKey(ctx context.Context, key accounts.SigningKey, e accounts.Event) error {
	added, err := s.once(ctx, "add signing key", e, `
INSERT INTO signing_keys (seq, id, algorithm, sealed, created_at, active_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (seq) DO NOTHING`,
		key.Seq, key.ID, key.Algorithm, notNull(key.Sealed), micros(key.CreatedAt), micros(key.ActiveAt))
	if err == nil && !added {
		return accounts.ErrStale
	}
	return err
}

// DeleteSigningKeys implements accounts.SigningKeys.
func (s *Store) DeleteSigningKeys(ctx context.Context, below int64) (int64, error) {
	var n int64
	err := s.retry(func() error {
		var err error
		n, err = s.exec(ctx, s.write, `DELETE FROM signing_keys WHERE seq < $1`, below)
		return err
	})
	return n, storeError("delete signing keys", err)
}

// Meta implements accounts.Store.
func (s *Store) Meta(ctx context.Context, name string) (string, error) {
	value, found := "", false
	err := s.each(ctx, s.read, func(scan scan) error { found = true; return scan(&value) },
		`SELECT value FROM meta WHERE name = $1`, name)
	if err == nil && !found {
		err = accounts.ErrNotFound
	}
	if err != nil {
		return "", storeError("read meta "+name, err)
	}
	return value, nil
}

// MetaOnce implements accounts.Store. Of several that store at once the database lets one through; all of them then
// read what it let through.
func (s *Store) MetaOnce(ctx context.Context, name, value string) (string, error) {
	err := s.retry(func() error {
		_, err := s.exec(ctx, s.write, `
INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, value)
		return err
	})
	if err != nil {
		return "", storeError("store meta "+name, err)
	}
	return s.Meta(ctx, name)
}
