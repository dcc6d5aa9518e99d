package census

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"

	"rekey/accounts"
)

// Shared is the names that several people hold. A nil *Shared knows nothing: not even that a name is one person's.
type Shared struct {
	names []accounts.Name // sorted
}

// Len returns how many names are shared.
func (s *Shared) Len() int {
	if s == nil {
		return 0
	}
	return len(s.names)
}

// Contested returns what accounts.Batch wants: nil if nothing is known.
func (s *Shared) Contested() func(accounts.Name) bool {
	if s == nil {
		return nil
	}
	return func(name accounts.Name) bool {
		_, found := slices.BinarySearch(s.names, name)
		return found
	}
}

var errShared = errors.New("not a list of shared names")

// MarshalText writes the names, 8 bytes each, in base64.
func (s *Shared) MarshalText() ([]byte, error) {
	raw := make([]byte, 0, 8*len(s.names))
	for _, name := range s.names {
		raw = binary.BigEndian.AppendUint64(raw, uint64(name))
	}
	return base64.RawStdEncoding.AppendEncode(nil, raw), nil
}

// UnmarshalText is the opposite of MarshalText.
func (s *Shared) UnmarshalText(text []byte) error {
	raw, err := base64.RawStdEncoding.AppendDecode(nil, text)
	if err != nil || len(raw)%8 != 0 {
		return errShared
	}
	names := make([]accounts.Name, 0, len(raw)/8)
	for ; len(raw) > 0; raw = raw[8:] {
		names = append(names, accounts.Name(binary.BigEndian.Uint64(raw)))
	}
	if !slices.IsSorted(names) {
		return errShared
	}
	s.names = names
	return nil
}
