package hash

import (
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"rekey/legacy"
)

// TestOddRows runs the rows of testdata/odd.jsonl, which passlib and Perl wrote: each verifies, from its mask as well,
// and does not verify another password.
func TestOddRows(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	rows, err := readRows("testdata/odd.jsonl")
	if err != nil || len(rows) < 40 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	for _, v := range rows {
		h, err := r.Open(v.stored())
		if err != nil {
			t.Errorf("%s %s: %v", v.ID, v.Format, err)
			continue
		}
		if !h.Verify([]byte(v.Password)) {
			t.Errorf("%s %s is refused", v.ID, v.Format)
		}
		if h.Limit == 0 && h.Verify([]byte(v.Password+"?")) || h.Verify([]byte("?"+v.Password)) {
			t.Errorf("%s %s takes another password", v.ID, v.Format)
		}
		checkMask(t, r, v, h)
	}
}

// RFC 2289, appendix C.
func TestOTP(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	for _, tc := range []struct{ password, stored string }{
		{"This is a test.", "md4 0 TeSt D1854218EBBB0B51"},
		{"This is a test.", "md4 99 TeSt C5E612776E6C237A"},
		{"This is a test.", "md5 0 TeSt 9E876134D90499DD"},
		{"This is a test.", "md5 1 TeSt 7965E05436F5029F"},
		{"This is a test.", "sha1 0 TeSt BB9E6AE1979D8FF4"},
		{"This is a test.", "sha1 99 TeSt 87FEC7768B73CCF9"},
		{"AbCdEfGhIjK", "sha1 0 alpha1 AD85F658EBE383C9"},
	} {
		h, err := r.Open(legacy.Stored{Hash: "{OTP}" + tc.stored})
		if err != nil {
			t.Errorf("%s: %v", tc.stored, err)
		} else if got, _ := h.Digest([]byte(tc.password)); !h.Verify([]byte(tc.password)) || h.Verify([]byte("this is a test.")) {
			t.Errorf("%s: computed %s", tc.stored, hex.EncodeToString(got))
		}
	}
}

// What was cut before it was stored takes every password that begins with it, and says so.
func TestPlainTrunc(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	for stored, want := range map[string]struct {
		limit   int
		right   []string
		wrong   []string
		refused error
	}{
		"{PLAIN-TRUNC}8-password":  {limit: 8, right: []string{"password", "password and more"}, wrong: []string{"passwor", "Password", "8-password"}},
		"{PLAIN-TRUNC}20-password": {right: []string{"password"}, wrong: []string{"password and more", "20-password"}},
		"{PLAIN-TRUNC}password":    {right: []string{"password"}, wrong: []string{"passwor", "passwordx"}},
		"{PLAIN-TRUNC}08-password": {right: []string{"password"}, wrong: []string{"password1"}}, // no number that dovecot writes
		"{PLAIN-TRUNC}-password":   {right: []string{"-password"}, wrong: []string{"password"}},
		"{PLAIN-TRUNC}0-":          {refused: ErrUnusable},
		"{PLAIN-TRUNC}5-":          {refused: ErrUnusable},
		"{PLAIN-TRUNC}":            {refused: ErrUnusable},
	} {
		h, err := r.Open(legacy.Stored{Hash: stored})
		if !errors.Is(err, want.refused) {
			t.Errorf("%s: %v, want %v", stored, err, want.refused)
		}
		if err != nil {
			continue
		}
		if h.Limit != want.limit {
			t.Errorf("%s: limit %d, want %d", stored, h.Limit, want.limit)
		}
		accepts := func(password string) bool { return h.Verify([]byte(password)) }
		if i := slices.IndexFunc(want.right, func(p string) bool { return !accepts(p) }); i >= 0 {
			t.Errorf("%s refuses %s", stored, want.right[i])
		}
		if i := slices.IndexFunc(want.wrong, accepts); i >= 0 {
			t.Errorf("%s takes %s", stored, want.wrong[i])
		}
	}
}

func TestOddRefusals(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	const (
		crypt22 = "......................"
		key28   = "cJ5wO5dCOu8aMlfcGcZprg7Ytp0="
		key32   = "I38bLQvP3uTSz3iPcnlOd23OjDmKvvUs"
		json    = `{"hash":"` + "0qSeZvAMP4OGS0Xj7HBbR30vNUlCql6/4W1p2sX43u9sDxzusT40Hg0LDF5Wj7+NszZrsjTnijk7h1inNoUygU7O" +
			`","salt":"c2FsdA==","keyLength":66,"hashMethod":"pbkdf2","iterations":9}`
	)
	with := func(old, new string) string { return strings.Replace(json, old, new, 1) }
	for _, tc := range []struct {
		scheme, stored string
		want           error
	}{
		{Auto, "$md5$salt$" + crypt22, nil},
		{Auto, "$md5,rounds=100000$salt$$" + crypt22, nil},
		{Auto, "$md5,rounds=4294963199$salt$$" + crypt22, ErrBounds},
		{Auto, "$md5,rounds=-1$salt$$" + crypt22, ErrMalformed},
		{Auto, "$md5,rounds=01$salt$$" + crypt22, ErrMalformed},
		{Auto, "$md5$salt$$$" + crypt22, ErrMalformed},
		{Auto, "$md5$$" + crypt22, ErrMalformed},
		{Auto, "$md5$salt$" + crypt22[1:], ErrMalformed},
		{Auto, "$gy$j9T$abcd$" + strings.Repeat(".", 43), nil},
		{Auto, "$gy$jzT$abcd$" + strings.Repeat(".", 43), ErrBounds},
		{Auto, "$gy$j9T$abcd$" + strings.Repeat(".", 42), ErrMalformed},
		{Auto, "{GOST_YESCRYPT}$gy$jTT$abcd$" + strings.Repeat(".", 43), ErrBounds},
		{"crypt16", strings.Repeat(".", 24), nil},
		{"crypt16", strings.Repeat(".", 13), ErrMalformed},
		{Auto, "$p5k2$3e8$c2FsdA==$" + key28, nil},
		{Auto, "$p5k2$3e8$salt$" + key32, nil},
		{Auto, "$p5k2$$salt$" + key32, nil},
		{Auto, "$p5k2$$c2FsdA==$" + key28, ErrMalformed},
		{Auto, "$p5k2$3E8$salt$" + key32, ErrMalformed},
		{Auto, "$p5k2$03e8$salt$" + key32, ErrMalformed},
		{Auto, "$p5k2$ffffffff$salt$" + key32, ErrBounds},
		{Auto, "$p5k2$ffffffffffffffffff$salt$" + key32, ErrMalformed},
		{Auto, "$p5k2$3e8$sa=t$" + key32, ErrMalformed},
		{Auto, "$scram$4096$c2FsdA$sha-1=hlwItoTrEMJY2HgFr6N96AM13bY", nil},
		{Auto, "$scram$4096$c2FsdA$sha-1=hlwItoTrEMJY2HgFr6N96AM13b", ErrMalformed},
		{Auto, "$scram$4096$c2FsdA$crc=hlwItoTrEMJY2HgFr6N96AM13bY", ErrMalformed},
		{Auto, "$scram$4096$c2FsdA$", ErrMalformed},
		{Auto, "$scram$4096$c2FsdA$" + strings.Repeat("sha-1=hlwItoTrEMJY2HgFr6N96AM13bY,", 6) + "sha-1=hlwItoTrEMJY2HgFr6N96AM13bY", ErrMalformed},
		{Auto, "$scram$6000000$c2FsdA$sha-1=hlwItoTrEMJY2HgFr6N96AM13bY,sha-1=hlwItoTrEMJY2HgFr6N96AM13bY", ErrBounds},
		{Auto, "$PBKDF2$HMACSHA1:1000:c2FsdA==$3l6+ybQUuKjLY7tC4LntFihGy24=", nil},
		{Auto, "$PBKDF2$HMACSHA1:1000:c2FsdA==$3l6+ybQUuKjLY7tC4LntFihGyw==", ErrMalformed},
		{Auto, "$PBKDF2$HMACSHA9:1000:c2FsdA==$3l6+ybQUuKjLY7tC4LntFihGy24=", ErrMalformed},
		{Auto, "$PBKDF2$HMACSHA1:99999999:c2FsdA==$3l6+ybQUuKjLY7tC4LntFihGy24=", ErrBounds},
		{Auto, "{X-PBKDF2}HMACSHA1://///w:c2FsdA==:3l6+ybQUuKjLY7tC4LntFihGy24=", ErrBounds},
		{Auto, "{X-PBKDF2}HMACSHA1:AAAD6A==:c2FsdA==:3l6+ybQUuKjLY7tC4LntFihGy24=", ErrMalformed},
		{Auto, "{OTP}sha1 1024 seed 0011223344556677", nil},
		{Auto, "{OTP}sha1 9999999 seed 0011223344556677", ErrBounds},
		{Auto, "{OTP}sha2 1024 seed 0011223344556677", ErrMalformed},
		{Auto, "{OTP}sha1 1024 se-d 0011223344556677", ErrMalformed},
		{Auto, "{OTP}sha1 1024 seed 00112233445566", ErrMalformed},
		{Auto, "{NS-MTA-MD5}" + strings.Repeat("0", 64), nil},
		{Auto, "{NS-MTA-MD5}" + strings.Repeat("g", 64), ErrMalformed},
		{Auto, "{NS-MTA-MD5}" + strings.Repeat("0", 63), ErrMalformed},
		{Auto, "{LANMAN}" + strings.Repeat("0", 32), nil},
		{Auto, "+vGjzQ0zcBbK/", nil},
		{Auto, "+vGjzQZzcBbK/", ErrMalformed},                // more than 32 bits
		{"eggdrop", "p6s\u00a5\u00b6\u0095[!", nil},          // text of ISO 8859-1
		{"eggdrop", "p6s\xa5\xb6\x95[!", nil},                // bytes
		{"eggdrop", "p6s\u00a5\u00b6\u20ac[!", ErrMalformed}, // neither
		{"cisco-pix", "NuLKvvWGg.x9HEKO", nil},
		{"cisco-pix", "NuLKvvWGg.x9HEK", ErrMalformed},
		{"cisco-type7", "0000", nil},
		{"cisco-type7", "00", ErrMalformed},
		{"cisco-type7", "5300", ErrMalformed},
		{"cisco-type7", "00000", ErrMalformed},
		{"mariadb-ed25519", "RBIiSdwSgBldhFZLFzRCTTc1Q0pRJ3pFZudlQ78k40", ErrMalformed},
		{"oracle10", "67009F80B5ECF96E", ErrMalformed}, // without a user
		{Auto, json, nil},
		{Auto, with(`"iterations":9`, `"iterations":20000001`), ErrBounds},
		{Auto, with(`"iterations":9`, `"iterations":0`), ErrBounds},
		{Auto, with(`"iterations":9`, `"iterations":1e99`), ErrMalformed},
		{Auto, with(`"keyLength":66`, `"keyLength":20`), ErrMalformed},
		{Auto, with(`"pbkdf2"`, `"md5"`), ErrMalformed},
		{Auto, with(`c2FsdA==`, ``), ErrMalformed},
		{Auto, with(`"salt"`, `"pepper"`), ErrMalformed},
		{Auto, json + "{}", ErrMalformed},
		{Auto, json[:len(json)-1], ErrMalformed},
	} {
		if _, err := r.Open(legacy.Stored{Scheme: tc.scheme, Hash: tc.stored}); !errors.Is(err, tc.want) {
			t.Errorf("%s %s: %v, want %v", tc.scheme, tc.stored, err, tc.want)
		}
	}
}

// A device that takes 16 bytes does not take 17, of which none may prove the first 16.
func TestCiscoLongest(t *testing.T) {
	t.Parallel()
	h, err := New(Config{}).Open(legacy.Stored{Scheme: "cisco-pix", Hash: "NuLKvvWGg.x9HEKO"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Digest([]byte("0123456789abcdef")); err != nil {
		t.Errorf("16 bytes: %v", err)
	}
	if _, err := h.Digest([]byte("0123456789abcdefg")); !errors.Is(err, ErrPassword) {
		t.Errorf("17 bytes: %v, want %v", err, ErrPassword)
	}
}

func FuzzDatabase(f *testing.F) { fuzzApp(f, databaseSchemes()) }
