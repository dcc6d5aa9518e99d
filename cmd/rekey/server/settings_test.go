package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rekey/cmd/rekey/config"
	"rekey/cmd/rekey/server"
)

// Every mistake of a source is told at once, at its own key and line.
func TestMistakesOfSources(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		yaml string
		want []string // from line 4 on
	}{
		"sql": {`
    dsn: mysql://app:hunter2@db/shop
    table: users
    columns: {id: id, username: 'user"name', password: pass}
    where: [{column: deleted_at, op: is nul}, {column: x, op: "=", values: [a, b]}]
    preset: ""
    keep: user.nonsense
    set: {nonsense: "1", display_name: user.id +}
    sanitise: {email_case: upper}`, []string{
			":7:33: legacy[0].columns.username: ", ":8:38: legacy[0].where[0].op: ", ":8:76: legacy[0].where[1].values: ",
			":10:11: legacy[0].keep: ", ":11:11: legacy[0].set.nonsense: ", ":11:26: legacy[0].set.display_name: ", ":12:28: legacy[0].sanitise.email_case: ",
		}},
		"ldap": {`
    kind: ldap
    ldap:
      url: ldap://directory.example.org
      base_dn: nonsense
      user_filter: (uid
      disabled: [{attribute: a, when: never}]
      extra: {uid: number, id: text}
      attributes: {id: entryUUID, username: "u*id"}`, []string{
			":7:12: legacy[0].ldap.url: ", ":8:16: legacy[0].ldap.base_dn: ", ":9:20: legacy[0].ldap.user_filter: ",
			":10:39: legacy[0].ldap.disabled[0].when: ", ":11:14: legacy[0].ldap.extra: column id: ", ":11:15: legacy[0].ldap.extra.uid: ",
			":12:45: legacy[0].ldap.attributes.username: ",
		}},
		"http": {`
    kind: http
    http:
      url: http://portal.internal
      dialect: plain
      bearer: hunter2
      basic_user: rekey
      plain: {lookup_path: users, fields: {email: mail}, verify_method: GET, verify_path: /, yes: {status: [500]}}`, []string{
			":7:12: legacy[0].http.url: http:// is for networks of your own, and allow_private names none",
			":9:15: legacy[0].http.bearer: ", ":10:19: legacy[0].http.basic_user: ", "legacy[0].http.plain.fields: ",
		}},
		"a described application": {`
    kind: http
    http:
      url: https://portal.example.org
      dialect: plain
      plain: {lookup_path: users, fields: {id: /id, email: mail}, verify_method: GET, verify_path: /, yes: {status: [500]}}`, []string{
			"plain.fields.email: ",
		}},
		"its paths": {`
    kind: http
    http:
      url: https://portal.example.org
      dialect: plain
      plain: {lookup_path: users, fields: {id: /id, email: /mail}, verify_method: GET, verify_path: /, yes: {status: [500]}}`, []string{
			"plain.lookup_path: ", "plain.verify_method: ", "plain.yes.status: 500: ", "plain.no.status: is missing",
		}},
		"a file": {`
    kind: file
    file:
      path: /srv/old.csv
      format: csv
      separator: '"'
      columns: {idd: x, email: ""}`, []string{
			":9:18: legacy[0].file.separator: ", ":10:17: legacy[0].file.columns.idd: ", ":10:25: legacy[0].file.columns.email: ",
		}},
	} {
		path := filepath.Join(t.TempDir(), "rekey.yaml")
		if err := os.WriteFile(path, []byte("store: sqlite:///srv/new.db\nlegacy:\n  - name: shop\n"+tt.yaml+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(config.Options{Path: path})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		err = server.CheckSources(c)
		if err == nil {
			t.Fatalf("%s: nothing is said", name)
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: no %q in:\n%v", name, want, err)
			}
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: a secret is told", name)
		}
	}
}

// Plan dual-write is for sources that every change can be written to under a condition; of each other one it is said why not.
func TestPlanFitsTheSources(t *testing.T) {
	t.Parallel()
	const sql = "\n    dsn: sqlite:///srv/old.db\n    table: users\n    columns: {id: id, username: login, password: pass}\n    scheme: md5($pass)"
	const directory = "\n    kind: ldap\n    preset: openldap\n    ldap: {url: ldaps://d.example.org, bind_dn: cn=r, bind_password: s, base_dn: dc=x"
	for name, tt := range map[string]struct{ plan, yaml, want string }{
		"lazy":         {"lazy", sql, ""},
		"written":      {"dual-write", sql + "\n    write: on", ""},
		"read":         {"dual-write", sql, "legacy[0]: plan dual-write writes every change to the old store: this source takes no new passwords"},
		"no condition": {"dual-write", directory + ", write: {modify: true}}", "takes new passwords in the clear or under no condition"},
		"no password":  {"dual-write", sql + "\n    write: {password: \"-\", username: UPDATE users SET login = :username WHERE id = :id AND pass = :old_password}", "takes no new passwords"},
		"directory":    {"dual-write", directory + "}", "takes no new passwords"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "rekey.yaml")
			text := "store: sqlite:///srv/new.db\nplan: " + tt.plan + "\nlegacy:\n  - name: shop" + tt.yaml + "\n"
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := config.Load(config.Options{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			err = server.CheckSources(c)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
