package password_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"
	"pgregory.net/rapid"

	"rekey/accounts/password"
)

// cheap hashes in microseconds.
var cheap = password.Hasher{Policy: password.Policy{MemoryKiB: 8, Time: 1, Lanes: 1}}

func TestHashAndVerify(t *testing.T) {
	t.Parallel()
	var h password.Hasher // the zero value: the default policy
	encoded, err := h.Hash([]byte(typed))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(encoded, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("got a string that begins %.40q", encoded)
	}
	fields := strings.Split(encoded, "$")
	if len(fields) != 6 || len(fields[4]) != 22 || len(fields[5]) != 43 {
		t.Error("want a 16-byte salt and a 32-byte hash in base64 without padding")
	}
	for _, test := range []struct {
		password string
		want     bool
	}{{typed, true}, {typed + "x", false}, {typed[1:], false}, {"", false}} {
		ok, err := h.Verify(encoded, []byte(test.password))
		if err != nil || ok != test.want {
			t.Errorf("Verify of a password of %d bytes: %t, %v; want %t", len(test.password), ok, err, test.want)
		}
	}
	other, err := h.Hash([]byte(typed))
	if err != nil || other == encoded {
		t.Error("two hashes of one password have the same salt")
	}
	if memory, err := password.MemoryOf(encoded); err != nil || memory != 19<<20 || memory != h.Memory() {
		t.Errorf("MemoryOf: %d, %v; Memory: %d", memory, err, h.Memory())
	}
}

func TestVerifyReference(t *testing.T) {
	t.Parallel()
	for _, row := range reference {
		for _, test := range []struct {
			password string
			want     bool
		}{{row.password, true}, {row.password + " ", false}} {
			ok, err := password.Hasher{}.Verify(row.encoded, []byte(test.password))
			if err != nil || ok != test.want {
				t.Errorf("%.40s…: got %t, %v; want %t", row.encoded, ok, err, test.want)
			}
		}
	}
}

const (
	salt16 = "AAAAAAAAAAAAAAAAAAAAAA"
	sum32  = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

func phc(costs string) string { return "$argon2id$v=19$" + costs + "$" + salt16 + "$" + sum32 }

// hostile lists what must be refused before anything is computed.
var hostile = []struct {
	name, encoded string
	want          error
}{
	{"empty", "", password.ErrMalformed},
	{"another algorithm", strings.Replace(phc("m=8,t=1,p=1"), "2id", "2i", 1), password.ErrMalformed},
	{"upper case", strings.ToUpper(phc("m=8,t=1,p=1")), password.ErrMalformed},
	{"old version", strings.Replace(phc("m=8,t=1,p=1"), "v=19", "v=16", 1), password.ErrMalformed},
	{"no version", strings.Replace(phc("m=8,t=1,p=1"), "$v=19", "", 1), password.ErrMalformed},
	{"text before", "x " + phc("m=8,t=1,p=1"), password.ErrMalformed},
	{"field after", phc("m=8,t=1,p=1") + "$", password.ErrMalformed},
	{"line end after", phc("m=8,t=1,p=1") + "\n", password.ErrMalformed},
	{"line end within", strings.Replace(phc("m=8,t=1,p=1"), "AAAA", "AA\r\nAA", 1), password.ErrMalformed},
	{"padding", phc("m=8,t=1,p=1") + "=", password.ErrMalformed},
	{"URL alphabet", strings.TrimSuffix(phc("m=8,t=1,p=1"), "AAA") + "A_A", password.ErrMalformed},
	{"trailing bits", strings.TrimSuffix(phc("m=8,t=1,p=1"), "A") + "B", password.ErrMalformed},
	{"costs in another order", phc("t=1,m=8,p=1"), password.ErrMalformed},
	{"cost missing", phc("m=8,t=1"), password.ErrMalformed},
	{"key id", phc("m=8,t=1,p=1,keyid=AA"), password.ErrMalformed},
	{"sign", phc("m=+8,t=1,p=1"), password.ErrMalformed},
	{"minus", phc("m=8,t=-1,p=1"), password.ErrMalformed},
	{"leading zero", phc("m=08,t=1,p=1"), password.ErrMalformed},
	{"underscore", phc("m=1_0,t=1,p=1"), password.ErrMalformed},
	{"space", phc("m=8, t=1,p=1"), password.ErrMalformed},
	{"hexadecimal", phc("m=0x8,t=1,p=1"), password.ErrMalformed},
	{"no digits", phc("m=,t=1,p=1"), password.ErrMalformed},
	{"no passes", phc("m=8,t=0,p=1"), password.ErrMalformed},
	{"no lanes", phc("m=8,t=1,p=0"), password.ErrMalformed},
	{"65 bits", phc("m=36893488147419103232,t=1,p=1"), password.ErrMalformed},
	{"salt of 7 bytes", "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAA$" + sum32, password.ErrMalformed},
	{"salt of 65 bytes", "$argon2id$v=19$m=8,t=1,p=1$" + strings.Repeat("A", 87) + "$" + sum32, password.ErrMalformed},
	{"no salt", "$argon2id$v=19$m=8,t=1,p=1$$" + sum32, password.ErrMalformed},
	{"hash of 15 bytes", "$argon2id$v=19$m=8,t=1,p=1$" + salt16 + "$" + strings.Repeat("A", 20), password.ErrMalformed},
	{"hash of 65 bytes", "$argon2id$v=19$m=8,t=1,p=1$" + salt16 + "$" + strings.Repeat("A", 87), password.ErrMalformed},
	{"no hash", "$argon2id$v=19$m=8,t=1,p=1$" + salt16 + "$", password.ErrMalformed},
	{"very long", phc("m=8,t=1,p=1") + strings.Repeat("A", 1<<20), password.ErrMalformed},
	{"memory below 8 per lane", phc("m=15,t=1,p=2"), password.ErrBounds},
	{"memory", phc("m=262145,t=1,p=1"), password.ErrBounds},
	{"memory that wraps to 8 in 32 bits", phc("m=4294967304,t=1,p=1"), password.ErrBounds},
	{"passes", phc("m=8,t=21,p=1"), password.ErrBounds},
	{"passes that wrap to 1", phc("m=8,t=4294967297,p=1"), password.ErrBounds},
	{"lanes", phc("m=256,t=1,p=17"), password.ErrBounds},
	{"lanes that wrap to 1", phc("m=8,t=1,p=257"), password.ErrBounds},
	{"memory times passes", phc("m=262144,t=5,p=1"), password.ErrBounds},
}

// counting is a Hasher that fails the test when anything is computed.
func counting(t *testing.T) password.Hasher {
	t.Helper()
	return password.Hasher{Policy: cheap.Policy, Argon2id: func(_, _ []byte, _, _ uint32, _ uint8, n uint32) []byte {
		t.Error("argon2id ran")
		return make([]byte, n)
	}}
}

func TestHostileStringsAreRefusedUncomputed(t *testing.T) {
	t.Parallel()
	keys := wrapKeys(t, "k1")
	for _, test := range hostile {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := counting(t)
			start := time.Now()
			for _, encoded := range []string{test.encoded, "$rekey-wrap$k=k1" + test.encoded} {
				_, verify := h.Verify(encoded, []byte(typed))
				_, wrapped := h.VerifyWrapped(keys, encoded, []byte(typed))
				_, memory := password.MemoryOf(encoded)
				right := verify
				if encoded != test.encoded {
					right = wrapped
				}
				if !errors.Is(right, test.want) || !errors.Is(memory, test.want) {
					t.Errorf("got %v and %v, want %v", right, memory, test.want)
				}
				if verify == nil || wrapped == nil {
					t.Error("one string is a hash and a wrap")
				}
				if !h.NeedsRehash(encoded) {
					t.Error("needs no rehash")
				}
			}
			if d := time.Since(start); d > time.Second {
				t.Errorf("refusing took %v", d)
			}
		})
	}
}

func TestBoundsAreInclusive(t *testing.T) {
	t.Parallel()
	salt64, sum64 := strings.Repeat("A", 86), strings.Repeat("A", 86)
	for _, encoded := range []string{
		phc("m=8,t=1,p=1"), phc("m=262144,t=4,p=16"), phc("m=52428,t=20,p=1"), phc("m=128,t=20,p=16"),
		"$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$" + strings.Repeat("A", 21) + "A",
		"$argon2id$v=19$m=8,t=1,p=1$" + salt64 + "$" + sum64,
	} {
		if _, err := password.MemoryOf(encoded); err != nil {
			t.Errorf("%.40s…: %v", encoded, err)
		}
	}
	if memory, _ := password.MemoryOf(phc("m=262144,t=4,p=16")); memory != 256<<20 {
		t.Errorf("memory is %d bytes", memory)
	}
}

func TestNeedsRehash(t *testing.T) {
	t.Parallel()
	var h password.Hasher // m=19456, t=2
	for _, test := range []struct {
		encoded string
		want    bool
	}{
		{phc("m=19456,t=2,p=1"), false},
		{phc("m=19456,t=2,p=4"), false}, // lanes make it quicker, not cheaper
		{phc("m=65536,t=3,p=4"), false},
		{phc("m=19456,t=3,p=1"), false},
		{phc("m=19457,t=2,p=1"), false},
		{phc("m=47104,t=1,p=1"), false}, // more work and a larger area: not to be replaced by less
		{phc("m=12288,t=20,p=1"), false},
		{phc("m=19456,t=1,p=1"), true},
		{phc("m=19455,t=2,p=1"), true},
		{phc("m=38911,t=1,p=1"), true}, // less work
		{phc("m=2048,t=20,p=1"), true}, // more work, but of little memory
		{phc("m=8,t=1,p=1"), true},
		{"$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAA$" + sum32, true}, // short salt
		{"$argon2id$v=19$m=19456,t=2,p=1$" + salt16 + "$" + strings.Repeat("A", 22), true}, // short hash
		{"$2b$10$abcdefghijklmnopqrstuuHPKpDxWYMmVqwHkSiPNRDmPzBAYzSFm", true},             // not ours
		{"$rekey-wrap$k=k1" + phc("m=19456,t=2,p=1"), false},
		{"$rekey-wrap$k=k1" + phc("m=19456,t=1,p=1"), true},
	} {
		if got := h.NeedsRehash(test.encoded); got != test.want {
			t.Errorf("%.60s: got %t", test.encoded, got)
		}
	}
}

// TestRehashIsNeverWeaker: what a rehash replaces was cheaper to attack in one of the two costs, and what has at least
// the policy's memory and passes is never replaced.
func TestRehashIsNeverWeaker(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		policy := rapid.Custom(func(t *rapid.T) password.Policy {
			return password.Policy{MemoryKiB: rapid.Uint32Range(8, 1<<16).Draw(t, "m"), Time: rapid.Uint32Range(1, 16).Draw(t, "t"), Lanes: 1}
		})
		old, now := policy.Draw(t, "old"), policy.Draw(t, "new")
		got := password.Hasher{Policy: now}.NeedsRehash(phc(fmt.Sprintf("m=%d,t=%d,p=1", old.MemoryKiB, old.Time)))
		notBelow := old.MemoryKiB >= now.MemoryKiB && old.Time >= now.Time
		notAbove := old.MemoryKiB <= now.MemoryKiB && old.Time <= now.Time
		if got && notBelow {
			t.Error("rehashed though not below the policy")
		}
		if !got && notAbove && !notBelow {
			t.Error("below the policy and not rehashed")
		}
		back := password.Hasher{Policy: old}.NeedsRehash(phc(fmt.Sprintf("m=%d,t=%d,p=1", now.MemoryKiB, now.Time)))
		if !got && !back && math.Abs(float64(old.MemoryKiB)*float64(old.Time)-float64(now.MemoryKiB)*float64(now.Time)) > 0 {
			t.Error("two policies of different work each satisfy the other")
		}
	})
}

func TestPolicyCheck(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		policy password.Policy
		want   error
	}{
		{password.Policy{}, nil},
		{password.DefaultPolicy(), nil},
		{password.Policy{MemoryKiB: 7}, password.ErrBounds},
		{password.Policy{MemoryKiB: 262145}, password.ErrBounds},
		{password.Policy{Time: 21}, password.ErrBounds},
		{password.Policy{Lanes: 17}, password.ErrBounds},
		{password.Policy{MemoryKiB: 262144, Time: 5}, password.ErrBounds},
	} {
		if err := test.policy.Check(); !errors.Is(err, test.want) {
			t.Errorf("%+v: %v", test.policy, err)
		}
		h := counting(t)
		h.Policy = test.policy
		if test.want != nil {
			if _, err := h.Hash([]byte(typed)); !errors.Is(err, test.want) {
				t.Errorf("%+v: Hash: %v", test.policy, err)
			}
		}
	}
}

func TestHashRefusesTheEmptyPassword(t *testing.T) {
	t.Parallel()
	if _, err := counting(t).Hash(nil); !errors.Is(err, password.ErrEmpty) {
		t.Errorf("got %v", err)
	}
	// A string that somebody made of the empty password, under any costs, lets nobody in.
	sum := argon2.IDKey(nil, make([]byte, 16), 1, 8, 1, 32)
	encoded := "$argon2id$v=19$m=8,t=1,p=1$" + salt16 + "$" + rawBase64(sum)
	if ok, err := cheap.Verify(encoded, nil); ok || err != nil {
		t.Errorf("got %t, %v", ok, err)
	}
}

func TestArgon2idIsReplaceable(t *testing.T) {
	t.Parallel()
	called := 0
	h := password.Hasher{Policy: password.Policy{MemoryKiB: 64, Time: 3, Lanes: 2},
		Argon2id: func(pw, salt []byte, time, memory uint32, lanes uint8, n uint32) []byte {
			called++
			if time != 3 || memory != 64 || lanes != 2 || n != 32 || len(salt) != 16 {
				t.Errorf("called with t=%d m=%d p=%d n=%d, salt of %d bytes", time, memory, lanes, n, len(salt))
			}
			return argon2.IDKey(pw, salt, time, memory, lanes, n)
		}}
	encoded, err := h.Hash([]byte(typed))
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := (password.Hasher{}).Verify(encoded, []byte(typed)); !ok || err != nil || called != 1 {
		t.Errorf("got %t, %v after %d calls", ok, err, called)
	}
}

func TestDummy(t *testing.T) {
	t.Parallel()
	var seen []string
	h := password.Hasher{Policy: password.Policy{MemoryKiB: 64, Time: 3, Lanes: 2},
		Argon2id: func(pw, salt []byte, time, memory uint32, lanes uint8, n uint32) []byte {
			seen = append(seen, fmt.Sprint(len(pw), len(salt), time, memory, lanes, n))
			return argon2.IDKey(pw, salt, time, memory, lanes, n)
		}}
	if ok, err := h.Verify(h.Dummy(), []byte(typed)); ok || err != nil {
		t.Errorf("got %t, %v", ok, err)
	}
	h.VerifyDummy([]byte(typed))
	real, err := h.Hash([]byte(typed))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Verify(real, []byte(typed)); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 4 || seen[0] != seen[3] || seen[1] != seen[3] {
		t.Errorf("a dummy costs %q, a real one %q", seen[:2], seen[3:])
	}
	if h.NeedsRehash(h.Dummy()) {
		t.Error("the dummy is below the policy")
	}
	for encoded, want := range map[string][2]bool{
		h.Dummy(): {true, false}, (password.Hasher{}).Dummy(): {true, false}, h.Locked(): {false, true}, real: {}, "": {},
	} {
		got := [2]bool{password.IsDummy(encoded), password.IsLocked(encoded)}
		if got != want || strings.Contains(encoded, password.DummyMark) != (want != [2]bool{}) || strings.HasSuffix(encoded, password.LockedMark) != want[1] {
			t.Errorf("dummies of both kinds are told from others: %v, want %v", got, want)
		}
	}
}

// FuzzParse: whatever parses is written back byte for byte, and nothing panics.
func FuzzParse(f *testing.F) {
	for _, row := range hostile {
		f.Add(row.encoded)
	}
	f.Add(phc("m=8,t=1,p=1"))
	f.Add("$rekey-wrap$k=k1" + phc("m=8,t=1,p=1"))
	f.Fuzz(func(t *testing.T, encoded string) {
		memory, err := password.MemoryOf(encoded)
		switch {
		case err == nil && (memory < 8<<10 || memory > 256<<20):
			t.Errorf("%d bytes of memory", memory)
		case err != nil && !errors.Is(err, password.ErrMalformed) && !errors.Is(err, password.ErrBounds):
			t.Errorf("error %v", err)
		}
		if err == nil && password.Canonical(encoded) != encoded {
			t.Errorf("%q and %q are one hash", encoded, password.Canonical(encoded))
		}
	})
}
