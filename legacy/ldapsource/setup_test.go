package ldapsource

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"rekey/legacy"
)

// TestSecured reads by StartTLS and LDAPS, from a directory that it can name and from one that it cannot.
func TestSecured(t *testing.T) {
	t.Parallel()
	d := openDirectory(t)
	d.load(t, "people.ldif")
	for name, change := range map[string]func(*Config){
		"ldaps":    func(c *Config) { c.URL = d.secure },
		"StartTLS": func(c *Config) { c.StartTLS = true },
		"by name":  func(c *Config) { c.StartTLS, c.URL = true, strings.Replace(d.plain, "127.0.0.1", "localhost", 1) },
	} {
		c := d.config("reader")
		change(&c)
		_, err := open(t, c).Lookup(t.Context(), "ssha")
		cannotTell(t, name+", signed by nobody whom the system trusts", err)
		if !strings.Contains(fmt.Sprint(err), "certificate") {
			t.Errorf("%s: %v", name, err)
		}
		c.CAFile = d.ca
		s := open(t, c)
		if err := s.Verify(t.Context(), one(t, s, "ssha"), []byte(rightPassword)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := d.config("reader")
	c.CAFile, c.URL = d.ca, strings.Replace(d.secure, "127.0.0.2", "127.0.0.1", 1) // who speaks no TLS there
	_, err := open(t, c).Lookup(t.Context(), "ssha")
	cannotTell(t, "LDAPS to a port that speaks LDAP", err)
}

// TestRealReferral puts another server's part below the base.
func TestRealReferral(t *testing.T) {
	t.Parallel()
	d := openDirectory(t)
	d.load(t, "people.ldif")
	s := open(t, d.config("reader"))
	user := one(t, s, "ssha")
	d.add(t, "dn: ou=elsewhere,ou=people,@OU@\nobjectClass: referral\nobjectClass: extensibleObject\nou: elsewhere\nref: ldap://127.0.0.1:1/ou=people,dc=example,dc=com\n")
	_, err := s.Lookup(t.Context(), "ssha")
	cannotTell(t, "Lookup", err)
	if !errors.Is(err, legacy.ErrMapping) {
		t.Errorf("Lookup: %v", err)
	}
	_, err = s.List(t.Context(), "", 10)
	cannotTell(t, "List", err)
	cannotTell(t, "Verify", s.Verify(t.Context(), user, []byte(rightPassword)))
	below := d.config("reader")
	below.BaseDN = "ou=elsewhere," + below.BaseDN
	_, err = open(t, below).Lookup(t.Context(), "ssha")
	cannotTell(t, "Lookup below the referral", err)
	beside := d.config("reader")
	beside.OneLevel = true
	if _, err := open(t, beside).Lookup(t.Context(), "ssha"); err == nil {
		t.Error("one level of a base with a referral in it: no error")
	}
}

// TestPage does what the page for operators says, and tries what the account must not be able to do.
func TestPage(t *testing.T) {
	t.Parallel()
	d := openDirectory(t)
	d.load(t, "people.ldif")
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := func(name string) string {
		_, behind, ok := strings.Cut(string(page), "```ldif "+name+"\n")
		block, _, ended := strings.Cut(behind, "```")
		if !ok || !ended {
			t.Fatalf("the page has no block %q", name)
		}
		return strings.ReplaceAll(strings.ReplaceAll(block, "dc=example,dc=org", d.ou), "{SSHA}…", servicePassword)
	}
	d.add(t, block("account"))
	if err := d.modify(t.Context(), "cn=admin,cn=config", block("rights")); err != nil {
		t.Fatal(err)
	}
	c := d.config("rekey")
	s := open(t, c)
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
	u := one(t, s, "ssha")
	if u.Password == nil || u.Email != "ssha@example.org" || u.Profile.DisplayName == "" || len(u.Profile.Groups) != 1 || u.CreatedAt.IsZero() {
		t.Errorf("e-mail %q, %d groups, created %v, or something is missing", u.Email, len(u.Profile.Groups), u.CreatedAt)
	}
	if err := s.Verify(t.Context(), u, []byte(rightPassword)); err != nil {
		t.Errorf("Verify: %v", err)
	}
	if users, err := s.List(t.Context(), "", 100); err != nil || len(users) != 10 {
		t.Errorf("List: %d people, error %v", len(users), err)
	}

	as, err := ldap.DialURL(d.plain)
	if err != nil {
		t.Fatal(err)
	}
	defer as.Close()
	if err := as.Bind(c.BindDN, c.BindPassword); err != nil {
		t.Fatal(err)
	}
	change := ldap.NewModifyRequest("uid=ssha,"+d.people(), nil)
	change.Replace("displayName", []string{"x"})
	if err := as.Modify(change); !ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights) {
		t.Errorf("the account may write: %v", err)
	}
	other := ldap.NewSearchRequest(d.people(), ldap.ScopeWholeSubtree, 0, 0, 0, false, anyone, []string{"sn"}, nil)
	if found, err := as.Search(other); err != nil || found.Entries[0].GetAttributeValue("sn") != "" || len(found.Entries[2].Attributes) > 0 {
		t.Errorf("the account may read what it does not need: %v", err)
	}
}

// TestCheck tells a mistake of the configuration from an outage.
func TestCheck(t *testing.T) {
	t.Parallel()
	d := openDirectory(t)
	d.load(t, "people.ldif")
	tests := []struct {
		name, want string
		change     func(*Config)
	}{
		{"all is there", "", func(*Config) {}},
		{"by names", "", func(c *Config) { c.Attributes.ID = DN }},
		{"wrong password", "it refuses the source's own bind (LDAP result 49, Invalid Credentials)", func(c *Config) { c.BindPassword = "hunter2" }},
		{"no such base", "the base is not there, or the source may not see it (LDAP result 32)", func(c *Config) { c.BaseDN = "ou=persons," + d.ou }},
		{"another tree", "the base is not there, or the source may not see it (LDAP result 32)", func(c *Config) { c.BaseDN = "dc=example,dc=com" }},
		{"may not read", "the base is not there, or the source may not see it (LDAP result 32)", func(c *Config) { c.BindDN, c.BindPassword = "uid=clear,"+d.people(), rightPassword }},
		{"nobody fits", "nobody below the base fits the filter, or the source may see nobody", func(c *Config) { c.UserFilter = "(objectClass=device)" }},
		{"unknown attributes", "the directory knows no attribute of the name emial, shoeSize", func(c *Config) {
			c.Attributes.Email, c.Extra = []string{"emial"}, map[string]Kind{"shoeSize": Text}
		}},
		{"no key", "attribute employeeNumber: the key has 0 values", func(c *Config) { c.Attributes.ID = "employeeNumber" }},
		{"no name", "none has anything in title", func(c *Config) {
			c.Attributes.Username, c.Attributes.Email = []string{"title"}, []string{None}
		}},
		{"unreadable rule", "attribute uid: no integer", func(c *Config) { c.Disabled = []Rule{{Attribute: "uid", When: HasBits, Bits: 1}} }},
	}
	for _, tt := range tests {
		c := d.config("reader")
		tt.change(&c)
		err := open(t, c).Check(t.Context())
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if !errors.Is(err, legacy.ErrMapping) || !strings.HasSuffix(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	c := d.config("reader")
	c.URL = "ldap://127.0.0.1:1"
	s := open(t, c)
	if err := s.Check(t.Context()); err == nil || errors.Is(err, legacy.ErrMapping) {
		t.Errorf("a directory that is down: %v", err)
	}
	if err := s.Ping(t.Context()); err == nil {
		t.Error("Ping of a directory that is down: no error")
	}
	if err := open(t, d.config("reader")).Ping(t.Context()); err != nil {
		t.Errorf("Ping: %v", err)
	}
}

// TestNobodysBind reads without a name, which this directory shows nothing.
func TestNobodysBind(t *testing.T) {
	t.Parallel()
	d := openDirectory(t)
	d.load(t, "people.ldif")
	c := d.config("reader")
	c.BindDN, c.BindPassword = "", ""
	if err := open(t, c).Check(t.Context()); !errors.Is(err, legacy.ErrMapping) {
		t.Errorf("Check: %v", err)
	}
}

// TestActiveDirectory reads entries with the attributes of Active Directory.
func TestActiveDirectory(t *testing.T) {
	t.Parallel()
	d := openDirectory(t)
	d.load(t, "activedirectory.ldif")
	c := d.config("reader")
	c.Preset = "activedirectory"
	s := open(t, c)
	u := one(t, s, "aberg")
	if u.ID != "5a73cfcf-8bfb-4126-89aa-2c2c218589e5" || u.Username != "aberg" || u.Email != "anna@example.org" || u.Disabled {
		t.Errorf("key %s, username %q, e-mail %q, disabled %v", u.ID, u.Username, u.Email, u.Disabled)
	}
	if want := time.Date(2011, 3, 4, 5, 6, 7, 0, time.UTC); !u.CreatedAt.Equal(want) {
		t.Errorf("created at %v, want %v", u.CreatedAt, want)
	}
	if want := time.Date(2024, 2, 29, 23, 59, 59, 0, time.UTC); !u.LastLoginAt.Equal(want) {
		t.Errorf("last login at %v, want %v", u.LastLoginAt, want)
	}
	if got, err := s.Get(t.Context(), u.ID); err != nil || got.Username != "aberg" {
		t.Errorf("Get: %q, error %v", got.Username, err)
	}
	if err := s.Verify(t.Context(), u, []byte(rightPassword)); err != nil {
		t.Errorf("Verify: %v", err)
	}
	for _, name := range []string{"disabled", "expired", "locked"} {
		if !one(t, s, name).Disabled {
			t.Errorf("%s is not disabled", name)
		}
	}
	_, err := s.Lookup(t.Context(), "unreadable")
	cannotTell(t, "somebody of whom it cannot be told whether they are disabled", err)
	row, ok := errors.AsType[*legacy.RowError](err)
	if !ok || row.Column != "userAccountControl" || row.Key != "33323130-3534-3736-3839-3a3b3c3d3e3f" {
		t.Errorf("%v", err)
	}
	users, err := s.List(t.Context(), "", 10)
	var names []string
	for _, u := range users {
		names = append(names, u.Username)
	}
	if diff := cmp.Diff([]string{"disabled", "expired", "locked", "aberg"}, names); diff != "" || err == nil {
		t.Errorf("List: error %v (-want +got):\n%s", err, diff)
	}
}
