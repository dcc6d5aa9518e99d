package hash

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"rekey/legacy"
)

// RFC 9106, section 5: the three variants with secret and data.
func TestArgon2RFC9106(t *testing.T) {
	t.Parallel()
	fill := func(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }
	for variant, want := range map[string]string{
		"argon2d":  "512b391b6f1162975371d30919734294f868e3be3984f3c1a13a4db9fabe4acb",
		"argon2i":  "c814d9d1dc7f37aa13f0d77f2494bda1c8de6b016dd388d29952a4c4672b6ce8",
		"argon2id": "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659",
	} {
		key := argon2With(nil)(variant, 0x13, fill(1, 32), fill(2, 16), fill(3, 8), fill(4, 12), 3, 32, 4, 32)
		if got := hex.EncodeToString(key); got != want {
			t.Errorf("%s: %s, want %s", variant, got, want)
		}
	}
}

// What x/crypto can do as well must come out the same, for uneven memory, several lanes, passes and tag lengths.
func TestArgon2AgainstXCrypto(t *testing.T) {
	t.Parallel()
	for _, variant := range []string{"argon2i", "argon2id"} {
		for _, c := range []struct {
			time, memory uint32
			lanes        uint8
			length       uint32
		}{{1, 8, 1, 32}, {2, 67, 1, 12}, {3, 1029, 4, 64}, {1, 2100, 3, 65}, {4, 130, 16, 100}} {
			want := xcryptoArgon2(variant, 0x13, []byte("password"), []byte("somesalt"), nil, nil, c.time, c.memory, c.lanes, c.length)
			got := argon2Key(variant, 0x13, []byte("password"), []byte("somesalt"), nil, nil, c.time, c.memory, c.lanes, c.length)
			if !bytes.Equal(got, want) {
				t.Errorf("%s %+v: %x, want %x", variant, c, got, want)
			}
		}
	}
}

// Rows of passlib 1.7.4's test suite and of the reference implementation's test.c: no version, a tag of 16 bytes,
// associated data.
func TestArgon2Strings(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	for stored, password := range map[string]string{
		"$argon2i$m=256,t=2,p=1$c29tZXNhbHQ$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY":      "password",
		"$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8": "password",
		"$argon2i$v=19$m=512,t=2,p=2$aI2R0hpDyLm3ltLa+1/rvQ$LqPKjd6n8yniKtAithoR7A":           "password",
	} {
		h, err := r.Open(legacy.Stored{Hash: stored})
		if err != nil || !h.Verify([]byte(password)) {
			t.Errorf("%s: %v", stored, err)
		}
	}
}

// A keyed row verifies only with the operator's secret, and data counts.
func TestArgon2Keyed(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	key := argon2Key("argon2id", 0x13, []byte("password"), []byte("somesalt"), []byte("pepper"), []byte("data"), 2, 64, 1, 32)
	stored := legacy.Stored{
		Scheme: "argon2id", Params: map[string]string{"secret": "pepper"},
		Hash: "$argon2id$v=19$m=64,t=2,p=1,data=" + b64Raw.EncodeToString([]byte("data")) + "$c29tZXNhbHQ$" + b64Raw.EncodeToString(key),
	}
	for secret, want := range map[string]bool{"pepper": true, "paper": false, "": false} {
		stored.Params = map[string]string{"secret": secret}
		h, err := r.Open(stored)
		if err != nil {
			t.Fatal(err)
		}
		if h.Verify([]byte("password")) != want {
			t.Errorf("secret %q: verified %t", secret, !want)
		}
	}
}

// A custom Argon2 is asked, and what it leaves out is computed here.
func TestArgon2Custom(t *testing.T) {
	t.Parallel()
	asked := false
	r := New(Config{Argon2: func(string, int, []byte, []byte, []byte, []byte, uint32, uint32, uint8, uint32) []byte {
		asked = true
		return nil
	}})
	h, err := r.Open(legacy.Stored{Hash: "$argon2i$v=19$m=512,t=2,p=2$aI2R0hpDyLm3ltLa+1/rvQ$LqPKjd6n8yniKtAithoR7A"})
	if err != nil || !h.Verify([]byte("password")) || !asked {
		t.Errorf("asked %t, %v", asked, err)
	}
}

func TestArgon2Refuses(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	const tail = "$c29tZXNhbHQ$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY"
	for stored, want := range map[string]error{
		"$argon2id$v=19$m=256,t=1,p=1" + tail + "=":                                 ErrMalformed,
		"$argon2id$v=19$m=256,t=1,p=1" + tail + "$":                                 ErrMalformed,
		"$argon2id$v=19$m=256,t=1,p=1$c29tZXNhbHQ$/U3YPXYsSb3q9Xw":                  ErrMalformed, // 11 bytes
		"$argon2x$v=19$m=256,t=1,p=1" + tail:                                        ErrMalformed,
		"$argon2id$v=18$m=256,t=1,p=1" + tail:                                       ErrMalformed,
		"$argon2id$v=19$t=1,m=256,p=1" + tail:                                       ErrMalformed,
		"$argon2id$v=19$m=256,t=1" + tail:                                           ErrMalformed,
		"$argon2id$v=19$m=+256,t=1,p=1" + tail:                                      ErrMalformed,
		"$argon2id$v=19$m=0256,t=1,p=1" + tail:                                      ErrMalformed,
		"$argon2id$v=19$m=256,t=1,p=1,x=1" + tail:                                   ErrMalformed,
		"$argon2id$v=19$m=256,t=1,p=1,data=!" + tail:                                ErrMalformed,
		"$argon2id$v=19$m=256,t=1,p=1$$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY": ErrMalformed,
		"$argon2id$v=19$m=4194304,t=1,p=1" + tail:                                   ErrBounds,
		"$argon2id$v=19$m=4294967295,t=1,p=1" + tail:                                ErrBounds,
		"$argon2id$v=19$m=256,t=4294967295,p=1" + tail:                              ErrBounds,
		"$argon2id$v=19$m=256,t=1,p=16777215" + tail:                                ErrBounds,
		"$argon2id$v=19$m=256,t=1,p=0" + tail:                                       ErrBounds,
		"$argon2id$v=19$m=256,t=0,p=1" + tail:                                       ErrBounds,
		"$argon2id$v=19$m=7,t=1,p=1" + tail:                                         ErrBounds,
		"$argon2id$v=19$m=262144,t=5,p=1" + tail:                                    ErrBounds, // memory traffic
	} {
		if _, err := r.Open(legacy.Stored{Hash: stored}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", stored, err, want)
		}
	}
}
