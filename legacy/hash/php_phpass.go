package hash

import (
	"crypto/md5"
	"crypto/sha512"
	gohash "hash"
	"strings"

	"rekey/legacy"
)

// phpass is Solar Designer's portable hash (openwall.com/phpass): a mark of three characters, one for log2 of the
// rounds, eight of salt, and the digest in crypt(3)'s alphabet, low bits first. Drupal uses it with sha512 and keeps
// 55 characters of the whole.

// A phpassKind is a digest in the phpass frame.
type phpassKind struct {
	digest func() gohash.Hash
	chars  int // of the encoded digest that are kept
	// longest is the longest password, in bytes, that the application hashes; 0: no limit of its own.
	longest int
}

const (
	phpassHead     = len("$P$") + 1 + 8 // mark, rounds, salt
	phpassMD5Chars = 22
	phpassLastChar = "./01" // of 22 characters for 16 bytes, the last holds two bits
	phpassMinLog2  = 7      // as in PasswordHash.php and password.inc
	drupalChars    = 55 - phpassHead
	drupalLongest  = 512 // password.inc hashes no more, to bound the time
)

func parsePHPass(e *env, s legacy.Stored) (*Hash, error) {
	if !startsWith("$P$", "$H$")(s.Hash) {
		return nil, malformed("want $P$ or $H$")
	}
	return openPHPass(e, s, "", s.Hash, phpassKind{digest: md5.New, chars: phpassMD5Chars}, nil)
}

func parseDrupal7(e *env, s legacy.Stored) (*Hash, error) { return openDrupal(e, s, "", s.Hash, nil) }

func parseDrupal7U(e *env, s legacy.Stored) (*Hash, error) {
	body, ok := strings.CutPrefix(s.Hash, "U")
	if !ok {
		return nil, malformed("want U$S$")
	}
	return openDrupal(e, s, "U", body, func(password []byte) []byte { return hashMD5.hex(password) })
}

// parseDrupal does what Drupal's login form does: it trims, and knows every kind that Drupal ever wrote.
func parseDrupal(e *env, s legacy.Stored) (*Hash, error) {
	switch {
	case strings.HasPrefix(s.Hash, "U$"):
		return phpTrimmed(parseDrupal7U(e, s))
	case startsWith("$S$", "$P$", "$H$")(s.Hash):
		return phpTrimmed(parseDrupal7(e, s))
	case strings.HasPrefix(s.Hash, "$"): // Drupal 10.1 and later
		return phpTrimmed(parsePasswordHash(e, s))
	}
	return phpTrimmed(openPHPBare(s, hashMD5)) // Drupal 6
}

// openDrupal opens body, the stored string behind prefix: $S$, or a phpass hash that was imported.
func openDrupal(e *env, s legacy.Stored, prefix, body string, before func([]byte) []byte) (*Hash, error) {
	switch {
	case strings.HasPrefix(body, "$S$"):
		return openPHPass(e, s, prefix, body, phpassKind{digest: sha512.New, chars: drupalChars, longest: drupalLongest}, before)
	case startsWith("$P$", "$H$")(body):
		return openPHPass(e, s, prefix, body, phpassKind{digest: md5.New, chars: phpassMD5Chars, longest: drupalLongest}, before)
	}
	return nil, malformed("want $S$, $P$ or $H$")
}

// openPHPass opens body in the phpass frame. before is done to the password first; nil is nothing.
func openPHPass(e *env, s legacy.Stored, prefix, body string, kind phpassKind, before func([]byte) []byte) (*Hash, error) {
	if len(body) != phpassHead+kind.chars || !only(body[3:], alphabetCrypt) {
		return nil, malformed("wrong length or alphabet")
	}
	if kind.chars == phpassMD5Chars && !only(body[len(body)-1:], phpassLastChar) {
		return nil, malformed("digest has more than 128 bits")
	}
	log2 := strings.IndexByte(alphabetCrypt, body[3])
	if err := within("rounds (log2)", int64(log2), phpassMinLog2, e.bounds.PHPassLog2); err != nil {
		return nil, err
	}
	salt := []byte(body[4:phpassHead])
	return &Hash{
		want:   []byte(body[phpassHead:]),
		masked: withHash(s, prefix+body[:phpassHead]+strings.Repeat(".", kind.chars)),
		compute: func(password []byte) []byte {
			if before != nil {
				password = before(password)
			}
			if kind.longest > 0 && len(password) > kind.longest {
				return nil
			}
			h := kind.digest()
			h.Write(salt)
			h.Write(password)
			digest := h.Sum(nil)
			for range 1 << log2 {
				h.Reset()
				h.Write(digest)
				h.Write(password)
				digest = h.Sum(digest[:0])
			}
			return []byte(encodeCrypt64(digest)[:kind.chars])
		},
	}, nil
}
