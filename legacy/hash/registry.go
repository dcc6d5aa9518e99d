package hash

import (
	"fmt"
	"slices"
	"strings"

	"rekey/legacy"
)

// A Scheme is one way of storing a password: a row of the registry's table.
type Scheme struct {
	Name    string   // as in configuration
	Aliases []string // other names in use
	Family  string   // the grammar it shares with others; each family has a fuzz target

	// Match recognises the scheme by its stored string alone. It is nil for a shape that several schemes share (32
	// hex digits are made by forty): such a scheme must be declared.
	Match func(stored string) bool

	parse func(env *env, s legacy.Stored) (*Hash, error)

	// recipe is what the scheme is a name for, if it is one for a recipe.
	recipe string

	// escape names what the application did to some passwords before it hashed them, see phpReadings.
	escape string
}

// env is what parsers need from outside.
type env struct {
	bounds Bounds
	argon2 Argon2
	// open parses a nested value of another scheme, for containers such as LDAP's {CRYPT}.
	open func(s legacy.Stored) (*Hash, error)
}

// Argon2 derives an argon2 key. variant is "argon2d", "argon2i" or "argon2id"; version 0x10 or 0x13; memory in KiB.
// It returns nil for what it does not support, and this package computes that itself.
type Argon2 func(variant string, version int, password, salt, secret, data []byte, time, memory uint32, lanes uint8, length uint32) []byte

// A Registry opens stored hashes. It is safe for concurrent use.
type Registry struct {
	env     env
	schemes []Scheme
	byName  map[string]*Scheme
}

// Config tunes a Registry; its zero value is the default.
type Config struct {
	Bounds Bounds
	Argon2 Argon2 // nil: golang.org/x/crypto's
}

// New returns a Registry of all schemes.
func New(c Config) *Registry {
	r := &Registry{schemes: schemes(), byName: map[string]*Scheme{}}
	r.env = env{bounds: c.Bounds.orDefault(), argon2: argon2With(c.Argon2), open: r.Open}
	for i := range r.schemes {
		s := &r.schemes[i]
		for _, name := range append([]string{s.Name}, s.Aliases...) {
			if r.byName[name] != nil {
				panic("hash: two schemes are called " + name) // a test builds the registry, so this never ships
			}
			r.byName[name] = s
		}
	}
	return r
}

// Schemes lists the schemes in the order in which "auto" tries them.
func (r *Registry) Schemes() []Scheme { return slices.Clone(r.schemes) }

// CheckScheme returns an error that wraps ErrScheme if name is neither "auto", nor a scheme, nor a valid recipe.
func (r *Registry) CheckScheme(name string) error {
	if name == "" || name == Auto || r.byName[name] != nil {
		return nil
	}
	if isRecipe(name) {
		_, err := compileRecipe(r.env.bounds, name)
		return err
	}
	return fmt.Errorf("%w %q: want auto, one of the names that `rekey hash identify --list` prints, or a recipe such as md5($pass.$salt)", ErrScheme, name)
}

// Needs tells whether a recipe reads a pepper and a salt, so that a configuration without them can be refused before
// anybody is. It says nothing of other schemes.
func (r *Registry) Needs(scheme string) (pepper, salt bool) {
	if r.byName[scheme] != nil || !isRecipe(scheme) {
		return false, false
	}
	compiled, err := compileRecipe(r.env.bounds, scheme)
	if err != nil {
		return false, false
	}
	return compiled.pepper, compiled.salt
}

// Auto is the scheme name that stands for "recognise each row by its own marks".
const Auto = "auto"

// Open parses a stored hash under s.Scheme: a scheme's name, a recipe, or Auto (also ""). Its errors wrap ErrScheme, ErrParams,
// ErrMalformed, ErrBounds or ErrUnusable.
func (r *Registry) Open(s legacy.Stored) (*Hash, error) {
	if len(s.Hash) > MaxStored || len(s.Salt) > MaxStored {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrMalformed, MaxStored)
	}
	if unusable(s.Hash) {
		return nil, ErrUnusable
	}
	scheme := r.byName[s.Scheme]
	switch {
	case scheme != nil:
	case s.Scheme == "" || s.Scheme == Auto:
		if scheme = r.identify(s.Hash); scheme == nil {
			return nil, fmt.Errorf("%w: not a self-describing hash; declare its scheme", ErrMalformed)
		}
	case isRecipe(s.Scheme):
		return openRecipe(&r.env, s)
	default:
		return nil, ErrScheme
	}
	s.Scheme = scheme.Name
	h, err := scheme.parse(&r.env, s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", scheme.Name, err)
	}
	for _, reading := range append(h.readings, h) {
		reading.Scheme = scheme.Name
		reading.masked.Scheme = scheme.Name
	}
	return h, nil
}

// Identify returns the name of the scheme that Auto takes for a stored string, and whether there is one.
func (r *Registry) Identify(stored string) (string, bool) {
	if s := r.identify(stored); s != nil {
		return s.Name, true
	}
	return "", false
}

func (r *Registry) identify(stored string) *Scheme {
	for i := range r.schemes {
		if s := &r.schemes[i]; s.Match != nil && s.Match(stored) {
			return s
		}
	}
	return nil
}

// unusable reports the marks by which systems say that an account has no password.
func unusable(stored string) bool {
	switch stored {
	case "", "!", "!!", "*", "x", "*LK*", "*NP*", "NP", "!*", "*!":
		return true
	}
	return strings.HasPrefix(stored, "!") // shadow(5) locks by a leading "!", Django marks by it
}
