package ldapsource

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"rekey/legacy"
)

// plainConfig is a source over a directory that is never asked.
func plainConfig() Config {
	return Config{Name: "staff", URL: "ldap://127.0.0.1", BaseDN: "dc=example,dc=org", Preset: "openldap"}
}

// TestOpen lists what is refused, and what is said.
func TestOpen(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	large := filepath.Join(t.TempDir(), "large.pem")
	if err := os.WriteFile(large, make([]byte, maxCAFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		want   string // how the error ends; empty: none
		change func(*Config)
	}{
		{"", func(*Config) {}},
		{"", func(c *Config) { c.URL = "ldaps://directory.example.org:1636/" }},
		{"", func(c *Config) { c.URL, c.StartTLS = "ldap://directory.example.org", true }},
		{"", func(c *Config) { c.URL, c.AllowPlaintext = "ldap://directory.example.org", true }},
		{"", func(c *Config) { c.URL = "ldap://[::1]:1389" }},
		{"", func(c *Config) { c.URL = "ldap://LocalHost" }},
		{"passwords would cross the network in the clear: use ldaps:// or start_tls", func(c *Config) { c.URL = "ldap://directory.example.org" }},
		{"passwords would cross the network in the clear: use ldaps:// or start_tls", func(c *Config) { c.URL = "ldap://10.0.0.1" }},
		{"passwords would cross the network in the clear: use ldaps:// or start_tls", func(c *Config) { c.URL = "ldap://localhost.example.org" }},
		{"passwords would cross the network in the clear: use ldaps:// or start_tls", func(c *Config) { c.URL = "ldap://0.0.0.0" }},
		{"url: want ldap:// or ldaps://", func(c *Config) { c.URL = "" }},
		{"url: want ldap:// or ldaps://", func(c *Config) { c.URL = "ldapi:///run/slapd" }},
		{"url: not a URL", func(c *Config) { c.URL = "ldap://u:hunter2@h:port" }},
		{"is not said in the URL", func(c *Config) { c.URL = "ldap://cn=reader:hunter2@localhost" }},
		{"and nothing else", func(c *Config) { c.URL = "ldap://localhost/dc=example,dc=org" }},
		{"and nothing else", func(c *Config) { c.URL = "ldap://localhost?x" }},
		{"and nothing else", func(c *Config) { c.URL = "ldap://:389" }},
		{"StartTLS cannot be asked for besides", func(c *Config) { c.URL, c.StartTLS = "ldaps://localhost", true }},
		{"neither ldaps:// nor start_tls is asked for", func(c *Config) { c.InsecureSkipVerify = true }},
		{"neither ldaps:// nor start_tls is asked for", func(c *Config) { c.CAFile = empty }},
		{"no such file or directory", func(c *Config) { c.URL, c.CAFile = "ldaps://localhost", empty+".not" }},
		{"no certificate in " + empty, func(c *Config) { c.URL, c.CAFile = "ldaps://localhost", empty }},
		{"has more than 4194304 bytes", func(c *Config) { c.URL, c.CAFile = "ldaps://localhost", large }},
		{"a name without a password is no bind; leave out both to read as nobody", func(c *Config) { c.BindDN = "cn=reader" }},
		{"bind_password: there is no bind_dn whose it is", func(c *Config) { c.BindPassword = "hunter2" }},
		{"want a name such as ou=people,dc=example,dc=org", func(c *Config) { c.BaseDN = "" }},
		{"want a name such as ou=people,dc=example,dc=org", func(c *Config) { c.BaseDN = "example.org" }},
		{"want one filter in parentheses, such as (objectClass=person)", func(c *Config) { c.UserFilter = "objectClass=person" }},
		{"want one filter in parentheses, such as (objectClass=person)", func(c *Config) { c.UserFilter = "(a=b)(c=d)" }},
		{"want one filter in parentheses, such as (objectClass=person)", func(c *Config) { c.UserFilter = "(a=b))(|(c=d)" }},
		{"want one filter in parentheses, such as (objectClass=person)", func(c *Config) { c.Preset, c.Attributes.ID = "", "uid" }},
		{"preset: want one of activedirectory, openldap", func(c *Config) { c.Preset = "novell" }},
		{"attributes.id: a name is missing", func(c *Config) { c.Attributes.ID = None }},
		{"at least one of username, email and phone is needed", func(c *Config) {
			c.Attributes.Username, c.Attributes.Email = []string{None}, []string{None}
		}},
		{"there is no password that it belongs to", func(c *Config) { c.Attributes.Password, c.Attributes.Salt = None, "salt" }},
		{`attributes.username: "uid=*)(x": a name has a letter, then letters, digits and hyphens`, func(c *Config) { c.Attributes.Username = []string{"uid=*)(x"} }},
		{`attributes.username: "": a name has a letter, then letters, digits and hyphens`, func(c *Config) { c.Attributes.Username = []string{""} }},
		{`disabled[0].attribute: "": a name has a letter, then letters, digits and hyphens`, func(c *Config) { c.Disabled = []Rule{{When: Present}} }},
		{`extra.cn;lang-de: "cn;lang-de": a name has a letter, then letters, digits and hyphens`, func(c *Config) { c.Extra = map[string]Kind{"cn;lang-de": Text} }},
		{`extra.cn: there is no kind "string"`, func(c *Config) { c.Extra = map[string]Kind{"cn": "string"} }},
		{`disabled[0].when: there is no test "absent"`, func(c *Config) { c.Disabled = []Rule{{Attribute: "x", When: "absent"}} }},
		{"bits needs bits, and no other has any", func(c *Config) { c.Disabled = []Rule{{Attribute: "x", When: HasBits}} }},
		{"bits needs bits, and no other has any", func(c *Config) { c.Disabled = []Rule{{Attribute: "x", When: Is}} }},
		{"bits needs bits, and no other has any", func(c *Config) { c.Disabled = []Rule{{Attribute: "x", When: Past, Values: []string{"x"}}} }},
		{"bits needs bits, and no other has any", func(c *Config) { c.Disabled = []Rule{{Attribute: "x", When: Present, Bits: 2}} }},
		{"max_conns: want 1 to 1000", func(c *Config) { c.MaxConns = -1 }},
		{"max_conns: want 1 to 1000", func(c *Config) { c.MaxConns = 1001 }},
		{"lockout_for: is negative", func(c *Config) { c.LockoutFor = -1 }},
		{"a timeout or a number is negative", func(c *Config) { c.Timeout = -1 }},
	}
	for i, tt := range tests {
		c := plainConfig()
		tt.change(&c)
		s, err := Open(c)
		switch {
		case tt.want == "":
			if err != nil {
				t.Errorf("%d: %v", i, err)
				continue
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		case err == nil || !strings.HasPrefix(err.Error(), "legacy source staff: ") || !strings.Contains(err.Error(), tt.want):
			t.Errorf("%d: %v, want …%s", i, err, tt.want)
		case strings.Contains(err.Error(), "hunter2"):
			t.Errorf("%d: a password is told: %v", i, err)
		}
	}
}

// TestPreset shows that a configuration goes before a preset, and that the caller's own is left as it is.
func TestPreset(t *testing.T) {
	t.Parallel()
	c := plainConfig()
	phones := []string{"mobile", None, "homePhone"}
	c.Attributes = Attributes{Email: []string{"rfc822Mailbox"}, Phone: phones, Password: None, Locale: None}
	s := open(t, c)
	want := Attributes{
		ID: "entryUUID", Username: []string{"uid"}, Email: []string{"rfc822Mailbox"}, Phone: []string{"mobile", "homePhone"},
		CreatedAt: "createTimestamp", LastLoginAt: "pwdLastSuccess", DisplayName: "displayName", Groups: "memberOf",
	}
	if diff := cmp.Diff(want, s.config.Attributes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !slices.Equal(phones, []string{"mobile", None, "homePhone"}) {
		t.Errorf("the caller's list is now %q", phones)
	}
	if !slices.Equal(s.named, []string{"rfc822Mailbox", "mobile", "homePhone"}) {
		t.Errorf("named by the configuration itself: %q", s.named)
	}
	if filter := s.lookupFilter([]string{"a*", "", "a*"}); filter != `(|(uid=a\2a)(rfc822Mailbox=a\2a)(mobile=a\2a)(homePhone=a\2a))` {
		t.Errorf("filter %s", filter)
	}
	if filter := s.lookupFilter([]string{"anna", "ANNA", "Anna", "aňna"}); strings.Count(filter, "(uid=") != 2 {
		t.Errorf("what a directory takes for one is asked for again: %s", filter)
	}
	if filter := s.lookupFilter([]string{strings.Repeat("a", maxIdentifier+1), "a\x00", "\xff"}); filter != "" {
		t.Errorf("filter %.100s", filter)
	}
}

// TestTimeOf reads the times that directories keep.
func TestTimeOf(t *testing.T) {
	t.Parallel()
	day := time.Date(2024, 2, 29, 23, 59, 59, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"20240229235959Z":      day,
		"20240229235959.0Z":    day,
		"20240229235959.250Z":  day.Add(250 * time.Millisecond),
		"20240229235959,5Z":    day.Add(500 * time.Millisecond),
		"20240301005959+0100":  day,
		"20240301005959+01":    day,
		"202402292359Z":        day.Truncate(time.Minute),
		"2024022923Z":          day.Truncate(time.Hour),
		"133537247990000000":   day, // Active Directory: date -u -d @$((133537247990000000/10000000-11644473600))
		"1709251199":           day,
		"1709251199000":        day,
		"1709251199000000":     day,
		"19782":                day.Truncate(24 * time.Hour), // shadow(5)
		"2024-02-29T23:59:59Z": day,
		"2024-02-29":           day.Truncate(24 * time.Hour),
		"0":                    {},
		"-1":                   {},
		"9223372036854775807":  {},
		"16010101000000.0Z":    {}, // Active Directory's way to say that it never was
		"000001010000Z":        {},
	} {
		if got, ok := timeOf(text); !ok || !got.Equal(want) {
			t.Errorf("timeOf(%q) = %v, %v; want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", "soon", "20240229235959", "20240230000000Z", "20240229235959Z ", "9223372036854775808", strings.Repeat("1", 100), "\x00",
	} {
		if got, ok := timeOf(text); ok {
			t.Errorf("timeOf(%q) = %v", text, got)
		}
	}
}

// TestRules holds each test of an attribute against values.
func TestRules(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	const at, before, after, never = "20260101120000Z", "20260101115959Z", "20260101120001Z", "0"
	tests := []struct {
		rule   Rule
		values []string
		want   bool
		reason string
	}{
		{Rule{When: Present}, nil, false, ""},
		{Rule{When: Present}, []string{""}, true, ""},
		{Rule{When: Is, Values: []string{"TRUE", "yes"}}, []string{"true"}, true, ""},
		{Rule{When: Is, Values: []string{"TRUE", "yes"}}, []string{"x", "YES"}, true, ""},
		{Rule{When: Is, Values: []string{"TRUE"}}, []string{"FALSE"}, false, ""},
		{Rule{When: Is, Values: []string{"TRUE"}}, nil, false, ""},
		{Rule{When: IsNot, Values: []string{"active"}}, []string{"Active"}, false, ""},
		{Rule{When: IsNot, Values: []string{"active"}}, []string{"retired"}, true, ""},
		{Rule{When: IsNot, Values: []string{"active"}}, nil, true, ""},
		{Rule{When: HasBits, Bits: 2}, []string{"514"}, true, ""},
		{Rule{When: HasBits, Bits: 2}, []string{"512"}, false, ""},
		{Rule{When: HasBits, Bits: 2}, []string{"-2147483646"}, true, ""},
		{Rule{When: HasBits, Bits: 2}, nil, false, "there is not one value"},
		{Rule{When: HasBits, Bits: 2}, []string{"512", "514"}, false, "there is not one value"},
		{Rule{When: HasBits, Bits: 2}, []string{"0x202"}, false, "no integer"},
		{Rule{When: Past}, []string{before}, true, ""},
		{Rule{When: Past}, []string{at}, true, ""},
		{Rule{When: Past}, []string{after}, false, ""},
		{Rule{When: Past}, []string{after, before}, true, ""},
		{Rule{When: Past}, []string{never}, false, ""},
		{Rule{When: Past}, nil, false, ""},
		{Rule{When: Past}, []string{"soon"}, false, "no time"},
		{Rule{When: Future}, []string{before}, false, ""},
		{Rule{When: Future}, []string{at}, false, ""},
		{Rule{When: Future}, []string{after}, true, ""},
		{Rule{When: LockedOut}, []string{"20260101110001Z"}, true, ""},
		{Rule{When: LockedOut}, []string{"20260101110000Z"}, false, ""},
		{Rule{When: LockedOut}, []string{lockedForGood}, true, ""},
		{Rule{When: LockedOut}, nil, false, ""},
		{Rule{When: LockedOut}, []string{""}, false, "no time"},
	}
	for _, tt := range tests {
		got, reason := tt.rule.holds(tt.values, noon, time.Hour)
		if got != tt.want || reason != tt.reason {
			t.Errorf("%s %v%v over %q: %v %q, want %v %q", tt.rule.When, tt.rule.Values, tt.rule.Bits, tt.values, got, reason, tt.want, tt.reason)
		}
	}
}

// TestKeys writes keys both ways. The GUID is that of IDispatch, whose bytes are in every table of them.
func TestKeys(t *testing.T) {
	t.Parallel()
	const guid, bytes = "00020400-0000-0000-c000-000000000046", "\x00\x04\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46"
	if got, ok := keyGUID.text(bytes); !ok || got != guid {
		t.Errorf("text of a GUID: %q, %v", got, ok)
	}
	if got, ok := keyGUID.value(guid); !ok || got != bytes {
		t.Errorf("bytes of a GUID: %q, %v", got, ok)
	}
	for kind, wrong := range map[keyKind][]string{
		keyUUID: {"", annaKey + " ", "{" + annaKey + "}", strings.ToUpper(annaKey), strings.ReplaceAll(annaKey, "-", ""), "urn:uuid:" + annaKey, "1"},
		keyGUID: {"", bytes, strings.ToUpper(annaKey), "1"},
		keyText: {"", "a\x00", "\xff", strings.Repeat("a", maxKey+1)},
		keyDN:   {"", "a\x00", "\xff", strings.Repeat("a", maxKey+1)},
	} {
		for _, key := range wrong {
			if got, ok := kind.value(key); ok {
				t.Errorf("kind %d takes %q for a key: %q", kind, key, got)
			}
		}
	}
	if got, ok := keyUUID.text(strings.ToUpper(annaKey)); !ok || got != annaKey {
		t.Errorf("text of a UUID in capitals: %q, %v", got, ok)
	}
	for name, want := range map[string]keyKind{"ENTRYUUID": keyUUID, "ipaUniqueID": keyUUID, "objectGuid": keyGUID, "dn": keyDN, "uid": keyText} {
		if got := keyKindOf(name); got != want {
			t.Errorf("%s is of kind %d, want %d", name, got, want)
		}
	}
}

// TestEntry makes people of entries that are odd.
func TestEntry(t *testing.T) {
	t.Parallel()
	c := plainConfig()
	c.Extra = map[string]Kind{"n": Integer, "b": Boolean, "t": Time, "list": List, "text": Text}
	s := open(t, c)
	entry := func(attributes map[string][]string) *ldap.Entry {
		e := &ldap.Entry{DN: annaDN, Attributes: []*ldap.EntryAttribute{ldap.NewEntryAttribute("ENTRYuuid", []string{annaKey})}}
		for name, values := range attributes {
			e.Attributes = append(e.Attributes, ldap.NewEntryAttribute(name, values))
		}
		return e
	}
	u, bad := s.user(entry(map[string][]string{
		"uid": {"other", "ANNA"}, "mail": {"a@example.org", "b@example.org"}, "preferredLanguage": {" de-AT;q=1 , en"}, "title": make([]string, maxValues+1), "title;range=0-1": {"not asked for"},
		"createTimestamp": {"soon"}, "n": {"-7"}, "b": {"true"}, "t": {"20240229235959Z"}, "list": {"1", "2"}, "text": {"1", "2"},
	}))
	if bad != nil || u.Username != "ANNA" || u.Email != "a@example.org" || u.Profile.Locale != "de-AT" || !u.CreatedAt.IsZero() || u.Password != nil {
		t.Errorf("%v; username %q, e-mail %q, locale %q, created %v", bad, u.Username, u.Email, u.Profile.Locale, u.CreatedAt)
	}
	want := map[string]any{
		"n": int64(-7), "b": true, "t": time.Date(2024, 2, 29, 23, 59, 59, 0, time.UTC), "list": []string{"1", "2"}, "text": "1",
	}
	if diff := cmp.Diff(want, u.Extra); diff != "" {
		t.Errorf("what else was read (-want +got):\n%s", diff)
	}
	u, bad = s.user(entry(map[string][]string{
		"n": {"x"}, "b": {"1"}, "t": {"soon"}, "uid": {strings.Repeat("u", 5000)}, "userPassword": {strings.Repeat("p", 50_000)},
		"memberOf": {strings.Repeat("g", 50_000)}, "displayName": {strings.Repeat("d", 50_000)}, "preferredLanguage": {"*"},
	}))
	if bad != nil || len(u.Extra) > 0 || len(u.Username) != maxIdentifier+1 || len(u.Password.Hash) != maxHash+1 ||
		len(u.Profile.Groups[0]) != maxText+1 || len(u.Profile.DisplayName) != maxText+1 || u.Profile.Locale != "" {
		t.Errorf("%v; long values are not cut, or what is not of its kind is kept: %d", bad, len(u.Extra))
	}
	for name, attributes := range map[string]map[string][]string{
		"column memberof cannot be read: more values than are sent at once": {"memberOf;range=0-1499": {"x"}},
		"column memberof cannot be read: more than 2000 values":             {"memberOf": make([]string, maxValues+1)},
		"column pwdAccountLockedTime cannot be read: no time":               {"pwdAccountLockedTime": {"hunter2"}},
	} {
		if _, bad := s.user(entry(attributes)); bad == nil || bad.Key != annaKey || !strings.HasSuffix(bad.Error(), name) {
			t.Errorf("%v, want …%s", bad, name)
		}
	}
}

// TestStored says of which values the hash decides, and of which a bind has to.
func TestStored(t *testing.T) {
	t.Parallel()
	ssha := "{SSHA}+S++kg2y+PFJfQcDBA7G3uPrRBN3cbkG"
	tests := []struct {
		attribute, scheme string
		values            []string
		want              string // the scheme; empty: a bind decides
	}{
		{"userPassword", "", nil, ""},
		{"userPassword", "", []string{ssha}, "ldap"},
		{"USERPASSWORD", "auto", []string{strings.Replace(ssha, "SSHA", "ssha", 1)}, "ldap"},
		{"userPassword", "", []string{ssha, "other"}, ""},
		{"userPassword", "", []string{"{SASL}anna@EXAMPLE.ORG"}, ""},
		{"userPassword", "bcrypt", []string{"{sasl}anna@EXAMPLE.ORG"}, ""},
		{"userPassword", "", []string{"{OWN-SCHEME}x"}, ""},
		{"userPassword", "", []string{"{SSHA}too short"}, ""},
		{"userPassword", "", []string{"{CRYPT}!$6$x$y"}, ""},
		{"userPassword", "", []string{"correct horse"}, "plaintext"},
		{"userPassword", "", []string{"cor}rect{ horse"}, "plaintext"},
		{"userPassword", "", []string{"$2y$10$looks like a hash"}, "plaintext"},
		{"userPassword", "bcrypt", []string{"$2y$10$x"}, "bcrypt"},
		{"appHash", "", []string{"$2y$10$x"}, "auto"},
		{"appHash", "bcrypt", []string{"{x}"}, "bcrypt"},
	}
	for _, tt := range tests {
		c := plainConfig()
		c.Attributes.Password, c.Scheme, c.Params = tt.attribute, tt.scheme, map[string]string{"pepper": "x"}
		stored := open(t, c).stored(tt.values, "", legacy.User{Email: "a@example.org"})
		switch {
		case tt.want == "" && stored != nil, tt.want != "" && stored == nil:
			t.Errorf("%s %v: shown %v", tt.attribute, tt.values, stored != nil)
		case stored != nil && (stored.Scheme != tt.want || stored.Hash != tt.values[0] || stored.User != "a@example.org" || stored.Params["pepper"] != "x"):
			t.Errorf("%s %v: scheme %q, user %q", tt.attribute, tt.values, stored.Scheme, stored.User)
		}
	}
}

// TestDefinedNames reads definitions of RFC 4512, 4.1.2.
func TestDefinedNames(t *testing.T) {
	t.Parallel()
	for definition, want := range map[string]string{
		"( 2.5.4.3 NAME ( 'cn' 'commonName' ) DESC 'RFC4519: common name(s)' SUP name )": "[cn commonName]",
		"( 1.2.3 NAME 'mail' DESC 'x NAME y' )":                                          "[mail]",
		"( 1.2.3 DESC 'none' )":                                                          "[]",
		"( 1.2.3 NAME ( 'a'":                                                             "[a]",
		" NAME ":                                                                         "[]",
		"":                                                                               "[]",
	} {
		if got := fmt.Sprint(slices.DeleteFunc(definedNames(definition), func(name string) bool { return name == "" })); got != want {
			t.Errorf("%s: %s, want %s", definition, got, want)
		}
	}
}

// TestErrorsHideCauses shows that an answer which nobody took for one claims nothing.
func TestErrorsHideCauses(t *testing.T) {
	t.Parallel()
	s := open(t, plainConfig())
	for _, err := range []error{
		ldap.NewError(80, errors.New("hunter2")), ldap.NewError(ldap.ErrorNetwork, errors.New("hunter2")), errors.New("hunter2"),
		fmt.Errorf("x: %w", ldap.NewError(49, errors.New("hunter2"))), fmt.Errorf("%w: it is long", errShape),
	} {
		if text := s.describe(err); text == "" || strings.Contains(text, "hunter2") {
			t.Errorf("%T: told as %q", err, text)
		}
	}
}
