package sqlstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"rekey/accounts"
	"rekey/accounts/failpoint"
	"rekey/accounts/phase"
)

// InitPhase implements accounts.Phases.
func (s *Store) InitPhase(ctx context.Context, first phase.State) (phase.State, error) {
	text, err := json.Marshal(first)
	if err != nil {
		return phase.State{}, fmt.Errorf("first phase: %w", err)
	}
	_, err = s.exec(ctx, s.write, `INSERT INTO phase (id, epoch, state) VALUES (1, $1, $2) ON CONFLICT (id) DO NOTHING`, first.Epoch, string(text))
	if err != nil {
		return phase.State{}, storeError("store the first phase", err)
	}
	return s.phase(ctx, s.write)
}

// Phase implements accounts.Phases.
func (s *Store) Phase(ctx context.Context) (phase.State, error) { return s.phase(ctx, s.read) }

// PhaseEpoch implements accounts.Phases.
func (s *Store) PhaseEpoch(ctx context.Context) (epoch int64, err error) {
	err = s.each(ctx, s.read, func(scan scan) error { return scan(&epoch) }, `SELECT epoch FROM phase WHERE id = 1`)
	return epoch, storeError("read epoch", err)
}

func (s *Store) phase(ctx context.Context, q querier) (phase.State, error) {
	var text string
	err := s.each(ctx, q, func(scan scan) error { return scan(&text) }, `SELECT state FROM phase WHERE id = 1`)
	if err == nil && text == "" {
		err = accounts.ErrNotFound
	}
	if err != nil {
		return phase.State{}, storeError("read phase", err)
	}
	var state phase.State
	if err := json.Unmarshal([]byte(text), &state); err != nil {
		return phase.State{}, fmt.Errorf("read phase: %w", err)
	}
	return state, nil
}

// MovePhase implements accounts.Phases.
func (s *Store) MovePhase(ctx context.Context, next phase.State, e accounts.Event) error {
	var err error
	for {
		err = s.inTx(ctx, func(tx querier) error {
			if err := s.storeNext(ctx, tx, next); err != nil {
				return err
			}
			if err := s.insertEvent(ctx, tx, e); err != nil {
				return err
			}
			failpoint.Hit(failpoint.MoveEvent)
			return nil
		})
		if !errors.Is(err, errEpochHeld) {
			break
		}
		s.endStopped(ctx)
		select {
		case <-ctx.Done():
			return storeError("move phase", ctx.Err())
		case <-time.After(holdPause):
		}
	}
	if err != nil {
		return storeError("move phase", err)
	}
	failpoint.Hit(failpoint.MoveCommitted)
	return nil
}

// storeNext stores a state if the epoch still is the one before.
func (s *Store) storeNext(ctx context.Context, tx querier, next phase.State) error {
	text, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("next phase: %w", err)
	}
	if err := s.engine.holdEpoch(ctx, s, tx, alone); err != nil {
		return err
	}
	failpoint.Hit(failpoint.MoveHeld)
	err = s.fenced(ctx, tx, `UPDATE phase SET epoch = $1, state = $2 WHERE id = 1 AND epoch = $3`, next.Epoch, string(text), next.Epoch-1)
	if err != nil {
		return err
	}
	failpoint.Hit(failpoint.MoveState)
	return nil
}

// How an epoch is held.
const (
	shared = false // by a write that was decided in it
	alone  = true  // by the move that ends it
)

// lockEpoch holds the epoch on PostgreSQL until the transaction ends. An advisory lock is kept in memory: a lock on the one
// row of the phase would write that row for every change of any account.
func lockEpoch(ctx context.Context, s *Store, tx querier, alone bool) error {
	if !alone {
		return s.each(ctx, tx, func(scan) error { return nil }, `SELECT pg_advisory_xact_lock_shared(7230163)`)
	}
	if _, err := s.exec(ctx, tx, `SET LOCAL lock_timeout = '`+holdWait+`'`); err != nil {
		return err
	}
	err := s.each(ctx, tx, func(scan) error { return nil }, `SELECT pg_advisory_xact_lock(7230163)`)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "55P03" { // lock_not_available
		return errEpochHeld
	}
	return err
}

// While a move waits for the writes under way, all others wait behind it. Where one of those takes long, because its process was
// stopped, say, the move steps back between two tries and lets them by.
const (
	holdWait  = "250ms"
	holdPause = 250 * time.Millisecond
)

var errEpochHeld = errors.New("a write holds the epoch")

// checkEpoch holds the store's epoch, if it has one, and returns accounts.ErrStaleEpoch if the installation has left it.
func (s *Store) checkEpoch(ctx context.Context, tx querier) error {
	if s.epoch == 0 {
		return nil
	}
	if err := s.engine.holdEpoch(ctx, s, tx, shared); err != nil {
		return err
	}
	var epoch int64 // read behind the lock, so that it is what the lock keeps
	if err := s.each(ctx, tx, func(scan scan) error { return scan(&epoch) }, `SELECT epoch FROM phase WHERE id = 1`); err != nil {
		return err
	}
	if epoch != s.epoch {
		return accounts.ErrStaleEpoch
	}
	return nil
}

// At implements accounts.Phases.
func (s *Store) At(epoch int64) accounts.Writes {
	held := *s
	held.epoch = epoch
	return &held
}

// PhaseCounts implements accounts.Phases. Links with one mark are found by the index of those with either, legacy_links_marked.
func (s *Store) PhaseCounts(ctx context.Context, intentsBefore time.Time) (accounts.PhaseCounts, error) {
	var c accounts.PhaseCounts
	var stay, born int
	err := s.each(ctx, s.read, func(scan scan) error {
		err := scan(&c.Dirty, &c.Drifted, &c.Intents, &c.Backlog, &c.Refused, &stay, &born)
		c.Staying = stay + born
		return err
	}, `
SELECT (SELECT count(*) FROM legacy_links l JOIN accounts a ON a.id = l.account_id WHERE l.dirty AND a.deleted_at IS NULL),
       (SELECT count(*) FROM legacy_links l JOIN accounts a ON a.id = l.account_id WHERE l.drifted AND a.deleted_at IS NULL),
       (SELECT count(*) FROM copy_back WHERE intent AND created_at <= $1),
       (SELECT count(*) FROM copy_back WHERE NOT intent),
       (SELECT count(*) FROM copy_back WHERE NOT intent AND refused <> ''),
       (SELECT count(*) FROM accounts a WHERE (`+apart+`) AND a.deleted_at IS NULL AND (a.pinned OR a.changed_here)),
       (SELECT count(*) FROM accounts a WHERE `+s.engine.bornHere+` AND a.deleted_at IS NULL AND NOT a.pinned AND NOT a.changed_here
           AND (SELECT 1 FROM legacy_links l WHERE l.account_id = a.id LIMIT 1) IS NULL)`, micros(intentsBefore))
	return c, storeError("count for a move", err)
}

// RenewLease implements accounts.Phases.
func (s *Store) RenewLease(ctx context.Context, r accounts.Replica) (phase.State, error) {
	_, err := s.exec(ctx, s.write, `
INSERT INTO replicas (id, name, epoch, renewed) VALUES ($1, $2, $3, `+s.engine.clock+`)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, epoch = excluded.epoch, renewed = excluded.renewed`,
		r.ID, plain(r.Name), r.Epoch)
	if err != nil {
		return phase.State{}, storeError("renew lease", err)
	}
	return s.phase(ctx, s.write)
}

// forgetAfter is how long a replica that was killed is remembered.
const forgetAfter = 24 * time.Hour

// EndLease implements accounts.Phases.
func (s *Store) EndLease(ctx context.Context, id string) error {
	_, err := s.exec(ctx, s.write, `DELETE FROM replicas WHERE id = $1 OR renewed < `+s.engine.clock+` - $2`, id, forgetAfter.Microseconds())
	return storeError("end lease", err)
}

// Replicas implements accounts.Phases.
func (s *Store) Replicas(ctx context.Context) ([]accounts.Replica, time.Time, error) {
	var all []accounts.Replica
	var clock int64
	err := s.each(ctx, s.write, func(scan scan) error { return scan(&clock) }, `SELECT `+s.engine.clock)
	if err == nil {
		err = s.each(ctx, s.write, func(scan scan) error {
			var r accounts.Replica
			var renewed int64
			err := scan(&r.ID, &r.Name, &r.Epoch, &renewed)
			r.Renewed = moment(renewed)
			all = append(all, r)
			return err
		}, `SELECT id, name, epoch, renewed FROM replicas ORDER BY id`)
	}
	return all, moment(clock), storeError("read replicas", err)
}
