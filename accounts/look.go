package accounts

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"slices"

	"rekey/legacy"
)

// What a look at one legacy person finds, and what is done about it; see watch.go for the rules.

// A look is what was found about one legacy person.
type look struct {
	sighting Sighting
	person   candidate
	event    EventKind // "": nothing that anybody has to know
	conflict bool      // what was changed here stands
	reused   bool      // the key is another person's
}

// observe compares a person with their link; nil if there is none, or it cannot be told.
func (s *Service) observe(ctx context.Context, source Source, id string) (*look, error) {
	rec, err := s.store.ByLink(ctx, source.Name, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case rec.Deleted():
		return nil, nil
	}
	links, err := s.store.Links(ctx, rec.ID)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(links, func(l LegacyLink) bool { return l.Source == source.Name && l.LegacyID == id })
	if i < 0 {
		return nil, nil // it went just now
	}
	getter, ok := source.Source.(legacy.Getter)
	if !ok {
		return nil, errNoGetter
	}
	user, err := getter.Get(ctx, id)
	there := !errors.Is(err, legacy.ErrNoUser)
	if row, ok := errors.AsType[*legacy.RowError](err); ok {
		s.log.WarnContext(ctx, "a legacy record cannot be read, and is not compared", "source", source.Name, "error", row)
		return nil, nil
	}
	if err != nil && there {
		return nil, fmt.Errorf("read a person of %s: %w", source.Name, err)
	}
	l := look{
		person:   candidate{source: source, user: user},
		sighting: Sighting{Account: rec.ID, Was: links[i], Now: links[i], At: s.now()},
	}
	l.person.user.ID = id
	// Who awaits a reset is marked as anybody else, for their address has to follow; the mark does not bring the password back.
	awaitsReset := rec.Credential.AwaitsReset()
	s.compare(&l, there, rec.ChangedHere && !awaitsReset || rec.Pinned || i > 0)
	if rec.Credential.Waits() && !awaitsReset && links[i].Drifted {
		l.sighting.Now.Drifted = true // that is no difference, and ends with their login
	}
	return &l, nil
}

// compare says what has become of a person. stands: whatever legacy says of them now, what is here is right.
func (s *Service) compare(l *look, there, stands bool) {
	was, now := l.sighting.Was, &l.sighting.Now
	switch {
	case !there:
		now.Barred = BarredGone
	case s.isOther(l.person, was):
		now.Barred, l.reused = BarredGone, true
	case l.person.user.Disabled:
		now.Barred = BarredDisabled
	default:
		now.Barred = NotBarred
	}
	if now.Barred != BarredGone {
		s.compareRecord(l, stands)
	}
	switch {
	case now.Barred != was.Barred && now.Barred == NotBarred:
		l.event = EventEnabled
	case now.Barred != was.Barred:
		l.event = EventDisabled
	case now.Drifted && !was.Drifted:
		l.event = EventDrifted
	}
}

// compareRecord says whether a person's record is the one that was copied.
func (s *Service) compareRecord(l *look, stands bool) {
	was, now := l.sighting.Was, &l.sighting.Now
	switch {
	case s.isSame(l.person, was):
		now.Fingerprint, now.Drifted = s.fingerprint(l.person), false
	case stands:
		now.Fingerprint, now.Drifted, l.conflict = s.fingerprint(l.person), false, true
	default:
		now.Drifted = true
	}
}

// isSame reports whether a person's record is the one that a link was made from, but for the status, which is told apart.
func (s *Service) isSame(c candidate, link LegacyLink) bool {
	other := c
	other.user.Disabled = !other.user.Disabled
	return hmac.Equal(s.fingerprint(c), link.Fingerprint) || hmac.Equal(s.fingerprint(other), link.Fingerprint)
}

// isOther reports whether a link's key has come to be another person's: by the time of creation, or, where no store tells that,
// if it had gone before. Nobody else has the record that was copied.
func (s *Service) isOther(c candidate, link LegacyLink) bool {
	if link.LegacyCreatedAt.IsZero() || c.user.CreatedAt.IsZero() {
		return link.Barred == BarredGone && !s.isSame(c, link)
	}
	return link.LegacyCreatedAt.UnixMicro() != c.user.CreatedAt.UnixMicro() && !s.isSame(c, link)
}

// settleLook writes down what was found, in the epoch that this begins in.
func (s *Service) settleLook(ctx context.Context, l look) error {
	if l.reused {
		s.note(ctx, l.person, NoteIDReused, noteReused, Attempt{})
	}
	if l.sighting.same() {
		return nil
	}
	a := Attempt{}
	leave, err := s.enter(&a)
	if err != nil {
		return err
	}
	defer leave()
	if !a.at.AsksLegacy() {
		return nil
	}
	event := s.lookEvent(l, a)
	err = s.see(ctx, a, l.sighting, event)
	if errors.Is(err, ErrStale) && l.sighting.Now.Barred != l.sighting.Was.Barred {
		// A change is on its way to the legacy store, and settles the rest; the bar does not wait for it.
		l.conflict = false
		l.sighting.Now.Fingerprint, l.sighting.Now.Drifted = l.sighting.Was.Fingerprint, l.sighting.Was.Drifted
		err = s.see(ctx, a, l.sighting, event)
	}
	switch {
	case errors.Is(err, ErrStale), errors.Is(err, ErrNotFound), errors.Is(err, ErrStaleEpoch): // the next look sees what has become of it
		return nil
	case err != nil:
		return err
	}
	s.countLook(l)
	if l.conflict {
		s.note(ctx, l.person, NoteDrifted, noteStands, a)
	}
	return nil
}

// lookEvent is what the audit hears of a look; without a kind, nothing.
func (s *Service) lookEvent(l look, a Attempt) Event {
	if l.event == "" {
		return Event{}
	}
	event := s.event(l.sighting.Account, l.event, a)
	event.Actor = "system"
	event.Detail = map[string]string{"source": l.person.source.Name, "legacy_id": l.person.user.ID}
	if l.sighting.Now.Barred != NotBarred {
		event.Detail["there"] = string(l.sighting.Now.Barred)
	}
	return event
}

func (s *Service) see(ctx context.Context, a Attempt, sighting Sighting, event Event) error {
	return s.outlive(ctx, func(ctx context.Context) error {
		_, err := s.writes(a).See(ctx, sighting, event)
		return err
	})
}

// same reports whether nothing has changed.
func (s Sighting) same() bool {
	return s.Was.Barred == s.Now.Barred && s.Was.Drifted == s.Now.Drifted && hmac.Equal(s.Was.Fingerprint, s.Now.Fingerprint)
}

func (s *Service) countLook(l look) {
	switch was, now := l.sighting.Was, l.sighting.Now; {
	case was.Barred == now.Barred:
	case now.Barred == NotBarred:
		s.stats.Unbarred.Add(1)
	default:
		s.stats.Barred.Add(1)
	}
	if l.sighting.Now.Drifted && !l.sighting.Was.Drifted {
		s.stats.Drifted.Add(1)
	}
}
