// Package fill writes made-up people into an old store: MariaDB or MySQL, PostgreSQL, SQLite. It serves the bench of the sweep.
// People are written as they are made, so that memory does not grow with their number; indexes are made when they are in.
package fill

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"net/url"

	"rekey/cmd/sweepbench/crowd"
)

// Table is what the table of people is called.
const Table = "people"

// columns are those of the table, in the order in which values are written.
const columns = "id, username, email, password, display_name, created_at, last_login_at, disabled"

// YAML is what rekey's configuration says of the store, as an entry of legacy. Names for display move only if profiles do.
func YAML(name, dsn string, profiles bool) string {
	display := ""
	if profiles {
		display = ", display_name: display_name"
	}
	return fmt.Sprintf("{name: %s, kind: sql, dsn: %q, table: %s, columns: {id: id, username: username, email: email, password: password, "+
		"created_at: created_at, last_login_at: last_login_at, disabled: disabled%s}, scheme: auto}", name, dsn, Table, display)
}

// indexes are those that an application has which looks people up.
var indexes = []string{
	"CREATE INDEX people_username ON " + Table + " (username)",
	"CREATE INDEX people_email ON " + Table + " (email)",
	"CREATE INDEX people_last_login ON " + Table + " (last_login_at)",
}

// An engine writes into databases of one kind.
type engine struct {
	table string // CREATE TABLE
	open  func(u *url.URL) (*sql.DB, error)
	write func(ctx context.Context, conn *sql.Conn, people iter.Seq[crowd.Person]) error
	after []string
}

// engines maps the scheme of a DSN to its engine.
var engines = map[string]engine{
	"mysql":    mariaDB,
	"mariadb":  mariaDB,
	"postgres": postgreSQL, "postgresql": postgreSQL,
	"sqlite": sqlite,
}

// Fill makes the table in the empty database that a DSN names and writes everybody into it.
func Fill(ctx context.Context, dsn string, people iter.Seq[crowd.Person]) (err error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return errors.New("the DSN is no URL") // what is wrong with it may quote its password
	}
	e, known := engines[u.Scheme]
	if !known {
		return errors.New("the DSN must begin with mysql://, postgres:// or sqlite:///")
	}
	db, err := e.open(u)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, e.table); err != nil {
		return fmt.Errorf("make the table: %w", err)
	}
	if err := e.write(ctx, conn, people); err != nil {
		return fmt.Errorf("write people: %w", err)
	}
	for _, text := range append(indexes, e.after...) {
		if _, err := conn.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
	}
	return nil
}

// timeText is how times are written into text: UTC, to the second.
const timeText = "2006-01-02 15:04:05"

// batches cuts a sequence into pieces of n people at most, which are taken one after the other and each to its end.
func batches(people iter.Seq[crowd.Person], n int) iter.Seq[iter.Seq[crowd.Person]] {
	return func(yield func(iter.Seq[crowd.Person]) bool) {
		next, stop := iter.Pull(people)
		defer stop()
		for first, ok := next(); ok; first, ok = next() {
			piece := func(yield func(crowd.Person) bool) {
				for i, person := 0, first; ; i++ {
					if !yield(person) || i == n-1 {
						return
					}
					if person, ok = next(); !ok {
						return
					}
				}
			}
			if !yield(piece) {
				return
			}
		}
	}
}
