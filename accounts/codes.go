package accounts

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
)

// Codes is the part of a Store that counts codes of second factors: a code works once, and guesses at it have a ceiling, for
// all processes together and whatever else is flushed. Accounts need not be here: people who were not moved have codes too.
type Codes interface {
	// SpendCode makes a code one that counts no more, with the event, in one transaction. Of several who spend it at once one
	// does; the others get ErrSpent, and change nothing.
	SpendCode(ctx context.Context, account uuid.UUID, spent Spent, e Event) error
	// SpentCodes returns the digests of the codes that an account has spent, as far as they are kept.
	SpentCodes(ctx context.Context, account uuid.UUID) ([][]byte, error)
	// TakeGuess takes one of an account's guesses, of which one comes back after every, up to burst. It returns 0, or for how
	// long there is none. With the last one that is left it writes the event.
	TakeGuess(ctx context.Context, account uuid.UUID, at time.Time, every time.Duration, burst int, last Event) (wait time.Duration, err error)

	// BeginEnrolment keeps an enrolment in the place of the account's last one.
	BeginEnrolment(ctx context.Context, e Enrolment) error
	// Enrolment returns an account's newest enrolment, expired or not; ErrNotFound if there is none.
	Enrolment(ctx context.Context, account uuid.UUID) (Enrolment, error)
}

// A Spent is a code that was right, as it is kept so that it is right no more.
type Spent struct {
	Digest []byte    // keyed; of the secret that made it, or of the recovery code
	Step   int64     // of the secret's codes; this one and all before it are spent
	Until  time.Time // the code has expired by itself; zero: it never does
	Factor uuid.UUID // that is used up by it; uuid.Nil: none
	// Challenge is the digest of the challenge that was answered, which is spent too; nil: none was.
	Challenge []byte
	GiveBack  time.Duration // of TakeGuess: a right code was no guess
	At        time.Time
}

// An Enrolment is a one-time password secret that was shown, and of which no code has been seen yet.
type Enrolment struct {
	AccountID uuid.UUID
	SessionID uuid.UUID // that it was shown to, and that alone may confirm it
	Secret    []byte    // sealed
	ExpiresAt time.Time
}

const redactedEnrolment = "[enrolment]"

// String hides the secret.
func (Enrolment) String() string { return redactedEnrolment }

// GoString hides the secret from %#v.
func (Enrolment) GoString() string { return redactedEnrolment }

// LogValue hides the secret from slog.
func (Enrolment) LogValue() slog.Value { return slog.StringValue(redactedEnrolment) }

// An Update is what a person changes of what is kept of them. nil: as it was.
type Update struct {
	DisplayName *string
	Locale      *string
	Terms       *string // the version that they have accepted
	Complete    bool    // the profile has all that is asked for now
}
