package e2e

import (
	"crypto/sha1"
	"database/sql"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"rekey/accounts/failpoint"
)

// onePerson makes a legacy store with anna, whose password is hashed by bcrypt.
func onePerson(t *testing.T, password string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password)[:min(len(password), 72)], bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return sqlite(t,
		`CREATE TABLE users (id INTEGER PRIMARY KEY, login TEXT, pass TEXT)`,
		fmt.Sprintf(`INSERT INTO users VALUES (7, 'anna', '%s')`, hash),
	)
}

const usersTable = "table: users, columns: {id: id, username: login, password: pass}"

// Fifty people press Enter at once, all of them anna, on two machines.
func TestFiftyFirstLogins(t *testing.T) {
	t.Parallel()
	store, _ := database(t, need(t, "REKEY_TEST_POSTGRES", "PostgreSQL"))
	yaml := fmt.Sprintf("store: %s\nmaster_key_file: %s\nlimits: off\nlegacy:\n  - {name: shop, kind: sql, dsn: 'sqlite://%s', %s}\n",
		store, masterKey(t), onePerson(t, "tulip"), usersTable)
	gateways := []*gateway{launch(t, "", yaml), launch(t, "", yaml)} // both at once: migrations and keys race too
	for _, g := range gateways {
		g.waitReady(t)
	}

	var wg sync.WaitGroup
	answers := make([]answer, 50)
	for i := range answers {
		wg.Go(func() { answers[i] = gateways[i%2].login(t, "anna", "tulip") })
	}
	wg.Wait()
	subs := map[string]int{}
	for i, a := range answers {
		if a.status != http.StatusOK {
			t.Errorf("login %d got %d", i, a.status)
		}
		subs[a.Account.ID]++
	}
	if len(subs) != 1 {
		t.Errorf("subs are %v, want one", subs)
	}
	for query, want := range map[string]int{
		`SELECT count(*) FROM accounts`:                                  1,
		`SELECT count(*) FROM identifiers`:                               1,
		`SELECT count(*) FROM credentials`:                               1,
		`SELECT count(*) FROM legacy_links`:                              1,
		`SELECT count(*) FROM events WHERE kind = 'account.migrated'`:    1,
		`SELECT count(*) FROM signing_keys`:                              1,
		`SELECT count(*) FROM sessions`:                                  50,
		`SELECT count(*) FROM sessions WHERE legacy_id <> ''`:            0,
		`SELECT count(DISTINCT account_id) FROM sessions`:                1,
		`SELECT count(*) FROM events WHERE kind = 'credential.rehashed'`: 0,
		`SELECT count(*) FROM credentials WHERE scheme = 'argon2id'`:     1,
		`SELECT count(*) FROM quarantine`:                                0,
	} {
		if n := one[int](t, store, query); n != want {
			t.Errorf("%s: %d, want %d", query, n, want)
		}
	}

	// A token of one gateway is good at the other.
	if a := gateways[1].send(t, http.MethodGet, "/v1/verify", nil, bearer(answers[0].Access)); a.status != http.StatusNoContent {
		t.Errorf("the other gateway answered %d to a token of the first", a.status)
	}
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// engines are the ways to make a new store. driver opens it for the test.
func engines() map[string]func(t *testing.T) (store, driver string) {
	return map[string]func(t *testing.T) (store, driver string){
		"SQLite": func(t *testing.T) (string, string) { return "sqlite://" + t.TempDir() + "/new.db", "sqlite" },
		"PostgreSQL": func(t *testing.T) (string, string) {
			dsn, _ := database(t, need(t, "REKEY_TEST_POSTGRES", "PostgreSQL"))
			return dsn, "pgx"
		},
	}
}

// wantRows counts the rows of a table, with a condition or without, in a store that no process uses.
func wantRows(t *testing.T, driver, store, table string, want int) {
	t.Helper()
	db, err := sql.Open(driver, strings.TrimPrefix(store, "sqlite://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // it was read from only
	var n int
	if err := db.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil || n != want {
		t.Errorf("%s: %d rows (%v), want %d", table, n, err, want)
	}
}

// The process is killed at each step of the move. Whatever it left behind, the person logs in afterwards, and is there
// once.
func TestKillNine(t *testing.T) {
	t.Parallel()
	for engine, newStore := range engines() {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			for _, step := range failpoint.MigrateSteps() {
				t.Run(step, func(t *testing.T) {
					store, driver := newStore(t)
					yaml := fmt.Sprintf("store: %s\nmaster_key_file: %s\nlimits: off\nlegacy:\n  - {name: shop, kind: sql, dsn: 'sqlite://%s', %s}\n",
						store, masterKey(t), onePerson(t, "tulip"), usersTable)
					g := start(t, "failpoint", yaml, "REKEY_FAILPOINT="+step)
					if a := g.login(t, "anna", "tulip"); a.status != 0 {
						t.Fatalf("the process answered %d: it was not killed at %s", a.status, step)
					}
					<-g.ended

					g = start(t, "", yaml)
					first := g.mustLogin(t, "anna", "tulip")
					if a := g.login(t, "anna", "rose"); a.status != http.StatusUnauthorized {
						t.Errorf("a wrong password got %d", a.status)
					}
					if second := g.mustLogin(t, "anna", "tulip"); second.Account.ID != first.Account.ID {
						t.Error("the account id changed")
					}
					g.stop(t)
					for _, table := range []string{"accounts", "identifiers", "credentials", "legacy_links", "events WHERE kind = 'account.migrated'"} {
						wantRows(t, driver, store, table, 1)
					}
				})
			}
		})
	}
}

// bcrypt looks at 72 bytes. The tail that somebody types must not become the password.
func TestLongPassword(t *testing.T) {
	t.Parallel()
	right := strings.Repeat("0123456789", 8)
	wrongTail := right[:72] + "--------"
	g := start(t, "", fmt.Sprintf("store: sqlite://%s/new.db\nlimits: off\nlegacy:\n  - {name: shop, kind: sql, dsn: 'sqlite://%s', %s}\n",
		t.TempDir(), onePerson(t, right), usersTable))
	g.mustLogin(t, "anna", wrongTail) // as in the old system; it moves the account
	g.mustLogin(t, "anna", right)
	g.mustLogin(t, "anna", right)
	if a := g.login(t, "anna", right[:71]); a.status != http.StatusUnauthorized {
		t.Errorf("a shorter prefix got %d", a.status)
	}
}

// ssha hashes as LDAP servers do: {SSHA} and base64 of sha1(password+salt) and the salt (RFC 2307, and OpenLDAP's salt).
func ssha(password string) string {
	salt := []byte("salt")
	sum := sha1.Sum(append([]byte(password), salt...))
	return "{SSHA}" + base64.StdEncoding.EncodeToString(append(sum[:], salt...))
}
