package hash

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"unicode/utf16"
	"unicode/utf8"
)

// How applications write a password before they hash it, and what stands in place of a digest that is masked.

// widen puts a zero byte behind each byte.
func widen(b []byte) []byte {
	out := make([]byte, 0, 2*len(b))
	for _, c := range b {
		out = append(out, c, 0)
	}
	return out
}

// utf16le converts from UTF-8. It returns nil for bytes that are not UTF-8: replacing them would make different
// passwords one.
func utf16le(b []byte) []byte {
	if !utf8.Valid(b) {
		return nil
	}
	out := make([]byte, 0, 2*len(b))
	for _, r := range string(b) {
		for _, unit := range utf16.AppendRune(nil, r) {
			out = append(out, byte(unit), byte(unit>>8))
		}
	}
	return out
}

// latin1 converts UTF-8 to ISO 8859-1. What that lacks Java writes as "?"; to do so here would make one password of
// many, so it is refused.
func latin1(password []byte) ([]byte, bool) {
	narrow := make([]byte, 0, len(password))
	for _, r := range string(password) {
		if r > 0xff {
			return nil, false // U+FFFD of bytes that are not UTF-8 included
		}
		narrow = append(narrow, byte(r))
	}
	return narrow, true
}

// lowerASCII and upperASCII change no other letters: old databases and C programs do not either.
func lowerASCII(b []byte) []byte { return mapASCII(b, 'A', 'Z') }

func upperASCII(b []byte) []byte { return mapASCII(b, 'a', 'z') }

func mapASCII(b []byte, from, to byte) []byte {
	out := bytes.Clone(b)
	for i, c := range out {
		if from <= c && c <= to {
			out[i] = c ^ 0x20
		}
	}
	return out
}

// hasNUL reports whether a C program would stop reading within b.
func hasNUL(b []byte) bool { return bytes.IndexByte(b, 0) >= 0 }

// zeroHex is the filler of a hex digest of n bytes.
func zeroHex(n int) string { return hex.EncodeToString(make([]byte, n)) }

// zero64 is the same in base64.
func zero64(enc *base64.Encoding, n int) string { return enc.EncodeToString(make([]byte, n)) }

// zeroCrypt64 is the same in the base64 of crypt(3).
func zeroCrypt64(n int) string { return encodeCrypt64(make([]byte, n)) }
