package ldapsource

import (
	"context"
	"errors"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"rekey/legacy"
	"rekey/legacy/guard"
)

// Verify is legacy.Verifier's. It looks the person's entry up by key, so that somebody who was renamed or removed since
// Lookup is not mistaken, and binds as it on a connection that nothing else is asked on.
//
// "Wrong" is what the directory itself refuses as such: LDAP result 49, and of Active Directory those of its reasons that
// are about this person; see refusals. Every other result says nothing about the password. Each call with a password is a
// bind that the directory's own lock-out counts: whoever calls it limits how often, before.
func (s *Source) Verify(ctx context.Context, user legacy.User, password []byte) error {
	if len(password) == 0 {
		return legacy.ErrWrongPassword // RFC 4513, 5.1.2: a directory answers "success" to a bind without one
	}
	return s.guard.Ask(ctx, "verify a password", func(ctx context.Context) error {
		var attributes []string
		if s.kind != keyDN {
			attributes = []string{s.config.Attributes.ID}
		}
		found, err := s.byKey(ctx, user.ID, attributes)
		if err != nil {
			return err
		}
		return s.tryBind(ctx, found.DN, password)
	})
}

// tryBind binds as somebody on a new connection.
func (s *Source) tryBind(ctx context.Context, dn string, password []byte) error {
	select {
	case s.binds <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.binds }()
	c, err := s.dialer.dial(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	return s.verdict(c.bind(ctx, dn, string(password)))
}

// verdict is what a bind's error says of the password.
func (s *Source) verdict(err error) error {
	result, ok := errors.AsType[*ldap.Error](err)
	if !ok || result.ResultCode != ldap.LDAPResultInvalidCredentials {
		return bindVerdict(err)
	}
	code, ok := activeDirectoryReason(result.Err)
	if !ok {
		return guard.Answered(legacy.ErrWrongPassword)
	}
	switch refusals()[code] {
	case refused:
		return guard.Answered(legacy.ErrWrongPassword)
	case expired:
		if s.config.AcceptExpired {
			return nil
		}
		return guard.Answered(legacy.ErrWrongPassword)
	case untold:
	}
	return guard.Answered(&told{text: "Active Directory refuses the bind for a reason that says nothing of the password (" + code + ")"})
}

// bindVerdict is every result of a bind but "invalid credentials". Where the directory does not take such a bind from
// anybody it is up, and the configuration is wrong.
func bindVerdict(err error) error {
	switch {
	case isCode(err, ldap.LDAPResultStrongAuthRequired), isCode(err, ldap.LDAPResultConfidentialityRequired):
		return mapping("it takes no password over a connection that is not secured")
	case isCode(err, ldap.LDAPResultReferral):
		return mapping("it refers the bind to another server, and referrals are not followed")
	case isCode(err, ldap.LDAPResultAuthMethodNotSupported), isCode(err, ldap.LDAPResultInappropriateAuthentication):
		return mapping("it takes no simple bind from this person")
	}
	return err
}

// A refusal is what a reason of Active Directory means.
type refusal int

const (
	untold  refusal = iota // nothing about the password: "cannot tell"
	refused                // this person does not get in, whichever way: as a wrong password
	expired                // the password is right, but has to be changed first; see Config.AcceptExpired
)

// refusals lists the reasons that Active Directory gives behind result 49, as Windows error codes in hexadecimal
// (MS-ERREF, 2.2). That somebody is locked out or disabled is answered as a wrong password is, or else the answer would
// tell a stranger that the account exists. All but 52e and 775 are given for the right password only.
func refusals() map[string]refusal {
	return map[string]refusal{
		"525": untold,  // no such user: our own search has just found them, so two servers disagree
		"52e": refused, // wrong password
		"52f": refused, // an account restriction
		"530": refused, // not at this hour
		"531": refused, // not from this machine
		"532": expired, // the password has expired
		"533": refused, // the account is disabled
		"568": untold,  // too many security contexts
		"701": refused, // the account has expired
		"773": expired, // the password must be changed
		"775": refused, // locked out, whatever the password is
	}
}

// activeDirectoryReason finds the reason in a text such as "80090308: LdapErr: DSID-0C09044E, comment:
// AcceptSecurityContext error, data 52e, v2580". It is false for the text of another directory.
func activeDirectoryReason(text error) (string, bool) {
	if text == nil {
		return "", false
	}
	_, behind, ok := strings.Cut(text.Error(), "AcceptSecurityContext error, data ")
	if !ok {
		return "", false
	}
	code, _, _ := strings.Cut(behind, ",")
	if code == "" || len(code) > 8 || strings.Trim(code, "0123456789abcdefABCDEF") != "" {
		return "unknown", true // it is not told what it said
	}
	return strings.ToLower(code), true
}
