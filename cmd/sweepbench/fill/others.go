package fill

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver

	"rekey/cmd/loadtest/rig"
	"rekey/cmd/sweepbench/crowd"
)

var postgreSQL = engine{
	table: `CREATE TABLE ` + Table + ` (
		id            bigint      NOT NULL PRIMARY KEY,
		username      text        NOT NULL,
		email         text,
		password      text        NOT NULL,
		display_name  text        NOT NULL,
		created_at    timestamptz NOT NULL,
		last_login_at timestamptz,
		disabled      boolean     NOT NULL
	)`,
	open:  func(u *url.URL) (*sql.DB, error) { return rig.Connect(u.String()) },
	write: copyPeople,
	after: []string{"ANALYZE " + Table},
}

// copyPeople streams people through COPY.
func copyPeople(ctx context.Context, conn *sql.Conn, people iter.Seq[crowd.Person]) error {
	next, stop := iter.Pull(people)
	defer stop()
	rows := pgx.CopyFromFunc(func() ([]any, error) {
		p, ok := next()
		if !ok {
			return nil, nil
		}
		return []any{p.ID, p.Username, textOrNil(p.Email), p.Hash, p.DisplayName, p.CreatedAt, timeOrNil(p.LastLoginAt), p.Disabled}, nil
	})
	return conn.Raw(func(driver any) error {
		native, ok := driver.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("the driver's connection is a %T", driver)
		}
		_, err := native.Conn().CopyFrom(ctx, pgx.Identifier{Table}, strings.Split(columns, ", "), rows)
		return err
	})
}

var sqlite = engine{
	table: `CREATE TABLE ` + Table + ` (
		id            INTEGER NOT NULL PRIMARY KEY,
		username      TEXT    NOT NULL,
		email         TEXT,
		password      TEXT    NOT NULL,
		display_name  TEXT    NOT NULL,
		created_at    TEXT    NOT NULL,
		last_login_at TEXT,
		disabled      INTEGER NOT NULL
	)`,
	// A file that was not filled to its end is thrown away, so nothing is waited for.
	open: func(u *url.URL) (*sql.DB, error) {
		return sql.Open("sqlite", "file:"+u.Path+"?_pragma=journal_mode(off)&_pragma=synchronous(off)")
	},
	write: insertPeople,
	after: []string{"ANALYZE"},
}

// inserted is how many people one statement has: SQLite takes 32,766 values.
const inserted = 500

// insertPeople inserts many people at a time, in one transaction, which without a journal takes no memory.
func insertPeople(ctx context.Context, conn *sql.Conn, people iter.Seq[crowd.Person]) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit there is nothing to roll back
	full, err := tx.PrepareContext(ctx, insertText(inserted))
	if err != nil {
		return err
	}
	defer func() { _ = full.Close() }() // the transaction is over
	values := make([]any, 0, inserted*8)
	for piece := range batches(people, inserted) {
		values = values[:0]
		for p := range piece {
			last := timeOrNil(p.LastLoginAt)
			if last != nil {
				last = p.LastLoginAt.Format(timeText)
			}
			values = append(values, p.ID, p.Username, textOrNil(p.Email), p.Hash, p.DisplayName, p.CreatedAt.Format(timeText), last, p.Disabled)
		}
		if n := len(values) / 8; n < inserted {
			_, err = tx.ExecContext(ctx, insertText(n), values...)
		} else {
			_, err = full.ExecContext(ctx, values...)
		}
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}

func insertText(n int) string {
	return "INSERT INTO " + Table + " (" + columns + ") VALUES " + strings.Repeat("(?, ?, ?, ?, ?, ?, ?, ?), ", n-1) + "(?, ?, ?, ?, ?, ?, ?, ?)"
}

func textOrNil(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func timeOrNil(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}
