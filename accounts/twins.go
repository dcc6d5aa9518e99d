package accounts

import (
	"context"
	"slices"
	"strings"

	"rekey/legacy"
)

// Several records of an old store may have one key. Who of them an account was made of, if there is one, nothing tells by the key, so
// none of them is compared with it. They differ until the old store has them apart, or until staff say that it is as it should be: in
// quarantine, where a sweep has put them, or as a difference that is accepted.

// CompareTwins judges a record that a page has shown not to be alone under its key. Its error is an *UnavailableError.
func (s *Service) CompareTwins(ctx context.Context, source, legacyID string) (Judgement, error) {
	verdict, err := s.letBe(ctx, LegacyKey{source, legacyID})
	if err != nil || verdict == VerdictIgnored {
		return Judgement{Verdict: verdict}, err
	}
	several, both, err := s.twins(ctx, source, legacyID)
	if err != nil {
		return Judgement{}, err
	}
	if !several { // the store shows but one of them by the key, which is all that can be accepted
		if j, err := s.CompareLink(ctx, source, legacyID); err != nil || j.Verdict == VerdictIgnored {
			return j, err
		}
	}
	return s.accepted(ctx, source, legacyID, SeveralOfOneKey(), both)
}

// twins reads all records under a key, and reports whether there are several. The pair is of all of them.
func (s *Service) twins(ctx context.Context, source, legacyID string) (several bool, both pair, err error) {
	con, err := s.content(ctx, source, legacyID)
	if err != nil {
		return false, pair{}, err
	}
	if con != nil {
		both.ours = con.Link.Fingerprint
	}
	i := s.sourceIndex(source)
	if i < 0 {
		return false, pair{}, errUnknownSource
	}
	getter, ok := s.sources[i].Source.(legacy.Getter)
	if !ok {
		return false, both, nil
	}
	users, err := legacy.GetMany(ctx, getter, []string{legacyID})
	unreadable, err := legacy.RowErrors(err)
	if err != nil {
		return false, pair{}, cannotTell("read people of "+source, err)
	}
	prints := make([]string, len(users))
	for n, user := range users {
		prints[n] = string(s.fingerprint(candidate{source: s.sources[i], user: user}))
	}
	both.theirs = s.print(nil, strings.Join(slices.Sorted(slices.Values(prints)), ""))
	return len(users)+len(unreadable) > 1, both, nil
}
