package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	neturl "net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

// How every connection is set up; see the driver's documentation for the names. WAL lets readers go on while one
// writes, FULL makes a commit wait for the disk, immediate takes the write lock at BEGIN, where waiting for it is
// possible, and the busy timeout (milliseconds) is how long.
const sqliteSettings = "_busy_timeout=5000&_foreign_keys=on&_synchronous=FULL&_txlock=immediate&_dqs=false&_defensive=true"

// sqliteOpenTimeout bounds how long a start waits for another process that is making the same database.
const sqliteOpenTimeout = 10 * time.Second

func openSQLite(ctx context.Context, url string, o Options) (*Store, error) {
	path, err := sqlitePath(url)
	if err != nil {
		return nil, err
	}
	if err := createPrivate(path); err != nil {
		return nil, err
	}
	file := (&neturl.URL{Scheme: "file", Path: path}).String()
	// One connection writes: SQLite lets no second one write anyhow, and a queue in Go is fair and ends with the context.
	write, err := sql.Open("sqlite", file+"?_journal_mode=WAL&"+sqliteSettings)
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	if err := waitForWAL(ctx, write); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read, err := sql.Open("sqlite", file+"?_query_only=on&"+sqliteSettings)
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	readers := maxConns(o)
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return &Store{
		engine: sqliteEngine(),
		read:   &pool{DB: read},
		write:  &pool{DB: write, group: &group{db: write}},
		growth: &growth{},
		// The writer last: the last connection to go moves the log into the database, and readers may not write.
		close: func() error { return errors.Join(read.Close(), write.Close()) },
	}, nil
}

// maxConns is the number of connections that o asks for, or the default.
func maxConns(o Options) int {
	if o.MaxConns > 0 {
		return o.MaxConns
	}
	return max(8, 4*runtime.GOMAXPROCS(0))
}

// sqlitePath reads sqlite:///absolute/path.
func sqlitePath(url string) (string, error) {
	u, err := neturl.Parse(url)
	switch {
	case err != nil:
		return "", errors.New("the sqlite URL is malformed")
	case u.Host != "" || u.User != nil || u.Opaque != "":
		return "", errors.New("the sqlite URL needs an absolute path, with three slashes: sqlite:///var/lib/rekey/rekey.db")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", errors.New("the sqlite URL takes no parameters; write ? as %3F and # as %23 in a path")
	case !filepath.IsAbs(u.Path) || strings.HasSuffix(u.Path, "/") || strings.ContainsRune(u.Path, 0):
		return "", errors.New("the sqlite URL must name a file, as in sqlite:///var/lib/rekey/rekey.db")
	}
	return filepath.Clean(u.Path), nil
}

// createPrivate makes the file, empty and readable by nobody else, unless it is there. SQLite gives the log beside it
// the same mode.
//
// The file is made under another name and closed before it gets its own: closing it later would drop the locks that
// this process already holds on it through SQLite (https://www.sqlite.org/howtocorrupt.html, section 2.2).
func createPrivate(path string) error {
	switch info, err := os.Stat(path); {
	case err == nil && !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a file", path)
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	empty, err := os.CreateTemp(filepath.Dir(path), ".rekey-new-*") // CreateTemp uses mode 0600
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	err = empty.Close()
	if err == nil {
		err = os.Link(empty.Name(), path)
		if errors.Is(err, fs.ErrExist) {
			err = nil // another process was faster
		}
	}
	if err = errors.Join(err, os.Remove(empty.Name())); err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	return nil
}

// waitForWAL makes the first connection. Turning a new database to WAL needs it for oneself, and SQLite does not wait
// for that as it waits for other locks, so two processes that start at once meet here.
func waitForWAL(ctx context.Context, db *sql.DB) error {
	ctx, cancel := context.WithTimeout(ctx, sqliteOpenTimeout)
	defer cancel()
	for {
		err := db.PingContext(ctx)
		if err == nil || !isBusy(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(5 * time.Millisecond): // about what a commit takes
		}
	}
}

func sqliteEngine() engine {
	return engine{
		unique: func(err error) bool {
			e, ok := errors.AsType[*sqlite.Error](err)
			return ok &&
				(e.Code() == sqlitelib.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlitelib.SQLITE_CONSTRAINT_PRIMARYKEY)
		},
		again: func(error) bool { return false }, // with one writer nothing is undone; a lock was waited for already
		scrub: func(err error) error { return err },
		renew: (*Store).renewThenSelect,
		clock: `CAST(unixepoch('subsec') * 1000000 AS INTEGER)`,

		elements: func(arg string) string { return `json_each(` + arg + `)` },
		// Whoever is in a transaction here is the only one who writes.
		holdEpoch:   func(context.Context, *Store, querier, bool) error { return nil },
		keepChange:  func(context.Context, *Store, querier, uuid.UUID) error { return nil },
		bornHere:    `substr(a.id, 15, 1) <> '5'`,
		keepChanges: func(context.Context, *Store, querier) error { return nil },
		insertRows:  insertPrepared,
		survey:      func(context.Context, *Store) error { return nil }, // it plans by what indexes there are
		lists: func(values, order string) string {
			return `json_group_array(json_array(` + values + `) ORDER BY ` + order + `)`
		},
		texts: jsonValues, ids: jsonValues,
		migrations: migrations{
			dialect: goose.DialectSQLite3,
			folder:  "migrations/sqlite",
			hasVersions: `SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '` +
				goose.DefaultTablename + `'`,
			// Goose's own transactions are off: the lock is one transaction around everything.
			options: []goose.ProviderOption{goose.WithSessionLocker(sqliteLock{}), goose.WithIsolateDDL(true)},
		},
	}
}

func jsonValues(p string) string { return `(SELECT value AS id FROM json_each(` + p + `))` }

// insertPrepared writes rows by one statement that is compiled once. Its parameters have no names, which the driver would copy for each row.
func insertPrepared(ctx context.Context, _ *sql.Conn, tx *sql.Tx, b batch) error {
	stmt, err := tx.PrepareContext(ctx, b.insertOf(slices.Repeat([]string{"?"}, len(b.columns))))
	if err != nil {
		return err
	}
	defer func() {
		_ = stmt.Close() // it goes with its transaction
	}()
	for i := range b.rows {
		row, err := b.row(i)
		if err != nil {
			return err
		}
		if _, err := stmt.ExecContext(ctx, row...); err != nil {
			return err
		}
	}
	return nil
}

// isBusy reports whether another connection holds the lock.
func isBusy(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == sqlitelib.SQLITE_BUSY // the low byte is the primary code
}

// sqliteLock keeps two processes from migrating at once, by SQLite's own write lock: all pending migrations are one
// transaction, which is also one wait for the disk.
type sqliteLock struct{}

// SessionLock begins the transaction.
func (sqliteLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE")
	return err
}

// SessionUnlock ends the transaction. Goose calls it after a failure too and does not say so. It notes a migration as
// its last step, so if the newest is not noted, one has failed half-way and everything is undone.
func (sqliteLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	known, err := newest("migrations/sqlite")
	if err != nil {
		return errors.Join(err, rollback(ctx, conn))
	}
	var noted sql.NullInt64
	err = conn.QueryRowContext(ctx, versionText).Scan(&noted)
	if err != nil || noted.Int64 < known {
		return errors.Join(err, rollback(ctx, conn))
	}
	_, err = conn.ExecContext(ctx, "COMMIT")
	if err != nil {
		return errors.Join(err, rollback(ctx, conn))
	}
	return nil
}

func rollback(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "ROLLBACK")
	return err
}
