package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// Plan dual-write, on MariaDB, PostgreSQL and Redis with three gateways, under a trickle of logins: up as far as what is
// measured lets it, with changes, a registration and a deletion on the way, down to the beginning, and up to the end.
func TestWalkDualWrite(t *testing.T) {
	t.Parallel()
	const people = 4
	mysqlDSN, shop := database(t, need(t, "REKEY_TEST_MYSQL", "MariaDB"))
	store, _ := database(t, need(t, "REKEY_TEST_POSTGRES", "PostgreSQL"))
	mustExec(t, shop, `CREATE TABLE users (id INTEGER PRIMARY KEY AUTO_INCREMENT, login VARCHAR(60) NOT NULL UNIQUE, pass VARCHAR(255) NOT NULL)`)
	for i := range people {
		mustExec(t, shop, `INSERT INTO users (login, pass) VALUES (?, '5ebe2294ecd0e0f08eab7690d2a6ee69')`, fmt.Sprintf("user%d", i))
	}
	mustExec(t, shop, `INSERT INTO users (login, pass) VALUES ('late', '5ebe2294ecd0e0f08eab7690d2a6ee69')`)
	yaml := fmt.Sprintf(`
store: %s
redis: %s
master_key_file: %s
limits: off
login: {floor: 0s}
plan: dual-write
password: {memory_kib: 64, time: 1}
phase: {limits: {soak: {shadow: 1ms, both: 1ms, ramp: 1ms, new_first: 1ms}, ramp_step: 1ms, min_shadow_writes: 2, min_shadow_reads: 20, mirrored_share: 0.5, p99_floor: 10s}}
legacy:
  - {name: shop, kind: sql, dsn: "%s", scheme: md5($pass), table: users, columns: {id: id, username: login, password: pass}, write: {scheme: md5($pass)}, copy_back: full}
`, store, need(t, "REKEY_TEST_REDIS", "Redis"), masterKey(t), mysqlDSN)
	first := start(t, "", yaml)
	gateways := []*gateway{first, start(t, "", yaml), start(t, "", yaml)}

	// changed somebody: their password is another in both stores from now on, whichever gateway is asked.
	changed := func(when, name, old, pw string) {
		t.Helper()
		a := gateways[1].mustLogin(t, name, old)
		wantStatus(t, when+": change", gateways[1].change(t, a.Access, old, pw), http.StatusNoContent)
		for _, g := range gateways {
			wantStatus(t, when+": the new password", g.login(t, name, pw), http.StatusOK)
			wantStatus(t, when+": the old password", g.login(t, name, old), http.StatusUnauthorized)
		}
	}
	blockers := func(args ...string) string {
		t.Helper()
		out, stderr, code := first.rekey(t, append([]string{"phase"}, append(args, "--dry-run", "--reason", "what blocks?")...)...)
		if code != 3 {
			t.Errorf("%v: exit code %d\n%s%s", args, code, out, stderr)
		}
		return stderr // it names those that block, and no others
	}
	out := first.phase(t, "advance")
	if !strings.Contains(out, "shadow, epoch 2") {
		t.Errorf("advance: %s", out)
	}

	// In shadow nothing is measured yet; then it is.
	said := blockers("advance")
	for _, gate := range []string{"shadow-failures", "shadow-reads-mirrored", "shadow-reads-p99", "shadow-reads-errors"} {
		if !strings.Contains(said, gate+": ") {
			t.Errorf("%s does not hold the step up:\n%s", gate, said)
		}
	}
	tr := trickleOf(t, gateways, people, "secret")
	made := first.register(t, "anna", orchids)
	wantStatus(t, "register in shadow", made, http.StatusCreated)
	changed("in shadow", "anna", orchids, tulips)
	waitFor(t, "the gates of the step to both", func() bool {
		_, _, code := first.rekey(t, "phase", "advance", "--dry-run", "--reason", "is it free?")
		return code == 0
	})
	if out, _ := first.mustRekey(t, "phase", "show"); !strings.Contains(out, "logins at peak") || !strings.Contains(out, " writes") {
		t.Errorf("show does not tell what was measured:\n%s", out)
	}
	first.phase(t, "advance")
	changed("in both", "anna", tulips, orchids)
	wantStatus(t, "delete in both", first.erase(t, first.mustLogin(t, "anna", orchids).Access, orchids), http.StatusNoContent)
	if n := one[int](t, store, `SELECT count(*) FROM copy_back`); n != 0 {
		t.Errorf("%d intents are open", n)
	}

	// The ramp waits for a comparison of both stores, and that for those who have not logged in.
	waitFor(t, "what is measured in both", func() bool {
		said := blockers("ramp", "1")
		return !strings.Contains(said, "shadow-reads") && strings.Contains(said, "validation: ")
	})
	first.mustRekey(t, "sweep", "run", "--reason", "the rest")
	first.mustRekey(t, "verify")
	first.phase(t, "ramp", "1")
	first.phase(t, "ramp", "100")
	first.phase(t, "advance")
	changed("in new-first", "late", "secret", tulips)
	waitFor(t, "copy-back", func() bool { return one[int](t, store, `SELECT count(*) FROM copy_back`) == 0 })

	// Down to the beginning, and up to the end. Nobody's password is another for that, and nobody is somebody else.
	for _, to := range []string{"ramp 100", "both", "shadow", "legacy-only"} {
		if out := first.phase(t, "rollback"); !strings.Contains(out, strings.Fields(to)[0]+", epoch") && !strings.Contains(out, "ramp 100") {
			t.Errorf("rollback to %s: %s", to, out)
		}
	}
	wantStatus(t, "deleted in both, in legacy-only", first.login(t, "anna", orchids), http.StatusUnauthorized)
	changed("in legacy-only", "late", tulips, orchids)
	for i := range people {
		var pass string
		if err := shop.QueryRow(`SELECT pass FROM users WHERE login = ?`, fmt.Sprintf("user%d", i)).Scan(&pass); err != nil || pass != "5ebe2294ecd0e0f08eab7690d2a6ee69" {
			t.Errorf("user%d has another password in the shop (%v)", i, err)
		}
	}
	up := func(args ...string) {
		t.Helper()
		var said string
		defer func() {
			if t.Failed() {
				t.Log(said)
			}
		}()
		waitFor(t, strings.Join(args, " ")+" the second time", func() bool {
			var code int
			_, said, code = first.rekey(t, append([]string{"phase"}, append(args, "--reason", "to the end")...)...)
			return code == 0
		})
	}
	up("advance") // shadow
	changed("in shadow again", "late", orchids, tulips)
	up("advance") // both
	first.mustRekey(t, "sweep", "run", "--reason", "the rest")
	first.mustRekey(t, "verify")
	up("ramp", "100")
	up("advance")
	up("advance")
	if out, _ := first.mustRekey(t, "phase", "show"); !strings.Contains(out, "new-only") {
		t.Errorf("the end of the road:\n%s", out)
	}
	wantStatus(t, "in new-only", first.login(t, "late", tulips), http.StatusOK)
	wantStatus(t, "in new-only, the password of the beginning", first.login(t, "late", "secret"), http.StatusUnauthorized)
	wantStatus(t, "deleted long ago", first.login(t, "anna", orchids), http.StatusUnauthorized)
	tr.end(t)
	if n := one[int64](t, store, `SELECT count(DISTINCT replica) FROM shadow_windows WHERE logins > 0`); n != 3 {
		t.Errorf("%d processes have measured, want all", n)
	}
}
