package masterkey

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"errors"

	"golang.org/x/crypto/chacha20poly1305"
)

// What is sealed looks like this:
//
//	version  1 byte, 1
//	key id   4 bytes, the bytes of ID
//	nonce    24 bytes, random
//	text     the ciphertext and its 16-byte tag
//
// The cipher is XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) under a key of its own for each purpose: its nonce
// is long enough to be drawn at random for any number of messages. The header is authenticated with the associated
// data.
const (
	sealVersion = 1
	idEnd       = 1 + 4
	headerEnd   = idEnd + chacha20poly1305.NonceSizeX
)

// Overhead is by how many bytes a sealed text is longer than its plaintext.
const Overhead = headerEnd + chacha20poly1305.Overhead

// Errors of Open.
var (
	// ErrOtherKey: the text says that it was sealed with another master key.
	ErrOtherKey = errors.New("sealed with another master key")
	// ErrDamaged: the text is not what Seal wrote for this purpose and this associated data.
	ErrDamaged = errors.New("sealed text is damaged or belongs elsewhere")
)

// Seal encrypts plaintext for one purpose and binds it to the associated data (the id of the row that it is for,
// say), both of which Open must be given again.
func (k *Key) Seal(purpose string, plaintext, associated []byte) []byte {
	sealed := make([]byte, headerEnd, Overhead+len(plaintext))
	copy(sealed, k.m.header)
	nonce := sealed[idEnd:headerEnd]
	rand.Read(nonce) // never fails
	return k.cipher(purpose).Seal(sealed, nonce, plaintext, bind(sealed[:idEnd], associated))
}

// Open decrypts what Seal returned. The error is ErrOtherKey or ErrDamaged.
func (k *Key) Open(purpose string, sealed, associated []byte) ([]byte, error) {
	if len(sealed) < Overhead || sealed[0] != sealVersion {
		return nil, ErrDamaged
	}
	if !bytes.Equal(sealed[:idEnd], k.m.header) {
		return nil, ErrOtherKey
	}
	plaintext, err := k.cipher(purpose).Open(nil, sealed[idEnd:headerEnd], sealed[headerEnd:], bind(sealed[:idEnd], associated))
	if err != nil {
		return nil, ErrDamaged
	}
	return plaintext, nil
}

func (k *Key) cipher(purpose string) cipher.AEAD {
	if kept, _ := k.m.ciphers.Load(purpose); kept != nil {
		if made, ok := kept.(cipher.AEAD); ok {
			return made
		}
	}
	key := k.derive("seal", purpose)
	aead, err := chacha20poly1305.NewX(key[:])
	if err != nil {
		panic("masterkey: " + err.Error()) // only for a wrong key length
	}
	k.m.ciphers.Store(purpose, aead)
	return aead
}

// bind puts the header, whose length is fixed, before the associated data.
func bind(header, associated []byte) []byte {
	return append(append(make([]byte, 0, len(header)+len(associated)), header...), associated...)
}
