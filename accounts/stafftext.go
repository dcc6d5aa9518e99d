package accounts

import (
	"crypto/rand"
	"crypto/sha256"
	"hash/crc32"
	"log/slog"
	"math/big"
	"strings"
)

// The text of a staff token:
//
//	"rks_" + 256 random bits in 43 digits of base 62 + the CRC-32 of what stands before it in 6 digits of base 62
//
// The prefix and the checksum are for scanners that look for secrets in repositories and logs: they find it, and hardly
// anything else. The checksum also spares the store a question about a text that was cut or mistyped. A double click
// selects all of it.
const (
	staffPrefix   = "rks_"
	staffRandom   = 43 // 62^43 > 2^256
	staffChecksum = 6  // 62^6 > 2^32
	staffLength   = len(staffPrefix) + staffRandom + staffChecksum
)

// A StaffDigest is the SHA-256 of a staff token's text, which is all that is stored of it. A token has 256 random bits, so
// a slow hash would protect nothing; and since the store looks for the digest, how long that takes says nothing of the
// text.
type StaffDigest [sha256.Size]byte

// String hides the digest.
func (StaffDigest) String() string { return "[digest]" }

// GoString hides the digest from %#v.
func (d StaffDigest) GoString() string { return d.String() }

// LogValue hides the digest from slog.
func (d StaffDigest) LogValue() slog.Value { return slog.StringValue(d.String()) }

func newStaffText() (string, StaffDigest) {
	var random [32]byte
	_, _ = rand.Read(random[:]) // crypto/rand never fails; it ends the process instead
	text := staffPrefix + base62(new(big.Int).SetBytes(random[:]), staffRandom)
	text += staffSum(text)
	return text, sha256.Sum256([]byte(text))
}

// ParseStaffToken returns the digest of a text that has the form of a staff token. Whether there is such a token, Who
// says.
func ParseStaffToken(text string) (digest StaffDigest, ok bool) {
	if len(text) != staffLength || !strings.HasPrefix(text, staffPrefix) {
		return StaffDigest{}, false
	}
	body := text[:len(text)-staffChecksum]
	if text[len(body):] != staffSum(body) {
		return StaffDigest{}, false
	}
	return sha256.Sum256([]byte(text)), true
}

func staffSum(text string) string {
	return base62(big.NewInt(int64(crc32.ChecksumIEEE([]byte(text)))), staffChecksum)
}

// base62 writes a number in so many digits.
func base62(n *big.Int, digits int) string {
	text := n.Text(62)
	return strings.Repeat("0", digits-len(text)) + text
}
