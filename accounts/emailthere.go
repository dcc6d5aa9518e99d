package accounts

import (
	"context"
	"crypto/hmac"
	"fmt"
	"slices"

	"rekey/accounts/phase"
	"rekey/legacy"
)

// A new address where a legacy store hears of it: by an intent, before it is acknowledged, where that store must have it, or by a
// copy-back, where it is told afterwards. What differs from a password:
//
//  1. An address has no salt. It counts as arrived if it is there, and as the only difference if the record looks, with the address
//     of before in its place, as when it was last seen.
//  2. Where the record is otherwise another, the address arrives and the link is marked as drifted: nothing here makes good what
//     others have changed, such as the password, as a new password would.
//  3. An address that is not the account's any more is not delivered: a later one follows, or the end of the account.
//  4. What the store has made of the address is read again before the link takes note of it.

// sealedEmail is an address that becomes somebody's in a legacy store.
type sealedEmail struct {
	New      string `json:"new"`                // as its owner spelled it
	Old      string `json:"old,omitempty"`      // as the store had it
	Same     bool   `json:"same,omitempty"`     // it is theirs already: what is new is that it is verified
	Verified bool   `json:"verified,omitempty"` // the store can note that it is
}

// change is what is written: the canonical form, by which a store that compares byte by byte finds it however it is typed.
func (e sealedEmail) change() legacy.Change {
	var c legacy.Change
	if id, err := ParseIdentifier(e.New); err == nil && !e.Same {
		c.Email = &id.Canonical
	}
	if e.Verified {
		c.EmailVerified = &e.Verified
	}
	return c
}

// in reports whether a legacy person has what is to be written. A new address and its mark are one write.
func (e sealedEmail) in(user legacy.User) bool {
	if e.Same {
		return !e.Verified || user.Profile.EmailVerified
	}
	return sameIdentifier(user.Email, e.New)
}

// sameIdentifier reports whether two spellings are of one identifier.
func sameIdentifier(a, b string) bool {
	idA, errA := ParseIdentifier(a)
	idB, errB := ParseIdentifier(b)
	return errA == nil && errB == nil && idA.Canonical == idB.Canonical
}

// emailFor is what a legacy store is told of an address that a person there wants. Its error is ErrManagedElsewhere if that store
// must have it and does not take it.
func emailFor(c candidate, row phase.Row, address Identifier) (sealedEmail, error) {
	can := c.source.writes()
	e := sealedEmail{New: address.Spelling, Old: c.user.Email, Verified: can.EmailVerified}
	switch {
	case sameIdentifier(c.user.Email, address.Spelling):
		e.Same = true
	case c.holds(address.Canonical): // by another field, which has no mark
		e.Same, e.Verified = true, false
	}
	// Where nothing is written there, it has to be noted here.
	if !can.Conditional || !can.Email || e.Same && !e.Verified && row.New == phase.NoWrite {
		return sealedEmail{}, c.source.elsewhere()
	}
	return e, nil
}

// askEmailThere is AskEmail for somebody whose address the legacy store must have.
func (s *Service) askEmailThere(ctx context.Context, c EmailChange, address Identifier, a Attempt) error {
	person, err := s.legacyHolder(ctx, c.Session, a, func(can legacy.Writes) bool { return can.Email })
	if err != nil {
		return err
	}
	if _, err := emailFor(person.candidate, person.row, address); err != nil {
		return err
	}
	return s.post(ctx, MailVerify, sealedMail{
		AccountID: c.Session.AccountID, Source: person.source.Name, LegacyID: person.user.ID, Address: address.Spelling, RequestID: c.RequestID,
	})
}

// setEmailThere gives somebody an address in the legacy store, and here if the phase says so.
func (s *Service) setEmailThere(ctx context.Context, st standing, address Identifier, a Attempt) error {
	e, err := emailFor(*st.there, st.row, address)
	if err != nil {
		return err
	}
	person := legacyPerson{*st.there, st.row}
	p := parcel{LegacyID: person.user.ID, Email: &e, Intent: s.intentOf(person, a)}
	if _, err = s.runIntent(ctx, st.id, person.source, DeliverEmail, p, a); err != nil {
		return inField(err, "email")
	}
	s.nudge(JobMail)
	return nil
}

// oweEmail returns what the legacy stores are owed for an address that an account gets, if they take it.
func (s *Service) oweEmail(rec Record, address Identifier) ([]Delivery, error) {
	old := rec.Named(Email)
	e := sealedEmail{New: address.Spelling, Old: old, Same: rec.holds(address)}
	var owed []Delivery
	for _, to := range s.told(rec, phase.CopyProfile) {
		can := to.source.writes()
		e.Verified = can.EmailVerified && (!e.Same || sameIdentifier(old, address.Spelling))
		if e.Same && !e.Verified || !e.Same && !can.Email {
			continue
		}
		d, err := s.pack(rec.ID, to.source.Name, DeliverEmail, parcel{LegacyID: to.legacyID, Email: &e})
		if err != nil {
			return nil, err
		}
		owed = append(owed, d)
	}
	return owed, nil
}

// holds reports whether an identifier is the account's.
func (a Account) holds(id Identifier) bool {
	return slices.ContainsFunc(a.Identifiers, func(own Identifier) bool { return own.Canonical == id.Canonical })
}

// email brings a new address.
func (d *delivery) email(ctx context.Context) (*LegacyLink, error) {
	id, err := d.legacyID(ctx)
	if err != nil {
		return nil, err
	}
	seen, err := d.lastSeen(ctx, id)
	if err != nil || seen == nil {
		return nil, err
	}
	user, err := d.getter.Get(ctx, id)
	if err == nil && !d.Intent {
		err = d.ownKeyNow(ctx, candidate{source: d.source, user: user})
	}
	if err != nil {
		return nil, err
	}
	is, e := candidate{source: d.source, user: user}, d.parcel.Email
	asSeen := hmac.Equal(seen, d.fingerprint(is))
	alone := asSeen || hmac.Equal(seen, d.fingerprint(is.withEmail(e.Old)))
	switch {
	case e.in(user):
		return d.linkIf(alone, is, id), nil
	case asSeen:
	case d.Intent:
		return nil, d.overtaken(is)
	default:
		d.note(ctx, is, NoteDrifted, "the legacy record was changed by others after the address was changed here; the address that was set here stands", Attempt{})
	}
	if err := d.begin(); err != nil {
		return nil, err
	}
	if err := d.writer.Update(ctx, user, e.change()); err != nil {
		return nil, err
	}
	now, err := d.getter.Get(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read what was written: %w", err)
	}
	after := candidate{source: d.source, user: now}
	alone = alone && hmac.Equal(d.fingerprint(is), d.fingerprint(after.withEmail(user.Email)))
	return d.linkIf(alone, after, id), nil
}

// ownKeyNow is ownRecord of the account that a record's key is linked to now.
func (d *delivery) ownKeyNow(ctx context.Context, is candidate) error {
	rec, err := d.store.ByLink(ctx, d.source.Name, is.user.ID)
	if err != nil {
		return err
	}
	return d.ownRecord(ctx, rec, is)
}

// lastSeen is the fingerprint under which a legacy person was last seen: that of the intent, or of the link. It is nil if there is
// nothing to be brought any more.
func (d *delivery) lastSeen(ctx context.Context, id string) ([]byte, error) {
	if d.Intent {
		return d.parcel.Intent.Was, nil
	}
	address, err := ParseIdentifier(d.parcel.Email.New)
	if err != nil {
		return nil, err
	}
	rec, err := d.store.ByLink(ctx, d.source.Name, id)
	if err != nil || rec.Deleted() || !rec.holds(address) {
		return nil, err
	}
	return rec.Link.Fingerprint, nil
}

func (c candidate) withEmail(email string) candidate {
	c.user.Email = email
	return c
}

// linkIf is the link to a legacy person who looks like this, if that is known to be what is here; else it has drifted.
func (d *delivery) linkIf(equal bool, is candidate, id string) *LegacyLink {
	link := d.linkNow(is, id)
	link.Drifted = !equal
	return link
}

// finishEmail fills in what an address that the legacy store has leaves here.
func (s *Service) finishEmail(f *Finish, d Delivery, p parcel) error {
	e := p.Email
	if old, err := parseEmail(e.Old); err == nil && !e.Same {
		m, err := s.newMail(MailEmailChanged, sealedMail{AccountID: d.AccountID, Address: old.Spelling, RequestID: p.Intent.RequestID})
		if err != nil {
			return err
		}
		f.Mails = append(f.Mails, m)
	}
	if p.Intent.Here == phase.NoWrite {
		return nil
	}
	address, err := parseEmail(e.New)
	if err != nil {
		return err
	}
	address.Verified = true
	f.Address = &address
	return nil
}
