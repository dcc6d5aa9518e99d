package lab

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
)

// A place is a way of reading the hash column: where the digest is, what it is, and where the salt.
type place struct {
	params map[string]string // salt_from, where it is not a column
	salt   string
	want   []byte
	base64 bool // the digest is written in base64, not hex
}

// separators stand between hash and salt, the usual ones first.
const separators = ":$|.,; -_#@*/+"

// leastDigest is the shortest digest that is searched for, in bytes: what is shorter is no digest of a recipe.
const leastDigest = 16

// places returns every way of reading the hash column that leaves a digest of a known length.
func (q Question) places() []place {
	var list []place
	add := func(text, salt string, params map[string]string) {
		if p, ok := decode(text); ok {
			p.salt, p.params = salt, params
			list = append(list, p)
		}
	}
	add(q.Hash, q.Salt, nil)
	if q.Salt != "" {
		return list
	}
	for i := range len(separators) {
		separator := separators[i : i+1]
		if text, salt, ok := strings.Cut(q.Hash, separator); ok && salt != "" {
			add(text, salt, map[string]string{"salt_from": "split:" + separator})
		}
		if at := strings.LastIndex(q.Hash, separator); at > 0 {
			add(q.Hash[at+1:], q.Hash[:at], map[string]string{"salt_from": "rsplit:" + separator})
		}
	}
	for _, size := range digestSizes() {
		if n := len(q.Hash) - 2*size; n > 0 {
			add(q.Hash[n:], q.Hash[:n], map[string]string{"salt_from": "head:" + strconv.Itoa(n)})
			add(q.Hash[:2*size], q.Hash[2*size:], map[string]string{"salt_from": "tail:" + strconv.Itoa(n)})
		}
	}
	return list
}

// decode reads a digest in hex, or else in base64, padded or not.
func decode(text string) (place, bool) {
	if b, err := hex.DecodeString(text); err == nil {
		return place{want: b}, len(b) >= leastDigest
	}
	if strings.ContainsAny(text, "\r\n") {
		return place{}, false
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding.Strict(), base64.RawStdEncoding.Strict()} {
		if b, err := encoding.DecodeString(text); err == nil {
			return place{want: b, base64: true}, len(b) >= leastDigest
		}
	}
	return place{}, false
}
