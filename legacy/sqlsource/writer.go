package sqlsource

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"sync/atomic"
	"time"

	"rekey/legacy"
	"rekey/legacy/guard"
)

// maxWriteConns is how many writes run at once: they are few, and an old database has people of its own to serve.
const maxWriteConns = 4

// openTransaction is for how long the server waits for the next statement of a write before it takes the write back: whoever
// was stopped in the middle of one holds the person's row, and others are to write it long before they wake. Connections that
// nobody uses are given back before.
const (
	openTransaction = 15 * time.Second
	unusedWriter    = 10 * time.Second
)

// A Writer is a Source that takes changes. It is a legacy.Writer.
//
// It writes through a pool of its own, under a deadline and a breaker of its own, in one transaction for each write: the
// person is read, must be as the caller has read them, is changed under the condition that the stored password is still
// the same to the byte, and is read again. What is then not as it was to be is taken back.
type Writer struct {
	*Source
	pool   *sql.DB
	guard  *guard.Guard
	ways   []way
	writes legacy.Writes

	isSafe atomic.Bool // the tables are known to have transactions
}

var _ legacy.Writer = (*Writer)(nil)

// OpenWriter is Open for a configuration with Write.
func OpenWriter(c Config) (*Writer, error) {
	if c.Write == nil {
		return nil, fmt.Errorf("legacy source %s: write: nothing says what may be written", c.Name)
	}
	s, err := Open(c)
	if err != nil {
		return nil, err
	}
	w, err := newWriter(s)
	if err != nil {
		_ = s.Close() // nothing was opened yet
		return nil, fmt.Errorf("legacy source %s: write: %w", c.Name, err)
	}
	return w, nil
}

func newWriter(s *Source) (*Writer, error) {
	w := &Writer{Source: s}
	like, err := s.config.like()
	if err != nil {
		return nil, err
	}
	if w.ways, err = s.newWays(); err != nil {
		return nil, err
	}
	can := func(part writePart) bool { return w.ways[part].why == "" }
	w.writes = legacy.Writes{
		Like: like, Conditional: true, Insert: can(partInsert), Delete: can(partDelete),
		Username: can(partUsername), Email: can(partEmail), Phone: can(partPhone), EmailVerified: can(partEmailVerified),
		DisplayName: can(partDisplayName), Disabled: can(partDisabled),
	}
	if can(partPassword) {
		w.writes.Password = legacy.PasswordHashed
	}
	w.guard, err = guard.New(guard.Config{
		Source: s.config.Name, Describe: s.describe, Timeout: s.config.Timeout, BreakAfter: s.config.BreakAfter, BreakFor: s.config.BreakFor,
	})
	if err != nil {
		return nil, err
	}
	return w, w.openPool()
}

// openPool opens the pool that may write, on the same kind of database.
func (w *Writer) openPool() error {
	dsn := w.config.Write.DSN
	if dsn == "" {
		dsn = w.config.DSN
	}
	_, pool, secrets, err := openDSN(w.config, dsn, toWrite)
	if err != nil {
		return err
	}
	if !sameEngine(dsn, w.config.DSN) {
		_ = pool.Close() // nothing was opened yet
		return legacy.Wrong(toWrite.key(), "want the same kind of database as that which is read")
	}
	w.secrets = append(w.secrets, secrets...)
	w.pool = pool
	limitPool(pool, min(w.config.MaxConns, maxWriteConns))
	pool.SetConnMaxIdleTime(unusedWriter)
	return nil
}

// sameEngine reports whether two DSNs, both of which were opened, are of one kind.
func sameEngine(a, b string) bool {
	kind := func(dsn string) string {
		u, err := url.Parse(dsn)
		if err != nil {
			return ""
		}
		switch u.Scheme {
		case "mariadb":
			return "mysql"
		case "postgresql":
			return "postgres"
		}
		return u.Scheme
	}
	return kind(a) == kind(b)
}

// Close closes both pools.
func (w *Writer) Close() error { return errors.Join(w.pool.Close(), w.Source.Close()) }

// Writes is legacy.Writer's.
func (w *Writer) Writes() legacy.Writes { return w.writes }

// Unwritten tells, for people, what cannot be written and why, by the keys of Write.
func (w *Writer) Unwritten() map[string]string {
	reasons := map[string]string{}
	for _, one := range w.ways {
		if one.why != "" {
			reasons[one.slot.name] = one.why
		}
	}
	return reasons
}

// over returns the source as a transaction or another pool reads it.
func (s *Source) over(rows queryer) *Source {
	view := &Source{
		config: s.config, dialect: s.dialect, schema: s.schema, customs: s.customs, db: s.db, rows: rows, guard: s.guard, secrets: s.secrets,
	}
	view.shape.Store(s.shape.Load())
	return view
}

// notSent is the error of a write that will never be done.
func (w *Writer) notSent(doing, why string) error {
	return fmt.Errorf("legacy source %s: %s: %s: %w", w.config.Name, doing, why, legacy.ErrNotSent)
}

// A transaction is one write under way.
type transaction struct {
	tx    *sql.Tx
	view  *Source // reads inside it
	shape *shape
	sent  bool // something was sent that may have changed a row
}

// errAgain is a write that found the person otherwise than it had just read them: somebody came between.
var errAgain = errors.New("somebody else wrote at the same moment")

// write runs one write under the guard, in one transaction.
func (w *Writer) write(ctx context.Context, doing string, work func(context.Context, *transaction) error) error {
	sent := false
	err := w.guard.Ask(ctx, doing, func(ctx context.Context) error {
		const tries = 3
		var err error
		for range tries {
			t := &transaction{}
			err = w.attempt(ctx, t, work)
			sent = t.sent
			if !errors.Is(err, errAgain) {
				break
			}
		}
		if errors.Is(err, errAgain) {
			return guard.Answered(&legacy.RefusedError{Reason: "the statement finds nobody, though the person is as they were read"})
		}
		return err
	})
	refused, _ := errors.AsType[*legacy.RefusedError](err)
	switch {
	case err == nil, refused != nil, errors.Is(err, legacy.ErrNoUser), errors.Is(err, legacy.ErrConflict), errors.Is(err, legacy.ErrNotSent):
		return err
	case sent:
		return err
	}
	return &unsentError{err}
}

// unsentError is a failure before anything was written.
type unsentError struct{ cause error }

func (e *unsentError) Error() string { return e.cause.Error() + "; nothing was sent" }

// Unwrap leads to the cause and to legacy.ErrNotSent.
func (e *unsentError) Unwrap() []error { return []error{e.cause, legacy.ErrNotSent} }

// attempt runs work in a transaction and makes it last, or takes all of it back.
func (w *Writer) attempt(ctx context.Context, t *transaction, work func(context.Context, *transaction) error) error {
	primary := w.over(w.pool)
	var err error
	if t.shape, err = primary.types(ctx); err != nil {
		w.shape.Store(nil) // the table may have been changed
		return w.judge(t, err)
	}
	w.shape.Store(t.shape)
	if err := w.safe(ctx); err != nil {
		return w.judge(t, err)
	}
	if t.tx, err = w.pool.BeginTx(ctx, nil); err != nil {
		return w.judge(t, err)
	}
	t.view = primary.over(t.tx)
	if err := work(ctx, t); err != nil {
		_ = t.tx.Rollback() // a transaction that is not ended well ends with its connection
		return w.judge(t, err)
	}
	return w.judge(t, t.tx.Commit())
}

// exec runs a statement and returns how many rows it found.
func (t *transaction) exec(ctx context.Context, q *statement) (int64, error) {
	t.sent = true
	result, err := t.tx.ExecContext(ctx, q.text.String(), q.args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// still returns the person as they are in the transaction, who must be as they were read.
func (t *transaction) still(ctx context.Context, was legacy.User) (legacy.User, error) {
	now, err := t.view.byKey(ctx, was.ID)
	if err != nil {
		return legacy.User{}, err
	}
	if was.Password == nil || now.Password.Hash != was.Password.Hash || now.Password.Salt != was.Password.Salt {
		return legacy.User{}, guard.Answered(legacy.ErrConflict)
	}
	return now, nil
}

// one checks that a statement found its one row.
func one(n int64) error {
	switch {
	case n == 0:
		return errAgain
	case n > 1:
		return guard.Answered(&legacy.RefusedError{Reason: "the statement changes more than one row"})
	}
	return nil
}
