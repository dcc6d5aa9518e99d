package hash

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"rekey/legacy"
)

// The base64 alphabets of stored hashes. All refuse non-zero trailing bits, so that one digest has one spelling.
// Decode with decode64, which refuses the line breaks that encoding/base64 skips.
var (
	b64Std    = base64.StdEncoding.Strict()                                      // RFC 4648 with padding
	b64Raw    = base64.RawStdEncoding.Strict()                                   // PHC strings
	b64URL    = base64.URLEncoding.Strict()                                      // RFC 4648 URL-safe with padding
	b64RawURL = base64.RawURLEncoding.Strict()                                   //
	b64AB     = base64.NewEncoding(alphabetAB).WithPadding(-1).Strict()          // passlib's ab64: "." for "+", no padding
	b64Crypt  = base64.NewEncoding(alphabetCrypt).WithPadding(-1).Strict()       // crypt(3)'s alphabet, high bits first
	b64Bcrypt = base64.NewEncoding(alphabetBcrypt).WithPadding(-1).Strict()      // bcrypt's own alphabet
	b64Loose  = base64.NewEncoding(alphabetBcrypt).WithPadding(base64.NoPadding) // the same, trailing bits free: bcrypt salts
)

const (
	alphabetAB     = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./"
	alphabetCrypt  = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	alphabetBcrypt = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// anyLen stands for "every length" where a decoder asks for the exact one.
const anyLen = -1

// decimal reads a number the way hash formats write it: digits only, no sign, space, exponent or leading zero.
func decimal(s string) (int64, bool) {
	if s == "" || len(s) > 1 && s[0] == '0' || !only(s, "0123456789") {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// decodeHex reads exactly n bytes (or anyLen) of hex in either case.
func decodeHex(s string, n int) ([]byte, bool) {
	if n != anyLen && len(s) != hex.EncodedLen(n) {
		return nil, false
	}
	b, err := hex.DecodeString(s)
	return b, err == nil
}

// decode64 reads exactly n bytes (or anyLen) in one of the encodings above.
func decode64(enc *base64.Encoding, s string, n int) ([]byte, bool) {
	if n != anyLen && len(s) != enc.EncodedLen(n) || strings.ContainsAny(s, "\r\n") {
		return nil, false
	}
	b, err := enc.DecodeString(s)
	return b, err == nil && (n == anyLen || len(b) == n)
}

// only reports whether every byte of s is in the alphabet.
func only(s, alphabet string) bool {
	return strings.Trim(s, alphabet) == ""
}

// malformed says what of the format was not kept. The reason must not quote the stored value.
func malformed(reason string) error { return fmt.Errorf("%w: %s", ErrMalformed, reason) }

// intParam reads a whole number from Params; missing stands in for one that is absent. Its errors name the parameter.
func intParam(s legacy.Stored, name string, missing, low, high int64) (int64, error) {
	text, ok := s.Params[name]
	if !ok {
		return missing, within(name, missing, low, high)
	}
	n, ok := decimal(text)
	if !ok {
		return 0, malformed("parameter " + name + " must be a whole number")
	}
	return n, within(name, n, low, high)
}

// textParam reads text from Params; missing stands in for one that is absent.
func textParam(s legacy.Stored, name, missing string) string {
	if text, ok := s.Params[name]; ok {
		return text
	}
	return missing
}

// withHash returns s with another hash column: how parsers build the masked value.
func withHash(s legacy.Stored, hash string) legacy.Stored {
	s.Hash = hash
	return s
}

// saltWithin returns ErrBounds if a salt is longer than the bounds allow.
func saltWithin(e *env, salt []byte) error {
	return within("salt length", int64(len(salt)), 0, int64(e.bounds.Salt))
}
