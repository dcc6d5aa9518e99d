package httpsource

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"rekey/legacy"
)

// Auth is how the application knows that it is us. At most one of Bearer, Basic and Header is used, and requests can be
// signed besides. It prints as a placeholder.
type Auth struct {
	Bearer string // Authorization: Bearer …

	BasicUser     string // Authorization: Basic … (RFC 7617)
	BasicPassword string

	Header      string // the name of a header, such as X-Api-Key
	HeaderValue string

	// SigningKey signs each request by HMAC-SHA-256; at least 32 bytes. See sign.
	SigningKey []byte
	KeyID      string // sent along, so that the application can change its key; may be empty
}

const redactedAuth = "[credentials of a legacy source]"

// String hides the secrets.
func (Auth) String() string { return redactedAuth }

// GoString hides the secrets from %#v.
func (Auth) GoString() string { return redactedAuth }

// LogValue hides the secrets from slog.
func (Auth) LogValue() slog.Value { return slog.StringValue(redactedAuth) }

// Headers of a signed request.
const (
	headerKeyID     = "X-Rekey-Key"
	headerTimestamp = "X-Rekey-Timestamp" // Unix seconds
	headerNonce     = "X-Rekey-Nonce"     // 32 hexadecimal digits, never the same twice
	headerSignature = "X-Rekey-Signature" // "v1=" and 64 hexadecimal digits
)

// signatureVersion is the first line of what is signed, so that no signature can be one of something else.
const signatureVersion = "rekey-request-v1"

// minSigningKey is the output of SHA-256, in bytes (RFC 2104, section 3, discourages shorter keys).
const minSigningKey = 32

// ourHeaders are set by us, or by the protocol, and cannot be the header of a secret.
var ourHeaders = []string{
	"Accept", "Accept-Encoding", "Authorization", "Connection", "Content-Length", "Content-Type", "Cookie", "Expect", "Host", "Te",
	"Trailer", "Transfer-Encoding", "Upgrade", "User-Agent", headerKeyID, headerTimestamp, headerNonce, headerSignature,
}

// check says what is wrong without a value.
func (a Auth) check() error {
	var errs []error
	note := func(wrong bool, key, reason string) {
		if wrong {
			errs = append(errs, legacy.Wrong(key, "%s", reason))
		}
	}
	bearer, basic, header := a.Bearer != "", a.BasicUser != "" || a.BasicPassword != "", a.Header != "" || a.HeaderValue != ""
	note(bearer && (basic || header), "bearer", "there is another way of saying who we are; want one of bearer, basic_user and header")
	note(!bearer && basic && header, "basic_user", "there is a header too; want one of bearer, basic_user and header")
	for _, secret := range []struct{ key, value string }{
		{"bearer", a.Bearer}, {"basic_user", a.BasicUser}, {"basic_password", a.BasicPassword}, {"header_value", a.HeaderValue}, {"key_id", a.KeyID},
	} {
		unprintable := strings.ContainsFunc(secret.value, func(r rune) bool { return r < ' ' || r > '~' })
		note(unprintable, secret.key, "want printable ASCII on one line")
	}
	note(strings.Contains(a.Bearer, " "), "bearer", "a space in a token")
	note(basic && a.BasicUser == "", "basic_password", "there is no basic_user whose it is")
	note(basic && a.BasicPassword == "", "basic_user", "there is no basic_password")
	note(strings.Contains(a.BasicUser, ":"), "basic_user", "a colon in it")
	note(header && a.Header == "", "header_value", "there is no header that it is of")
	note(header && a.HeaderValue == "", "header", "there is no header_value")
	note(a.Header != "" && !headerName(a.Header), "header", "that is no name of a header, or one that means something else")
	note(len(a.SigningKey) > 0 && len(a.SigningKey) < minSigningKey, "signing_key", "want at least 32 bytes")
	note(a.KeyID != "" && len(a.SigningKey) == 0, "key_id", "there is no signing_key")
	return errors.Join(errs...)
}

func headerName(name string) bool {
	for _, ours := range ourHeaders {
		if strings.EqualFold(name, ours) {
			return false
		}
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// scheme is the authentication scheme that the application knows us by, or "".
func (a Auth) scheme() string {
	switch {
	case a.Bearer != "":
		return "Bearer"
	case a.BasicUser != "":
		return "Basic"
	}
	return ""
}

// apply puts the credentials into a request.
func (a Auth) apply(r *http.Request, body []byte, now time.Time) {
	switch {
	case a.Bearer != "":
		r.Header.Set("Authorization", "Bearer "+a.Bearer)
	case a.BasicUser != "":
		r.SetBasicAuth(a.BasicUser, a.BasicPassword)
	case a.Header != "":
		r.Header.Set(a.Header, a.HeaderValue)
	}
	if len(a.SigningKey) == 0 {
		return
	}
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // it never fails; it ends the process instead
	timestamp := strconv.FormatInt(now.Unix(), 10)
	r.Header.Set(headerTimestamp, timestamp)
	r.Header.Set(headerNonce, hex.EncodeToString(nonce[:]))
	if a.KeyID != "" {
		r.Header.Set(headerKeyID, a.KeyID)
	}
	r.Header.Set(headerSignature, "v1="+sign(a.SigningKey, r.Method, r.URL.RequestURI(), timestamp, hex.EncodeToString(nonce[:]), body))
}

// sign returns the hexadecimal HMAC-SHA-256 of six lines, without a line feed behind the last:
//
//	rekey-request-v1
//	POST
//	/users/anna?as=written
//	1700000000
//	000102030405060708090a0b0c0d0e0f
//	e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
//
// which are the version, the method, the request target as it was sent, the timestamp, the nonce, and the hexadecimal
// SHA-256 of the body. The application compares in constant time, refuses what is older or newer than some minutes, and
// remembers the nonces of those minutes.
func sign(key []byte, method, target, timestamp, nonce string, body []byte) string {
	digest := sha256.Sum256(body)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(strings.Join([]string{signatureVersion, method, target, timestamp, nonce, hex.EncodeToString(digest[:])}, "\n")))
	return hex.EncodeToString(mac.Sum(nil))
}
