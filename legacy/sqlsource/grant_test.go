package sqlsource

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"

	"rekey/legacy"
)

// grants returns the statements of README.md for an engine.
func grants(t *testing.T, to, engine string) []string {
	t.Helper()
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(page), "```sql "+to+" "+engine+"\n")
	block, _, closed := strings.Cut(block, "```")
	if !ok || !closed {
		t.Fatalf("README.md has no grants for %s", engine)
	}
	return strings.Split(strings.TrimSpace(block), "\n")
}

// TestGrants: the rights that README.md names are enough to read, and too few to write or to read more.
func TestGrants(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		if e.name == "sqlite" {
			return // has no users
		}
		w := writer{t, e, admin}
		w.table("users", "id int", "login text", "email text", "pass text", "active bool", "notes text")
		w.table("user_roles", "user_id int", "role text")
		w.table("other", "id int")
		w.row("users", 1, "anna", "anna@example.org", "h", true, "hunter2")
		w.row("user_roles", 1, "reader")
		u, err := url.Parse(dsn)
		if err != nil {
			t.Fatal("the DSN is not a URL")
		}
		name, password := "r_"+strings.ToLower(rand.Text()[:12]), rand.Text()
		database := strings.TrimPrefix(u.Path, "/")
		t.Cleanup(func() {
			if e.name == "postgres" {
				must(t, admin, "DROP OWNED BY "+name)
				must(t, admin, "DROP ROLE "+name)
				return
			}
			must(t, admin, "DROP USER '"+name+"'@'%'")
		})
		for _, statement := range grants(t, "grant", e.name) {
			must(t, admin, strings.NewReplacer("rekey_reader", name, "shop.", database+".", "a long random password", password).Replace(statement))
		}
		u.User = url.UserPassword(name, password)
		c := Config{
			DSN: u.String(), Table: "users", Columns: Columns{ID: "id", Username: "login", Email: "email", Password: "pass", Disabled: "!active"},
			Profile: ProfileColumns{Roles: "role.role"}, Joins: []Join{{Table: "user_roles", As: "role", On: []On{{"id", "user_id"}}}},
		}
		s := open(t, c)
		if err := s.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		users, err := s.Lookup(t.Context(), "anna")
		if err != nil || len(users) != 1 || len(users[0].Profile.Roles) != 1 {
			t.Errorf("%d people, %v", len(users), err)
		}
		c.Extra = []string{"notes"}
		err = open(t, c).Check(t.Context())
		if err == nil || !strings.HasSuffix(err.Error(), "table users has no readable column notes") {
			t.Errorf("a column without a grant: %v", err)
		}

		// The same user without our read-only session.
		driver := map[string]string{"mysql": "mysql", "postgres": "pgx"}[e.name]
		native := u.String()
		if e.name == "mysql" {
			native = name + ":" + password + "@tcp(" + u.Host + ")/" + database
		}
		free, err := sql.Open(driver, native)
		if err != nil {
			t.Fatal(err)
		}
		defer free.Close()
		for _, statement := range []string{"UPDATE users SET pass = 'x'", "DELETE FROM user_roles", "SELECT notes FROM users", "SELECT id FROM other"} {
			if _, err := free.ExecContext(t.Context(), statement); err == nil {
				t.Errorf("%s: is allowed", statement)
			}
		}
	})
}

// TestWriteGrants: with the rights that README.md names for writing, what is granted is written, and nothing else.
func TestWriteGrants(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		if e.name == "sqlite" {
			return // has no users
		}
		id := map[string]string{"mysql": "INT AUTO_INCREMENT PRIMARY KEY", "postgres": "SERIAL PRIMARY KEY"}[e.name]
		must(t, admin, "CREATE TABLE users (id "+id+", login VARCHAR(40), email VARCHAR(40), pass VARCHAR(100), active INT NOT NULL DEFAULT 1, points INT NOT NULL DEFAULT 0)")
		must(t, admin, "CREATE TABLE user_roles (user_id INT, role VARCHAR(40))")
		must(t, admin, "INSERT INTO users (id, login, email, pass) VALUES (1000, 'anna', 'anna@example.org', 'h')")
		u, err := url.Parse(dsn)
		if err != nil {
			t.Fatal("the DSN is not a URL")
		}
		name, password := "w_"+strings.ToLower(rand.Text()[:12]), rand.Text()
		t.Cleanup(func() {
			if e.name == "postgres" {
				must(t, admin, "DROP OWNED BY "+name)
				must(t, admin, "DROP ROLE "+name)
				return
			}
			must(t, admin, "DROP USER '"+name+"'@'%'")
		})
		for _, statement := range grants(t, "grant write", e.name) {
			must(t, admin, strings.NewReplacer("rekey_writer", name, "shop.", strings.TrimPrefix(u.Path, "/")+".", "a long random password", password).Replace(statement))
		}
		u.User = url.UserPassword(name, password)
		c := Config{
			DSN: dsn, Table: "users", Columns: Columns{ID: "id", Username: "login", Email: "email", Password: "pass", Disabled: "!active"},
			Scheme: "auto", Write: &Write{DSN: u.String(), Like: bcryptLike},
		}
		w := openWriter(t, c)
		if err := w.Update(t.Context(), get(t, w, "1000"), pass("new", "")); err != nil {
			t.Fatal(err)
		}
		newID, err := w.Insert(t.Context(), legacy.User{Username: "new"}, legacy.NewPassword{Hashed: legacy.Stored{Hash: "h2"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Delete(t.Context(), get(t, w, newID)); err != nil {
			t.Fatal(err)
		}
		for _, statement := range []string{
			"UPDATE users SET points = 7 WHERE id = 1000", "UPDATE users SET id = 7 WHERE id = 1000", "DELETE FROM user_roles", "INSERT INTO user_roles VALUES (1, 'admin')",
		} {
			if _, err := w.pool.ExecContext(t.Context(), statement); err == nil {
				t.Errorf("%s: is allowed", statement)
			}
		}

		// Without the right to it, Check names what cannot be written, and a write is refused.
		must(t, admin, map[string]string{
			"mysql": "REVOKE DELETE ON " + strings.TrimPrefix(u.Path, "/") + ".users FROM '" + name + "'@'%'", "postgres": "REVOKE DELETE ON users FROM " + name,
		}[e.name])
		if err := w.Check(t.Context()); !errors.Is(err, legacy.ErrMapping) || !strings.Contains(err.Error(), "delete") {
			t.Errorf("Check without a right: %v", err)
		}
		if r := refusedAs(t, w.Delete(t.Context(), get(t, w, "1000"))); r.Taken || r.Field != "" {
			t.Errorf("%v", r)
		}
	})
}
