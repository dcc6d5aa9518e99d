package hash

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"rekey/legacy"
)

// phcSchemes are the strings of the PHC format (github.com/P-H-C/phc-string-format) and passlib's modular ones.
func phcSchemes() []Scheme {
	return slices.Concat(phcOnlySchemes(), pbkdf2OtherSchemes())
}

func phcOnlySchemes() []Scheme {
	return []Scheme{
		{ // $argon2id$v=19$m=,t=,p=$salt$hash, also i and d, and Argon2 1.0 (v=16, or no v). Params: secret
			Name: "argon2", Family: "phc", Match: startsWith("$argon2"), parse: openArgon2,
			Aliases: []string{"argon2id", "argon2i", "argon2d", "argon2id-v10", "argon2i-v10", "argon2d-v10"},
		},
		{ // $bcrypt-sha256$: passlib, bcrypt over the base64 of a SHA-256 (v1) or an HMAC-SHA-256 (v2)
			Name: "bcrypt-sha256", Aliases: []string{"bcrypt-sha256-v1", "bcrypt-sha256-v2"}, Family: "phc",
			Match: startsWith("$bcrypt-sha256$"), parse: openBcryptSHA256,
		},
		{ // $pbkdf2-sha256$i=N$salt$dk: npm @phc/pbkdf2, base64 without padding
			Name: "pbkdf2-phc", Family: "phc", Match: matchPBKDF2PHC, parse: openPBKDF2PHC,
		},
		{ // $pbkdf2$N$salt$dk: passlib, ab64; $pbkdf2$ is SHA-1
			Name: "pbkdf2-mcf", Aliases: []string{"pbkdf2-mcf-sha1", "pbkdf2-mcf-sha256", "pbkdf2-mcf-sha512"}, Family: "phc",
			Match: startsWith("$pbkdf2$", "$pbkdf2-sha1$", "$pbkdf2-sha256$", "$pbkdf2-sha512$"), parse: openPBKDF2MCF,
		},
		{ // $scrypt$ln=,r=,p=$salt$hash: passlib; AdonisJS writes n= instead
			Name: "scrypt-phc", Aliases: []string{"scrypt-phc-n"}, Family: "phc", Match: startsWith("$scrypt$"), parse: openScryptPHC,
		},
		{ // $bcrypt$v=98$r=10$salt$hash: AdonisJS, v is the letter of the variant
			Name: "bcrypt-phc", Family: "phc", Match: startsWith("$bcrypt$"), parse: openBcryptPHC,
		},
	}
}

// openArgon2 reads what the reference implementation writes (encoding.c).
func openArgon2(e *env, s legacy.Stored) (*Hash, error) {
	f := strings.Split(s.Hash, "$")
	if len(f) < 5 || f[0] != "" || argon2Types[f[1]] == 0 && f[1] != "argon2d" {
		return nil, malformed("want $argon2…$v=$m=,t=,p=$salt$hash")
	}
	variant, version := f[1], argon2V10 // Argon2 1.0 wrote no version
	if text, ok := strings.CutPrefix(f[2], "v="); ok {
		switch text {
		case "16":
		case "19":
			version = argon2V13
		default:
			return nil, malformed("argon2 version must be 16 or 19")
		}
		f = slices.Delete(f, 2, 3)
	}
	if len(f) != 5 {
		return nil, malformed("want parameters, salt and hash behind the version")
	}
	numbers, extra, ok := phcNumbers(f[2], "m", "t", "p")
	data, ok2 := argon2Extra(extra)
	if !ok || !ok2 {
		return nil, malformed("argon2 parameters must be m=,t=,p= and at most keyid= and data= behind them")
	}
	salt, ok := decode64(b64Raw, f[3], anyLen)
	want, ok2 := decode64(b64Raw, f[4], anyLen)
	if !ok || !ok2 || len(salt) == 0 {
		return nil, malformed("salt and hash must be base64 without padding")
	}
	if len(want) < 12 || len(want) > 64 { // the length is hashed with the rest, so a cut tag does not verify by its beginning
		return nil, malformed("argon2 tag must be 12 to 64 bytes")
	}
	m, t, p := numbers[0], numbers[1], numbers[2]
	if err := argon2Within(e, salt, m, t, p); err != nil {
		return nil, err
	}
	secret := []byte(s.Params["secret"])
	text := s.Hash[:strings.LastIndex(s.Hash, "$")+1]
	return &Hash{
		Memory: m << 10,
		compute: func(password []byte) []byte {
			return e.argon2(variant, version, password, salt, secret, data, uint32(t), uint32(m), uint8(p), uint32(len(want)))
		},
		want:   want,
		masked: withHash(s, text+zero64(b64Raw, len(want))),
	}, nil
}

// argon2Within returns ErrBounds unless the parameters are argon2's and within bounds. m is in KiB.
func argon2Within(e *env, salt []byte, m, t, p int64) error {
	if err := saltWithin(e, salt); err != nil {
		return err
	}
	if err := within("argon2 p", p, 1, min(e.bounds.Argon2Lanes, 255)); err != nil {
		return err
	}
	if err := within("argon2 m", m, 8*p, min(e.bounds.Argon2Memory, 1<<32-1)); err != nil {
		return err
	}
	if err := within("argon2 t", t, 1, min(e.bounds.Argon2Time, 1<<32-1)); err != nil {
		return err
	}
	return within("argon2 m times t", m*t, 8, e.bounds.Argon2Work)
}

// argon2Extra reads the optional keyid and data, and returns the latter: keyid names a secret and is not hashed.
func argon2Extra(fields []string) (data []byte, ok bool) {
	if len(fields) > 0 && strings.HasPrefix(fields[0], "keyid=") {
		if _, ok := decode64(b64Raw, fields[0][len("keyid="):], anyLen); !ok {
			return nil, false
		}
		fields = fields[1:]
	}
	if len(fields) > 0 && strings.HasPrefix(fields[0], "data=") {
		if data, ok = decode64(b64Raw, fields[0][len("data="):], anyLen); !ok {
			return nil, false
		}
		fields = fields[1:]
	}
	return data, len(fields) == 0
}

// An argon2PHC is a PHC string of argon2 in the making, for applications that keep its parts apart.
type argon2PHC struct {
	variant, version    string // "argon2id", "v=19"
	memory, time, lanes int64
	salt, digest        []byte
}

// open leaves bounds and arithmetic to the scheme argon2; masked is the hash column with the digest overwritten.
func (a argon2PHC) open(e *env, s legacy.Stored, masked string) (*Hash, error) {
	h, err := e.open(legacy.Stored{Scheme: "argon2", Hash: fmt.Sprintf("$%s$%s$m=%d,t=%d,p=%d$%s$%s",
		a.variant, a.version, a.memory, a.time, a.lanes, b64Raw.EncodeToString(a.salt), b64Raw.EncodeToString(a.digest))})
	if err != nil {
		return nil, err
	}
	h.masked = withHash(s, masked)
	return h, nil
}

// phcNumbers reads "a=1,b=2,…" in exactly the given order and returns the fields behind them.
func phcNumbers(text string, names ...string) (numbers []int64, rest []string, ok bool) {
	fields := strings.Split(text, ",")
	if len(fields) < len(names) {
		return nil, nil, false
	}
	for i, name := range names {
		value, ok := strings.CutPrefix(fields[i], name+"=")
		n, ok2 := decimal(value)
		if !ok || !ok2 {
			return nil, nil, false
		}
		numbers = append(numbers, n)
	}
	return numbers, fields[len(names):], true
}

// openBcryptSHA256 reads passlib's $bcrypt-sha256$2b,12$salt$digest and $bcrypt-sha256$v=2,t=2b,r=12$salt$digest. The
// base64 that is hashed keeps its padding.
func openBcryptSHA256(e *env, s legacy.Stored) (*Hash, error) {
	f := strings.Split(s.Hash, "$")
	if len(f) != 5 || f[0] != "" || f[1] != "bcrypt-sha256" || len(f[3]) != 22 {
		return nil, malformed("want $bcrypt-sha256$parameters$salt$digest")
	}
	variant, cost, ok := strings.Cut(f[2], ",")
	before := func(password []byte) []byte { return hashSHA256.sum(password) }
	if variant == "v=2" {
		variant, cost, ok = strings.Cut(cost, ",")
		variant, cost = strings.TrimPrefix(variant, "t="), strings.TrimPrefix(cost, "r=")
		ok = ok && f[2] == "v=2,t="+variant+",r="+cost
		before = func(password []byte) []byte {
			return hashSHA256.mac([]byte(f[3]), password) // the salt's characters, not its bytes
		}
	}
	n, ok2 := decimal(cost)
	if !ok || !ok2 || variant != "2a" && variant != "2b" {
		return nil, malformed("want 2b,cost or v=2,t=2b,r=cost")
	}
	if err := within("bcrypt cost", n, 4, int64(e.bounds.BcryptCost)); err != nil {
		return nil, err
	}
	set, want, err := parseBcrypt(e, "$"+variant+"$"+string([]byte{'0' + byte(n/10), '0' + byte(n%10)})+"$"+f[3]+f[4])
	if err != nil {
		return nil, err
	}
	return &Hash{
		compute: func(password []byte) []byte { return set.hash([]byte(b64Std.EncodeToString(before(password)))) },
		want:    want,
		masked:  withHash(s, "$bcrypt-sha256$"+f[2]+"$"+f[3]+"$"+zero64(b64Bcrypt, bcryptDigest)),
	}, nil
}

// openBcryptPHC reads the PHC form of @adonisjs/hash and @phc/bcrypt.
func openBcryptPHC(e *env, s legacy.Stored) (*Hash, error) {
	f := strings.Split(s.Hash, "$")
	if len(f) != 6 || f[0] != "" || f[1] != "bcrypt" || f[2] != "v=97" && f[2] != "v=98" {
		return nil, malformed("want $bcrypt$v=98$r=cost$salt$hash")
	}
	numbers, rest, ok := phcNumbers(f[3], "r")
	salt, ok2 := decode64(b64Raw, f[4], 16)
	want, ok3 := decode64(b64Raw, f[5], bcryptDigest)
	if !ok || !ok2 || !ok3 || len(rest) > 0 {
		return nil, malformed("want r=cost, 16 bytes of salt and 23 of hash in base64 without padding")
	}
	if err := within("bcrypt cost", numbers[0], 4, int64(e.bounds.BcryptCost)); err != nil {
		return nil, err
	}
	set := bcryptSetting{variant: 'b', cost: int(numbers[0]), salt: [16]byte(salt)}
	return &Hash{
		Limit: bcryptLimit(0), compute: set.hash, want: want,
		masked: withHash(s, strings.TrimSuffix(s.Hash, f[5])+zero64(b64Raw, bcryptDigest)),
	}, nil
}

// pbkdf2PRFs are the hash functions by the identifiers of both PBKDF2 formats.
var pbkdf2PRFs = map[string]hashFunc{"pbkdf2": hashSHA1, "pbkdf2-sha1": hashSHA1, "pbkdf2-sha256": hashSHA256, "pbkdf2-sha512": hashSHA512}

func matchPBKDF2PHC(stored string) bool {
	f := strings.SplitN(stored, "$", 4)
	return len(f) == 4 && f[0] == "" && pbkdf2PRFs[f[1]].new != nil && strings.HasPrefix(f[2], "i=")
}

func openPBKDF2MCF(e *env, s legacy.Stored) (*Hash, error) { return openPBKDF2String(e, s, "", b64AB) }

func openPBKDF2PHC(e *env, s legacy.Stored) (*Hash, error) {
	return openPBKDF2String(e, s, "i=", b64Raw)
}

// openPBKDF2String reads $identifier$[mark]N$salt$dk. The salt may be empty; the key is as long as the hash function's
// output, whatever the string says.
func openPBKDF2String(e *env, s legacy.Stored, mark string, enc *base64.Encoding) (*Hash, error) {
	f := strings.Split(s.Hash, "$")
	if len(f) != 5 || f[0] != "" || pbkdf2PRFs[f[1]].new == nil || !strings.HasPrefix(f[2], mark) {
		return nil, malformed("want $pbkdf2-…$" + mark + "iterations$salt$key")
	}
	p := pbkdf2PRFs[f[1]]
	iterations, ok := decimal(f[2][len(mark):])
	salt, ok2 := decode64(enc, f[3], anyLen)
	want, ok3 := decode64(enc, f[4], p.size)
	if !ok || !ok2 || !ok3 {
		return nil, malformed("want iterations, salt, and a key of " + strconv.Itoa(p.size) + " bytes")
	}
	set := pbkdf2Setting{prf: p, rounds: iterations, salt: salt, length: p.size}
	return openPBKDF2(e, s, set, want, strings.TrimSuffix(s.Hash, f[4])+zero64(enc, p.size))
}

// openScryptPHC reads $scrypt$ln=16,r=8,p=1$salt$hash, with keys of 32 or 64 bytes.
func openScryptPHC(e *env, s legacy.Stored) (*Hash, error) {
	f := strings.Split(s.Hash, "$")
	if len(f) != 5 || f[0] != "" || f[1] != "scrypt" {
		return nil, malformed("want $scrypt$ln=,r=,p=$salt$hash")
	}
	numbers, rest, ok := phcNumbers(f[2], "ln", "r", "p")
	if !ok {
		if numbers, rest, ok = phcNumbers(f[2], "n", "r", "p"); ok {
			numbers[0], ok = log2(numbers[0])
		}
	}
	salt, ok2 := decode64(b64Raw, f[3], anyLen)
	want, ok3 := decode64(b64Raw, f[4], anyLen)
	if !ok || !ok2 || !ok3 || len(rest) > 0 || len(want) != 32 && len(want) != 64 {
		return nil, malformed("want ln=,r=,p= (or n= a power of two), salt, and a key of 32 or 64 bytes")
	}
	n, err := scryptLog2(numbers[0])
	if err != nil {
		return nil, err
	}
	set := scryptSetting{n: n, r: numbers[1], p: numbers[2], salt: salt, length: len(want)}
	return openScrypt(e, s, set, want, strings.TrimSuffix(s.Hash, f[4])+zero64(b64Raw, len(want)))
}

// log2 returns the exponent of a power of two.
func log2(n int64) (exponent int64, ok bool) {
	for n > 1 && n%2 == 0 {
		n /= 2
		exponent++
	}
	return exponent, n == 1
}
