package config

import "time"

// Legacy is one source of people.
type Legacy struct {
	Name string `yaml:"name"`
	Kind string `yaml:"kind"`
	DSN  URL    `yaml:"dsn"`
	// ReplicaDSN is a copy that the old database keeps itself, for reading everybody; it may be behind.
	ReplicaDSN URL `yaml:"replica_dsn"`

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

	CopyBack string `yaml:"copy_back"` // what the source is told of changes made in the new store: none, profile-only or full

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

// Params tells a scheme what its stored strings do not: "iterations", "encoding", "signerKey", …
type Params map[string]Secret

// setDefaults fills a source that has just been begun.
func (l *Legacy) setDefaults() {
	l.Kind, l.Timeout, l.MaxConns = "sql", 2*time.Second, 8
	l.Watch = Watch{Every: 30 * time.Second, Overlap: 2 * time.Minute}
	l.Reconcile = Reconcile{Every: 24 * time.Hour, PerSecond: 50, MostChanged: 10}
}

// setWord takes `write: on` and `write: off`.
func (w *Write) setWord(word string) error {
	off, err := onOff(word)
	w.On = err == nil && !off
	return err
}
