package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"

	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

// Writes of one statement that come at the same time share one transaction, and so one wait for the disk. PostgreSQL
// does that by itself; for SQLite it is done here. The rules:
//
//  1. Who comes while nobody writes leads: begins, runs, commits, at once. Who comes meanwhile queues. The first of
//     them leads next and takes the others along. There is no timer and no goroutine, and nobody waits for company.
//  2. Nobody is answered before the commit, which waits for the disk.
//  3. A statement that a constraint refuses fails alone: SQLite undoes it and keeps the transaction. Any other error of
//     the database, such as a full disk, may have undone the transaction. That one, and a commit that fails, is the
//     error of all who were taken along: also of those who were refused, perhaps by a row that is now gone.
//  4. Whose context ends in the queue leaves it at once, and alone. Whose statement has been taken up waits for the
//     commit: to interrupt a statement would undo those of the others.
//  5. A leader hands on whatever happens to it: its context ends, the transaction does not begin, a scan panics.

// groupSize bounds a transaction: how long the next one waits, and how many a full disk takes along.
const groupSize = 64

// errAbandoned is the answer to those whose leader panicked.
var errAbandoned = errors.New("the transaction was given up")

// A group runs writes of one statement on a database with one writing connection.
type group struct {
	db *sql.DB

	mu    sync.Mutex
	led   bool     // somebody leads
	queue []*write // by age; each is a caller that waits
}

// A write is one statement and what became of it.
type write struct {
	stmt *sql.Stmt // of the group's database
	args []any
	row  func(scan) error // gets each row; nil: there are none

	woken   chan struct{} // closed once the write has been answered, or is to lead
	leads   bool
	touched int64
	err     error
}

// do runs a statement and returns how many rows it touched, or hands those that it returns to row. What it wrote is on
// disk then.
func (g *group) do(ctx context.Context, stmt *sql.Stmt, row func(scan) error, args []any) (int64, error) {
	w := &write{stmt: stmt, args: args, row: row}
	if !g.enter(w) {
		select {
		case <-w.woken:
		case <-ctx.Done():
			if g.leave(w) {
				return 0, ctx.Err()
			}
			<-w.woken
		}
	}
	if w.leads {
		g.lead(ctx, w)
	}
	return w.touched, w.err
}

// enter makes a write lead if nobody does, and queues it otherwise.
func (g *group) enter(w *write) (leads bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.led {
		w.woken = make(chan struct{})
		g.queue = append(g.queue, w)
	} else {
		g.led, w.leads = true, true
	}
	return w.leads
}

// leave takes a write out of the queue, unless it was taken up.
func (g *group) leave(w *write) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.queue, w)
	if i >= 0 {
		g.queue = slices.Delete(g.queue, i, i+1)
	}
	return i >= 0
}

// takeUp takes up to n writes out of the queue.
func (g *group) takeUp(n int) []*write {
	g.mu.Lock()
	defer g.mu.Unlock()
	n = min(n, len(g.queue))
	taken := slices.Clone(g.queue[:n])
	g.queue = slices.Delete(g.queue, 0, n)
	return taken
}

// handOn makes the first of the queue lead, if somebody is there.
func (g *group) handOn() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.led = len(g.queue) > 0
	if g.led {
		next := g.queue[0]
		g.queue = slices.Delete(g.queue, 0, 1)
		next.leads = true
		close(next.woken)
	}
}

// lead runs and commits a write and those that it takes along, and answers all of them.
func (g *group) lead(ctx context.Context, own *write) {
	writes, err := []*write{own}, errAbandoned
	defer func() {
		g.handOn() // first, so that the disk is busy again soon
		for _, w := range writes {
			if err != nil {
				w.err = err
			}
			if w != own {
				close(w.woken)
			}
		}
	}()
	err = g.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		writes = append(writes, g.takeUp(groupSize-1)...)
		return runAll(ctx, tx, writes)
	})
}

// inTx waits for the connection, and runs f in a transaction with a context that does not end.
func (g *group) inTx(ctx context.Context, f func(context.Context, *sql.Tx) error) error {
	conn, err := g.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() {
		_ = conn.Close() // it goes back to the pool, which looks whether it is good
	}()
	ctx = context.WithoutCancel(ctx) // rule 4
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		_ = tx.Rollback() // after a commit it does nothing; after an error that one is the one to tell
	}()
	if err := f(ctx, tx); err != nil {
		return err
	}
	return tx.Commit() // if it fails, the driver rolls back
}

// runAll runs writes one after the other. It returns an error that is the error of all.
func runAll(ctx context.Context, tx *sql.Tx, writes []*write) error {
	var stmt, of *sql.Stmt
	for _, w := range writes {
		if of != w.stmt { // most are of one kind
			stmt, of = tx.StmtContext(ctx, w.stmt), w.stmt
		}
		if w.row == nil {
			w.touched, w.err = touched(stmt.ExecContext(ctx, w.args...))
		} else {
			rows, err := stmt.QueryContext(ctx, w.args...)
			w.err = eachRow(rows, err, w.row)
		}
		if e, ok := errors.AsType[*sqlite.Error](w.err); ok && e.Code()&0xff != sqlitelib.SQLITE_CONSTRAINT {
			return w.err
		}
	}
	return nil
}
