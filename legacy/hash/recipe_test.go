package hash

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"rekey/legacy"
)

func hexMD5(s string) string { sum := md5.Sum([]byte(s)); return hex.EncodeToString(sum[:]) }

func hexSHA1(s string) string { sum := sha1.Sum([]byte(s)); return hex.EncodeToString(sum[:]) }

func hexSHA512(s string) string { sum := sha512.Sum512([]byte(s)); return hex.EncodeToString(sum[:]) }

// Each recipe against the same formula in Go.
func TestRecipe(t *testing.T) {
	t.Parallel()
	const pass, salt, user, pepper = "Pässwort-1", "s4lt", "Alice", "site-key"
	sum512 := sha512.Sum512([]byte("P\x00\xe4\x00s\x00s\x00w\x00o\x00r\x00t\x00-\x001\x00" + salt))
	mac := hmac.New(sha256.New, []byte(salt))
	mac.Write([]byte(pass))
	macSum := mac.Sum(nil)
	rawSHA1 := sha1.Sum([]byte(pass))
	rawMD5 := md5.Sum([]byte(pass))

	restful := pepper
	for range 10 {
		restful = hexSHA1(strings.Join([]string{restful, salt, pass, pepper}, "--"))
	}
	authlogic := pass + salt
	for range 20 {
		authlogic = hexSHA512(authlogic)
	}
	symfony := sha512.Sum512([]byte(pass + "{" + salt + "}"))
	for range 4999 {
		symfony = sha512.Sum512(append(symfony[:], pass+"{"+salt+"}"...))
	}

	r := New(Config{})
	for recipe, stored := range map[string]string{
		"md5($pass)":                           hexMD5(pass),
		"md5($pass.$salt)":                     hexMD5(pass + salt),
		" md5 ( $p . $s ) ":                    hexMD5(pass + salt),
		"sha1($salt.sha1($pass))":              hexSHA1(salt + hexSHA1(pass)),
		"md5(md5($pass).$salt)":                hexMD5(hexMD5(pass) + salt),
		"md5(upper(md5($pass)))":               hexMD5(strings.ToUpper(hexMD5(pass))),
		"upper(md5($pass))":                    strings.ToUpper(hexMD5(pass)),
		"md5(lower($user).$pass)":              hexMD5("alice" + pass),
		"md5($username.':realm:'.$pass)":       hexMD5(user + ":realm:" + pass),
		`sha1("a\".$pass.'"')`:                 hexSHA1(`a\` + pass + `"`),
		"sha1($pepper.$pass)":                  hexSHA1(pepper + pass),
		"hmac_sha256($salt,$pass)":             hex.EncodeToString(macSum),
		"base64(hmac_sha256($salt, $pass))":    base64.StdEncoding.EncodeToString(macSum),
		"base64(sha512(utf16le($pass).$salt))": base64.StdEncoding.EncodeToString(sum512[:]),
		"base64(sha1($pass))":                  base64.StdEncoding.EncodeToString(rawSHA1[:]),
		"b64(sha1_bin($pass))":                 base64.RawStdEncoding.EncodeToString(rawSHA1[:]),
		"b64(hex(sha1($pass)))":                base64.StdEncoding.EncodeToString([]byte(hexSHA1(pass))),
		"b64(upper(sha1($pass)))":              base64.StdEncoding.EncodeToString([]byte(strings.ToUpper(hexSHA1(pass)))),
		"hex(sha1_bin($pass))":                 hexSHA1(pass),
		"sha1(raw(sha1($pass)))":               hexSHA1(string(rawSHA1[:])),
		"sha1(sha1_bin($pass).$salt)":          hexSHA1(string(rawSHA1[:]) + salt),
		"sha1(base64(md5($pass)))":             hexSHA1(base64.StdEncoding.EncodeToString(rawMD5[:])),
		"sha1_bin($pass)":                      string(rawSHA1[:]),
		"md5($salt).md5($pass)":                hexMD5(salt) + hexMD5(pass),
		`"v1:".md5($pass)`:                     "v1:" + hexMD5(pass),
		"md5(unhex('00ff').$pass)":             hexMD5("\x00\xff" + pass),
		"md5(unbase64('AP8=').$pass)":          hexMD5("\x00\xff" + pass),
		`iterate(10, $pepper, sha1($it."--".$salt."--".$pass."--".$pepper))`:                          restful,
		"iterate(19, sha512($pass.$salt), sha512($it))":                                               authlogic,
		"iterate(20, $pass.$salt, sha512($it))":                                                       authlogic,
		`base64(iterate(4999, sha512_bin($pass."{".$salt."}"), sha512_bin($it.$pass."{".$salt."}")))`: base64.StdEncoding.EncodeToString(symfony[:]),
		"iterate(2, iterate(3, $pass, md5($it)), sha1($it.iterate(1, $it, md5($it.$salt))))":          nested2(pass, salt),
		"pbkdf2_sha256($pass, $salt, 1000, 32)":                                                       hex.EncodeToString(pbkdf2Setting{hashSHA256, 1000, []byte(salt), 32}.key([]byte(pass))),
		"base64(pbkdf2_sha1($pass, $salt, 10, 40))":                                                   base64.StdEncoding.EncodeToString(pbkdf2Setting{hashSHA1, 10, []byte(salt), 40}.key([]byte(pass))),
	} {
		t.Run(recipe, func(t *testing.T) {
			t.Parallel()
			if err := r.CheckScheme(recipe); err != nil {
				t.Fatal(err)
			}
			h, err := r.Open(legacy.Stored{Scheme: recipe, Hash: stored, Salt: salt, User: user, Params: map[string]string{"pepper": pepper}})
			if err != nil {
				t.Fatal(err)
			}
			if !h.Verify([]byte(pass)) {
				t.Error("the right password is refused")
			}
			for _, wrong := range []string{"", "Pässwort-2", "pässwort-1", pass + "x"} {
				if h.Verify([]byte(wrong)) {
					t.Errorf("%q is accepted", wrong)
				}
			}
			again, err := r.Open(h.Masked())
			if err != nil {
				t.Fatal(err)
			}
			want, _ := h.Digest([]byte(pass))
			if got, _ := again.Digest([]byte(pass)); string(got) != string(want) || again.Verify([]byte(pass)) || h.Masked().Hash == stored {
				t.Error("the masked value computes otherwise, or still verifies")
			}
		})
	}
}

func nested2(pass, salt string) string {
	value := hexMD5(hexMD5(hexMD5(pass)))
	for range 2 {
		value = hexSHA1(value + hexMD5(value+salt))
	}
	return value
}

func TestRecipeErrors(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	for recipe, want := range map[string]string{
		"md5()":                            `column 5: want a function, a variable or a literal, got ")"`,
		"md5($pass":                        `column 10: want ")" behind 1 argument(s) of md5, got the end`,
		"md5($pass))":                      `column 11: want "." or the end, got ")"`,
		"md5($pass,$salt)":                 `column 10: want ")" behind 1 argument(s) of md5, got ","`,
		"md5($pass.)":                      `column 11: want a function, a variable or a literal, got ")"`,
		"md5($password)":                   `column 5: want $pass, $salt, $user, $pepper or $it, got "$password"`,
		"md5($it.$pass)":                   `column 5: $it has a value only in the last argument of iterate`,
		"md6($pass)":                       `column 1: want a function such as`,
		"md5('ä'.foo($pass))":              `column 9: want a function such as`,
		"md5(\"abc)":                       `column 5: want a function, a variable or a literal, got a literal without its closing quote`,
		"md5($pass+$salt)":                 `column 10: want ")" behind 1 argument(s) of md5, got '+'`,
		"hmac_md5($pass)":                  `column 15: want "," and 2 arguments of hmac_md5, got ")"`,
		"iterate($pass,$pass,md5($it))":    `column 9: want a whole number above zero, got "$pass"`,
		"iterate(0,$pass,md5($it))":        `column 9: want a whole number above zero`,
		"iterate(007,$pass,md5($it))":      `column 9: want a whole number above zero`,
		"iterate(9999999,$pass,md5($it))":  `column 1: want at most 2000000 rounds`,
		"iterate(5,md5($pass),md5($salt))": `column 1: the last argument of iterate must read $it`,
		"iterate(5,md5($pass),iterate(5,md5($salt),md5($it)))":                      `the last argument of iterate must read $it`,
		"iterate(2000,$pass,iterate(2000,$it,md5($it)))":                            `column 1: more than 2000000 digests`,
		"iterate(2000000,$pass,iterate(2000000,$it,iterate(2000000,$it,md5($it))))": `more than 2000000 digests`,
		"iterate(2000,$pass,pbkdf2_md5($it,$salt,10000,16))":                        `column 1: more than 10000000 PBKDF2 iterations`,
		"pbkdf2_sha1($pass,$salt,100000000,20)":                                     `column 1: want at most 10000000 iterations`,
		"pbkdf2_sha1($pass,$salt,1000,8)":                                           `column 1: want 16 to 512 bytes of key`,
		"hex($pass)":                                                                `column 1: the result must have a fixed length`,
		"lower($pass).md5($pass)":                                                   `column 1: the result must have a fixed length`,
		"md5($salt)":                                                                `column 1: the recipe does not use $pass`,
		"md5(lower(md5_bin($pass)))":                                                `column 5: lower wants text or a digest in hex`,
		"md5(lower(base64($pass)))":                                                 `column 5: lower wants text or a digest in hex`,
		"md5(unhex($pass))":                                                         `column 5: unhex takes only what does not depend on the password`,
		"raw($pass)":                                                                `column 1: raw wants a digest`,
		strings.Repeat("md5(", 33) + "$pass" + strings.Repeat(")", 33):              `calls within calls deeper than 32`,
		"md5(" + strings.Repeat("$pass.", 200) + "$salt)":                           `a recipe is at most 1024 bytes long`,
	} {
		err := r.CheckScheme(recipe)
		if !errors.Is(err, ErrScheme) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", recipe, err, want)
		}
		if _, err := r.Open(legacy.Stored{Scheme: recipe, Hash: hexMD5("")}); !errors.Is(err, ErrScheme) {
			t.Errorf("%s opens: %v", recipe, err)
		}
	}
	if err := r.CheckScheme(strings.Repeat("md5(", 32) + "$pass" + strings.Repeat(")", 32)); err != nil {
		t.Errorf("32 calls within calls: %v", err)
	}
	const pepper = "s3cret-pepper"
	if err := r.CheckScheme("md5('x' '" + pepper + "')"); err == nil || strings.Contains(err.Error(), pepper) {
		t.Errorf("an error quotes a literal: %v", err)
	}
}

func TestRecipeSalt(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	digest := hexMD5("passwordsa:lt")
	for _, tc := range []struct {
		from, stored string
		want         error
	}{
		{"split:", digest + ":sa:lt", nil},
		{"split::", digest + ":sa:lt", nil},
		{"split:--", digest + "--sa:lt", nil},
		{"rsplit:", "sa:lt:" + digest, nil},
		{"rsplit:$", "sa:lt$" + digest, nil},
		{"head:5", "sa:lt" + digest, nil},
		{"tail:5", digest + "sa:lt", nil},
		{"tail:5", strings.ToUpper(digest) + "sa:lt", nil},
		{"split:", digest, ErrMalformed},
		{"split:|", digest + ":sa:lt", ErrMalformed},
		{"head:99", "sa:lt" + digest, ErrMalformed},
		{"head:0", digest, ErrMalformed},
		{"head:-1", digest, ErrMalformed},
		{"head:4", "sa:lt" + digest, ErrMalformed},
		{"middle", digest, ErrMalformed},
	} {
		h, err := r.Open(legacy.Stored{Scheme: "md5($pass.$salt)", Hash: tc.stored, Params: map[string]string{"salt_from": tc.from}})
		if !errors.Is(err, tc.want) {
			t.Errorf("%s %s: %v, want %v", tc.from, tc.stored, err, tc.want)
			continue
		}
		if err != nil {
			continue
		}
		masked, err := r.Open(h.Masked())
		if !h.Verify([]byte("password")) || h.Verify([]byte("passwore")) || err != nil {
			t.Errorf("%s: the right password is refused, or a wrong one is not (%v)", tc.from, err)
			continue
		}
		if got, _ := masked.Digest([]byte("password")); hex.EncodeToString(got) != digest {
			t.Errorf("%s: the masked value lost the salt", tc.from)
		}
	}
}

func TestRecipeRefuses(t *testing.T) {
	t.Parallel()
	r := New(Config{Bounds: Bounds{Salt: 16}})
	good := hexMD5("password")
	for name, tc := range map[string]struct {
		s    legacy.Stored
		want error
	}{
		"a digit short":    {legacy.Stored{Scheme: "md5($pass)", Hash: good[1:]}, ErrMalformed},
		"a digit long":     {legacy.Stored{Scheme: "md5($pass)", Hash: good + "0"}, ErrMalformed},
		"no hex":           {legacy.Stored{Scheme: "md5($pass)", Hash: "g" + good[1:]}, ErrMalformed},
		"base64 bits":      {legacy.Stored{Scheme: "base64(md5($pass))", Hash: "X03MO1qnZdYdgyfeuILPmR=="}, ErrMalformed},
		"base64 short":     {legacy.Stored{Scheme: "base64(md5($pass))", Hash: "X03MO1qnZdYdgyfeuILP"}, ErrMalformed},
		"bytes short":      {legacy.Stored{Scheme: "md5_bin($pass)", Hash: "123456789012345"}, ErrMalformed},
		"salt over bounds": {legacy.Stored{Scheme: "md5($pass.$salt)", Hash: good, Salt: strings.Repeat("s", 17)}, ErrBounds},
		"no pepper":        {legacy.Stored{Scheme: "md5($pass.$pepper)", Hash: good}, ErrParams},
		"no user":          {legacy.Stored{Scheme: "md5($pass.$user)", Hash: good}, ErrMalformed},
		"salt not hex":     {legacy.Stored{Scheme: "md5($pass.unhex($salt))", Hash: good, Salt: "xyz"}, ErrMalformed},
		"locked":           {legacy.Stored{Scheme: "md5($pass)", Hash: "!"}, ErrUnusable},
	} {
		if _, err := r.Open(tc.s); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	h, err := r.Open(legacy.Stored{Scheme: "md5(utf16le($pass))", Hash: good})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Digest([]byte("\xff")); !errors.Is(err, ErrPassword) {
		t.Errorf("a password that is not UTF-8: %v, want %v", err, ErrPassword)
	}
	big := "md5(" + strings.TrimSuffix(strings.Repeat("$p.", 17), ".") + ")" // 17 times 4 KiB
	if h, err = r.Open(legacy.Stored{Scheme: big, Hash: good}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Digest(make([]byte, MaxPassword)); !errors.Is(err, ErrPassword) {
		t.Errorf("a value of 68 KiB: %v, want %v", err, ErrPassword)
	}
}

// A fold is told only where every use of the password folds, or people would lose the difference between letters.
func TestRecipeFold(t *testing.T) {
	t.Parallel()
	for recipe, want := range map[string]Fold{
		"md5($pass)":                        FoldNone,
		"md5(lower($pass))":                 FoldLower,
		"md5(upper($pass))":                 FoldUpper,
		"md5(upper(lower($pass)))":          FoldLower,
		"md5(lower($pass.$user))":           FoldLower,
		"md5(utf16le(upper($pass)))":        FoldUpper,
		"md5(lower(md5($pass)))":            FoldNone,
		"md5(lower($pass).$pass)":           FoldNone,
		"md5(lower($pass).md5($pass))":      FoldNone,
		"md5(lower($pass).upper($pass))":    FoldLower,
		"iterate(1,$pass,md5(lower($it)))":  FoldLower,
		"iterate(9,lower($pass),sha1($it))": FoldLower,
		"iterate(9,$pass,sha1($it))":        FoldNone,
		"hmac_md5($pass,lower($pass))":      FoldNone,
		"pbkdf2_md5(lower($p),$salt,10,16)": FoldLower,
	} {
		rec, err := compileRecipe(DefaultBounds(), recipe)
		if err != nil {
			t.Errorf("%s: %v", recipe, err)
		} else if got := rec.fold(); got != want {
			t.Errorf("%s: fold %q, want %q", recipe, got, want)
		}
	}
}
