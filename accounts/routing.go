package accounts

import (
	"context"
	"errors"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// Which legacy stores are asked for a name, and whose it is when people of several stores hold it.

// Collisions is what is done when people of several legacy stores hold one identifier. People of one store who share a
// value are contested under every policy.
type Collisions string

// Collision policies. Nobody is ever merged silently.
const (
	// CollisionsQuarantine moves none of them, which is the default: each is answered by their legacy store under the
	// exact spelling, and support settles it.
	CollisionsQuarantine Collisions = "quarantine"
	// CollisionsPreferOrder gives the identifier to the person of the first store in order. The others keep what
	// identifiers they hold alone.
	CollisionsPreferOrder Collisions = "prefer-order"
	// CollisionsLink makes one account of them if one password is proven for each: the account of the person in the
	// first store in order, with a link to every other. Otherwise it is CollisionsQuarantine. Who has logged in as one of
	// the others before has another subject afterwards, and their sessions as that end.
	CollisionsLink Collisions = "link"
)

// asks reports whether a source is asked for a name. An e-mail address whose domain some source claims is asked for
// there alone; every other name is asked for in all sources, except that a source that claims domains holds no e-mail
// addresses of others.
func (s *Service) asks(source Source, name Identifier) bool {
	// An address is known by its shape: some stores keep addresses as usernames.
	if !slices.ContainsFunc(s.sources, func(some Source) bool { return len(some.Domains) > 0 }) || !emailShaped(name.Canonical) {
		return true
	}
	domain := canonicalDomain(name.Canonical[strings.LastIndexByte(name.Canonical, '@')+1:])
	if slices.Contains(source.Domains, domain) {
		return true
	}
	claimed := slices.ContainsFunc(s.sources, func(other Source) bool { return slices.Contains(other.Domains, domain) })
	return !claimed && len(source.Domains) == 0
}

// canonicalDomain is the form in which domains are compared: lower case, ASCII (RFC 5891), without a dot at the end.
func canonicalDomain(domain string) string {
	domain = strings.TrimSuffix(strings.ToLower(domain), ".")
	if ascii, err := idna.Lookup.ToASCII(domain); err == nil {
		return ascii
	}
	return domain
}

// notOf keeps the people whom an account is not made from.
func (s *Service) notOf(ctx context.Context, rec Record, found []candidate) ([]candidate, error) {
	var others []candidate
	for _, c := range found {
		linked, err := s.store.ByLink(ctx, c.source.Name, c.user.ID)
		switch {
		case errors.Is(err, ErrNotFound), err == nil && linked.ID != rec.ID:
			others = append(others, c)
		case err != nil:
			return nil, cannotTell("read account by link", err)
		}
	}
	return others, nil
}

// preferred keeps the people of the first store in order, if that is the policy.
func (s *Service) preferred(found []candidate) []candidate {
	if s.collisions != CollisionsPreferOrder || len(found) == 0 {
		return found
	}
	return slices.DeleteFunc(found, func(c candidate) bool { return c.order != found[0].order }) // they are in order
}

// rivals are the sources whose people may stand in the way of a person's move. Under CollisionsPreferOrder they are those
// up to the person's own: what is behind takes nothing from them.
func (s *Service) rivals(c candidate) []Source {
	if s.collisions == CollisionsPreferOrder {
		return s.sources[:c.order+1]
	}
	return s.sources
}

// settle leaves of a person's identifiers those that they may take with them, now that holders are all who hold one of
// them. also are people who are linked with them.
func (s *Service) settle(c candidate, also []candidate, ids []Identifier, holders []candidate) ([]Identifier, error) {
	for _, holder := range holders {
		switch {
		case holder.is(c), slices.ContainsFunc(also, holder.is):
		case s.collisions == CollisionsPreferOrder && holder.order > c.order:
			// Theirs it is not, and never was.
		case s.collisions == CollisionsPreferOrder && holder.order < c.order:
			ids = slices.DeleteFunc(slices.Clone(ids), func(id Identifier) bool { return s.asks(holder.source, id) && holder.holds(id.Canonical) })
		default:
			return nil, errContested
		}
	}
	if len(ids) == 0 {
		return nil, errContested
	}
	return ids, nil
}

// acrossSources reports whether each of several people is of another store.
func acrossSources(found []candidate) bool {
	for i := 1; i < len(found); i++ { // they are in order
		if found[i].order == found[i-1].order {
			return false
		}
	}
	return len(found) > 1
}

// loginLinkable answers for people of several stores who share a name: if the password is proven for every one of them,
// they are one person, and are moved as one. Once one of them has an account it is too late for that.
func (s *Service) loginLinkable(ctx context.Context, found []candidate, a Attempt) (Person, error) {
	if a.alone {
		return Person{}, cannotTell("tell who was moved as one", errAlone)
	}
	switch linked, err := s.anyLinked(ctx, found); {
	case err != nil:
		return Person{}, err
	case linked:
		return s.loginEach(ctx, found, true, a)
	}
	var proven []candidate
	var proofs []proof
	var doubt, no error
	for _, c := range found {
		c, err := s.ended(ctx, c)
		if err != nil {
			return Person{}, err
		}
		p, err := s.prove(ctx, c, a)
		switch {
		case err == nil && c.user.Disabled:
			no = refused("legacy-disabled")
		case err == nil:
			proven, proofs = append(proven, c), append(proofs, p)
		case errors.Is(err, ErrCredentials):
			no = err
		default:
			doubt = err
		}
	}
	switch {
	case len(proven) == len(found):
		return s.migrate(ctx, proven[0], proofs[0], proven[1:], a)
	case doubt != nil: // they may all be one: to answer for one of them now would give that one a subject of its own
		return Person{}, doubtAfter(doubt, no != nil)
	case len(proven) > 0:
		s.noteContested(ctx, proven[0], a)
		return s.unmoved(proven[0]), nil
	}
	return Person{}, no
}

// anyLinked reports whether one of the people has an account already.
func (s *Service) anyLinked(ctx context.Context, found []candidate) (bool, error) {
	for _, c := range found {
		_, err := s.store.ByLink(ctx, c.source.Name, c.user.ID)
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, ErrNotFound) {
			return false, cannotTell("read account by link", err)
		}
	}
	return false, nil
}
