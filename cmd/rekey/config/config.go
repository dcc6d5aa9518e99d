// Package config reads what an operator has to say: one YAML file, the same keys as REKEY_… in the environment, and
// secrets from files.
//
// It serves the commands of rekey. It is strict (an unknown, repeated or valueless key is refused and named, with
// its line), it reports every mistake at once, and it never opens a connection. Secrets are kept in types that
// cannot be printed, and no error quotes one.
package config

import (
	"net/netip"
	"net/url"
	"strings"
	"time"

	"rekey/accounts"
	"rekey/accounts/policy"
	"rekey/gateway/bridge"
	"rekey/gateway/limit"
	"rekey/legacy/hash"
)

// Config is the whole configuration, with defaults filled in. The yaml tag of a field is its key; `secret:"file"`
// fields have a second key that ends in _file.
type Config struct {
	Listen         string         `yaml:"listen"`
	Admin          Admin          `yaml:"admin"`
	Store          URL            `yaml:"store"`
	Redis          URL            `yaml:"redis"` // empty: soft state is kept in this process
	Limits         Limits         `yaml:"limits"`
	Legacy         []Legacy       `yaml:"legacy"`
	Collisions     string         `yaml:"collisions"`      // what is done when people of several sources hold one identifier
	MasterKeyFile  string         `yaml:"master_key_file"` // with SQLite "<database>.key" if unset
	Issuer         string         `yaml:"issuer"`
	Audience       string         `yaml:"audience"`
	Plan           string         `yaml:"plan"`
	Phase          Phase          `yaml:"phase"`
	RelaxFile      string         `yaml:"relax_file"`      // while it is there, legacy is written alone when the store is out of reach
	RelaxJournal   string         `yaml:"relax_journal"`   // what is written so, until the store knows
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"` // whose X-Forwarded-For is believed
	Tokens         Tokens         `yaml:"tokens"`
	Password       Password       `yaml:"password"`
	PasswordPolicy PasswordPolicy `yaml:"password_policy"`
	HashBounds     HashBounds     `yaml:"hash_bounds"`
	Login          Login          `yaml:"login"`
	Required       Required       `yaml:"required_actions"` // what people have to do before they are wholly in
	Mail           Mail           `yaml:"mail"`
	Bridge         Bridge         `yaml:"bridge"`   // products that rekey answers as their old system
	Jobs           string         `yaml:"jobs"`     // who does background work: JobsProcess or JobsRiver
	Drain          time.Duration  `yaml:"drain"`    // how long readyz says 503 before the ports close
	Shutdown       time.Duration  `yaml:"shutdown"` // how long that, and requests in flight, may take to end
	Log            Log            `yaml:"log"`

	origins map[string]Origin
	notes   Problems // warnings
}

// Values of Jobs.
const (
	JobsProcess = "process" // each process for itself
	JobsRiver   = "river"   // all machines together, over PostgreSQL
)

// Admin is the staff's listener.
type Admin struct {
	Listen string `yaml:"listen"` // "off": none
}

// Limits are the rate limits of login. `limits: off` turns them off.
type Limits struct {
	Off        bool  `yaml:"-"`
	Address    Limit `yaml:"address"`    // of one client address
	Identifier Limit `yaml:"identifier"` // of one canonical identifier
}

// Limit lets Count attempts through per Per, and Burst at once.
type Limit struct {
	Burst int64         `yaml:"burst"`
	Per   time.Duration `yaml:"per"`
	Count int64         `yaml:"count"`
}

// Legacy is one source of people.
type Legacy struct {
	Name   string `yaml:"name"`
	Kind   string `yaml:"kind"`
	DSN    URL    `yaml:"dsn"`
	Preset string `yaml:"preset"`
	Prefix string `yaml:"prefix"` // of the preset's tables

	Domains List `yaml:"domains"` // e-mail domains whose addresses are this source's alone

	Table        string      `yaml:"table"`
	Columns      Columns     `yaml:"columns"`
	Extra        List        `yaml:"extra"` // further columns, for keep and set
	Joins        []Join      `yaml:"joins"`
	Where        []Condition `yaml:"where"`         // who is there at all
	DisabledWhen []Condition `yaml:"disabled_when"` // any of them is enough
	Queries      Queries     `yaml:"queries"`
	Write        Write       `yaml:"write"` // what may be written back; without it nothing is

	CopyBack string `yaml:"copy_back"` // what the source is told of changes made in the new store: none or full

	ManageURL string `yaml:"manage_url"` // where people change what has to be changed there

	Watch     Watch     `yaml:"watch"`     // how changes that others make there are heard of
	Reconcile Reconcile `yaml:"reconcile"` // how everybody who has moved is compared

	Fold string `yaml:"fold"` // what a source that only verifies does to a password first: trim, lower, …

	Keep     string   `yaml:"keep"` // CEL: who is there at all
	Set      Texts    `yaml:"set"`  // CEL: fields by what they are made of
	Sanitise Sanitise `yaml:"sanitise"`

	LDAP LDAP `yaml:"ldap"`
	HTTP HTTP `yaml:"http"`
	File File `yaml:"file"`

	Scheme         string        `yaml:"scheme"` // the preset's if unset, else auto
	Params         Params        `yaml:"params"`
	Pepper         Secret        `yaml:"pepper"`
	Timeout        time.Duration `yaml:"timeout"` // of one question
	MaxConns       int64         `yaml:"max_conns"`
	AllowPlaintext bool          `yaml:"allow_plaintext"`
}

// Columns names the columns of the table, or of a file. An empty one is not there.
type Columns struct {
	ID          string `yaml:"id"`
	Username    string `yaml:"username"`
	Email       string `yaml:"email"`
	Phone       string `yaml:"phone"`
	Password    string `yaml:"password"`
	Salt        string `yaml:"salt"`
	CreatedAt   string `yaml:"created_at"`
	LastLoginAt string `yaml:"last_login_at"`
	UpdatedAt   string `yaml:"updated_at"`
	Disabled    string `yaml:"disabled"` // a leading "!" turns it round

	DisplayName   string `yaml:"display_name"`
	Locale        string `yaml:"locale"`
	EmailVerified string `yaml:"email_verified"`
	PhoneVerified string `yaml:"phone_verified"`
	Roles         string `yaml:"roles"`
	Groups        string `yaml:"groups"`
	TOTPSecret    string `yaml:"totp_secret"`
}

// Watch says how often it is asked what was changed, by the column updated_at; see accounts.Watch.
type Watch struct {
	Every   time.Duration `yaml:"every"` // 0: never
	Overlap time.Duration `yaml:"overlap"`
}

// Reconcile says how often all who have moved are compared; see accounts.Watch.
type Reconcile struct {
	Every       time.Duration `yaml:"every"` // 0: never
	PerSecond   int64         `yaml:"per_second"`
	MostChanged int64         `yaml:"most_changed"` // of a hundred, at once
}

// A Join adds a table to that of the people; see sqlsource.Join.
type Join struct {
	Table string      `yaml:"table"`
	As    string      `yaml:"as"`
	On    Texts       `yaml:"on"` // column of the people's table: column of this one
	Where []Condition `yaml:"where"`
}

// A Condition compares a column with fixed values; see sqlsource.Condition.
type Condition struct {
	Column string `yaml:"column"`
	Op     string `yaml:"op"`
	Values List   `yaml:"values"`
}

// Queries are SELECTs of the operator's own; see sqlsource.Queries.
type Queries struct {
	Lookup    string `yaml:"lookup"`
	Get       string `yaml:"get"`
	List      string `yaml:"list"`
	ListAfter string `yaml:"list_after"`
}

// Write says what of a source may be written back; see sqlsource.Write.
type Write struct {
	DSN           URL    `yaml:"dsn"`
	Scheme        string `yaml:"scheme"`
	Like          Secret `yaml:"like"`
	LikeSalt      Secret `yaml:"like_salt"`
	Password      string `yaml:"password"`
	Username      string `yaml:"username"`
	Email         string `yaml:"email"`
	Phone         string `yaml:"phone"`
	DisplayName   string `yaml:"display_name"`
	EmailVerified string `yaml:"email_verified"`
	Disabled      string `yaml:"disabled"`
	Insert        string `yaml:"insert"`
	Delete        string `yaml:"delete"`
	// On is set by any of them, or by `write: on`.
	On bool `yaml:"-"`
}

// A List is a list of words. In the environment it is written with commas.
type List []string

// Texts are values under free names.
type Texts map[string]string

// Params tells a scheme what its stored strings do not: "iterations", "encoding", "signerKey", …
type Params map[string]Secret

// Tokens says how tokens are made.
type Tokens struct {
	Algorithm       string        `yaml:"algorithm"`
	AccessLife      time.Duration `yaml:"access_life"`
	ClientID        string        `yaml:"client_id"`
	RefreshIdle     time.Duration `yaml:"refresh_idle"`
	RefreshAbsolute time.Duration `yaml:"refresh_absolute"`
	RotateKeysEvery time.Duration `yaml:"rotate_keys_every"` // 0: never
}

// Password is the policy for argon2id, and how many hashes run at once.
type Password struct {
	MemoryKiB int64         `yaml:"memory_kib"`
	Time      int64         `yaml:"time"`
	Lanes     int64         `yaml:"lanes"`
	Permits   int64         `yaml:"permits"` // 0: as many as cores
	Queue     time.Duration `yaml:"queue"`   // the longest wait for a permit
}

// PasswordPolicy says which new passwords are accepted; see policy.Config. Logins are not asked.
type PasswordPolicy struct {
	MinLength           int64         `yaml:"min_length"` // characters
	MinLengthWithFactor int64         `yaml:"min_length_with_factor"`
	Words               List          `yaml:"words"`     // names of the product and of who runs it
	HIBPFile            string        `yaml:"hibp_file"` // breached passwords by SHA-1, in order
	HIBPURL             string        `yaml:"hibp_url"`  // a range interface that is asked for them
	HIBPTimeout         time.Duration `yaml:"hibp_timeout"`
}

// HashBounds are what a stored legacy hash may cost; see hash.Bounds. A zero field means its default.
type HashBounds struct {
	BcryptCost       int64 `yaml:"bcrypt_cost"`
	Argon2MemoryKiB  int64 `yaml:"argon2_memory_kib"`
	Argon2Time       int64 `yaml:"argon2_time"`
	Argon2Lanes      int64 `yaml:"argon2_lanes"`
	Argon2Work       int64 `yaml:"argon2_work_kib"`
	ScryptMemory     int64 `yaml:"scrypt_memory_bytes"`
	ScryptParallel   int64 `yaml:"scrypt_parallel"`
	PBKDF2Iterations int64 `yaml:"pbkdf2_iterations"`
	SHACryptRounds   int64 `yaml:"sha_crypt_rounds"`
	PHPassLog2       int64 `yaml:"phpass_log2"`
	DigestIterations int64 `yaml:"digest_iterations"`
	Salt             int64 `yaml:"salt_bytes"`
}

// Login tunes the login flow.
type Login struct {
	Floor time.Duration `yaml:"floor"` // the shortest time of a refusal
}

// Mail says how mail is sent. Without a server none is.
type Mail struct {
	SMTP      URL    `yaml:"smtp"`
	Password  Secret `yaml:"password" secret:"file"` // of the user in smtp
	From      string `yaml:"from"`
	Product   string `yaml:"product"`   // what the letters call it
	Templates string `yaml:"templates"` // a folder
	ResetURL  string `yaml:"reset_url"` // the page that sets a password; "<issuer>/reset" if unset
	EmailURL  string `yaml:"email_url"` // the page that confirms an address; "<issuer>/email" if unset
}

// Required says what people have to do before they are wholly in. The zero value asks nothing.
type Required struct {
	ChangePassword  List   `yaml:"change_password"`  // schemes of old hashes whose people get a new password
	CompleteProfile List   `yaml:"complete_profile"` // fields that may not be empty
	AcceptTerms     string `yaml:"accept_terms"`     // version of the terms
}

// Actions returns them as package accounts takes them.
func (r Required) Actions() accounts.RequiredActions {
	return accounts.RequiredActions{Schemes: r.ChangePassword, Fields: r.CompleteProfile, Terms: r.AcceptTerms}
}

// Bridge gives products their keys. One without a key is off.
type Bridge struct {
	Keycloak   Product `yaml:"keycloak"`
	Kratos     Product `yaml:"kratos"`
	Okta       Product `yaml:"okta"`
	Cognito    Product `yaml:"cognito"`
	FusionAuth Product `yaml:"fusionauth"`
}

// Product is how a product shows that it is that product: by Bearer, as a Basic user, or in a header.
type Product struct {
	Key    Secret `yaml:"key"`
	User   string `yaml:"user"`
	Header string `yaml:"header"`
}

// Log says what is logged and how.
type Log struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"`
}

// Default returns the configuration of somebody who says nothing. It lacks a store.
func Default() *Config {
	rules, bounds := limit.DefaultRules(), hash.DefaultBounds()
	return &Config{
		Listen:   "127.0.0.1:8080",
		Admin:    Admin{Listen: "127.0.0.1:8081"},
		Audience: "rekey",
		Plan:     "lazy", Collisions: string(accounts.CollisionsQuarantine),
		Tokens: Tokens{
			Algorithm: "EdDSA", ClientID: "rekey",
			AccessLife:  5 * time.Minute,
			RefreshIdle: 14 * 24 * time.Hour, RefreshAbsolute: 90 * 24 * time.Hour,
			RotateKeysEvery: 90 * 24 * time.Hour,
		},
		Password: Password{MemoryKiB: 19456, Time: 2, Lanes: 1, Queue: 2 * time.Second}, // OWASP's first choice
		Phase:    Phase{Limits: defaultGateLimits()},
		PasswordPolicy: PasswordPolicy{
			MinLength: policy.DefaultMinLength, MinLengthWithFactor: policy.DefaultMinLengthWithFactor, HIBPTimeout: time.Second,
		},
		Login: Login{Floor: 300 * time.Millisecond},
		Limits: Limits{
			Address:    Limit{rules.Address.Burst, rules.Address.Per, rules.Address.Count},
			Identifier: Limit{rules.Identifier.Burst, rules.Identifier.Per, rules.Identifier.Count},
		},
		HashBounds: HashBounds{
			BcryptCost: int64(bounds.BcryptCost), Argon2MemoryKiB: bounds.Argon2Memory, Argon2Time: bounds.Argon2Time,
			Argon2Lanes: bounds.Argon2Lanes, Argon2Work: bounds.Argon2Work, ScryptMemory: bounds.ScryptMemory,
			ScryptParallel: bounds.ScryptParallel, PBKDF2Iterations: bounds.PBKDF2Iterations,
			SHACryptRounds: bounds.SHACryptRounds, PHPassLog2: bounds.PHPassLog2,
			DigestIterations: bounds.DigestIterations, Salt: int64(bounds.Salt),
		},
		Jobs:     JobsProcess,
		Drain:    time.Second, // whoever presses Ctrl-C waits no longer; who has a balancer says how long that takes
		Shutdown: 30 * time.Second,
		Log:      Log{Level: "info", Format: "json"},
		origins:  map[string]Origin{},
	}
}

// Bounds returns the bounds as package hash takes them.
func (b HashBounds) Bounds() hash.Bounds {
	return hash.Bounds{
		BcryptCost: int(b.BcryptCost), Argon2Memory: b.Argon2MemoryKiB, Argon2Time: b.Argon2Time, Argon2Lanes: b.Argon2Lanes,
		Argon2Work: b.Argon2Work, ScryptMemory: b.ScryptMemory, ScryptParallel: b.ScryptParallel,
		PBKDF2Iterations: b.PBKDF2Iterations, SHACryptRounds: b.SHACryptRounds, PHPassLog2: b.PHPassLog2,
		DigestIterations: b.DigestIterations, Salt: int(b.Salt),
	}
}

// Config returns which products are answered, and by which keys, as package bridge takes it.
func (b Bridge) Config() bridge.Config {
	access := func(p Product) bridge.Access {
		return bridge.Access{Key: p.Key.Reveal(), User: p.User, Header: p.Header}
	}
	return bridge.Config{
		Keycloak: access(b.Keycloak), Kratos: access(b.Kratos), Okta: access(b.Okta),
		Cognito: access(b.Cognito), FusionAuth: access(b.FusionAuth),
	}
}

// Rules returns the limits as package limit takes them.
func (l Limits) Rules() limit.Rules {
	rules := limit.DefaultRules()
	set := func(l Limit, r limit.Rule) limit.Rule {
		return limit.Rule{Count: l.Count, Per: l.Per, Burst: l.Burst}.Or(r)
	}
	return limit.Rules{Address: set(l.Address, rules.Address), Identifier: set(l.Identifier, rules.Identifier)}
}

// setDefaults fills a source that has just been begun.
func (l *Legacy) setDefaults() {
	l.Kind, l.Timeout, l.MaxConns = "sql", 2*time.Second, 8
	l.Watch = Watch{Every: 30 * time.Second, Overlap: 2 * time.Minute}
	l.Reconcile = Reconcile{Every: 24 * time.Hour, PerSecond: 50, MostChanged: 10}
}

// setWord takes `limits: on` and `limits: off`.
func (l *Limits) setWord(word string) error {
	off, err := onOff(word)
	l.Off = off
	return err
}

// setWord takes `write: on` and `write: off`.
func (w *Write) setWord(word string) error {
	off, err := onOff(word)
	w.On = err == nil && !off
	return err
}

// setWord takes `admin: off`.
func (a *Admin) setWord(word string) error {
	off, err := onOff(word)
	if off {
		a.Listen = "off"
	}
	return err
}

// SQLitePath returns the path of a sqlite:// address.
func SQLitePath(u URL) (string, bool) {
	path, ok := strings.CutPrefix(u.Reveal(), "sqlite://")
	if path, err := url.PathUnescape(strings.SplitN(path, "?", 2)[0]); ok && err == nil {
		return path, true
	}
	return "", false
}

// Warnings are what is allowed but should not be left unsaid.
func (c *Config) Warnings() Problems { return c.notes }
