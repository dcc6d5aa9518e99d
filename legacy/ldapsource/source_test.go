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
	"github.com/google/uuid"

	"rekey/legacy"
	"rekey/legacy/hash"
	"rekey/legacy/legacytest"
)

// TestContract runs the suite over OpenLDAP: with and without the right to read hashes, by LDAPS and by StartTLS.
func TestContract(t *testing.T) {
	t.Parallel()
	for _, account := range []string{"hashes", "reader"} {
		t.Run(account, func(t *testing.T) {
			t.Parallel()
			legacytest.Run(t, legacytest.Harness{
				New: func(t *testing.T, people []legacy.User) legacy.Source {
					d := openDirectory(t)
					d.fill(t, people)
					c := d.suiteConfig(account)
					c.CAFile = d.ca
					if c.StartTLS = account == "reader"; !c.StartTLS {
						c.URL = d.secure
					}
					return open(t, c)
				},
				Down: func(t *testing.T) legacy.Source {
					c := new(directory).suiteConfig(account)
					c.URL, c.BindPassword, c.BaseDN, c.Timeout = "ldap://"+deaf(t), "hunter2", "dc=example,dc=org", 100*time.Millisecond
					return open(t, c)
				},
				Secrets: []string{"hunter2"},
				Order:   strings.Compare,
			})
		})
	}
}

// TestSchemes shows each kind of userPassword from both sides: who may read it gets what verifies the password, and who may
// not has the directory verify it.
func TestSchemes(t *testing.T) {
	t.Parallel()
	d := openDirectory(t)
	d.load(t, "people.ldif")
	hashes, reader := open(t, d.config("hashes")), open(t, d.config("reader"))
	registry := hash.New(hash.Config{})
	for uid, scheme := range map[string]string{
		"ssha": "ldap", "smd5": "ldap", "md5": "ldap", "ssha512": "ldap", "crypt": "ldap", "argon2": "ldap", "clear": "plaintext",
	} {
		stored := one(t, hashes, uid).Password
		if stored == nil || stored.Scheme != scheme || stored.User != uid {
			t.Errorf("%s: what is stored is of another scheme or user, or is not there", uid)
			continue
		}
		h, err := registry.Open(*stored)
		if err != nil || !h.Verify([]byte(rightPassword)) || h.Verify([]byte("wrong horse")) {
			t.Errorf("%s: what is stored does not verify the password: %v", uid, err)
		}
		user := one(t, reader, uid)
		if user.Password != nil {
			t.Errorf("%s: the password is shown to an account without the right", uid)
		}
		if err := reader.Verify(t.Context(), user, []byte(rightPassword)); err != nil {
			t.Errorf("%s: the right password: %v", uid, err)
		}
		if err := reader.Verify(t.Context(), user, []byte("wrong horse")); !errors.Is(err, legacy.ErrWrongPassword) {
			t.Errorf("%s: a wrong password: %v", uid, err)
		}
	}
	if err := reader.Verify(t.Context(), one(t, reader, "nobody"), []byte(rightPassword)); !errors.Is(err, legacy.ErrWrongPassword) {
		t.Errorf("somebody without a password: %v", err)
	}
}

// TestEmptyPassword counts in OpenLDAP's own log. OpenLDAP itself may be told to take such a bind ("allow bind_anon_cred"), and
// then lets anybody in.
func TestEmptyPassword(t *testing.T) {
	t.Parallel()
	d := openDirectory(t)
	d.load(t, "people.ldif")
	s := open(t, d.config("reader"))
	user, dn := one(t, s, "ssha"), "uid=ssha,"+d.people()
	for _, empty := range [][]byte{nil, {}} {
		if err := s.Verify(t.Context(), user, empty); !errors.Is(err, legacy.ErrWrongPassword) {
			t.Errorf("an empty password: %v", err)
		}
	}
	if n := d.binds(t, dn); n != 0 {
		t.Errorf("%d binds for an empty password", n)
	}
	for n, password := range []string{rightPassword, "wrong", "\x00", " "} {
		if err := s.Verify(t.Context(), user, []byte(password)); (err == nil) != (password == rightPassword) {
			t.Errorf("password %d: %v", n, err)
		}
		if got := d.binds(t, dn); got != n+1 {
			t.Errorf("password %d: %d binds in the log, want %d", n, got, n+1)
		}
	}
	// With a name, but nothing read of the directory: no question is asked at all.
	down := d.config("reader")
	down.URL = "ldap://127.0.0.1:1"
	if err := open(t, down).Verify(t.Context(), user, nil); !errors.Is(err, legacy.ErrWrongPassword) {
		t.Errorf("an empty password while the directory is down: %v", err)
	}
}

// TestInjection asks for filters, names and wildcards as if they were people.
func TestInjection(t *testing.T) {
	t.Parallel()
	d := openDirectory(t)
	d.load(t, "people.ldif")
	s := open(t, d.config("hashes"))
	for _, spelling := range []string{
		"*", "s*", "*)(uid=*", "ssha)(uid=*", "ssha)(|(uid=*", "*)(objectClass=*))(|(uid=*", `\2a`, `ss\68a`, "ssha\x00", "(uid=ssha)",
		"ssha,ou=people", "uid=ssha", "&", "|", "!(uid=x)", ")", "(", `\`, "ssha*", "\uff0a",
	} {
		users, err := s.Lookup(t.Context(), spelling)
		if err != nil || len(users) != 0 {
			t.Errorf("Lookup(%q): %d people, error %v", spelling, len(users), err)
		}
		if _, err := s.Get(t.Context(), spelling); !errors.Is(err, legacy.ErrNoUser) {
			t.Errorf("Get(%q): %v", spelling, err)
		}
		if err := s.Verify(t.Context(), legacy.User{ID: spelling, Username: "ssha"}, []byte(rightPassword)); !errors.Is(err, legacy.ErrNoUser) {
			t.Errorf("Verify(%q): %v", spelling, err)
		}
		if err := s.Verify(t.Context(), one(t, s, "ssha"), []byte(spelling)); !errors.Is(err, legacy.ErrWrongPassword) {
			t.Errorf("Verify with the password %q: %v", spelling, err)
		}
	}
	// A name that needs escaping is found, under the spelling of the entry's own name, and bound as.
	for _, spelling := range []string{`o,b(r)i*en\`, "alias"} {
		u := one(t, s, spelling)
		if u.Username != `o,b(r)i*en\` {
			t.Errorf("Lookup(%q): username %q", spelling, u.Username)
		}
		if err := s.Verify(t.Context(), u, []byte(rightPassword)); err != nil {
			t.Errorf("Verify(%q): %v", spelling, err)
		}
	}
}

// TestPerson reads what moves beside a password.
func TestPerson(t *testing.T) {
	t.Parallel()
	d := openDirectory(t)
	d.load(t, "people.ldif")
	c := d.config("reader")
	c.Extra = map[string]Kind{"sn": Text, "objectClass": List, "hasSubordinates": Boolean, "modifyTimestamp": Time, "title": Text}
	s := open(t, c)
	u := one(t, s, "SSHA@Example.org")
	if _, err := uuid.Parse(u.ID); err != nil || u.Username != "ssha" || u.Email != "ssha@example.org" || u.Phone != "" {
		t.Errorf("key %q, username %q, e-mail %q, phone %q", u.ID, u.Username, u.Email, u.Phone)
	}
	if age := time.Since(u.CreatedAt); age < -time.Minute || age > time.Hour || !u.LastLoginAt.IsZero() || u.Disabled {
		t.Errorf("created %v, last login %v, disabled %v", u.CreatedAt, u.LastLoginAt, u.Disabled)
	}
	want := legacy.Profile{DisplayName: "Sasha S.", Locale: "pt-BR", Groups: []string{"cn=staff," + d.people()}}
	if diff := cmp.Diff(fmt.Sprintf("%#v", plainProfile(want)), fmt.Sprintf("%#v", plainProfile(u.Profile))); diff != "" {
		t.Errorf("the profile (-want +got):\n%s", diff)
	}
	if changed, ok := u.Extra["modifyTimestamp"].(time.Time); !ok || changed.IsZero() {
		t.Errorf("modifyTimestamp is %v", u.Extra["modifyTimestamp"])
	}
	delete(u.Extra, "modifyTimestamp")
	if diff := cmp.Diff(map[string]any{"sn": "S.", "objectClass": []string{"inetOrgPerson"}, "hasSubordinates": false}, u.Extra); diff != "" {
		t.Errorf("what else was read (-want +got):\n%s", diff)
	}
	if err := s.Verify(t.Context(), u, []byte(rightPassword)); err != nil {
		t.Fatal(err)
	}
	if again := one(t, s, "ssha"); time.Since(again.LastLoginAt).Abs() > time.Hour {
		t.Errorf("last login at %v, though it was now", again.LastLoginAt)
	}
}

// plainProfile drops the methods that hide it.
func plainProfile(p legacy.Profile) any {
	type profile legacy.Profile
	return profile(p)
}

// TestGoneAndRenamed changes the directory between a Lookup and what follows it.
func TestGoneAndRenamed(t *testing.T) {
	t.Parallel()
	d := openDirectory(t)
	d.load(t, "people.ldif")
	s := open(t, d.config("reader"))
	gone, renamed := one(t, s, "clear"), one(t, s, "md5")
	d.remove(t, "uid=clear,"+d.people())
	d.add(t, "dn: uid=md5,"+d.people()+"\nchangetype: modrdn\nnewrdn: uid=clear\ndeleteoldrdn: 1\n")
	if err := s.Verify(t.Context(), gone, []byte(rightPassword)); !errors.Is(err, legacy.ErrNoUser) {
		t.Errorf("who has gone, while somebody else has their name: %v", err)
	}
	if _, err := s.Get(t.Context(), gone.ID); !errors.Is(err, legacy.ErrNoUser) {
		t.Errorf("Get of who has gone: %v", err)
	}
	if err := s.Verify(t.Context(), renamed, []byte(rightPassword)); err != nil {
		t.Errorf("who was renamed: %v", err)
	}
	if u, err := s.Get(t.Context(), renamed.ID); err != nil || u.Username != "clear" {
		t.Errorf("Get of who was renamed: %q, error %v", u.Username, err)
	}
	if _, err := s.Get(t.Context(), strings.ToUpper(renamed.ID)); !errors.Is(err, legacy.ErrNoUser) {
		t.Errorf("Get of a key in another spelling: %v", err)
	}
}

// TestOwnNameStays shows that trying passwords leaves the connections that read as they are: nobody else may read anything.
func TestOwnNameStays(t *testing.T) {
	t.Parallel()
	d := openDirectory(t)
	d.load(t, "people.ldif")
	c := d.config("reader")
	c.MaxConns = 1
	s := open(t, c)
	user := one(t, s, "ssha")
	for range 5 {
		if err := s.Verify(t.Context(), user, []byte(rightPassword)); err != nil {
			t.Fatal(err)
		}
		if one(t, s, "ssha").ID != user.ID {
			t.Fatal("somebody else")
		}
	}
	if n := d.binds(t, c.BindDN); n != 1 {
		t.Errorf("the source has bound %d times, for one connection", n)
	}
}

// TestLocked reads when somebody is locked out, or has no account yet or any more.
func TestLocked(t *testing.T) {
	t.Parallel()
	d := openDirectory(t)
	d.load(t, "people.ldif")
	since := "20260101120000Z"
	d.add(t, "dn: uid=ssha,ou=people,@OU@\nchangetype: modify\nadd: pwdAccountLockedTime\npwdAccountLockedTime: "+since+"\n")
	d.add(t, "dn: uid=md5,ou=people,@OU@\nchangetype: modify\nadd: pwdEndTime\npwdEndTime: "+since+"\n")
	d.add(t, "dn: uid=smd5,ou=people,@OU@\nchangetype: modify\nadd: pwdStartTime\npwdStartTime: "+since+"\n")
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		uid        string
		at         time.Time
		lockoutFor time.Duration
		want       bool
	}{
		{"locked", noon, time.Minute, true}, // for good
		{"ssha", noon.Add(59 * time.Second), time.Minute, true},
		{"ssha", noon.Add(time.Minute), time.Minute, false},
		{"ssha", noon.Add(1000 * time.Hour), 0, true},
		{"md5", noon.Add(-time.Second), 0, false},
		{"md5", noon, 0, true},
		{"smd5", noon.Add(-time.Second), 0, true},
		{"smd5", noon, 0, false},
		{"clear", noon, 0, false},
	}
	for _, tt := range tests {
		c := d.config("reader")
		c.LockoutFor, c.Now = tt.lockoutFor, func() time.Time { return tt.at }
		if got := one(t, open(t, c), tt.uid).Disabled; got != tt.want {
			t.Errorf("%s at %v, locked out for %v: disabled %v", tt.uid, tt.at, tt.lockoutFor, got)
		}
	}
}

// TestLockOut has a directory lock somebody out by its own policy.
func TestLockOut(t *testing.T) {
	t.Parallel()
	d := openDirectory(t)
	d.load(t, "people.ldif")
	d.add(t, `dn: cn=policy,@OU@
objectClass: device
objectClass: pwdPolicy
cn: policy
pwdAttribute: userPassword
pwdLockout: TRUE
pwdMaxFailure: 3
pwdLockoutDuration: 0

dn: uid=ssha,ou=people,@OU@
changetype: modify
add: pwdPolicySubentry
pwdPolicySubentry: cn=policy,@OU@
`)
	s := open(t, d.config("reader"))
	user := one(t, s, "ssha")
	for _, step := range []struct {
		password string
		want     error
		disabled bool
	}{
		{rightPassword, nil, false},
		{"", legacy.ErrWrongPassword, false},
		{"", legacy.ErrWrongPassword, false},
		{"", legacy.ErrWrongPassword, false}, // which the policy never hears of
		{"wrong", legacy.ErrWrongPassword, false},
		{"wrong", legacy.ErrWrongPassword, false},
		{"wrong", legacy.ErrWrongPassword, true},
		{rightPassword, legacy.ErrWrongPassword, true},
	} {
		if err := s.Verify(t.Context(), user, []byte(step.password)); !errors.Is(err, step.want) {
			t.Errorf("%q: %v, want %v", step.password, err, step.want)
		}
		if got := one(t, s, "ssha").Disabled; got != step.disabled {
			t.Errorf("after %q: disabled %v", step.password, got)
		}
	}
}

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
