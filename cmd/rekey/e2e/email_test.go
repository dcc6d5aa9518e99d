package e2e

import (
	"database/sql"
	"net/http"
	"strings"
	"testing"
)

// changesEmail gives somebody another address by the link of a mail, and fails unless their WordPress has it, the old one is told,
// and they log in by the new one alone.
func (g *gateway) changesEmail(t *testing.T, maildir string, wp *sql.DB, name, password, old string) {
	t.Helper()
	next := "new-" + old
	session := g.mustLogin(t, name, password)
	asked := g.with(t, session.Access, http.MethodPost, "/v1/account/email", map[string]string{"current_password": password, "email": next})
	wantStatus(t, "ask for an address", asked, http.StatusAccepted)
	waitFor(t, "the link", func() bool { return len(mailsTo(t, maildir, next)) > 0 })
	token, before := tokenIn(t, mailsTo(t, maildir, next)[0], "http://rekey.test/email"), len(mailsTo(t, maildir, old))
	wantStatus(t, "confirm", g.post(t, "/v1/email/confirm", map[string]string{"token": token}), http.StatusNoContent)
	has := func() (has string) {
		if err := wp.QueryRow(`SELECT user_email FROM wp_users WHERE user_login = ?`, name).Scan(&has); err != nil {
			t.Fatal(err)
		}
		return has
	}
	waitFor(t, "the address in WordPress", func() bool { return has() == next })
	waitFor(t, "a mail to the address of before", func() bool { return len(mailsTo(t, maildir, old)) > before })
	if sub := g.mustLogin(t, next, password).Account.ID; sub != session.Account.ID {
		t.Errorf("the subject is %s, and was %s", sub, session.Account.ID)
	}
	wantStatus(t, "the address of before", g.login(t, old, password), http.StatusUnauthorized)
	wantStatus(t, "the link again", g.post(t, "/v1/email/confirm", map[string]string{"token": token}), http.StatusUnauthorized)
	if strings.Contains(g.log.String(), token) {
		t.Error("the log has the token")
	}
}
