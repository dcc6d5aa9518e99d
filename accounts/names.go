package accounts

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"rekey/legacy"
)

// A Name is a keyed digest of a canonical identifier, for counting who holds the same ones without keeping them: 64 bits of a
// SHA-256 over a key and the identifier. That two of a hundred million names are alike by accident costs their people the slower
// way, and nothing else.
type Name uint64

// name returns the digest of an identifier.
func (s *Service) name(id Identifier) Name {
	text := append(make([]byte, 0, len(s.nameKey)+MaxIdentifier), s.nameKey[:]...)
	sum := sha256.Sum256(append(text, id.Canonical...))
	return Name(binary.BigEndian.Uint64(sum[:]))
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

// Unwalkable are those of the names whose source can be asked for somebody but not for everybody, as an application over HTTP.
func (s *Service) Unwalkable(sources []string) []string {
	var names []string
	for _, source := range s.sources {
		if slices.Contains(sources, source.Name) && !s.CanWalk(source.Name) {
			names = append(names, source.Name)
		}
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
