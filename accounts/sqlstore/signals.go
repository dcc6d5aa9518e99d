package sqlstore

import (
	"context"
	"time"

	"rekey/accounts"
)

// PublishSignals implements accounts.Signals.
func (s *Store) PublishSignals(ctx context.Context, replica, text string) error {
	n, err := s.exec(ctx, s.write, `
INSERT INTO signals (replica, at, measured) SELECT id, `+s.engine.clock+`, $2 FROM replicas WHERE id = $1
ON CONFLICT (replica) DO UPDATE SET at = excluded.at, measured = excluded.measured`, replica, text)
	if err == nil && n == 0 {
		err = accounts.ErrNotFound
	}
	return storeError("publish signals", err)
}

// Signals implements accounts.Signals.
func (s *Store) Signals(ctx context.Context) ([]accounts.Measured, time.Time, error) {
	var all []accounts.Measured
	var clock int64
	err := s.each(ctx, s.write, func(scan scan) error { return scan(&clock) }, `SELECT `+s.engine.clock)
	if err == nil {
		err = s.each(ctx, s.write, func(scan scan) error {
			var m accounts.Measured
			var renewed, at int64
			err := scan(&m.ID, &m.Name, &m.Epoch, &renewed, &at, &m.Text)
			m.Renewed, m.At = moment(renewed), moment(at)
			all = append(all, m)
			return err
		}, `
SELECT r.id, r.name, r.epoch, r.renewed, s.at, s.measured FROM signals s JOIN replicas r ON r.id = s.replica ORDER BY r.id`)
	}
	return all, moment(clock), storeError("read signals", err)
}

// KeepSweepVerdict implements accounts.Signals.
func (s *Store) KeepSweepVerdict(ctx context.Context, fence int64, text string) error {
	err := s.fenced(ctx, s.write, `
INSERT INTO sweep_verdict (id, fence, at, text) VALUES (1, $1, `+s.engine.clock+`, $2)
ON CONFLICT (id) DO UPDATE SET fence = excluded.fence, at = excluded.at, text = excluded.text WHERE sweep_verdict.fence <= excluded.fence`,
		fence, text)
	return storeError("keep the verdict", err)
}

// SweepVerdict implements accounts.Signals.
func (s *Store) SweepVerdict(ctx context.Context) (accounts.SweepVerdict, time.Time, error) {
	var v accounts.SweepVerdict
	var at, clock int64
	found := false
	err := s.each(ctx, s.read, func(scan scan) error {
		found = true
		return scan(&v.Fence, &at, &v.Text, &clock)
	}, `SELECT fence, at, text, `+s.engine.clock+` FROM sweep_verdict WHERE id = 1`)
	if err == nil && !found {
		err = accounts.ErrNotFound
	}
	if err != nil {
		return accounts.SweepVerdict{}, time.Time{}, storeError("read the verdict", err)
	}
	v.At = moment(at)
	return v, moment(clock), nil
}
