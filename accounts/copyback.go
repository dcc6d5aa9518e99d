package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"

	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/legacy"
	"rekey/legacy/hash"
)

// Copy-back tells the legacy stores what was changed here, so that a way back loses nothing.
//
// A new password exists in the clear only while its owner is there, so its hash in the legacy store's own format is made
// then, sealed, and committed together with the change: there is no change without its delivery. A relay delivers later
// (see relay.go), for the legacy store may be down when somebody changes a password here, and need not notice.

// CopyBack is what a legacy store is told.
type CopyBack string

// Policies of a source.
const (
	CopyBackNone    CopyBack = "none"         // nothing: who changed something here can be answered only here ever after
	CopyBackProfile CopyBack = "profile-only" // who changes an address, or is deleted; who changed their password stays here
	CopyBackFull    CopyBack = "full"         // that, and who registers or changes their password
)

// policy is how the gates know a policy.
func (c CopyBack) policy() phase.CopyBackPolicy {
	known, err := phase.ParseCopyBackPolicy(string(c))
	if err != nil {
		return phase.CopyNothing // "" too
	}
	return known
}

// A Delivery is one change that a legacy store has yet to hear of. It prints as a placeholder.
type Delivery struct {
	ID        uuid.UUID
	AccountID uuid.UUID
	Source    string
	Kind      DeliveryKind
	Intent    bool   // the change is not made here yet: it is when the delivery ends; see intent.go
	Version   int64  // of the credential that it carries; 0: none. The store gives it
	Sealed    []byte // what is to be written, sealed with the master key
	CreatedAt time.Time
	NextAt    time.Time // not tried before
	Attempts  int64
	Fence     int64 // of the claim under which it was read
	// ClaimedTo is when that claim ends, by the clock of whoever has it; it is not stored with the delivery. Zero: there is none.
	ClaimedTo time.Time
	Refused   string // what the legacy store said the last time; empty if it was not asked or did not answer
}

// DeliveryKind is what is to be done.
type DeliveryKind string

// What a legacy store is told.
const (
	DeliverInsert   DeliveryKind = "insert"
	DeliverPassword DeliveryKind = "password"
	DeliverDelete   DeliveryKind = "delete"
	DeliverEmail    DeliveryKind = "email"
)

// Backlog is what the legacy stores have yet to hear.
type Backlog struct {
	Waiting int64     `json:"waiting"`         // deliveries, those among them that were refused too
	Refused int64     `json:"refused"`         // the legacy store has said no: somebody has to look
	Oldest  time.Time `json:"oldest,omitzero"` // when the oldest change was made; zero if there is none
}

const redactedDelivery = "[delivery]"

// String hides what is delivered.
func (Delivery) String() string { return redactedDelivery }

// GoString hides what is delivered from %#v.
func (Delivery) GoString() string { return redactedDelivery }

// LogValue hides what is delivered from slog.
func (Delivery) LogValue() slog.Value { return slog.StringValue(redactedDelivery) }

// parcel is what a Delivery holds, in the open.
type parcel struct {
	LegacyID string        `json:"legacy_id,omitempty"` // empty: the person is not there yet
	Person   *sealedPerson `json:"person,omitempty"`    // DeliverInsert
	Password *sealedStored `json:"password,omitempty"`  // DeliverInsert, DeliverPassword
	Email    *sealedEmail  `json:"email,omitempty"`     // DeliverEmail

	Intent *sealedIntent `json:"intent,omitempty"`
}

// sealedPerson is of legacy.User what a new person has.
type sealedPerson struct {
	Username      string `json:"username,omitempty"`
	Email         string `json:"email,omitempty"`
	Phone         string `json:"phone,omitempty"`
	DisplayName   string `json:"display_name,omitempty"`
	EmailVerified bool   `json:"email_verified,omitempty"`
}

// parcelPurpose separates the seal of deliveries from all other uses of the master key.
const parcelPurpose = "copy-back"

func (s *Service) pack(account uuid.UUID, source string, kind DeliveryKind, p parcel) (Delivery, error) {
	plain, err := json.Marshal(p)
	if err != nil {
		return Delivery{}, fmt.Errorf("seal a delivery: %w", err)
	}
	return Delivery{
		ID: uuid.Must(uuid.NewV7()), AccountID: account, Source: source, Kind: kind,
		Sealed: s.key.Seal(parcelPurpose, plain, account[:]), CreatedAt: s.now(),
	}, nil
}

func (s *Service) unpack(d Delivery) (parcel, error) {
	plain, err := s.key.Open(parcelPurpose, d.Sealed, d.AccountID[:])
	if err != nil {
		return parcel{}, fmt.Errorf("open a delivery: %w", err)
	}
	var p parcel
	if err := json.Unmarshal(plain, &p); err != nil {
		return parcel{}, fmt.Errorf("read a delivery: %w", err)
	}
	return p, nil
}

// owePassword returns what the legacy stores are owed for a new password of an account.
func (s *Service) owePassword(ctx context.Context, rec Record, pw password.Secret) ([]Delivery, error) {
	var owed []Delivery
	for _, to := range s.told(rec, phase.CopyFull) {
		made, err := s.legacyHash(ctx, to.source, to.legacyID, rec.Named(Username), pw)
		if err != nil {
			return nil, err
		}
		d, err := s.pack(rec.ID, to.source.Name, DeliverPassword, parcel{LegacyID: to.legacyID, Password: new(sealStored(made))})
		if err != nil {
			return nil, err
		}
		owed = append(owed, d)
	}
	return owed, nil
}

// oweInsert returns what the legacy store that new people are told to is owed for one.
func (s *Service) oweInsert(ctx context.Context, rec Record, pw password.Secret) ([]Delivery, error) {
	source, p, err := s.insertion(ctx, rec, pw)
	if errors.Is(err, ErrManagedElsewhere) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d, err := s.pack(rec.ID, source.Name, DeliverInsert, p)
	if err != nil {
		return nil, err
	}
	return []Delivery{d}, nil
}

// insertion returns the store that new people are told to, and what it is told of one; ErrManagedElsewhere if there is none.
func (s *Service) insertion(ctx context.Context, rec Record, pw password.Secret) (Source, parcel, error) {
	i := slices.IndexFunc(s.sources, func(source Source) bool { return source.CopyBack == CopyBackFull && source.writes().Insert })
	switch {
	case i < 0 && len(s.sources) == 1:
		return Source{}, parcel{}, s.sources[0].elsewhere()
	case i < 0:
		return Source{}, parcel{}, ErrManagedElsewhere
	}
	made, err := s.legacyHash(ctx, s.sources[i], "", rec.Named(Username), pw)
	if err != nil {
		return Source{}, parcel{}, err
	}
	person := &sealedPerson{Username: rec.Named(Username), Email: rec.Named(Email), Phone: rec.Named(Phone)}
	if rec.Profile != nil {
		person.DisplayName = rec.Profile.DisplayName
	}
	return s.sources[i], parcel{Person: person, Password: new(sealStored(made))}, nil
}

// oweDelete returns what the legacy stores are owed for an account that goes.
func (s *Service) oweDelete(rec Record) ([]Delivery, error) {
	var owed []Delivery
	for _, to := range s.told(rec, phase.CopyProfile) {
		if !to.source.writes().Delete {
			continue // the tombstone is what holds
		}
		d, err := s.pack(rec.ID, to.source.Name, DeliverDelete, parcel{LegacyID: to.legacyID})
		if err != nil {
			return nil, err
		}
		owed = append(owed, d)
	}
	return owed, nil
}

// An addressee is who is told of a change: a source, and the person there. Somebody who was born here may not be there yet.
type addressee struct {
	source   Source
	legacyID string
}

// told returns who is told of a change of an account: those whose policy is at least that.
func (s *Service) told(rec Record, policy phase.CopyBackPolicy) []addressee {
	var all []addressee
	for _, source := range s.sources {
		switch is := source.CopyBack.policy(); {
		case is == phase.CopyNothing, is < policy:
		case rec.Link == nil && is == phase.CopyFull && source.writes().Insert:
			return []addressee{{source: source}} // as oweInsert did: it is the first
		case rec.Link != nil && rec.Link.Source == source.Name:
			all = append(all, addressee{source, rec.Link.LegacyID})
		}
	}
	return all
}

// writes returns what can be written to a source.
func (s Source) writes() legacy.Writes {
	if w, ok := s.Source.(legacy.Writer); ok {
		return w.Writes()
	}
	return legacy.Writes{}
}

// exampleOf returns a stored value that a new one is to be made like: what the source says, else the person's own.
func exampleOf(ctx context.Context, source Source, legacyID string) (legacy.Stored, error) {
	if like := source.writes().Like; like != nil {
		return *like, nil
	}
	getter, ok := source.Source.(legacy.Getter)
	if !ok || legacyID == "" {
		return legacy.Stored{}, errNoExample
	}
	user, err := getter.Get(ctx, legacyID)
	switch {
	case err != nil:
		return legacy.Stored{}, err
	case user.Password == nil:
		return legacy.Stored{}, errNoExample
	}
	return *user.Password, nil
}

// errNoExample is a source that nobody knows how to make a hash for.
var errNoExample = errors.New("the source has no example of its hashes")

// legacyHash makes a hash as the legacy store has them. Some schemes hash the login name in.
func (s *Service) legacyHash(ctx context.Context, source Source, legacyID, username string, pw password.Secret) (legacy.Stored, error) {
	like, err := exampleOf(ctx, source, legacyID)
	if err != nil {
		return legacy.Stored{}, cannotTell("make a legacy hash", err)
	}
	like.User = username
	opened, err := s.hashes.Open(like)
	if err != nil {
		return legacy.Stored{}, cannotTell("make a legacy hash", err)
	}
	var made legacy.Stored
	err = s.doHash(ctx, opened.Memory, func() (err error) {
		made, err = s.hashes.Make(like, pw.Reveal())
		return err
	})
	switch {
	case errors.Is(err, hash.ErrLossy), errors.Is(err, hash.ErrPassword):
		return legacy.Stored{}, &PolicyError{Field: "new_password", Reason: "is longer than the old system can keep, or has a character that it cannot"}
	case err != nil:
		return legacy.Stored{}, cannotTell("make a legacy hash", err)
	}
	return made, nil
}
