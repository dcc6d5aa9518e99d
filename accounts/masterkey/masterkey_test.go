package masterkey

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

// Known answers for the key of the bytes 0 to 31, computed with Python: HKDF by the formulas of RFC 5869 with hmac,
// HChaCha20 by those of draft-irtf-cfrg-xchacha-03 and ChaCha20-Poly1305 with the cryptography module.
const (
	hexKey       = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	knownID      = "58adf81c"
	knownCheck   = "cb2d1c5e477e6cd2c23fc4b06471ebed70a95f85094c41939409c57108881eb8"
	knownDerived = "dd2de292ed5f7e66c1e352c84ba3e30dc286ab1ba3b4ff42817db3a58084bcf8"
	knownSealed  = "0158adf81c6465666768696a6b6c6d6e6f707172737475767778797a7bad5a60983f85acec55ae3aee96c17616510f53e5b676089e"
)

func key(t testing.TB, text string) *Key {
	t.Helper()
	k, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// If one of these changes, nothing that was sealed before can be opened, and no refresh token is valid any more.
func TestKnownAnswers(t *testing.T) {
	t.Parallel()
	k := key(t, hexKey)
	derived := k.Derive("refresh")
	for _, c := range []struct{ what, got, want string }{
		{"ID", k.ID(), knownID},
		{"CheckValue", k.CheckValue(), knownID + ":" + knownCheck},
		{"Derive", hex.EncodeToString(derived[:]), knownDerived},
	} {
		if c.got != c.want {
			t.Errorf("%s = %s, want %s", c.what, c.got, c.want)
		}
	}
	sealed, err := hex.DecodeString(knownSealed)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := k.Open("a purpose", sealed, []byte("a row")); err != nil || string(plain) != "a secret" {
		t.Errorf("Open of a text sealed by version 1 = %q, %v", plain, err)
	}
}

func TestFamiliesOfKeysAreApart(t *testing.T) {
	t.Parallel()
	k := key(t, hexKey)
	seen := map[[Size]byte]string{}
	for _, family := range []string{"derive", "seal", "public"} {
		for _, purpose := range []string{"check", "id", "refresh", "signing-key"} {
			d := k.derive(family, purpose)
			if other, ok := seen[d]; ok {
				t.Errorf("%s/%s is the key of %s too", family, purpose, other)
			}
			seen[d] = family + "/" + purpose
		}
	}
	if k.Derive("refresh") == Generate().Derive("refresh") {
		t.Error("two master keys derive the same key")
	}
}

func TestKeyIsNotPrinted(t *testing.T) {
	t.Parallel()
	p := key(t, hexKey)
	k := *p
	type holder struct {
		hidden  Key // fmt cannot call its methods
		Visible Key
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", k, "holder", holder{k, k})
	asJSON, err := json.Marshal(map[string]any{"key": k, "holder": holder{k, k}})
	if err != nil {
		t.Fatal(err)
	}
	secret := k.m.secret[:]
	for _, text := range []string{
		k.String(), fmt.Sprint(k), fmt.Sprintf("%v %+v %#v %x %s %d %q", p, p, p, p, p, p, p), fmt.Sprintf("%v %+v %#v %x %s %d %q", k, k, k, k, k, k, k),
		fmt.Sprintf("%v %+v %#v", holder{k, k}, holder{k, k}, holder{k, k}),
		fmt.Sprintf("%v %+v", []Key{k}, &holder{k, k}), log.String(), string(asJSON),
	} {
		for _, form := range []string{hexKey[:16], strings.ToUpper(hexKey[16:32]), string(secret[:8]), "0 1 2 3 4 5", "0x1, 0x2, 0x3", "AAECAwQF"} {
			if strings.Contains(text, form) {
				t.Errorf("%q holds bytes of the key", text)
			}
		}
	}
}

func TestSeal(t *testing.T) {
	t.Parallel()
	k, other := key(t, hexKey), Generate()
	sealed := k.Seal("signing-key", []byte("plain text"), []byte("kid"))
	if len(sealed) != Overhead+len("plain text") {
		t.Errorf("sealed text has %d bytes, want Overhead and the plaintext", len(sealed))
	}
	if bytes.Equal(sealed, k.Seal("signing-key", []byte("plain text"), []byte("kid"))) {
		t.Error("sealing twice gave the same text: the nonce is not random")
	}
	flipped := func(i int) []byte {
		s := bytes.Clone(sealed)
		s[i] ^= 1
		return s
	}
	// The key id of k in a text sealed by another key: the id must not be what decides alone.
	renamed := other.Seal("signing-key", []byte("plain text"), []byte("kid"))
	copy(renamed, sealed[:idEnd])
	for _, c := range []struct {
		name, purpose, associated string
		key                       *Key
		sealed                    []byte
		want                      error
	}{
		{"as sealed", "signing-key", "kid", k, sealed, nil},
		{"another master key", "signing-key", "kid", other, sealed, ErrOtherKey},
		{"another key id", "signing-key", "kid", k, flipped(2), ErrOtherKey},
		{"another key under this id", "signing-key", "kid", k, renamed, ErrDamaged},
		{"another purpose", "copy-back", "kid", k, sealed, ErrDamaged},
		{"another row", "signing-key", "kid2", k, sealed, ErrDamaged},
		{"no row", "signing-key", "", k, sealed, ErrDamaged},
		{"another version", "signing-key", "kid", k, flipped(0), ErrDamaged},
		{"changed nonce", "signing-key", "kid", k, flipped(idEnd), ErrDamaged},
		{"changed text", "signing-key", "kid", k, flipped(headerEnd), ErrDamaged},
		{"changed tag", "signing-key", "kid", k, flipped(len(sealed) - 1), ErrDamaged},
		{"cut", "signing-key", "kid", k, sealed[:len(sealed)-1], ErrDamaged},
		{"cut below the overhead", "signing-key", "kid", k, sealed[:Overhead-1], ErrDamaged},
		{"longer", "signing-key", "kid", k, append(bytes.Clone(sealed), 0), ErrDamaged},
		{"empty", "signing-key", "kid", k, nil, ErrDamaged},
	} {
		plain, err := c.key.Open(c.purpose, c.sealed, []byte(c.associated))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.want)
		}
		if c.want == nil && string(plain) != "plain text" || c.want != nil && plain != nil {
			t.Errorf("%s: plaintext %q", c.name, plain)
		}
	}
	if plain, err := k.Open("p", k.Seal("p", nil, nil), nil); err != nil || len(plain) != 0 {
		t.Errorf("an empty plaintext came back as %q, %v", plain, err)
	}
}

func FuzzOpen(f *testing.F) {
	k := key(f, hexKey)
	// Not sealed here: each process of a fuzz run would have another nonce.
	sealed, err := hex.DecodeString(knownSealed)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed, []byte("a row"))
	f.Add(sealed[:Overhead], []byte(""))
	f.Add(Generate().Seal("a purpose", nil, nil), []byte(nil))
	f.Fuzz(func(t *testing.T, text, associated []byte) {
		before := bytes.Clone(text)
		plain, err := k.Open("a purpose", text, associated)
		if err == nil && (string(plain) != "a secret" || !bytes.Equal(text, sealed) || string(associated) != "a row") {
			t.Errorf("opened a text that was not sealed: %q", plain)
		}
		if err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrOtherKey) {
			t.Errorf("error %v is neither of the two", err)
		}
		if !bytes.Equal(text, before) {
			t.Error("Open changed what it was given")
		}
	})
}

// facts keeps values as a store does.
type facts struct {
	mu     sync.Mutex
	values map[string]string
	err    error
}

func (f *facts) MetaOnce(_ context.Context, name, value string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return "", f.err
	}
	if _, ok := f.values[name]; !ok {
		f.values[name] = value
	}
	return f.values[name], nil
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	store := &facts{values: map[string]string{}}
	first, second := Generate(), Generate()
	for range 2 {
		if err := Confirm(t.Context(), store, first); err != nil {
			t.Fatalf("the key that the store was set up with: %v", err)
		}
	}
	var wrong *WrongKeyError
	if err := Confirm(t.Context(), store, second); !errors.As(err, &wrong) {
		t.Fatalf("another key: %v, want a *WrongKeyError", err)
	} else if wrong.Given != second.ID() || wrong.Store != first.ID() {
		t.Errorf("the error names %+v, want keys %s and %s", wrong, second.ID(), first.ID())
	}
	for _, stored := range []string{"", "garbage", first.ID(), first.ID() + ":", first.CheckValue() + "0"} {
		store.values[factName] = stored
		if err := Confirm(t.Context(), store, first); !errors.As(err, &wrong) {
			t.Errorf("a check value of %q: %v, want a *WrongKeyError", stored, err)
		}
	}
	store.err = errors.New("store is down")
	if err := Confirm(t.Context(), store, first); !errors.Is(err, store.err) || errors.As(err, &wrong) {
		t.Errorf("a store that is down: %v", err)
	}
}

func BenchmarkSeal(b *testing.B) {
	k := key(b, hexKey)
	plain := make([]byte, 48)
	b.ReportAllocs()
	for b.Loop() {
		k.Seal("p", plain, nil)
	}
}
