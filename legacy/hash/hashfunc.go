package hash

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/hex"
	gohash "hash"
	"slices"
	"strings"

	"golang.org/x/crypto/md4"
	"golang.org/x/crypto/ripemd160"

	"rekey/legacy"
)

// A hashFunc is a hash function under the name that Python, Node, PHP and recipes give it.
type hashFunc struct {
	name string
	new  func() gohash.Hash
	size int // bytes
}

var (
	hashMD4    = hashFunc{"md4", md4.New, md4.Size}
	hashMD5    = hashFunc{"md5", md5.New, md5.Size}
	hashSHA1   = hashFunc{"sha1", sha1.New, sha1.Size}
	hashSHA224 = hashFunc{"sha224", sha256.New224, sha256.Size224}
	hashSHA256 = hashFunc{"sha256", sha256.New, sha256.Size}
	hashSHA384 = hashFunc{"sha384", sha512.New384, sha512.Size384}
	hashSHA512 = hashFunc{"sha512", sha512.New, sha512.Size}
)

// usualHashes are those that applications name in stored strings and settings. No two are of one size.
var usualHashes = []hashFunc{hashMD5, hashSHA1, hashSHA224, hashSHA256, hashSHA384, hashSHA512}

// rareHashes are known to recipes alone.
var rareHashes = []hashFunc{
	hashMD4,
	{"sha3_224", func() gohash.Hash { return sha3.New224() }, 28},
	{"sha3_256", func() gohash.Hash { return sha3.New256() }, 32},
	{"sha3_384", func() gohash.Hash { return sha3.New384() }, 48},
	{"sha3_512", func() gohash.Hash { return sha3.New512() }, 64},
	{"ripemd160", ripemd160.New, ripemd160.Size},
	{"whirlpool", newWhirlpool, whirlpoolSize},
}

// A DigestFunc is a hash function under the name that recipes have for it.
type DigestFunc struct {
	Name string
	New  func() gohash.Hash
	Size int // bytes of digest
}

// DigestFuncs lists the functions that recipes know, those that applications use most first.
func DigestFuncs() []DigestFunc {
	var list []DigestFunc
	for _, f := range slices.Concat(usualHashes, rareHashes) {
		list = append(list, DigestFunc{Name: f.name, New: f.new, Size: f.size})
	}
	return list
}

// hashNamed finds one of the usual functions by its exact name.
func hashNamed(name string) (hashFunc, bool) {
	for _, f := range usualHashes {
		if f.name == name {
			return f, true
		}
	}
	return hashFunc{}, false
}

// hashSized finds one of the usual functions by the bytes of its digest, for applications that leave the name to
// configuration.
func hashSized(n int) (hashFunc, bool) {
	for _, f := range usualHashes {
		if f.size == n {
			return f, true
		}
	}
	return hashFunc{}, false
}

// hashParam reads the name of one of the usual functions from Params, also as Java writes it: "SHA-256".
func hashParam(s legacy.Stored, name, missing string) (hashFunc, error) {
	f, ok := hashNamed(strings.ToLower(strings.Replace(textParam(s, name, missing), "-", "", 1)))
	if !ok {
		return f, malformed("parameter " + name + " must be one of md5, sha1, sha224, sha256, sha384, sha512")
	}
	return f, nil
}

// sum hashes the parts one behind another.
func (f hashFunc) sum(parts ...[]byte) []byte { return written(f.new(), parts).Sum(nil) }

// hex is sum as lower-case digits, which is what PHP's functions return and hash further.
func (f hashFunc) hex(parts ...[]byte) []byte { return hex.AppendEncode(nil, f.sum(parts...)) }

// chain hashes the parts, and then the digest itself until rounds digests are made in all.
func (f hashFunc) chain(rounds int64, parts ...[]byte) []byte {
	h := written(f.new(), parts)
	sum := h.Sum(nil)
	for range rounds - 1 {
		h.Reset()
		h.Write(sum)
		sum = h.Sum(sum[:0])
	}
	return sum
}

// mac is HMAC (RFC 2104) over the parts one behind another.
func (f hashFunc) mac(key []byte, parts ...[]byte) []byte {
	return written(hmac.New(f.new, key), parts).Sum(nil)
}

func written(h gohash.Hash, parts [][]byte) gohash.Hash {
	for _, part := range parts {
		h.Write(part)
	}
	return h
}
