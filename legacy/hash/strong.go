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

// bcryptText finds a bcrypt string within a stored value: {CRYPT}$2y$10$… and $wp$2y$10$… hold one. Variant x is not sought:
// it confuses passwords.
var bcryptText = regexp.MustCompile(`\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}`)

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
	if cost := bcryptText.FindStringSubmatch(text); cost != nil {
		return least(cost, strongBcrypt)
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
