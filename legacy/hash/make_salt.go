package hash

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
)

// saltLike returns a random salt of the length of an example, in its alphabet: the letters and digits are drawn anew from
// the classes that occur in it, everything else stays where it is. So hex stays hex, and a UUID keeps its dashes.
// Base64 with its padding is made of bytes, because not every text of its alphabet can be decoded.
func saltLike(example string) string {
	for _, enc := range []*base64.Encoding{b64Std, b64URL} {
		if raw, ok := decode64(enc, example, anyLen); ok && strings.HasSuffix(example, "=") {
			return enc.EncodeToString(randomBytes(len(raw)))
		}
	}
	alphabet := ""
	for _, class := range saltClasses {
		if only(example, class+saltMarks) {
			alphabet = class
			break
		}
	}
	if alphabet == "" {
		alphabet = alphanumeric // of what no class has, such as bytes above 0x7f, plain letters are the safe part
	}
	fixed := 0
	for i := range len(example) {
		if strings.IndexByte(saltMarks, example[i]) >= 0 {
			fixed++
		}
	}
	salt := []byte(randomText(alphabet, len(example)))
	for i := range len(example) {
		if mark := example[i]; strings.IndexByte(saltMarks, mark) >= 0 && 2*fixed < len(example) {
			salt[i] = mark
		}
	}
	return string(salt)
}

// saltMarks keep their places, unless the example is mostly made of them.
const saltMarks = "-_:.{} "

// saltClasses are the alphabets of salts, the narrowest first.
var saltClasses = []string{
	"0123456789",
	"0123456789abcdef",
	"0123456789ABCDEF",
	"abcdefghijklmnopqrstuvwxyz",
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
	"0123456789abcdefghijklmnopqrstuvwxyz",
	"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
	alphanumeric,
}

// randomText draws n characters of an alphabet of at most 256.
func randomText(alphabet string, n int) string {
	limit := 256 - 256%len(alphabet) // bytes from here on would favour the first letters
	out := make([]byte, 0, n)
	for len(out) < n {
		for _, b := range randomBytes(n) {
			if int(b) < limit && len(out) < n {
				out = append(out, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(out)
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return b
}
