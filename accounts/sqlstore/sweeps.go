package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

const runColumns = `id, kind, state, spec, found, why, began, ended`

// BeginRun implements accounts.Sweeps. That there is but one is the index's to say.
func (s *Store) BeginRun(ctx context.Context, r accounts.Run, parts []accounts.Part, e accounts.Event) error {
	err := s.inTx(ctx, func(tx querier) error {
		_, err := s.exec(ctx, tx, `INSERT INTO sweep_runs (`+runColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			r.ID, string(r.Kind), string(r.State), r.Spec, r.Found, r.Why, micros(r.Began), microsOrNull(r.Ended))
		if err != nil {
			return fmt.Errorf("insert run: %w", err)
		}
		for _, p := range parts {
			_, err := s.exec(ctx, tx, `INSERT INTO sweep_parts (run_id, source, band, cut, whole, total) VALUES ($1, $2, $3, $4, $5, $6)`,
				r.ID, p.Source, p.Band, place(p.Cut), p.Whole, p.Total)
			if err != nil {
				return fmt.Errorf("insert part: %w", err)
			}
		}
		return s.insertEvent(ctx, tx, e)
	})
	if s.engine.unique(err) {
		err = accounts.ErrStale
	}
	if err == nil && r.Kind == accounts.RunVerify { // it walks both tables page by page, often right after a sweep has filled them
		_ = s.engine.survey(ctx, s) // without it the walk is slower, and as good
	}
	return storeError("begin run", err)
}

// EndRun implements accounts.Sweeps.
func (s *Store) EndRun(ctx context.Context, r accounts.Run, e accounts.Event) error {
	err := s.inTx(ctx, func(tx querier) error {
		n, err := s.exec(ctx, tx, `UPDATE sweep_runs SET state = $2, found = $3, why = $4, ended = $5 WHERE id = $1 AND state = 'running'`,
			r.ID, string(r.State), r.Found, r.Why, micros(r.Ended))
		if err == nil && n == 0 {
			err = s.whyUnchanged(ctx, tx, `SELECT 1 FROM sweep_runs WHERE id = $1`, r.ID)
		}
		if err != nil {
			return err
		}
		return s.insertEvent(ctx, tx, e)
	})
	return storeError("end run", err)
}

// KeepFound implements accounts.Sweeps.
func (s *Store) KeepFound(ctx context.Context, run uuid.UUID, was, found string) error {
	err := s.fenced(ctx, s.write, `UPDATE sweep_runs SET found = $2 WHERE id = $1 AND state = 'running' AND found = $3`, run, found, was)
	return storeError("keep what a run has found", err)
}

// RunByID implements accounts.Sweeps.
func (s *Store) RunByID(ctx context.Context, id uuid.UUID) (accounts.Run, error) {
	run, err := first(s.runs(ctx, `SELECT `+runColumns+` FROM sweep_runs WHERE id = $1`, id))
	return run, storeError("read run", err)
}

// Running implements accounts.Sweeps.
func (s *Store) Running(ctx context.Context, kind accounts.RunKind) (accounts.Run, error) {
	run, err := first(s.runs(ctx, `
SELECT id, kind, state, spec, CASE WHEN found = '' THEN '' ELSE '{}' END, why, began, ended FROM sweep_runs WHERE kind = $1 AND state = 'running'`, string(kind)))
	return run, storeError("read the run that goes on", err)
}

// RunsUnderWay implements accounts.Sweeps.
func (s *Store) RunsUnderWay(ctx context.Context) ([]accounts.Run, error) {
	runs, err := s.runs(ctx, `SELECT `+runColumns+` FROM sweep_runs WHERE state = 'running' ORDER BY id DESC`)
	return runs, storeError("read the runs that go on", err)
}

// Runs implements accounts.Sweeps.
func (s *Store) Runs(ctx context.Context, limit int) ([]accounts.Run, error) {
	runs, err := s.runs(ctx, `SELECT `+runColumns+` FROM sweep_runs ORDER BY id DESC LIMIT $1`, max(limit, 0))
	return runs, storeError("read runs", err)
}

func (s *Store) runs(ctx context.Context, text string, args ...any) ([]accounts.Run, error) {
	var runs []accounts.Run
	err := s.each(ctx, s.read, func(scan scan) error {
		var r accounts.Run
		var kind, state string
		var began int64
		var ended sql.NullInt64
		err := scan(&r.ID, &kind, &state, &r.Spec, &r.Found, &r.Why, &began, &ended)
		r.Kind, r.State, r.Began, r.Ended = accounts.RunKind(kind), accounts.RunState(state), moment(began), momentOrZero(ended)
		runs = append(runs, r)
		return err
	}, text, args...)
	return runs, err
}

// Parts implements accounts.Sweeps.
func (s *Store) Parts(ctx context.Context, run uuid.UUID) ([]accounts.Part, error) {
	var parts []accounts.Part
	err := s.each(ctx, s.read, func(scan scan) error {
		var p accounts.Part
		err := scan(&p.Source, &p.Band, (*place)(&p.Cut), &p.Whole, &p.Total)
		parts = append(parts, p)
		return err
	}, `SELECT source, band, cut, whole, total FROM sweep_parts WHERE run_id = $1 ORDER BY source, band`, run)
	return parts, storeError("read parts", err)
}

// CutChunks implements accounts.Sweeps.
func (s *Store) CutChunks(ctx context.Context, run uuid.UUID, was, is accounts.Part, chunks []accounts.Chunk) error {
	err := s.inTx(ctx, func(tx querier) error {
		// The run's row first: it gives the numbers, and two that cut come one after the other.
		last := int64(-1)
		err := s.each(ctx, tx, func(scan scan) error { return scan(&last) },
			`UPDATE sweep_runs SET chunks = chunks + $2 WHERE id = $1 AND state = 'running' RETURNING chunks`, run, len(chunks))
		if err == nil && last < 0 {
			err = accounts.ErrStale
		}
		if err != nil {
			return err
		}
		err = s.fenced(ctx, tx, `
UPDATE sweep_parts SET cut = $4, whole = $5, total = $6 WHERE run_id = $1 AND source = $2 AND band = $3 AND cut = $7 AND NOT whole`,
			run, was.Source, was.Band, place(is.Cut), is.Whole, is.Total, place(was.Cut))
		if err != nil {
			return err
		}
		for i, c := range chunks {
			_, err := s.exec(ctx, tx, `INSERT INTO sweep_chunks (run_id, seq, source, band, after_key, through) VALUES ($1, $2, $3, $4, $5, $6)`,
				run, last-int64(len(chunks)-1-i), was.Source, was.Band, place(c.After), place(c.Through))
			if err != nil {
				return fmt.Errorf("insert chunk: %w", err)
			}
		}
		return nil
	})
	return storeError("cut chunks", err)
}

const chunkColumns = `run_id, seq, source, band, after_key, through, cursor, done, attempts, bound, fence, worker, claimed_to, counts`

func scanChunk(scan scan, clock *int64) (accounts.Chunk, error) {
	var c accounts.Chunk
	var claimed int64
	err := scan(&c.Run, &c.Seq, &c.Source, &c.Band, (*place)(&c.After), (*place)(&c.Through), (*place)(&c.Cursor), &c.Done, &c.Attempts, &c.Bound, &c.Fence, &c.Worker, &claimed, &c.Counts, clock)
	c.ClaimedFor = time.Duration(max(0, claimed-*clock)) * time.Microsecond
	return c, err
}

// ClaimChunk implements accounts.Sweeps. The run's row is locked first, so that those who claim at once count one after the other.
func (s *Store) ClaimChunk(ctx context.Context, run uuid.UUID, worker string, most int, claim time.Duration) (accounts.Chunk, error) {
	s.endStopped(ctx) // the claim of a process that stands still ends, and so must what it holds
	var claimed *accounts.Chunk
	err := s.inTx(ctx, func(tx querier) error {
		claimed = nil
		n, err := s.exec(ctx, tx, `UPDATE sweep_runs SET state = state WHERE id = $1 AND state = 'running'`, run)
		if err == nil && n == 0 {
			err = accounts.ErrNotFound
		}
		if err != nil {
			return err
		}
		return s.each(ctx, tx, func(scan scan) error {
			var clock int64
			c, err := scanChunk(scan, &clock)
			claimed = &c
			return err
		}, `
UPDATE sweep_chunks SET fence = fence + 1, attempts = attempts + 1, worker = $2, claimed_to = `+s.engine.clock+` + $4
 WHERE run_id = $1 AND seq = (SELECT seq FROM sweep_chunks
                               WHERE run_id = $1 AND NOT done AND claimed_to <= `+s.engine.clock+` AND next_at <= `+s.engine.clock+`
                                 AND (SELECT count(*) FROM sweep_chunks WHERE run_id = $1 AND NOT done AND claimed_to > `+s.engine.clock+`) < $3
                               ORDER BY seq LIMIT 1)
RETURNING `+chunkColumns+`, `+s.engine.clock, run, plain(worker), most, claim.Microseconds())
	})
	if err == nil && claimed == nil {
		err = accounts.ErrNotFound
	}
	if err != nil {
		return accounts.Chunk{}, storeError("claim chunk", err)
	}
	return *claimed, nil
}

// KeepChunk implements accounts.Sweeps.
func (s *Store) KeepChunk(ctx context.Context, c accounts.Chunk, claim, pause time.Duration) error {
	return storeError("keep chunk", s.keepChunk(ctx, s.write, c, claim, pause))
}

func (s *Store) keepChunk(ctx context.Context, q querier, c accounts.Chunk, claim, pause time.Duration) error {
	return s.fenced(ctx, q, `
UPDATE sweep_chunks SET cursor = $4, done = $5, attempts = $6, bound = $7, counts = $8, claimed_to = CASE WHEN CAST($9 AS bigint) > 0 THEN `+s.engine.clock+` + $9 ELSE 0 END,
       next_at = `+s.engine.clock+` + $10
 WHERE run_id = $1 AND seq = $2 AND fence = $3`,
		c.Run, c.Seq, c.Fence, place(c.Cursor), c.Done, c.Attempts, c.Bound, c.Counts, claim.Microseconds(), pause.Microseconds())
}

// HoldChunk implements accounts.Sweeps.
func (s *Store) HoldChunk(ctx context.Context, c accounts.Chunk, claim time.Duration) error {
	err := s.fenced(ctx, s.write, `UPDATE sweep_chunks SET claimed_to = `+s.engine.clock+` + $4 WHERE run_id = $1 AND seq = $2 AND fence = $3`,
		c.Run, c.Seq, c.Fence, claim.Microseconds())
	return storeError("hold chunk", err)
}

// LeaveChunk implements accounts.Sweeps.
func (s *Store) LeaveChunk(ctx context.Context, c accounts.Chunk, pause time.Duration) error {
	err := s.fenced(ctx, s.write, `
UPDATE sweep_chunks SET attempts = $4, bound = $5, claimed_to = 0, next_at = `+s.engine.clock+` + $6
 WHERE run_id = $1 AND seq = $2 AND fence = $3 AND cursor = $7 AND NOT done`,
		c.Run, c.Seq, c.Fence, c.Attempts, c.Bound, pause.Microseconds(), place(c.Cursor))
	return storeError("leave chunk", err)
}

// Chunks implements accounts.Sweeps.
func (s *Store) Chunks(ctx context.Context, run uuid.UUID) ([]accounts.Chunk, error) {
	var chunks []accounts.Chunk
	err := s.EachChunk(ctx, run, func(c accounts.Chunk) error { chunks = append(chunks, c); return nil })
	return chunks, err
}

var errNoTurn = errors.New("the turn was not written")

// TakeTurn implements accounts.Sweeps.
func (s *Store) TakeTurn(ctx context.Context, version int64, cost time.Duration) (time.Duration, error) {
	return s.takeTurn(ctx, "sweep_turns", version, cost)
}

// TakeVerifyTurn implements accounts.Verifies.
func (s *Store) TakeVerifyTurn(ctx context.Context, cost time.Duration) (time.Duration, error) {
	return s.takeTurn(ctx, "verify_turns", 1, cost)
}

// madeUp is how late somebody may come for a turn and have lost nothing by it: a rate that is low is kept on a machine that is busy.
// Who comes later begins anew, so that a rest is not made up for.
const madeUp = time.Second

func (s *Store) takeTurn(ctx context.Context, table string, version int64, cost time.Duration) (time.Duration, error) {
	wait := int64(-1)
	err := s.retry(func() error {
		return s.each(ctx, s.write, func(scan scan) error { return scan(&wait) }, `
INSERT INTO `+table+` AS turns (id, version, tat) VALUES (1, $1, `+s.engine.clock+` + $2)
ON CONFLICT (id) DO UPDATE SET version = excluded.version,
   tat = CASE WHEN turns.version = excluded.version AND turns.tat > `+s.engine.clock+` - $3 THEN turns.tat ELSE `+s.engine.clock+` END + $2
RETURNING CASE WHEN tat - $2 > `+s.engine.clock+` THEN tat - $2 - `+s.engine.clock+` ELSE 0 END`, version, cost.Microseconds(), madeUp.Microseconds())
	})
	if err == nil && wait < 0 {
		err = errNoTurn
	}
	return time.Duration(wait) * time.Microsecond, storeError("take a turn", err)
}
