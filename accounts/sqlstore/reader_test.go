package sqlstore

import (
	"errors"
	"io/fs"
	"os"
	"testing"
)

// A reader asks a store as it is: it makes none, brings none up to date, and cannot write.
func TestReader(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, url string) {
		r, err := OpenReader(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
		ask := func(query string) (n int, err error) {
			tx, err := r.ReadTx(t.Context())
			if err != nil {
				return 0, err
			}
			defer tx.Rollback() // nothing was written
			return n, tx.QueryRowContext(t.Context(), query).Scan(&n)
		}
		const tables = `SELECT count(*) FROM accounts`
		if _, err := ask(tables); err == nil {
			t.Error("it has made the tables")
		}
		if _, err := os.Stat(sqliteFile(url)); err == nil || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it has made the file (%v)", err)
		}
		open(t, url)
		if n, err := ask(tables); n != 0 || err != nil {
			t.Errorf("%d accounts, %v", n, err)
		}
		if n, err := ask(`UPDATE sweep_settings SET version = version + 1 RETURNING 1`); err == nil {
			t.Errorf("it writes (%d)", n)
		}
	})
	if _, err := OpenReader(t.Context(), "sqlite://relative"); err == nil {
		t.Error("a path that is not absolute")
	}
}
