package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rekey/accounts/failpoint"
	"rekey/cmd/chaos/proxy"
)

// The new store is gone in phase both, and the operator puts the file: people log in and change their password by the old store
// alone. The gateway is killed at each step of that; when the store is back, the phase is shadow, and the password that the old
// store has is the one that counts, here too.
func TestRelaxByFile(t *testing.T) {
	t.Parallel()
	server := need(t, "REKEY_TEST_POSTGRES", "PostgreSQL")
	for _, step := range append([]string{""}, failpoint.AloneSteps()...) {
		t.Run("killed at "+step, func(t *testing.T) {
			t.Parallel()
			direct, db := database(t, server)
			store, news := through(t, direct)
			shopDSN, shop := database(t, server)
			mustExec(t, shop, `CREATE TABLE users (id int PRIMARY KEY, login text, pass text)`)
			mustExec(t, shop, `INSERT INTO users VALUES (7, 'anna', '5ebe2294ecd0e0f08eab7690d2a6ee69')`)
			dir := t.TempDir()
			file := filepath.Join(dir, "relax")
			yaml := fmt.Sprintf(`
store: %s
master_key_file: %s
limits: off
plan: dual-write
password: {memory_kib: 64, time: 1}
relax_file: %s
relax_journal: %s
legacy:
  - {name: shop, kind: sql, dsn: %q, scheme: md5($pass), %s, write: on}
`, store, masterKey(t), file, filepath.Join(dir, "journal"), shopDSN, usersTable)
			g := start(t, "", yaml)
			g.phase(t, "advance")
			subject := g.mustLogin(t, "anna", "secret").Account.ID
			g.stop(t)
			mustExec(t, db, `UPDATE phase SET epoch = 3, state = replace(replace(replace(state, '"shadow"', '"both"'), '"epoch":2', '"epoch":3'), '"trust_epoch":2', '"trust_epoch":3')`)
			environment := []string{}
			if step != "" {
				environment = append(environment, "REKEY_FAILPOINT="+step)
			}
			g = start(t, "failpoint", yaml, environment...)

			news.Set(proxy.Reset, 0)
			waitFor(t, "the lease to end", func() bool {
				return g.login(t, "anna", "secret").status == http.StatusServiceUnavailable
			})
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			var in answer
			waitFor(t, "a login by the old store alone", func() bool {
				in = g.login(t, "anna", "secret")
				return in.status == http.StatusOK
			})
			if in.Access == "" || in.Refresh != "" || in.Account.ID != subject {
				t.Errorf("she is %s with refresh token %v, want %s without", in.Account.ID, in.Refresh != "", subject)
			}
			wantStatus(t, "a wrong password", g.login(t, "anna", "rose"), http.StatusUnauthorized)
			waitFor(t, "readyz says degraded", func() bool {
				ready := g.send(t, http.MethodGet, "/readyz", nil, nil)
				return ready.status == http.StatusOK && strings.Contains(string(ready.body), `"degraded"`)
			})

			changed := g.change(t, in.Access, "secret", orchids)
			now := orchids // what the old store has
			switch step {
			case failpoint.AloneJournalled:
				now = "secret"
				fallthrough
			case failpoint.AloneWritten:
				<-g.ended
			default:
				wantStatus(t, "change", changed, http.StatusNoContent)
				wantStatus(t, "the new password, alone", g.login(t, "anna", orchids), http.StatusOK)
			}
			news.Set(proxy.None, 0)
			if step == failpoint.AloneBack || step == failpoint.AloneTold {
				<-g.ended
			}
			if step != "" {
				g = start(t, "", yaml)
			}
			waitFor(t, "the store is back", func() bool { return g.login(t, "anna", now).Refresh != "" })
			if a := g.mustLogin(t, "anna", now); a.Account.ID != subject {
				t.Errorf("she is %s, and was %s", a.Account.ID, subject)
			}
			other := map[string]string{orchids: "secret", "secret": orchids}[now]
			wantStatus(t, "the other password", g.login(t, "anna", other), http.StatusUnauthorized)
			if n := one[int](t, direct, `SELECT count(*) FROM phase WHERE state LIKE '%"phase":"shadow"%' AND epoch > 3`); n != 1 {
				t.Error("the phase is not shadow")
			}
			if n := one[int](t, direct, `SELECT count(*) FROM legacy_links WHERE dirty`); n != 0 {
				t.Error("her copy is not made again")
			}
			want := 1 // event of the change, if it was acknowledged
			if step == failpoint.AloneJournalled || step == failpoint.AloneWritten {
				want = 0
			}
			if n := one[int](t, direct, `SELECT count(*) FROM events WHERE kind = 'credential.changed'`); n != want {
				t.Errorf("%d events of the change, want %d", n, want)
			}
			if left, err := os.ReadFile(filepath.Join(dir, "journal")); err != nil || len(left) != 0 {
				t.Errorf("the journal still has %d bytes (%v)", len(left), err)
			}
		})
	}
}

// The new store hangs in legacy-only: people go on logging in by the old store as long as the lease runs, and nobody waits for the
// request's own time. Then nobody is answered, until the operator puts the file: they log in again, and change their password. When
// the store is back, the phase is what it was.
func TestNewStoreHangsInLegacyOnly(t *testing.T) {
	t.Parallel()
	server := need(t, "REKEY_TEST_POSTGRES", "PostgreSQL")
	direct, _ := database(t, server)
	store, news := through(t, direct)
	shopDSN, shop := database(t, server)
	mustExec(t, shop, `CREATE TABLE users (id int PRIMARY KEY, login text, pass text)`)
	mustExec(t, shop, `INSERT INTO users VALUES (7, 'anna', '5ebe2294ecd0e0f08eab7690d2a6ee69')`)
	dir := t.TempDir()
	file := filepath.Join(dir, "relax")
	g := start(t, "", fmt.Sprintf(`
store: %s
master_key_file: %s
limits: off
plan: dual-write
password: {memory_kib: 64, time: 1}
relax_file: %s
relax_journal: %s
legacy:
  - {name: shop, kind: sql, dsn: %q, scheme: md5($pass), %s, write: on}
`, store, masterKey(t), file, filepath.Join(dir, "journal"), shopDSN, usersTable))
	before := g.mustLogin(t, "anna", "secret")

	news.Set(proxy.Hang, 0)
	in := g.login(t, "anna", "secret")
	wantStatus(t, "a login while the store hangs", in, http.StatusOK)
	if in.Access == "" || in.Refresh != "" || in.Account.ID != before.Account.ID {
		t.Errorf("she is %s with refresh token %v, want %s without", in.Account.ID, in.Refresh != "", before.Account.ID)
	}
	wantStatus(t, "a wrong password", g.login(t, "anna", "rose"), http.StatusUnauthorized)
	waitFor(t, "the lease to end", func() bool { return g.login(t, "anna", "secret").status == http.StatusServiceUnavailable })
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	in = g.login(t, "anna", "secret")
	wantStatus(t, "a login by the file", in, http.StatusOK)
	wantStatus(t, "change", g.change(t, in.Access, "secret", orchids), http.StatusNoContent)
	wantStatus(t, "the old password, alone", g.login(t, "anna", "secret"), http.StatusUnauthorized)
	news.Set(proxy.None, 0)
	waitFor(t, "the store is back", func() bool { return g.login(t, "anna", orchids).Refresh != "" })
	wantStatus(t, "the old password", g.login(t, "anna", "secret"), http.StatusUnauthorized)
	wantStatus(t, "a session from before", g.post(t, "/v1/token/refresh", map[string]string{"refresh_token": before.Refresh}), http.StatusUnauthorized)
	if n := one[int](t, direct, `SELECT count(*) FROM phase WHERE state LIKE '%"phase":"legacy-only"%' AND epoch = 1`); n != 1 {
		t.Error("the phase is not legacy-only any more")
	}
}
