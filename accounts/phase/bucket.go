package phase

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/google/uuid"
)

// Bucket returns the bucket of an account, 0 to 9999: the first 8 bytes, as a big-endian number, of SHA-256 over the
// salt and then the 16 bytes of the id, modulo 10000. Neither a version of this program nor a store may ever say
// otherwise: an account that changes buckets changes the store that answers for it.
func Bucket(salt string, id uuid.UUID) int {
	sum := sha256.Sum256(append([]byte(salt), id[:]...))
	return int(binary.BigEndian.Uint64(sum[:8]) % uint64(All)) // the remainder's bias is 10000 in 2^64
}

// InRamp tells whether the new store may answer for an account in phase ramp. The deny-list comes first, then the
// allow-list, then the account's bucket. Whoever is in at some percentage is in at every higher one.
func (s State) InRamp(id uuid.UUID) bool {
	switch {
	case listed(s.Deny, id):
		return false
	case listed(s.Allow, id):
		return true
	}
	return Bucket(s.Salt, id) < int(s.Percent)
}

// listed looks an id up in a sorted list.
func listed(ids []uuid.UUID, id uuid.UUID) bool {
	_, found := slices.BinarySearchFunc(ids, id, compareIDs)
	return found
}

func compareIDs(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }
