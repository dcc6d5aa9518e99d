package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// A bad copy is found by the logins of its owner, on MariaDB and PostgreSQL with two gateways, in the ramp, where it is what answers:
// it holds the next step up, and is mended by a repair and a sweep.
func TestVerdictsOfLogins(t *testing.T) {
	t.Parallel()
	mysqlDSN, shop := database(t, need(t, "REKEY_TEST_MYSQL", "MariaDB"))
	store, db := database(t, need(t, "REKEY_TEST_POSTGRES", "PostgreSQL"))
	mustExec(t, shop, `CREATE TABLE users (id INTEGER PRIMARY KEY AUTO_INCREMENT, login VARCHAR(60) NOT NULL UNIQUE, pass VARCHAR(255) NOT NULL)`)
	mustExec(t, shop, `INSERT INTO users VALUES (1, 'anna', MD5('tulip')), (2, 'bert', MD5('daisy'))`)
	yaml := fmt.Sprintf(`
store: %s
master_key_file: %s
limits: off
login: {floor: 0s}
plan: dual-write
password: {memory_kib: 64, time: 1}
phase: {compare: 1, limits: {soak: {shadow: 1ms, both: 1ms, ramp: 1ms, new_first: 1ms}, ramp_step: 1ms, min_shadow_writes: 0, min_shadow_reads: 0, mirrored_share: 0, read_error_rate: 1, shadow_failure_rate: 1, p99_floor: 10s}}
legacy:
  - {name: shop, kind: sql, dsn: "%s", scheme: md5($pass), table: users, columns: {id: id, username: login, password: pass}, write: {scheme: md5($pass)}, copy_back: full}
`, store, masterKey(t), mysqlDSN)
	g := start(t, "", yaml)
	second := start(t, "", yaml)
	g.phase(t, "advance")
	g.phase(t, "advance")
	g.mustLogin(t, "anna", "tulip")
	second.mustLogin(t, "bert", "daisy")
	g.mustRekey(t, "verify")
	g.phase(t, "ramp", "100")

	mustExec(t, db, `UPDATE credentials SET encoded = (SELECT c.encoded FROM credentials c JOIN legacy_links l USING (account_id) WHERE l.legacy_id = '2')
 WHERE account_id = (SELECT account_id FROM legacy_links WHERE legacy_id = '1')`)
	wantStatus(t, "her password, by the bad copy", second.login(t, "anna", "tulip"), http.StatusUnauthorized)
	waitFor(t, "the disagreement", func() bool {
		out, _, code := g.rekey(t, "ready")
		return code == 3 && strings.Contains(out, "the old store alone took the password of 1 person, the new store alone that of nobody")
	})
	out, stderr, code := g.rekey(t, "phase", "advance", "--reason", "to the end")
	if code != 3 || !strings.Contains(stderr, "validation: ") {
		t.Errorf("advance: exit code %d\n%s%s", code, out, stderr)
	}
	if out, stderr, code := g.rekey(t, "verify", "--repair", "--reason", "a bad copy"); code != 3 || !strings.Contains(out, "disagreeing") {
		t.Errorf("verify: exit code %d\n%s%s", code, out, stderr)
	}
	g.mustLogin(t, "anna", "tulip") // by the shop, which copies her again
	g.mustRekey(t, "verify")
	for _, g := range []*gateway{g, second} {
		g.mustLogin(t, "anna", "tulip")
		wantStatus(t, "the password of the bad copy", g.login(t, "anna", "daisy"), http.StatusUnauthorized)
	}
	g.phase(t, "advance")
	if n := one[int](t, store, `SELECT count(*)::int FROM events WHERE kind = 'verify.disagreement'`); n != 1 {
		t.Errorf("%d events of a disagreement, want 1", n)
	}
}
