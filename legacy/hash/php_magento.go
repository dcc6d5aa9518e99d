package hash

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"strings"

	"rekey/legacy"
)

// parseMagento1 reads "digest:salt" or a bare digest, where the digest's length tells md5, sha256 and sha512, or
// what password_hash wrote.
func parseMagento1(e *env, s legacy.Stored) (*Hash, error) {
	if strings.HasPrefix(s.Hash, "$2") {
		return parsePasswordHash(e, s)
	}
	digest, salt, joined := strings.Cut(s.Hash, ":")
	d := phpDigestHash{salt: s.Salt}
	if joined {
		if s.Salt != "" {
			return nil, malformed("a salt in the hash column and a salt column")
		}
		d.salt, d.suffix = salt, ":"+salt
	}
	switch len(digest) {
	case hex.EncodedLen(md5.Size):
		d.size, d.text = md5.Size, func(p, s []byte) []byte { return hashMD5.hex(s, p) }
	case hex.EncodedLen(sha256.Size):
		d.size, d.text = sha256.Size, func(p, s []byte) []byte { return hashSHA256.hex(s, p) }
	case hex.EncodedLen(sha512.Size):
		d.size, d.text = sha512.Size, func(p, s []byte) []byte { return hashSHA512.hex(s, p) }
	default:
		return nil, malformed("digest has the length of none of md5, sha256, sha512")
	}
	return openPHPDigest(e, withHash(s, digest), d)
}

// matchMagento2 recognises a digest, a salt and at least one version.
func matchMagento2(stored string) bool {
	fields := strings.Split(stored, ":")
	if len(fields) < 3 || len(fields[0]) != 2*md5.Size && len(fields[0]) != 2*sha256.Size {
		return false
	}
	for _, version := range fields[2:] {
		if version != "0" && version != "1" && version != "2" && !strings.HasPrefix(version, "3_") {
			return false
		}
	}
	return true
}

// A magentoStep is one version of the chain. Each hashes the hex text that the one before it made.
type magentoStep struct {
	size   int // bytes
	digest func(salt, data []byte) []byte
	argon2 struct{ memory, time int64 } // KiB and passes; memory is 0 for a plain digest
}

const (
	magentoMaxSteps  = 4 // md5, sha256, argon2id and argon2id with other costs: each upgrade adds one
	magentoSeedBytes = 32
	magentoSaltBytes = 16 // SODIUM_CRYPTO_PWHASH_SALTBYTES
)

// parseMagento2 reads digest:salt:version[:version…]. Versions: 0 md5(salt+x), 1 sha256(salt+x), 2 argon2id(x) with
// libsodium's interactive costs, 3_32_opslimit_memlimit argon2id with those (memlimit in bytes).
func parseMagento2(e *env, s legacy.Stored) (*Hash, error) {
	fields := strings.Split(s.Hash, ":")
	if len(fields) < 3 || len(fields) > 2+magentoMaxSteps || fields[1] == "" {
		return nil, malformed("want digest:salt:version")
	}
	salt := []byte(fields[1])
	if err := saltWithin(e, salt); err != nil {
		return nil, err
	}
	var steps []magentoStep
	var memory, work int64
	for _, version := range fields[2:] {
		step, err := parseMagentoVersion(e, version)
		if err != nil {
			return nil, err
		}
		steps = append(steps, step)
		memory = max(memory, step.argon2.memory)
		work += step.argon2.memory * step.argon2.time
	}
	if err := within("argon2 memory times passes of the chain", work, 0, e.bounds.Argon2Work); err != nil {
		return nil, err
	}
	if _, ok := decodeHex(fields[0], steps[len(steps)-1].size); !ok {
		return nil, malformed("digest is not hex of the last version's length")
	}
	rest := s.Hash[len(fields[0]):]
	return &Hash{
		Memory: memory << 10,
		want:   []byte(strings.ToLower(fields[0])),
		masked: withHash(s, strings.Repeat("0", len(fields[0]))+rest),
		compute: func(password []byte) []byte {
			data := password
			for _, step := range steps {
				if step.argon2.memory == 0 {
					data = step.digest(salt, data)
					continue
				}
				key := e.argon2("argon2id", 0x13, data, magentoSalt(salt), nil, nil,
					uint32(step.argon2.time), uint32(step.argon2.memory), 1, magentoSeedBytes)
				if key == nil {
					return nil
				}
				data = hex.AppendEncode(nil, key)
			}
			return data
		},
	}, nil
}

func parseMagentoVersion(e *env, version string) (step magentoStep, err error) {
	switch version {
	case "0":
		step.size, step.digest = md5.Size, func(salt, data []byte) []byte { return hashMD5.hex(salt, data) }
		return step, nil
	case "1":
		step.size, step.digest = sha256.Size, func(salt, data []byte) []byte { return hashSHA256.hex(salt, data) }
		return step, nil
	case "2":
		version = "3_32_2_67108864"
	}
	fields := strings.Split(version, "_")
	if len(fields) != 4 || fields[0] != "3" || fields[1] != "32" {
		return step, malformed("unknown version")
	}
	ops, ok := decimal(fields[2])
	if !ok {
		return step, malformed("opslimit must be a whole number")
	}
	mem, ok := decimal(fields[3])
	if !ok {
		return step, malformed("memlimit must be a whole number")
	}
	step.size = magentoSeedBytes
	step.argon2.time, step.argon2.memory = ops, mem>>10
	if err := within("opslimit", ops, 1, e.bounds.Argon2Time); err != nil {
		return step, err
	}
	return step, within("memlimit", mem, 8<<10, e.bounds.Argon2Memory<<10)
}

// magentoSalt makes the 16 bytes that libsodium takes: a longer salt is cut, a shorter one repeated.
func magentoSalt(salt []byte) []byte {
	fixed := make([]byte, magentoSaltBytes)
	for i := range fixed {
		fixed[i] = salt[i%len(salt)]
	}
	return fixed
}
