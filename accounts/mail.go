package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"rekey/accounts/password"
)

// Mails are sent after the answer, in rules:
//
//  1. What is asked for is a row before it is answered. The row is the same whoever is meant, and whether they exist: only
//     afterwards somebody looks, so that neither the answer nor its time tells.
//  2. A mail is sent at least once. A row is claimed as a delivery is (see relay.go), and goes when the mail server has taken
//     the mail, or after mailFor.
//  3. A token is made when its mail is sent, and only its digest is stored. A second try makes another, and the older dies.

// A Mail is one that is to be sent. It prints as a placeholder.
type Mail struct {
	ID        uuid.UUID
	AccountID uuid.UUID // uuid.Nil while nobody has looked whom it is for
	Kind      MailKind
	Sealed    []byte // who is asked for, sealed with the master key
	CreatedAt time.Time
	NextAt    time.Time // not tried before
	Attempts  int64
	Fence     int64 // of the claim under which it was read
}

// MailKind is why a mail is sent.
type MailKind string

// Why a mail is sent.
const (
	MailReset        MailKind = "reset"         // somebody has forgotten a password
	MailVerify       MailKind = "verify"        // somebody has to show that an address is theirs
	MailEmailChanged MailKind = "email-changed" // an account has another address now
)

const redactedMail = "[mail]"

// String hides whom it is for.
func (Mail) String() string { return redactedMail }

// GoString hides whom it is for from %#v.
func (Mail) GoString() string { return redactedMail }

// LogValue hides whom it is for from slog.
func (Mail) LogValue() slog.Value { return slog.StringValue(redactedMail) }

// A Letter is what a Mailer makes a mail of. It prints as a placeholder.
type Letter struct {
	Kind   LetterKind
	To     string // one address, as its owner or the legacy store wrote it: whatever stands there may be hostile
	Name   string // what its reader is called by; may be empty, and hostile
	Locale string // BCP 47; may be empty
	Token  password.Secret
	Life   time.Duration // of the token
}

// LetterKind says which text a letter has.
type LetterKind string

// The letters.
const (
	LetterReset     LetterKind = "reset"     // with a token that sets a new password
	LetterContested LetterKind = "contested" // without one: support has to settle first whose the name is

	LetterVerify       LetterKind = "verify"        // with a token that shows that the address is theirs
	LetterEmailChanged LetterKind = "email-changed" // without one, to the address of before
)

const redactedLetter = "[letter]"

// String hides the token.
func (Letter) String() string { return redactedLetter }

// GoString hides the token from %#v.
func (Letter) GoString() string { return redactedLetter }

// LogValue hides the token from slog.
func (Letter) LogValue() slog.Value { return slog.StringValue(redactedLetter) }

// A Mailer sends letters. Its error says that the letter was not taken, or that nobody knows; it holds neither the token nor
// the address.
type Mailer interface {
	Send(ctx context.Context, l Letter) error
}

// ErrNoMail is what somebody is told who asks for a mail where none can be sent.
var ErrNoMail = errors.New("no mail can be sent from here")

const (
	mailFor      = time.Hour        // how long a mail is tried: whoever asked has asked again by then
	mailRetry    = 2 * time.Second  // until the second try; doubled each time
	mailRetryMax = 5 * time.Minute  // between two tries
	ticketLife   = 10 * time.Minute // of a token in a mail
)

// JobMail is the kind of background work that MailNext does.
const JobMail = "mail"

// MailNext tries the mail that is due first, and reports whether there was one. Several may be at it at once, on as many
// machines. Its error says that the new store did not answer; what the mail server says is logged.
func (s *Service) MailNext(ctx context.Context) (bool, error) {
	if s.mailer == nil {
		return false, nil
	}
	return claimNext(ctx, s, s.store.ClaimMail, s.tryMail)
}

// tryMail tries to send a mail, and writes down what became of it.
func (s *Service) tryMail(ctx context.Context, m Mail, now time.Time) error {
	failed := s.send(ctx, m)
	switch {
	case failed == nil:
		return s.store.FinishMail(ctx, m)
	case now.Sub(m.CreatedAt) >= mailFor:
		s.stats.MailsGivenUp.Add(1)
		s.log.ErrorContext(ctx, "mail given up", "kind", m.Kind, "attempts", m.Attempts, "error", failed)
		event := s.event(m.AccountID, EventMailGivenUp, Attempt{})
		event.Actor, event.Detail = "system", map[string]string{"kind": string(m.Kind)}
		return s.store.GiveUpMail(ctx, m, event)
	default:
		s.stats.MailsNotSent.Add(1)
		s.log.WarnContext(ctx, "mail not sent; it is tried again", "kind", m.Kind, "attempts", m.Attempts, "error", failed)
		return s.store.PostponeMail(ctx, m, now.Add(min(mailRetry<<min(max(m.Attempts-1, 0), 10), mailRetryMax)))
	}
}

// send makes the letters of a mail and sends them.
func (s *Service) send(ctx context.Context, m Mail) error {
	plain, err := s.key.Open(mailPurpose, m.Sealed, m.ID[:])
	if err != nil {
		return fmt.Errorf("open a mail: %w", err)
	}
	var about sealedMail
	if err := json.Unmarshal(plain, &about); err != nil {
		return fmt.Errorf("read a mail: %w", err)
	}
	switch m.Kind {
	case MailReset:
		return s.sendReset(ctx, about)
	case MailVerify:
		return s.sendVerify(ctx, about)
	case MailEmailChanged:
		return s.sendEmailChanged(ctx, about)
	}
	return fmt.Errorf("a mail of kind %q is not known to this version", m.Kind)
}

// sealedMail says whom a mail is for: a name as it was typed, or somebody by their id.
type sealedMail struct {
	Address    string    `json:"address,omitempty"` // where it goes, if not to the address on file
	Identifier string    `json:"identifier,omitempty"`
	AccountID  uuid.UUID `json:"account_id,omitzero"`
	Source     string    `json:"source,omitempty"` // with LegacyID, of somebody who may not be here
	LegacyID   string    `json:"legacy_id,omitempty"`
	RequestID  string    `json:"request_id,omitempty"`
}

// mailPurpose and ticketPurpose are for what the master key is used here.
const (
	mailPurpose   = "mail"
	ticketPurpose = "mail-ticket"
)

// newMail returns a mail that is due at once.
func (s *Service) newMail(kind MailKind, about sealedMail) (Mail, error) {
	plain, err := json.Marshal(about)
	if err != nil {
		return Mail{}, fmt.Errorf("seal a mail: %w", err)
	}
	m := Mail{ID: uuid.Must(uuid.NewV7()), AccountID: about.AccountID, Kind: kind, CreatedAt: s.now()}
	m.Sealed = s.key.Seal(mailPurpose, plain, m.ID[:])
	return m, nil
}
