package e2e

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"golang.org/x/crypto/bcrypt"
)

// moves logs somebody in twice and shows that the old store, whose questions asked counts, is asked about the first
// login and not about the second. A wrong password is wrong before and after.
func (g *gateway) moves(t *testing.T, identifiers []string, password string, asked func() int) {
	t.Helper()
	if a := g.login(t, identifiers[0], password+"x"); a.status != http.StatusUnauthorized {
		t.Errorf("a wrong password got %d", a.status)
	}
	before := asked()
	first := g.mustLogin(t, identifiers[0], password)
	if asked() == before {
		t.Fatal("the old store's log does not show the first login: it cannot show that there was no second question")
	}
	before = asked()
	for _, identifier := range identifiers {
		if second := g.mustLogin(t, identifier, password); second.Account.ID != first.Account.ID {
			t.Errorf("%s: the account id changed", identifier)
		}
		if a := g.login(t, identifier, "wrong"); a.status != http.StatusUnauthorized {
			t.Errorf("%s: a wrong password got %d after the move", identifier, a.status)
		}
	}
	if n := asked() - before; n != 0 {
		t.Errorf("after the move, %d questions to the old store, want none", n)
	}
}

// People of a directory move: one whose hash may be read, and all of them by bind where it may not.
func TestDirectory(t *testing.T) {
	t.Parallel()
	url := need(t, "REKEY_TEST_LDAP", "OpenLDAP")
	admin, password := "cn=admin,dc=example,dc=org", os.Getenv("REKEY_TEST_LDAP_PASSWORD")
	conn, err := ldap.DialURL(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Bind(admin, password); err != nil {
		t.Fatal(err)
	}
	unit := "ou=e2e" + strings.ToLower(rand.Text()[:12]) + ",dc=example,dc=org"
	add := func(dn string, attributes ...string) {
		t.Helper()
		request := ldap.NewAddRequest(dn, nil)
		for _, pair := range attributes {
			name, value, _ := strings.Cut(pair, "=")
			request.Attribute(name, []string{value})
		}
		if err := conn.Add(request); err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultEntryAlreadyExists) {
			t.Fatalf("add %s: %v", dn, err)
		}
	}
	add("dc=example,dc=org", "objectClass=domain", "dc=example")
	add(unit, "objectClass=organizationalUnit")
	for _, uid := range []string{"anna", "bert"} {
		add("uid="+uid+","+unit, "objectClass=inetOrgPerson", "cn="+uid, "sn="+uid, "mail="+uid+"@"+unit[3:15]+".example", "userPassword=tulip of "+uid)
	}
	// Whatever the directory is asked about this unit stands in its log.
	count := func(words ...string) func() int {
		return func() int {
			log, err := os.ReadFile(os.Getenv("REKEY_TEST_LDAP_LOG"))
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for line := range strings.Lines(string(log)) {
				for _, word := range words {
					if strings.Contains(line, word) && strings.Contains(line, unit) {
						n++
					}
				}
			}
			return n
		}
	}
	writes := count("ADD dn=", "MOD dn=", "DEL dn=", "MODRDN dn=")
	before := writes()
	for name, attributes := range map[string]string{"anna": "{}", "bert": `{password: "-"}`} {
		t.Run(name, func(t *testing.T) {
			g := start(t, "", fmt.Sprintf(`
store: sqlite://%s/new.db
limits: off
legacy:
  - name: staff
    kind: ldap
    preset: openldap
    timeout: 10s
    allow_plaintext: true
    scheme: auto
    ldap: {url: %s, bind_dn: "%s", bind_password: "%s", base_dn: "%s", attributes: %s}
`, t.TempDir(), url, admin, password, unit, attributes))
			g.moves(t, []string{name, name + "@" + unit[3:15] + ".example"}, "tulip of "+name, count("SRCH base=", "BIND dn="))
		})
	}
	if n := writes() - before; n != 0 {
		t.Errorf("the directory's log shows %d writes", n)
	}
}

// People move whose old application answers for them, in the contract of keycloak-user-migration.
func TestApplication(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	asked := map[string]int{} // by method
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked[r.Method]++
		mu.Unlock()
		name := strings.TrimPrefix(r.URL.Path, "/users/")
		if r.Header.Get("Authorization") != "Bearer a-long-secret-for-the-old-application" || name != "anna" && name != "anna@example.org" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"id":"17","username":"anna","email":"anna@example.org","firstName":"Anna","lastName":"Berg","enabled":true,"emailVerified":true,"roles":["admin"]}`)
			return
		}
		var body struct{ Password string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Password != "tulip" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer app.Close()
	g := start(t, "", fmt.Sprintf(`
store: sqlite://%s/new.db
limits: off
legacy:
  - name: shop
    kind: http
    timeout: 10s
    http: {url: "%s/users", bearer: a-long-secret-for-the-old-application, allow_private: [127.0.0.0/8]}
`, t.TempDir(), app.URL))
	g.moves(t, []string{"anna", "anna@example.org"}, "tulip", func() int {
		mu.Lock()
		defer mu.Unlock()
		return asked[http.MethodGet] + asked[http.MethodPost]
	})
	mu.Lock()
	defer mu.Unlock()
	for method := range asked {
		if method != http.MethodGet && method != http.MethodPost && method != http.MethodHead {
			t.Errorf("the application was sent a %s", method)
		}
	}
}

// People of an export move; the export stays as it is.
func TestExport(t *testing.T) {
	t.Parallel()
	hash, err := bcrypt.GenerateFromPassword([]byte("tulip"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "users.csv")
	text := "key,login,mail,hash,active\n17,anna,anna@example.org," + string(hash) + ",yes\n18,bert,bert@example.org," + string(hash) + ",no\n"
	if err := os.WriteFile(path, []byte(text), 0o400); err != nil {
		t.Fatal(err)
	}
	g := start(t, "", fmt.Sprintf(`
store: sqlite://%s/new.db
limits: off
legacy:
  - name: export
    kind: file
    timeout: 10s
    file:
      path: %s
      format: csv
      columns: {id: key, username: login, email: mail, password: hash, disabled: "!active"}
`, dir, path))
	waitFor(t, "the index", func() bool { return g.login(t, "nobody", "x").status == http.StatusUnauthorized })
	first := g.mustLogin(t, "anna", "tulip")
	if second := g.mustLogin(t, "anna@example.org", "tulip"); second.Account.ID != first.Account.ID {
		t.Error("the account id changed")
	}
	for _, name := range []string{"bert", "anna"} {
		if a := g.login(t, name, map[string]string{"bert": "tulip", "anna": "wrong"}[name]); a.status != http.StatusUnauthorized {
			t.Errorf("%s got %d", name, a.status)
		}
	}
	after, err := os.ReadFile(path)
	if err != nil || sha256.Sum256(after) != sha256.Sum256([]byte(text)) {
		t.Errorf("the export was changed (%v)", err)
	}
}
