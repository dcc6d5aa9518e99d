package filesource

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/bits"
	"strings"
)

// A digest is a password hash whose parts an export names one by one. It is handed on as a recipe of package hash, with
// the bytes in hex: the salt column holds the salt, and the parameter pepper what else is hashed in.
type digest struct {
	name     string // as recipes have it: sha256
	want     []byte
	prefix   []byte // bytes before the password
	suffix   []byte
	key      []byte // of an HMAC; nil for none
	password string // "$pass", or what encodes it
}

// digestSizes are the digests by their recipes' names, and their sizes in bytes.
var digestSizes = map[string]int{"md4": 16, "md5": 16, "sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64, "ripemd160": 20, "whirlpool": 64}

// stored returns the hash as package hash reads it, or what is wrong with it.
func (d digest) stored() (*password, string) {
	size, known := digestSizes[d.name]
	switch {
	case !known:
		return nil, "an unknown digest"
	case len(d.want) != size:
		return nil, "not as long as the digest"
	}
	stored := &password{Hash: hex.EncodeToString(d.want), Params: map[string]string{}}
	parts := []string{d.password}
	if len(d.prefix) > 0 {
		parts = append([]string{"unhex($salt)"}, parts...)
		stored.Salt = hex.EncodeToString(d.prefix)
	}
	pepper := ""
	switch {
	case len(d.suffix) == 0:
	case len(d.prefix) == 0:
		parts = append(parts, "unhex($salt)")
		stored.Salt = hex.EncodeToString(d.suffix)
	default:
		parts = append(parts, "unhex($pepper)")
		pepper = hex.EncodeToString(d.suffix)
	}
	inner := strings.Join(parts, ".")
	if d.key == nil {
		stored.Scheme = d.name + "(" + inner + ")"
	} else {
		if pepper != "" {
			return nil, "a keyed digest with salt on both sides"
		}
		pepper = hex.EncodeToString(d.key)
		stored.Scheme = "hmac_" + d.name + "(unhex($pepper)," + inner + ")"
	}
	if pepper != "" {
		stored.Params["pepper"] = pepper
	}
	return stored, ""
}

// pbkdf2 returns a PBKDF2 key of any length as package hash reads it.
func pbkdf2(name string, iterations int64, salt, want []byte) (*password, string) {
	switch {
	case digestSizes[name] == 0:
		return nil, "an unknown digest"
	case iterations < 1 || iterations > 1<<31:
		return nil, "an impossible number of iterations"
	case len(salt) == 0:
		return nil, "the salt is missing"
	case len(want) < 16 || len(want) > 512:
		return nil, "a key that is not 16 to 512 bytes long"
	}
	return &password{
		Scheme: fmt.Sprintf("pbkdf2_%s($pass,unhex($salt),%d,%d)", name, iterations, len(want)),
		Hash:   hex.EncodeToString(want), Salt: hex.EncodeToString(salt),
	}, ""
}

// scrypt returns an scrypt key as a PHC string.
func scrypt(n, r, p int64, salt, want []byte) (*password, string) {
	if n < 2 || n&(n-1) != 0 || r < 1 || p < 1 {
		return nil, "impossible costs"
	}
	b64 := base64.RawStdEncoding
	return &password{Scheme: "scrypt-phc", Hash: fmt.Sprintf("$scrypt$ln=%d,r=%d,p=%d$%s$%s",
		bits.TrailingZeros64(uint64(n)), r, p, b64.EncodeToString(salt), b64.EncodeToString(want))}, ""
}

// decodeAs reads bytes that are written in an encoding: hex, base64 (either alphabet, padded or not) or utf8.
func decodeAs(encoding, text string) ([]byte, bool) {
	switch encoding {
	case "utf8", "utf-8":
		return []byte(text), true
	case "hex":
		raw, err := hex.DecodeString(text)
		return raw, err == nil
	case "base64":
		plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
		raw, err := base64.RawStdEncoding.Strict().DecodeString(plain)
		return raw, err == nil
	}
	return nil, false
}
