package survey

import (
	"strconv"
	"strings"

	"rekey/legacy"
	"rekey/legacy/hash"
)

// Strength is how well a scheme keeps a password once its table is stolen.
type Strength string

// Strengths, the weakest first.
const (
	Plain      Strength = "plain"       // readable, or reversible
	Broken     Strength = "broken fast" // one look into a table: no salt, or a cut password
	FastSalted Strength = "salted fast" // billions of guesses a second on one graphics card
	SlowWeak   Strength = "slow, weak"  // made to be slow, with a parameter below today's advice
	Strong     Strength = "strong"
)

// Strengths lists them, the weakest first.
func Strengths() []Strength { return []Strength{Plain, Broken, FastSalted, SlowWeak, Strong} }

// StrengthOf says how strong a hash is.
func StrengthOf(h *hash.Hash, stored legacy.Stored) Strength { return strengthOf(h, stored) }

// A schemeRow is a line of the table of schemes.
type schemeRow struct {
	scheme   string
	strength Strength
	carried  bool // strong enough for the sweeper to keep as it is; others it wraps
}

func (r schemeRow) key() string {
	return r.scheme + "\t" + string(r.strength) + "\t" + strconv.FormatBool(r.carried)
}

func rowOf(key string) schemeRow {
	parts := strings.Split(key, "\t")
	if len(parts) != 3 {
		return schemeRow{scheme: key, strength: FastSalted}
	}
	return schemeRow{parts[0], Strength(parts[1]), parts[2] == "true"}
}

// strongBcrypt is the cost that the sweeper carries.
const strongBcrypt = 10

// strongPBKDF2 are the iterations of OWASP's Password Storage Cheat Sheet for each digest, found by name in the stored value or the scheme.
var strongPBKDF2 = []struct {
	digest     string
	iterations int64
}{{"sha512", 210_000}, {"sha256", 600_000}, {"sha1", 1_300_000}, {"", 600_000}}

// families says what schemes are whose stored value does not show it. What is not listed is fast and salted, unless it is
// measured to be slow.
var families = map[Strength][]string{
	Plain: {
		"plaintext", "spring-noop", "spring-noop-delegating", "werkzeug-plain", "symfony-plaintext-salt", "jetty-obf",
	},
	Broken: {
		"raw-md4-hex", "raw-md5-hex", "raw-ripemd160-hex", "raw-sha1-hex", "raw-sha224-hex", "raw-sha256-hex", "raw-sha3-256-hex",
		"raw-sha384-hex", "raw-sha512-hex", "raw-whirlpool-hex", "md5-md5", "md5-sha1", "sha1-md5", "kmd5-unb",
		"des-crypt", "bigcrypt", "lm", "ntlm", "crypt-nt3", "bsd-nthash", "mysql323", "mysql41", "mssql2000",
		"django-unsalted-md5", "django-unsalted-sha1", "django-bare-md5", "jetty-md5", "spring-MD4", "spring-MD5", "spring-SHA-1",
	},
	SlowWeak: {
		"md5crypt", "apr1", "aix-smd5-bare", "bsdi-crypt", "sha1crypt", "sha256crypt", "sha512crypt", "phpass", "phps", "drupal", "drupal7", "drupal7-u",
		"msdcc2", "symfony-md-sha512-5000", "postgres-scram-sha-256", "fshp", "jasypt-strong-sha256", "jasypt-basic-md5", "shiro1",
		"spring-sha256", "npm-pbkdf2-password", "authlogic-sha512", "authlogic-sha512-v2", "spring-SHA-512-it1000",
	},
}

// listed is families turned round.
var listed = func() map[string]Strength {
	byName := map[string]Strength{}
	for strength, names := range families {
		for _, name := range names {
			byName[name] = strength
		}
	}
	return byName
}()

func isListed(scheme string) bool { return listed[scheme] != "" }

// marks are what tells the strength by the stored value itself, wherever the scheme keeps it: {CRYPT}$2y$10$… is bcrypt.
var marks = []struct {
	mark     string
	strength Strength
}{
	{"{CLEARTEXT}", Plain}, {"{CLEAR}", Plain}, {"{PLAIN}", Plain}, {"{noop}", Plain},
	{"{SHA}", Broken}, {"{MD5}", Broken}, {"{LANMAN}", Broken}, {"{NTLM}", Broken},
	{"{SHA256}", Broken}, {"{SHA384}", Broken}, {"{SHA512}", Broken},
	{"$P$", SlowWeak}, {"$H$", SlowWeak}, {"$S$", SlowWeak}, {"$1$", SlowWeak}, {"$apr1$", SlowWeak},
	{"$5$", SlowWeak}, {"$6$", SlowWeak}, {"$sha1$", SlowWeak},
}

// strengthOf says how strong a hash is.
func strengthOf(h *hash.Hash, stored legacy.Stored) Strength {
	text := stored.Hash
	switch {
	case listed[h.Scheme] != "":
		return listed[h.Scheme]
	case bcryptCost(text) > 0:
		if bcryptCost(text) >= strongBcrypt {
			return Strong
		}
		return SlowWeak
	case strings.Contains(text, "argon2") || strings.Contains(h.Scheme, "argon2") || strings.Contains(h.Scheme, "scrypt") || h.Memory > 0:
		if h.Strong() {
			return Strong
		}
		return SlowWeak
	case strings.Contains(h.Scheme, "pbkdf2") || strings.Contains(strings.ToLower(text), "pbkdf2") || strings.Contains(strings.ToUpper(text), "PKCS5S2") || h.Scheme == "keycloak":
		return pbkdf2Strength(h, stored)
	}
	for _, m := range marks {
		if strings.HasPrefix(strings.ToUpper(text), strings.ToUpper(m.mark)) || m.mark[0] == '$' && strings.Contains(text, m.mark) {
			return m.strength
		}
	}
	return FastSalted
}

// bcryptCost returns the cost of a bcrypt string within a stored value, or 0.
func bcryptCost(text string) int64 {
	at := strings.Index(text, "$2")
	if at < 0 || len(text) < at+7 {
		return 0
	}
	rest := strings.TrimLeft(text[at+2:at+4], "abxy")
	dollar := at + 4 - len(rest)
	if text[dollar] != '$' || len(text) < dollar+4 || text[dollar+3] != '$' {
		return 0
	}
	cost, err := strconv.ParseUint(text[dollar+1:dollar+3], 10, 8) // two digits: it takes no sign
	if err != nil {
		return 0
	}
	return int64(cost)
}

func pbkdf2Strength(h *hash.Hash, stored legacy.Stored) Strength {
	iterations := number(stored.Hash, "hashIterations\":")
	if n, err := strconv.ParseInt(stored.Params["iterations"], 10, 64); err == nil {
		iterations = max(iterations, n)
	}
	for _, field := range strings.FieldsFunc(stored.Hash, func(r rune) bool { return strings.ContainsRune("$:,=|{}", r) }) {
		if n, err := strconv.ParseInt(field, 10, 32); err == nil { // ten digits and more are no count of iterations
			iterations = max(iterations, n)
		}
	}
	name := strings.ToLower(strings.ReplaceAll(h.Scheme+" "+stored.Hash[:min(len(stored.Hash), 64)]+" "+stored.Params["digest"], "-", ""))
	for _, advice := range strongPBKDF2 {
		if strings.Contains(name, advice.digest) {
			if iterations >= advice.iterations {
				return Strong
			}
			return SlowWeak
		}
	}
	return SlowWeak
}

// number reads the decimal digits behind a word, or 0.
func number(text, word string) int64 {
	_, rest, ok := strings.Cut(text, word)
	if !ok {
		return 0
	}
	end := 0
	for end < len(rest) && end < 10 && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	n, err := strconv.ParseInt(rest[:end], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// containers are schemes whose rows are made in several ways: then the row's own mark is told too.
var containers = []string{"ldap", "mediawiki", "spring", "django", "magento2", "wordpress", "drupal", "joomla", "php-password-hash", "phpbb", "werkzeug", "crypt", "nextcloud", "symfony-native", "vbulletin5", "bcrypt-phc"}

// variantOf returns the mark of a stored value whose scheme has several; the value has been read, so that the mark is one.
func variantOf(scheme, stored string) string {
	for _, container := range containers {
		if scheme == container {
			if marker := markerOf(stored); marker != "" {
				return marker
			}
			if before, _, ok := strings.Cut(stored, "$"); ok && scheme == "django" && len(before) <= maxMarker && strings.Trim(before, "abcdefghijklmnopqrstuvwxyz0123456789_") == "" {
				return before
			}
		}
	}
	return ""
}
