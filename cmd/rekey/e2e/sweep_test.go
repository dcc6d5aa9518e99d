package e2e

import (
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// swept is what `rekey sweep run --output json` says of one source.
type swept struct {
	Sources []struct {
		People      int
		Outcomes    map[string]int
		Refused     map[string]int
		NotAnswered int `json:"not_answered"`
	}
}

// sweep runs one over everybody.
func (g *gateway) sweep(t *testing.T, args ...string) swept {
	t.Helper()
	out, _ := g.mustRekey(t, append([]string{"sweep", "run", "--output", "json"}, args...)...)
	var s swept
	if err := json.Unmarshal([]byte(out), &s); err != nil || len(s.Sources) != 1 {
		t.Fatalf("%v\n%s", err, out)
	}
	return s
}

// Everybody of a WordPress site is moved without a login. They log in with the passwords that they have, and MariaDB's log
// has no statement of it. Again the sweep changes nothing; what others change there is found, marked and copied again.
func TestSweep(t *testing.T) {
	t.Parallel()
	mysqlDSN, wp := database(t, need(t, "REKEY_TEST_MYSQL", "MariaDB"))
	store, _ := database(t, need(t, "REKEY_TEST_POSTGRES", "PostgreSQL"))
	wpBcrypt := func(pw string) string {
		return php(t, `echo '$wp' . password_hash(base64_encode(hash_hmac('sha384', trim($argv[1]), 'wp-sha384', true)), PASSWORD_BCRYPT, ['cost' => 10]);`, pw)
	}
	oldest := md5.Sum([]byte("daisy"))
	people := []struct{ login, password, hash, kept string }{
		{"anna", "tulip & rose", php(t, phpass+`echo portable($argv[1], '$P$Bdk3Jr9aQ');`, "tulip & rose"), "wrapped"},
		{"bert", "pässwörd", wpBcrypt("pässwörd"), "carried"},
		{"carl", "daisy", hex.EncodeToString(oldest[:]), "wrapped"},
	}
	table := "wp" + strings.ToLower(rand.Text()[:8]) + "_users"
	mustExec(t, wp, `CREATE TABLE `+table+` (ID bigint unsigned NOT NULL auto_increment PRIMARY KEY, user_login varchar(60) NOT NULL default '',
		user_pass varchar(255) NOT NULL default '', user_email varchar(100) NOT NULL default '', user_registered datetime NOT NULL default '2014-05-06 07:08:09',
		user_status int(11) NOT NULL default '0', display_name varchar(250) NOT NULL default '') DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci`)
	for _, p := range people {
		mustExec(t, wp, `INSERT INTO `+table+` (user_login, user_pass, user_email) VALUES (?, ?, ?)`, p.login, p.hash, p.login+"@example.org")
	}
	mustExec(t, wp, `INSERT INTO `+table+` (user_login, user_pass, user_email) VALUES ('dora', '*', 'dora@example.org')`)

	g := start(t, "", fmt.Sprintf("store: %s\nmaster_key_file: %s\nlimits: off\nlegacy:\n  - {name: blog, kind: sql, dsn: '%s', preset: wordpress, prefix: %s}\n",
		store, masterKey(t), mysqlDSN, strings.TrimSuffix(table, "users")))
	count := func(query string) int { t.Helper(); return one[int](t, store, `SELECT count(*)::int FROM `+query) }

	if dry := g.sweep(t, "--dry-run").Sources[0]; dry.Outcomes["moved"] != 3 || dry.Refused["unusable-hash"] != 1 || count("accounts") != 0 {
		t.Fatalf("the dry run: %+v, and %d accounts", dry, count("accounts"))
	}
	if run := g.sweep(t).Sources[0]; run.People != 4 || run.Outcomes["moved"] != 3 || run.Refused["unusable-hash"] != 1 {
		t.Fatalf("the sweep: %+v", run)
	}
	for _, p := range people {
		if n := count(fmt.Sprintf("credentials c JOIN identifiers i USING (account_id) WHERE i.canonical = '%s' AND c.scheme = '%s'", p.login, p.kept)); n != 1 {
			t.Errorf("%s is not kept %s", p.login, p.kept)
		}
	}
	all := `(SELECT * FROM credentials) AS c`
	state := `SELECT md5(string_agg(c::text, ',' ORDER BY c::text)) || (SELECT count(*) FROM events WHERE kind NOT LIKE 'sweep.%') FROM ` + all
	before := one[string](t, store, state)
	if again := g.sweep(t).Sources[0]; again.Outcomes["unchanged"] != 3 || one[string](t, store, state) != before {
		t.Errorf("the second sweep: %+v", again)
	}

	mustExec(t, wp, `SET GLOBAL log_output = 'TABLE'`)
	mustExec(t, wp, `SET GLOBAL general_log = ON`)
	if _, err := wp.ExecContext(t.Context(), `SELECT 1 FROM `+table); err != nil || mysqlQueries(t, wp, table) == 0 {
		t.Fatalf("the server's log shows nothing (%v)", err)
	}
	asked := mysqlQueries(t, wp, table)
	for _, p := range people {
		if a := g.login(t, p.login, p.password+"x"); a.status != http.StatusUnauthorized {
			t.Errorf("%s: a wrong password got %d", p.login, a.status)
		}
		first := g.mustLogin(t, p.login, p.password)
		if second := g.mustLogin(t, p.login, p.password); second.Account.ID != first.Account.ID {
			t.Errorf("%s: the account id changed", p.login)
		}
	}
	if n := mysqlQueries(t, wp, table) - asked; n != 0 {
		t.Errorf("%d questions to the old table for people who were swept, want none", n)
	}
	if n := count("credentials WHERE scheme = 'argon2id'"); n != 3 {
		t.Errorf("%d passwords are stored as argon2id after the logins, want 3", n)
	}

	// Somebody edits the old table by hand.
	g.mustRekey(t, "verify")
	mustExec(t, wp, `UPDATE `+table+` SET user_pass = ? WHERE user_login = 'anna'`, wpBcrypt("orchid"))
	out, errs, code := g.rekey(t, "verify", "--repair", "--reason", "edited by hand")
	if code != 3 || !strings.Contains(out, "different") || !strings.Contains(out, "marked as drifted") {
		t.Fatalf("verify: exit code %d\n%s%s", code, out, errs)
	}
	if run := g.sweep(t).Sources[0]; run.Outcomes["copied-again"] != 1 || run.Outcomes["unchanged"] != 2 {
		t.Errorf("the sweep after the repair: %+v", run)
	}
	g.mustLogin(t, "anna", "orchid")
	if a := g.login(t, "anna", "tulip & rose"); a.status != http.StatusUnauthorized {
		t.Errorf("the password of before got %d", a.status)
	}
	g.mustRekey(t, "verify")
	if n := count("validations"); n != 3 {
		t.Errorf("%d validations, want 3", n)
	}
	if n := count("replicas WHERE name LIKE '%rekey run%' OR name LIKE '%rekey verify%'"); n != 0 {
		t.Errorf("%d commands are still known as replicas", n)
	}
}
