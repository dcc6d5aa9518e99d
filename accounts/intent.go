package accounts

import (
	"cmp"
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"rekey/accounts/failpoint"
	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/legacy"
)

// An intent is a change that the legacy store must have before it is acknowledged, in the phases in which legacy answers
// or both stores are written. It is a Delivery that also carries our half:
//
//  1. The intent is committed, with both new hashes, before anything is written. It is the account's lock: nobody else
//     begins one until it has ended.
//  2. Legacy is written under its condition.
//  3. Our half, the event and the end of the intent are one transaction.
//
// Who crashes between 1 and 3 leaves an intent behind; when its claim has ended, and with it the time in which its write may
// still arrive, the relay rolls it forward. It is dropped only where legacy has refused the write, or somebody else was faster
// there, or it was never sent. While it is open, legacy answers for the account: it is the store that may have the change.

// sealedIntent is our half of an intent.
type sealedIntent struct {
	Was        []byte            `json:"was,omitempty"`       // fingerprint of the legacy person that the change was made for
	CreatedAt  time.Time         `json:"created_at,omitzero"` // of the legacy person, who may be gone when the tombstone is made
	Credential *sealedCredential `json:"credential,omitempty"`
	Keep       uuid.UUID         `json:"keep"`
	Reset      bool              `json:"reset,omitempty"` // the mailbox has proven who they are, not the old password
	Here       phase.Write       `json:"here"`
	Epoch      int64             `json:"epoch"`
	RequestID  string            `json:"request_id,omitempty"`
	Actor      string            `json:"actor,omitempty"` // of staff; empty: the person
	Reason     string            `json:"reason,omitempty"`
}

// sealedCredential is a Credential in the open.
type sealedCredential struct {
	Scheme  Scheme `json:"scheme"`
	Encoded string `json:"encoded"`
}

// Why a change cannot be made in the legacy store.
var (
	errOvertaken = errors.New("somebody else has changed the legacy record")
	errInDoubt   = errors.New("another change of the account has not ended")
)

// changeThere changes the password of somebody whom the legacy store answers for.
func (s *Service) changeThere(ctx context.Context, c Change, a Attempt) error {
	person, err := s.legacyHolder(ctx, c.Session, a, func(can legacy.Writes) bool { return can.Password == legacy.PasswordHashed })
	if err != nil {
		return err
	}
	if err := s.checkNew(ctx, aboutThere(person.user), c.New); err != nil {
		return err
	}
	intent := s.intentOf(person, a)
	intent.Keep = c.Session.ID
	return s.setThere(ctx, c.Session.AccountID, person, c.New, intent, a)
}

// setThere gives somebody a new password in the legacy store, and here if the phase says so.
func (s *Service) setThere(ctx context.Context, account uuid.UUID, person legacyPerson, pw password.Secret, intent *sealedIntent, a Attempt) error {
	parcel := parcel{LegacyID: person.user.ID, Intent: intent}
	made, err := s.legacyHash(ctx, person.source, person.user.ID, person.user.Username, pw)
	if err != nil {
		return err
	}
	parcel.Password = new(sealStored(made))
	if person.row.New != phase.NoWrite {
		next, err := s.hash(ctx, "", pw)
		if err != nil {
			return cannotTell("hash the new password", err)
		}
		intent.Credential = &sealedCredential{next.Scheme, next.Encoded}
	}
	_, err = s.runIntent(ctx, account, person.source, DeliverPassword, parcel, a)
	return err
}

// deleteThere deletes somebody whom the legacy store answers for.
func (s *Service) deleteThere(ctx context.Context, d Deletion, a Attempt) error {
	person, err := s.legacyHolder(ctx, d.Session, a, func(can legacy.Writes) bool { return can.Delete })
	if err != nil {
		return err
	}
	parcel := parcel{LegacyID: person.user.ID, Intent: s.intentOf(person, a)}
	parcel.Intent.CreatedAt = person.user.CreatedAt
	_, err = s.runIntent(ctx, d.Session.AccountID, person.source, DeliverDelete, parcel, a)
	return err
}

// registerThere adds somebody new to the legacy store that new people go to, and here if the phase says so.
func (s *Service) registerThere(ctx context.Context, rec Record, pw password.Secret, a Attempt) (Person, error) {
	source, p, err := s.insertion(ctx, rec, pw)
	if err != nil {
		return Person{}, asPassword(err)
	}
	row := a.rowOfAbsent(rec.ID)
	p.Intent = &sealedIntent{Here: row.New, Epoch: a.at.Epoch, RequestID: a.RequestID}
	if row.New != phase.NoWrite {
		p.Intent.Credential = &sealedCredential{rec.Credential.Scheme, rec.Credential.Encoded}
	}
	link, err := s.runIntent(ctx, rec.ID, source, DeliverInsert, p, a)
	if err != nil {
		return Person{}, asPassword(err)
	}
	return Person{ID: SubjectFor(link.Source, link.LegacyID), Identifiers: rec.Identifiers, Source: link.Source, LegacyID: link.LegacyID}, nil
}

// A legacyPerson is somebody who has proven to the legacy store who they are.
type legacyPerson struct {
	candidate
	row phase.Row
}

// legacyHolder returns the legacy person of a session after their password was proven once more. needs says whether their
// store can be written as the change needs it.
func (s *Service) legacyHolder(ctx context.Context, session Session, a Attempt, needs func(legacy.Writes) bool) (legacyPerson, error) {
	rec, err := s.store.ByID(ctx, session.AccountID)
	row := a.rowOfAbsent(session.AccountID)
	switch {
	case err == nil:
		row = a.row(rec)
		if rec.Link != nil {
			session.Source, session.LegacyID = rec.Link.Source, rec.Link.LegacyID
		}
	case !errors.Is(err, ErrNotFound):
		return legacyPerson{}, cannotTell("read account", err)
	}
	if err := a.Password.Check(); err != nil {
		return legacyPerson{}, &InvalidError{Field: "current_password", Reason: err.Error()}
	}
	c, err := s.resumeLegacy(ctx, session)
	if err != nil {
		return legacyPerson{}, err
	}
	if can := c.source.writes(); !can.Conditional || !needs(can) {
		return legacyPerson{}, c.source.elsewhere()
	}
	_, err = s.prove(ctx, c, a)
	switch {
	case err != nil:
		return legacyPerson{}, err
	case rec.Disabled: // of which legacy may know nothing
		return legacyPerson{}, refused("new-disabled")
	}
	// Whoever is being registered is locked under another id: tried again after they are deleted, it would bring them back.
	switch inserted, err := s.inserted(ctx, c); {
	case err != nil:
		return legacyPerson{}, cannotTell("read what is on its way to the legacy store", err)
	case inserted != nil:
		return legacyPerson{}, &UnavailableError{RetryAfter: retryChanged, Err: errInDoubt}
	}
	return legacyPerson{c, row}, nil
}

func (s *Service) intentOf(person legacyPerson, a Attempt) *sealedIntent {
	intent := &sealedIntent{Was: s.fingerprint(person.candidate), Here: person.row.New, Epoch: a.at.Epoch, RequestID: a.RequestID}
	if a.by != nil {
		intent.Actor, intent.Reason = a.by.Actor, a.by.Reason
	}
	return intent
}

// runIntent begins an intent, and brings it to its end if nothing comes between. What is left open the relay ends.
func (s *Service) runIntent(ctx context.Context, account uuid.UUID, source Source, kind DeliveryKind, p parcel, a Attempt) (*LegacyLink, error) {
	d, err := s.pack(account, source.Name, kind, p)
	if err != nil {
		return nil, cannotTell("begin a change", err)
	}
	var link *LegacyLink
	err = s.outlive(ctx, func(ctx context.Context) error {
		d, err := s.writes(a).BeginIntent(ctx, d, s.now().Add(claimFor))
		switch {
		case errors.Is(err, ErrStale):
			return &UnavailableError{RetryAfter: retryChanged, Err: errInDoubt}
		case err != nil:
			if !errors.Is(err, ErrStaleEpoch) {
				s.countShadow(a, err)
			}
			return cannotTell("begin a change", err)
		}
		link, err = s.deliver(ctx, d, p)
		if err == nil {
			err = s.finish(ctx, d, p, link)
			s.countShadow(a, err)
			if err != nil && p.Intent.Here != phase.Required { // legacy has it, and is what counts; ours follows
				s.log.WarnContext(ctx, "our half of a change is not written yet; the relay does", "account", account, "error", err)
				err = nil
			}
		}
		return s.settleIntent(ctx, d, err)
	})
	return link, err
}

// settleIntent says what an error of an intent means to who waits for it, and drops the intent where nothing was written.
func (s *Service) settleIntent(ctx context.Context, d Delivery, err error) error {
	if err == nil {
		return nil
	}
	answer := refusal(err)
	switch {
	case answer == nil && failpoint.Without(failpoint.Forward):
		answer = cannotTell("change the legacy record", err)
	case answer == nil:
		return cannotTell("change the legacy record", err) // in doubt: the relay ends it
	}
	switch err := s.store.DropDelivery(ctx, d, wasChanged(err)); {
	case errors.Is(err, ErrStale): // the relay has taken it over: what legacy refused may be what it has done already
		return &UnavailableError{RetryAfter: retryChanged, Err: errInDoubt}
	case err != nil:
		return cannotTell("take a change back", err) // the relay finds that it was refused
	}
	return answer
}

// requestFields are the fields of legacy.User as a request has them.
var requestFields = map[string]string{
	"Password": "new_password", "Username": "username", "Email": "email", "Phone": "phone", "DisplayName": "display_name",
}

// refusal returns the answer to a write that was certainly not done, or nil if that is not certain.
func refusal(err error) error {
	var no *legacy.RefusedError
	switch {
	case errors.As(err, &no) && no.Taken:
		return ErrTakenIdentifier
	case errors.As(err, &no):
		if field := requestFields[no.Field]; field != "" {
			return &PolicyError{Field: field, Reason: "is not accepted by the old system"}
		}
		return &PolicyError{Reason: "The old system does not accept the change."}
	case errors.Is(err, legacy.ErrConflict), errors.Is(err, errOvertaken):
		return &UnavailableError{RetryAfter: retryChanged, Err: err}
	case errors.Is(err, legacy.ErrNoUser):
		return refused("legacy-gone")
	case errors.Is(err, legacy.ErrNotSent):
		return cannotTell("change the legacy record", err)
	}
	return nil
}

// wasChanged reports whether a refusal says that the legacy record is another than the one that the change was made for: what is
// here is a copy of the older one.
func wasChanged(err error) bool {
	return errors.Is(err, legacy.ErrConflict) || errors.Is(err, errOvertaken) || errors.Is(err, legacy.ErrNoUser)
}

// finish writes our half of a delivery that arrived.
func (s *Service) finish(ctx context.Context, d Delivery, p parcel, link *LegacyLink) error {
	event := s.event(d.AccountID, EventDelivered, Attempt{})
	event.Actor = "system"
	event.Detail = map[string]string{"source": d.Source, "kind": string(d.Kind)}
	f := Finish{Event: event, Link: link, At: s.now()}
	if d.Intent {
		if err := s.finishIntent(&f, d, p, link); err != nil {
			return err
		}
	}
	address := f.Address
	if d.Intent {
		if err := s.finishAbsent(ctx, &f, d, p); err != nil {
			return err
		}
	}
	err := s.store.FinishDelivery(ctx, d, f)
	if errors.Is(err, ErrTaken) && f.Create != nil {
		// Somebody has just made them, or they are contested here: legacy has them, and answers.
		f.Create = nil
		if d.Kind != DeliverInsert {
			f.Link, f.Address = link, address
		}
		err = s.store.FinishDelivery(ctx, d, f)
	}
	if errors.Is(err, ErrTaken) && f.Address != nil {
		// Another account here has the address. Legacy has given it to this one, and answers.
		drifted := *link
		drifted.Drifted = true
		f.Address, f.Link = nil, &drifted
		err = s.store.FinishDelivery(ctx, d, f)
	}
	return err
}

// finishAbsent makes the account of somebody who was not here when their password, or their address, was changed in both stores.
// Without it a login that has seen the old one could still make the account with that.
func (s *Service) finishAbsent(ctx context.Context, f *Finish, d Delivery, p parcel) error {
	if d.Kind != DeliverPassword && d.Kind != DeliverEmail || f.Credential == nil && f.Address == nil {
		return nil
	}
	_, err := s.store.ByID(ctx, d.AccountID)
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	link, address := *f.Link, f.Address // both go to who has come to be here by then, if somebody has
	c, err := s.resumeLegacy(ctx, Session{AccountID: d.AccountID, Source: link.Source, LegacyID: link.LegacyID})
	if errors.Is(err, ErrCredentials) || err == nil && !hmac.Equal(link.Fingerprint, s.fingerprint(c)) {
		return nil // somebody else has changed them since, and nothing of what we know is theirs
	}
	if err != nil {
		return err
	}
	ids, _, err := s.stillSo(ctx, c, nil)
	switch {
	case errors.Is(err, errContested), errors.Is(err, errChanged):
		return nil
	case err != nil:
		return err
	}
	rec := Record{Account: Account{ID: d.AccountID, Identifiers: ids, CreatedAt: f.At}, Link: &link}
	if address == nil {
		rec.Credential = *f.Credential
	} else if rec.Credential, err = s.credentialUnseen(ctx, c); err != nil {
		if errors.As(err, new(*UnmovableError)) {
			return nil
		}
		return err
	}
	if address != nil {
		rec.Identifiers = provenHere(rec.Identifiers, []Identifier{*address})
	}
	rec.Link.CopiedEpoch = p.Intent.Epoch
	rec.Profile = profileOf(c.user.Profile)
	f.Create, f.Link, f.Address = &rec, nil, nil // it has both
	return s.carryFactors(ctx, &rec, c)
}

func (s *Service) finishIntent(f *Finish, d Delivery, p parcel, link *LegacyLink) error {
	f.Event.Actor, f.Event.Reason = cmp.Or(p.Intent.Actor, "person"), p.Intent.Reason
	f.Event.RequestID, f.Keep, f.Was = p.Intent.RequestID, p.Intent.Keep, p.Intent.Was
	switch d.Kind {
	case DeliverPassword:
		f.Event.Kind = EventPassword
		if p.Intent.Reset {
			f.Event.Kind = EventReset
		}
	case DeliverDelete:
		f.Event.Kind, f.Delete = EventDeleted, true
		f.Link = &LegacyLink{Source: d.Source, LegacyID: p.LegacyID, LegacyCreatedAt: p.Intent.CreatedAt, How: ByCopyBack, At: f.At}
	case DeliverInsert:
		f.Event.Kind = EventRegistered
		f.Event.AccountID = SubjectFor(link.Source, link.LegacyID)
	case DeliverEmail:
		f.Event.Kind = EventEmail
		if err := s.finishEmail(f, d, p); err != nil {
			return err
		}
	}
	if p.Intent.Here == phase.NoWrite || p.Intent.Credential == nil {
		if d.Kind != DeliverDelete && f.Address == nil {
			f.Link = nil // what is here, if anything is, is not equal to legacy now
		}
		return nil
	}
	credential := Credential{Scheme: p.Intent.Credential.Scheme, Encoded: p.Intent.Credential.Encoded}
	if d.Kind != DeliverInsert {
		f.Credential = &credential
		return nil
	}
	rec := Record{Account: Account{ID: f.Event.AccountID, CreatedAt: f.At}, Credential: credential, Link: link}
	rec.Link.CopiedEpoch = p.Intent.Epoch
	for _, typed := range []string{p.Person.Username, p.Person.Email, p.Person.Phone} {
		if id, err := ParseIdentifier(typed); err == nil {
			rec.Identifiers = append(rec.Identifiers, id)
		}
	}
	rec.Profile = profileOf(legacy.Profile{DisplayName: p.Person.DisplayName})
	f.Create = &rec
	return nil
}

// overtaken returns errOvertaken if a legacy person is not the one that an intent was made for.
func (d *delivery) overtaken(is candidate) error {
	if hmac.Equal(d.parcel.Intent.Was, d.fingerprint(is)) {
		return nil
	}
	return fmt.Errorf("account %s: %w", d.AccountID, errOvertaken)
}
