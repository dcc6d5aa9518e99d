package ldapsource

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// None, as the name of an attribute, leaves out what the preset would read.
const None = "-"

// DN, as the name of the attribute that holds the key, takes the entry's own name for it. It is the last resort: a person
// who is renamed becomes somebody else, and List asks for each person one by one.
const DN = "dn"

// Attributes names the attributes of a person's entry. An empty name is the preset's, or an attribute that is not there.
//
// Of several names the first that an entry has is taken, and of several values of an attribute the one in the entry's
// own name, or else the first as the directory sends them. Only what is taken is an identifier.
type Attributes struct {
	// ID is the key: of one value, never changed and never given to somebody else. entryUUID and UUIDs of other names are
	// compared as text; objectGUID is binary and told as Active Directory's own tools write it.
	ID string

	Username []string // at least one of Username, Email and Phone is needed
	Email    []string
	Phone    []string

	// Password holds the hash, where the source may read it; as a rule userPassword (RFC 4519). Who has none that can be
	// read, has several, or has one that sends the directory elsewhere ({SASL}), is verified by a bind.
	Password string
	Salt     string // only for hashes outside userPassword

	CreatedAt   string // GeneralizedTime (RFC 4517, 3.3.13), Active Directory's integers, Unix seconds, days since 1970
	LastLoginAt string

	DisplayName string
	Locale      string // as in RFC 2798: an Accept-Language, of which the first is taken
	Groups      string // all values, as they are: those of memberOf are DNs
}

// When is a test of an attribute.
type When string

// The tests that disable somebody.
const (
	Present When = "present" // there is a value
	Is      When = "is"      // a value is one of Values, in whatever case
	IsNot   When = "is-not"  // no value is one of Values; somebody without any is disabled
	HasBits When = "bits"    // the value, an integer that everybody has, has one of Bits
	Past    When = "past"    // the value, a time, has come: an expiry
	Future  When = "future"  // the value, a time, has not come
	// LockedOut reads pwdAccountLockedTime (draft-behera-ldap-password-policy, 5.3.3): the time since which somebody is
	// locked out, for Config.LockoutFor from then on; 000001010000Z is for good.
	LockedOut When = "locked-out"
)

// A Rule says when somebody may not log in. One that holds is enough. A value that cannot be read as the test wants it is
// a legacy.RowError: whether somebody is disabled is not guessed.
type Rule struct {
	Attribute string
	When      When
	Values    []string // for Is and IsNot
	Bits      int64    // for HasBits
}

// Kind is how a mapping expression sees an attribute.
type Kind string

// The kinds. A value that is not of the kind is left out, as if it were not there.
const (
	Text    Kind = "text" // the first value
	List    Kind = "list" // all values
	Integer Kind = "integer"
	Boolean Kind = "boolean" // TRUE or FALSE (RFC 4517, 3.3.3)
	Time    Kind = "time"    // as Attributes.CreatedAt
)

// Config describes a source. All but Name, URL, BaseDN and either a Preset or ID, an identifier and UserFilter may be left
// empty.
type Config struct {
	Name string // in errors

	URL      string // ldap://host:port or ldaps://host:port
	StartTLS bool   // for ldap://: nothing else is said before it
	CAFile   string // PEM, of who signs the directory's certificate; empty: whom the system trusts
	// InsecureSkipVerify talks to whoever answers. Whoever can do so gets every password that is tried.
	InsecureSkipVerify bool
	// AllowPlaintext sends passwords in the clear to another machine. This machine's own addresses need no leave.
	AllowPlaintext bool

	BindDN       string // who reads; both empty: nobody, where the directory allows it
	BindPassword string

	BaseDN     string // below which people are
	OneLevel   bool   // directly below it only, else however deep
	UserFilter string // who of the entries is a person (RFC 4515)
	Preset     string // "openldap" or "activedirectory": what is empty of UserFilter, Attributes and Disabled
	Attributes Attributes
	Disabled   []Rule        // nil: the preset's
	LockoutFor time.Duration // see LockedOut; 0: until an administrator lifts it, as pwdLockoutDuration has it

	Scheme string            // of Attributes.Password; see package hash. Empty or "auto": as userPassword, see stored.go
	Params map[string]string // for the scheme
	Extra  map[string]Kind   // attributes to read for mapping expressions

	// Write says what may be written; nil: nothing. See OpenWriter; Open leaves it alone.
	Write *Write

	// AcceptExpired takes a right password that Active Directory calls expired, or to be changed, for right.
	AcceptExpired bool

	Timeout    time.Duration // of one question, connecting included; 0: 2 s
	MaxConns   int           // as many to read, and as many again on which passwords are tried; 0: 8
	BreakAfter int           // failures in a row that open the circuit breaker; 0: 5
	BreakFor   time.Duration // how long it then answers at once, before one question tries again; 0: 2 s

	Now func() time.Time // for Past, Future and LockedOut; nil: time.Now
}

const (
	defaultMaxConns = 8
	maxConns        = 1000
)

// complete fills in the preset and the defaults, and refuses what cannot be meant.
func (c *Config) complete() error {
	c.Params, c.Extra = maps.Clone(c.Params), maps.Clone(c.Extra)
	if c.Preset != "" {
		p, ok := presets()[c.Preset]
		if !ok {
			return fmt.Errorf("preset: want one of %s", strings.Join(slices.Sorted(maps.Keys(presets())), ", "))
		}
		p.fill(c)
	}
	c.Attributes.strike()
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.MaxConns == 0 {
		c.MaxConns = defaultMaxConns
	}
	if c.MaxConns < 0 || c.MaxConns > maxConns {
		return fmt.Errorf("the number of connections: want 1 to %d", maxConns)
	}
	if c.LockoutFor < 0 {
		return errors.New("the time of a lock-out is negative")
	}
	if c.BindDN == "" && c.BindPassword != "" {
		return errors.New("bind: a password, and nobody whose it is")
	}
	if c.BindDN != "" && c.BindPassword == "" {
		// RFC 4513, 5.1.2: the server would say "success", and serve us as nobody.
		return errors.New("bind: a name without a password is no bind; leave out both to read as nobody")
	}
	if _, err := ldap.ParseDN(c.BaseDN); err != nil || c.BaseDN == "" {
		return errors.New("base DN: want a name such as ou=people,dc=example,dc=org")
	}
	if _, err := ldap.CompileFilter(c.UserFilter); err != nil {
		return errors.New("user filter: want one filter in parentheses, such as (objectClass=person)")
	}
	return c.checkAttributes()
}

func (c *Config) checkAttributes() error {
	a := &c.Attributes
	if a.ID == "" {
		return errors.New("attribute id: a name is missing")
	}
	if len(a.Username)+len(a.Email)+len(a.Phone) == 0 {
		return errors.New("attributes: at least one of username, email and phone is needed")
	}
	if a.Salt != "" && a.Password == "" {
		return errors.New("attribute salt: there is no password that it belongs to")
	}
	for _, name := range c.attributes() {
		if !attributeName.MatchString(name) {
			return fmt.Errorf("attribute %q: a name has a letter, then letters, digits and hyphens", name)
		}
	}
	for _, rule := range c.Disabled {
		values, bits := rule.When == Is || rule.When == IsNot, rule.When == HasBits
		switch {
		case !slices.Contains([]When{Present, Is, IsNot, HasBits, Past, Future, LockedOut}, rule.When):
			return fmt.Errorf("disabled by %s: there is no test %q", rule.Attribute, string(rule.When))
		case values != (len(rule.Values) > 0), bits != (rule.Bits != 0):
			return fmt.Errorf("disabled by %s: the tests is and is-not need values, bits needs bits, and no other has any", rule.Attribute)
		}
	}
	for name, kind := range c.Extra {
		if !slices.Contains([]Kind{Text, List, Integer, Boolean, Time}, kind) {
			return fmt.Errorf("extra attribute %s: there is no kind %q", name, string(kind))
		}
	}
	return nil
}

// attributeName is a short descriptor of RFC 4512, 1.4. Options and numbers are not taken: servers answer with other
// names than were asked for.
var attributeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,127}$`)

// named returns the attributes that the configuration itself names. What only the preset names need not be there.
func (c Config) named() []string {
	c.Attributes.strike()
	return c.attributes()
}

// attributes returns every attribute that is read, each once.
func (c *Config) attributes() []string {
	var names []string
	for _, name := range c.Attributes.single() {
		if *name != "" && (*name != DN || name != &c.Attributes.ID) {
			names = append(names, *name)
		}
	}
	for _, several := range c.Attributes.several() {
		names = append(names, *several...)
	}
	for _, rule := range c.Disabled {
		names = append(names, rule.Attribute)
	}
	names = append(names, slices.Sorted(maps.Keys(c.Extra))...)
	var list []string
	for _, name := range names {
		if !slices.ContainsFunc(list, func(other string) bool { return strings.EqualFold(name, other) }) {
			list = append(list, name)
		}
	}
	return list
}

// single returns the fields that name one attribute.
func (a *Attributes) single() []*string {
	return []*string{&a.ID, &a.Password, &a.Salt, &a.CreatedAt, &a.LastLoginAt, &a.DisplayName, &a.Locale, &a.Groups}
}

// several returns the fields that name attributes in order.
func (a *Attributes) several() []*[]string { return []*[]string{&a.Username, &a.Email, &a.Phone} }

// strike takes out what is None. The caller's lists stay as they are.
func (a *Attributes) strike() {
	for _, name := range a.single() {
		if *name == None {
			*name = ""
		}
	}
	for _, names := range a.several() {
		*names = slices.DeleteFunc(slices.Clone(*names), func(name string) bool { return name == None })
	}
}
