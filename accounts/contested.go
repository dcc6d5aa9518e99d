package accounts

import (
	"context"
	"errors"
	"slices"
	"strings"

	"rekey/legacy"
)

// A value is contested when several legacy people hold it: two rows "Anna" and "anna" in a store that tells them
// apart, or one person's name that is another's e-mail. Nobody who holds it is moved; whoever spells it exactly as
// their row does is answered by the legacy store; support settles it.

// spelledExactly keeps the people one of whose identifiers is, byte for byte, what was typed; spaces around it belong
// to neither.
func spelledExactly(found []candidate, spelling string) []candidate {
	var exact []candidate
	for _, c := range found {
		as := func(stored string) bool { return strings.Trim(stored, " ") == spelling }
		if slices.ContainsFunc(c.user.Identifiers(), as) {
			exact = append(exact, c)
		}
	}
	return exact
}

// spelled reports whether the account holds the name in just this spelling. An account that was born here is no exception:
// the legacy store may have had a namesake in a spelling that nobody thought of asking for when it was registered.
func (r Record) spelled(name Identifier) bool {
	return slices.ContainsFunc(r.Identifiers, func(id Identifier) bool {
		return id.Canonical == name.Canonical && id.Spelling == name.Spelling
	})
}

// loginOtherSpelling answers for a name that an account here holds in another spelling. As a rule it is the same
// person, who typed a capital letter; but the value may have been moved for "anna" before "Anna" ever came. So the
// legacy store is asked once who is spelled like this.
func (s *Service) loginOtherSpelling(ctx context.Context, rec Record, name Identifier, a Attempt) (Person, error) {
	key := ownKey(rec, name)
	if s.ownSpelling.has(key, s.now()) {
		return s.loginHere(ctx, rec, a)
	}
	found, silent := s.ask(ctx, name)
	if errors.Is(silent, legacy.ErrTooMany) {
		return s.loginHere(ctx, rec, a) // none of so many namesakes can be answered for: that is a refusal, not a doubt
	}
	namesakes, err := s.notOf(ctx, rec, spelledExactly(found, name.Spelling))
	if err != nil {
		return Person{}, err
	}
	if silent != nil && (len(namesakes) == 0 || !s.answersInDoubt()) {
		// A migrated person does not notice that the legacy store is down. Whether a wrong password is wrong cannot
		// be told, though: it may be right for the namesake.
		person, here := s.loginHere(ctx, rec, a)
		if here == nil {
			return person, nil
		}
		doubt := cannotTell("ask the legacy store for a namesake", silent)
		return Person{}, doubtAfter(doubt, errors.Is(here, ErrCredentials))
	}

	var person Person
	switch {
	case silent != nil:
		person, err = s.loginInDoubt(ctx, namesakes, name, silent, a)
	case len(namesakes) == 0:
		s.ownSpelling.add(key, s.now())
		return s.loginHere(ctx, rec, a)
	default:
		person, err = s.loginCandidates(ctx, namesakes, true, a)
	}
	if err == nil {
		if err := s.contest(ctx, rec, name, a); err != nil {
			s.log.WarnContext(ctx, "contested identifier not marked", "account", rec.ID, "error", err)
		}
	}
	return person, err
}

// answersInDoubt reports whether a person may be answered for while a legacy store is silent that may hold their name too.
// Where the order decides whose a name is, or people of several stores may be one, it has to be known first who they are.
func (s *Service) answersInDoubt() bool {
	return s.collisions != CollisionsPreferOrder && s.collisions != CollisionsLink
}

// loginInDoubt answers while a legacy store is silent: for the people whom the others hold under just this spelling, as
// for any contested value, and without moving them. Whoever proves a password is in. Everything else is a doubt, since
// somebody of the silent store may be meant; a wrong password counts as a guess nevertheless.
func (s *Service) loginInDoubt(ctx context.Context, found []candidate, name Identifier, silent error, a Attempt) (Person, error) {
	doubt := cannotTell("ask the legacy store", silent)
	found = spelledExactly(found, name.Spelling)
	if len(found) == 0 || len(found) > maxCandidates || !s.answersInDoubt() {
		return Person{}, doubt
	}
	for i := range found {
		found[i].unsure = true
	}
	person, err := s.loginEach(ctx, found, true, a)
	if errors.Is(err, ErrCredentials) {
		return Person{}, doubtAfter(doubt, true)
	}
	return person, err
}

// ownKey names a spelling that means an account.
func ownKey(rec Record, name Identifier) string { return rec.ID.String() + name.Spelling }

// contest marks a value whose account has moved before the namesake was seen.
func (s *Service) contest(ctx context.Context, rec Record, name Identifier, a Attempt) error {
	if rec.contests(name) {
		return nil
	}
	_, err := s.store.Contest(ctx, name.Canonical, s.event(rec.ID, EventContested, a))
	return err
}

// maxCandidates bounds what one attempt can cost: each candidate is a hash. Where more people share a name to the
// letter, the password cannot say which of them is meant at a price that one attempt may have.
const maxCandidates = 4

// loginCandidates answers for the legacy people who may be meant: one, as a rule. Of several who share the exact
// spelling, the password says which.
func (s *Service) loginCandidates(ctx context.Context, found []candidate, contested bool, a Attempt) (Person, error) {
	if len(found) == 0 || len(found) > maxCandidates {
		return Person{}, s.refuseUnknown(ctx, a)
	}
	if s.collisions == CollisionsLink && acrossSources(found) {
		return s.loginLinkable(ctx, found, a)
	}
	return s.loginEach(ctx, found, contested, a)
}

// loginEach tries people in turn.
func (s *Service) loginEach(ctx context.Context, found []candidate, contested bool, a Attempt) (Person, error) {
	var doubt, no error
	for _, c := range found {
		person, err := s.loginCandidate(ctx, c, contested, a)
		switch {
		case err == nil:
			return person, nil
		case errors.Is(err, ErrCredentials):
			no = err
		default:
			doubt = err
		}
	}
	if doubt != nil {
		return Person{}, doubtAfter(doubt, no != nil)
	}
	return Person{}, no
}
