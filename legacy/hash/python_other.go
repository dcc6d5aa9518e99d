package hash

import (
	"encoding/base64"
	"fmt"
	"strings"

	"rekey/legacy"
)

func pythonOtherSchemes() []Scheme {
	return []Scheme{
		// web2py's CRYPT (gluon/validators.py): pbkdf2(1000,20,sha512)$salt$hex, salt as text
		{Name: "web2py", Aliases: []string{"web2py-pbkdf2"}, Match: fielded("pbkdf2(", 3), parse: parseWeb2py},
		// FSHP by Berk D. Demir: {FSHP1|saltlen|rounds}b64(salt+digest), H^rounds(salt+pw); the 1 is the digest
		{Name: "fshp", Match: startsWith("{FSHP"), parse: parseFSHP},
		// Flask-Security (utils.py, get_hmac and hash_password): passlib over base64(HMAC-SHA512(SECURITY_PASSWORD_SALT, pw)).
		// Params "pepper" is that salt. Tables under SECURITY_PASSWORD_SINGLE_HASH are auto
		{Name: "flask-security", parse: parseFlaskSecurity},
	}
}

// parseFlaskSecurity opens what passlib writes by Flask-Security's own list (SECURITY_PASSWORD_SCHEMES). Of its 88 characters bcrypt reads 72, which are 54 bytes of
// the HMAC: nothing of the password is cut.
func parseFlaskSecurity(e *env, s legacy.Stored) (*Hash, error) {
	key := []byte(textParam(s, "pepper", ""))
	if len(key) == 0 {
		return nil, fmt.Errorf("%w: the scheme needs SECURITY_PASSWORD_SALT as parameter pepper", ErrParams)
	}
	if err := within("pepper length", int64(len(key)), 0, int64(e.bounds.Salt)); err != nil {
		return nil, err
	}
	if !startsWith("$2", "$argon2", "$pbkdf2")(s.Hash) {
		return nil, malformed("want a string of bcrypt, argon2 or PBKDF2")
	}
	h, err := openBehind(e, s, "", legacy.Stored{Scheme: Auto, Hash: s.Hash})
	if err != nil {
		return nil, err
	}
	h.Limit, h.Fold = 0, FoldNone
	h.precede(func(password []byte) []byte {
		return base64.StdEncoding.AppendEncode(nil, hashSHA512.mac(key, password))
	})
	return h, nil
}

func parseWeb2py(e *env, s legacy.Stored) (*Hash, error) {
	const length = 20 // bytes of key, in every release
	fields := strings.Split(s.Hash, "$")
	args, ok := strings.CutPrefix(fields[0], "pbkdf2(")
	args, closed := strings.CutSuffix(args, ",sha512)")
	if !ok || !closed || len(fields) != 3 || fields[1] == "" {
		return nil, malformed("want pbkdf2(N,20,sha512)$salt$hex")
	}
	count, keyLength, _ := strings.Cut(args, ",")
	rounds, ok := decimal(count)
	want, valid := decodeHex(fields[2], length)
	if !ok || !valid || keyLength != "20" {
		return nil, malformed("want pbkdf2(N,20,sha512)$salt$hex")
	}
	d := hashSHA512
	fields[2] = zeroHex(length)
	return openPBKDF2(e, s, pbkdf2Setting{prf: d, rounds: rounds, salt: []byte(fields[1]), length: length}, want, strings.Join(fields, "$"))
}

// fshpDigests are the variants of FSHP by number.
var fshpDigests = map[string]hashFunc{"0": hashSHA1, "1": hashSHA256, "2": hashSHA384, "3": hashSHA512}

func parseFSHP(e *env, s legacy.Stored) (*Hash, error) {
	head, body, ok := strings.Cut(strings.TrimPrefix(s.Hash, "{FSHP"), "}")
	args := strings.Split(head, "|")
	if !ok || !strings.HasPrefix(s.Hash, "{FSHP") || len(args) != 3 {
		return nil, malformed("want {FSHPv|saltlen|rounds}")
	}
	d, known := fshpDigests[args[0]]
	saltLength, okSalt := decimal(args[1])
	rounds, okRounds := decimal(args[2])
	if !known || !okSalt || !okRounds {
		return nil, malformed("want {FSHPv|saltlen|rounds}")
	}
	if err := within("salt length", saltLength, 0, int64(e.bounds.Salt)); err != nil {
		return nil, err
	}
	if err := within("fshp rounds", rounds, 1, e.bounds.PBKDF2Iterations); err != nil {
		return nil, err
	}
	raw, ok := decode64(b64Std, body, int(saltLength)+d.size)
	if !ok {
		return nil, malformed("want base64 of salt and digest")
	}
	salt, want := raw[:saltLength], raw[saltLength:]
	masked := "{FSHP" + head + "}" + b64Std.EncodeToString(append(salt[:saltLength:saltLength], make([]byte, d.size)...))
	return openDigest(s, want, masked, func(password []byte) []byte { return d.chain(rounds, salt, password) })
}
