package accounts

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"rekey/accounts/password"
)

// ErrCredentials is what a person is told for every login that is refused: unknown, wrong, disabled, unreadable. It
// is matched by errors.Is; a *RefusedError says more to us, never to them.
var ErrCredentials = errors.New("wrong identifier or password")

// A RefusedError is a login that was answered with "no".
type RefusedError struct {
	// Class is the way that the refusal took through the code. Ways take different times, and the gateway hides that.
	Class string
	// Code: it was not the password that was wrong, but a code of a second factor, or a challenge that counts no more.
	Code bool
}

func (e *RefusedError) Error() string { return ErrCredentials.Error() }

// Is makes every refusal an ErrCredentials.
func (e *RefusedError) Is(target error) bool {
	return target == ErrCredentials || e.Code && target == ErrCode
}

func refused(class string) error { return &RefusedError{Class: class} }

// ErrCode is what a person is told whose code does not count: wrong, used before, or for a challenge that has ended. It is a
// *RefusedError too.
var ErrCode = errors.New("code not accepted")

func refusedCode(class string) error { return &RefusedError{Class: class, Code: true} }

// Why second factors cannot be changed.
var (
	// ErrFactorThere: the account has a second factor, which has to be removed first.
	ErrFactorThere = errors.New("the account has a second factor already")
	// ErrNoFactor: it has none.
	ErrNoFactor = errors.New("the account has no second factor")
)

// A LimitedError is too many guesses at the codes of one account.
type LimitedError struct{ RetryAfter time.Duration }

func (e *LimitedError) Error() string { return "no guess at a code is left" }

// An InvalidError is input that cannot be used, whoever sent it.
type InvalidError struct {
	Field  string // as in the request
	Reason string // can be shown; holds nothing of the value
}

func (e *InvalidError) Error() string { return e.Field + " " + e.Reason }

// InvalidErrors returns every *InvalidError that an error is made of: of input with many fields all that are wrong are told.
func InvalidErrors(err error) []*InvalidError {
	switch e := err.(type) { //nolint:errorlint // it walks to what is wrapped itself, to all of it
	case *InvalidError:
		return []*InvalidError{e}
	case interface{ Unwrap() []error }:
		var all []*InvalidError
		for _, err := range e.Unwrap() {
			all = append(all, InvalidErrors(err)...)
		}
		return all
	case interface{ Unwrap() error }:
		return InvalidErrors(e.Unwrap())
	}
	return nil
}

// ErrTakenIdentifier is what somebody is told who registers what another has, whichever store has it.
var ErrTakenIdentifier = errors.New("an identifier is taken")

// ErrContestedPerson is a change that cannot be made until support has settled whose an identifier is.
var ErrContestedPerson = errors.New("an identifier of this account is contested")

// A PolicyError is a new password, or another new value, that is not accepted. Logins never see one.
type PolicyError struct {
	Field  string // as in the request; "" if it is none of its fields: then Reason is a sentence
	Reason string // can be shown; holds nothing of the value
}

func (e *PolicyError) Error() string { return strings.TrimPrefix(e.Field+" "+e.Reason, " ") }

// An UnavailableError is "cannot tell": a store did not answer, or there is no permit to hash with. It is never a
// verdict on the password.
type UnavailableError struct {
	RetryAfter time.Duration // when it makes sense to try again
	Err        error         // for the log

	// Judged: on the way a password was found wrong for somebody, though it may be right for another who could not be
	// asked. It counts as a guess, or a store that is down would make guessing free.
	Judged bool
}

func (e *UnavailableError) Error() string { return "unavailable: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Err }

// doubtAfter is the answer when some candidates could not be asked. refused tells whether one of the others was judged.
func doubtAfter(doubt error, refused bool) error {
	var unavailable *UnavailableError
	if errors.As(doubt, &unavailable) && refused {
		return &UnavailableError{RetryAfter: unavailable.RetryAfter, Err: unavailable.Err, Judged: true}
	}
	return doubt
}

// retryStore is how long a client should wait for a store that did not answer: about as long as a failover takes.
const retryStore = 5 * time.Second

// cannotTell wraps an error of a store or of the permit pool as an UnavailableError that says what was being done.
func cannotTell(doing string, err error) error {
	retry := retryStore
	if busy, ok := errors.AsType[*password.BusyError](err); ok {
		retry = busy.RetryAfter
	}
	return &UnavailableError{RetryAfter: retry, Err: fmt.Errorf("%s: %w", doing, err)}
}
