package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"rekey/accounts/failpoint"
)

// Passwords that may be set.
const (
	tulips  = "tulips from amsterdam"
	orchids = "orchids of the night"
)

// with sends JSON with an access token.
func (g *gateway) with(t *testing.T, access, method, path string, body map[string]string) answer {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return g.send(t, method, path, text, bearer(access))
}

func (g *gateway) register(t *testing.T, username, password string) answer {
	t.Helper()
	a := g.post(t, "/v1/accounts", map[string]string{"username": username, "password": password})
	if a.status == http.StatusCreated {
		if err := json.Unmarshal(a.body, &a.Account); err != nil {
			t.Errorf("register answered what is not JSON: %v", err)
		}
	}
	return a
}

func (g *gateway) change(t *testing.T, access, current, next string) answer {
	t.Helper()
	return g.with(t, access, http.MethodPut, "/v1/account/password", map[string]string{"current_password": current, "new_password": next})
}

func (g *gateway) erase(t *testing.T, access, current string) answer {
	t.Helper()
	return g.with(t, access, http.MethodDelete, "/v1/account", map[string]string{"current_password": current})
}

func (g *gateway) refresh(t *testing.T, raw string) answer {
	t.Helper()
	return g.post(t, "/v1/token/refresh", map[string]string{"refresh_token": raw})
}

func (g *gateway) see(t *testing.T, access string) answer {
	t.Helper()
	return g.send(t, http.MethodGet, "/v1/account", nil, bearer(access))
}

// Two machines over one store: what one has done holds on the other at once.
func TestLifeOfAnAccount(t *testing.T) {
	t.Parallel()
	store, _ := database(t, need(t, "REKEY_TEST_POSTGRES", "PostgreSQL"))
	yaml := fmt.Sprintf("store: %s\nmaster_key_file: %s\nlimits: off\nlegacy:\n  - {name: shop, kind: sql, dsn: 'sqlite://%s', %s}\n",
		store, masterKey(t), onePerson(t, "tulip"), usersTable)
	gateways := []*gateway{launch(t, "", yaml), launch(t, "", yaml)}
	for _, g := range gateways {
		g.waitReady(t)
	}
	first, second := gateways[0], gateways[1]
	everywhere := func(what, name, password string, want int) {
		t.Helper()
		for i, g := range gateways {
			wantStatus(t, fmt.Sprintf("%s, gateway %d", what, i), g.login(t, name, password), want)
		}
	}

	made := first.register(t, "zoe", orchids)
	wantStatus(t, "register", made, http.StatusCreated)
	wantStatus(t, "register the same on the other gateway", second.register(t, "Zoe", orchids), http.StatusConflict)
	wantStatus(t, "register somebody of the old store", second.register(t, "Anna", orchids), http.StatusConflict)
	here, there := first.mustLogin(t, "zoe", orchids), second.mustLogin(t, "ZOE", orchids)
	if here.Account.ID != made.Account.ID || there.Account.ID != made.Account.ID {
		t.Errorf("registered as %s, logged in as %s and %s", made.Account.ID, here.Account.ID, there.Account.ID)
	}

	wantStatus(t, "change", second.change(t, here.Access, orchids, tulips), http.StatusNoContent)
	everywhere("old password", "zoe", orchids, http.StatusUnauthorized)
	everywhere("new password", "zoe", tulips, http.StatusOK)
	wantStatus(t, "refresh of the other session", first.refresh(t, there.Refresh), http.StatusUnauthorized)
	wantStatus(t, "account by the other session", first.see(t, there.Access), http.StatusUnauthorized)
	wantStatus(t, "account by this session", first.see(t, here.Access), http.StatusOK)
	again := first.refresh(t, here.Refresh)
	wantStatus(t, "refresh of this session", again, http.StatusOK)

	wantStatus(t, "delete", first.erase(t, again.Access, tulips), http.StatusNoContent)
	everywhere("after the deletion", "zoe", tulips, http.StatusUnauthorized)
	wantStatus(t, "refresh after the deletion", second.refresh(t, again.Refresh), http.StatusUnauthorized)
	wantStatus(t, "account after the deletion", second.see(t, again.Access), http.StatusUnauthorized)
	newZoe := second.register(t, "zoe", orchids)
	wantStatus(t, "register again", newZoe, http.StatusCreated)
	if newZoe.Account.ID == "" || newZoe.Account.ID == made.Account.ID {
		t.Error("the second of that name has the first one's subject")
	}
	everywhere("the second", "zoe", orchids, http.StatusOK)

	// Somebody of the old store, whose row lives on.
	anna := first.mustLogin(t, "anna", "tulip")
	wantStatus(t, "delete", second.erase(t, anna.Access, "tulip"), http.StatusNoContent)
	everywhere("whom the old store still has", "anna", "tulip", http.StatusUnauthorized)
	newAnna := second.register(t, "anna", tulips)
	wantStatus(t, "register her name", newAnna, http.StatusCreated)
	if newAnna.Account.ID == anna.Account.ID {
		t.Error("the new anna has the old one's subject")
	}
	everywhere("the new anna", "anna", tulips, http.StatusOK)
	everywhere("the old anna", "anna", "tulip", http.StatusUnauthorized)
	for query, want := range map[string]int{
		`SELECT count(*) FROM accounts`:                                                                      4,
		`SELECT count(*) FROM accounts WHERE deleted_at IS NULL`:                                             2,
		`SELECT count(*) FROM identifiers`:                                                                   2,
		`SELECT count(*) FROM credentials`:                                                                   2,
		`SELECT count(*) FROM events WHERE kind = 'account.registered'`:                                      3,
		`SELECT count(*) FROM events WHERE kind = 'account.deleted'`:                                         2,
		`SELECT count(*) FROM events WHERE kind = 'credential.changed'`:                                      1,
		`SELECT count(*) FROM events WHERE kind NOT LIKE 'signing-key%' AND (request_id = '' OR actor = '')`: 0,
		`SELECT count(*) FROM events WHERE strpos(detail, '$argon2id') > 0`:                                  0,
	} {
		if n := one[int](t, store, query); n != want {
			t.Errorf("%s: %d, want %d", query, n, want)
		}
	}
}

// The process is killed at each step of a change and of a deletion. Afterwards it is there wholly, sessions and event
// included, or not at all; and it can be asked for again.
func TestKillNineInALife(t *testing.T) {
	t.Parallel()
	for engine, newStore := range engines() {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			for _, step := range failpoint.ChangeSteps() {
				t.Run(step, func(t *testing.T) {
					store, driver := newStore(t)
					killInALife(t, store, driver, step, step == failpoint.ChangeCommitted, aChange)
				})
			}
			for _, step := range failpoint.DeleteSteps() {
				t.Run(step, func(t *testing.T) {
					store, driver := newStore(t)
					killInALife(t, store, driver, step, step == failpoint.DeleteCommitted, aDeletion)
				})
			}
		})
	}
}

// An act is what somebody does to their account, and what it makes of them.
type act struct {
	do        func(t *testing.T, g *gateway, access string) answer
	password  string         // with which they log in afterwards; "" if they cannot
	kept      int            // what a refresh of the session that did it answers afterwards
	rowsAfter map[string]int // in a store in which it is done
}

var (
	aChange = act{
		do:       func(t *testing.T, g *gateway, access string) answer { return g.change(t, access, "tulip", orchids) },
		password: orchids, kept: http.StatusOK,
		rowsAfter: map[string]int{
			"credentials WHERE version = 2": 1, "identifiers": 1, "accounts WHERE session_epoch = 1 AND deleted_at IS NULL": 1,
			"sessions WHERE epoch = 1": 1, "events WHERE kind = 'credential.changed'": 1,
		},
	}
	aDeletion = act{
		do:   func(t *testing.T, g *gateway, access string) answer { return g.erase(t, access, "tulip") },
		kept: http.StatusUnauthorized,
		rowsAfter: map[string]int{
			"credentials": 0, "identifiers": 0, "accounts WHERE session_epoch = 1 AND deleted_at IS NOT NULL": 1,
			"sessions WHERE epoch = 1": 0, "events WHERE kind = 'account.deleted'": 1,
		},
	}
)

func killInALife(t *testing.T, store, driver, step string, committed bool, a act) {
	t.Helper()
	yaml := fmt.Sprintf("store: %s\nmaster_key_file: %s\nlimits: off\nlegacy:\n  - {name: shop, kind: sql, dsn: 'sqlite://%s', %s}\n",
		store, masterKey(t), onePerson(t, "tulip"), usersTable)
	g := start(t, "failpoint", yaml, "REKEY_FAILPOINT="+step)
	here, there := g.mustLogin(t, "anna", "tulip"), g.mustLogin(t, "anna", "tulip")
	if got := a.do(t, g, here.Access); got.status != 0 {
		t.Fatalf("the process answered %d: it was not killed at %s", got.status, step)
	}
	<-g.ended

	g = start(t, "", yaml)
	if !committed { // then nothing has happened, and asking again does it
		g.mustLogin(t, "anna", "tulip")
		wantStatus(t, "the other session", g.refresh(t, there.Refresh), http.StatusOK)
		wantStatus(t, "this session sees", g.see(t, here.Access), http.StatusOK)
		wantStatus(t, "again", a.do(t, g, here.Access), http.StatusNoContent)
	}
	wantStatus(t, "the old password", g.login(t, "anna", "tulip"), http.StatusUnauthorized)
	wantStatus(t, "the other session afterwards", g.refresh(t, there.Refresh), http.StatusUnauthorized)
	wantStatus(t, "this session afterwards", g.refresh(t, here.Refresh), a.kept)
	g.stop(t)
	for table, want := range a.rowsAfter { // before anybody logs in once more
		wantRows(t, driver, store, table, want)
	}
	if a.password != "" {
		start(t, "", yaml).mustLogin(t, "anna", a.password)
	}
}
