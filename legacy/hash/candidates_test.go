package hash

import (
	"slices"
	"strings"
	"testing"

	"rekey/legacy"
)

func TestCandidates(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	const bcrypt = "$2y$04$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
	for stored, want := range map[string]struct {
		scheme string
		sure   Sureness
		reason string
		also   string // a possible one
	}{
		bcrypt:                                   {"bcrypt", Certain, "prefix $2y$", "bcrypt-sha256hex"},
		"$2y$31" + bcrypt[6:]:                    {"bcrypt", Certain, "prefix $2y$", "bcrypt-pepper"}, // too dear to compute, but no other
		"$wp" + bcrypt:                           {"wp-bcrypt", Certain, "prefix $wp$", "wordpress"},
		"$P$912345678" + strings.Repeat(".", 22): {"phpass", Certain, "prefix $P$", "wordpress"},
		"U$S$912345678" + strings.Repeat(".", 43):            {"drupal7-u", Certain, "prefix U$S$", "drupal"},
		"{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9gxMjM0":             {"ldap", Certain, "prefix {SSHA}", ""},
		"pbkdf2_sha256$1$s$" + strings.Repeat("A", 43) + "=": {"django-pbkdf2-sha256", Certain, "prefix pbkdf2_sha256$", "django"},
		"1|" + bcrypt:                       {"nextcloud", Certain, "prefix 1|$2y$", ""},
		strings.Repeat(".", 13):             {"des-crypt", Likely, "13 characters of crypt(3)'s alphabet, and no mark", "crypt"},
		strings.Repeat("0", 32):             {"", Possible, "32 hex digits: ", "vbulletin"},
		strings.Repeat("0", 32) + ":sa":     {"", Possible, "32 hex digits, a colon and 2 characters: ", "joomla-md5-salt"},
		strings.Repeat("A", 86) + "==":      {"", Possible, "base64 of 64 bytes: ", "symfony-md-sha512-5000"},
		"$2y$04$" + strings.Repeat("?", 53): {"bcrypt", Likely, "prefix $2y$, but malformed hash", ""},
		"*" + strings.Repeat("A", 40):       {"mysql41", Certain, "prefix *", ""},
	} {
		got := r.Candidates(stored)
		if len(got) == 0 || want.scheme != "" && got[0].Scheme != want.scheme || got[0].Sure != want.sure || !strings.HasPrefix(got[0].Reason, want.reason) {
			t.Errorf("%s: %+v, want %+v", stored, got, want)
			continue
		}
		if want.also != "" && !slices.ContainsFunc(got, func(c Candidate) bool { return c.Scheme == want.also && c.Sure == Possible && c.Reason != "" }) {
			t.Errorf("%s: %s is not possible, of %+v", stored, want.also, got)
		}
		for _, c := range got {
			if c.Scheme == "plaintext" {
				t.Errorf("%s: plaintext takes everything", stored)
			}
		}
	}
	if n := len(r.Candidates(strings.Repeat("0", 32))); n < 30 {
		t.Errorf("32 hex digits: %d schemes, want 30 at the least", n)
	}
	for _, stored := range []string{"", "!locked", "*", "no hash at all", strings.Repeat("x", MaxStored+1)} {
		if got := r.Candidates(stored); len(got) != 0 {
			t.Errorf("%.20s: %+v", stored, got)
		}
	}
}

// What a row is must be among the candidates for it, but for schemes that take anything.
func TestCandidatesOfRows(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	for _, v := range firstRows(readVectors(t)) {
		name := r.byName[v.Format].Name
		if r.takes(name, "?not a hash?") || unusable(v.Hash) {
			continue
		}
		if _, err := r.Open(legacy.Stored{Scheme: name, Hash: v.Hash, Salt: v.Salt, User: "user"}); err != nil {
			continue // parameters that the string does not tell change its very form
		}
		if got := r.Candidates(v.Hash); !slices.ContainsFunc(got, func(c Candidate) bool { return c.Scheme == name }) {
			t.Errorf("%s %s: not among %d candidates", v.ID, v.Format, len(got))
		}
	}
}
