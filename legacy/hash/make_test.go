package hash

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"rekey/legacy"
)

// mustMake are the formats that copy-back needs.
var mustMake = strings.Fields(`
	bcrypt-2a bcrypt-2b bcrypt-2y phpass wp-bcrypt drupal7 drupal7-u bcrypt-pepper aspnet-identity-v2 aspnet-identity-v3
	django-pbkdf2-sha256 django-pbkdf2-sha1 django-argon2 django-bcrypt-sha256 django-bcrypt django-scrypt
	ldap-ssha ldap-ssha256 ldap-ssha384 ldap-ssha512 ldap-smd5 ldap-sha ldap-argon2 dovecot-blf-crypt dovecot-sha512-crypt
	crypt-md5 crypt-apr1 crypt-sha256 crypt-sha512 argon2id argon2i nextcloud symfony-md-sha512-5000 symfony-bcrypt-prehash
	salted-md5-suffix salted-sha1-prefix salted-sha256-suffix salted-sha512-b64-prefix hmac-sha256-key-salt raw-sha256-hex
	authlogic-sha512 restful-auth-sha1 devise-sha512 ipb-mybb vbulletin joomla-md5-salt oscommerce wcf1 xenforo-sha256
	passport-local-mongoose werkzeug-pbkdf2-sha256 werkzeug-scrypt werkzeug-sha1 bcrypt-sha256hex vb5-bcrypt-md5 smf2-bcrypt-user
	spring-bcrypt-delegating`)

// neverMake are formats that look like others which are made.
var neverMake = strings.Fields(`
	bcrypt-2x plaintext crypt-des crypt-bsdi mysql323 cisco-type7 keycloak-json mosquitto-6 mosquitto-7 magento2-v1 smf1-sha1-user
	django-unsalted-sha1 jetty-obf oracle10 lm npm-credential`)

// TestMake makes a hash like the first row of every format: the password verifies, another does not, nothing but salt
// and digest is changed, and no two are alike.
func TestMake(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	made := map[string]bool{}
	var lock sync.Mutex
	eachRow(r, firstRows(readVectors(t)), func(_ int, v vector) {
		like := v.stored()
		password := "Tr0ub4dor & fünf"
		if strings.HasPrefix(v.Format, "crypt-") { // nothing folds here, but keep one row of plain ASCII
			password = "Tr0ub4dor"
		}
		if v.Format == "npm-credential" { // some seconds a hash, and refused anyhow
			return
		}
		stored, err := r.Make(like, []byte(password))
		if err != nil {
			if !errors.Is(err, ErrMake) && !errors.Is(err, ErrLossy) && !errors.Is(err, ErrPassword) {
				t.Errorf("%s: %v", v.Format, err)
			}
			return
		}
		lock.Lock()
		made[v.Format] = true
		lock.Unlock()
		h, err := r.Open(stored)
		if err != nil {
			t.Errorf("%s: %v", v.Format, err)
			return
		}
		if !h.Verify([]byte(password)) {
			t.Errorf("%s: what was made is refused", v.Format)
		}
		if h.Verify([]byte(v.Password)) || h.Verify([]byte("tr0ub4dor & fünf")) {
			t.Errorf("%s: what was made takes another password", v.Format)
		}
		if len(stored.Hash) != len(like.Hash) && !strings.Contains(like.Hash, "$") {
			t.Errorf("%s: %d bytes, the example has %d", v.Format, len(stored.Hash), len(like.Hash))
		}
		if len(stored.Salt) != len(like.Salt) || like.Salt != "" && stored.Salt == like.Salt {
			t.Errorf("%s: the salt is %q like %q", v.Format, stored.Salt, like.Salt)
		}
		if stored.User != like.User || !maps.Equal(stored.Params, like.Params) {
			t.Errorf("%s: user or parameters are not the example's", v.Format)
		}
		if again := r.resalted(stored, h)(h.want); again.Hash == stored.Hash && again.Salt == stored.Salt && !unsalted(v.Format) {
			t.Errorf("%s: two hashes of a password are one", v.Format)
		}
	})
	t.Logf("%d formats are made: %s", len(made), strings.Join(slices.Sorted(maps.Keys(made)), " "))
	for _, format := range mustMake {
		if !made[format] {
			t.Errorf("%s is not made", format)
		}
	}
	for _, format := range neverMake {
		if made[format] {
			t.Errorf("%s is made", format)
		}
	}
}

// unsalted are the formats whose hashes of one password are all the same.
func unsalted(format string) bool {
	return strings.HasPrefix(format, "raw-") ||
		slices.Contains(strings.Fields("ntlm ldap-sha ldap-md5 ldap-sha256 ldap-sha384 ldap-sha512 md5-md5 sha1-md5 md5-sha1 msdcc msdcc2 postgres-md5 "+
			"dovecot-sha1 dovecot-sha256 dovecot-sha512 dovecot-plain-md5 dovecot-ldap-md5 spring-MD5 spring-SHA-1"), format)
}

// An example's cost, form and label are kept.
func TestMakeKeeps(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	pepper := map[string]string{"pepper": "site-pepper"}
	recipe := func(text, hash, salt string, params map[string]string) legacy.Stored {
		return legacy.Stored{Scheme: text, Hash: hash, Salt: salt, User: "anna", Params: params}
	}
	const md5 = "0123456789abcdef0123456789abcdef"
	for _, tc := range []struct {
		like       legacy.Stored
		hash, salt string // what the made value begins with, and the alphabet of its salt
	}{
		{like: legacy.Stored{Hash: "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"}, hash: "$2b$05$"},
		{like: legacy.Stored{Scheme: "bcrypt-pepper", Hash: "$2a$04$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", Params: pepper}, hash: "$2a$04$"},
		{like: legacy.Stored{Scheme: "wordpress", Hash: "$wp$2y$04$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"}, hash: "$wp$2y$04$"},
		{like: legacy.Stored{Scheme: "wordpress", Hash: "$P$912345678" + strings.Repeat(".", 22)}, hash: "$P$9"},
		{like: legacy.Stored{Scheme: "drupal", Hash: "$S$912345678" + strings.Repeat(".", 43)}, hash: "$S$9"},
		{like: legacy.Stored{Scheme: "phpbb", Hash: "$H$912345678" + strings.Repeat(".", 22)}, hash: "$H$9"},
		{like: legacy.Stored{Scheme: "django", Hash: "pbkdf2_sha256$1234$salt$" + strings.Repeat("A", 43) + "="}, hash: "pbkdf2_sha256$1234$"},
		{like: legacy.Stored{Hash: "$6$rounds=1234$saltsaltsaltsalt$" + strings.Repeat(".", 86)}, hash: "$6$rounds=1234$"},
		{like: legacy.Stored{Hash: "{crypt}$5$sa$" + strings.Repeat(".", 43)}, hash: "{crypt}$5$"},
		{like: legacy.Stored{Hash: "{ssha}" + "W6ph5Mm5Pz8GgiULbPgzG37mj9gxMjM0"}, hash: "{ssha}"},
		{like: recipe("md5($pass.$salt)", md5, "7f", nil), salt: "0123456789abcdef"},
		{like: recipe("md5($pass.$salt)", strings.ToUpper(md5), "XQ", nil), salt: "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
		{like: recipe("md5($pass.unhex($salt))", md5, "00ff00aa", nil), salt: "0123456789abcdef"},
		{like: recipe("md5($pass.unbase64($salt))", md5, "c2FsdA==", nil), salt: alphabetCrypt + "+/="},
		{like: recipe("md5($pass.$salt)", md5, "550e8400-e29b-41d4-a716-446655440000", nil), salt: "0123456789abcdef-"},
		{like: recipe("md5($pass.$salt.$pepper.$user)", md5+":s4lt", "", map[string]string{"salt_from": "split:", "pepper": "p"})},
		{like: recipe("md5($pass.$salt)", "s4lt$"+md5, "", map[string]string{"salt_from": "rsplit:$"})},
		{like: recipe("md5($pass.$salt)", "s4lt"+md5, "", map[string]string{"salt_from": "head:4"})},
		{like: recipe("md5($pass.$salt)", md5+"s4lt", "", map[string]string{"salt_from": "tail:4"})},
		{like: recipe("base64(md5($pass.$salt))", "ASNFZ4mrze8BI0VniavN7w", "s", nil), salt: "abcdefghijklmnopqrstuvwxyz"},
		{like: recipe("base64(iterate(9,md5_bin($pass.$salt),md5_bin($it.$salt)))", "ASNFZ4mrze8BI0VniavN7w==", "s4", nil), salt: "abcdefghijklmnopqrstuvwxyz0123456789"},
	} {
		made, err := r.Make(tc.like, []byte("Password one"))
		if err != nil {
			t.Errorf("%s: %v", tc.like.Hash, err)
			continue
		}
		h, err := r.Open(made)
		if err != nil || !h.Verify([]byte("Password one")) || h.Verify([]byte("Password two")) {
			t.Errorf("%s: what was made does not verify (%v)", tc.like.Hash, err)
		}
		if !strings.HasPrefix(made.Hash, tc.hash) || len(made.Hash) < len(tc.like.Hash) {
			t.Errorf("%s: made %s", tc.like.Hash, made.Hash)
		}
		if len(made.Salt) != len(tc.like.Salt) || !only(made.Salt, tc.salt) {
			t.Errorf("%s: salt %s is not like %s", tc.like.Hash, made.Salt, tc.like.Salt)
		}
		if upper := strings.ToUpper(tc.like.Hash); tc.like.Hash == upper && !strings.Contains(upper, "$") && made.Hash != strings.ToUpper(made.Hash) {
			t.Errorf("%s: made %s, in other letters", tc.like.Hash, made.Hash)
		}
	}
}

func TestMakeRefuses(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	const bcrypt, md5 = "$2b$04$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "0123456789abcdef0123456789abcdef"
	for name, tc := range map[string]struct {
		like     legacy.Stored
		password string
		want     error
	}{
		"71 bytes":             {legacy.Stored{Hash: bcrypt}, strings.Repeat("x", 71), nil},
		"72 bytes":             {legacy.Stored{Hash: bcrypt}, strings.Repeat("x", 72), ErrLossy},
		"pepper over the edge": {legacy.Stored{Scheme: "bcrypt-pepper", Hash: bcrypt, Params: map[string]string{"pepper": "0123456789"}}, strings.Repeat("x", 62), ErrLossy},
		"empty":                {legacy.Stored{Hash: bcrypt}, "", ErrPassword},
		"NUL":                  {legacy.Stored{Hash: bcrypt}, "a\x00b", ErrPassword},
		"5 KiB":                {legacy.Stored{Hash: bcrypt}, strings.Repeat("x", 5<<10), ErrPassword},
		"trimmed":              {legacy.Stored{Scheme: "wordpress", Hash: "$wp" + bcrypt}, "word ", ErrLossy},
		"lower":                {legacy.Stored{Scheme: "md5(lower($pass))", Hash: md5}, "Word", ErrLossy},
		"lower already":        {legacy.Stored{Scheme: "md5(lower($pass))", Hash: md5}, "word", nil},
		"not normal":           {legacy.Stored{Scheme: "postgres-scram-sha-256", Hash: "SCRAM-SHA-256$1:c2FsdA==$" + strings.Repeat("A", 43) + "=:" + strings.Repeat("A", 43) + "="}, "\u2168", ErrLossy},
		"8 bytes of DES":       {legacy.Stored{Scheme: "des-crypt", Hash: strings.Repeat(".", 13)}, "exactly8", ErrLossy},
		"DES":                  {legacy.Stored{Scheme: "des-crypt", Hash: strings.Repeat(".", 13)}, "seven77", ErrMake},
		"bcrypt's old bug":     {legacy.Stored{Hash: "$2x" + bcrypt[3:]}, "word", ErrMake},
		"no salt to change":    {legacy.Stored{Scheme: "md5($pass.$salt)", Hash: md5}, "word", ErrMake},
		"a site's secret":      {legacy.Stored{Scheme: "cakephp", Hash: md5 + "01234567", Salt: "secret"}, "word", ErrMake},
		"plain":                {legacy.Stored{Scheme: "plaintext", Hash: "word"}, "word", ErrMake},
		"malformed":            {legacy.Stored{Hash: bcrypt[1:]}, "word", ErrMalformed},
		"locked":               {legacy.Stored{Hash: "!" + bcrypt}, "word", ErrUnusable},
		"too dear":             {legacy.Stored{Hash: "$2b$31" + bcrypt[6:]}, "word", ErrBounds},
		"no such scheme":       {legacy.Stored{Scheme: "nonsense", Hash: bcrypt}, "word", ErrScheme},
	} {
		made, err := r.Make(tc.like, []byte(tc.password))
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
		if err != nil && (made.Hash != "" || strings.Contains(err.Error(), tc.password) && tc.password != "" && len(tc.password) > 4) {
			t.Errorf("%s: an error beside a hash, or with the password in it", name)
		}
	}
}

// The value of an application that escapes is of the escaped password, as its login page compares.
func TestMakeEscapes(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	like := legacy.Stored{Scheme: "wordpress", Hash: "$P$912345678" + strings.Repeat(".", 22)}
	made, err := r.Make(like, []byte(`it's`))
	if err != nil {
		t.Fatal(err)
	}
	made.Scheme = "phpass"
	if h, err := r.Open(made); err != nil || !h.Verify([]byte(`it\'s`)) || h.Verify([]byte(`it's`)) {
		t.Errorf("the login page would refuse it (%v)", err)
	}
	like.Params = map[string]string{"escape": "none"}
	if made, err = r.Make(like, []byte(`it's`)); err != nil {
		t.Fatal(err)
	}
	made.Scheme = "phpass"
	if h, err := r.Open(made); err != nil || !h.Verify([]byte(`it's`)) {
		t.Errorf("escape none is not obeyed (%v)", err)
	}
}

// TestMadeForPHP and TestMadeForDjango hand what was made to the programs that it is for.
func TestMadeForPHP(t *testing.T) {
	t.Parallel()
	php := os.Getenv("REKEY_TEST_PHP")
	if php == "" {
		t.Skip("REKEY_TEST_PHP is not set: deploy/dev/services sets it")
	}
	const check = `exit(password_verify($argv[1], $argv[2]) && crypt($argv[1], $argv[2]) === $argv[2] ? 0 : 1);`
	const checkArgon = `exit(password_verify($argv[1], $argv[2]) ? 0 : 1);`
	const checkWP = `exit(password_verify(base64_encode(hash_hmac("sha384", $argv[1], "wp-sha384", true)), substr($argv[2], 3)) ? 0 : 1);`
	const checkSSHA = `$b = base64_decode(substr($argv[2], strpos($argv[2], "}") + 1)); $n = strlen(hash($argv[3], "", true));
		exit(hash($argv[3], $argv[1] . substr($b, $n), true) === substr($b, 0, $n) ? 0 : 1);`
	for format, tool := range map[string]struct{ code, digest string }{
		"bcrypt-2y": {check, ""}, "crypt-md5": {check, ""}, "crypt-sha256": {check, ""}, "crypt-sha512": {check, ""},
		"argon2id": {checkArgon, ""}, "argon2i": {checkArgon, ""}, "wp-bcrypt": {checkWP, ""},
		"ldap-ssha": {checkSSHA, "sha1"}, "ldap-ssha256": {checkSSHA, "sha256"}, "ldap-ssha512": {checkSSHA, "sha512"},
	} {
		stored, password := makeLikeRow(t, format)
		for typed, want := range map[string]bool{password: true, password + "x": false} {
			got := exec.Command(php, "-r", tool.code, "--", typed, stored.Hash, tool.digest).Run() == nil
			if got != want {
				t.Errorf("%s: PHP says %t of %q, want %t", format, got, typed, want)
			}
		}
	}
}

// Django 3.2, which Debian has, knows no scrypt; argon2 and bcrypt are in packages of their own.
func TestMadeForDjango(t *testing.T) {
	t.Parallel()
	python := os.Getenv("REKEY_TEST_DJANGO")
	if python == "" {
		t.Skip("REKEY_TEST_DJANGO is not set: deploy/dev/services sets it")
	}
	const code = `
import sys
from django.conf import settings
settings.configure(PASSWORD_HASHERS=["django.contrib.auth.hashers." + h + "PasswordHasher" for h in
    ("PBKDF2", "PBKDF2SHA1", "MD5", "SHA1")])
from django.contrib.auth.hashers import check_password
sys.exit(0 if check_password(sys.argv[1], sys.argv[2]) else 1)`
	for _, format := range []string{"django-pbkdf2-sha256", "django-pbkdf2-sha1", "django-sha1", "django-md5"} {
		stored, password := makeLikeRow(t, format)
		for typed, want := range map[string]bool{password: true, password + "x": false} {
			got := exec.Command(python, "-c", code, typed, stored.Hash).Run() == nil
			if got != want {
				t.Errorf("%s: Django says %t of %q, want %t", format, got, typed, want)
			}
		}
	}
}

// makeLikeRow makes a hash like a format's first row.
func makeLikeRow(t *testing.T, format string) (legacy.Stored, string) {
	t.Helper()
	const password = "Grüße & 'Küsse'"
	for _, v := range readVectors(t) {
		if v.Format == format && v.Valid {
			stored, err := New(Config{}).Make(v.stored(), []byte(password))
			if err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			return stored, password
		}
	}
	t.Fatalf("no rows of %s", format)
	return legacy.Stored{}, ""
}

// Salts keep length, alphabet and marks, and do not repeat.
func TestSaltLike(t *testing.T) {
	t.Parallel()
	for example, alphabet := range map[string]string{
		"12345678":         "0123456789",
		"0011aabb":         "0123456789abcdef",
		"0011AABB":         "0123456789ABCDEF",
		"s4ltsalt":         "0123456789abcdefghijklmnopqrstuvwxyz",
		"Sa!t#sal":         alphanumeric,
		"----====":         alphanumeric + "-",
		"c2FsdHNhbHQ=":     alphanumeric + "+/=",
		"\xff\xfe\x01salt": alphanumeric,
	} {
		one, two := saltLike(example), saltLike(example)
		if len(one) != len(example) || !only(one, alphabet) || one == two {
			t.Errorf("%q: %q and %q", example, one, two)
		}
	}
	if got := saltLike("ab-cd"); got[2] != '-' {
		t.Errorf("the dash of ab-cd is not kept: %s", got)
	}
	seen := map[byte]int{}
	for range 200 {
		for _, c := range []byte(randomText("abc", 10)) {
			seen[c]++
		}
	}
	for _, c := range []byte("abc") {
		if seen[c] < 550 || seen[c] > 790 { // of 2000, 667 are expected; 6 standard deviations
			t.Errorf("%c was drawn %d times of 2000", c, seen[c])
		}
	}
}
