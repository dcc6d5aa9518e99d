package hash

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"testing"

	"rekey/legacy"
)

func md5Of(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// TestBothReadings: under the schemes named after an application, a password is taken whether the application escaped
// it or not; a declared escape leaves one of the two.
func TestBothReadings(t *testing.T) {
	t.Parallel()
	opencart := func(pw string) string { return string(wcf1Digest([]byte(pw), []byte("aB3xY9"))) }
	tests := []struct {
		scheme, salt, password, escaped, escape string
		hash                                    func(string) string
	}{
		{"wordpress", "", `it's`, `it\'s`, "slashes", md5Of},
		{"wordpress", "", `a"b\c`, `a\"b\\c`, "slashes", md5Of},
		{"wordpress", "", "a\x00b", `a\0b`, "slashes", md5Of},
		{"phpbb", "", `a&b<c>"d"`, `a&amp;b&lt;c&gt;&quot;d&quot;`, "html", md5Of},
		{"phpbb", "", "&amp;", "&amp;amp;", "html", md5Of},
		{"opencart", "aB3xY9", `fish & chips`, `fish &amp; chips`, "html", opencart},
	}
	r := New(Config{})
	for _, tt := range tests {
		for _, made := range []struct{ over, escape string }{{tt.password, "none"}, {tt.escaped, tt.escape}} {
			for _, declared := range []string{"", "none", tt.escape} {
				s := legacy.Stored{Scheme: tt.scheme, Hash: tt.hash(made.over), Salt: tt.salt}
				if declared != "" {
					s.Params = map[string]string{"escape": declared}
				}
				h, err := r.Open(s)
				if err != nil {
					t.Fatal(err)
				}
				want := declared == "" || declared == made.escape
				if got := h.Verify([]byte(tt.password)); got != want {
					t.Errorf("%s: made over %q, escape declared %q: verified %t, want %t", tt.scheme, made.over, declared, got, want)
				}
				if h.Verify([]byte("x" + tt.password)) {
					t.Errorf("%s: a wrong password is taken", tt.scheme)
				}
			}
		}
	}
}

// TestReadingOfPHPRows drops the declaration from the rows that PHP wrote with one. What Match returns is the proven
// reading alone, and its mask opens to that.
func TestReadingOfPHPRows(t *testing.T) {
	t.Parallel()
	r, seen := New(Config{}), 0
	for _, row := range phpRows(t) {
		escape := row.Extra["escape"]
		if escape == "" {
			continue
		}
		seen++
		s := row.stored()
		s.Params = map[string]string{"note": "kept"}
		h, err := r.Open(s)
		if err != nil {
			t.Fatal(err)
		}
		if h.Masked().Params["escape"] != "" {
			t.Errorf("%s: unproven, but its mask declares a reading", row.Format)
		}
		reading := h.Match([]byte(row.Password))
		if reading == nil {
			t.Errorf("%s: the right password is refused", row.Format)
			continue
		}
		checkReading(t, r, h, reading, row.Password, escape)
		if len(s.Params) != 1 || reading.Masked().Params["note"] != "kept" {
			t.Errorf("%s: parameters were changed", row.Format)
		}
	}
	if seen < 3 {
		t.Errorf("only %d rows", seen)
	}

	h, err := r.Open(legacy.Stored{Scheme: "wordpress", Hash: md5Of("it's")})
	if err != nil {
		t.Fatal(err)
	}
	for _, password := range []string{"it's", " it's\n"} {
		if reading := h.Match([]byte(password)); reading == nil {
			t.Errorf("%q is refused", password)
		} else {
			checkReading(t, r, h, reading, password, escapeNone)
		}
	}
}

// checkReading checks a reading that Match returned, and what its mask opens to.
func checkReading(t *testing.T, r *Registry, h, reading *Hash, password, escape string) {
	t.Helper()
	if reading.Scheme != h.Scheme || reading.Memory != h.Memory || reading.Fold != h.Fold {
		t.Errorf("%s: the reading has another scheme, memory or fold", h.Scheme)
	}
	if got := reading.Masked().Params["escape"]; got != escape {
		t.Errorf("%s: the mask declares %q, want %q", h.Scheme, got, escape)
	}
	masked, err := r.Open(reading.Masked())
	if err != nil {
		t.Fatalf("%s: masked: %v", h.Scheme, err)
	}
	if len(masked.Readings([]byte(password))) != 1 || masked.Limit != reading.Limit || masked.Fold != reading.Fold {
		t.Errorf("%s: the mask opens to another reading", h.Scheme)
	}
	if got, err := masked.Digest([]byte(password)); err != nil || string(got) != string(h.Stored()) {
		t.Errorf("%s: the mask computes another digest (%v)", h.Scheme, err)
	}
	if string(masked.Stored()) == string(h.Stored()) {
		t.Errorf("%s: the mask still holds the digest", h.Scheme)
	}
}

// TestReadingsCost: only a password that the escape changes is computed twice.
func TestReadingsCost(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	tests := []struct {
		scheme, stored, password string
		want                     int
	}{
		{"wordpress", md5Of("x"), "tulip", 1},
		{"wordpress", md5Of("x"), "fish & <chips>", 1},
		{"wordpress", md5Of("x"), "it's", 2},
		{"wordpress", md5Of("it's"), "it's", 1}, // the first reading proves it
		{"phpbb", md5Of("x"), "it's", 1},
		{"phpbb", md5Of("x"), "fish & chips", 2},
		{"phpass", phpPortable, "it's & <b>", 1},
		{"wp-bcrypt", "$wp" + phpBcrypt, "it's", 1},
		{"wcf1", phpHex40, "fish & chips", 1},
	}
	for _, tt := range tests {
		h, err := r.Open(legacy.Stored{Scheme: tt.scheme, Hash: tt.stored})
		if err != nil {
			t.Fatal(err)
		}
		computed := 0
		for _, reading := range append([]*Hash{h}, h.readings...) {
			compute := reading.compute
			reading.compute = func(password []byte) []byte {
				computed++
				return compute(password)
			}
		}
		h.Verify([]byte(tt.password))
		if computed != tt.want {
			t.Errorf("%s, %q: computed %d times, want %d", tt.scheme, tt.password, computed, tt.want)
		}
	}
}

// TestReadingsLimit: what bcrypt cuts it cuts of the escaped text, so the limit is each reading's own.
func TestReadingsLimit(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	for scheme, want := range map[string]int{"phpbb": 12, "wordpress": 36} {
		h, err := r.Open(legacy.Stored{Scheme: scheme, Hash: phpBcrypt})
		if err != nil {
			t.Fatal(err)
		}
		readings := h.Readings([]byte(`"`))
		if len(readings) != 2 || h.Limit != 72 || readings[0].Limit != 72 || readings[1].Limit != want {
			t.Errorf("%s: limits are not 72 and %d", scheme, want)
		}
	}
}

// TestSlashesKeepNUL: WordPress trims after it has made \0 of a NUL, so it has never cut one. The stored fold would:
// such a password is refused, or a shorter one would become the password.
func TestSlashesKeepNUL(t *testing.T) {
	t.Parallel()
	h, err := New(Config{}).Open(legacy.Stored{Scheme: "wordpress", Hash: md5Of(`tulip\0`), Params: map[string]string{"escape": "slashes"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, password := range []string{"tulip", "tulip\x00", "tulip\x00 "} {
		if _, err := h.Digest([]byte(password)); h.Verify([]byte(password)) || (password != "tulip") != errors.Is(err, ErrPassword) {
			t.Errorf("%q: %v", password, err)
		}
	}
}
