package ldapsource

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"go.uber.org/goleak"

	"rekey/legacy"
)

// A directory is the real OpenLDAP that deploy/dev/services starts. Each test has an organizational unit of its own in it,
// with two accounts: cn=reader reads people, and cn=hashes their passwords too.
type directory struct {
	plain, secure string // ldap:// and ldaps://
	ca, log       string // files
	password      string // of its administrator
	ou            string // DN of the test's own
}

const (
	servicePassword = "what only the source knows"
	rightPassword   = "correct horse" // of everybody in testdata
)

// TestMain prepares the directory, if there is one, for all tests. Behind them nothing may go on running.
func TestMain(m *testing.M) {
	if d := fromEnvironment(); d.plain != "" {
		if err := d.prepare(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func fromEnvironment() *directory {
	return &directory{
		plain: os.Getenv("REKEY_TEST_LDAP"), secure: os.Getenv("REKEY_TEST_LDAPS"), ca: os.Getenv("REKEY_TEST_LDAP_CA"),
		log: os.Getenv("REKEY_TEST_LDAP_LOG"), password: os.Getenv("REKEY_TEST_LDAP_PASSWORD"),
	}
}

// prepare adds the schema and the root. Where the servers were left running both may be there.
func (d *directory) prepare() error {
	schema, err := os.ReadFile("testdata/schema.ldif")
	if err != nil {
		return err
	}
	for as, ldif := range map[string]string{
		"cn=admin,cn=config": string(schema),
		d.admin():            "dn: dc=example,dc=org\nobjectClass: domain\ndc: example\n",
	} {
		err := d.modify(context.Background(), as, ldif)
		if err != nil && !strings.Contains(err.Error(), "Already exists") && !strings.Contains(err.Error(), "Duplicate") {
			return err
		}
	}
	return nil
}

// openDirectory makes a unit. It has a unit people, which is empty.
func openDirectory(t *testing.T) *directory {
	t.Helper()
	d := fromEnvironment()
	if d.plain == "" {
		t.Skip("set REKEY_TEST_LDAP and its companions to an OpenLDAP; deploy/dev/services does")
	}
	d.ou = "ou=t" + strings.ToLower(rand.Text()[:12]) + ",dc=example,dc=org"
	accounts := "dn: @OU@\nobjectClass: organizationalUnit\n\ndn: ou=people,@OU@\nobjectClass: organizationalUnit\n"
	for _, name := range []string{"reader", "hashes"} {
		accounts += "\ndn: cn=" + name + ",@OU@\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: " + name +
			"\nuserPassword: " + servicePassword + "\n"
	}
	d.add(t, accounts)
	return d
}

func (d *directory) admin() string  { return "cn=admin,dc=example,dc=org" }
func (d *directory) people() string { return "ou=people," + d.ou }

// add adds entries below the test's own unit, which is @OU@ in the text.
func (d *directory) add(t *testing.T, ldif string) {
	t.Helper()
	if err := d.modify(t.Context(), d.admin(), strings.ReplaceAll(ldif, "@OU@", d.ou)); err != nil {
		t.Fatal(err)
	}
}

// load adds the entries of a file in testdata.
func (d *directory) load(t *testing.T, file string) {
	t.Helper()
	ldif, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	d.add(t, string(ldif))
}

// modify has OpenLDAP's own client do what an LDIF says. Relax lets it set what a server keeps to itself, such as
// pwdAccountLockedTime.
func (d *directory) modify(ctx context.Context, as, ldif string) error {
	secret, err := os.CreateTemp("", "rekey-ldap-*")
	if err != nil {
		return err
	}
	defer os.Remove(secret.Name())
	if _, err := secret.WriteString(d.password); err != nil {
		return err
	}
	if err := secret.Close(); err != nil {
		return err
	}
	command := exec.CommandContext(ctx, "ldapmodify", "-a", "-x", "-e", "relax", "-H", d.plain, "-D", as, "-y", secret.Name())
	command.Stdin = strings.NewReader(ldif)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("ldapmodify: %w\n%s", err, out)
	}
	return nil
}

// entry adds one entry with what LDIF cannot say simply.
func (d *directory) entry(t *testing.T, dn string, attributes map[string][]string) {
	t.Helper()
	c, err := ldap.DialURL(d.plain)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Bind(d.admin(), d.password); err != nil {
		t.Fatal(err)
	}
	request := ldap.NewAddRequest(dn, nil)
	for name, values := range attributes {
		request.Attribute(name, values)
	}
	if err := c.Add(request); err != nil {
		t.Fatalf("add %s: %v", dn, err)
	}
}

// remove deletes an entry below the test's own unit.
func (d *directory) remove(t *testing.T, dn string) {
	t.Helper()
	d.add(t, "dn: "+dn+"\nchangetype: delete\n")
}

// binds counts the binds as a name that OpenLDAP has logged.
func (d *directory) binds(t *testing.T, dn string) int {
	t.Helper()
	log, err := os.ReadFile(d.log)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(log, fmt.Appendf(nil, "BIND dn=%q method=128", dn))
}

// config is a source over the unit with the rights of an account, in the clear.
func (d *directory) config(account string) Config {
	return Config{
		Name: "staff", URL: d.plain, BindDN: "cn=" + account + "," + d.ou, BindPassword: servicePassword, BaseDN: d.people(),
		Preset: "openldap", Timeout: 10 * time.Second, // the machine may be busy
	}
}

// open opens a source and closes it when the test ends.
func open(t *testing.T, c Config) *Source {
	t.Helper()
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// one looks somebody up who is there once.
func one(t *testing.T, s *Source, spelling string) legacy.User {
	t.Helper()
	users, err := s.Lookup(t.Context(), spelling)
	if err != nil || len(users) != 1 {
		t.Fatalf("Lookup(%q): %d people, error %v", spelling, len(users), err)
	}
	return users[0]
}

// suiteConfig keeps the contract's people in attributes in which they fit to the letter.
func (d *directory) suiteConfig(account string) Config {
	c := d.config(account)
	c.Preset, c.UserFilter = "", "(objectClass=testPerson)"
	c.Attributes = Attributes{
		ID: "employeeNumber", Username: []string{"uid"}, Email: []string{"testEmail"}, Phone: []string{"telephoneNumber"},
		Password: "userPassword", Salt: "testSalt", CreatedAt: "testCreated", LastLoginAt: "testSeen",
	}
	c.Disabled = []Rule{{Attribute: "testStatus", When: IsNot, Values: []string{"active"}}}
	return c
}

// fill adds the contract's people.
func (d *directory) fill(t *testing.T, people []legacy.User) {
	t.Helper()
	for _, p := range people {
		attributes := map[string][]string{
			"objectClass": {"inetOrgPerson", "testPerson"}, "cn": {p.ID}, "sn": {"x"}, "employeeNumber": {p.ID}, "testStatus": {"Active"},
		}
		set := func(name, value string) {
			if value != "" {
				attributes[name] = []string{value}
			}
		}
		set("uid", p.Username)
		set("testEmail", p.Email)
		set("telephoneNumber", p.Phone)
		set("userPassword", p.Password.Hash)
		set("testSalt", p.Password.Salt)
		if p.Disabled {
			set("testStatus", "left")
		}
		if !p.CreatedAt.IsZero() {
			set("testCreated", p.CreatedAt.Format("20060102150405Z"))
		}
		if !p.LastLoginAt.IsZero() {
			set("testSeen", p.LastLoginAt.Format(time.RFC3339))
		}
		d.entry(t, "cn="+p.ID+","+d.people(), attributes)
	}
}
