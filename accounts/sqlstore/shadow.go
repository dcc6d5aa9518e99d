package sqlstore

import (
	"context"
	"time"

	"rekey/accounts"
)

// KeepWindows implements accounts.Shadow.
func (s *Store) KeepWindows(ctx context.Context, windows []accounts.Window) error {
	err := s.inTx(ctx, func(tx querier) error {
		for _, w := range windows {
			here, err := w.Here.MarshalBinary()
			if err != nil {
				return err
			}
			legacy, err := w.Legacy.MarshalBinary()
			if err != nil {
				return err
			}
			_, err = s.exec(ctx, tx, `
INSERT INTO shadow_windows (began, minute, replica, logins, mirrored, failed, differing, legacy_failed, writes, lost, here, legacy)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (began, minute, replica) DO UPDATE SET
       logins = excluded.logins, mirrored = excluded.mirrored, failed = excluded.failed, differing = excluded.differing,
       legacy_failed = excluded.legacy_failed, writes = excluded.writes, lost = excluded.lost, here = excluded.here, legacy = excluded.legacy`,
				micros(w.Began), micros(w.Minute), w.Replica, w.Logins, w.Mirrored, w.Failed, w.Differing, w.LegacyFailed, w.Writes, w.Lost,
				notNull(here), notNull(legacy))
			if err != nil {
				return err
			}
		}
		return nil
	})
	return storeError("keep measurements", err)
}

// Windows implements accounts.Shadow.
func (s *Store) Windows(ctx context.Context, began, since time.Time, visit func(accounts.Window)) error {
	err := s.each(ctx, s.read, func(scan scan) error {
		w := accounts.Window{Began: began}
		var minute int64
		var here, legacy []byte
		err := scan(&minute, &w.Replica, &w.Logins, &w.Mirrored, &w.Failed, &w.Differing, &w.LegacyFailed, &w.Writes, &w.Lost, &here, &legacy)
		if err != nil {
			return err
		}
		if err := w.Here.UnmarshalBinary(here); err != nil {
			return err
		}
		if err := w.Legacy.UnmarshalBinary(legacy); err != nil {
			return err
		}
		w.Minute = moment(minute)
		visit(w)
		return nil
	}, `
SELECT minute, replica, logins, mirrored, failed, differing, legacy_failed, writes, lost, here, legacy
  FROM shadow_windows WHERE began = $1 AND minute >= $2 ORDER BY minute, replica`, micros(began), micros(since))
	return storeError("read measurements", err)
}

// PruneWindows implements accounts.Shadow.
func (s *Store) PruneWindows(ctx context.Context, before time.Time) error {
	_, err := s.exec(ctx, s.write, `DELETE FROM shadow_windows WHERE minute < $1`, micros(before))
	return storeError("remove measurements", err)
}
