package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"rekey/accounts"
)

// errNoSettings: the row that the migration has made is gone.
var errNoSettings = errors.New("there are no sweeper settings")

// SweepDocument implements accounts.SweepSettings.
func (s *Store) SweepDocument(ctx context.Context) (accounts.SweepDocument, error) {
	var d accounts.SweepDocument
	err := s.each(ctx, s.read, func(scan scan) error {
		var text string
		var changed sql.NullInt64
		err := scan(&d.Version, &text, &changed, &d.ChangedBy)
		d.JSON, d.ChangedAt = []byte(text), momentOrZero(changed)
		return err
	}, `SELECT version, document, changed_at, changed_by FROM sweep_settings WHERE id = 1`)
	if err == nil && d.Version == 0 {
		err = errNoSettings
	}
	if err != nil {
		return accounts.SweepDocument{}, storeError("read sweeper settings", err)
	}
	return d, nil
}

// PutSweepDocument implements accounts.SweepSettings.
func (s *Store) PutSweepDocument(ctx context.Context, from int64, document []byte, e accounts.Event) error {
	did, err := s.once(ctx, "change sweeper settings", e,
		`UPDATE sweep_settings SET version = version + 1, document = $2, changed_at = $3, changed_by = $4 WHERE id = 1 AND version = $1`,
		from, string(document), micros(e.At), plain(e.Actor))
	if err == nil && !did {
		err = accounts.ErrStale
	}
	return err
}
