package accounts

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"slices"

	"rekey/accounts/phase"
)

// copyAgain answers for somebody whose password was just proven by the legacy store, though there is a copy of them here:
// in a phase in which legacy answers, or because the copy is not trusted. Where the copy may be another than what legacy
// has, it is made again. Whatever goes wrong with that, the person is in, unless they are found to be another than the one whose
// copy it is.
func (s *Service) copyAgain(ctx context.Context, rec Record, c candidate, p proof, a Attempt) (Person, error) {
	row := a.row(rec)
	if row.Login == phase.TakeNothing || !s.stale(rec, c, a) && !rec.Credential.Waits() {
		return s.byLegacy(personOf(rec), c), nil
	}
	err := s.outlive(ctx, func(ctx context.Context) error { return s.recopy(ctx, rec, c, p, a) })
	switch {
	case err == nil:
		s.countShadow(a, nil)
		s.stats.Recopied.Add(1)
		// What was copied may owe something else now, and have another second factor, or none. It may also be what answers from
		// now on, and then its second step is asked for here.
		if again, err := s.store.ByID(ctx, rec.ID); err == nil && again.Credential.Version == rec.Credential.Version+1 {
			again.SessionEpoch = rec.SessionEpoch // what has ended their sessions meanwhile ends this one too
			if rec = again; a.row(rec).Answers == phase.New {
				return personOf(rec), nil
			}
		}
	case isReused(err):
		return Person{}, s.doubtReused(ctx, c, noteReused, a)
	case errors.Is(err, ErrStale), errors.Is(err, ErrStaleEpoch): // somebody else was faster, or the phase is another
	case errors.Is(err, errContested), errors.Is(err, ErrTaken):
		s.noteContested(ctx, c, a)
	default:
		s.countShadow(a, err)
		s.markDirty(ctx, c, a)
		s.stats.NotRecopied.Add(1)
		s.log.WarnContext(ctx, "account not copied again; the next login tries again", "account", rec.ID, "error", err)
	}
	return s.byLegacy(personOf(rec), c), nil
}

// ended notes how often the sessions of somebody who is not here have ended, for the one that is opened for them. If ever, then
// after a change of their password, which what was read of them may be older than.
func (s *Service) ended(ctx context.Context, c candidate) (candidate, error) {
	epoch, err := s.store.SessionEpoch(ctx, SubjectFor(c.source.Name, c.user.ID))
	switch {
	case err != nil:
		return candidate{}, cannotTell("read session epoch", err)
	case epoch == 0:
		return c, nil
	}
	c.epoch = epoch
	return s.readAgain(ctx, c)
}

// readAgain reads a legacy person once more, after the copy of them here was read: in the other order a change that comes
// between would let an old password in, with the session of the new one, and be undone by an older copy.
func (s *Service) readAgain(ctx context.Context, c candidate) (candidate, error) {
	ids, _ := c.identifiers()
	again, err := s.lookup(ctx, []Source{c.source}, ids)
	switch i := slices.IndexFunc(again, c.is); {
	case err != nil:
		return candidate{}, cannotTell("ask the legacy store again", err)
	case i < 0:
		return candidate{}, &UnavailableError{RetryAfter: retryChanged, Err: errChanged}
	default:
		c.user = again[i].user
		return c, nil
	}
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
	return s.recopyWith(ctx, rec, c, credential, p, a)
}

// recopyWith is recopy with a credential that was made from what c has, by the hash of p if there is one.
func (s *Service) recopyWith(ctx context.Context, rec Record, c candidate, credential Credential, p proof, a Attempt) error {
	parts, err := s.partsOf(ctx, rec, c)
	if err != nil {
		return err
	}
	ids, _, err := s.stillSo(ctx, parts[0], parts[1:])
	if err != nil {
		return err
	}
	next := Record{Account: rec.Account, Credential: credential, Link: s.linkOf(c, 0, a)}
	if rec.Link.How != ByCopyBack { // of whom was born here legacy has what it has a column for
		profile := profileFrom(parts[0].user.Profile)
		next.Profile = &profile
	}
	if rec.Link.Source == c.source.Name && rec.Link.LegacyID == c.user.ID {
		next.Was = rec.Link // the others of a merged account are never marked
	}
	next.Identifiers, next.DisabledThere = provenHere(ids, rec.Identifiers), c.user.Disabled
	s.owe(&next, p, c.user.Profile)
	if credential == rec.Credential { // it stays, and what it owes
		next.NeedsChange = rec.NeedsChange
	}
	next.Factors = []Factor{} // those that legacy has now, which may be none
	if err := s.carryFactors(ctx, &next, c); err != nil {
		return err
	}
	event := s.event(rec.ID, EventCopied, a)
	event.Detail = map[string]string{"source": c.source.Name, "legacy_id": c.user.ID, "how": string(a.way())}
	if p.hash != nil {
		event.Detail["from"], event.Detail["to"] = schemeName(p.hash), string(credential.Scheme)
	}
	return s.writes(a).Recopy(ctx, next, rec.Credential.Version, event)
}

// partsOf returns the legacy people whom an account is made of, in their order, with c as it was read. Whoever has none of the
// account's names there any more is none of them, nor is who has the key of one of them now. That is looked at here, behind which
// every copy is made again: what is noted of the links is newer than c. Its error is reused's where c is such a one.
func (s *Service) partsOf(ctx context.Context, rec Record, c candidate) ([]candidate, error) {
	links, err := s.store.Links(ctx, rec.ID)
	if err != nil {
		return nil, fmt.Errorf("read links: %w", err)
	}
	var parts []candidate
	for _, l := range links {
		if l.Source == c.source.Name && l.LegacyID == c.user.ID {
			if s.isOther(c, l) {
				return nil, reused()
			}
			parts = append(parts, c)
			continue
		}
		i := s.sourceIndex(l.Source)
		if i < 0 {
			return nil, fmt.Errorf("read person %s of %s: %w", l.LegacyID, l.Source, errNoSource)
		}
		found, err := s.lookup(ctx, s.sources[i:i+1], rec.Identifiers)
		if err != nil {
			return nil, err
		}
		for _, part := range found {
			if part.user.ID == l.LegacyID && !s.isOther(part, l) {
				parts = append(parts, part)
			}
		}
	}
	if !slices.ContainsFunc(parts, c.is) {
		return nil, ErrStale // the link has gone meanwhile
	}
	return parts, nil
}

// provenHere keeps what somebody has shown here to be theirs: an old store need not keep note of that.
func provenHere(ids, here []Identifier) []Identifier {
	ids = slices.Clone(ids)
	for i, id := range ids {
		ids[i].Verified = id.Verified || slices.ContainsFunc(here, func(own Identifier) bool { return own.Verified && own.Canonical == id.Canonical })
	}
	return ids
}

// markDirty notes that a copy could not be made equal to legacy: a step up counts such copies. Whom it concerns does not wait
// for it, and where it cannot be noted either, their next login finds out by itself, by the fingerprint.
func (s *Service) markDirty(ctx context.Context, c candidate, a Attempt) {
	s.unended.Go(func() {
		err := s.outlive(ctx, func(ctx context.Context) error {
			return s.writes(a).MarkDirty(ctx, LegacyKey{c.source.Name, c.user.ID})
		})
		if err != nil {
			s.log.WarnContext(ctx, "copy not marked as behind legacy", "source", c.source.Name, "legacy_id", c.user.ID, "error", err)
		}
	})
}
