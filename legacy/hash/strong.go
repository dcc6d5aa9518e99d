package hash

import (
	"regexp"
	"strconv"
	"strings"
)

// What is strong enough to be kept as it is. The numbers of argon2 and scrypt are those of OWASP's Password Storage Cheat
// Sheet; bcrypt at cost 10 takes about 50 ms of a core.
const (
	strongBcrypt = 10
	strongArgon2 = 19456 << 10 // bytes, for two passes; twice as many for one
	strongScrypt = 16 << 20    // bytes
)

// bcryptCost returns the cost of the first bcrypt string within a stored value, or 0: {CRYPT}$2y$10$… and $wp$2y$10$… hold one.
// Variant x is not sought: it confuses passwords.
func bcryptCost(text string) int {
	const length, crypt64 = 60, "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for ; len(text) >= length; text = text[1:] {
		at := strings.Index(text, "$2")
		if at < 0 || len(text)-at < length {
			return 0
		}
		text = text[at:]
		if strings.IndexByte("aby", text[2]) >= 0 && text[3] == '$' && text[6] == '$' && only(text[4:6], "0123456789") && only(text[7:length], crypt64) {
			return int(text[4]-'0')*10 + int(text[5]-'0')
		}
	}
	return 0
}

// passes finds the passes of an argon2 string.
var passes = regexp.MustCompile(`\bt=([0-9]{1,9})\b`)

// Strong reports whether the stored hash is strong enough to be kept as it is until the password is seen: bcrypt, argon2 or
// scrypt at today's cost, by its own mark. What a recipe computes is not, whatever it ends in: nobody has looked at it.
func (h *Hash) Strong() bool {
	text := h.masked.Hash // it has all but the digest
	switch {
	case isRecipe(h.Scheme):
		return false
	case strings.Contains(text, "argon2") || strings.Contains(h.Scheme, "argon2"):
		return h.Memory >= strongArgon2 && (least(passes.FindStringSubmatch(text), 2) || h.Memory >= 2*strongArgon2)
	}
	if cost := bcryptCost(text); cost > 0 {
		return cost >= strongBcrypt
	}
	return h.Memory >= strongScrypt // the others that take memory are scrypt and what was made of it
}

// least reports whether the number that an expression has found is large enough.
func least(found []string, enough int) bool {
	if found == nil {
		return false
	}
	n, err := strconv.Atoi(found[1])
	return err == nil && n >= enough
}
