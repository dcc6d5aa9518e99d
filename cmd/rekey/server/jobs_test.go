package server_test

import (
	"database/sql"
	"fmt"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib"

	"rekey/cmd/rekey/config"
)

// The metrics name each kind of background work, whichever engine does it, and nothing of an engine is left behind.
func TestBackgroundWork(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{"process": onSQLite(t), "river": onPostgres(t) + "jobs: river\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := serve(t, configured(t, more))
			_, text := get(t, "http://"+v.AdminAddress()+"/metrics")
			for _, want := range []string{
				`rekey_job_runs_total{kind="copy-back"} `, `rekey_job_failures_total{kind="copy-back"} 0`, `rekey_job_age_seconds{kind="expired-sessions"} `,
			} {
				if !strings.Contains(text, want) {
					t.Errorf("metrics without %s", want)
				}
			}
			v.close()
			if err := <-v.served; err != nil {
				t.Error(err)
			}
		})
	}
}

// configured returns a configuration without an old store.
func configured(t *testing.T, text string) *config.Config {
	t.Helper()
	folder := t.TempDir()
	key, path := filepath.Join(folder, "key"), filepath.Join(folder, "rekey.yaml")
	text += "listen: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\ndrain: 0s\nmaster_key_file: " + key + "\n"
	for file, content := range map[string]string{key: strings.Repeat("5a", 32), path: text} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Load(config.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// onSQLite returns the line that names a new file as the store.
func onSQLite(t *testing.T) string {
	t.Helper()
	return "store: sqlite://" + filepath.Join(t.TempDir(), "rekey.db") + "\n"
}

// onPostgres makes a database, drops it when the test ends, and returns the line that names it as the store.
func onPostgres(t *testing.T) string {
	t.Helper()
	text := os.Getenv("REKEY_TEST_POSTGRES")
	if text == "" {
		t.Skip("needs PostgreSQL: `make test` starts it and sets REKEY_TEST_POSTGRES")
	}
	u, err := neturl.Parse(text)
	if err != nil {
		t.Fatal("REKEY_TEST_POSTGRES is not a URL")
	}
	db, err := sql.Open("pgx", u.String())
	if err != nil {
		t.Fatal("cannot use the PostgreSQL server")
	}
	name := "rekey_" + uuid.NewString()
	if _, err := db.ExecContext(t.Context(), fmt.Sprintf(`CREATE DATABASE %q`, name)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.Exec(fmt.Sprintf(`DROP DATABASE %q WITH (FORCE)`, name)); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	u.Path = "/" + name
	return "store: " + u.String() + "\n"
}
