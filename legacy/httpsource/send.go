package httpsource

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"rekey/legacy"
	"rekey/legacy/guard"
)

// How a write is sent, and what its answer says: rule 3 of a writer.

// unsentError is a failure before anything was asked.
type unsentError struct{ cause error }

func (e *unsentError) Error() string   { return e.cause.Error() + "; nothing was sent" }
func (e *unsentError) Unwrap() []error { return []error{e.cause, legacy.ErrNotSent} }

func (w writer) notSent(doing, why string) error {
	return fmt.Errorf("legacy source %s: %s: %s: %w", w.config.Name, doing, why, legacy.ErrNotSent)
}

// A sending is a write that is prepared and then sent once.
type sending struct{ sent atomic.Bool }

// write runs one write under the guard.
func (w writer) write(ctx context.Context, doing string, work func(context.Context, *sending) error) error {
	s := &sending{}
	err := w.guard.Ask(ctx, doing, func(ctx context.Context) error { return work(ctx, s) })
	refused, _ := errors.AsType[*legacy.RefusedError](err)
	switch {
	case err == nil, refused != nil, s.sent.Load(), errors.Is(err, legacy.ErrNoUser), errors.Is(err, legacy.ErrConflict):
		return err
	}
	return &unsentError{err}
}

// send sends a write. From the moment at which it has a connection, nobody knows what becomes of it but by its answer.
func (w writer) send(ctx context.Context, s *sending, o *operation, n namingFunc, tag string, members []member) error {
	var body []byte
	if o.contentType != "" {
		var err error
		if body, err = encodeMembers(members); err != nil {
			return guard.Answered(&legacy.RefusedError{Reason: err.Error()})
		}
	}
	header := http.Header{}
	if tag != "" {
		header.Set("If-Match", tag)
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { s.sent.Store(true) }})
	a, err := w.writing.client.exchange(ctx, o, n, body, header)
	if err != nil {
		return err
	}
	return w.judge(s, a.status)
}

// errNoAddress is a 404, which may mean the person or the address.
var errNoAddress = errors.New("it has no such address (404)")

// judge tells what a status says of a write.
func (w writer) judge(s *sending, status int) error {
	refuse := func(reason string, taken bool) error {
		return guard.Answered(&legacy.RefusedError{Reason: reason, Taken: taken})
	}
	switch status {
	case http.StatusOK, http.StatusCreated, http.StatusNoContent:
		return nil
	case http.StatusPreconditionFailed:
		return guard.Answered(legacy.ErrConflict)
	case http.StatusNotFound, http.StatusGone:
		return errNoAddress
	case http.StatusConflict:
		return refuse("somebody else has an identifier (HTTP 409)", true)
	case http.StatusUnauthorized, http.StatusForbidden:
		return refuse(fmt.Sprintf("the credential may not write it (HTTP %d)", status), false)
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusLengthRequired, http.StatusRequestEntityTooLarge,
		http.StatusRequestURITooLong, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity, http.StatusPreconditionRequired,
		http.StatusRequestHeaderFieldsTooLarge, http.StatusNotImplemented:
		return refuse(fmt.Sprintf("HTTP %d", status), false)
	case http.StatusTooManyRequests:
		s.sent.Store(false)
	}
	return unexpected(status)
}

// named gives a refusal the field, where the change has one only.
func (w writer) named(err error, c legacy.Change) error {
	refused, ok := errors.AsType[*legacy.RefusedError](err)
	if !ok {
		return err
	}
	told := *refused
	told.Taken = told.Taken && len(c.Identifiers()) > 0
	if field := c.Field(); field != "" {
		told.Field = field
	}
	return guard.Answered(&told)
}
