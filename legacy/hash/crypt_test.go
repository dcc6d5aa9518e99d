package hash

import (
	"errors"
	"strings"
	"testing"

	"rekey/legacy"
)

// verify opens stored under a scheme and checks a password.
func verify(t *testing.T, scheme, stored, password string) bool {
	t.Helper()
	h, err := New(Config{}).Open(legacy.Stored{Scheme: scheme, Hash: stored})
	if err != nil {
		t.Fatalf("%s %q: %v", scheme, stored, err)
	}
	return h.Verify([]byte(password))
}

// Drepper's test vectors and an empty salt, as libxcrypt 4.4 answers them; salts that are cut may stand in full.
func TestCryptPublished(t *testing.T) {
	t.Parallel()
	const long = "a very much longer text to encrypt.  This one even stretches over morethan one line."
	for stored, password := range map[string]string{
		"$1$$I2o9Z7NcvQAKp7wyCTlia0":                                                                                                  "password",
		"$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5":                                                                   "Hello world!",
		"$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA":                                                "Hello world!",
		"$5$rounds=10000$saltstringsaltstring$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA":                                            "Hello world!",
		"$5$rounds=1400$anotherlongsalts$Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1":                                                 long,
		"$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.":     "Hello world!",
		"$6$rounds=1400$anotherlongsaltstring$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1": long,
	} {
		if !verify(t, Auto, stored, password) {
			t.Errorf("%s does not verify", stored)
		}
		if verify(t, Auto, stored, password+"x") {
			t.Errorf("%s verifies another password", stored)
		}
	}
}

func TestCryptLimits(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	for _, tc := range []struct {
		name, stored string
		limit        int
		fold         Fold
	}{
		{"des", "f5ZiGJqsURdnI", 8, Fold7Bit},
		{"des in a container", "{CRYPT}f5ZiGJqsURdnI", 8, Fold7Bit},
		{"bigcrypt in a container", "{CRYPT}dUp4bEopx9nL6uQ6VTyoQ106", 128, Fold7Bit},
		{"bsdi", "_J9..9MeKxYajwa/kmuM", 0, Fold7Bit},
		{"md5crypt", "$1$lGbKMmqE$SbZ3CH4mNdg4tdYObhko..", 0, FoldNone},
		{"bcrypt", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", 72, FoldNone},
		{"bcrypt in a container", "{CRYPT}$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", 72, FoldNone},
		{"bcrypt-sha256", "$bcrypt-sha256$v=2,t=2b,r=4$YgBWnpwIrKkUnAKhdCe75.$gsVlpVEzGXk8BuMN9VFBn8tV9FdH7wO", 0, FoldNone},
		{"bcrypt-phc", "$bcrypt$v=98$r=4$PMSX+aV5Il9NDCEJfeCjJQ$Dm3YtsYmF8a7NYiVfXjBBbGwIcKzjVU", 72, FoldNone},
	} {
		h, err := r.Open(legacy.Stored{Hash: tc.stored})
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
		} else if h.Limit != tc.limit || h.Fold != tc.fold {
			t.Errorf("%s: limit %d, fold %q, want %d, %q", tc.name, h.Limit, h.Fold, tc.limit, tc.fold)
		}
	}
}

// The limits are true: what is behind them does not count, what is before them does.
func TestCryptTruncates(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("p", 72)
	set := bcryptSetting{variant: 'b', cost: 4}
	stored := set.encode(set.hash([]byte(long)))
	for password, want := range map[string]bool{long: true, long + "tail": true, long[1:]: false} {
		if verify(t, "bcrypt", stored, password) != want {
			t.Errorf("bcrypt: %d bytes, verified %t", len(password), !want)
		}
	}
	for password, want := range map[string]bool{"password": true, "password-tail": true, "passwor": false, "\xf0\xe1ssword": true} {
		if verify(t, "des-crypt", "f5ZiGJqsURdnI", password) != want {
			t.Errorf("des-crypt: %q, verified %t", password, !want)
		}
	}
	for password, want := range map[string]bool{"password": true, "password-tail": false} {
		if verify(t, "bigcrypt", "j4Wqjd5LlY4T.", password) != want {
			t.Errorf("bigcrypt: %q, verified %t", password, !want)
		}
	}
}

// C stops at a NUL byte, so no tool can have hashed one with DES; it must not verify by its beginning.
func TestDESRefusesNUL(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	for _, stored := range []string{"f5ZiGJqsURdnI", "_J9..9MeKxYajwa/kmuM", "{CRYPT}dUp4bEopx9nL6uQ6VTyoQ106"} {
		h, err := r.Open(legacy.Stored{Hash: stored})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Digest([]byte("password\x00tail")); !errors.Is(err, ErrPassword) {
			t.Errorf("%s: %v, want %v", stored, err, ErrPassword)
		}
	}
}

func TestPasswordLength(t *testing.T) {
	t.Parallel()
	h, err := New(Config{}).Open(legacy.Stored{Scheme: "md5($pass)", Hash: hexMD5(strings.Repeat("a", MaxPassword+1))})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Digest([]byte(strings.Repeat("a", MaxPassword))); err != nil {
		t.Errorf("%d bytes: %v", MaxPassword, err)
	}
	if h.Verify([]byte(strings.Repeat("a", MaxPassword+1))) {
		t.Errorf("%d bytes verify", MaxPassword+1)
	}
}

func TestPlaintext(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	for _, scheme := range []string{"", Auto} {
		if _, err := r.Open(legacy.Stored{Scheme: scheme, Hash: "password"}); !errors.Is(err, ErrMalformed) {
			t.Errorf("scheme %q takes an unmarked password: %v", scheme, err)
		}
	}
	if _, err := r.Open(legacy.Stored{Scheme: "plaintext"}); !errors.Is(err, ErrUnusable) {
		t.Errorf("an empty value: %v, want %v", err, ErrUnusable)
	}
	h, err := r.Open(legacy.Stored{Scheme: "plaintext", Hash: "password"})
	if err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]bool{"password": true, "Password": false, "passwor": false, "password1": false, "": false} {
		if h.Verify([]byte(password)) != want {
			t.Errorf("%q: verified %t", password, !want)
		}
	}
	if digest, _ := h.Digest([]byte("password")); strings.Contains(string(digest), "password") || strings.Contains(h.Masked().Hash, "password") {
		t.Error("the digest or the mask is the password")
	}
}

func TestScheme(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	for name, want := range map[string]error{"": nil, Auto: nil, "bcrypt": nil, "crypt-md5": nil, "md5($pass)": nil, "nonsense": ErrScheme, "md5(": ErrScheme, "BCRYPT": ErrScheme} {
		if err := r.CheckScheme(name); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", name, err, want)
		}
	}
	if _, err := r.Open(legacy.Stored{Scheme: "nonsense", Hash: "x1"}); !errors.Is(err, ErrScheme) {
		t.Errorf("%v, want %v", err, ErrScheme)
	}
	if name, ok := r.Identify("$1$lGbKMmqE$SbZ3CH4mNdg4tdYObhko.."); name != "md5crypt" || !ok {
		t.Errorf("identified as %q, %t", name, ok)
	}
	if name, ok := r.Identify(hexMD5("")); ok {
		t.Errorf("32 hex digits, which forty schemes make, are taken for %q", name)
	}
}

// SASLprep makes one password of two spellings (the examples of RFC 4013, section 3); what it prohibits, and what is not
// UTF-8, is left as it is.
func TestSASLprep(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"I\u00adX": "IX", "USER": "USER", "\u00aa": "a", "\u2168": "IX", "foo\x07": "foo\x07", "\u00a0": " ", "\xef\xbf": "\xef\xbf",
	} {
		if got := string(saslPrep([]byte(in))); got != want {
			t.Errorf("%q is prepared as %q, want %q", in, got, want)
		}
	}
}
