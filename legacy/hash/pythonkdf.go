package hash

import (
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"

	"golang.org/x/crypto/md4"
	"golang.org/x/crypto/scrypt"

	"rekey/legacy"
)

// What the application schemes (Python, Ruby, Node, .NET, Java) have in common: digests by name, PBKDF2 and scrypt
// with their bounds, and stored strings inside stored strings.

// An appDigest is a message digest as an application names it.
type appDigest struct {
	name string // as Python and Node write it: "sha256"
	size int    // bytes
	new  func() hash.Hash
}

// appDigests are the digests that the application schemes know.
var appDigests = []appDigest{
	{"md4", md4.Size, md4.New},
	{"md5", md5.Size, md5.New},
	{"sha1", sha1.Size, sha1.New},
	{"sha224", sha256.Size224, sha256.New224},
	{"sha256", sha256.Size, sha256.New},
	{"sha384", sha512.Size384, sha512.New384},
	{"sha512", sha512.Size, sha512.New},
}

// appDigestNamed finds a digest by the name of Python, Node or Ruby ("sha256") or of Java ("SHA-256").
func appDigestNamed(name string) (appDigest, bool) {
	plain := strings.ToLower(strings.Replace(name, "-", "", 1))
	for _, d := range appDigests {
		if d.name == plain {
			return d, true
		}
	}
	return appDigest{}, false
}

// appDigestSized finds the digest of the usual four that is n bytes long; Java applications leave its name to
// configuration, and the length tells it.
func appDigestSized(n int) (appDigest, bool) {
	for _, d := range appDigests {
		if d.size == n && d.name != "md4" {
			return d, true
		}
	}
	return appDigest{}, false
}

// appDigestParam reads the name of a digest from Params.
func appDigestParam(s legacy.Stored, name, missing string) (appDigest, error) {
	d, ok := appDigestNamed(textParam(s, name, missing))
	if !ok {
		return d, malformed("parameter " + name + " must be one of md5, sha1, sha224, sha256, sha384, sha512")
	}
	return d, nil
}

// sum digests the concatenation of parts.
func (d appDigest) sum(parts ...[]byte) []byte {
	h := d.new()
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}

// chain digests the concatenation of parts, and then the digest itself until rounds digests are made in all.
func (d appDigest) chain(rounds int64, parts ...[]byte) []byte {
	h := d.new()
	for _, part := range parts {
		h.Write(part)
	}
	sum := h.Sum(nil)
	for range rounds - 1 {
		h.Reset()
		h.Write(sum)
		sum = h.Sum(sum[:0])
	}
	return sum
}

// An appPBKDF2 is PBKDF2 (RFC 8018, section 5.2) with everything but the password.
type appPBKDF2 struct {
	prf    appDigest
	rounds int64
	salt   []byte
	length int // bytes of key; never taken from the stored string
}

// check returns ErrBounds if the setting costs more than the bounds allow.
func (p appPBKDF2) check(e *env) error {
	if err := within("pbkdf2 iterations", p.rounds, 1, e.bounds.PBKDF2Iterations); err != nil {
		return err
	}
	return saltWithin(e, p.salt)
}

func (p appPBKDF2) key(password []byte) []byte {
	key, err := pbkdf2.Key(p.prf.new, string(password), p.salt, int(p.rounds), p.length)
	if err != nil {
		return nil // a FIPS 140 build refuses short keys and old digests: the password cannot be hashed there
	}
	return key
}

// An appScrypt is scrypt (RFC 7914) with everything but the password.
type appScrypt struct {
	n, r, p int64
	salt    []byte
	length  int // bytes of key; never taken from the stored string
}

// check returns ErrMalformed if RFC 7914 does not define the setting, and ErrBounds if it costs more than the bounds
// allow. It divides where a product could overflow.
func (s appScrypt) check(e *env) error {
	if s.n < 2 || s.n&(s.n-1) != 0 {
		return malformed("scrypt N is not a power of two")
	}
	blocks := e.bounds.ScryptMemory / 128
	if err := within("scrypt N", s.n, 2, blocks); err != nil {
		return err
	}
	if err := within("scrypt r", s.r, 1, blocks/s.n); err != nil {
		return err
	}
	// A small N lets r grow, and every lane holds 128*r bytes besides.
	if err := within("scrypt p", s.p, 1, min(e.bounds.ScryptParallel, blocks/s.r)); err != nil {
		return err
	}
	return saltWithin(e, s.salt)
}

// memory returns the bytes that key takes while it runs.
func (s appScrypt) memory() int64 { return 128 * s.r * (s.n + s.p + 2) }

func (s appScrypt) key(password []byte) []byte {
	key, err := scrypt.Key(password, s.salt, int(s.n), int(s.r), int(s.p), s.length)
	if err != nil {
		return nil // not reached: check admits only what scrypt accepts
	}
	return key
}

// appScryptParams reads N, r and p from Params; missing stands in for those that are absent.
func appScryptParams(s legacy.Stored, missing appScrypt) (set appScrypt, err error) {
	const most = 1 << 40 // far above any bound: check has the last word
	set = missing
	if set.n, err = intParam(s, "N", missing.n, 2, most); err != nil {
		return set, err
	}
	if set.r, err = intParam(s, "r", missing.r, 1, most); err != nil {
		return set, err
	}
	set.p, err = intParam(s, "p", missing.p, 1, most)
	return set, err
}

// appHexFiller is the digest of n bytes, as hex, that stands in masked values.
func appHexFiller(n int) string { return strings.Repeat("0", 2*n) }

// appFiller is the same in base64.
func appFiller(enc *base64.Encoding, n int) string { return enc.EncodeToString(make([]byte, n)) }

// appNested opens what follows prefix in the hash column under another scheme. It hands on no Params: the outer
// scheme's secret is not the inner one's.
func appNested(e *env, s legacy.Stored, prefix, scheme string) (*Hash, error) {
	h, err := e.open(legacy.Stored{Scheme: scheme, Hash: s.Hash[len(prefix):]})
	if err != nil {
		return nil, err
	}
	h.masked = withHash(s, prefix+h.masked.Hash)
	return h, nil
}

// openAppPBKDF2 builds the Hash of a checked setting; masked is the hash column with the digest overwritten.
func openAppPBKDF2(e *env, s legacy.Stored, p appPBKDF2, want []byte, masked string) (*Hash, error) {
	if err := p.check(e); err != nil {
		return nil, err
	}
	return &Hash{compute: p.key, want: want, masked: withHash(s, masked)}, nil
}

// openAppScrypt is the same for scrypt.
func openAppScrypt(e *env, s legacy.Stored, set appScrypt, want []byte, masked string) (*Hash, error) {
	if err := set.check(e); err != nil {
		return nil, err
	}
	return &Hash{Memory: set.memory(), compute: set.key, want: want, masked: withHash(s, masked)}, nil
}

// openAppDigest builds the Hash of a scheme that only digests.
func openAppDigest(s legacy.Stored, want []byte, masked string, compute func(password []byte) []byte) (*Hash, error) {
	return &Hash{compute: compute, want: want, masked: withHash(s, masked)}, nil
}

// appSalt returns the salt column as text, within the bounds.
func appSalt(e *env, s legacy.Stored) ([]byte, error) {
	salt := []byte(s.Salt)
	return salt, saltWithin(e, salt)
}

// appFamily joins the schemes of a family and writes its name into them.
func appFamily(family string, lists ...[]Scheme) []Scheme {
	schemes := slices.Concat(lists...)
	for i := range schemes {
		schemes[i].Family = family
	}
	return schemes
}

// An appParser is what a Scheme parses with.
type appParser = func(e *env, s legacy.Stored) (*Hash, error)

// openAppBcrypt reads bcrypt behind a prefix. before is what the application makes of the password first, nil for
// nothing; it is of constant length, so that no password is cut.
func openAppBcrypt(e *env, s legacy.Stored, prefix string, before func(password []byte) []byte) (*Hash, error) {
	body, ok := strings.CutPrefix(s.Hash, prefix)
	if !ok {
		return nil, malformed("want " + prefix + " and a bcrypt string")
	}
	set, want, err := parseBcrypt(e, body)
	if err != nil {
		return nil, err
	}
	h := &Hash{want: want, masked: withHash(s, prefix+set.mask()), compute: set.hash, Limit: bcryptLimit(0)}
	if before != nil {
		h.compute = func(password []byte) []byte { return set.hash(before(password)) }
		h.Limit = 0
	}
	return h, nil
}

// appHex is hex in lower case, as applications hash it further.
func appHex(b []byte) []byte { return hex.AppendEncode(nil, b) }

// An argon2PHC is a PHC string of argon2 in the making, for applications that keep its parts apart.
type argon2PHC struct {
	variant, version    string // "argon2id", "v=19"
	memory, time, lanes int64
	salt, digest        []byte
}

func (a argon2PHC) String() string {
	return fmt.Sprintf("$%s$%s$m=%d,t=%d,p=%d$%s$%s", a.variant, a.version, a.memory, a.time, a.lanes,
		b64Raw.EncodeToString(a.salt), b64Raw.EncodeToString(a.digest))
}
