package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"rekey/accounts"
)

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const password = "pa55-w0rd"
	for name, url := range map[string]string{
		"no scheme":              "/var/lib/rekey.db",
		"other scheme":           "mysql://rekey:" + password + "@127.0.0.1/rekey",
		"empty":                  "",
		"relative":               "sqlite://rekey.db",
		"relative with a dot":    "sqlite://./rekey.db",
		"no slashes":             "sqlite:rekey.db",
		"opaque":                 "sqlite:" + dir + "/rekey.db",
		"no path":                "sqlite://",
		"root":                   "sqlite:///",
		"a folder by its name":   "sqlite://" + dir + "/rekey.db/",
		"a folder":               "sqlite://" + dir,
		"parameters":             "sqlite://" + dir + "/rekey.db?mode=memory",
		"fragment":               "sqlite://" + dir + "/rekey.db#x",
		"nul":                    "sqlite://" + dir + "/a%00b",
		"bad escape":             "sqlite://" + dir + "/%zz" + password,
		"no such folder":         "sqlite://" + dir + "/missing/rekey.db",
		"postgres, bad escape":   "postgres://rekey:" + password + "%zz@127.0.0.1/rekey",
		"postgres, bad port":     "postgres://rekey:" + password + "@127.0.0.1:port/rekey",
		"postgres, slash":        "postgres://rekey:x/" + password + "@127.0.0.1:1/rekey",
		"postgres, hash":         "postgres://rekey:x#" + password + "@127.0.0.1:1/rekey",
		"postgres, in the query": "postgres://rekey@127.0.0.1:1/rekey?password=" + password,
		"postgres, sslmode":      "postgres://rekey:" + password + "@127.0.0.1:1/rekey?sslmode=perhaps",
		"postgres, pool":         "postgres://rekey:" + password + "@127.0.0.1:1/rekey?pool_max_conns=many",
		"postgres, nobody there": "postgres://rekey:" + password + "@127.0.0.1:1/rekey?connect_timeout=2",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Open(t.Context(), url, Options{})
			if err == nil {
				t.Fatal(errors.Join(errors.New("it opened"), s.Close()))
			}
			for text := range strings.FieldsSeq(fmt.Sprintf("%v\n%+v\n%#v", err, err, err)) {
				if strings.Contains(text, password) {
					t.Errorf("the error holds the password: %v", err)
				}
			}
		})
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("what was refused left %d files: %v, %v", len(left), left, err)
	}
}

// A server that knows the user but not the password, and one that accepts and then says nothing.
func TestPostgresRefusesQuietly(t *testing.T) {
	t.Parallel()
	const password = "pa55-w0rd"
	u := needPostgres(t)
	wrong := strings.Replace(u.String(), u.User.String(), "nobody:"+password, 1)

	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()

	for name, url := range map[string]string{
		"wrong password": wrong,
		"silent server":  "postgres://rekey:" + password + "@" + silent.Addr().String() + "/rekey",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		s, err := Open(ctx, url, Options{})
		cancel()
		if err == nil {
			t.Fatal(name, errors.Join(errors.New("it opened"), s.Close()))
		}
		if strings.Contains(fmt.Sprintf("%v %+v", err, err), password) {
			t.Errorf("%s: the error holds the password: %v", name, err)
		}
	}
}

func TestSQLiteFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a ? name # with %41 signs.db")
	url := "sqlite://" + strings.NewReplacer("%", "%25", "?", "%3F", "#", "%23", " ", "%20").Replace(path)
	s := open(t, url)
	r, e := person("Ada")
	if err := s.Create(t.Context(), r, e); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%q has mode %v, want 0600", suffix, info.Mode())
		}
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 3 {
		t.Errorf("the folder holds %v, %v; want the database and its two companions", files, err)
	}

	// Who chose another mode keeps it.
	other := filepath.Join(t.TempDir(), "rekey.db")
	if err := os.WriteFile(other, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	open(t, "sqlite://"+other)
	if info, err := os.Stat(other); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode of a file that was there is now %v, %v", info.Mode(), err)
	}
}

// Every connection of the pools is set up, not only the first.
func TestSQLiteSettings(t *testing.T) {
	t.Parallel()
	s := open(t, sqliteURL(t))
	want := map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000", "query_only": "0",
	}
	settings(t, s.write.DB, 1, want)
	want["query_only"] = "1"
	settings(t, s.read.DB, 3, want)
	if n := s.write.Stats().MaxOpenConnections; n != 1 {
		t.Errorf("%d connections may write, want 1", n)
	}
}

// settings looks at n connections of a pool that are open at once.
func settings(t *testing.T, db *sql.DB, n int, want map[string]string) {
	t.Helper()
	for range n {
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		got := make(map[string]string)
		for name := range want {
			var value string
			if err := conn.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&value); err != nil {
				t.Fatal(err)
			}
			got[name] = value
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("settings (-want +got):\n%s", diff)
		}
	}
}

// No error shows a stored value: the database quotes the row in some of them.
func TestErrorsHoldNoValues(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, url string) {
		s := open(t, url)
		r, e := person("Ada")
		if err := s.Create(t.Context(), r, e); err != nil {
			t.Fatal(err)
		}
		bad, event := person("Grace")
		bad.Credential.Scheme = "plaintext"
		next := accounts.Credential{Scheme: "plaintext", Encoded: bad.Credential.Encoded}
		_, noted := s.AddNote(t.Context(), accounts.Note{Source: "shop", LegacyID: "Grace"}, event)
		for what, err := range map[string]error{
			"Create":            s.Create(t.Context(), bad, event),
			"ReplaceCredential": s.ReplaceCredential(t.Context(), r.ID, 1, next, event),
			"AddNote":           noted,
		} {
			if err == nil {
				t.Errorf("%s: no error", what)
				continue
			}
			text := err.Error()
			if e, ok := errors.AsType[*pgconn.PgError](err); ok {
				text = fmt.Sprintf("%s %+v", text, *e) // all that a logger could get at
			}
			for _, value := range []string{bad.Credential.Encoded, "Grace", "grace"} {
				if strings.Contains(text, value) {
					t.Errorf("%s: the error holds %q", what, value)
				}
			}
		}
	})
}
