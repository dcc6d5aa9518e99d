package e2e

import (
	"crypto/md5"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// wordpressTable makes the table of the people of a blog, as wp-admin/includes/schema.php of WordPress 6.8 does.
func wordpressTable(t *testing.T, wp *sql.DB, table string) {
	t.Helper()
	mustExec(t, wp, `CREATE TABLE `+table+` (
		ID bigint(20) unsigned NOT NULL auto_increment,
		user_login varchar(60) NOT NULL default '',
		user_pass varchar(255) NOT NULL default '',
		user_nicename varchar(50) NOT NULL default '',
		user_email varchar(100) NOT NULL default '',
		user_url varchar(100) NOT NULL default '',
		user_registered datetime NOT NULL default '0000-00-00 00:00:00',
		user_activation_key varchar(255) NOT NULL default '',
		user_status int(11) NOT NULL default '0',
		display_name varchar(250) NOT NULL default '',
		PRIMARY KEY (ID), KEY user_login_key (user_login), KEY user_nicename (user_nicename), KEY user_email (user_email)
	) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci`)
}

// phpass is the portable hash of WordPress before 6.8, as PHP code: what wp-includes/class-phpass.php computes for
// "$P$", written anew from the description of the algorithm.
const phpass = `
function portable($password, $setting) {
  $itoa64 = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  $count = 1 << strpos($itoa64, $setting[3]);
  $hash = md5(substr($setting, 4, 8) . $password, true);
  do { $hash = md5($hash . $password, true); } while (--$count);
  $out = substr($setting, 0, 12);
  for ($i = 0; $i < 16; ) {
    $v = ord($hash[$i++]);
    $out .= $itoa64[$v & 63];
    if ($i < 16) $v |= ord($hash[$i]) << 8;
    $out .= $itoa64[($v >> 6) & 63];
    if ($i++ >= 16) break;
    if ($i < 16) $v |= ord($hash[$i]) << 16;
    $out .= $itoa64[($v >> 12) & 63];
    if ($i++ >= 16) break;
    $out .= $itoa64[($v >> 18) & 63];
  }
  return $out;
}`

// php runs code and returns what it prints. The password comes in as $argv[1].
func php(t *testing.T, code, password string) string {
	t.Helper()
	return output(t, exec.Command(need(t, "REKEY_TEST_PHP", "PHP"), "-r", code, "--", password))
}

func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd.Path, err, out)
	}
	return strings.TrimSpace(string(out))
}

// mysqlQueries returns how many statements of others have named the table, by the server's own log.
func mysqlQueries(t *testing.T, db *sql.DB, table string) int {
	t.Helper()
	var n int
	err := db.QueryRow(`SELECT count(*) FROM mysql.general_log WHERE argument LIKE ? AND argument NOT LIKE '%general_log%'`, "%"+table+"%").Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A WordPress site moves: hashes by PHP, the old store in MariaDB, the new one in PostgreSQL.
func TestWordPress(t *testing.T) {
	t.Parallel()
	mysqlDSN, wp := database(t, need(t, "REKEY_TEST_MYSQL", "MariaDB"))
	store, _ := database(t, need(t, "REKEY_TEST_POSTGRES", "PostgreSQL"))

	people := []struct{ login, email, password, hash string }{
		{"anna", "anna@example.org", "tulip & rose", php(t, phpass+`echo portable($argv[1], '$P$Bdk3Jr9aQ');`, "tulip & rose")},
		{"Bert Müller", "bert@example.org", "pässwörd",
			php(t, `echo '$wp' . password_hash(base64_encode(hash_hmac('sha384', trim($argv[1]), 'wp-sha384', true)), PASSWORD_BCRYPT, ['cost' => 8]);`, "pässwörd")},
	}
	prefix := "wp" + strings.ToLower(rand.Text()[:8]) + "_" // of its own, so that the server's log tells it apart
	table := prefix + "users"
	wordpressTable(t, wp, table)
	for _, p := range people {
		mustExec(t, wp, `INSERT INTO `+table+` (user_login, user_pass, user_email, user_registered) VALUES (?, ?, ?, '2014-05-06 07:08:09')`, p.login, p.hash, p.email)
	}
	rows := func() (text string) {
		err := wp.QueryRow(`SELECT GROUP_CONCAT(CONCAT_WS('|', ID, user_login, user_pass, user_email, user_registered) ORDER BY ID) FROM ` + table).Scan(&text)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	before := rows()

	g := start(t, "", fmt.Sprintf(`
store: %s
master_key_file: %s
limits: off
legacy:
  - {name: blog, kind: sql, dsn: "%s", preset: wordpress, prefix: %s}
`, store, masterKey(t), mysqlDSN, prefix))

	mustExec(t, wp, `SET GLOBAL log_output = 'TABLE'`)
	mustExec(t, wp, `SET GLOBAL general_log = ON`)
	for _, p := range people {
		t.Run(p.login, func(t *testing.T) {
			if a := g.login(t, p.login, p.password+"x"); a.status != http.StatusUnauthorized {
				t.Errorf("a wrong password got %d", a.status)
			}
			unasked := mysqlQueries(t, wp, table)
			first := g.mustLogin(t, p.login, p.password)
			if mysqlQueries(t, wp, table) == unasked {
				t.Fatal("the server's log does not show the first login: it cannot show that there was no second question")
			}
			if n := one[int](t, store, `SELECT count(*) FROM accounts WHERE id = $1`, first.Account.ID); n != 1 {
				t.Errorf("%d accounts, want 1", n)
			}
			if n := one[int](t, store, `SELECT count(*) FROM credentials WHERE account_id = $1 AND scheme = 'argon2id' AND encoded LIKE '$argon2id$v=19$m=19456,t=2,p=1$%'`, first.Account.ID); n != 1 {
				t.Error("the password is not stored as argon2id under the policy")
			}

			asked := mysqlQueries(t, wp, table)
			for _, identifier := range []string{p.login, p.email} {
				if second := g.mustLogin(t, identifier, p.password); second.Account.ID != first.Account.ID {
					t.Errorf("%s: the account id changed", identifier)
				}
			}
			if a := g.login(t, p.login, "wrong"); a.status != http.StatusUnauthorized {
				t.Errorf("a wrong password got %d", a.status)
			}
			if n := mysqlQueries(t, wp, table) - asked; n != 0 {
				t.Errorf("after the move, %d questions to the legacy table, want none", n)
			}
		})
	}
	if rows() != before {
		t.Error("the legacy rows were changed")
	}
	if n := one[int](t, store, `SELECT count(*) FROM accounts`); n != len(people) {
		t.Errorf("%d accounts, want %d", n, len(people))
	}
}

// A Django site moves: hashes by Django's own code, both stores in PostgreSQL.
func TestDjango(t *testing.T) {
	t.Parallel()
	python := need(t, "REKEY_TEST_DJANGO", "python3-django")
	server := need(t, "REKEY_TEST_POSTGRES", "PostgreSQL")
	dsn, db := database(t, server)
	store, _ := database(t, server)
	// The table as django.contrib.auth's migrations make it on PostgreSQL.
	mustExec(t, db, `CREATE TABLE auth_user (id serial PRIMARY KEY, password varchar(128) NOT NULL, last_login timestamptz, is_superuser boolean NOT NULL,
		username varchar(150) NOT NULL UNIQUE, first_name varchar(150) NOT NULL, last_name varchar(150) NOT NULL, email varchar(254) NOT NULL,
		is_staff boolean NOT NULL, is_active boolean NOT NULL, date_joined timestamptz NOT NULL)`)
	mustExec(t, db, `CREATE TABLE auth_group (id serial PRIMARY KEY, name varchar(150) NOT NULL UNIQUE)`)
	mustExec(t, db, `CREATE TABLE auth_user_groups (id bigserial PRIMARY KEY, user_id integer NOT NULL REFERENCES auth_user (id),
		group_id integer NOT NULL REFERENCES auth_group (id), UNIQUE (user_id, group_id))`)
	hashers := []string{"pbkdf2_sha256", "pbkdf2_sha1", "scrypt", "unsalted_md5", "md5"}
	const script = `
import sys
from django.conf import settings
settings.configure(PASSWORD_HASHERS=["django.contrib.auth.hashers." + n for n in (
  "PBKDF2PasswordHasher", "PBKDF2SHA1PasswordHasher", "ScryptPasswordHasher", "MD5PasswordHasher", "UnsaltedMD5PasswordHasher") if hasattr(__import__("django.contrib.auth.hashers", fromlist=[n]), n)])
from django.contrib.auth.hashers import make_password
try:
  print(make_password(sys.argv[2], hasher=sys.argv[1]))
except ValueError:
  print("none")`
	made := map[string]string{}
	for _, hasher := range hashers {
		pw := "Pässwörd of " + hasher
		hash := output(t, exec.Command(python, "-c", script, hasher, pw))
		if hash == "none" {
			continue // this Django has no such hasher
		}
		made[hasher] = pw
		mustExec(t, db, `INSERT INTO auth_user (password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
			VALUES ($1, false, $2, '', '', $3, false, true, '2020-01-02 03:04:05+00')`, hash, hasher, hasher+"@example.org")
	}
	if len(made) < 4 {
		t.Fatalf("Django made hashes of %d kinds only", len(made))
	}
	mustExec(t, db, `INSERT INTO auth_user (password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
		SELECT password, false, 'gone', '', '', 'gone@example.org', false, false, date_joined FROM auth_user WHERE username = 'pbkdf2_sha256'`)

	g := start(t, "", fmt.Sprintf("store: %s\nmaster_key_file: %s\nlimits: off\nlegacy:\n  - {name: site, kind: sql, dsn: %q, preset: django}\n", store, masterKey(t), dsn))
	for hasher, pw := range made {
		first := g.mustLogin(t, hasher, pw)
		if second := g.mustLogin(t, hasher+"@example.org", pw); second.Account.ID != first.Account.ID {
			t.Errorf("%s: the account id changed", hasher)
		}
	}
	if a := g.login(t, "gone", made["pbkdf2_sha256"]); a.status != http.StatusUnauthorized {
		t.Errorf("somebody who is not active got %d", a.status)
	}
	if n := one[int](t, store, `SELECT count(*) FROM credentials WHERE scheme = 'argon2id'`); n != len(made) {
		t.Errorf("%d accounts with argon2id, want %d", n, len(made))
	}
}

// A shop of its own making moves: a recipe in SQLite.
func TestRecipe(t *testing.T) {
	t.Parallel()
	md5hex := func(s string) string { sum := md5.Sum([]byte(s)); return hex.EncodeToString(sum[:]) }
	old := sqlite(t,
		`CREATE TABLE users (id INTEGER PRIMARY KEY, login TEXT, email TEXT, pass TEXT, salt TEXT, blocked INTEGER, created TEXT)`,
		fmt.Sprintf(`INSERT INTO users VALUES (7, 'anna', 'Anna@Example.org', '%s', 'Xy7', 0, '2012-03-04T05:06:07Z')`, md5hex(md5hex("tulip")+"Xy7")),
		fmt.Sprintf(`INSERT INTO users VALUES (8, 'bert', 'bert@example.org', '%s', 'Zz9', 1, NULL)`, md5hex(md5hex("daisy")+"Zz9")),
	)
	g := start(t, "", fmt.Sprintf(`
store: sqlite://%s/new.db
limits: off
legacy:
  - name: shop
    kind: sql
    dsn: sqlite://%s
    table: users
    columns: {id: id, username: login, email: email, password: pass, salt: salt, created_at: created, disabled: blocked}
    scheme: md5(md5($pass).$salt)
`, t.TempDir(), old))
	first := g.mustLogin(t, "anna", "tulip")
	if second := g.mustLogin(t, "anna@example.org", "tulip"); second.Account.ID != first.Account.ID {
		t.Error("the account id changed")
	}
	if first.Account.Username != "anna" || first.Account.Email != "Anna@Example.org" {
		t.Errorf("the account is %+v", first.Account)
	}
	if a := g.login(t, "bert", "daisy"); a.status != http.StatusUnauthorized {
		t.Errorf("somebody who is blocked got %d", a.status)
	}
}

func mustExec(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		t.Fatal(err)
	}
}
