package hash

import (
	"crypto/pbkdf2"

	"golang.org/x/crypto/scrypt"

	"rekey/legacy"
)

// The key derivations that many schemes share, each as a setting: everything but the password. check comes first, and
// what it admits is safe to compute.

// A pbkdf2Setting is PBKDF2 (RFC 8018, section 5.2) with HMAC.
type pbkdf2Setting struct {
	prf    hashFunc
	rounds int64
	salt   []byte
	length int // bytes of key; never taken from the stored string
}

// check returns ErrBounds if the setting costs more than the bounds allow.
func (p pbkdf2Setting) check(e *env) error {
	if err := saltWithin(e, p.salt); err != nil {
		return err
	}
	if err := within("PBKDF2 iterations", p.rounds, 1, e.bounds.PBKDF2Iterations); err != nil {
		return err
	}
	blocks := int64((p.length + p.prf.size - 1) / p.prf.size) // each block of key costs all the iterations again
	return within("PBKDF2 iterations times blocks of key", p.rounds*blocks, 1, e.bounds.PBKDF2Iterations)
}

func (p pbkdf2Setting) key(password []byte) []byte {
	key, err := pbkdf2.Key(p.prf.new, string(password), p.salt, int(p.rounds), p.length)
	if err != nil {
		return nil // only in FIPS mode, which refuses short salts and MD5: such a hash cannot be verified there
	}
	return key
}

// openPBKDF2 builds the Hash of a setting; masked is the hash column with the digest overwritten.
func openPBKDF2(e *env, s legacy.Stored, p pbkdf2Setting, want []byte, masked string) (*Hash, error) {
	if err := p.check(e); err != nil {
		return nil, err
	}
	return &Hash{compute: p.key, want: want, masked: withHash(s, masked)}, nil
}

// A scryptSetting is scrypt (RFC 7914).
type scryptSetting struct {
	n, r, p int64
	salt    []byte
	length  int // bytes of key; never taken from the stored string
}

// scryptLog2 returns N for the formats that store its logarithm.
func scryptLog2(log2N int64) (n int64, err error) {
	return 1 << max(0, min(log2N, 40)), within("scrypt log2 N", log2N, 1, 40)
}

// check returns ErrMalformed if RFC 7914 does not define the setting, and ErrBounds if it costs more than the bounds
// allow. It divides where a product could overflow.
func (s scryptSetting) check(e *env) error {
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
	if err := within("scrypt p", s.p, 1, e.bounds.ScryptParallel); err != nil {
		return err
	}
	// A small N lets r grow, and the lanes hold 128*r bytes each besides: an eighth of the memory is far above any use.
	if err := within("scrypt r with this p", s.r, 1, blocks/8/(s.p+2)); err != nil {
		return err
	}
	return saltWithin(e, s.salt)
}

// memory returns the bytes that key takes while it runs.
func (s scryptSetting) memory() int64 { return 128 * s.r * (s.n + s.p + 2) }

func (s scryptSetting) key(password []byte) []byte {
	key, err := scrypt.Key(password, s.salt, int(s.n), int(s.r), int(s.p), s.length)
	if err != nil {
		return nil // not reached: check admits only what scrypt accepts
	}
	return key
}

// scryptParams reads N, r and p from Params; missing stands in for those that are absent.
func scryptParams(s legacy.Stored, missing scryptSetting) (set scryptSetting, err error) {
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

// openScrypt builds the Hash of a setting; masked is the hash column with the digest overwritten.
func openScrypt(e *env, s legacy.Stored, set scryptSetting, want []byte, masked string) (*Hash, error) {
	if err := set.check(e); err != nil {
		return nil, err
	}
	return &Hash{Memory: set.memory(), compute: set.key, want: want, masked: withHash(s, masked)}, nil
}
