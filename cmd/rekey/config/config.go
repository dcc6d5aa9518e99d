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
	"runtime"
	"strings"
	"time"

	"rekey/accounts"
	"rekey/accounts/policy"
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
	Bridge         Bridge         `yaml:"bridge"` // products that rekey answers as their old system
	Sweeper        Sweeper        `yaml:"sweeper"`
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

// A List is a list of words. In the environment it is written with commas.
type List []string

// Texts are values under free names.
type Texts map[string]string

// Tokens says how tokens are made.
type Tokens struct {
	Algorithm       string        `yaml:"algorithm"`
	AccessLife      time.Duration `yaml:"access_life"`
	ClientID        string        `yaml:"client_id"`
	RefreshIdle     time.Duration `yaml:"refresh_idle"`
	RefreshAbsolute time.Duration `yaml:"refresh_absolute"`
	RotateKeysEvery time.Duration `yaml:"rotate_keys_every"` // 0: never
}

// Login tunes the login flow.
type Login struct {
	Floor time.Duration `yaml:"floor"` // the shortest time of a refusal
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
		Sweeper:  Sweeper{Workers: int64(runtime.NumCPU())},
		Password: Password{MemoryKiB: 19456, Time: 2, Lanes: 1, Queue: 2 * time.Second, Kernel: KernelAuto}, // OWASP's first choice
		Phase:    Phase{Limits: defaultGateLimits(), Compare: 0.01, ComparePerSecond: 5},
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
