package e2e

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"testing"
)

// phase moves the installation of a gateway by the command line, as an operator does.
func (g *gateway) phase(t *testing.T, args ...string) string {
	t.Helper()
	args = append([]string{"phase"}, args...)
	return output(t, exec.Command(binary(t, ""), append(args, "--config", g.config, "--reason", "a test")...))
}

// In new-first with copy-back somebody registers, somebody changes a password and somebody is deleted. After a roll back to
// legacy-only the old application, PHP and its own table alone, knows of all three; and so does rekey, there and on the way
// up again.
func TestRollbackLosesNothing(t *testing.T) {
	t.Parallel()
	mysqlDSN, wp := database(t, need(t, "REKEY_TEST_MYSQL", "MariaDB"))
	store, _ := database(t, need(t, "REKEY_TEST_POSTGRES", "PostgreSQL"))
	wordpress(t, wp)
	hash := php(t, phpass+`echo portable($argv[1], '$P$Bdk3Jr9aQ');`, "old password")
	for _, name := range []string{"bert", "carl", "dora"} {
		mustExec(t, wp, `INSERT INTO wp_users (user_login, user_pass, user_email, user_registered) VALUES (?, ?, ?, '2014-05-06 07:08:09')`,
			name, hash, name+"@example.org")
	}
	g := start(t, "", fmt.Sprintf(`
store: %s
master_key_file: %s
limits: off
legacy:
  - {name: blog, kind: sql, dsn: "%s", preset: wordpress, write: on, copy_back: full}
`, store, masterKey(t), mysqlDSN))

	made := g.register(t, "anna", orchids)
	wantStatus(t, "register", made, http.StatusCreated)
	bert := g.mustLogin(t, "bert", "old password")
	wantStatus(t, "change", g.change(t, bert.Access, "old password", tulips), http.StatusNoContent)
	wantStatus(t, "delete", g.erase(t, g.mustLogin(t, "carl", "old password").Access, "old password"), http.StatusNoContent)
	waitFor(t, "copy-back", func() bool { return one[int](t, store, `SELECT count(*) FROM copy_back`) == 0 })

	// check asks the old application: whether PHP finds that a password is that of somebody's row.
	check := func(name, password string) bool {
		t.Helper()
		var stored string
		err := wp.QueryRow(`SELECT user_pass FROM wp_users WHERE user_login = ?`, name).Scan(&stored)
		if errors.Is(err, sql.ErrNoRows) {
			return false
		}
		if err != nil {
			t.Fatal(err)
		}
		return php(t, phpass+`echo portable($argv[1], '`+stored+`') === '`+stored+`' ? 'yes' : 'no';`, password) == "yes"
	}
	everybody := func(when string) {
		t.Helper()
		for _, p := range []struct {
			name, password string
			ok             bool
		}{
			{"anna", orchids, true},
			{"bert", tulips, true},
			{"bert", "old password", false},
			{"carl", "old password", false},
			{"dora", "old password", true},
		} {
			want := http.StatusUnauthorized
			if p.ok {
				want = http.StatusOK
			}
			wantStatus(t, fmt.Sprintf("%s, %s with %q", when, p.name, p.password), g.login(t, p.name, p.password), want)
			if got := check(p.name, p.password); got != p.ok {
				t.Errorf("%s: the old application says %v to %s with %q", when, got, p.name, p.password)
			}
		}
	}
	everybody("before the roll back")
	g.phase(t, "rollback")
	everybody("in legacy-only")
	if sub := g.mustLogin(t, "anna", orchids).Account.ID; sub != made.Account.ID {
		t.Errorf("anna's subject was %s and is %s", made.Account.ID, sub)
	}

	// There a change goes to the old store alone, and counts at once.
	bert = g.mustLogin(t, "bert", tulips)
	wantStatus(t, "change in legacy-only", g.change(t, bert.Access, tulips, "third password of bert"), http.StatusNoContent)
	if !check("bert", "third password of bert") || check("bert", tulips) {
		t.Error("the old application does not have the password that was changed in legacy-only")
	}
	g.phase(t, "advance")
	wantStatus(t, "up again, with the newest password", g.login(t, "bert", "third password of bert"), http.StatusOK)
	wantStatus(t, "up again, with the one before", g.login(t, "bert", tulips), http.StatusUnauthorized)
	wantStatus(t, "up again, deleted", g.login(t, "carl", "old password"), http.StatusUnauthorized)
}
