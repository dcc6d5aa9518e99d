package hash

import (
	"crypto/hmac"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"rekey/legacy"
)

// The hashes of Node applications. Firebase has a file of its own.

func nodeSchemes() []Scheme {
	return family("node", []Scheme{
		// better-auth (packages/better-auth/src/crypto/password.ts): hexsalt:hexkey, scrypt N=16384 r=16 p=1 of the
		// NFKC-normalised password, 64 bytes, the salt's hex as text
		{Name: "better-auth-scrypt", Aliases: []string{"better-auth"}, parse: nodeScryptColon("", 16)},
		// Lucia 3 and oslo (oslo/password Scrypt): the same
		{Name: "lucia-scrypt", Aliases: []string{"lucia", "oslo-scrypt"}, parse: nodeScryptColon("", 16)},
		// Lucia 2 and Lucia 3's LegacyScrypt: the same behind "s2:"
		{Name: "lucia-scrypt-s2", Aliases: []string{"lucia-s2"}, parse: nodeScryptColon("s2:", 16), Match: func(stored string) bool {
			return strings.HasPrefix(stored, "s2:") && strings.Count(stored, ":") == 2
		}},
		// Lucia 1, and what Lucia 2 still reads: no mark, r=8
		{Name: "lucia-scrypt-legacy", parse: nodeScryptColon("", 8)},
		// passport-local-mongoose and Payload CMS: pbkdf2-sha256 x25000 to 512 bytes, hex; the salt column as text
		{Name: "passport-local-mongoose", Aliases: []string{"payload-pbkdf2", "payload"}, parse: parsePassportMongoose},
		// Meteor (packages/accounts-password): the client sends hex(sha256(pw)), bcrypt is over that
		{Name: "bcrypt-sha256hex", Aliases: []string{"meteor"}, parse: parseMeteor},
		// Firebase Authentication's own scrypt, see node_firebase.go
		{Name: "firebase-scrypt", Aliases: []string{"firebase"}, parse: parseFirebase},
		// the shape of many tutorials over crypto.scrypt: hexkey.hexsalt, N=16384 r=8 p=1, the salt's hex as text
		{Name: "node-scrypt-hex", parse: parseNodeScryptHex},
		// scrypt-kdf (npm), which Medusa uses: base64 of the 96-byte header of Tarsnap's scrypt file format
		{Name: "scrypt-kdf-b64", Aliases: []string{"scrypt-kdf", "medusa"}, parse: parseScryptKDF, Match: func(stored string) bool {
			return len(stored) == 128 && strings.HasPrefix(stored, "c2NyeXB0A")
		}},
		// password-hash (npm): sha1$salt$N$hex, an HMAC chain over hex
		{Name: "npm-password-hash", Match: matchNPMPasswordHash, parse: parseNPMPasswordHash},
		// credential (npm): JSON, see node_credential.go
		{Name: "npm-credential", Match: startsWith(`{"hash":"`), parse: parseNPMCredential},
		// pbkdf2-password (npm): base64 of 128 bytes, pbkdf2-sha1 x10000; base64 salt column
		{Name: "npm-pbkdf2-password", parse: parseNPMPBKDF2Password},
	})
}

// alphanumeric is the alphabet of the salts that Node libraries make and then use as text.
const alphanumeric = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// nodeScryptColon reads prefix, salt, ":" and 64 bytes of key in hex, with N=16384 and p=1 unless Params say else.
func nodeScryptColon(prefix string, r int64) parseFunc {
	const length = 64
	return func(e *env, s legacy.Stored) (*Hash, error) {
		body, marked := strings.CutPrefix(s.Hash, prefix)
		salt, hexKey, _ := strings.Cut(body, ":")
		want, ok := decodeHex(hexKey, length)
		if !marked || !ok || len(salt) < 16 || !only(salt, alphanumeric) {
			return nil, malformed("want " + prefix + "salt:key, the key as 128 hex digits")
		}
		set, err := scryptParams(s, scryptSetting{n: 16384, r: r, p: 1, salt: []byte(salt), length: length})
		if err != nil {
			return nil, err
		}
		h, err := openScrypt(e, s, set, want, prefix+salt+":"+zeroHex(length))
		if err != nil {
			return nil, err
		}
		h.Fold = FoldNFKC
		h.precede(norm.NFKC.Bytes)
		return h, nil
	}
}

func parsePassportMongoose(e *env, s legacy.Stored) (*Hash, error) {
	d, err := hashParam(s, "digest", "sha256")
	if err != nil {
		return nil, err
	}
	length, err := intParam(s, "dklen", 512, 16, 1024)
	if err != nil {
		return nil, err
	}
	rounds, err := intParam(s, "iterations", 25_000, 1, e.bounds.PBKDF2Iterations)
	if err != nil {
		return nil, err
	}
	want, ok := decodeHex(s.Hash, int(length))
	if !ok || s.Salt == "" {
		return nil, malformed("want a hex key of its length, and a salt column")
	}
	set := pbkdf2Setting{prf: d, rounds: rounds, salt: []byte(s.Salt), length: int(length)}
	return openPBKDF2(e, s, set, want, zeroHex(int(length)))
}

func parseMeteor(e *env, s legacy.Stored) (*Hash, error) {
	return openBcryptBehind(e, s, "", func(password []byte) []byte { return hashSHA256.hex(password) })
}

func parseNodeScryptHex(e *env, s legacy.Stored) (*Hash, error) {
	const length = 64
	hexKey, salt, _ := strings.Cut(s.Hash, ".")
	want, ok := decodeHex(hexKey, length)
	if !ok || len(salt) < 16 || len(salt)%2 != 0 || !only(salt, "0123456789abcdef") {
		return nil, malformed("want key.salt, both in hex")
	}
	set, err := scryptParams(s, scryptSetting{n: 16384, r: 8, p: 1, salt: []byte(salt), length: length})
	if err != nil {
		return nil, err
	}
	return openScrypt(e, s, set, want, zeroHex(length)+"."+salt)
}

// parseScryptKDF reads the header of Tarsnap's scrypt(1): "scrypt", 0, log2 N, r, p (big-endian), 32 bytes of salt, 16
// bytes of SHA-256 over these 48, and an HMAC-SHA-256 over these 64 with the second half of the derived key.
func parseScryptKDF(e *env, s legacy.Stored) (*Hash, error) {
	const covered, size = 64, 96
	d := hashSHA256
	header, ok := decode64(b64Std, s.Hash, size)
	if !ok || string(header[:7]) != "scrypt\x00" {
		return nil, malformed("not the header of a scrypt file in base64")
	}
	if !hmac.Equal(d.sum(header[:48])[:16], header[48:64]) {
		return nil, malformed("checksum of the scrypt header is wrong")
	}
	n, err := scryptLog2(int64(header[7]))
	if err != nil {
		return nil, err
	}
	set := scryptSetting{
		n: n, r: int64(binary.BigEndian.Uint32(header[8:])), p: int64(binary.BigEndian.Uint32(header[12:])),
		salt: header[16:48], length: 64,
	}
	want := slices.Clone(header[covered:])
	h, err := openScrypt(e, s, set, want, b64Std.EncodeToString(append(header[:covered:covered], make([]byte, size-covered)...)))
	if err != nil {
		return nil, err
	}
	h.compute = func(password []byte) []byte {
		key := set.key(password)
		return d.mac(key[32:], header[:covered])
	}
	return h, nil
}

// npmPasswordHashDigests are the digests that rows are seen with.
var npmPasswordHashDigests = []string{"md5", "sha1", "sha256", "sha512"}

func matchNPMPasswordHash(stored string) bool {
	fields := strings.Split(stored, "$")
	return len(fields) == 4 && slices.Contains(npmPasswordHashDigests, fields[0])
}

func parseNPMPasswordHash(e *env, s legacy.Stored) (*Hash, error) {
	if !matchNPMPasswordHash(s.Hash) {
		return nil, malformed("want digest$salt$N$hex")
	}
	fields := strings.Split(s.Hash, "$")
	d, _ := hashNamed(fields[0])
	rounds, okRounds := decimal(fields[2])
	want, ok := decodeHex(fields[3], d.size)
	if !ok || !okRounds {
		return nil, malformed("want digest$salt$N$hex")
	}
	if err := within("iterations", rounds, 1, e.bounds.DigestIterations); err != nil {
		return nil, err
	}
	salt := []byte(fields[1])
	if err := saltWithin(e, salt); err != nil {
		return nil, err
	}
	fields[3] = zeroHex(d.size)
	return openDigest(s, want, strings.Join(fields, "$"), func(password []byte) []byte {
		mac, value := hmac.New(d.new, salt), password
		var sum []byte
		for range rounds {
			mac.Reset()
			mac.Write(value)
			sum = mac.Sum(nil)
			value = hex.AppendEncode(nil, sum)
		}
		return sum
	})
}

func parseNPMPBKDF2Password(e *env, s legacy.Stored) (*Hash, error) {
	const length = 128
	d, err := hashParam(s, "digest", "sha1")
	if err != nil {
		return nil, err
	}
	rounds, err := intParam(s, "iterations", 10_000, 1, e.bounds.PBKDF2Iterations)
	if err != nil {
		return nil, err
	}
	want, ok := decode64(b64Std, s.Hash, length)
	salt, okSalt := decode64(b64Std, s.Salt, anyLen)
	if !ok || !okSalt || len(salt) == 0 {
		return nil, malformed("want base64 of 128 bytes, and a salt column in base64")
	}
	return openPBKDF2(e, s, pbkdf2Setting{prf: d, rounds: rounds, salt: salt, length: length}, want, zero64(b64Std, length))
}
