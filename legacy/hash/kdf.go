package hash

import (
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	gohash "hash"
)

// A prf is a hash function by the name that formats give it.
type prf struct {
	name string
	new  func() gohash.Hash
	size int // bytes
}

var (
	prfMD5    = prf{"md5", md5.New, md5.Size}
	prfSHA1   = prf{"sha1", sha1.New, sha1.Size}
	prfSHA256 = prf{"sha256", sha256.New, sha256.Size}
	prfSHA384 = prf{"sha384", sha512.New384, sha512.Size384}
	prfSHA512 = prf{"sha512", sha512.New, sha512.Size}
)

// sum hashes the parts in order.
func (p prf) sum(parts ...[]byte) []byte {
	h := p.new()
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}

// pbkdf2 is PBKDF2 (RFC 8018) with HMAC. The caller has bounded the iterations.
func (p prf) pbkdf2(password, salt []byte, iterations, length int) []byte {
	key, err := pbkdf2.Key(p.new, string(password), salt, iterations, length)
	if err != nil {
		return nil // only in FIPS mode, which refuses short salts and MD5: such a hash cannot be verified there
	}
	return key
}

// pbkdf2Hash builds the Hash of a PBKDF2 scheme after checking its bounds.
func pbkdf2Hash(e *env, p prf, salt []byte, iterations int64, h Hash) (*Hash, error) {
	if err := saltWithin(e, salt); err != nil {
		return nil, err
	}
	if err := within("PBKDF2 iterations", iterations, 1, e.bounds.PBKDF2Iterations); err != nil {
		return nil, err
	}
	length := len(h.want)
	blocks := int64((length + p.size - 1) / p.size) // each block of key costs all the iterations again
	if err := within("PBKDF2 iterations times blocks of key", iterations*blocks, 1, e.bounds.PBKDF2Iterations); err != nil {
		return nil, err
	}
	h.compute = func(password []byte) []byte { return p.pbkdf2(password, salt, int(iterations), length) }
	return &h, nil
}
