package hash

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rekey/legacy"
)

// A phpRow is a line of testdata/php.jsonl.
type phpRow struct {
	ID       string
	Format   string
	Password string
	Hash     string
	Salt     string
	Extra    map[string]string
}

func (r phpRow) stored() legacy.Stored {
	return legacy.Stored{Scheme: r.Format, Hash: r.Hash, Salt: r.Salt, Params: r.Extra}
}

func phpRows(t testing.TB) []phpRow {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "php.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows []phpRow
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var row phpRow
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	if len(rows) < 40 {
		t.Fatalf("only %d rows", len(rows))
	}
	return rows
}

// TestPHPRows shows that what PHP itself wrote verifies, that neighbours of the password do not, and that a masked
// value keeps all but the digest.
func TestPHPRows(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	for _, row := range phpRows(t) {
		t.Run(row.ID+" "+row.Format, func(t *testing.T) {
			t.Parallel()
			h, err := r.Open(row.stored())
			if err != nil {
				t.Fatal(err)
			}
			password := []byte(row.Password)
			if !h.Verify(password) {
				t.Error("the right password is refused")
			}
			for _, wrong := range []string{"", "x" + row.Password, row.Password + "x", strings.ToUpper(row.Password)} {
				if h.Verify([]byte(wrong)) {
					t.Error("a wrong password is taken")
				}
			}
			masked, err := r.Open(h.Masked())
			if err != nil {
				t.Fatalf("masked: %v", err)
			}
			digest, err := masked.Digest(password)
			if err != nil || string(digest) != string(h.Stored()) {
				t.Error("the masked value gives another digest")
			}
			if masked.Verify(password) {
				t.Error("the masked value still verifies")
			}
			if masked.Limit != h.Limit || masked.Fold != h.Fold || masked.Memory != h.Memory {
				t.Error("the masked value has another limit, fold or memory")
			}
		})
	}
}

const (
	phpHex32    = "0123456789abcdef0123456789abcdef"
	phpHex40    = phpHex32 + "01234567"
	phpHex64    = phpHex32 + phpHex32
	phpBcrypt   = "$2y$04$1cd7/63yQj8cIlFY.YXac.U5LvurPow1fg5uJN9Jszy6ku6odQ5xK"
	phpPortable = "$P$BmFLP/JHEjtmFoQlafghH4J4jMzKxe."
	phpDrupal   = "$S$De.kbN1MmqrADmgVEIfWuQXflYnoXhXRf.aT8X9UvHi2SGVvEsXg"
	phpSalt64   = "MTIzNDU2Nzg="
)

// TestPHPRefusals opens what is nearly a hash: one character more or less, a wrong alphabet, a field too many, a
// digest cut short, costs out of bounds.
func TestPHPRefusals(t *testing.T) {
	t.Parallel()
	b64of64 := strings.Repeat("A", 86) + "=="
	tests := []struct {
		scheme, stored string
		params         map[string]string
		want           error
	}{
		{"phpass", phpPortable[:33], nil, ErrMalformed},
		{"phpass", phpPortable + ".", nil, ErrMalformed},
		{"phpass", phpPortable[:33] + "2", nil, ErrMalformed}, // bits that 16 bytes do not have
		{"phpass", phpPortable[:20] + "_" + phpPortable[21:], nil, ErrMalformed},
		{"phpass", "$P$4" + phpPortable[4:], nil, ErrBounds}, // 2^6
		{"phpass", "$P$L" + phpPortable[4:], nil, ErrBounds}, // 2^23
		{"phpass", "$P$S" + phpPortable[4:], nil, ErrBounds}, // 2^30
		{"phpass", "$P$*" + phpPortable[4:], nil, ErrMalformed},
		{"phpass", "$Q$" + phpPortable[3:], nil, ErrMalformed},
		{"phpass", phpDrupal, nil, ErrMalformed},
		{"drupal7", phpDrupal[:54], nil, ErrMalformed},
		{"drupal7", phpDrupal + "g", nil, ErrMalformed},
		{"drupal7", "$S$S" + phpDrupal[4:], nil, ErrBounds},
		{"drupal7", "$S$*" + phpDrupal[4:], nil, ErrMalformed},
		{"drupal7-u", phpDrupal, nil, ErrMalformed},
		{"drupal7-u", "UU" + phpDrupal, nil, ErrMalformed},
		{"drupal", "Q" + phpDrupal, nil, ErrMalformed},
		{"wp-bcrypt", phpBcrypt, nil, ErrMalformed},
		{"wp-bcrypt", "$wp" + phpBcrypt[:59], nil, ErrMalformed},
		{"wp-bcrypt", "$wp" + phpBcrypt + ".", nil, ErrMalformed},
		{"wp-bcrypt", "$wp$wp" + phpBcrypt, nil, ErrMalformed},
		{"wp-bcrypt", "$wp$2y$16" + phpBcrypt[6:], nil, ErrBounds},
		{"wp-bcrypt", "$wp$2y$31" + phpBcrypt[6:], nil, ErrBounds},
		{"wp-bcrypt", "$wp$2y$03" + phpBcrypt[6:], nil, ErrBounds},
		{"wordpress", phpHex32 + "0", nil, ErrMalformed},
		{"wordpress", "$1$salt$" + phpHex32, nil, ErrMalformed},
		{"wordpress", phpBcrypt, map[string]string{"escape": "url"}, ErrMalformed},
		{"laravel", "$1$salt$", nil, ErrMalformed},
		{"laravel", "$argon2d$v=19$m=64,t=1,p=1$MTIzNDU2Nzg$MTIzNDU2Nzg", nil, ErrMalformed},
		{"nextcloud", "2|" + phpBcrypt, nil, ErrMalformed},
		{"nextcloud", "4|" + phpBcrypt, nil, ErrMalformed},
		{"nextcloud", "1|", nil, ErrMalformed},
		{"nextcloud", "1|1|" + phpBcrypt, nil, ErrMalformed},
		{"nextcloud", phpHex40 + "0", nil, ErrMalformed},
		{"mediawiki", ":A:" + phpHex32 + "0", nil, ErrMalformed},
		{"mediawiki", ":A:" + phpHex32[:31], nil, ErrMalformed},
		{"mediawiki", ":B:" + phpHex32, nil, ErrMalformed},
		{"mediawiki", ":C:" + phpHex32, nil, ErrMalformed},
		{"mediawiki", ":bcrypt:4$" + phpBcrypt[7:29] + phpBcrypt[29:], nil, ErrMalformed},
		{"mediawiki", ":bcrypt:04$" + phpBcrypt[7:29] + "$" + phpBcrypt[29:], nil, ErrMalformed},
		{"mediawiki", ":bcrypt:31$" + phpBcrypt[7:29] + "$" + phpBcrypt[29:], nil, ErrBounds},
		{"mediawiki", ":bcrypt:4$" + phpBcrypt[7:29] + "$" + phpBcrypt[29:59], nil, ErrMalformed},
		{"mediawiki", ":pbkdf2:sha512:1000:64:" + phpSalt64 + ":" + b64of64 + ":x", nil, ErrMalformed},
		{"mediawiki", ":pbkdf2:sha512:1000:32:" + phpSalt64 + ":" + strings.Repeat("A", 43) + "=", nil, ErrMalformed},
		{"mediawiki", ":pbkdf2:sha512:1000:64:" + phpSalt64 + ":" + b64of64[:84], nil, ErrMalformed},
		{"mediawiki", ":pbkdf2:sha512:01000:64:" + phpSalt64 + ":" + b64of64, nil, ErrMalformed},
		{"mediawiki", ":pbkdf2:sha512:-1:64:" + phpSalt64 + ":" + b64of64, nil, ErrMalformed},
		{"mediawiki", ":pbkdf2:crc32:1000:64:" + phpSalt64 + ":" + b64of64, nil, ErrMalformed},
		{"mediawiki", ":pbkdf2:sha512:0:64:" + phpSalt64 + ":" + b64of64, nil, ErrBounds},
		{"mediawiki", ":pbkdf2:sha512:2147483647:64:" + phpSalt64 + ":" + b64of64, nil, ErrBounds},
		{"mediawiki", ":pbkdf2:sha512:9223372036854775807:64:" + phpSalt64 + ":" + b64of64, nil, ErrBounds},
		{"mediawiki", ":pbkdf2:sha512:9223372036854775808:64:" + phpSalt64 + ":" + b64of64, nil, ErrMalformed},
		{"mediawiki", ":pbkdf2:sha512:1000:64:" + strings.Repeat("AAAA", 342) + ":" + b64of64, nil, ErrBounds},
		{"mediawiki", ":pbkdf2-legacyA:!sha512:1000:64!salt!" + phpSalt64 + "!" + b64of64, nil, ErrMalformed},
		{"mediawiki", ":pbkdf2-legacyB:!sha512:1000:64!!" + phpSalt64 + "!" + b64of64, nil, ErrMalformed},
		{"mediawiki", ":pbkdf2-legacyA:x!sha512:1000:64!!" + phpSalt64 + "!" + b64of64, nil, ErrMalformed},
		{"mediawiki", ":argon2:" + phpBcrypt, nil, ErrMalformed},
		{"magento2", phpHex64 + ":salt", nil, ErrMalformed},
		{"magento2", phpHex64 + "::1", nil, ErrMalformed},
		{"magento2", phpHex32 + ":salt:1", nil, ErrMalformed},
		{"magento2", phpHex64 + ":salt:0", nil, ErrMalformed},
		{"magento2", phpHex64 + ":salt:4", nil, ErrMalformed},
		{"magento2", phpHex64 + ":salt:1:1:1:1:1", nil, ErrMalformed},
		{"magento2", phpHex64 + ":salt:3_16_2_67108864", nil, ErrMalformed},
		{"magento2", phpHex64 + ":salt:3_32_2", nil, ErrMalformed},
		{"magento2", phpHex64 + ":salt:3_32_2_-1", nil, ErrMalformed},
		{"magento2", phpHex64 + ":salt:3_32_0_67108864", nil, ErrBounds},
		{"magento2", phpHex64 + ":salt:3_32_21_67108864", nil, ErrBounds},
		{"magento2", phpHex64 + ":salt:3_32_2_4294967296", nil, ErrBounds},
		{"magento2", phpHex64 + ":salt:3_32_2_8191", nil, ErrBounds},
		{"magento2", phpHex64 + ":salt:3_32_4_268435456:3_32_4_268435456", nil, ErrBounds}, // each is within, the chain is not
		{"magento1", phpHex32 + "00:salt", nil, ErrMalformed},
		{"symfony-md-sha512-5000", b64of64, map[string]string{"iterations": "2000001"}, ErrBounds},
		{"symfony-md-sha512-5000", b64of64, map[string]string{"iterations": "0"}, ErrBounds},
		{"symfony-md-sha512-5000", b64of64, map[string]string{"iterations": "many"}, ErrMalformed},
		{"symfony-md-sha512-5000", b64of64, map[string]string{"algorithm": "crc32"}, ErrMalformed},
		{"symfony-md-sha512-5000", b64of64, map[string]string{"encoding": "base32"}, ErrMalformed},
		{"symfony-md-sha512-5000", b64of64, map[string]string{"merge": "{salt}password"}, ErrMalformed},
		{"symfony-md-sha512-5000", b64of64[:84], nil, ErrMalformed},
		{"symfony-md-sha512-5000", b64of64[:85] + "B==", nil, ErrMalformed}, // bits that 64 bytes do not have
		{"symfony-pbkdf2", b64of64, nil, ErrMalformed},                      // 64 bytes where 40 are declared
		{"symfony-pbkdf2", b64of64, map[string]string{"dklen": "4096"}, ErrBounds},
		{"symfony-pbkdf2", b64of64, map[string]string{"dklen": "8"}, ErrBounds},
		{"symfony-native", phpBcrypt + "x", nil, ErrMalformed},
		{"vbulletin", phpHex32 + "0", nil, ErrMalformed},
		{"vbulletin", phpHex32[:31] + "g", nil, ErrMalformed},
		{"vbulletin5", phpHex32, nil, ErrMalformed},
		{"vbulletin5", phpHex32 + ":salt", nil, ErrMalformed},
		{"joomla", phpHex32 + ":" + strings.Repeat("s", 1025), nil, ErrBounds},
		{"prestashop", phpHex32, nil, ErrParams}, // no pepper
		{"cakephp", phpHex40, nil, ErrParams},    // no pepper, no salt
		{"smf1-sha1-user", phpHex40, nil, ErrMalformed},
		{"smf2-bcrypt-user", phpBcrypt, nil, ErrMalformed},
		{"xenforo", `a:1:{s:4:"hash";s:60:"` + phpBcrypt + `";`, nil, ErrMalformed},
		{"xenforo", `a:1:{s:4:"hash";s:59:"` + phpBcrypt + `";}`, nil, ErrMalformed},
		{"xenforo", `a:1:{s:4:"hash";s:9999999999999999999:"` + phpBcrypt + `";}`, nil, ErrMalformed},
		{"xenforo", `a:1:{s:4:"hash";s:9223372036854775807:"` + phpBcrypt + `";}`, nil, ErrMalformed},
		{"xenforo", `a:1:{s:4:"hash";s:0:"";}`, nil, ErrMalformed},
		{"xenforo", `a:3:{s:4:"hash";s:64:"` + phpHex64 + `";s:4:"salt";s:1:"x";s:8:"hashFunc";s:3:"md5";}`, nil, ErrMalformed},
		{"xenforo", `O:8:"stdClass":0:{}`, nil, ErrMalformed},
		{"woltlab", phpBcrypt, nil, ErrMalformed},
		{"woltlab", "Bcrypt:" + phpHex32, nil, ErrMalformed},
		{"woltlab", "Bcrypt:Bcrypt:" + phpBcrypt, nil, ErrMalformed},
		{"wcf2-double-bcrypt", "$2a$31" + phpBcrypt[6:], nil, ErrBounds},
		{"wcf-pbkdf2", phpHex64 + ":salt:sha256:600000:64", nil, ErrMalformed},
		{"wcf-pbkdf2", phpHex64 + ":salt:sha1:600000:32", nil, ErrMalformed},
		{"wcf-pbkdf2", phpHex64 + ":salt:sha256:600000000:32", nil, ErrBounds},
		{"seafile-pbkdf2", "PBKDF2SHA256$10000$00$" + phpHex32, nil, ErrMalformed},
		{"seafile-pbkdf2", "PBKDF2SHA256$1e4$00$" + phpHex64, nil, ErrMalformed},
		{"seafile-pbkdf2", "PBKDF2SHA256$99999999$00$" + phpHex64, nil, ErrBounds},
		{"phps", "$PHPS$zz$" + phpHex32, nil, ErrMalformed},
		{"authme", "$SHA$salt$" + phpHex32, nil, ErrMalformed},
		{"kmd5-unb", phpHex32, nil, ErrMalformed},
		{"symfony-plaintext-salt", "{}", nil, nil}, // without a salt it is a password like another
	}
	r := New(Config{})
	for _, tt := range tests {
		_, err := r.Open(legacy.Stored{Scheme: tt.scheme, Hash: tt.stored, Params: tt.params})
		if !errors.Is(err, tt.want) {
			t.Errorf("%s %.60q %v: error %v, want %v", tt.scheme, tt.stored, tt.params, err, tt.want)
		}
	}
}

// TestPHPLimitAndFold shows what may be rehashed as typed.
func TestPHPLimitAndFold(t *testing.T) {
	t.Parallel()
	argon2id := "$argon2id$v=19$m=64,t=2,p=1$bHd5OXB2cUszLm1XN21ORA$+DvvI3fXp5jXDOMuXniKhJD11g/PH1VXJV3e3o1ZOSM"
	tests := []struct {
		stored legacy.Stored
		limit  int
		fold   Fold
	}{
		{legacy.Stored{Scheme: "laravel", Hash: phpBcrypt}, 72, ""},
		{legacy.Stored{Scheme: "laravel", Hash: argon2id}, 0, ""},
		{legacy.Stored{Scheme: "wordpress", Hash: phpBcrypt}, 72, FoldTrim},
		{legacy.Stored{Scheme: "wordpress", Hash: phpPortable}, 0, FoldTrim},
		{legacy.Stored{Scheme: "wordpress", Hash: "$wp" + phpBcrypt}, 0, FoldTrim},
		{legacy.Stored{Scheme: "wp-bcrypt", Hash: "$wp" + phpBcrypt}, 0, FoldTrim},
		{legacy.Stored{Scheme: "phpass", Hash: phpPortable}, 0, ""},
		{legacy.Stored{Scheme: "drupal", Hash: phpDrupal}, 0, FoldTrim},
		{legacy.Stored{Scheme: "drupal7", Hash: phpDrupal}, 0, ""},
		{legacy.Stored{Scheme: "nextcloud", Hash: "1|" + phpBcrypt}, 72, ""},
		{legacy.Stored{Scheme: "nextcloud", Hash: phpBcrypt, Params: map[string]string{"pepper": "0123456789"}}, 62, ""},
		{legacy.Stored{Scheme: "nextcloud", Hash: phpBcrypt, Params: map[string]string{"pepper": strings.Repeat("p", 80)}}, 1, ""},
		{legacy.Stored{Scheme: "symfony-native", Hash: phpBcrypt}, 0, ""},
		{legacy.Stored{Scheme: "smf2-bcrypt-user", Hash: phpBcrypt, User: "Übér"}, 66, ""},
		{legacy.Stored{Scheme: "smf2-bcrypt-user", Hash: phpBcrypt, User: strings.Repeat("u", 72)}, 1, ""},
		{legacy.Stored{Scheme: "vbulletin5", Hash: phpBcrypt}, 0, ""},
		{legacy.Stored{Scheme: "mediawiki", Hash: ":bcrypt:4$" + phpBcrypt[7:29] + "$" + phpBcrypt[29:]}, 72, ""},
		{legacy.Stored{Scheme: "wcf2-double-bcrypt", Hash: phpBcrypt}, 72, ""},
		{legacy.Stored{Scheme: "phpbb", Hash: phpBcrypt, Params: map[string]string{"escape": "html"}}, 12, ""},
		{legacy.Stored{Scheme: "wordpress", Hash: phpBcrypt, Params: map[string]string{"escape": "slashes"}}, 36, FoldTrim},
	}
	r := New(Config{})
	for _, tt := range tests {
		h, err := r.Open(tt.stored)
		if err != nil {
			t.Errorf("%s %v: %v", tt.stored.Scheme, tt.stored.Params, err)
			continue
		}
		if h.Limit != tt.limit || h.Fold != tt.fold {
			t.Errorf("%s %v: limit %d, fold %q; want %d, %q", tt.stored.Scheme, tt.stored.Params, h.Limit, h.Fold, tt.limit, tt.fold)
		}
	}
}

// TestSymfonyNativeLongPassword shows that nothing of a long password is ignored, and that the empty one never matches.
func TestSymfonyNativeLongPassword(t *testing.T) {
	t.Parallel()
	h, err := New(Config{}).Open(legacy.Stored{Scheme: "symfony-native", Hash: phpBcrypt})
	if err != nil {
		t.Fatal(err)
	}
	digest := func(password string) string {
		d, _ := h.Digest([]byte(password))
		return string(d)
	}
	stem := strings.Repeat("a", 72)
	if digest(stem) == digest(stem+"b") || digest(stem+"b") == digest(stem+"c") || digest("a") == digest("a\x00") {
		t.Error("two passwords have one digest")
	}
	if _, err := h.Digest(nil); !errors.Is(err, ErrPassword) {
		t.Errorf("empty password: %v, want ErrPassword", err)
	}
}

// TestDrupalRefusesLongPasswords: password.inc hashes at most 512 bytes, so a longer one cannot have been set.
func TestDrupalRefusesLongPasswords(t *testing.T) {
	t.Parallel()
	h, err := New(Config{}).Open(legacy.Stored{Scheme: "drupal7", Hash: "$S$5" + phpDrupal[4:]})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Digest([]byte(strings.Repeat("a", 512))); err != nil {
		t.Error(err)
	}
	if _, err := h.Digest([]byte(strings.Repeat("a", 513))); !errors.Is(err, ErrPassword) {
		t.Errorf("513 bytes: %v, want ErrPassword", err)
	}
}

// TestMagentoMemory shows that the permit for a chain is the largest step's.
func TestMagentoMemory(t *testing.T) {
	t.Parallel()
	for stored, want := range map[string]int64{
		phpHex64 + ":salt:1":                            0,
		phpHex64 + ":salt:2":                            64 << 20,
		phpHex64 + ":salt:1:3_32_2_8388608:3_32_1_8192": 8 << 20,
	} {
		h, err := New(Config{}).Open(legacy.Stored{Scheme: "magento2", Hash: stored})
		if err != nil {
			t.Error(err)
		} else if h.Memory != want {
			t.Errorf("%s: memory %d, want %d", stored[64:], h.Memory, want)
		}
	}
}

// TestPHPAuto shows which stored strings need no declaration.
func TestPHPAuto(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	for stored, want := range map[string]string{
		phpPortable:                   "phpass",
		"$H$" + phpPortable[3:]:       "phpass",
		phpDrupal:                     "drupal7",
		"U" + phpDrupal:               "drupal7-u",
		"$wp" + phpBcrypt:             "wp-bcrypt",
		"1|" + phpBcrypt:              "nextcloud",
		":A:" + phpHex32:              "mediawiki",
		phpHex64 + ":salt:1":          "magento2",
		phpHex64 + ":s:0:3_32_2_8192": "magento2",
		"$PHPS$616263$" + phpHex32:    "phps",
	} {
		if got, _ := r.Identify(stored); got != want {
			t.Errorf("%.20q… is %q, want %q", stored, got, want)
		}
	}
	for _, stored := range []string{phpHex32 + ":salt", phpHex64 + ":salt:sha256:600000:32", "a:2:{}", "12:30:1"} {
		if got, ok := r.Identify(stored); ok {
			t.Errorf("%.20q… is taken for %q", stored, got)
		}
	}
}

// TestWoltLabNames opens a hash under every name of the table, so that none names a digest that is not there.
func TestWoltLabNames(t *testing.T) {
	t.Parallel()
	bodies := []string{phpBcrypt, phpHex32 + ":s", phpHex40 + ":s", phpHex64 + ":s", phpHex64 + ":s:sha256:1:32", phpPortable}
	r := New(Config{})
	for name := range woltLabAlgorithms {
		if !slices.ContainsFunc(bodies, func(body string) bool {
			_, err := r.Open(legacy.Stored{Scheme: "woltlab", Hash: name + ":" + body})
			return err == nil
		}) {
			t.Errorf("%s opens nothing", name)
		}
	}
}
