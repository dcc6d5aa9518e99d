package ldapsource

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/go-ldap/ldap/v3"

	"rekey/legacy"
	"rekey/legacy/guard"
)

// told is an error whose text may be shown: it holds no value, no password and none of the server's own words.
type told struct {
	text  string
	cause error
}

func (e *told) Error() string { return e.text }
func (e *told) Unwrap() error { return e.cause }

// mapping is an answer which says that the configuration does not fit the directory. The directory is up.
func mapping(format string, args ...any) error {
	return guard.Answered(&told{fmt.Sprintf(format, args...), legacy.ErrMapping})
}

// The results of a search that say more than "it failed". All others, and all that are no result, are failures of the
// directory, of which waiting may be the cure.
func searchResults() map[uint16]string {
	return map[uint16]string{
		ldap.LDAPResultReferral:                     "it refers us to another server, and referrals are not followed",
		ldap.LDAPResultNoSuchObject:                 "the base is not there, or the source may not see it",
		ldap.LDAPResultInsufficientAccessRights:     "the source may not read there",
		ldap.LDAPResultStrongAuthRequired:           "it wants the connection secured",
		ldap.LDAPResultConfidentialityRequired:      "it wants the connection secured",
		ldap.LDAPResultUnavailableCriticalExtension: "it has no paged results (RFC 2696)",
		ldap.LDAPResultNoSuchAttribute:              "it does not know an attribute that is asked for",
		ldap.LDAPResultUndefinedAttributeType:       "it does not know an attribute that is asked for",
		ldap.LDAPResultInappropriateMatching:        "an attribute cannot be compared as the filter wants",
		ldap.LDAPResultInvalidAttributeSyntax:       "an attribute cannot have a value of the filter",
		ldap.LDAPResultInvalidDNSyntax:              "a name in the configuration is no DN",
		ldap.LDAPResultAdminLimitExceeded:           "the search costs more than it allows the source: an index is missing, or a limit is too low",
	}
}

// isCode reports whether an error is a given result of the server.
func isCode(err error, code uint16) bool {
	result, ok := errors.AsType[*ldap.Error](err)
	return ok && result.ResultCode == code
}

// searchError is what the guard is to hear of a failed search.
func searchError(err error) error {
	result, ok := errors.AsType[*ldap.Error](err)
	if !ok {
		return err
	}
	if text, ok := searchResults()[result.ResultCode]; ok {
		return mapping("%s (LDAP result %d)", text, result.ResultCode)
	}
	return err
}

// bindError is what the guard is to hear when the source's own bind fails. That is no outage, but it counts as one: a
// source that goes on asking with a wrong password has its own account locked.
func bindError(err error) error {
	switch result, ok := errors.AsType[*ldap.Error](err); {
	case !ok, result.ResultCode >= ldap.ErrorNetwork,
		result.ResultCode == ldap.LDAPResultBusy, result.ResultCode == ldap.LDAPResultUnavailable:
		return err
	default:
		text := fmt.Sprintf("it refuses the source's own bind (LDAP result %d, %s)", result.ResultCode, ldap.LDAPResultCodeMap[result.ResultCode])
		return &told{text, legacy.ErrMapping}
	}
}

// describe tells what went wrong. An LDAP server's own words may quote a name or a value and are left out.
func (s *Source) describe(err error) string {
	if known, ok := errors.AsType[*told](err); ok {
		return known.text
	}
	if result, ok := errors.AsType[*ldap.Error](err); ok && isResult(err) {
		return fmt.Sprintf("LDAP result %d (%s)", result.ResultCode, ldap.LDAPResultCodeMap[result.ResultCode])
	}
	if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return certificate.Error()
	}
	if network, ok := errors.AsType[*net.OpError](err); ok && !errors.Is(err, context.DeadlineExceeded) {
		return network.Error()
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("no answer within %v", s.guard.Timeout())
	case errors.Is(err, context.Canceled):
		return "the caller did not wait"
	case errors.Is(err, errShape):
		return err.Error()
	}
	return fmt.Sprintf("the connection broke (%T)", root(err))
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
