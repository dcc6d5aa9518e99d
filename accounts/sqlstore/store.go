// Package sqlstore is the accounts.Store on SQLite and on PostgreSQL. One SQL text serves both: what differs is how a
// connection is made and which error says what, and that is in sqlite.go and postgres.go.
//
// It decides nothing. Who wins a race is decided by unique keys and by the version that a write names, so the
// promises hold between processes, not only between goroutines.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

// Options tune a Store. The zero value is for production.
type Options struct {
	// MaxConns bounds the PostgreSQL connections of this process, and the readers of SQLite; 0 means four per core,
	// and at least eight. Hashing bounds the logins, so more connections only wait in another place.
	MaxConns int
}

// A Store keeps accounts in a database. Its methods are those of accounts.Store and may be called from many goroutines.
type Store struct {
	engine engine
	read   *pool
	write  *pool // the same pool as read on PostgreSQL; the one writing connection on SQLite
	close  func() error
	epoch  int64 // that writes hold; 0: none
	growth *growth

	longestCopy time.Duration // in place of the constant; for tests
}

var _ accounts.Store = (*Store)(nil)

// An engine is what tells one database from the other.
type engine struct {
	// unique reports whether an error says that a unique key refused a row.
	unique func(error) bool
	// again reports whether an error says that the database undid the transaction and that the same may now succeed.
	again func(error) bool
	// scrub removes stored values from an error before anybody can print it.
	scrub func(error) error
	// renew runs renewSession and reads the account: in one statement, where WITH takes an UPDATE. Without a row there
	// is no session.
	renew      func(s *Store, ctx context.Context, args ...any) (*accounts.Session, accounts.Account, error)
	migrations migrations
	// bornHere holds of an account a whose id is not made of a legacy person's, which alone may be of nobody there; the index
	// accounts_born_here finds them.
	bornHere string
	// clock is an expression for the database's own time, in microseconds since 1970.
	clock string
	// elements is the rows of an argument that is a JSON array, each of them a value.
	elements func(arg string) string
	// holdEpoch keeps the phase's row, and so the phase, from changing until tx ends, or keeps everybody else from it.
	holdEpoch func(ctx context.Context, s *Store, tx querier, alone bool) error
	// keepChange keeps others who call it for the same account, and keepChanges others who call it for any, waiting until tx ends:
	// the end of a change of somebody who is not here, and the move that makes them be here, must not pass by one another.
	keepChange  func(ctx context.Context, s *Store, tx querier, account uuid.UUID) error
	keepChanges func(ctx context.Context, s *Store, tx querier) error
	// insertRows writes rows of one table in a transaction of a connection.
	insertRows func(ctx context.Context, conn *sql.Conn, tx *sql.Tx, b batch) error
	// survey lets the database look anew at tables that may have been filled since it did.
	survey func(ctx context.Context, s *Store) error
	// lists is an aggregate: a JSON list, in an order, of lists of values.
	lists func(values, order string) string
	// texts and ids are a subquery of what is in a parameter that is a JSON list; its column is id.
	texts, ids func(parameter string) string
}

// Open connects to the store at url, brings its tables up to date and returns it.
//
// The URL is sqlite:///absolute/path, whose file is created (mode 0600) if its directory exists, or
// postgres://user:password@host:port/database?… as libpq reads it. No error holds the password. Several processes
// may open one store at once; a database that a newer version has written to is refused.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	scheme, _, _ := strings.Cut(url, "://")
	var (
		s   *Store
		err error
	)
	switch scheme {
	case "sqlite":
		s, err = openSQLite(ctx, url, o)
	case "postgres", "postgresql":
		s, err = openPostgres(ctx, url, o)
	default:
		err = errors.New("the store's URL must begin with sqlite:/// or postgres://")
	}
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := s.engine.migrations.run(ctx, s.write); err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", s.engine.scrub(err)), s.Close())
	}
	return s, nil
}

// Ping asks the database for something that it must look up in a table of ours.
func (s *Store) Ping(ctx context.Context) error {
	err := s.each(ctx, s.read, func(scan) error { return nil }, `SELECT 1 FROM meta LIMIT 1`)
	if err != nil {
		return fmt.Errorf("ping store: %w", err)
	}
	return nil
}

// Close waits for the statements that run and releases the connections.
func (s *Store) Close() error {
	if err := s.close(); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// ReadTx begins a transaction that cannot write, for a query of the operator's own. It must be ended.
func (s *Store) ReadTx(ctx context.Context) (*sql.Tx, error) {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("begin to read: %w", s.engine.scrub(err))
	}
	return tx, nil
}
