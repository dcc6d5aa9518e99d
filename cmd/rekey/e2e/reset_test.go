package e2e

import (
	"database/sql"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	netmail "net/mail"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"rekey/accounts"
)

// mailsTo returns the mails to an address in the mail server's Maildir, in no order.
func mailsTo(t *testing.T, maildir, address string) []*netmail.Message {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(maildir, "new", "*"))
	if err != nil {
		t.Fatal(err)
	}
	var mails []*netmail.Message
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() }) // it was read from only
		m, err := netmail.ReadMessage(f)
		if err != nil {
			t.Fatal(err)
		}
		if to, err := m.Header.AddressList("To"); err == nil && len(to) == 1 && to[0].Address == address {
			mails = append(mails, m)
		}
	}
	return mails
}

// textOf returns the plain text of a mail.
func textOf(t *testing.T, m *netmail.Message) string {
	t.Helper()
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	for parts := multipart.NewReader(m.Body, params["boundary"]); ; {
		part, err := parts.NextRawPart()
		if err != nil {
			t.Fatalf("no plain text in the mail: %v", err)
		}
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/plain") {
			text, err := io.ReadAll(quotedprintable.NewReader(part))
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
	}
}

// spoofed posts JSON as somebody who wants the link to lead to them.
func (g *gateway) spoofed(t *testing.T, path, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "evil.example"
	for _, name := range []string{"X-Forwarded-Host", "X-Original-Host", "Origin", "Referer"} {
		req.Header.Set(name, "http://evil.example/")
	}
	req.Header.Set("Forwarded", "host=evil.example;proto=https")
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close() // only the status counts
	return res.StatusCode
}

var mailLink = regexp.MustCompile(`https?://\S+`)

// resetToken asks for a reset, and returns the token of the mail that comes, once its link is what it should be.
func (g *gateway) resetToken(t *testing.T, maildir, identifier, address string) string {
	t.Helper()
	before := len(mailsTo(t, maildir, address))
	wantStatus(t, "ask", answer{status: g.spoofed(t, "/v1/password-reset", fmt.Sprintf(`{"identifier":%q}`, identifier))}, http.StatusAccepted)
	waitFor(t, "a mail", func() bool { return len(mailsTo(t, maildir, address)) > before })
	if before > 0 {
		t.Fatal("which of the mails is new cannot be told")
	}
	return tokenIn(t, mailsTo(t, maildir, address)[0], "http://rekey.test/reset")
}

// tokenIn returns the token of a mail's link, which leads to a page.
func tokenIn(t *testing.T, m *netmail.Message, page string) string {
	t.Helper()
	text := textOf(t, m)
	links := mailLink.FindAllString(text, -1)
	if len(links) != 1 || strings.Contains(text+fmt.Sprint(m.Header), "evil.example") {
		t.Fatalf("the mail has the links %v", links)
	}
	link, err := url.Parse(links[0])
	if err != nil || link.Scheme+"://"+link.Host+link.Path != page {
		t.Fatalf("the link leads to %s", link.Host)
	}
	return link.Query().Get("token")
}

// owesAddress lets carl log in, who owes a verified address and shows his.
func owesAddress(maildir string) func(t *testing.T, g *gateway) {
	return func(t *testing.T, g *gateway) {
		t.Helper()
		in := g.mustLogin(t, "carl", "old password")
		wantStatus(t, "forward auth", g.send(t, http.MethodGet, "/v1/verify", nil, bearer(in.Access)), http.StatusForbidden)
		ask := g.send(t, http.MethodPost, "/v1/account/email", []byte(`{"current_password":"old password","email":"carl@example.org"}`), bearer(in.Access))
		wantStatus(t, "ask for a letter", ask, http.StatusAccepted)
		waitFor(t, "a letter", func() bool { return len(mailsTo(t, maildir, "carl@example.org")) == 1 })
		token := tokenIn(t, mailsTo(t, maildir, "carl@example.org")[0], "http://rekey.test/email")
		wantStatus(t, "confirm", g.post(t, "/v1/email/confirm", map[string]string{"token": token}), http.StatusNoContent)
		whole := g.post(t, "/v1/token/refresh", map[string]string{"refresh_token": in.Refresh})
		wantStatus(t, "forward auth afterwards", g.send(t, http.MethodGet, "/v1/verify", nil, bearer(whole.Access)), http.StatusNoContent)
	}
}

// noGates lets an installation go up as soon as anything was measured.
const noGates = "phase: {limits: {soak: {shadow: 1ms, both: 1ms}, min_shadow_writes: 1, min_shadow_reads: 1, mirrored_share: 0, p99_floor: 10s}}"

// climbToBoth goes from legacy-only to both while carl logs in, who is measured.
func climbToBoth(t *testing.T, g *gateway) {
	t.Helper()
	g.phase(t, "advance")
	waitFor(t, "the gates of the step to both", func() bool {
		g.mustLogin(t, "carl", "old password")
		_, _, code := g.rekey(t, "phase", "advance", "--dry-run", "--reason", "is it free?")
		return code == 0
	})
	g.phase(t, "advance")
	if out, _ := g.mustRekey(t, "phase", "show"); !strings.Contains(out, "both") {
		t.Fatalf("the phase is not both:\n%s", out)
	}
}

// A person of WordPress who never logged in since the move began forgets her password. The mail goes through a real server, and
// what she sets by its link is her password everywhere.
func TestReset(t *testing.T) {
	t.Parallel()
	smtp, maildir, ca := need(t, "REKEY_TEST_SMTP", "aiosmtpd"), os.Getenv("REKEY_TEST_SMTP_MAILDIR"), os.Getenv("REKEY_TEST_SMTP_CA")
	for _, test := range []struct {
		phase  string
		yaml   string
		before func(t *testing.T, g *gateway) // the reset: how it gets into the phase, and a letter of another kind
		finish func(t *testing.T, g *gateway, token, next string)
	}{
		{"new-first", "plan: lazy\nrequired_actions: {verify_email: true}", owesAddress(maildir), func(t *testing.T, g *gateway, token, next string) {
			t.Helper()
			wantStatus(t, "confirm", g.post(t, "/v1/password-reset/confirm", map[string]string{"token": token, "new_password": next}), http.StatusNoContent)
		}},
		{"both", "plan: dual-write\n" + noGates, climbToBoth, func(t *testing.T, g *gateway, token, next string) {
			t.Helper()
			page := g.send(t, http.MethodGet, "/reset?token="+token, nil, nil) // as a mail filter does, too
			if !strings.Contains(string(page.body), token) {
				t.Error("the page has no form for the token")
			}
			res, err := client.PostForm(g.url+"/reset", url.Values{"token": {token}, "new_password": {next}})
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close() // only the status counts
			wantStatus(t, "confirm by the page", answer{status: res.StatusCode}, http.StatusOK)
		}},
	} {
		t.Run(test.phase, func(t *testing.T) {
			t.Parallel()
			mysqlDSN, wp := database(t, need(t, "REKEY_TEST_MYSQL", "MariaDB"))
			store, _ := database(t, need(t, "REKEY_TEST_POSTGRES", "PostgreSQL"))
			wordpress(t, wp)
			name := "dora-" + test.phase
			address := name + "@example.org"
			hash := php(t, phpass+`echo portable($argv[1], '$P$Bdk3Jr9aQ');`, "old password")
			for login, mail := range map[string]string{name: address, "carl": "carl@example.org"} {
				mustExec(t, wp, `INSERT INTO wp_users (user_login, user_pass, user_email, user_registered) VALUES (?, ?, ?, '2014-05-06 07:08:09')`, login, hash, mail)
			}
			g := start(t, "", fmt.Sprintf(`
store: %s
master_key_file: %s
limits: off
%s
mail: {smtp: "%s", from: "Example <login@rekey.test>", product: Example}
legacy:
  - {name: blog, kind: sql, dsn: "%s", preset: wordpress, write: on, copy_back: full}
`, store, masterKey(t), test.yaml, smtp, mysqlDSN), "SSL_CERT_FILE="+ca)
			test.before(t, g)
			token := g.resetToken(t, maildir, name, address)
			test.finish(t, g, token, tulips)
			wantStatus(t, "the new password", g.login(t, address, tulips), http.StatusOK)
			wantStatus(t, "the old password", g.login(t, name, "old password"), http.StatusUnauthorized)
			var id string
			if err := wp.QueryRow(`SELECT ID FROM wp_users WHERE user_login = ?`, name).Scan(&id); err != nil {
				t.Fatal(err)
			}
			if sub := g.mustLogin(t, name, tulips).Account.ID; sub != accounts.SubjectFor("blog", id).String() {
				t.Errorf("her subject is %s", sub)
			}
			again := g.post(t, "/v1/password-reset/confirm", map[string]string{"token": token, "new_password": orchids})
			wantStatus(t, "the link again", again, http.StatusUnauthorized)
			waitFor(t, "copy-back", func() bool { return one[int](t, store, `SELECT count(*) FROM copy_back`) == 0 })
			var stored string
			if err := wp.QueryRow(`SELECT user_pass FROM wp_users WHERE user_login = ?`, name).Scan(&stored); err != nil {
				t.Fatal(err)
			}
			for password, want := range map[string]string{tulips: "yes", "old password": "no", orchids: "no"} {
				if got := php(t, phpass+`echo portable($argv[1], '`+stored+`') === '`+stored+`' ? 'yes' : 'no';`, password); got != want {
					t.Errorf("the old application says %s to %q", got, password)
				}
			}
			if n := one[int](t, store, `SELECT count(*) FROM events WHERE kind = 'credential.reset'`); n != 1 {
				t.Errorf("%d events of the reset, want 1", n)
			}
			g.changesEmail(t, maildir, wp, name, tulips, address)
			waitFor(t, "copy-back of the address", func() bool { return one[int](t, store, `SELECT count(*) FROM copy_back`) == 0 })
			if out, errs, _ := g.rekey(t, "verify"); !strings.Contains(out, "equal") || strings.Contains(out, "different") { // carl is not moved, or not trusted
				t.Errorf("verify: %s%s", out, errs)
			}
			if strings.Contains(g.log.String(), token) || strings.Contains(g.log.String(), address) {
				t.Error("the log has the token, or the address")
			}
		})
	}
}

// wordpress makes the tables of a WordPress.
func wordpress(t *testing.T, wp *sql.DB) {
	t.Helper()
	wordpressTable(t, wp, "wp_users")
	mustExec(t, wp, `CREATE TABLE wp_usermeta (
		umeta_id bigint(20) unsigned NOT NULL auto_increment,
		user_id bigint(20) unsigned NOT NULL default '0',
		meta_key varchar(255) default NULL,
		meta_value longtext,
		PRIMARY KEY (umeta_id), KEY user_id (user_id), KEY meta_key (meta_key(191))
	) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci`)
}
