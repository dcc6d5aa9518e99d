// Package copied writes the rows of one new store into another with COPY and nothing else: what a sweep can at best come to on the
// same PostgreSQL. It serves the bench of the sweep.
package copied

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"rekey/accounts/sqlstore"
)

// tables are those that a move writes into, those first that others refer to.
var tables = []string{"accounts", "identifiers", "credentials", "legacy_links", "profiles", "events"}

// A Spool holds the rows of a store in files, as COPY reads them.
type Spool struct {
	Rows  int64
	Bytes int64

	files map[string]string // by table; those without rows are left out
}

// Take copies what a store has into files of a folder.
func Take(ctx context.Context, dsn, dir string) (Spool, error) {
	s := Spool{files: map[string]string{}}
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return s, err
	}
	for _, table := range tables {
		if err = s.take(ctx, conn, table, filepath.Join(dir, table)); err != nil {
			break
		}
	}
	return s, errors.Join(err, conn.Close(ctx))
}

func (s *Spool) take(ctx context.Context, conn *pgx.Conn, table, path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	tag, err := conn.PgConn().CopyTo(ctx, file, "COPY "+table+" TO STDOUT (FORMAT binary)")
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("read %s: %w", table, err)
	}
	if tag.RowsAffected() == 0 {
		return os.Remove(path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	s.files[table] = path
	s.Rows += tag.RowsAffected()
	s.Bytes += info.Size()
	return nil
}

// Remove deletes the files.
func (s Spool) Remove() error {
	var errs []error
	for _, path := range s.files {
		errs = append(errs, os.Remove(path))
	}
	return errors.Join(errs...)
}

// Into makes the tables in the empty database that a DSN names, with all their keys and indexes, writes the rows into them,
// and returns how long the writing took. Each table is a transaction.
func (s Spool) Into(ctx context.Context, dsn string) (time.Duration, error) {
	store, err := sqlstore.Open(ctx, dsn, sqlstore.Options{})
	if err != nil {
		return 0, err
	}
	if err := store.Close(); err != nil {
		return 0, err
	}
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return 0, err
	}
	var took time.Duration
	for _, table := range tables {
		if path := s.files[table]; path != "" && err == nil {
			var one time.Duration
			one, err = write(ctx, conn, table, path)
			took += one
		}
	}
	return took, errors.Join(err, conn.Close(ctx))
}

func write(ctx context.Context, conn *pgx.Conn, table, path string) (time.Duration, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }() // it was read
	begin := time.Now()
	if _, err := conn.PgConn().CopyFrom(ctx, file, "COPY "+table+" FROM STDIN (FORMAT binary)"); err != nil {
		return 0, fmt.Errorf("write %s: %w", table, err)
	}
	return time.Since(begin), nil
}

// Count returns how many rows a store has by table, of those that a move writes into.
func Count(ctx context.Context, dsn string) (map[string]int64, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	rows := map[string]int64{}
	for _, table := range tables {
		var n int64
		if err = conn.QueryRow(ctx, "SELECT count(*) FROM "+table).Scan(&n); err != nil {
			break
		}
		rows[table] = n
	}
	return rows, errors.Join(err, conn.Close(ctx))
}

// Sum returns how many rows those are.
func Sum(rows map[string]int64) int64 {
	var sum int64
	for _, n := range rows {
		sum += n
	}
	return sum
}
