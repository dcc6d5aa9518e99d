// Package ldapsource reads an old user store that is an LDAP directory, such as OpenLDAP or Active Directory.
//
// It finds people by searching under a name of its own, and where the directory does not show their hashes it proves a
// password by binding as the person. A Source never writes; a Writer does, for which the
// configuration has to ask. Neither ever follows a referral, nor binds with an empty password,
// which a directory would answer with "success". A person's bind has a connection to itself, on which nothing else is asked.
//
// It has connections, a deadline and a circuit breaker of its own, so that a slow old directory costs nobody but those
// who still live in it. What the directory sends is bounded, and looked at, before it is parsed. No error of the package
// contains a value of an entry, a value that was asked for, a password, or the server's own words.
package ldapsource

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"rekey/legacy"
	"rekey/legacy/guard"
	"rekey/legacy/hash"
)

// maxPeople is how many may share one identifier. More is a directory that was mapped wrongly.
const maxPeople = 16

// A Source is an old user store in a directory. It is a legacy.Source, a legacy.Getter, a legacy.Verifier, a
// legacy.Lister, a legacy.Checker and a legacy.Pinger.
type Source struct {
	config Config
	named  []string // the attributes that the configuration itself names: what Check wants to be known
	base   *ldap.DN
	kind   keyKind
	read   []string        // the attributes to ask for
	asked  map[string]bool // the same, in lower case
	guard  *guard.Guard
	dialer *dialer
	people *pool
	binds  chan struct{} // one in it for each password that is being tried
	keys   keyring
	hashes *hash.Registry // what can be read, though nothing is verified with it here
}

var (
	_ legacy.Source   = (*Source)(nil)
	_ legacy.Getter   = (*Source)(nil)
	_ legacy.Verifier = (*Source)(nil)
	_ legacy.Lister   = (*Source)(nil)
	_ legacy.Checker  = (*Source)(nil)
	_ legacy.Pinger   = (*Source)(nil)
)

// Open checks the configuration. It does not ask the directory, which may be down: Check does.
func Open(c Config) (*Source, error) {
	fail := func(err error) (*Source, error) { return nil, fmt.Errorf("legacy source %s: %w", c.Name, err) }
	named := c.named()
	if err := c.complete(); err != nil {
		return fail(err)
	}
	s := &Source{config: c, named: named, kind: keyKindOf(c.Attributes.ID), read: c.attributes(), asked: map[string]bool{}}
	for _, name := range s.read {
		s.asked[strings.ToLower(name)] = true
	}
	var err error
	if s.base, err = ldap.ParseDN(c.BaseDN); err != nil {
		return fail(err)
	}
	s.guard, err = guard.New(guard.Config{
		Source: c.Name, Describe: s.describe, Timeout: c.Timeout, BreakAfter: c.BreakAfter, BreakFor: c.BreakFor,
	})
	if err != nil {
		return fail(err)
	}
	if s.dialer, err = newDialer(c); err != nil {
		return fail(err)
	}
	s.people = newPool(c.MaxConns, time.Now, s.connect)
	s.binds = make(chan struct{}, c.MaxConns)
	s.keys.gate = make(chan struct{}, 1)
	s.hashes = hash.New(hash.Config{})
	return s, nil
}

// Close hangs up. Questions under way end with an error.
func (s *Source) Close() error {
	s.dialer.close()
	return nil
}

// connect opens a connection on which the source's own name is bound.
func (s *Source) connect(ctx context.Context) (*conn, error) {
	c, err := s.dialer.dial(ctx)
	if err != nil || s.config.BindDN == "" {
		return c, err
	}
	if err := c.bind(ctx, s.config.BindDN, s.config.BindPassword); err != nil {
		c.close()
		return nil, bindError(err)
	}
	return c, nil
}

// Lookup is legacy.Source's. It is one search with an alternative for each spelling and identifier attribute, each of
// which wants an equality index. Values are compared by the attribute's own matching rule, which for most folds case and
// spaces.
func (s *Source) Lookup(ctx context.Context, spellings ...string) ([]legacy.User, error) {
	filter := s.lookupFilter(spellings)
	if filter == "" {
		return nil, nil
	}
	var users []legacy.User
	err := s.guard.Ask(ctx, "read users", func(ctx context.Context) error {
		found, whole, err := s.find(ctx, s.request(filter, s.read, maxPeople+1))
		switch {
		case err != nil:
			return err
		case len(found) > maxPeople:
			return guard.Answered(legacy.ErrTooMany)
		case !whole:
			return mapping("its own limit on the size of an answer is below %d (LDAP result 4)", maxPeople+1)
		}
		var bad []*legacy.RowError
		users, bad = s.users(found)
		if len(bad) > 0 {
			return guard.Answered(joined(bad))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return users, nil
}

// Get is legacy.Getter's. The answer's key must be the one that was asked for to the byte.
func (s *Source) Get(ctx context.Context, id string) (legacy.User, error) {
	var user legacy.User
	err := s.guard.Ask(ctx, "read a user by key", func(ctx context.Context) error {
		found, err := s.byKey(ctx, id, s.read)
		if err != nil {
			return err
		}
		var bad *legacy.RowError
		if user, bad = s.user(found); bad != nil {
			return guard.Answered(bad)
		}
		return nil
	})
	if err != nil {
		return legacy.User{}, err
	}
	return user, nil
}

// byKey returns the entry of a key, and legacy.ErrNoUser if there is none.
func (s *Source) byKey(ctx context.Context, id string, attributes []string) (*ldap.Entry, error) {
	request, ok := s.keyRequest(id, attributes)
	if !ok {
		return nil, guard.Answered(legacy.ErrNoUser)
	}
	found, whole, err := s.find(ctx, request)
	if err != nil {
		return nil, err
	}
	var same []*ldap.Entry
	for _, from := range found { // a matching rule may find "ABC" for "abc"
		if e, reason := s.newEntry(from); reason == "" {
			if key, reason := s.key(e); reason == "" && key == id {
				same = append(same, from)
			}
		}
	}
	switch {
	case len(same) == 1 && whole:
		return same[0], nil
	case len(same) > 1:
		return nil, guard.Answered(legacy.ErrTooMany)
	case !whole:
		return nil, mapping("its own limit on the size of an answer is below %d (LDAP result 4)", request.SizeLimit)
	}
	return nil, guard.Answered(legacy.ErrNoUser)
}

// find asks a search on a connection of the pool. whole is false where the answer was cut at its limit.
func (s *Source) find(ctx context.Context, request *ldap.SearchRequest) (found []*ldap.Entry, whole bool, err error) {
	result, err := s.people.search(ctx, request)
	switch {
	case isCode(err, ldap.LDAPResultSizeLimitExceeded):
		whole = false // what has come is an answer
	case isCode(err, ldap.LDAPResultNoSuchObject) && request.Scope == ldap.ScopeBaseObject && request.BaseDN != s.config.BaseDN:
		// A person who is their own base is not there. Or nothing is, for us: the base tells.
		return nil, true, s.seeBase(ctx)
	case err != nil:
		return nil, false, searchError(err)
	default:
		whole = true
	}
	if len(result.Referrals) > 0 {
		// Whoever is not found may be there, so that "nobody" would be more than is known.
		return nil, false, mapping("a part below the base is on another server, and referrals are not followed: narrow the base")
	}
	return result.Entries, whole, nil
}

// users makes people of entries.
func (s *Source) users(found []*ldap.Entry) (users []legacy.User, bad []*legacy.RowError) {
	for _, from := range found {
		user, unreadable := s.user(from)
		if unreadable != nil {
			bad = append(bad, unreadable)
			continue
		}
		users = append(users, user)
	}
	return users, bad
}

// request is a search among people. limit is how many are told; 0 is as many as there are.
func (s *Source) request(filter string, attributes []string, limit int) *ldap.SearchRequest {
	scope := ldap.ScopeWholeSubtree
	if s.config.OneLevel {
		scope = ldap.ScopeSingleLevel
	}
	return s.anyRequest(s.config.BaseDN, scope, "(&"+s.config.UserFilter+filter+")", attributes, limit)
}

// seeBase asks whether the base is there.
func (s *Source) seeBase(ctx context.Context) error {
	found, _, err := s.find(ctx, s.anyRequest(s.config.BaseDN, ldap.ScopeBaseObject, anyone, nothing(), 1))
	if err == nil && len(found) != 1 {
		return mapping("the source may not see the base")
	}
	return err
}

const anyone = "(objectClass=*)"

// nothing asks for an entry without any attribute (RFC 4511, 4.5.1.8).
func nothing() []string { return []string{"1.1"} }

// domainScope asks Active Directory not to tell of other servers' parts (MS-ADTS, 3.1.1.3.4.1.4): at the root of a domain
// there are some in which nobody is.
const domainScope = "1.2.840.113556.1.4.1339"

func (s *Source) anyRequest(base string, scope int, filter string, attributes []string, limit int) *ldap.SearchRequest {
	seconds := int((s.guard.Timeout() + time.Second - 1) / time.Second) // then the directory need not go on
	var controls []ldap.Control
	if s.config.Preset == presetActiveDirectory {
		controls = append(controls, ldap.NewControlString(domainScope, false, ""))
	}
	if len(attributes) == 0 {
		attributes = nothing()
	}
	return ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, limit, seconds, false, filter, attributes, controls)
}

// keyRequest asks for the people of a key. It is false if no key is written that way.
func (s *Source) keyRequest(id string, attributes []string) (*ldap.SearchRequest, bool) {
	value, ok := s.kind.value(id)
	if !ok {
		return nil, false
	}
	if s.kind != keyDN {
		return s.request("("+s.config.Attributes.ID+"="+ldap.EscapeFilter(value)+")", attributes, 2), true
	}
	name, err := ldap.ParseDN(id)
	if err != nil || !s.base.AncestorOfFold(name) || s.config.OneLevel && len(name.RDNs) != len(s.base.RDNs)+1 {
		return nil, false
	}
	return s.anyRequest(id, ldap.ScopeBaseObject, s.config.UserFilter, attributes, 2), true
}

// lookupFilter finds whoever has one of the spellings; "" if nobody can. A spelling that is empty, that is longer than what
// is read, or that is no text is nobody's.
func (s *Source) lookupFilter(spellings []string) string {
	var filter strings.Builder
	seen := map[string]bool{}
	for _, spelling := range spellings {
		if spelling == "" || len(spelling) > maxIdentifier || !plain(spelling) || seen[spelling] {
			continue
		}
		seen[spelling] = true
		value := ldap.EscapeFilter(spelling)
		for _, attributes := range s.config.Attributes.several() {
			for _, attribute := range *attributes {
				filter.WriteString("(" + attribute + "=" + value + ")")
			}
		}
	}
	if filter.Len() == 0 {
		return ""
	}
	return "(|" + filter.String() + ")"
}

// joined is the error of entries that cannot be read.
func joined(bad []*legacy.RowError) error {
	errs := make([]error, len(bad))
	for i, row := range bad {
		errs[i] = row
	}
	return errors.Join(errs...)
}
