package hash

import (
	"testing"

	"rekey/legacy"
)

// What is kept as it is has today's cost, by its own mark; everything else is wrapped.
func TestStrong(t *testing.T) {
	t.Parallel()
	const (
		bcryptTail = "0000000000000000000000O8QzXuTYUlGhUN1zyXQ0QzUqjQO9lPa"
		argon2Tail = "$c2FsdHNhbHRzYWx0c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	)
	r := New(Config{})
	for name, tt := range map[string]struct {
		scheme, hash, salt string
		want               bool
	}{
		"bcrypt 10":               {"auto", "$2y$10$" + bcryptTail, "", true},
		"bcrypt 9":                {"auto", "$2y$09$" + bcryptTail, "", false},
		"bcrypt that confuses":    {"auto", "$2x$12$" + bcryptTail, "", false},
		"bcrypt in a directory":   {"ldap", "{CRYPT}$2y$10$" + bcryptTail, "", true},
		"bcrypt of WordPress":     {"auto", "$wp$2y$10$" + bcryptTail, "", true},
		"argon2id of the policy":  {"auto", "$argon2id$v=19$m=19456,t=2,p=1" + argon2Tail, "", true},
		"argon2id of one pass":    {"auto", "$argon2id$v=19$m=19456,t=1,p=1" + argon2Tail, "", false},
		"argon2id, 46 MiB":        {"auto", "$argon2id$v=19$m=47104,t=1,p=1" + argon2Tail, "", true},
		"argon2id of little":      {"auto", "$argon2id$v=19$m=4096,t=3,p=1" + argon2Tail, "", false},
		"md5":                     {"raw-md5-hex", "5ebe2294ecd0e0f08eab7690d2a6ee69", "", false},
		"salt that looks like it": {"md5($pass.$salt)", "5ebe2294ecd0e0f08eab7690d2a6ee69", "$2y$10$" + bcryptTail, false},
		"a password that does":    {"plaintext", "$2y$10$" + bcryptTail, "", false},
		"phpass":                  {"auto", "$P$B7WWMmOgFV.kM7HtH7aZGNRA4cJD3d1", "", false},
	} {
		h, err := r.Open(legacy.Stored{Scheme: tt.scheme, Hash: tt.hash, Salt: tt.salt})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := h.Strong(); got != tt.want {
			t.Errorf("%s (%s): %t, want %t", name, h.Scheme, got, tt.want)
		}
	}
}
