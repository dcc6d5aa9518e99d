package sqlsource

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey/legacy"
)

// plainTable is a table of the columns that most have.
func plainTable(t *testing.T, e engine, admin *sql.DB) Config {
	t.Helper()
	id := map[string]string{"sqlite": "INTEGER PRIMARY KEY", "mysql": "INT AUTO_INCREMENT PRIMARY KEY", "postgres": "SERIAL PRIMARY KEY"}[e.name]
	must(t, admin, "CREATE TABLE people (id "+id+", login VARCHAR(40) UNIQUE, email VARCHAR(40), pass VARCHAR(100), salt VARCHAR(10))")
	return Config{
		Table: "people", Columns: Columns{ID: "id", Username: "login", Email: "email", Password: "pass", Salt: "salt"},
		Scheme: "md5($pass.$salt)", Write: &Write{Scheme: "md5($pass.$salt)"},
	}
}

func pass(hash, salt string) legacy.Change {
	return legacy.Change{Password: &legacy.NewPassword{Hashed: legacy.Stored{Hash: hash, Salt: salt}}}
}

// get reads a person who must be there.
func get(t *testing.T, s legacy.Getter, id string) legacy.User {
	t.Helper()
	u, err := s.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// refusedAs returns the refusal that an error is.
func refusedAs(t *testing.T, err error) *legacy.RefusedError {
	t.Helper()
	refused, ok := errors.AsType[*legacy.RefusedError](err)
	if !ok {
		t.Fatalf("%v, want a refusal", err)
	}
	return refused
}

// TestConditionIsOnBytes: the condition of the statement itself, without the reading before it, is to the byte, where the
// column's own comparison is not, and takes NULL for what was read as empty.
func TestConditionIsOnBytes(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		fold := map[string]string{"sqlite": "VARCHAR(40) COLLATE NOCASE", "mysql": "VARCHAR(40) COLLATE utf8mb4_unicode_ci", "postgres": "CHAR(40)"}[e.name]
		must(t, admin, "CREATE TABLE people (id "+fold+" PRIMARY KEY, login VARCHAR(40), pass "+fold+", salt "+fold+")")
		must(t, admin, "INSERT INTO people VALUES ('a', 'anna', 'AbC', 's'), ('n', 'nobody', NULL, NULL)")
		w := openWriter(t, Config{
			DSN: dsn, Table: "people", Columns: Columns{ID: "id", Username: "login", Password: "pass", Salt: "salt"}, Scheme: "auto", Write: &Write{},
		})
		rows := func(id, hash, salt string) int64 {
			t.Helper()
			tx, err := w.pool.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback()
			shape, err := w.types(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			u := legacy.User{ID: id, Password: &legacy.Stored{Hash: hash, Salt: salt}}
			q, err := w.updateStatement(&transaction{shape: shape}, u, legacy.User{Password: &legacy.Stored{Hash: "new"}}, []writePart{partPassword})
			if err != nil {
				t.Fatal(err)
			}
			n, err := (&transaction{tx: tx}).exec(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		for _, tt := range []struct {
			id, hash, salt string
			want           int64
		}{
			{"a", "AbC", "s", 1}, {"a", "abc", "s", 0}, {"a", "AbC", "S", 0}, {"a", "AbC", "", 0}, {"a", "", "s", 0}, {"a", "äbC", "s", 0}, {"a", "AbC ", "s", 0},
			{"n", "", "", 1}, {"n", "x", "", 0},
		} {
			if got := rows(tt.id, tt.hash, tt.salt); got != tt.want {
				t.Errorf("%s %q %q: %d rows, want %d", tt.id, tt.hash, tt.salt, got, tt.want)
			}
		}
		if e.name != "postgres" && rows("A", "AbC", "s") != 0 {
			t.Error("a key in another case is somebody else's")
		}
	})
}

// TestNoPassword: somebody without a hash gets one, and a read-only source beside it still cannot write.
func TestNoPassword(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		c := plainTable(t, e, admin)
		c.DSN = dsn
		must(t, admin, "INSERT INTO people (id, login) VALUES (1, 'anna')")
		w := openWriter(t, c)
		if err := w.Update(t.Context(), get(t, w, "1"), pass("h", "s")); err != nil {
			t.Fatal(err)
		}
		if u := get(t, w, "1"); u.Password.Hash != "h" || u.Password.Salt != "s" {
			t.Error("it was not written")
		}
		if _, err := w.db.ExecContext(t.Context(), "UPDATE people SET email = 'x'"); err == nil {
			t.Error("the pool that reads can write")
		}
		var reader legacy.Source = open(t, c)
		if _, ok := reader.(legacy.Writer); ok {
			t.Error("Open makes a Writer")
		}
	})
}

// TestRefusals: what the database refuses is told by the field, and is not there afterwards.
func TestRefusals(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		id := map[string]string{"sqlite": "INTEGER PRIMARY KEY", "mysql": "INT AUTO_INCREMENT PRIMARY KEY", "postgres": "SERIAL PRIMARY KEY"}[e.name]
		must(t, admin, "CREATE TABLE people (id "+id+", login VARCHAR(40) NOT NULL, email VARCHAR(40), pass VARCHAR(100), gone INT NOT NULL DEFAULT 0, "+
			"points INT NOT NULL DEFAULT 1, CONSTRAINT few CHECK (points < 10), CONSTRAINT people_email_once UNIQUE (email))")
		must(t, admin, "INSERT INTO people (id, login, email, pass, gone) VALUES (1, 'anna', 'anna@example.org', 'h', 0), (2, 'bob', 'bob@example.org', 'h', 1)")
		if e.name == "postgres" {
			must(t, admin, "SELECT setval('people_id_seq', 100)")
		}
		must(t, admin, "CREATE TABLE orders (user_id INT NOT NULL, FOREIGN KEY (user_id) REFERENCES people (id))")
		must(t, admin, "INSERT INTO orders VALUES (1)")
		w := openWriter(t, Config{
			DSN: dsn, Table: "people", Columns: Columns{ID: "id", Username: "login", Email: "email", Password: "pass"}, Scheme: "auto",
			Where: []Condition{{Column: "gone", Op: "=", Values: []string{"0"}}},
			Write: &Write{Like: bcryptLike, DisplayName: None, Disabled: None},
		})
		was := get(t, w, "1")
		update := func(c legacy.Change) *legacy.RefusedError {
			t.Helper()
			return refusedAs(t, w.Update(t.Context(), was, c))
		}
		text := func(s string) *string { return &s }
		if r := update(legacy.Change{Email: text("bob@example.org")}); !r.Taken || r.Field != "Email" { // he is not seen by a Lookup
			t.Errorf("taken: %v", r)
		}
		if r := update(legacy.Change{Username: text("")}); r.Taken || r.Field != "Username" {
			t.Errorf("NOT NULL: %v", r)
		}
		if r := refusedAs(t, w.Delete(t.Context(), was)); r.Taken || strings.Contains(r.Reason, "orders") {
			t.Errorf("a foreign key: %v", r)
		}
		fresh := legacy.User{Email: "new@example.org"}
		pw := legacy.NewPassword{Hashed: legacy.Stored{Hash: "new"}}
		_, err := w.Insert(t.Context(), fresh, pw)
		if r := refusedAs(t, err); r.Taken || r.Field != "Username" {
			t.Errorf("a name that is missing: %v", r)
		}
		fresh = legacy.User{Username: "new", Email: "bob@example.org"}
		_, err = w.Insert(t.Context(), fresh, pw)
		if r := refusedAs(t, err); !r.Taken || r.Field != "Email" {
			t.Errorf("an insert of what is taken: %v", r)
		}
		if u := get(t, w, "1"); u.Email != "anna@example.org" || u.Username != "anna" {
			t.Error("something was written")
		}
		fresh.Email = "new@example.org" // the constraint of who is there is kept by what is inserted
		newID, err := w.Insert(t.Context(), fresh, pw)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Delete(t.Context(), get(t, w, newID)); err != nil {
			t.Error(err)
		}
	})
}

// TestWhatIsCutIsTakenBack: a MySQL that is not strict cuts a value without a word.
func TestWhatIsCutIsTakenBack(t *testing.T) {
	t.Parallel()
	dsn, admin := openTestMySQL(t)
	var e engine
	for _, one := range testEngines() {
		if one.name == "mysql" {
			e = one
		}
	}
	c := plainTable(t, e, admin)
	c.DSN = dsn
	must(t, admin, "INSERT INTO people (id, login, email, pass, salt) VALUES (1, 'anna', 'anna@example.org', 'h', 's')")
	c.Write.Email = "UPDATE people SET email = SUBSTRING(:email, 1, 40) WHERE id = :id AND pass = :old_password"
	w := openWriter(t, c)
	long := strings.Repeat("e", 41)
	if r := refusedAs(t, w.Update(t.Context(), get(t, w, "1"), legacy.Change{Email: &long})); r.Field != "Email" {
		t.Errorf("%v", r)
	}
	if u := get(t, w, "1"); u.Email != "anna@example.org" {
		t.Error("it was written")
	}
}

// TestStatementsOfMistake: a statement that forgets somebody or finds too many changes nothing.
func TestStatementsOfMistake(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		c := plainTable(t, e, admin)
		c.DSN = dsn
		must(t, admin, "INSERT INTO people (id, login, email, pass, salt) VALUES (1, 'anna', 'a', 'h', 's'), (2, 'bob', 'b', 'h', 's')")
		c.Write.Password = "UPDATE people SET pass = :password, salt = :salt WHERE (id = :id OR 1 = 1) AND pass = :old_password"
		c.Write.Email = "UPDATE people SET email = :email WHERE id = :id AND pass = :old_password AND 1 = 2"
		c.Write.Delete = "UPDATE people SET email = 'gone' WHERE id = :id AND pass = :old_password"
		w := openWriter(t, c)
		was := get(t, w, "1")
		mail := "c"
		for what, err := range map[string]error{
			"everybody": w.Update(t.Context(), was, pass("new", "s")), "nobody": w.Update(t.Context(), was, legacy.Change{Email: &mail}),
			"still there": w.Delete(t.Context(), was),
		} {
			if _, ok := errors.AsType[*legacy.RefusedError](err); !ok {
				t.Errorf("%s: %v, want a refusal", what, err)
			}
		}
		for _, id := range []string{"1", "2"} {
			if u := get(t, w, id); u.Password.Hash != "h" || len(u.Email) != 1 || u.Email == mail {
				t.Errorf("person %s was changed", id)
			}
		}
	})
}

// TestNoTransactions: what must be taken back would stay in MyISAM.
func TestNoTransactions(t *testing.T) {
	t.Parallel()
	dsn, admin := openTestMySQL(t)
	must(t, admin, "CREATE TABLE people (id INT AUTO_INCREMENT PRIMARY KEY, login VARCHAR(40), pass VARCHAR(100)) ENGINE=MyISAM")
	must(t, admin, "INSERT INTO people VALUES (1, 'anna', 'h')")
	w, err := OpenWriter(Config{
		Name: "shop", DSN: dsn, Table: "people", Columns: Columns{ID: "id", Username: "login", Password: "pass"}, Scheme: "auto", Write: &Write{}, Timeout: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Check(t.Context()); !errors.Is(err, legacy.ErrMapping) || !strings.Contains(err.Error(), "MyISAM") {
		t.Errorf("Check: %v", err)
	}
	refusedAs(t, w.Update(t.Context(), get(t, w, "1"), pass("new", "")))
	if get(t, w, "1").Password.Hash != "h" {
		t.Error("it was written")
	}
}

// TestCheckFindsWhatCannotBeWritten: a column that is not there, and a right that is missing, show before anybody writes.
func TestCheckFindsWhatCannotBeWritten(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		c := plainTable(t, e, admin)
		c.DSN, c.Name, c.Timeout = dsn, "shop", time.Minute
		check := func(change func(*Write)) error {
			one := c
			write := *c.Write
			change(&write)
			one.Write = &write
			w, err := OpenWriter(one)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			return w.Check(t.Context())
		}
		if err := check(func(*Write) {}); err != nil {
			t.Errorf("all is there: %v", err)
		}
		err := check(func(w *Write) { w.Delete = "DELETE FROM persons WHERE id = :id AND pass = :old_password" })
		if !errors.Is(err, legacy.ErrMapping) || !strings.Contains(err.Error(), "delete") {
			t.Errorf("a table that is not there: %v", err)
		}
		err = check(func(w *Write) { w.Scheme = "bcrypt" })
		if !errors.Is(err, legacy.ErrMapping) || !strings.Contains(err.Error(), "cannot be read back") {
			t.Errorf("a scheme that is not the source's: %v", err)
		}
	})
}

// TestLockedRow: a row that somebody else holds is waited for until the deadline; then nobody knows, and the breaker that
// opens stops no reading.
func TestLockedRow(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		if e.name == "sqlite" {
			return // whose writer asks for the lock before anything else
		}
		c := plainTable(t, e, admin)
		must(t, admin, "INSERT INTO people (id, login, email, pass, salt) VALUES (1, 'anna', 'a', 'h', 's')")
		c.DSN, c.Timeout, c.BreakAfter, c.BreakFor, c.Name = dsn, time.Second, 1, time.Hour, "shop"
		w := openWriter(t, c)
		was := get(t, w, "1")
		tx, err := admin.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		if _, err := tx.ExecContext(t.Context(), "UPDATE people SET email = 'b' WHERE id = 1"); err != nil {
			t.Fatal(err)
		}
		err = w.Update(t.Context(), was, pass("new", "s"))
		if err == nil || errors.Is(err, legacy.ErrNotSent) || errors.Is(err, legacy.ErrConflict) || errors.Is(err, legacy.ErrNoUser) {
			t.Errorf("%v, want that nobody knows", err)
		}
		if err := w.Update(t.Context(), was, pass("new", "s")); !errors.Is(err, legacy.ErrNotSent) {
			t.Errorf("with an open breaker: %v, want ErrNotSent", err)
		}
		if get(t, w, "1").Password.Hash != "h" {
			t.Error("it was written")
		}
	})
}

// TestLockedFile: SQLite's writer waits for the lock before it has read anything.
func TestLockedFile(t *testing.T) {
	t.Parallel()
	dsn, admin := openTestSQLite(t)
	c := plainTable(t, testEngines()[0], admin)
	must(t, admin, "INSERT INTO people (id, login, email, pass, salt) VALUES (1, 'anna', 'a', 'h', 's')")
	c.DSN = dsn
	w := openWriter(t, c)
	was := get(t, w, "1")
	conn, err := admin.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if err := w.Update(t.Context(), was, pass("new", "s")); !errors.Is(err, legacy.ErrNotSent) {
		t.Errorf("%v, want ErrNotSent", err)
	}
	if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := w.Update(t.Context(), was, pass("new", "s")); err != nil {
		t.Error(err)
	}
}

// A cutter passes a connection on until it is told to cut it, which it does when the client's next bytes hold a word.
type cutter struct {
	word string

	mu    sync.Mutex
	armed bool
}

func (c *cutter) arm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed = true
}

func (c *cutter) cuts(bytes string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.armed && strings.Contains(strings.ToUpper(bytes), c.word)
}

// listen returns the address of a server that passes everything on to another.
func (c *cutter) listen(t *testing.T, to string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				client.Close()
				continue
			}
			all.Go(func() { io.Copy(client, server); client.Close() })
			all.Go(func() {
				defer server.Close()
				defer client.Close()
				buffer := make([]byte, 64<<10)
				for {
					n, err := client.Read(buffer)
					if n > 0 {
						cut := c.cuts(string(buffer[:n]))
						server.Write(buffer[:n])
						if cut {
							return // the server has it, and its answer is lost
						}
					}
					if err != nil {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() { listener.Close(); all.Wait() })
	return listener.Addr().String()
}

// TestLostAnswer: a connection that breaks at the COMMIT leaves a write that nobody knows of, and one that breaks before
// anything was written leaves none.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		if e.name == "sqlite" {
			return // has no connection
		}
		c := plainTable(t, e, admin)
		must(t, admin, "INSERT INTO people (id, login, email, pass, salt) VALUES (1, 'anna', 'a', 'h', 's')")
		for word, want := range map[string]func(error) bool{
			"COMMIT": func(err error) bool { return err != nil && !errors.Is(err, legacy.ErrNotSent) },
			"SELECT": func(err error) bool { return errors.Is(err, legacy.ErrNotSent) },
		} {
			u, err := url.Parse(dsn)
			if err != nil {
				t.Fatal("the DSN is not a URL")
			}
			cut := &cutter{word: word}
			c.DSN = dsn
			u.Host = cut.listen(t, u.Host)
			c.Write.DSN = u.String()
			w := openWriter(t, c)
			was := get(t, w, "1")
			cut.arm()
			err = w.Update(t.Context(), was, pass("new-"+word, "s"))
			if _, refused := errors.AsType[*legacy.RefusedError](err); !want(err) || refused || errors.Is(err, legacy.ErrConflict) || errors.Is(err, legacy.ErrNoUser) {
				t.Errorf("cut at the %s: %v", word, err)
			}
			if word == "SELECT" && get(t, w, "1").Password.Hash == "new-SELECT" {
				t.Error("what was not sent was written")
			}
			w.Close()
		}
	})
}

// TestEndedBeforeItBegan: nobody who stopped waiting learns of a conflict or a refusal.
func TestEndedBeforeItBegan(t *testing.T) {
	t.Parallel()
	dsn, admin := openTestSQLite(t)
	c := plainTable(t, testEngines()[0], admin)
	c.DSN = dsn
	w := openWriter(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Insert(ctx, legacy.User{Username: "x"}, legacy.NewPassword{Hashed: legacy.Stored{Hash: "h"}}); !errors.Is(err, legacy.ErrNotSent) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestStoppedWriterIsLetGo: the server waits for the next statement of a write for a while only, and the pool gives back first
// what it does not use. That a row that was held so is free again is shown with the binary.
func TestStoppedWriterIsLetGo(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		question, want := "SELECT @@SESSION.wait_timeout", "15"
		switch e.name {
		case "sqlite":
			return // has no server, and its writers wait for one another
		case "postgres":
			question, want = "SHOW idle_in_transaction_session_timeout", "15s"
		}
		c := plainTable(t, e, admin)
		c.DSN = dsn
		var got string
		if err := openWriter(t, c).pool.QueryRowContext(t.Context(), question).Scan(&got); err != nil || got != want {
			t.Errorf("%s (%v), want %s", got, err, want)
		}
		if unusedWriter >= openTransaction {
			t.Error("a connection may end while the pool still has it")
		}
	})
}
