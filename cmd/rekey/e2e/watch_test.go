package e2e

import (
	"fmt"
	"net/http"
	"testing"
)

// What the old shop does to people who have moved reaches them, from a real table.
func TestChangesOfTheOldShop(t *testing.T) {
	t.Parallel()
	dsn, shop := database(t, need(t, "REKEY_TEST_MYSQL", "MariaDB"))
	mustExec(t, shop, `CREATE TABLE users (id int PRIMARY KEY, login varchar(40), pass varchar(40), blocked int NOT NULL DEFAULT 0,
		gone int NOT NULL DEFAULT 0, changed timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6), KEY changed (changed))`)
	people := []string{"anna", "bert", "carl"}
	for i, name := range people {
		mustExec(t, shop, `INSERT INTO users (id, login, pass) VALUES (?, ?, md5('tulip'))`, i+1, name)
	}
	g := start(t, "", fmt.Sprintf(`
store: sqlite://%s/new.db
limits: off
legacy:
  - {name: shop, dsn: "%s", table: users, scheme: md5($pass), columns: {id: id, username: login, password: pass, disabled: blocked, updated_at: changed},
     where: [{column: gone, op: "=", values: [0]}], watch: {every: 1s}}
`, t.TempDir(), dsn))
	for _, name := range people {
		g.mustLogin(t, name, "tulip")
	}
	mustExec(t, shop, `UPDATE users SET blocked = 1 WHERE login = 'anna'`)
	mustExec(t, shop, `UPDATE users SET pass = md5('rose') WHERE login = 'bert'`)
	mustExec(t, shop, `UPDATE users SET gone = 1 WHERE login = 'carl'`)
	status := func(name, password string, want int) func() bool {
		return func() bool { return g.login(t, name, password).status == want }
	}
	waitFor(t, "anna's being disabled", status("anna", "tulip", http.StatusUnauthorized))
	waitFor(t, "bert's new password", status("bert", "rose", http.StatusOK))
	waitFor(t, "carl's being gone", status("carl", "tulip", http.StatusUnauthorized))
	wantStatus(t, "bert's old password", g.login(t, "bert", "tulip"), http.StatusUnauthorized)
	mustExec(t, shop, `UPDATE users SET blocked = 0 WHERE login = 'anna'`)
	waitFor(t, "anna's being let in again", status("anna", "tulip", http.StatusOK))
}
