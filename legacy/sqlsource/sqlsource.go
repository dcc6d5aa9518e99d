// Package sqlsource reads an old user store that is kept in tables of MariaDB or MySQL, PostgreSQL, SQL Server or SQLite.
//
// A Source never writes. Each connection is told by its own means that it only reads (SQL Server has none: there it is
// the account's rights), and the only text that is ever built is SELECT; a query of the operator's own must be one too. A
// Writer, for which the configuration has to ask, has a second pool that may write. Names of tables and columns come
// from the configuration, are checked and quoted; values are always bound.
//
// It has a pool, a deadline and a circuit breaker of its own, so that a slow old database costs nobody but those who
// still live in it. No error of the package contains a value of a row, a value that was asked for, or the DSN.
package sqlsource

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"rekey/legacy"
	"rekey/legacy/guard"
)

const (
	defaultMaxConns = 8

	// maxPeople is how many may share one identifier. More is a table that was mapped wrongly.
	maxPeople = 16
	// maxPage bounds what one page of List takes in memory: some 20 KiB a person at the very most, and 4 KiB for each
	// further column.
	maxPage = 10_000

	connIdle = 5 * time.Minute  // then it is closed: an old database has better use for it
	connLife = 30 * time.Minute // so that a failover or a changed address is noticed
)

// A Source is an old user store in an SQL database. It is a legacy.Source, a legacy.ManyGetter, a legacy.Lister, a legacy.Cutter, a
// legacy.Counter, a legacy.Watcher, a legacy.Searcher and a legacy.ManyFinder.
type Source struct {
	config  Config
	dialect dialect
	schema  *schema // without tables if all is done by queries
	customs customs
	db      *sql.DB
	rows    queryer // where people are read: db, but for what a write reads in its own transaction
	guard   *guard.Guard
	secrets []string // what no error may contain

	searching chan struct{} // holds one while somebody searches

	shape atomic.Pointer[shape] // nil until the database has been asked for the columns' types
}

var (
	_ legacy.Source  = (*Source)(nil)
	_ legacy.Getter  = (*Source)(nil)
	_ legacy.Lister  = (*Source)(nil)
	_ legacy.Counter = (*Source)(nil)
	_ legacy.Cutter  = (*Source)(nil)

	_ legacy.ManyGetter = (*Source)(nil)
	_ legacy.ManyFinder = (*Source)(nil)
	_ legacy.Watcher    = (*Source)(nil)
	_ legacy.Searcher   = (*Source)(nil)
)

// Open checks the configuration and prepares a pool. It does not ask the database, which may be down: Check does.
func Open(c Config) (*Source, error) {
	fail := func(err error) (*Source, error) { return nil, fmt.Errorf("legacy source %s: %w", c.Name, err) }
	if c.MaxConns < 0 {
		return fail(legacy.Wrong("max_conns", "is negative"))
	}
	if c.MaxConns == 0 {
		c.MaxConns = defaultMaxConns
	}
	c.Params = maps.Clone(c.Params)
	c.Extra, c.ParamColumns = slices.Clone(c.Extra), maps.Clone(c.ParamColumns)
	for _, column := range slices.Sorted(maps.Values(c.ParamColumns)) {
		if !slices.Contains(c.Extra, column) {
			c.Extra = append(c.Extra, column)
		}
	}
	s := &Source{searching: make(chan struct{}, 1)}
	var err error
	s.guard, err = guard.New(guard.Config{
		Source: c.Name, Describe: s.describe, Timeout: c.Timeout, BreakAfter: c.BreakAfter, BreakFor: c.BreakFor,
	})
	if err != nil {
		return fail(err)
	}
	c.Timeout = s.guard.Timeout()
	s.config = c
	s.dialect, s.db, s.secrets, err = openDSN(c, c.DSN, toRead)
	s.rows = s.db
	// What the dialect of a bad DSN would be is not known; the names are checked all the same.
	if err := errors.Join(err, s.plan(err == nil)); err != nil {
		if s.db != nil {
			_ = s.db.Close() // nothing was opened yet
		}
		return fail(err)
	}
	limitPool(s.db, c.MaxConns)
	return s, nil
}

func limitPool(db *sql.DB, conns int) {
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	db.SetConnMaxIdleTime(connIdle)
	db.SetConnMaxLifetime(connLife)
}

// A queryer is a pool or a transaction.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// plan checks the names, and the queries if it is known which database reads them. Its error joins all that is wrong.
func (s *Source) plan(known bool) error {
	var queriesErr error
	if known {
		s.customs, queriesErr = newCustoms(s.config, s.dialect)
	} else {
		s.dialect = sqlite() // any: only names are checked
	}
	s.schema = &schema{}
	if s.config.Table == "" && s.config.Queries != (Queries{}) {
		return errors.Join(queriesErr, s.config.checkAlone())
	}
	var err error
	s.schema, err = newSchema(s.config, s.dialect)
	if len(s.schema.key) > 1 && s.config.Queries != (Queries{}) {
		err = errors.Join(err, legacy.Wrong("queries", "they know keys of one column only; make one text of the key in the queries, and name no table"))
	}
	return errors.Join(queriesErr, err)
}

// TellsVerified reports whether a column that is read says of e-mail addresses whether they are verified.
func (s *Source) TellsVerified() bool { return s.config.Profile.EmailVerified != "" }

// Close closes the pool. Questions under way end with an error.
func (s *Source) Close() error { return s.db.Close() }

// Lookup is legacy.Source's. It is one SELECT over the identifier columns, each of which wants an index: without one,
// every login of somebody who has not been moved reads the whole table. Texts are compared by the column's collation,
// so that a PostgreSQL index on lower(email) is of no use; spellings in other cases are the caller's to add.
func (s *Source) Lookup(ctx context.Context, spellings ...string) ([]legacy.User, error) {
	spellings = askable(spellings)
	if len(spellings) == 0 {
		return nil, nil
	}
	var users []legacy.User
	err := s.ask(ctx, "read users", func(ctx context.Context) error {
		found, bad, err := s.lookup(ctx, spellings)
		if err != nil {
			return err
		}
		if len(found)+len(bad) > maxPeople {
			return guard.Answered(legacy.ErrTooMany)
		}
		users = found
		return joined(bad)
	})
	if err != nil {
		return nil, err
	}
	return users, nil
}

// lookup asks for the people who have one of the spellings.
func (s *Source) lookup(ctx context.Context, spellings []string) ([]legacy.User, []*legacy.RowError, error) {
	if s.customs.lookup != nil {
		return s.findByQuery(ctx, spellings)
	}
	shape, err := s.types(ctx)
	if err != nil {
		return nil, nil, err
	}
	found, bad, err := s.find(ctx, shape, spellings, nil, maxPeople)
	if !isCharsetError(err) {
		return found, bad, err
	}
	unfit, err := s.unfit(ctx, shape, spellings)
	if err != nil {
		return nil, nil, err
	}
	return s.find(ctx, shape, spellings, unfit, maxPeople)
}

// find asks for the people who have one of the spellings: for one more than most of them at the most. What is in unfit is left out.
func (s *Source) find(
	ctx context.Context, shape *shape, spellings []string, unfit map[pair]bool, most int,
) ([]legacy.User, []*legacy.RowError, error) {
	query, args := s.lookupQuery(shape, spellings, unfit, most)
	if query == "" {
		return nil, nil, nil // no column can hold any of these
	}
	return s.read(ctx, query, args, most)
}

// Get is legacy.Getter's. The key is compared as the column's own type, so that its index serves, and the answer's key
// must be the one that was asked for to the byte.
func (s *Source) Get(ctx context.Context, id string) (legacy.User, error) {
	var user legacy.User
	err := s.ask(ctx, "read a user by key", func(ctx context.Context) (err error) {
		user, err = s.byKey(ctx, id)
		return err
	})
	return user, err
}

// byKey is Get without the guard.
func (s *Source) byKey(ctx context.Context, id string) (legacy.User, error) {
	shape, err := s.types(ctx)
	if err != nil {
		return legacy.User{}, err
	}
	key, ok := s.bindKey(shape, id)
	if !ok {
		return legacy.User{}, guard.Answered(legacy.ErrNoUser)
	}
	found, bad, err := s.get(ctx, shape, key)
	if isCharsetError(err) {
		return legacy.User{}, guard.Answered(legacy.ErrNoUser)
	}
	if err != nil {
		return legacy.User{}, err
	}
	for _, row := range bad {
		if row.Key == id {
			return legacy.User{}, guard.Answered(row)
		}
	}
	for _, u := range found { // a collation may find "ABC" for "abc"
		if u.ID == id {
			return u, nil
		}
	}
	return legacy.User{}, guard.Answered(legacy.ErrNoUser)
}

// get asks for the people who have the key, as the database compares keys.
func (s *Source) get(ctx context.Context, shape *shape, key []any) ([]legacy.User, []*legacy.RowError, error) {
	if s.customs.get != nil {
		return s.run(ctx, s.customs.get, map[string][]any{markID: key}, true, maxPeople)
	}
	query, args := s.getQuery(shape, key)
	return s.read(ctx, query, args, maxPeople)
}

// ListsApart implements legacy.Apart: queries that somebody has written are nothing that can be compared.
func (s *Source) ListsApart() bool { return s.config.Queries != (Queries{}) }

// List is legacy.Lister's. Numeric keys are walked by number, others as the database sorts the column.
//
// People whose row cannot be read are left out, and told by an error that wraps a *legacy.RowError for each of them; the
// others of the page are returned beside that error.
func (s *Source) List(ctx context.Context, after string, limit int) ([]legacy.User, error) {
	return s.list(ctx, after, "", limit)
}

// list is List up to a key, where one is given.
func (s *Source) list(ctx context.Context, after, through string, limit int) ([]legacy.User, error) {
	if limit < 1 || limit > maxPage {
		return nil, fmt.Errorf("legacy source %s: list users: a page has 1 to %d", s.config.Name, maxPage)
	}
	var users []legacy.User
	err := s.ask(ctx, "list users", func(ctx context.Context) error {
		shape, err := s.types(ctx)
		if err != nil {
			return err
		}
		var keys [2][]any
		for i, id := range [...]string{after, through} {
			if id == "" {
				continue
			}
			var ok bool
			if keys[i], ok = s.bindKey(shape, id); !ok {
				return guard.Answered(errNoKey)
			}
		}
		found, bad, err := s.page(ctx, shape, after, keys[0], keys[1], limit)
		if err != nil {
			return err
		}
		users = found
		return joined(bad)
	})
	return users, err
}

var errNoKey = errors.New("that is no key of the table to go on from")

// page asks for the people behind a key and up to another one, which are nil where there is none.
func (s *Source) page(ctx context.Context, shape *shape, after string, key, through []any, limit int) ([]legacy.User, []*legacy.RowError, error) {
	if s.customs.list != nil {
		return s.listByQuery(ctx, after, key, limit)
	}
	query, args := s.listQuery(shape, key, through, limit)
	return s.read(ctx, query, args, limit)
}

// Ping asks the database for nothing, as often as a probe likes: it leaves what Check has found as it is.
func (s *Source) Ping(ctx context.Context) error {
	return s.ask(ctx, "ping", func(ctx context.Context) error {
		if s.config.Table == "" {
			return s.db.PingContext(ctx)
		}
		return s.probe(ctx, 0, "1", "1 = 1")
	})
}

// ask runs one question under the guard.
func (s *Source) ask(ctx context.Context, doing string, question func(context.Context) error) error {
	return s.guard.Ask(ctx, doing, func(ctx context.Context) error {
		err := question(ctx)
		if err != nil && !guard.IsAnswered(err) {
			s.shape.Store(nil) // the table may have been changed
		}
		return err
	})
}

// askable returns the spellings that somebody could have: each once; no empty one, for a column is empty where there is
// nothing; and none that a database would refuse as text, or that is longer than what is read.
func askable(spellings []string) []string {
	var list []string
	seen := map[string]bool{}
	for _, s := range spellings {
		if s != "" && len(s) <= maxIdentifier && plain(s) && !seen[s] {
			seen[s] = true
			list = append(list, s)
		}
	}
	return list
}

// plain reports whether every database takes s as text.
func plain(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }
