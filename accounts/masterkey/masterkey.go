// Package masterkey holds the installation's one secret: 32 random bytes in a file, from which the keys for
// everything sealed or authenticated in the store are derived. Whoever has the store but not this file can neither
// sign tokens nor make refresh tokens; whoever loses the file loses both.
//
// It serves the packages that seal and derive. It never writes to a store, and it never prints a key.
package masterkey

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"sync"
)

// Size is the length of the master key, and of every derived key, in bytes.
const Size = 32

// A Key is a master key, made by Load, Create, Parse or Generate. It prints as a placeholder.
type Key struct {
	// A pointer, because fmt does not call the methods of a value in somebody's unexported field, but does not
	// follow pointers there either.
	m *material
}

type material struct {
	secret [Size]byte
	id     string
	check  string
	header []byte // of what is sealed: the version of the form, and the id

	ciphers sync.Map // cipher.AEAD by purpose: a key is derived as slowly as a short text is sealed
}

// Generate returns a new random key.
func Generate() *Key {
	var secret [Size]byte
	rand.Read(secret[:]) // never fails: it ends the process instead
	return newKey(secret)
}

func newKey(secret [Size]byte) *Key {
	k := &Key{&material{secret: secret}}
	id := k.derive("public", "id")
	check := k.derive("public", "check")
	k.m.id = hex.EncodeToString(id[:4])
	k.m.header = append([]byte{sealVersion}, id[:4]...)
	k.m.check = k.m.id + ":" + hex.EncodeToString(check[:])
	return k
}

// ID returns 8 hex digits that name the key. They tell nothing of the secret, and may be stored and shown.
func (k *Key) ID() string { return k.m.id }

// CheckValue returns a text by which this key is recognised for certain. It tells nothing of the secret, and may be
// stored; see Confirm.
func (k *Key) CheckValue() string { return k.m.check }

// Derive returns the key for one purpose, by HKDF-SHA-256 (RFC 5869). Keys for different purposes are independent
// of one another, and of those that Seal uses.
func (k *Key) Derive(purpose string) [Size]byte { return k.derive("derive", purpose) }

// derive keeps three families of keys apart, so that no purpose that a caller picks can be one that is published
// or one that seals.
func (k *Key) derive(family, purpose string) [Size]byte {
	out, err := hkdf.Key(sha256.New, k.m.secret[:], nil, "rekey/1/"+family+"/"+purpose, Size)
	if err != nil {
		panic("masterkey: " + err.Error()) // only for lengths over 255 hashes, or a short secret in FIPS mode
	}
	return [Size]byte(out)
}

const redacted = "[master key]"

// String hides the secret.
func (Key) String() string { return redacted }

// GoString hides the secret from %#v.
func (Key) GoString() string { return redacted }

// Format hides the secret from every verb.
func (Key) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, redacted) } // fmt.State cannot fail

// LogValue hides the secret from slog.
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the secret from encoders.
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }
