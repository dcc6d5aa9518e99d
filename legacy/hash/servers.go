package hash

import (
	"strings"

	"rekey/legacy"
)

// Servers that keep a bare derived key beside a salt column: FusionAuth in Java, Gogs, Grafana and Gitea in Go, and
// applications of any language. Nothing marks such a key, so they must be declared.

func javaServerSchemes() []Scheme {
	return []Scheme{
		// FusionAuth's salted-pbkdf2-hmac-sha256: base64 key of 32 bytes, base64 salt; Params factor (24000)
		{Name: "fusionauth-pbkdf2-sha256", Aliases: []string{"fusionauth"}, parse: parseFusionAuth},
		// Gogs (internal/userx), Grafana (pkg/util/encoding.go), Gitea before 1.19: hex of pbkdf2-sha256 x10000 to 50
		// bytes, the salt as text
		{Name: "gogs-pbkdf2", Aliases: []string{"gogs", "grafana"}, parse: parseGogs},
		// Gitea (modules/auth/password/hash): hex of 50 bytes; Params passwd_hash_algo is the column of that name
		{Name: "gitea-pbkdf2", Aliases: []string{"gitea"}, parse: parseGitea},
		// scrypt with key and salt in base64 columns; Params N (16384), r (8), p (1), dklen (32)
		{Name: "scrypt-columns-b64", parse: parseScryptColumns},
	}
}

func parseFusionAuth(e *env, s legacy.Stored) (*Hash, error) {
	d := hashSHA256
	rounds, err := intParam(s, "factor", 24_000, 1, e.bounds.PBKDF2Iterations)
	if err != nil {
		return nil, err
	}
	want, ok := decode64(b64Std, s.Hash, d.size)
	salt, okSalt := decode64(b64Std, s.Salt, anyLen)
	if !ok || !okSalt || len(salt) == 0 {
		return nil, malformed("want key and salt in base64")
	}
	return openPBKDF2(e, s, pbkdf2Setting{prf: d, rounds: rounds, salt: salt, length: d.size}, want, zero64(b64Std, d.size))
}

// gogsKey is the bytes of key that Gogs and its descendants derive.
const gogsKey = 50

func parseGogs(e *env, s legacy.Stored) (*Hash, error) {
	d := hashSHA256
	rounds, err := intParam(s, "iterations", 10_000, 1, e.bounds.PBKDF2Iterations)
	if err != nil {
		return nil, err
	}
	want, ok := decodeHex(s.Hash, gogsKey)
	if !ok || s.Salt == "" {
		return nil, malformed("want 100 hex digits and a salt column")
	}
	return openPBKDF2(e, s, pbkdf2Setting{prf: d, rounds: rounds, salt: []byte(s.Salt), length: gogsKey}, want, zeroHex(gogsKey))
}

// giteaAlgorithms are Gitea's names for settings. A row that says no more than "pbkdf2" is from before Gitea wrote the
// parameters beside it, when there were 10,000 rounds (modules/auth/password/hash/pbkdf2.go).
var giteaAlgorithms = map[string]string{
	"pbkdf2": "pbkdf2$10000$50", "pbkdf2_v1": "pbkdf2$10000$50", "pbkdf2_v2": "pbkdf2$50000$50", "pbkdf2_hi": "pbkdf2$320000$50",
	"scrypt": "scrypt$65536$16$2$50", "argon2": "argon2$2$65536$8$50",
}

// parseGitea reads pbkdf2$iterations$50, scrypt$N$r$p$50, argon2$time$KiB$lanes$50 (argon2id) and bcrypt$cost, whose hash
// is that of crypt(3).
func parseGitea(e *env, s legacy.Stored) (*Hash, error) {
	algorithm := textParam(s, "passwd_hash_algo", "pbkdf2")
	if full, ok := giteaAlgorithms[algorithm]; ok {
		algorithm = full
	}
	kind, costText, _ := strings.Cut(algorithm, "$")
	if kind == "bcrypt" {
		return openBcrypt(e, s)
	}
	texts := strings.Split(costText, "$")
	costs := make([]int64, len(texts))
	for i, text := range texts {
		cost, ok := decimal(text)
		if !ok {
			return nil, malformed("parameter passwd_hash_algo is not one of Gitea's")
		}
		costs[i] = cost
	}
	want, ok := decodeHex(s.Hash, gogsKey)
	salt, okSalt := giteaSalt(s.Salt)
	if !ok || !okSalt || costs[len(costs)-1] != gogsKey {
		return nil, malformed("want 100 hex digits and a salt column")
	}
	masked := zeroHex(gogsKey)
	switch {
	case kind == "pbkdf2" && len(costs) == 2:
		d := hashSHA256
		return openPBKDF2(e, s, pbkdf2Setting{prf: d, rounds: costs[0], salt: salt, length: gogsKey}, want, masked)
	case kind == "scrypt" && len(costs) == 4:
		return openScrypt(e, s, scryptSetting{n: costs[0], r: costs[1], p: costs[2], salt: salt, length: gogsKey}, want, masked)
	case kind == "argon2" && len(costs) == 4:
		phc := argon2PHC{variant: "argon2id", version: "v=19", time: costs[0], memory: costs[1], lanes: costs[2], salt: salt, digest: want}
		return phc.open(e, s, masked)
	}
	return nil, malformed("parameter passwd_hash_algo is not one of Gitea's")
}

// giteaSalt reads hex; salts of ten characters are from before Gitea wrote hex, and are text.
func giteaSalt(text string) ([]byte, bool) {
	if len(text) == 10 {
		return []byte(text), true
	}
	salt, ok := decodeHex(text, anyLen)
	return salt, ok && len(salt) > 0
}

func parseScryptColumns(e *env, s legacy.Stored) (*Hash, error) {
	set, err := scryptParams(s, scryptSetting{n: 16384, r: 8, p: 1})
	if err != nil {
		return nil, err
	}
	length, err := intParam(s, "dklen", 32, 16, 128)
	if err != nil {
		return nil, err
	}
	want, ok := decode64(b64Std, s.Hash, int(length))
	salt, okSalt := decode64(b64Std, s.Salt, anyLen)
	if !ok || !okSalt || len(salt) == 0 {
		return nil, malformed("want key and salt in base64")
	}
	set.salt, set.length = salt, int(length)
	return openScrypt(e, s, set, want, zero64(b64Std, set.length))
}
