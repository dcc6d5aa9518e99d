package accounts

import (
	"context"
	"errors"
	"slices"

	"rekey/legacy"
)

// What the sending of letters has in common: who is meant now, what they are called, and what goes out where no single person is meant.

// standing returns who is meant, as they are in the epoch that is now. The mail is sent under none.
func (s *Service) standing(ctx context.Context, about sealedMail) (standing, error) {
	a := Attempt{RequestID: about.RequestID}
	leave, err := s.enter(&a)
	if err != nil {
		return standing{}, err
	}
	defer leave()
	id, source, legacyID := about.AccountID, about.Source, about.LegacyID
	if about.Identifier != "" {
		person, err := s.Find(ctx, about.Identifier)
		if err != nil {
			return standing{}, err
		}
		id, source, legacyID = person.ID, person.Source, person.LegacyID
	}
	return s.stand(ctx, id, source, legacyID, a)
}

// personal fills in what a letter calls its reader. Without it a letter is as good.
func (s *Service) personal(ctx context.Context, st standing, l *Letter) {
	var p Profile
	if st.there != nil {
		p = profileFrom(st.there.user.Profile)
	} else if kept, err := s.store.Profile(ctx, st.id); err == nil {
		p = kept
	}
	l.Name, l.Locale = p.DisplayName, p.Locale
}

func (s *Service) deliverLetter(ctx context.Context, l Letter) error {
	if err := s.mailer.Send(ctx, l); err != nil {
		return err
	}
	s.stats.MailsSent.Add(1)
	return nil
}

// sendContested tells people who share a name that support has to settle it: each at their own address. For everybody else of
// whom no single one is meant it sends nothing.
func (s *Service) sendContested(ctx context.Context, about sealedMail) error {
	name, err := ParseIdentifier(about.Identifier)
	if err != nil {
		return nil //nolint:nilerr // it was asked by staff, for somebody who has gone since
	}
	namesakes, err := s.namesakes(ctx, name)
	if err != nil || len(namesakes) < 2 || len(namesakes) > maxCandidates {
		return err
	}
	told := make(map[string]bool)
	for _, ids := range namesakes {
		i := slices.IndexFunc(ids, func(id Identifier) bool { return id.Kind == Email })
		if i < 0 || told[ids[i].Canonical] {
			continue
		}
		told[ids[i].Canonical] = true
		if err := s.deliverLetter(ctx, Letter{Kind: LetterContested, To: ids[i].Spelling}); err != nil {
			return err
		}
	}
	return nil
}

// namesakes returns all who have a name and are not disabled, each as their identifiers.
func (s *Service) namesakes(ctx context.Context, name Identifier) (all [][]Identifier, err error) {
	rec, err := s.store.ByIdentifier(ctx, name.Canonical)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, cannotTell("read account", err)
	}
	if err == nil && !rec.Disabled {
		all = append(all, rec.Identifiers)
	}
	found, err := s.ask(ctx, name)
	switch {
	case errors.Is(err, legacy.ErrTooMany):
		return nil, nil
	case err != nil:
		return nil, cannotTell("ask the legacy store", err)
	}
	if found, err = s.notOf(ctx, rec, found); err != nil {
		return nil, err
	}
	for _, c := range found {
		if !c.user.Disabled {
			ids, _ := s.identifiersOf(c, nil)
			all = append(all, ids)
		}
	}
	return all, nil
}
