// Package guard stands between an adapter and the old store that it asks: each question has a deadline, a store that
// keeps failing is left alone for a moment, and no error tells more than its adapter wants to be told.
//
// It serves the adapters below legacy. It knows no store and no protocol.
package guard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"rekey/legacy"
)

// ErrOpen is wrapped by the error of every question while the circuit breaker is open: the store has just failed
// several times in a row, and is left alone for a moment.
var ErrOpen = errors.New("it has failed repeatedly and is not asked for the moment")

// Config says how long and how often a store may fail. The zero values of the last three fields are usable.
type Config struct {
	Source string // the source's name, in errors

	// Describe tells what went wrong without a value, a question or a secret. It is never called with nil.
	Describe func(error) string

	Timeout    time.Duration // of one question; 0: 2 s
	BreakAfter int           // failures in a row that open the circuit breaker; 0: 5
	BreakFor   time.Duration // how long it then answers at once, before one question tries again; 0: 2 s
}

const (
	defaultTimeout    = 2 * time.Second
	defaultBreakAfter = 5
	defaultBreakFor   = 2 * time.Second
)

// A Guard guards one store. It is safe for concurrent use.
type Guard struct {
	c       Config
	circuit circuitbreaker.CircuitBreaker[any]
}

// New returns a Guard, or an error if a number is negative.
func New(c Config) (*Guard, error) {
	if c.Timeout < 0 || c.BreakAfter < 0 || c.BreakFor < 0 {
		return nil, errors.New("a timeout or a number is negative")
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.BreakAfter == 0 {
		c.BreakAfter = defaultBreakAfter
	}
	if c.BreakFor == 0 {
		c.BreakFor = defaultBreakFor
	}
	return &Guard{c, circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(uint(c.BreakAfter)).
		WithSuccessThreshold(1).
		WithDelay(c.BreakFor).
		Build()}, nil
}

// Timeout returns how long a question may take.
func (g *Guard) Timeout() time.Duration { return g.c.Timeout }

// Answered marks the error of a question to which the store did answer: it is up, whatever it said.
func Answered(err error) error { return answered{err} }

// IsAnswered reports whether an error is marked by Answered.
func IsAnswered(err error) bool { return errors.As(err, new(answered)) }

type answered struct{ error }

func (a answered) Unwrap() error { return a.error }

// Ask runs one question under the deadline and the breaker. doing says what was asked, for the error.
//
// An error that was marked by Answered comes back wrapped, and counts as a success of the store; where it is
// legacy.ErrNoUser or legacy.ErrWrongPassword it comes back as it is. Of every other error only what Describe says of it
// is told, and errors.Is and errors.As reach the cause. An error after the caller's own context has ended says nothing
// about the store.
func (g *Guard) Ask(ctx context.Context, doing string, question func(context.Context) error) error {
	fail := func(err error) error { return fmt.Errorf("legacy source %s: %s: %w", g.c.Source, doing, err) }
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	if !g.circuit.TryAcquirePermit() {
		return fail(ErrOpen)
	}
	limited, cancel := context.WithTimeout(ctx, g.c.Timeout)
	defer cancel()
	err := question(limited)

	var known answered
	switch {
	case err == nil, errors.As(err, &known):
		g.circuit.RecordSuccess()
	case ctx.Err() == nil, g.circuit.IsHalfOpen():
		// Half open, a try that its caller gave up has to give its permit back; as it proved nothing, the breaker stays
		// open.
		g.circuit.RecordFailure()
	}
	return g.told(doing, err)
}

// told is what the caller is told of a question's error.
func (g *Guard) told(doing string, err error) error {
	fail := func(err error) error { return fmt.Errorf("legacy source %s: %s: %w", g.c.Source, doing, err) }
	var known answered
	errors.As(err, &known)
	switch {
	case err == nil:
		return nil
	case errors.Is(known.error, legacy.ErrNoUser):
		return legacy.ErrNoUser
	case errors.Is(known.error, legacy.ErrWrongPassword):
		return legacy.ErrWrongPassword
	case known.error != nil:
		return fail(known.error)
	}
	text := g.c.Describe(err)
	for _, verdict := range verdicts { // one that nobody marked must not be taken for an answer
		if errors.Is(err, verdict) {
			err = nil
		}
	}
	return &askError{source: g.c.Source, doing: doing, text: text, cause: err}
}

// Aside runs a question that may take long by its nature, under the same deadline: it is not asked while the breaker is open, and
// neither opens nor closes it. Its errors are those of Ask.
func (g *Guard) Aside(ctx context.Context, doing string, question func(context.Context) error) error {
	fail := func(err error) error { return fmt.Errorf("legacy source %s: %s: %w", g.c.Source, doing, err) }
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	if !g.circuit.IsClosed() {
		return fail(ErrOpen)
	}
	ctx, cancel := context.WithTimeout(ctx, g.c.Timeout)
	defer cancel()
	return g.told(doing, question(ctx))
}

var verdicts = [...]error{legacy.ErrNoUser, legacy.ErrWrongPassword, legacy.ErrTooMany, legacy.ErrConflict}

// askError is a question that the store did not answer.
type askError struct {
	source, doing, text string
	cause               error
}

func (e *askError) Error() string {
	return "legacy source " + e.source + ": " + e.doing + ": " + e.text
}

// Unwrap gives the cause to errors.Is and errors.As. Its own text may contain values, so it must not be printed.
func (e *askError) Unwrap() error { return e.cause }
