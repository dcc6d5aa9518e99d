package accounts

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"rekey/legacy"
)

// A Name is a keyed digest of a canonical identifier, for counting who holds the same ones without keeping them: 64 bits of an
// HMAC-SHA-256. That two of a hundred million names are alike by accident costs their people the slower way, and nothing else.
type Name uint64

// name returns the digest of an identifier.
func (s *Service) name(id Identifier) Name {
	mac := hmac.New(sha256.New, s.nameKey[:])
	mac.Write([]byte(id.Canonical)) // a hash never fails to write
	var sum [sha256.Size]byte
	return Name(binary.BigEndian.Uint64(mac.Sum(sum[:0])))
}

// Names returns what a legacy person of a source can type to log in, each once.
func (s *Service) Names(source string, user legacy.User) []Name {
	i := s.sourceIndex(source)
	if i < 0 {
		return nil
	}
	ids, _ := s.identifiersOf(candidate{source: s.sources[i], user: user, order: i}, nil)
	names := make([]Name, len(ids))
	for i, id := range ids {
		names[i] = s.name(id)
	}
	return names
}

// CanWalk reports whether everybody of a source can be walked through.
func (s *Service) CanWalk(source string) bool {
	i := s.sourceIndex(source)
	if i < 0 {
		return false
	}
	_, can := s.sources[i].Source.(legacy.Lister)
	return can
}
