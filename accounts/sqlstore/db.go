package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"rekey/accounts"
)

// A querier runs statements: a pool, which has committed each when it returns, or one transaction.
type querier interface {
	// exec runs a text and returns how many rows it touched.
	exec(ctx context.Context, text string, args ...any) (int64, error)
	// each runs a text and hands every row to f.
	each(ctx context.Context, f func(scan) error, text string, args ...any) error
}

// A scan copies the columns of the current row.
type scan func(into ...any) error

// A pool is a set of connections. The driver of SQLite compiles a text at each use, which costs more than running it,
// so there the compiled statements are kept. The driver of PostgreSQL keeps them itself, and costs less without database/sql
// around it, so there a statement that is a transaction of its own goes past that.
type pool struct {
	*sql.DB
	conns *pgxpool.Pool // of PostgreSQL: where DB has its connections from
	group *group        // runs the writes of one statement; nil: each is run by itself

	mu       sync.Mutex
	prepared map[string]*sql.Stmt // by text; the texts are constants of this package, so it stays small
}

func (p *pool) statement(ctx context.Context, text string) (*sql.Stmt, error) {
	p.mu.Lock()
	stmt := p.prepared[text]
	p.mu.Unlock()
	if stmt != nil {
		return stmt, nil
	}
	// Outside the lock, since it may wait for a connection. If two get here at once, the second is closed again.
	made, err := p.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if first := p.prepared[text]; first != nil {
		return first, made.Close()
	}
	if p.prepared == nil {
		p.prepared = make(map[string]*sql.Stmt)
	}
	p.prepared[text] = made
	return made, nil
}

func (p *pool) exec(ctx context.Context, text string, args ...any) (int64, error) {
	if p.conns != nil {
		return execPostgres(ctx, p.conns, text, args)
	}
	stmt, err := p.statement(ctx, text)
	if err != nil {
		return 0, err
	}
	if p.group != nil {
		return p.group.do(ctx, stmt, nil, args)
	}
	return touched(stmt.ExecContext(ctx, args...))
}

func (p *pool) each(ctx context.Context, f func(scan) error, text string, args ...any) error {
	if p.conns != nil {
		return eachPostgres(ctx, p.conns, f, text, args)
	}
	stmt, err := p.statement(ctx, text)
	if err != nil {
		return err
	}
	if p.group != nil {
		_, err := p.group.do(ctx, stmt, f, args)
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	return eachRow(rows, err, f)
}

// A transaction is a querier whose statements are committed together.
type transaction struct{ *sql.Tx }

func (t transaction) exec(ctx context.Context, text string, args ...any) (int64, error) {
	return touched(t.ExecContext(ctx, text, args...))
}

func (t transaction) each(ctx context.Context, f func(scan) error, text string, args ...any) error {
	rows, err := t.QueryContext(ctx, text, args...)
	return eachRow(rows, err, f)
}

func touched(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// eachRow hands every row of a query to f. It reads to the end in every case: only there does SQLite commit an
// UPDATE … RETURNING, and only there does a lost connection show.
func eachRow(rows *sql.Rows, err error, f func(scan) error) error {
	if err != nil {
		return err
	}
	return errors.Join(handOut(rows, f), rows.Err(), rows.Close())
}

// rows are those of either driver.
type rows interface {
	Next() bool
	Scan(into ...any) error
}

// handOut hands the rows to f until it fails, and reads to the end.
func handOut(rows rows, f func(scan) error) error {
	var bad error
	for rows.Next() {
		if bad == nil {
			bad = f(rows.Scan)
		}
	}
	return bad
}

// each runs a text and hands every row to f. A slice of keys among the arguments is bound as bindLists says; where there are none to look
// for, there is no row.
func (s *Store) each(ctx context.Context, q querier, f func(scan) error, text string, args ...any) error {
	if err := checkText(args); err != nil {
		return err
	}
	args, some, err := bindLists(args)
	if err != nil || !some {
		return err
	}
	return s.engine.scrub(q.each(ctx, f, text, args...))
}

// column returns the one column of the rows of a text.
func column[T any](ctx context.Context, s *Store, q querier, text string, args ...any) ([]T, error) {
	var values []T
	err := s.each(ctx, q, func(scan scan) error {
		var value T
		err := scan(&value)
		values = append(values, value)
		return err
	}, text, args...)
	return values, err
}

// first returns the first of what was read; there is one, or accounts.ErrNotFound.
func first[T any](all []T, err error) (T, error) {
	if err == nil && len(all) == 0 {
		err = accounts.ErrNotFound
	}
	if err != nil {
		var none T
		return none, err
	}
	return all[0], nil
}

// bindLists makes of slices of keys what texts and ids of an engine take, and reports whether each has one. A key under which nothing
// can be stored is left out: for its sake PostgreSQL would refuse all of them, or it would be mended into somebody else's.
func bindLists(args []any) (bound []any, some bool, err error) {
	for i, arg := range args {
		var n int
		switch keys := arg.(type) {
		case []string:
			keys = slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return !storable(key) })
			n, arg = len(keys), keys
		case []uuid.UUID:
			n = len(keys)
		default:
			continue
		}
		if n == 0 {
			return nil, false, nil
		}
		list, err := json.Marshal(arg)
		if err != nil {
			return nil, false, fmt.Errorf("list %d keys: %w", n, err)
		}
		args = slices.Clone(args) // the caller's may be bound again
		args[i] = string(list)
	}
	return args, true, nil
}

// exists reports whether a text returns a row.
func (s *Store) exists(ctx context.Context, q querier, text string, args ...any) (bool, error) {
	found := false
	err := s.each(ctx, q, func(scan) error { found = true; return nil }, text, args...)
	return found && err == nil, err
}

// exec runs a text and returns how many rows it touched.
func (s *Store) exec(ctx context.Context, q querier, text string, args ...any) (int64, error) {
	if err := checkText(args); err != nil {
		return 0, err
	}
	n, err := q.exec(ctx, text, args...)
	return n, s.engine.scrub(err)
}

// tries bounds how often a transaction that the database undid is run: each time somebody else got on.
const tries = 5

// retry runs f until it is not undone by the database, within bounds.
func (s *Store) retry(f func() error) error {
	var err error
	for range tries {
		if err = f(); err == nil || !s.engine.again(err) {
			return err
		}
	}
	return err
}

// errUndone makes inTx roll back without that being a failure.
var errUndone = errors.New("nothing to change")

// inTx runs f in a transaction: all of what it wrote is there afterwards, or nothing.
//
// If the connection is lost while the commit is under way, nobody knows which; that error is passed on, and the
// caller asks again. The unique keys and versions make asking again harmless.
func (s *Store) inTx(ctx context.Context, f func(querier) error) error {
	return s.retry(func() error {
		return s.transact(ctx, s.write, func(tx *sql.Tx) error { return f(transaction{tx}) })
	})
}

// inConnTx is inTx for who needs the connection too.
func (s *Store) inConnTx(ctx context.Context, f func(*sql.Conn, *sql.Tx) error) error {
	return s.retry(func() error {
		conn, err := s.write.Conn(ctx)
		if err != nil {
			return fmt.Errorf("connect: %w", s.engine.scrub(err))
		}
		defer func() {
			_ = conn.Close() // it goes back to the pool, which looks whether it is good
		}()
		return s.transact(ctx, conn, func(tx *sql.Tx) error { return f(conn, tx) })
	})
}

// A beginner is the pool, or one connection.
type beginner interface {
	BeginTx(ctx context.Context, o *sql.TxOptions) (*sql.Tx, error)
}

// transact runs f in a transaction, in the epoch that the store holds, if it holds one.
func (s *Store) transact(ctx context.Context, on beginner, f func(*sql.Tx) error) error {
	tx, err := on.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", s.engine.scrub(err))
	}
	defer func() {
		_ = tx.Rollback() // after a commit it does nothing; after an error that one is the one to tell
	}()
	if err := s.checkEpoch(ctx, transaction{tx}); err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", s.engine.scrub(err))
	}
	return nil
}

var errText = errors.New("text with a NUL, or that is not UTF-8, cannot be stored")

// checkText refuses what PostgreSQL would refuse and SQLite would keep, so that both hold the same.
func checkText(args []any) error {
	for _, arg := range args {
		if text, ok := arg.(string); ok && !storable(text) {
			return errText
		}
	}
	return nil
}

func storable(text string) bool { return utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 }

// plain makes text storable that describes and identifies nobody, such as a user agent: nobody is kept out by theirs.
func plain(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}
