package sqlsource

import (
	"errors"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// ErrOpen is wrapped by the error of every question while the circuit breaker is open: the database has just failed
// several times in a row, and is left alone for a moment.
var ErrOpen = errors.New("it has failed repeatedly and is not asked for the moment")

// An outcome is what a question tells about the database.
type outcome int

const (
	succeeded outcome = iota
	failed
	abandoned // by the caller
)

// breaker is failsafe-go's circuit breaker, opened by failures in a row and closed by one success. While it is half
// open one question at a time may try.
type breaker struct {
	circuit circuitbreaker.CircuitBreaker[any]
}

func newBreaker(c Config) breaker {
	return breaker{circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(uint(c.BreakAfter)).
		WithSuccessThreshold(1).
		WithDelay(c.BreakFor).
		Build()}
}

// enter asks for leave to ask. done must be called with the outcome.
func (b breaker) enter() (done func(outcome), err error) {
	if !b.circuit.TryAcquirePermit() {
		return nil, ErrOpen
	}
	return func(o outcome) {
		switch {
		case o == succeeded:
			b.circuit.RecordSuccess()
		case o == failed, b.circuit.IsHalfOpen():
			// Half open, an abandoned try has to give its permit back; as it proved nothing, the breaker stays open.
			b.circuit.RecordFailure()
		}
	}, nil
}
