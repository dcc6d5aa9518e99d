package demo

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"
)

// A maker writes passwords the way an old application does. Its costs are far below what that application uses: the
// demo is to start in two seconds.
type maker struct {
	scheme string // as the sample table names it
	costly bool   // a few hashes are made, and shared by many people
	make   func(password string) (stored, salt string)
}

// The lowest costs that the formats allow, or that are still worth the name.
const (
	bcryptCost   = 4
	phpassLog2   = 7 // 128 rounds of MD5; WordPress wrote 8192
	pbkdf2Rounds = 1000
	scryptN      = 1 << 10
	argon2KiB    = 256
)

// wordpressMakers are what a blog that is fifteen years old has in wp_users.
func wordpressMakers() []maker {
	return []maker{
		{"phpass ($P$)", false, func(pw string) (string, string) { return phpass(pw), "" }},
		{"wp-bcrypt ($wp$2y$)", true, func(pw string) (string, string) { return wpBcrypt(pw), "" }},
		{"bcrypt ($2y$)", true, func(pw string) (string, string) { return bcrypt2y([]byte(pw)), "" }},
	}
}

// djangoMakers are what Django wrote into auth_user over the years.
func djangoMakers() []maker {
	return []maker{
		{"django pbkdf2_sha256", true, func(pw string) (string, string) { return djangoPBKDF2("sha256", sha256.New, pw), "" }},
		{"django pbkdf2_sha1", true, func(pw string) (string, string) { return djangoPBKDF2("sha1", sha1.New, pw), "" }},
		{"django argon2", true, func(pw string) (string, string) { return "argon2" + argon2id(pw), "" }},
		{"django scrypt", true, func(pw string) (string, string) { return djangoScrypt(pw), "" }},
		{"django bcrypt_sha256", true, func(pw string) (string, string) { return djangoBcrypt(pw), "" }},
		{"django sha1", false, func(pw string) (string, string) { return djangoDigest("sha1", sha1.New, pw), "" }},
		{"django md5", false, func(pw string) (string, string) { return djangoDigest("md5", md5.New, pw), "" }},
	}
}

// shopRecipe is how the shop hashes; the configuration has it in the same words.
const shopRecipe = "md5(md5($pass).$salt)"

// shopMakers are what somebody once wrote by hand, with the salt in a column of its own.
func shopMakers() []maker {
	return []maker{{shopRecipe, false, func(pw string) (string, string) {
		salt := randomText(6)
		return hexOf(md5.New, hexOf(md5.New, pw)+salt), salt
	}}}
}

// directoryMakers are what an LDAP directory and the scripts around it left behind: each value says itself what it is.
func directoryMakers() []maker {
	return []maker{
		{"{SSHA}", false, func(pw string) (string, string) { return ldapSalted("{SSHA}", sha1.New, pw), "" }},
		{"{SSHA512}", false, func(pw string) (string, string) { return ldapSalted("{SSHA512}", sha512.New, pw), "" }},
		{"{SMD5}", false, func(pw string) (string, string) { return ldapSalted("{SMD5}", md5.New, pw), "" }},
		{"md5crypt ($1$)", true, func(pw string) (string, string) { return md5crypt(pw, randomText(8)), "" }},
		{"werkzeug pbkdf2:sha256", true, func(pw string) (string, string) { return werkzeugPBKDF2(pw), "" }},
		{"argon2id (PHC)", true, func(pw string) (string, string) { return argon2id(pw), "" }},
	}
}

const alphabet64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// randomText returns letters and digits for a salt.
func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	for i := range b {
		b[i] = alphabet64[2+int(b[i])%62]
	}
	return string(b)
}

func hexOf(h func() hash.Hash, text string) string {
	d := h()
	d.Write([]byte(text))
	return hex.EncodeToString(d.Sum(nil))
}

// encode64 writes groups of three bytes with the lowest bits first, as phpass and crypt(3) do.
func encode64(src []byte) string {
	var out []byte
	for i := 0; i < len(src); i += 3 {
		var v, n uint
		for ; n < 3 && i+int(n) < len(src); n++ {
			v |= uint(src[i+int(n)]) << (8 * n)
		}
		for range n + 1 {
			out = append(out, alphabet64[v&63])
			v >>= 6
		}
	}
	return string(out)
}

// phpass: $P$, a character for the number of rounds, 8 of salt; md5(salt+pw), then md5(digest+pw) 2^n times.
func phpass(pw string) string {
	salt := randomText(8)
	digest := md5.Sum([]byte(salt + pw))
	for range 1 << phpassLog2 {
		digest = md5.Sum(append(digest[:], pw...))
	}
	return "$P$" + string(alphabet64[phpassLog2]) + salt + encode64(digest[:])
}

// bcrypt2y is PHP's password_hash.
func bcrypt2y(pw []byte) string {
	b, err := bcrypt.GenerateFromPassword(pw, bcryptCost)
	if err != nil {
		panic(err) // the demo's passwords are short
	}
	return "$2y$" + string(b[4:])
}

// wpBcrypt is WordPress 6.8's: bcrypt over base64 of HMAC-SHA-384 under the key "wp-sha384".
func wpBcrypt(pw string) string {
	mac := hmac.New(sha512.New384, []byte("wp-sha384"))
	mac.Write([]byte(pw))
	return "$wp" + bcrypt2y([]byte(base64.StdEncoding.EncodeToString(mac.Sum(nil))))
}

func derive(h func() hash.Hash, pw, salt string, n int) []byte {
	key, err := pbkdf2.Key(h, pw, []byte(salt), pbkdf2Rounds, n)
	if err != nil {
		panic(err) // only for key lengths that nobody asks for
	}
	return key
}

func djangoPBKDF2(name string, h func() hash.Hash, pw string) string {
	salt := randomText(12)
	return fmt.Sprintf("pbkdf2_%s$%d$%s$%s", name, pbkdf2Rounds, salt, base64.StdEncoding.EncodeToString(derive(h, pw, salt, h().Size())))
}

func djangoScrypt(pw string) string {
	salt := randomText(12)
	key, err := scrypt.Key([]byte(pw), []byte(salt), scryptN, 8, 1, 64)
	if err != nil {
		panic(err) // only for parameters that are not these
	}
	return fmt.Sprintf("scrypt$%d$%s$8$1$%s", scryptN, salt, base64.StdEncoding.EncodeToString(key))
}

func djangoBcrypt(pw string) string {
	sum := sha256.Sum256([]byte(pw))
	return "bcrypt_sha256$" + "$2b$" + bcrypt2y([]byte(hex.EncodeToString(sum[:])))[4:]
}

func djangoDigest(name string, h func() hash.Hash, pw string) string {
	salt := randomText(12)
	return name + "$" + salt + "$" + hexOf(h, salt+pw)
}

func werkzeugPBKDF2(pw string) string {
	salt := randomText(16)
	return fmt.Sprintf("pbkdf2:sha256:%d$%s$%x", pbkdf2Rounds, salt, derive(sha256.New, pw, salt, 32))
}

func argon2id(pw string) string {
	salt := []byte(randomText(16))
	key := argon2.IDKey([]byte(pw), salt, 1, argon2KiB, 1, 32)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=1,p=1$%s$%s", argon2KiB, b64.EncodeToString(salt), b64.EncodeToString(key))
}

// ldapSalted is RFC 2307 with a salt: base64 of digest(pw+salt) and the salt.
func ldapSalted(prefix string, h func() hash.Hash, pw string) string {
	salt := randomText(8)
	d := h()
	d.Write([]byte(pw + salt))
	return prefix + base64.StdEncoding.EncodeToString(append(d.Sum(nil), salt...))
}

// md5crypt is $1$ of crypt(3), by Poul-Henning Kamp for FreeBSD 2.0: a thousand rounds that mix password and salt in
// an order that depends on the round's number.
func md5crypt(pw, salt string) string {
	inner := md5.Sum([]byte(pw + salt + pw))
	outer := []byte(pw + "$1$" + salt)
	for i := range len(pw) {
		outer = append(outer, inner[i%16])
	}
	for i := len(pw); i > 0; i >>= 1 {
		if i&1 == 1 {
			outer = append(outer, 0)
		} else {
			outer = append(outer, pw[0])
		}
	}
	digest := md5.Sum(outer)
	for i := range 1000 {
		var round []byte
		part := func(yes bool, a, b string) {
			if yes {
				round = append(round, a...)
			} else {
				round = append(round, b...)
			}
		}
		part(i%2 == 1, pw, string(digest[:]))
		part(i%3 != 0, salt, "")
		part(i%7 != 0, pw, "")
		part(i%2 == 1, string(digest[:]), pw)
		digest = md5.Sum(round)
	}
	var mixed []byte
	for _, i := range []int{12, 6, 0, 13, 7, 1, 14, 8, 2, 15, 9, 3, 5, 10, 4, 11} {
		mixed = append(mixed, digest[i])
	}
	return "$1$" + salt + "$" + encode64(mixed)
}
