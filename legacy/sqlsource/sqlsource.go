// Package sqlsource reads an old user store that is a table in MariaDB or MySQL, PostgreSQL or SQLite.
//
// It never writes. Each connection is told by its own means that it only reads, and the only text that is ever built
// is SELECT. Names of tables and columns come from the configuration, are checked and quoted; values are always bound.
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
	// maxPage bounds what one page of List takes in memory: some 20 KiB a person at the very most.
	maxPage = 10_000

	connIdle = 5 * time.Minute  // then it is closed: an old database has better use for it
	connLife = 30 * time.Minute // so that a failover or a changed address is noticed
)

// A Source is an old user store in an SQL database. It is a legacy.Source, a legacy.Getter and a legacy.Lister.
type Source struct {
	config  Config
	table   string // quoted
	fields  []field
	dialect dialect
	db      *sql.DB
	guard   *guard.Guard
	secrets []string // what no error may contain

	shape atomic.Pointer[shape] // nil until the database has been asked for the columns' types
}

var (
	_ legacy.Source = (*Source)(nil)
	_ legacy.Getter = (*Source)(nil)
	_ legacy.Lister = (*Source)(nil)
)

// Open checks the configuration and prepares a pool. It does not ask the database, which may be down: Check does.
func Open(c Config) (*Source, error) {
	fail := func(err error) (*Source, error) { return nil, fmt.Errorf("legacy source %s: %w", c.Name, err) }
	if c.MaxConns < 0 {
		return fail(errors.New("the number of connections is negative"))
	}
	if err := notYet(c); err != nil {
		return fail(err)
	}
	if c.MaxConns == 0 {
		c.MaxConns = defaultMaxConns
	}
	c.Params = maps.Clone(c.Params)
	s := &Source{}
	var err error
	s.guard, err = guard.New(guard.Config{
		Source: c.Name, Describe: s.describe, Timeout: c.Timeout, BreakAfter: c.BreakAfter, BreakFor: c.BreakFor,
	})
	if err != nil {
		return fail(err)
	}
	c.Timeout = s.guard.Timeout()
	s.config = c
	if s.dialect, s.db, s.secrets, err = openDSN(c); err != nil {
		return fail(err)
	}
	if err := s.mapColumns(); err != nil {
		_ = s.db.Close() // nothing was opened yet
		return fail(err)
	}
	s.db.SetMaxOpenConns(c.MaxConns)
	s.db.SetMaxIdleConns(c.MaxConns)
	s.db.SetConnMaxIdleTime(connIdle)
	s.db.SetConnMaxLifetime(connLife)
	return s, nil
}

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
		shape, err := s.types(ctx)
		if err != nil {
			return err
		}
		found, bad, err := s.find(ctx, shape, spellings, nil)
		if isCharsetError(err) {
			var unfit map[pair]bool
			if unfit, err = s.unfit(ctx, shape, spellings); err != nil {
				return err
			}
			found, bad, err = s.find(ctx, shape, spellings, unfit)
		}
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

// find asks for the people who have one of the spellings. What is in unfit is left out.
func (s *Source) find(ctx context.Context, shape *shape, spellings []string, unfit map[pair]bool) ([]legacy.User, []*legacy.RowError, error) {
	query, args := s.lookupQuery(shape, spellings, unfit)
	if query == "" {
		return nil, nil, nil // no column can hold any of these
	}
	return s.read(ctx, shape, query, args)
}

// Get is legacy.Getter's. The key is compared as the column's own type, so that its index serves, and the answer's key
// must be the one that was asked for to the byte.
func (s *Source) Get(ctx context.Context, id string) (legacy.User, error) {
	var user legacy.User
	err := s.ask(ctx, "read a user by key", func(ctx context.Context) error {
		shape, err := s.types(ctx)
		if err != nil {
			return err
		}
		key, ok := shape.key.bindKey(id)
		if !ok || !plain(id) {
			return guard.Answered(legacy.ErrNoUser)
		}
		found, bad, err := s.read(ctx, shape, s.getQuery(), []any{key})
		if isCharsetError(err) {
			return guard.Answered(legacy.ErrNoUser)
		}
		if err != nil {
			return err
		}
		for _, row := range bad {
			if row.Key == id {
				return guard.Answered(row)
			}
		}
		for _, u := range found { // a collation may find "ABC" for "abc"
			if u.ID == id {
				user = u
				return nil
			}
		}
		return guard.Answered(legacy.ErrNoUser)
	})
	return user, err
}

// List is legacy.Lister's. Numeric keys are walked by number, others as the database sorts the column.
//
// People whose row cannot be read are left out, and told by an error that wraps a *legacy.RowError for each of them; the
// others of the page are returned beside that error.
func (s *Source) List(ctx context.Context, after string, limit int) ([]legacy.User, error) {
	if limit < 1 || limit > maxPage {
		return nil, fmt.Errorf("legacy source %s: list users: a page has 1 to %d", s.config.Name, maxPage)
	}
	var users []legacy.User
	err := s.ask(ctx, "list users", func(ctx context.Context) error {
		shape, err := s.types(ctx)
		if err != nil {
			return err
		}
		var args []any
		if after != "" {
			key, ok := shape.key.bindKey(after)
			if !ok || !plain(after) {
				return guard.Answered(errors.New("that is no key of the table to go on from"))
			}
			args = []any{key}
		}
		found, bad, err := s.read(ctx, shape, s.listQuery(after != "", limit), args)
		if err != nil {
			return err
		}
		users = found
		return joined(bad)
	})
	return users, err
}

// Check asks the database whether the table and its columns are there. Its error wraps legacy.ErrMapping if they are not, and
// names each column that is missing.
func (s *Source) Check(ctx context.Context) error {
	return s.ask(ctx, "check the table", func(ctx context.Context) error {
		s.shape.Store(nil)
		_, err := s.types(ctx)
		if err == nil || !isStatementError(err) {
			return err
		}
		if probe := s.probe(ctx, "1", "1 = 1"); probe != nil {
			return mapping(fmt.Sprintf("table %s: %s", s.config.Table, s.describe(probe)), probe)
		}
		var missing []string
		for _, f := range s.fields {
			if s.probe(ctx, s.dialect.quote(f.column), "1 = 1") != nil {
				missing = append(missing, f.column)
			}
		}
		if len(missing) == 0 {
			return err
		}
		return mapping(fmt.Sprintf("table %s has no readable column %s", s.config.Table, strings.Join(missing, ", ")), err)
	})
}

// Ping asks the database for nothing, as often as a probe likes: it leaves what Check has found as it is.
func (s *Source) Ping(ctx context.Context) error {
	return s.ask(ctx, "ping", func(ctx context.Context) error { return s.probe(ctx, "1", "1 = 1") })
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

// joined is the error of a page in which some rows cannot be read.
func joined(bad []*legacy.RowError) error {
	if len(bad) == 0 {
		return nil
	}
	errs := make([]error, len(bad))
	for i, row := range bad {
		errs[i] = row
	}
	return guard.Answered(errors.Join(errs...))
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
