package ldapsource

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"rekey/legacy"
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

// TestEmptyPassword counts in OpenLDAP's own log. OpenLDAP itself may be told to take such a bind ("allow bind_anon_cred"), and

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

// TestNames takes the entries' own names for keys: exactly, below the base, and only of people.
func TestNames(t *testing.T) {
	t.Parallel()
	d := openDirectory(t)
	d.load(t, "people.ldif")
	c := d.config("reader")
	c.Attributes.ID = DN
	s := open(t, c)
	u := one(t, s, `o,b(r)i*en\`)
	if got, err := s.Get(t.Context(), u.ID); err != nil || got.Username != u.Username {
		t.Errorf("Get(%q): %q, error %v", u.ID, got.Username, err)
	}
	if err := s.Verify(t.Context(), u, []byte(rightPassword)); err != nil {
		t.Errorf("Verify: %v", err)
	}
	for _, name := range []string{
		"UID=ssha," + d.people(), "uid=ssha, " + d.people(), d.people(), d.ou, "cn=staff," + d.people(), "cn=reader," + d.ou,
		"uid=ssha", "uid=ssha,ou=more," + d.people(), "uid=ssha," + d.people() + ",dc=com", "",
	} {
		if u, err := s.Get(t.Context(), name); !errors.Is(err, legacy.ErrNoUser) {
			t.Errorf("Get(%q): %q, error %v", name, u.Username, err)
		}
	}
	d.entry(t, "ou=more,"+d.people(), map[string][]string{"objectClass": {"organizationalUnit"}})
	below := "uid=below,ou=more," + d.people()
	d.entry(t, below, map[string][]string{"objectClass": {"inetOrgPerson"}, "uid": {"below"}, "cn": {"x"}, "sn": {"x"}})
	if _, err := s.Get(t.Context(), below); err != nil {
		t.Errorf("Get of somebody further down: %v", err)
	}
	c.OneLevel = true
	if _, err := open(t, c).Get(t.Context(), below); !errors.Is(err, legacy.ErrNoUser) {
		t.Errorf("Get of somebody further down, where one level is meant: %v", err)
	}
	c.OneLevel, c.BindDN, c.BindPassword = false, "uid=clear,"+d.people(), rightPassword // who sees nothing
	_, err := open(t, c).Get(t.Context(), u.ID)
	cannotTell(t, "Get without the right to see anybody", err)
}
