package e2e

import (
	"encoding/base32"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

// challenge is what a login returns to somebody who has a second factor.
func (g *gateway) challenge(t *testing.T, identifier, password string) string {
	t.Helper()
	var asked struct{ Challenge string }
	a := g.login(t, identifier, password)
	if err := json.Unmarshal(a.body, &asked); err != nil || a.status != http.StatusOK || a.Access != "" || asked.Challenge == "" {
		t.Fatalf("login of %q: %d %s, want a challenge and no token", identifier, a.status, a.body)
	}
	return asked.Challenge
}

func (g *gateway) second(t *testing.T, challenge, code string) answer {
	t.Helper()
	return g.post(t, "/v1/login/factor", map[string]string{"challenge": challenge, "code": code})
}

// A second factor comes along from MariaDB and is asked for at once. Of two machines that get one code at the same moment one
// takes it. What the old password's hash makes people owe is done on one machine, and the other gives the whole token.
func TestSecondFactorOnTwoMachines(t *testing.T) {
	t.Parallel()
	old, db := database(t, need(t, "REKEY_TEST_MYSQL", "MariaDB"))
	store, _ := database(t, need(t, "REKEY_TEST_POSTGRES", "PostgreSQL"))
	secret := base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))
	mustExec(t, db, `CREATE TABLE users (id INT PRIMARY KEY, login VARCHAR(60), pass CHAR(32), otp VARCHAR(64))`)
	mustExec(t, db, `INSERT INTO users VALUES (7, 'anna', MD5('tulips from amsterdam'), ?), (8, 'bert', MD5('orchids of the night'), NULL)`, secret)
	yaml := fmt.Sprintf("store: %s\nmaster_key_file: %s\nlimits: off\npassword: {memory_kib: 64, time: 1}\nrequired_actions: {change_password: [recipe]}\nlegacy:\n"+
		"  - {name: shop, kind: sql, dsn: %q, scheme: md5($pass), table: users, columns: {id: id, username: login, password: pass, totp_secret: otp}}\n",
		store, masterKey(t), old)
	machines := []*gateway{launch(t, "", yaml), launch(t, "", yaml)}
	for _, g := range machines {
		g.waitReady(t)
	}
	first, second := machines[0], machines[1]

	now := time.Now()
	code := func(steps int) string {
		code, err := totp.GenerateCode(secret, now.Add(time.Duration(steps)*30*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
	challenges := []string{first.challenge(t, "anna", tulips), second.challenge(t, "anna", tulips)}
	answers := make([]answer, len(machines))
	var wait sync.WaitGroup
	for i, g := range machines {
		wait.Go(func() { answers[i] = g.second(t, challenges[i], code(0)) })
	}
	wait.Wait()
	if a, b := answers[0].status, answers[1].status; a+b != http.StatusOK+http.StatusUnauthorized {
		t.Fatalf("one code at two machines: %d and %d, want 200 and 401", a, b)
	}
	in := answers[0]
	if in.Access == "" {
		in = answers[1]
	}
	if a := second.second(t, second.challenge(t, "anna", tulips), code(0)); a.status != http.StatusUnauthorized {
		t.Errorf("the code again: %d", a.status)
	}

	verify := func(g *gateway, access string) int {
		return g.send(t, http.MethodGet, "/v1/verify", nil, bearer(access)).status
	}
	if status := verify(second, in.Access); status != http.StatusForbidden {
		t.Errorf("forward auth with a password to change: %d, want 403", status)
	}
	if a := first.change(t, in.Access, tulips, "peonies of the palace"); a.status != http.StatusNoContent {
		t.Fatalf("change: %d %s", a.status, a.body)
	}
	whole := second.post(t, "/v1/token/refresh", map[string]string{"refresh_token": in.Refresh})
	if status := verify(first, whole.Access); status != http.StatusNoContent {
		t.Errorf("forward auth afterwards: %d, want 204", status)
	}
	if a := first.second(t, first.challenge(t, "anna", "peonies of the palace"), code(1)); a.status != http.StatusOK {
		t.Errorf("with the new password and the next code: %d %s", a.status, a.body)
	}
	first.mustLogin(t, "bert", orchids)
	if n := one[int](t, store, `SELECT count(*) FROM events WHERE kind = 'factor.used'`); n != 2 {
		t.Errorf("%d events of codes, want 2", n)
	}
}
