package accounts

import (
	"context"
	"crypto/hmac"
	"errors"

	"rekey/accounts/phase"
)

// copyAgain answers for somebody whose password was just proven by the legacy store, though there is a copy of them here:
// in a phase in which legacy answers, or because the copy is not trusted. Where the copy may be another than what legacy
// has, it is made again. Whatever goes wrong with that, the person is in.
func (s *Service) copyAgain(ctx context.Context, rec Record, c candidate, p proof, a Attempt) Person {
	row := a.row(rec)
	if row.Login == phase.TakeNothing || !s.stale(rec, c, a) {
		return personOf(rec)
	}
	err := s.outlive(ctx, func(ctx context.Context) error { return s.recopy(ctx, rec, c, p, a) })
	switch {
	case err == nil:
		s.stats.Recopied.Add(1)
	case errors.Is(err, ErrStale), errors.Is(err, ErrStaleEpoch): // somebody else was faster, or the phase is another
	case errors.Is(err, errContested), errors.Is(err, ErrTaken):
		s.noteContested(ctx, c, a)
	default:
		s.stats.NotRecopied.Add(1)
		s.log.WarnContext(ctx, "account not copied again; the next login tries again", "account", rec.ID, "error", err)
	}
	return personOf(rec)
}

// stale reports whether a copy may differ from what the legacy store has.
func (s *Service) stale(rec Record, c candidate, a Attempt) bool {
	return rec.Link.Dirty || rec.Link.Drifted || !hmac.Equal(rec.Link.Fingerprint, s.fingerprint(c)) ||
		a.at.Phase >= phase.Both && !a.at.Trusts(facts(rec))
}

func (s *Service) recopy(ctx context.Context, rec Record, c candidate, p proof, a Attempt) error {
	credential, err := s.credentialFor(ctx, rec.ID, p, a.Password)
	if err != nil {
		return err
	}
	ids, _ := s.identifiersOf(c, nil)
	if ids, err = s.stillSo(ctx, c, nil, ids); err != nil {
		return err
	}
	next := Record{Account: rec.Account, Credential: credential, Link: s.linkOf(c, 0, a)}
	next.Identifiers = ids
	event := s.event(rec.ID, EventCopied, a)
	event.Detail = map[string]string{"source": c.source.Name, "legacy_id": c.user.ID, "how": string(ByLogin)}
	return s.writes(a).Recopy(ctx, next, rec.Credential.Version, event)
}
