package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"rekey/accounts"
)

// raw opens a database without this package's help.
func raw(t *testing.T, url string) *sql.DB {
	t.Helper()
	driver, dsn := "pgx", url
	if path, ok := strings.CutPrefix(url, "sqlite://"); ok {
		driver, dsn = "sqlite", "file:"+path
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // a test's helper; nothing hangs on it
	return db
}

func run(t *testing.T, db *sql.DB, text string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}

func TestOpenAtOnce(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, url string) {
		var group errgroup.Group
		for range 8 {
			group.Go(func() error {
				s, err := Open(t.Context(), url, Options{MaxConns: 2})
				if err != nil {
					return err
				}
				_, err = s.CountAccounts(t.Context())
				return errors.Join(err, s.Close())
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		checkMigratedOnce(t, url)
	})
}

func TestOpenAtOnceInProcesses(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, url string) {
		var children []*child
		for range 4 {
			children = append(children, start(t, os.Args[0], "open", url))
		}
		for _, c := range children {
			opened := c.lines.Scan() && c.lines.Text() == "open"
			if err := c.command.Wait(); err != nil || !opened {
				t.Errorf("a process could not open the store: %v", err)
			}
		}
		checkMigratedOnce(t, url)
	})
}

// checkMigratedOnce fails if a migration was applied twice.
func checkMigratedOnce(t *testing.T, url string) {
	t.Helper()
	s := open(t, url)
	entries, err := files.ReadDir(s.engine.migrations.folder)
	if err != nil {
		t.Fatal(err)
	}
	known := int64(len(entries)) // not the newest one's number: numbers may be left out
	var noted, distinct int64
	err = s.write.QueryRowContext(t.Context(),
		`SELECT count(*), count(DISTINCT version_id) FROM goose_db_version WHERE version_id > 0`).Scan(&noted, &distinct)
	if err != nil || noted != known || distinct != known {
		t.Errorf("%d migrations noted, %d different, %v; want %d", noted, distinct, err, known)
	}
}

func TestOpenNewer(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, url string) {
		s := open(t, url)
		r, e := person("Ada")
		if err := s.Create(t.Context(), r, e); err != nil {
			t.Fatal(err)
		}
		run(t, s.write.DB, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9000, TRUE)`)
		older, err := Open(t.Context(), url, Options{})
		if err == nil {
			t.Fatal(errors.Join(errors.New("it opened a newer database"), older.Close()))
		}
		if !strings.Contains(err.Error(), "version 9000") || !strings.Contains(err.Error(), "newer rekey") {
			t.Errorf("the error does not say what to do: %v", err)
		}
		if _, err := s.ByID(t.Context(), r.ID); err != nil {
			t.Errorf("the newer program's data suffered: %v", err)
		}
	})
}

// A migration that fails half-way leaves nothing behind, so that the next start can try again.
func TestMigrationFails(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, url string) {
		db := raw(t, url)
		run(t, db, `CREATE TABLE meta (in_the_way INTEGER)`) // the last table of the first migration
		s, err := Open(t.Context(), url, Options{})
		if err == nil {
			t.Fatal(errors.Join(errors.New("it opened"), s.Close()))
		}
		if _, err := db.ExecContext(t.Context(), `SELECT 1 FROM accounts`); err == nil {
			t.Error("the tables before the failure are there")
		}
		run(t, db, `DROP TABLE meta`)
		open(t, url)
	})
}

// Both engines have the same tables and columns, and the same of them may be NULL.
func TestSameSchema(t *testing.T) {
	t.Parallel()
	lite := columns(t, open(t, sqliteURL(t)), `
SELECT m.name, c.name, c."notnull" FROM sqlite_master m JOIN pragma_table_info(m.name) c
 WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'`)
	if len(lite) < 50 {
		t.Errorf("only %d columns found", len(lite))
	}
	post := columns(t, open(t, postgresURL(t)), `
SELECT table_name, column_name, is_nullable = 'NO'
  FROM information_schema.columns WHERE table_schema = 'public'`)
	if diff := cmp.Diff(lite, post); diff != "" {
		t.Errorf("columns and whether they must have a value (-sqlite +postgres):\n%s", diff)
	}
}

func columns(t *testing.T, s *Store, text string) map[string]bool {
	t.Helper()
	found := make(map[string]bool)
	err := s.each(t.Context(), s.read, func(scan scan) error {
		var (
			table, column string
			must          bool
		)
		err := scan(&table, &column, &must)
		if table != "goose_db_version" { // goose's own, which differs
			found[table+"."+column] = must
		}
		return err
	}, text)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// SQLite does not wait for the lock that turning to WAL needs while somebody writes in the old mode; a start does.
func TestSQLiteWaitsForWAL(t *testing.T) {
	t.Parallel()
	url := sqliteURL(t)
	other := raw(t, url)
	other.SetMaxOpenConns(1)
	run(t, other, `BEGIN IMMEDIATE`)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	s, err := Open(ctx, url, Options{})
	if err == nil {
		t.Fatal(errors.Join(errors.New("it opened under somebody else's lock"), s.Close()))
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it did not wait: %v", err)
	}
	run(t, other, `COMMIT`)
	open(t, url)
}

// On SQLite a rule of a table is changed by making the table anew: what was in it stays.
func TestCredentialsSurviveTheirTable(t *testing.T) {
	t.Parallel()
	url := sqliteURL(t)
	db := raw(t, url)
	for _, name := range []string{"00001_accounts", "00002_profiles", "00003_staff", "00004_phase", "00005_life", "00006_copy_back"} {
		text, err := files.ReadFile("migrations/sqlite/" + name + ".sql")
		if err != nil {
			t.Fatal(err)
		}
		run(t, db, string(text))
	}
	run(t, db, `
CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')));
INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 1);
INSERT INTO accounts (id, disabled, created_at) VALUES ('`+uuid.Max.String()+`', FALSE, 1);
INSERT INTO credentials (account_id, kind, version, scheme, encoded, fold, legacy, needs_change)
VALUES ('`+uuid.Max.String()+`', 'password', 7, 'wrapped', '$rekey-wrap$', 'trim', 'sealed', TRUE)`)
	s := open(t, url)
	got, err := s.ByID(t.Context(), uuid.Max)
	want := accounts.Credential{Version: 7, Scheme: accounts.SchemeWrapped, Encoded: "$rekey-wrap$", Fold: "trim", Legacy: "sealed"}
	if err != nil || got.Credential != want || got.Disabled || got.DisabledThere {
		t.Errorf("%+v (%v)", got, err)
	}
	if there, err := s.exists(t.Context(), s.read, `SELECT 1 FROM credentials WHERE needs_change`); err != nil || !there {
		t.Errorf("what it owes is lost (%v)", err)
	}
	if _, err := s.exec(t.Context(), s.write, `DELETE FROM accounts`); err == nil {
		t.Error("an account can be removed from under its credential")
	}
}

// What a gate asks of passes is found in the reports of those of before.
func TestPassesOfBefore(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, url string) {
		s, db := open(t, url), raw(t, url)
		text, err := files.ReadFile(s.engine.migrations.folder + "/00023_passes.sql")
		if err != nil {
			t.Fatal(err)
		}
		_, fill, _ := strings.Cut(string(text), "UPDATE")
		fill, _, _ = strings.Cut(fill, ";")
		for i, found := range []accounts.ValidationReport{
			{},
			{Complete: true, Sources: []accounts.Comparison{{Counts: map[accounts.Verdict]int{accounts.VerdictEqual: 2, accounts.VerdictDifferent: 0}}}},
			{Sources: []accounts.Comparison{{}, {Counts: map[accounts.Verdict]int{accounts.VerdictEqual: 2, accounts.VerdictDifferent: 3}}}},
			{Complete: true, Sources: []accounts.Comparison{{Counts: map[accounts.Verdict]int{
				accounts.VerdictAhead: 1, accounts.VerdictDeleted: 1, accounts.VerdictUnmovable: 1, accounts.VerdictWaiting: 1, accounts.VerdictIgnored: 1,
			}}}},
			{},
		} {
			v := accounts.Validation{ID: uuid.UUID{15: byte(i)}, Began: time.UnixMilli(int64(i) + 1), Ended: time.UnixMilli(9), Epoch: 1, Found: found}
			if err := s.AddValidation(t.Context(), v); err != nil {
				t.Fatal(err)
			}
		}
		run(t, db, `UPDATE validations SET complete = FALSE, clean = FALSE`)
		run(t, db, "UPDATE"+fill)
		whole, err := s.LastComplete(t.Context(), 1)
		if err != nil || whole.ID[15] != 3 {
			t.Errorf("the last complete one is %d (%v)", whole.ID[15], err)
		}
		if found, err := s.LastUnclean(t.Context()); err != nil || found.ID[15] != 2 {
			t.Errorf("the last that has found something is %d (%v)", found.ID[15], err)
		}
	})
}
