package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"
)

// A pool is a set of connections. The driver of SQLite compiles a text at each use, which costs more than running it,
// so there the compiled statements are kept; the driver of PostgreSQL keeps them itself.
type pool struct {
	*sql.DB
	prepare bool

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

// ExecContext is sql.DB's with the statement kept.
func (p *pool) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	if !p.prepare {
		return p.DB.ExecContext(ctx, text, args...)
	}
	stmt, err := p.statement(ctx, text)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

// QueryContext is sql.DB's with the statement kept.
func (p *pool) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if !p.prepare {
		return p.DB.QueryContext(ctx, text, args...)
	}
	stmt, err := p.statement(ctx, text)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

// A querier runs statements: a pool, each in a transaction of its own, or one transaction.
type querier interface {
	ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
}

// A scan copies the columns of the current row.
type scan func(into ...any) error

// each runs a text and hands every row to f. It reads to the end in every case: only there does SQLite commit an
// UPDATE … RETURNING, and only there does a lost connection show.
func (s *Store) each(ctx context.Context, q querier, f func(scan) error, text string, args ...any) error {
	if err := checkText(args); err != nil {
		return err
	}
	rows, err := q.QueryContext(ctx, text, args...)
	if err != nil {
		return s.engine.scrub(err)
	}
	var bad error
	for rows.Next() {
		if bad == nil {
			bad = f(rows.Scan)
		}
	}
	return errors.Join(bad, s.engine.scrub(rows.Err()), s.engine.scrub(rows.Close()))
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
	result, err := q.ExecContext(ctx, text, args...)
	if err != nil {
		return 0, s.engine.scrub(err)
	}
	return result.RowsAffected()
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
		tx, err := s.write.BeginTx(ctx, nil)
		if err != nil {
			return fmt.Errorf("begin: %w", s.engine.scrub(err))
		}
		defer func() {
			_ = tx.Rollback() // after a commit it does nothing; after an error that one is the one to tell
		}()
		if err := s.checkEpoch(ctx, tx); err != nil {
			return err
		}
		if err := f(tx); err != nil {
			return err
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("commit: %w", s.engine.scrub(err))
		}
		return nil
	})
}

var errText = errors.New("text with a NUL, or that is not UTF-8, cannot be stored")

// checkText refuses what PostgreSQL would refuse and SQLite would keep, so that both hold the same.
func checkText(args []any) error {
	for _, arg := range args {
		if text, ok := arg.(string); ok && (!utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0) {
			return errText
		}
	}
	return nil
}

// plain makes text storable that describes and identifies nobody, such as a user agent: nobody is kept out by theirs.
func plain(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}
