package hash

import (
	"strings"

	"rekey/legacy"
)

// Labels that few directories have: mail servers of the nineties and Dovecot's odd ones.

// openLDAPLM reads {LANMAN} and 32 hex digits.
func openLDAPLM(e *env, s legacy.Stored, prefix, body string) (*Hash, error) {
	return openBehind(e, s, prefix, legacy.Stored{Scheme: "lm", Hash: body})
}

// netscapeSalt is the length of a salt of {NS-MTA-MD5}, in characters.
const netscapeSalt = 32

func looksNetscapeMail(body string) bool { return len(body) == 32+netscapeSalt && cryptSalt(body[32:]) }

// openNetscapeMail reads 32 hex digits and the salt: md5(salt, 0x59, password, 0xf7, salt).
func openNetscapeMail(_ *env, s legacy.Stored, prefix, body string) (*Hash, error) {
	if !looksNetscapeMail(body) {
		return nil, malformed("want 32 hex digits and 32 characters of salt")
	}
	want, ok := decodeHex(body[:32], hashMD5.size)
	if !ok {
		return nil, malformed("want 32 hex digits and 32 characters of salt")
	}
	salt := []byte(body[32:])
	return openDigest(s, want, prefix+zeroHex(hashMD5.size)+body[32:], func(password []byte) []byte {
		return hashMD5.sum(salt, []byte{0x59}, password, []byte{0xf7}, salt)
	})
}

// openPlainTrunc reads Dovecot's {PLAIN-TRUNC}: N-password, where a password of N bytes may be the beginning of a longer
// one, so that no more than these count. With another number, or none, it is the password itself.
func openPlainTrunc(e *env, s legacy.Stored, prefix, body string) (*Hash, error) {
	number, password, ok := strings.Cut(body, "-")
	n, okNumber := decimal(number)
	if !ok || !only(number, digits) || number == "" { // doveadm pw writes none
		return plainParser(prefix)(e, s)
	}
	head := prefix + number + "-"
	if !okNumber || n != int64(len(password)) {
		return plainParser(head)(e, s)
	}
	if password == "" {
		return nil, ErrUnusable // it would take every password
	}
	h, err := plainParser(head)(e, s)
	if err != nil {
		return nil, err
	}
	h.Limit = len(password)
	h.precede(func(typed []byte) []byte { return typed[:min(len(typed), h.Limit)] })
	h.masked = withHash(s, head+strings.Repeat("x", h.Limit))
	return h, nil
}

func looksOTP(body string) bool { return strings.Count(body, " ") == 3 }

// otpSeed is the longest seed of RFC 2289, in characters.
const otpSeed = 16

// openOTP reads Dovecot's {OTP}algorithm sequence seed hex: the one-time password (RFC 2289) that is valid next, which is
// the digest of seed and password, digested as often as the sequence number says. Each use counts it down.
func openOTP(e *env, s legacy.Stored, prefix, body string) (*Hash, error) {
	f := strings.Split(body, " ")
	if len(f) != 4 {
		return nil, malformed("want algorithm, sequence, seed and hex")
	}
	d := map[string]hashFunc{"md4": hashMD4, "md5": hashMD5, "sha1": hashSHA1}[f[0]]
	sequence, ok := decimal(f[1])
	seed := lowerASCII([]byte(f[2]))
	want, okHex := decodeHex(f[3], 8)
	if d.new == nil || !ok || !okHex || len(seed) == 0 || len(seed) > otpSeed || !only(f[2], letters+digits) {
		return nil, malformed("want algorithm, sequence, seed and hex")
	}
	if err := within("sequence", sequence, 0, e.bounds.DigestIterations); err != nil {
		return nil, err
	}
	filler := prefix + f[0] + " " + f[1] + " " + f[2] + " " + zeroHex(8)
	return openDigest(s, want, filler, func(password []byte) []byte {
		value := otpFold(d.sum(seed, password))
		for range sequence {
			value = otpFold(d.sum(value))
		}
		return value
	})
}

// otpFold makes eight bytes of a digest, as RFC 2289, appendix A: for SHA-1 word by word, lowest byte first.
func otpFold(sum []byte) []byte {
	out := make([]byte, 8)
	for i, c := range sum {
		if len(sum) == hashSHA1.size {
			i ^= 3
		}
		out[i%8] ^= c
	}
	return out
}
