package httpsource

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"syscall"

	"rekey/legacy"
)

// mappingError is an answer that shows that the configuration is wrong.
type mappingError struct{ cause error }

func (e mappingError) Error() string   { return e.cause.Error() }
func (e mappingError) Unwrap() []error { return []error{legacy.ErrMapping, e.cause} }

// told are the errors whose text is ours.
var told = []error{errTruncated, errRequest, errAddress, errNotKept, errUnread}

// causes are errors of others, by what they come from and what is told of them. Their own texts may hold what a server
// has sent.
var causes = []struct {
	cause error
	text  string
}{
	{syscall.ECONNREFUSED, "the connection was refused"},
	{syscall.ECONNRESET, "the connection was reset"},
	{syscall.EPIPE, "the connection was closed"},
	{syscall.EHOSTUNREACH, "there is no way to the host"},
	{syscall.ENETUNREACH, "there is no way to the network"},
}

// describe tells what went wrong without a name, a secret or a byte of an answer.
func (s *source) describe(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %v", s.config.Timeout)
	}
	if errors.Is(err, context.Canceled) {
		return "the caller did not wait"
	}
	if status, ok := errors.AsType[statusError](err); ok {
		return status.Error()
	}
	for _, ours := range told {
		if errors.Is(err, ours) {
			return innermost(err, ours)
		}
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return "the host's name does not exist"
		}
		return "the host's name cannot be resolved"
	}
	if text, ok := describeTLS(err); ok {
		return text
	}
	for _, c := range causes {
		if errors.Is(err, c.cause) {
			return c.text
		}
	}
	if network, ok := errors.AsType[net.Error](err); ok && network.Timeout() {
		return "no answer in time"
	}
	return fmt.Sprintf("no HTTP answer (%T)", root(err))
}

// innermost is the text of the error of ours, without those that net wrapped around it.
func innermost(err, ours error) string {
	text := ours.Error()
	for ; err != nil; err = errors.Unwrap(err) {
		if next := errors.Unwrap(err); next == ours { //nolint:errorlint // it is the wrapping that is looked for
			return err.Error()
		}
	}
	return text
}

func describeTLS(err error) (string, bool) {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "TLS: the certificate is signed by nobody who is trusted", true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "TLS: the certificate is for another host", true
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if invalid.Reason == x509.Expired {
			return "TLS: the certificate has expired or is not valid yet", true
		}
		return "TLS: the certificate is not valid", true
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "TLS: the certificate is not valid", true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "TLS: the other side does not speak it", true
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return "TLS: the other side refuses the handshake", true
	}
	return "", false
}

// root returns the innermost error, whose type is the most telling.
func root(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}
