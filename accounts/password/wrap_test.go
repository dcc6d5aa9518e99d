package password_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"

	"rekey/accounts/password"
)

func rawBase64(b []byte) string { return base64.RawStdEncoding.EncodeToString(b) }

// wrapKeys returns keys of the given ids, the first of which is current. The key of an id is always the same.
func wrapKeys(t *testing.T, ids ...string) password.WrapKeys {
	t.Helper()
	keys := map[string][]byte{}
	for _, id := range ids {
		sum := sha256.Sum256([]byte(id))
		keys[id] = sum[:]
	}
	k, err := password.NewWrapKeys(ids[0], keys)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestWrap(t *testing.T) {
	t.Parallel()
	digest := []byte("5f4dcc3b5aa765d61d8327deb882cf99")
	old := wrapKeys(t, "2026-01")
	encoded, err := cheap.Wrap(old, digest)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(encoded, "$rekey-wrap$k=2026-01$argon2id$v=19$m=8,t=1,p=1$") {
		t.Errorf("got a string that begins %.60q", encoded)
	}
	if id, err := password.WrapKeyID(encoded); id != "2026-01" || err != nil {
		t.Errorf("WrapKeyID: %q, %v", id, err)
	}
	if memory, err := password.MemoryOf(encoded); memory != 8<<10 || err != nil {
		t.Errorf("MemoryOf: %d, %v", memory, err)
	}

	rotated := wrapKeys(t, "2026-02", "2026-01")
	for _, test := range []struct {
		name   string
		keys   password.WrapKeys
		digest []byte
		want   bool
	}{
		{"right", old, digest, true},
		{"right, after a rotation", rotated, digest, true},
		{"another digest", old, []byte("5f4dcc3b5aa765d61d8327deb882cf98"), false},
		{"a longer digest", old, append(bytes.Clone(digest), 0), false},
		{"no digest", old, nil, false},
	} {
		if ok, err := cheap.VerifyWrapped(test.keys, encoded, test.digest); ok != test.want || err != nil {
			t.Errorf("%s: got %t, %v", test.name, ok, err)
		}
	}

	// The formula, told apart from the code: argon2id(HMAC-SHA-256(key, digest)).
	key := sha256.Sum256([]byte("2026-01"))
	mac := hmac.New(sha256.New, key[:])
	mac.Write(digest)
	f := strings.Split(encoded, "$")
	salt, err := base64.RawStdEncoding.DecodeString(f[len(f)-2])
	if err != nil {
		t.Fatal(err)
	}
	if want := rawBase64(argon2.IDKey(mac.Sum(nil), salt, 1, 8, 1, 32)); f[len(f)-1] != want {
		t.Error("the wrap is not argon2id over the HMAC")
	}
}

func TestWrapNeedsItsKey(t *testing.T) {
	t.Parallel()
	digest := []byte("digest")
	encoded, err := cheap.Wrap(wrapKeys(t, "gone"), digest)
	if err != nil {
		t.Fatal(err)
	}
	for _, keys := range []password.WrapKeys{wrapKeys(t, "other"), {}} {
		ok, err := counting(t).VerifyWrapped(keys, encoded, digest)
		var unknown *password.UnknownKeyError
		if ok || !errors.Is(err, password.ErrUnknownKey) || !errors.As(err, &unknown) || unknown.ID != "gone" {
			t.Errorf("got %t, %v", ok, err)
		}
	}
	// The same id with another key is a wrong key, which nobody can tell from a wrong digest.
	wrong, err := password.NewWrapKeys("gone", map[string][]byte{"gone": make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := cheap.VerifyWrapped(wrong, encoded, digest); ok || err != nil {
		t.Errorf("under another key: %t, %v", ok, err)
	}
	if _, err := counting(t).Wrap(password.WrapKeys{}, digest); !errors.Is(err, password.ErrUnknownKey) {
		t.Errorf("Wrap without keys: %v", err)
	}
	if _, err := counting(t).Wrap(wrapKeys(t, "k"), nil); !errors.Is(err, password.ErrNoDigest) {
		t.Errorf("Wrap of nothing: %v", err)
	}
}

func TestNewWrapKeys(t *testing.T) {
	t.Parallel()
	key := make([]byte, 32)
	for _, test := range []struct {
		name, current string
		keys          map[string][]byte
		ok            bool
	}{
		{"one", "k1", map[string][]byte{"k1": key}, true},
		{"two", "k2", map[string][]byte{"k1": key, "k2": key}, true},
		{"none", "", nil, false},
		{"current missing", "k2", map[string][]byte{"k1": key}, false},
		{"short key", "k1", map[string][]byte{"k1": key[1:]}, false},
		{"dollar in id", "k$1", map[string][]byte{"k$1": key}, false},
		{"line end in id", "k\n", map[string][]byte{"k\n": key}, false},
		{"empty id", "", map[string][]byte{"": key}, false},
		{"long id", strings.Repeat("k", 33), map[string][]byte{strings.Repeat("k", 33): key}, false},
	} {
		k, err := password.NewWrapKeys(test.current, test.keys)
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
		if test.ok && (k.Current() != test.current || len(k.IDs()) != len(test.keys)) {
			t.Errorf("%s: current %q of %q", test.name, k.Current(), k.IDs())
		}
	}
	mine := []byte("0123456789abcdef0123456789abcdef")
	k, err := password.NewWrapKeys("k", map[string][]byte{"k": mine})
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := cheap.Wrap(k, mine)
	if err != nil {
		t.Fatal(err)
	}
	clear(mine)
	if ok, _ := cheap.VerifyWrapped(k, encoded, []byte("0123456789abcdef0123456789abcdef")); !ok {
		t.Error("the key is shared with the caller")
	}
}

func TestMalformedWraps(t *testing.T) {
	t.Parallel()
	inner := phc("m=8,t=1,p=1")
	for _, encoded := range []string{
		inner,
		"$rekey-wrap$" + inner,
		"$rekey-wrap$k=" + inner,
		"$rekey-wrap$k=a b" + inner,
		"$rekey-wrap$k=k1",
		"$rekey-wrap$k=k1$" + inner,
		"$rekey-wrap$K=k1" + inner,
		"$rekey-wrap$k=k1$rekey-wrap$k=k1" + inner,
		"rekey-wrap$k=k1" + inner,
	} {
		if _, err := counting(t).VerifyWrapped(wrapKeys(t, "k1"), encoded, []byte("d")); !errors.Is(err, password.ErrMalformed) {
			t.Errorf("%.40q: %v", encoded, err)
		}
		if _, err := password.WrapKeyID(encoded); !errors.Is(err, password.ErrMalformed) {
			t.Errorf("%.40q: WrapKeyID: %v", encoded, err)
		}
	}
}
