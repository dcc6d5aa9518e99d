package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math"
	"strings"

	"github.com/google/uuid"
)

// A refresh token is computed, not stored:
//
//	"rk1_" + base64url( session id, 16 bytes | generation, 4 bytes big-endian | HMAC-SHA-256 of both, 32 bytes )
//
// so that the successor of a token can be made again for a client that did not hear the answer, and rubbish is
// refused without a question to the store.
const (
	refreshPrefix = "rk1_"
	macStart      = 16 + 4
	refreshSize   = macStart + sha256.Size
	refreshLength = len(refreshPrefix) + (refreshSize*8+5)/6
)

// refreshPurpose is for what the key of the HMAC is derived.
const refreshPurpose = "refresh"

// maxGeneration is what fits: one refresh a second for 136 years.
const maxGeneration = math.MaxUint32

// refreshKey makes and checks refresh tokens.
type refreshKey [sha256.Size]byte

// text returns the token of a session's generation, which is from 0 to maxGeneration.
func (k refreshKey) text(session uuid.UUID, generation int64) string {
	raw := make([]byte, macStart, refreshSize)
	copy(raw, session[:])
	binary.BigEndian.PutUint32(raw[16:], uint32(generation))
	return refreshPrefix + base64.RawURLEncoding.EncodeToString(k.mac(raw))
}

// parse returns what a token says if it is one of ours. There is one text for each token.
func (k refreshKey) parse(text string) (session uuid.UUID, generation int64, ok bool) {
	encoded, ok := strings.CutPrefix(text, refreshPrefix)
	if !ok || len(text) != refreshLength {
		return uuid.Nil, 0, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || len(raw) != refreshSize { // the decoder skips line ends
		return uuid.Nil, 0, false
	}
	if !hmac.Equal(raw, k.mac(raw[:macStart:macStart])) {
		return uuid.Nil, 0, false
	}
	return uuid.UUID(raw[:16]), int64(binary.BigEndian.Uint32(raw[16:])), true
}

// mac appends the HMAC of raw to it.
func (k refreshKey) mac(raw []byte) []byte {
	h := hmac.New(sha256.New, k[:])
	h.Write(raw)
	return h.Sum(raw)
}
