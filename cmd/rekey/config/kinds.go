package config

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"rekey/legacy/hash"
)

// What the kinds of source besides sql are told, each in a group of its own name. The adapters' own Config types say what
// each key means.

// LDAP is a directory; see ldapsource.Config.
type LDAP struct {
	URL                string         `yaml:"url"`
	StartTLS           bool           `yaml:"start_tls"`
	CAFile             string         `yaml:"ca_file"`
	InsecureSkipVerify bool           `yaml:"insecure_skip_verify"`
	AllowPlaintext     bool           `yaml:"allow_plaintext"` // passwords in the clear to another machine
	BindDN             string         `yaml:"bind_dn"`
	BindPassword       Secret         `yaml:"bind_password"`
	BaseDN             string         `yaml:"base_dn"`
	OneLevel           bool           `yaml:"one_level"`
	UserFilter         string         `yaml:"user_filter"`
	Attributes         LDAPAttributes `yaml:"attributes"`
	Disabled           []LDAPRule     `yaml:"disabled"`
	LockoutFor         time.Duration  `yaml:"lockout_for"`
	AcceptExpired      bool           `yaml:"accept_expired"`
	Extra              Texts          `yaml:"extra"` // attribute: text, list, integer, boolean or time
}

// LDAPAttributes names the attributes of a person's entry; see ldapsource.Attributes.
type LDAPAttributes struct {
	ID          string `yaml:"id"`
	Username    List   `yaml:"username"`
	Email       List   `yaml:"email"`
	Phone       List   `yaml:"phone"`
	Password    string `yaml:"password"`
	Salt        string `yaml:"salt"`
	CreatedAt   string `yaml:"created_at"`
	LastLoginAt string `yaml:"last_login_at"`
	DisplayName string `yaml:"display_name"`
	Locale      string `yaml:"locale"`
	Groups      string `yaml:"groups"`
}

// LDAPRule says when somebody may not log in; see ldapsource.Rule.
type LDAPRule struct {
	Attribute string `yaml:"attribute"`
	When      string `yaml:"when"`
	Values    List   `yaml:"values"`
	Bits      int64  `yaml:"bits"`
}

// HTTP is an application that is asked; see httpsource.Config.
type HTTP struct {
	URL             string         `yaml:"url"`
	Dialect         string         `yaml:"dialect"` // keycloak-user-migration if unset, or plain
	Key             string         `yaml:"key"`     // id if unset, username or email
	GetPath         string         `yaml:"get_path"`
	IgnoresCase     bool           `yaml:"ignores_case"`
	VerifyByID      bool           `yaml:"verify_by_id"`
	WrongStatus     List           `yaml:"wrong_status"`
	TrustBareYes    bool           `yaml:"trust_bare_yes"`
	CheckIdentifier string         `yaml:"check_identifier"`
	AllowPrivate    []netip.Prefix `yaml:"allow_private"`
	CAFile          string         `yaml:"ca_file"`

	Bearer        Secret `yaml:"bearer"`
	BasicUser     string `yaml:"basic_user"`
	BasicPassword Secret `yaml:"basic_password"`
	Header        string `yaml:"header"`
	HeaderValue   Secret `yaml:"header_value"`
	SigningKey    Secret `yaml:"signing_key"`
	KeyID         string `yaml:"key_id"`

	Plain HTTPPlain `yaml:"plain"`
}

// HTTPPlain describes an application of no known contract; see httpsource.Plain.
type HTTPPlain struct {
	LookupPath    string      `yaml:"lookup_path"`
	LookupField   string      `yaml:"lookup_field"`
	List          bool        `yaml:"list"`
	ListAt        string      `yaml:"list_at"`
	Fields        HTTPFields  `yaml:"fields"`
	VerifyPath    string      `yaml:"verify_path"`
	VerifyMethod  string      `yaml:"verify_method"`
	PasswordField string      `yaml:"password_field"`
	NameField     string      `yaml:"name_field"`
	IDField       string      `yaml:"id_field"`
	Form          bool        `yaml:"form"`
	Yes           HTTPVerdict `yaml:"yes"`
	No            HTTPVerdict `yaml:"no"`
}

// HTTPFields are JSON pointers into a person's record; see httpsource.Fields.
type HTTPFields struct {
	ID            string `yaml:"id"`
	Username      string `yaml:"username"`
	Email         string `yaml:"email"`
	Phone         string `yaml:"phone"`
	Disabled      string `yaml:"disabled"`
	CreatedAt     string `yaml:"created_at"`
	LastLoginAt   string `yaml:"last_login_at"`
	DisplayName   string `yaml:"display_name"`
	Locale        string `yaml:"locale"`
	EmailVerified string `yaml:"email_verified"`
	PhoneVerified string `yaml:"phone_verified"`
	Roles         string `yaml:"roles"`
	Groups        string `yaml:"groups"`
	Attributes    Texts  `yaml:"attributes"`
}

// HTTPVerdict is what an application answers to a password; see httpsource.Verdict.
type HTTPVerdict struct {
	Status List   `yaml:"status"`
	Field  string `yaml:"field"`
	Value  string `yaml:"value"`
}

// File is an export; see filesource.Config.
type File struct {
	Path      string `yaml:"path"`
	Format    string `yaml:"format"`
	Columns   Texts  `yaml:"columns"`
	Separator string `yaml:"separator"`
	Index     string `yaml:"index"`
}

// Statuses returns a list of HTTP statuses as numbers.
func Statuses(l List) []int {
	var statuses []int
	for _, text := range l {
		if n, err := strconv.Atoi(text); err == nil {
			statuses = append(statuses, n)
		}
	}
	return statuses
}

// checkKind checks what a source of a kind is told, as far as its adapter does not.
func (l *loader) checkKind(at string, s *Legacy, registry *hash.Registry) {
	switch s.Kind {
	case "sql":
		l.checkDSN(at, s)
		l.checkTable(at, s)
	case "ldap":
		l.checkLDAP(at, s)
	case "http":
		l.checkHTTP(at, s)
	case "file":
		l.checkFile(at, s)
	}
	for _, group := range []string{"ldap", "http", "file"} {
		if l.isSet(at+"."+group) && group != s.Kind {
			l.problem(at+"."+group, "is for kind %s", group)
		}
	}
	if s.Kind != "sql" {
		for _, key := range []string{"dsn", "table", "prefix", "columns", "joins", "where", "disabled_when", "queries"} {
			if l.isSet(at + "." + key) {
				l.problem(at+"."+key, "is for kind sql")
			}
		}
		if s.Preset != "" && s.Kind == "http" {
			l.problem(at+".preset", "is for kinds sql, ldap and file")
		}
	}
	if s.Kind != "http" { // it shows no hashes
		l.checkScheme(at, s, registry)
	}
}

// isSet reports whether a key, or anything in the group or list that it stands for, has been given.
func (l *loader) isSet(key string) bool {
	for place := range l.config.origins {
		if rest, ok := strings.CutPrefix(place, key); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

func (l *loader) checkLDAP(at string, s *Legacy) {
	for _, key := range []struct{ name, value, example string }{
		{"url", s.LDAP.URL, "ldaps://directory.example.org"}, {"base_dn", s.LDAP.BaseDN, "ou=people,dc=example,dc=org"},
	} {
		if key.value == "" {
			l.problem(at+".ldap."+key.name, "is missing: %s", key.example)
		}
	}
	if s.LDAP.InsecureSkipVerify {
		l.warn(at+".ldap.insecure_skip_verify", "whoever can pose as the directory gets every password that is tried")
	}
}

func (l *loader) checkHTTP(at string, s *Legacy) {
	if s.HTTP.URL == "" {
		l.problem(at+".http.url", "is missing: https://shop.example.org/api/users")
	}
	for _, list := range []struct {
		key    string
		values List
	}{
		{"wrong_status", s.HTTP.WrongStatus}, {"plain.yes.status", s.HTTP.Plain.Yes.Status}, {"plain.no.status", s.HTTP.Plain.No.Status},
	} {
		if len(Statuses(list.values)) != len(list.values) {
			l.problem(at+".http."+list.key, "want HTTP statuses such as 401")
		}
	}
}

func (l *loader) checkFile(at string, s *Legacy) {
	if !filepath.IsAbs(s.File.Path) {
		l.problem(at+".file.path", "want the absolute path of an export")
	}
	if s.Preset != "" {
		p, known := l.namedPreset(at, s)
		if known && p.File.Format == "" {
			l.problem(at+".preset", "is for a database: use kind sql")
		}
		if s.File.Format == "" {
			s.File.Format = p.File.Format
		}
	}
	if s.File.Format == "" {
		l.problem(at+".file.format", "is missing: auth0, firebase, keycloak, cognito, okta, csv or jsonl")
	}
	if len(s.File.Separator) > 1 {
		l.problem(at+".file.separator", "want one character")
	}
}

// knownKinds are the kinds of source.
var knownKinds = []string{"sql", "ldap", "http", "file"}

func (l *loader) checkKindName(at string, s *Legacy) bool {
	if slices.Contains(knownKinds, s.Kind) {
		return true
	}
	l.problem(at+".kind", "unknown kind %q%s; want %s", s.Kind, didYouMean(s.Kind, knownKinds), strings.Join(knownKinds, ", "))
	return false
}

// Sanitise says how stored texts are cleaned; see mapping.Sanitise.
type Sanitise struct {
	KeepSpaces bool   `yaml:"keep_spaces"`
	KeepForm   bool   `yaml:"keep_form"`
	EmailCase  string `yaml:"email_case"` // "" as stored, domain or lower
	MaxText    int64  `yaml:"max_text"`   // bytes
}

// domainProblem names an element of a source's domains.
func domainProblem(at string, i int) string { return fmt.Sprintf("%s.domains[%d]", at, i) }
