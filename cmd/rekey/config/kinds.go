package config

import (
	"net/netip"
	"strconv"
	"time"
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
	Write              LDAPWrite      `yaml:"write"` // what may be written back; without it nothing is
}

// LDAPWrite says what may be written to a directory; see ldapsource.Write.
type LDAPWrite struct {
	BindDN       string      `yaml:"bind_dn"`
	BindPassword Secret      `yaml:"bind_password"`
	Modify       bool        `yaml:"modify"`
	Scheme       string      `yaml:"scheme"`
	Like         Secret      `yaml:"like"`
	Username     bool        `yaml:"username"`
	Email        bool        `yaml:"email"`
	Phone        bool        `yaml:"phone"`
	DisplayName  bool        `yaml:"display_name"`
	Delete       bool        `yaml:"delete"`
	Disable      LDAPDisable `yaml:"disable"`
	Insert       LDAPInsert  `yaml:"insert"`
	// On is set by any of them, or by `write: on`.
	On bool `yaml:"-"`
}

// LDAPDisable says how somebody is disabled; see ldapsource.Disable.
type LDAPDisable struct {
	Attribute string `yaml:"attribute"`
	On        string `yaml:"on"`
	Off       string `yaml:"off"`
}

// LDAPInsert says how an entry is made; see ldapsource.Insert.
type LDAPInsert struct {
	ObjectClasses List   `yaml:"object_classes"`
	RDN           string `yaml:"rdn"`
	Attributes    Texts  `yaml:"attributes"`
}

// setWord takes `write: on` and `write: off`.
func (w *LDAPWrite) setWord(word string) error {
	off, err := onOff(word)
	w.On = err == nil && !off
	return err
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
	Write HTTPWrite `yaml:"write"`
}

// HTTPWrite says what may be written back, and how; see httpsource.Write.
type HTTPWrite struct {
	Path       string          `yaml:"path"`
	Method     string          `yaml:"method"` // PATCH if unset, PUT or POST
	Fields     HTTPWriteFields `yaml:"fields"`
	InsertPath string          `yaml:"insert_path"`
	Fixed      Texts           `yaml:"fixed"`
	Delete     bool            `yaml:"delete"`
	Scheme     string          `yaml:"scheme"`
	Like       Secret          `yaml:"like"`
	LikeSalt   Secret          `yaml:"like_salt"`

	// Who writes; none: who reads.
	Bearer        Secret `yaml:"bearer"`
	BasicUser     string `yaml:"basic_user"`
	BasicPassword Secret `yaml:"basic_password"`
	Header        string `yaml:"header"`
	HeaderValue   Secret `yaml:"header_value"`

	// On is set by any of them.
	On bool `yaml:"-"`
}

// HTTPWriteFields are JSON pointers into what is sent; see httpsource.WriteFields.
type HTTPWriteFields struct {
	Password      string `yaml:"password"`
	Salt          string `yaml:"salt"`
	OldPassword   string `yaml:"old_password"`
	Username      string `yaml:"username"`
	Email         string `yaml:"email"`
	Phone         string `yaml:"phone"`
	DisplayName   string `yaml:"display_name"`
	EmailVerified string `yaml:"email_verified"`
	Disabled      string `yaml:"disabled"`
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
	Password      string `yaml:"password"`
	Salt          string `yaml:"salt"`
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

// Sanitise says how stored texts are cleaned; see mapping.Sanitise.
type Sanitise struct {
	KeepSpaces bool   `yaml:"keep_spaces"`
	KeepForm   bool   `yaml:"keep_form"`
	EmailCase  string `yaml:"email_case"` // "" as stored, domain or lower
	MaxText    int64  `yaml:"max_text"`   // bytes
}
