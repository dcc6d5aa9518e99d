package password

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"rekey/accounts/password/argon2"
)

// Argon2id derives length bytes with argon2id, version 0x13 (RFC 9106). memory is in KiB.
type Argon2id func(password, salt []byte, time, memory uint32, lanes uint8, length uint32) []byte

// A Hasher makes hashes under a policy and verifies any that is within bounds. Its zero value uses the default policy
// and the fastest kernel of package argon2. It is safe for concurrent use, and it takes no permits: the caller runs each
// method that hashes inside Pool.Do, with the memory that MemoryOf or Memory tells.
type Hasher struct {
	Policy   Policy
	Argon2id Argon2id // nil: by a Deriver that all share, a lane after the other
}

// shared is what a Hasher without a function of its own hashes with.
var shared = sync.OnceValue(func() *argon2.Deriver {
	d, err := argon2.New(argon2.Config{})
	if err != nil {
		panic("not even plain Go computes argon2: " + err.Error()) // no password could be told right from wrong
	}
	return d
})

// Memory is what Hash, Wrap and VerifyDummy take while they run, in bytes.
func (h Hasher) Memory() int64 { return h.Policy.orDefault().memory() }

// Hash returns the argon2id hash of password under the policy as a PHC string with a fresh 16-byte salt:
// $argon2id$v=19$m=19456,t=2,p=1$salt$hash, in base64 without padding.
// It returns ErrEmpty for an empty password, also one that a fold emptied, and ErrBounds for a policy out of bounds.
func (h Hasher) Hash(password []byte) (string, error) {
	if len(password) == 0 {
		return "", ErrEmpty
	}
	return h.make(password)
}

func (h Hasher) make(input []byte) (string, error) {
	if err := h.Policy.Check(); err != nil {
		return "", fmt.Errorf("password policy: %w", err)
	}
	p := phc{Policy: h.Policy.orDefault(), salt: make([]byte, newSalt)}
	// Read never fails: crypto/rand ends the program where the system has no randomness.
	_, _ = rand.Read(p.salt)
	p.sum = h.derive(p, input, newSum)
	return p.String(), nil
}

// Verify reports whether encoded is a hash of password, in constant time beside the hashing itself. An error wraps
// ErrMalformed or ErrBounds and means that encoded says nothing about any password. An empty password never matches.
func (h Hasher) Verify(encoded string, password []byte) (bool, error) {
	p, err := parsePHC(encoded)
	if err != nil {
		return false, err
	}
	return h.matches(p, password) && len(password) > 0, nil
}

func (h Hasher) matches(p phc, input []byte) bool {
	return subtle.ConstantTimeCompare(h.derive(p, input, len(p.sum)), p.sum) == 1
}

func (h Hasher) derive(p phc, input []byte, length int) []byte {
	derive := h.Argon2id
	if derive == nil {
		derive = shared().IDKey
	}
	return derive(input, p.salt, p.Time, p.MemoryKiB, p.Lanes, uint32(length))
}

// NeedsRehash reports whether a verified password should be hashed anew because encoded, or the argon2id part of a
// wrap, is weaker than the policy: less work (memory times passes), less time-area product (memory squared times
// passes), or a shorter salt or hash than Hash makes. What costs an attacker as much as the policy or more is left
// as it is. A string that is not ours needs a rehash.
func (h Hasher) NeedsRehash(encoded string) bool {
	p, err := parseAny(encoded)
	return err != nil || p.weakerThan(h.Policy.orDefault()) || len(p.salt) < newSalt || len(p.sum) < newSum
}

// MemoryOf returns the bytes that verifying encoded takes, a hash or a wrap, so that a permit can be weighed before
// anything is computed. Its errors are those of Verify.
func MemoryOf(encoded string) (int64, error) {
	p, err := parseAny(encoded)
	return p.memory(), err
}

func parseAny(encoded string) (phc, error) {
	if strings.HasPrefix(encoded, wrapPrefix) {
		_, p, err := parseWrap(encoded)
		return p, err
	}
	return parsePHC(encoded)
}

// A phc is a parsed argon2id string; see
// https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md and RFC 9106.
type phc struct {
	Policy
	salt, sum []byte
}

func (p phc) String() string {
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", p.MemoryKiB, p.Time, p.Lanes,
		base64.RawStdEncoding.EncodeToString(p.salt), base64.RawStdEncoding.EncodeToString(p.sum))
}

// maxEncoded is longer than any string that parses; what is longer is refused before it is split.
const maxEncoded = 512

func parsePHC(encoded string) (phc, error) {
	if len(encoded) > maxEncoded {
		return phc{}, ErrMalformed
	}
	f := strings.Split(encoded, "$")
	if len(f) != 6 || f[0] != "" || f[1] != "argon2id" || f[2] != "v=19" {
		return phc{}, ErrMalformed
	}
	policy, err := parseCosts(f[3])
	if err != nil {
		return phc{}, err
	}
	p := phc{Policy: policy}
	for _, field := range []struct {
		to       *[]byte
		text     string
		min, max int
	}{
		{&p.salt, f[4], minSalt, maxSalt},
		{&p.sum, f[5], minSum, maxSum},
	} {
		// Strict refuses trailing bits that are set, but like every base64 decoder of Go it skips line ends.
		b, err := base64.RawStdEncoding.Strict().DecodeString(field.text)
		if err != nil || strings.ContainsAny(field.text, "\r\n") || len(b) < field.min || len(b) > field.max {
			return phc{}, ErrMalformed
		}
		*field.to = b
	}
	return p, nil
}

// parseCosts reads exactly m=…,t=…,p=… in this order, each a decimal without sign or leading zero.
func parseCosts(text string) (Policy, error) {
	names := [...]string{"m=", "t=", "p="}
	var values [len(names)]uint64
	fields := strings.Split(text, ",")
	if len(fields) != len(names) {
		return Policy{}, ErrMalformed
	}
	for i, name := range names {
		digits, ok := strings.CutPrefix(fields[i], name)
		n, err := strconv.ParseUint(digits, 10, 64)
		// The round trip refuses "+1", "01" and "1_0" alike. A number too large for 64 bits is out of bounds, but
		// nobody needs to be told that apart from malformed.
		if !ok || err != nil || strconv.FormatUint(n, 10) != digits || n == 0 {
			return Policy{}, ErrMalformed
		}
		values[i] = n
	}
	// Compared before they are narrowed.
	if values[0] > maxMemoryKiB || values[1] > maxTime || values[2] > maxLanes {
		return Policy{}, ErrBounds
	}
	p := Policy{MemoryKiB: uint32(values[0]), Time: uint32(values[1]), Lanes: uint8(values[2])}
	return p, p.Check()
}
