package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
)

// configText is the configuration that a gateway was started with.
func (g *gateway) configText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(g.config)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// As support: somebody who exists only in MariaDB is found and shown with why, a dry run says what a move would come to, and they are
// moved with a reason. They log in with the password that they had, the audit has it, and it is taken back.
func TestDesk(t *testing.T) {
	t.Parallel()
	mysqlDSN, shop := database(t, need(t, "REKEY_TEST_MYSQL", "MariaDB"))
	store, _ := database(t, need(t, "REKEY_TEST_POSTGRES", "PostgreSQL"))
	mustExec(t, shop, `CREATE TABLE users (id BIGINT UNSIGNED PRIMARY KEY, login VARCHAR(60), email VARCHAR(100), pass VARCHAR(255)) CHARACTER SET utf8mb4`)
	const secret, foobar = "5ebe2294ecd0e0f08eab7690d2a6ee69", "3858f62230ac3c915f300c664312c63f"
	for i, name := range []string{"anna", "bert", "carl"} {
		mustExec(t, shop, `INSERT INTO users VALUES (?, ?, ?, ?)`, i+1, name, name+"@Example.org", secret)
	}
	g := start(t, "", fmt.Sprintf(
		"store: %s\nmaster_key_file: %s\npassword: {memory_kib: 64, time: 1}\nlegacy:\n  - {name: shop, kind: sql, dsn: '%s', scheme: md5($pass), %s}\n",
		store, masterKey(t), mysqlDSN, "table: users, columns: {id: id, username: login, email: email, password: pass}"))

	out, _ := g.mustRekey(t, "account", "find", "nna@EXAM", "-o", "json")
	var found struct {
		Accounts []struct{ ID, Where, State string }
		Problems []any
	}
	if err := json.Unmarshal([]byte(out), &found); err != nil || len(found.Accounts) != 1 || found.Accounts[0].Where != "legacy" ||
		found.Accounts[0].State != "will-move" || len(found.Problems) != 0 {
		t.Fatalf("found: %v\n%s", err, out)
	}
	id := found.Accounts[0].ID
	out, _ = g.mustRekey(t, "account", "show", "shop/1")
	if !strings.Contains(out, "not moved yet: the next login moves them") || !strings.Contains(out, "would come to: moved") || strings.Contains(out, secret) {
		t.Errorf("shown:\n%s", out)
	}

	token, _ := g.mustRekey(t, "staff", "token", "add", "vera", "--role", "support", "--reason", "new in support")
	_, rest, _ := strings.Cut(g.configText(t), "admin: {listen: ")
	address, _, _ := strings.Cut(rest, "}")
	staff := &gateway{url: "http://" + address}
	desk := func(method, path, body string) answer {
		t.Helper()
		return staff.send(t, method, path, []byte(body), http.Header{"Authorization": {"Bearer " + strings.TrimSpace(token)}})
	}
	accountsHere := func() int { t.Helper(); return one[int](t, store, `SELECT count(*)::int FROM accounts`) }
	if a := desk("POST", "/admin/v1/accounts/shop%2F1/migrate", `{"reason":"ticket 7","dry_run":true}`); a.status != http.StatusOK ||
		!strings.Contains(string(a.body), `"outcome":"moved"`) || accountsHere() != 0 {
		t.Fatalf("the dry run: %d %s, %d accounts", a.status, a.body, accountsHere())
	}
	if a := desk("POST", "/admin/v1/accounts/shop%2F1/migrate", `{"reason":"ticket 7"}`); a.status != http.StatusOK || accountsHere() != 1 {
		t.Fatalf("the move: %d %s", a.status, a.body)
	}
	if a := g.mustLogin(t, "anna", "secret"); a.Account.ID != id {
		t.Errorf("the subject is %s, and was to be %s", a.Account.ID, id)
	}
	out, _ = g.mustRekey(t, "account", "history", "anna", "-o", "json")
	if !strings.Contains(out, `"reason": "ticket 7"`) || !strings.Contains(out, `"actor": "staff:vera"`) {
		t.Errorf("the history:\n%s", out)
	}

	// The old store gets another password by hand; the move is taken back, and the old store answers at once.
	mustExec(t, shop, `UPDATE users SET pass = ? WHERE id = 1`, foobar)
	out, _ = g.mustRekey(t, "account", "revert", "anna", "--reason", "ticket 8")
	if !strings.Contains(out, "is taken back") {
		t.Errorf("the revert:\n%s", out)
	}
	if a := g.login(t, "anna", "secret"); a.status != http.StatusUnauthorized {
		t.Errorf("the copied password after it: %d", a.status)
	}
	if a := g.mustLogin(t, "anna", "foobar"); a.Account.ID != id {
		t.Errorf("the subject is %s after it", a.Account.ID)
	}
	if n := one[int](t, store, `SELECT count(*)::int FROM events WHERE kind = 'account.reverted' AND reason = 'ticket 8'`); n != 1 {
		t.Errorf("%d events of it, want 1", n)
	}

	// Who has run out of guesses gets them back from the gateway that counts them.
	for range 10 {
		g.login(t, "bert", "wrong")
	}
	if a := g.login(t, "bert", "secret"); a.status != http.StatusTooManyRequests {
		t.Fatalf("bert after ten guesses: %d", a.status)
	}
	if a := desk("POST", "/admin/v1/accounts/bert/unlock", `{"reason":"ticket 9"}`); a.status != http.StatusOK {
		t.Errorf("unlock: %d %s", a.status, a.body)
	}
	g.mustLogin(t, "bert", "secret")

	// Deleted stays deleted, though MariaDB still has them.
	g.mustRekey(t, "account", "delete", "carl", "--reason", "asked in writing")
	if a := g.login(t, "carl", "secret"); a.status != http.StatusUnauthorized {
		t.Errorf("carl: %d", a.status)
	}
	if out, errs, code := g.rekey(t, "account", "revert", "shop/3", "--reason", "x"); code != 3 {
		t.Errorf("revert of a deleted person: exit code %d\n%s%s", code, out, errs)
	}
}
