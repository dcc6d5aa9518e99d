package hash

import (
	"crypto/sha256"
	"crypto/sha512"
	"slices"
	"strings"

	"rekey/legacy"
)

// Hashers of symfony/password-hasher. All refuse passwords of more than 4096 bytes, as this package does.

// parseSymfonyNative opens password_hash behind NativePasswordHasher's own hash for what bcrypt would cut. Nothing
// typed is ignored: 72 bytes go to bcrypt whole, more go as a digest.
func parseSymfonyNative(e *env, s legacy.Stored) (*Hash, error) {
	h, err := openPasswordHash(e, s, "", s.Hash, nil)
	if err != nil {
		return nil, err
	}
	inner, isBcrypt := h.compute, strings.HasPrefix(s.Hash, "$2")
	h.Limit = 0
	h.compute = func(password []byte) []byte {
		if len(password) == 0 {
			return nil
		}
		if isBcrypt && (len(password) > bcryptMaxPassword || hasNUL(password)) {
			sum := sha512.Sum512(password)
			password = b64Std.AppendEncode(nil, sum[:])
		}
		return inner(password)
	}
	return h, nil
}

// parseSymfonyDigest reads the parameters algorithm, iterations, encoding ("base64" or "hex") and merge, of which
// Symfony has one kind.
func parseSymfonyDigest(algorithm string, iterations int64, encoding string) parseFunc {
	return func(e *env, s legacy.Stored) (*Hash, error) {
		d, ok := hashNamed(textParam(s, "algorithm", algorithm))
		if !ok {
			return nil, malformed("parameter algorithm names no digest of PHP that is known here")
		}
		rounds, err := intParam(s, "iterations", iterations, 1, e.bounds.DigestIterations)
		if err != nil {
			return nil, err
		}
		if merge := textParam(s, "merge", "password{salt}"); merge != "password{salt}" {
			return nil, malformed(`parameter merge must be "password{salt}"`)
		}
		want, filler, err := symfonyDecode(s, textParam(s, "encoding", encoding), d.size)
		if err != nil {
			return nil, err
		}
		suffix, err := symfonySalt(e, s)
		if err != nil {
			return nil, err
		}
		return &Hash{
			want:   want,
			masked: withHash(s, filler),
			compute: func(password []byte) []byte {
				salted := slices.Concat(password, suffix)
				h := d.new()
				h.Write(salted)
				digest := h.Sum(nil)
				for range rounds - 1 {
					h.Reset()
					h.Write(digest)
					h.Write(salted)
					digest = h.Sum(digest[:0])
				}
				return digest
			},
		}, nil
	}
}

// symfonySalt returns "{salt}", or nothing for an empty salt. Symfony refuses braces within a salt.
func symfonySalt(e *env, s legacy.Stored) ([]byte, error) {
	if s.Salt == "" {
		return nil, nil
	}
	if strings.ContainsAny(s.Salt, "{}") {
		return nil, malformed("salt contains a brace")
	}
	return []byte("{" + s.Salt + "}"), saltWithin(e, []byte(s.Salt))
}

// symfonyDecode reads size bytes of digest, and returns them and a stored string of zeros.
func symfonyDecode(s legacy.Stored, encoding string, size int) (digest []byte, filler string, err error) {
	var ok bool
	switch encoding {
	case "base64":
		digest, ok = decode64(b64Std, s.Hash, size)
		filler = zero64(b64Std, size)
	case "hex":
		digest, ok = decodeHex(s.Hash, size)
		filler = zeroHex(size)
	default:
		return nil, "", malformed(`parameter encoding must be "base64" or "hex"`)
	}
	if !ok {
		return nil, "", malformed("digest is not " + encoding + " of the right length")
	}
	return digest, filler, nil
}

func parseSymfonyPBKDF2(e *env, s legacy.Stored) (*Hash, error) {
	d, ok := hashNamed(textParam(s, "algorithm", "sha512"))
	if !ok {
		return nil, malformed("parameter algorithm names no digest of PHP that is known here")
	}
	iterations, err := intParam(s, "iterations", 1000, 1, e.bounds.PBKDF2Iterations)
	if err != nil {
		return nil, err
	}
	length, err := intParam(s, "dklen", 40, 16, 128)
	if err != nil {
		return nil, err
	}
	want, filler, err := symfonyDecode(s, textParam(s, "encoding", "base64"), int(length))
	if err != nil {
		return nil, err
	}
	set := pbkdf2Setting{prf: d, rounds: iterations, salt: []byte(s.Salt), length: int(length)}
	return openPBKDF2(e, s, set, want, filler)
}

// parseSymfonyPlaintext compares digests instead of the texts, so that the time does not tell the length.
func parseSymfonyPlaintext(e *env, s legacy.Stored) (*Hash, error) {
	suffix, err := symfonySalt(e, s)
	if err != nil {
		return nil, err
	}
	if password, ok := strings.CutSuffix(s.Hash, string(suffix)); !ok || password == "" {
		return nil, malformed("want a password and {salt}")
	}
	want := sha256.Sum256([]byte(s.Hash))
	return &Hash{
		want:   want[:],
		masked: withHash(s, symfonyPlaintextFiller+string(suffix)),
		compute: func(password []byte) []byte {
			if len(password) == 0 {
				return nil
			}
			sum := sha256.Sum256(slices.Concat(password, suffix))
			return sum[:]
		},
	}, nil
}

// symfonyPlaintextFiller stands where a password stood. It is nobody's secret, and Verify against it is of no use.
const symfonyPlaintextFiller = "\x7fmasked\x7f"
