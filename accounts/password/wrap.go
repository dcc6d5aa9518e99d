package password

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A wrap protects the hash of an account whose password we have not seen:
//
//	argon2id(HMAC-SHA-256(key, legacy digest))
//
// The key makes a stolen table useless without the key file, also where the legacy digest is an unsalted MD5 that
// somebody has looked up already; argon2id makes a guess cost what it costs for everybody else. A wrap is stored as
//
//	$rekey-wrap$k=<key id>$argon2id$v=19$m=…,t=…,p=…$salt$hash
const wrapPrefix = "$rekey-wrap$"

// minWrapKey is the least length of a key in bytes: the output of the HMAC's hash (RFC 2104, 3).
const minWrapKey = sha256.Size

// Errors of wrapping.
var (
	// ErrUnknownKey is what an *UnknownKeyError matches under errors.Is.
	ErrUnknownKey = errors.New("unknown wrap key")
	// ErrNoDigest: there is nothing to wrap.
	ErrNoDigest = errors.New("the legacy digest is empty")
)

// An UnknownKeyError says that a wrap was made under a key that is not loaded. It means "cannot tell": the key file
// lacks a key that is still in use.
type UnknownKeyError struct{ ID string }

func (e *UnknownKeyError) Error() string { return fmt.Sprintf("%v %q", ErrUnknownKey, e.ID) }

// Unwrap returns ErrUnknownKey.
func (e *UnknownKeyError) Unwrap() error { return ErrUnknownKey }

// WrapKeys holds the keys that wraps are made under, by id, and which one makes new wraps. Its zero value has none:
// Wrap and VerifyWrapped return ErrUnknownKey.
type WrapKeys struct {
	current string
	keys    map[string]Secret
}

// NewWrapKeys checks and keeps keys. An id is 1 to 32 of the characters A-Z a-z 0-9 . _ -, a key at least 32 random
// bytes. The maps and slices are copied.
func NewWrapKeys(current string, keys map[string][]byte) (WrapKeys, error) {
	k := WrapKeys{current: current, keys: make(map[string]Secret, len(keys))}
	for id, key := range keys {
		if !isKeyID(id) {
			return WrapKeys{}, fmt.Errorf("wrap key id %q: want 1 to 32 of A-Z a-z 0-9 . _ -", id)
		}
		if len(key) < minWrapKey {
			return WrapKeys{}, fmt.Errorf("wrap key %q has %d bytes: want at least %d", id, len(key), minWrapKey)
		}
		k.keys[id] = NewSecret(slices.Clone(key))
	}
	if _, ok := k.keys[current]; !ok {
		return WrapKeys{}, fmt.Errorf("current wrap key: %w", &UnknownKeyError{current})
	}
	return k, nil
}

// Current is the id of the key that Wrap uses.
func (k WrapKeys) Current() string { return k.current }

// IDs returns the ids of all keys, sorted.
func (k WrapKeys) IDs() []string { return slices.Sorted(maps.Keys(k.keys)) }

func (k WrapKeys) mac(id string, digest []byte) ([]byte, error) {
	key, ok := k.keys[id]
	if !ok {
		return nil, &UnknownKeyError{id}
	}
	mac := hmac.New(sha256.New, key.Reveal())
	mac.Write(digest)
	return mac.Sum(nil), nil
}

// Wrap returns digest, what the legacy scheme derived from the password, wrapped under the current key and the
// policy. The errors are ErrNoDigest, ErrUnknownKey and ErrBounds.
func (h Hasher) Wrap(keys WrapKeys, digest []byte) (string, error) {
	if len(digest) == 0 {
		return "", ErrNoDigest
	}
	mac, err := keys.mac(keys.current, digest)
	if err != nil {
		return "", err
	}
	encoded, err := h.make(mac)
	if err != nil {
		return "", err
	}
	return wrapPrefix + "k=" + keys.current + encoded, nil
}

// VerifyWrapped reports whether digest is the one that was wrapped. The errors are those of Verify and ErrUnknownKey;
// all mean "cannot tell". An empty digest never matches.
func (h Hasher) VerifyWrapped(keys WrapKeys, encoded string, digest []byte) (bool, error) {
	id, p, err := parseWrap(encoded)
	if err != nil {
		return false, err
	}
	mac, err := keys.mac(id, digest)
	if err != nil {
		return false, err
	}
	return h.matches(p, mac) && len(digest) > 0, nil
}

// WrapKeyID returns the id of the key that a wrap was made under, to find those that still need an old key. Its errors
// are those of Verify.
func WrapKeyID(encoded string) (string, error) {
	id, _, err := parseWrap(encoded)
	return id, err
}

func parseWrap(encoded string) (id string, p phc, err error) {
	if len(encoded) > maxEncoded {
		return "", phc{}, ErrMalformed
	}
	rest, ok := strings.CutPrefix(encoded, wrapPrefix+"k=")
	if !ok {
		return "", phc{}, ErrMalformed
	}
	id, rest, ok = strings.Cut(rest, "$")
	if !ok || !isKeyID(id) {
		return "", phc{}, ErrMalformed
	}
	p, err = parsePHC("$" + rest)
	return id, p, err
}

var keyID = regexp.MustCompile(`\A[A-Za-z0-9._-]{1,32}\z`)

func isKeyID(id string) bool { return keyID.MatchString(id) }
