package hash

import (
	"strings"

	"rekey/legacy"
)

// examples are stored values of the schemes that old applications still write, at the cost at which their newest release
// writes them. Nobody knows a password of them: they say how a new value is made, see Make.
var examples = map[string]string{
	"bcrypt":             "$2y$12$" + exampleBcrypt, // PHP 8.4, Laravel 11
	"bcrypt-2a":          "$2a$12$" + exampleBcrypt,
	"bcrypt-2b":          "$2b$12$" + exampleBcrypt,
	"devise":             "$2a$12$" + exampleBcrypt, // Devise 4.8
	"bcrypt-pepper":      "$2a$12$" + exampleBcrypt,
	"php-password-hash":  "$2y$12$" + exampleBcrypt,
	"symfony-native":     "$2y$13$" + exampleBcrypt,
	"joomla":             "$2y$10$" + exampleBcrypt,
	"phpbb":              "$argon2id$v=19$m=65536,t=4,p=2$c2FsdHNhbHRzYWx0c2FsdA$" + exampleBase64[:43], // 3.3; bcrypt would cut what it escapes
	"wordpress":          "$wp$2y$10$" + exampleBcrypt,                                                  // 6.8; older releases want phpass
	"wp-bcrypt":          "$wp$2y$10$" + exampleBcrypt,
	"phpass":             "$P$B12345678" + strings.Repeat(".", phpassMD5Chars),           // 8192 rounds, as WordPress before 6.8
	"drupal":             "$2y$10$" + exampleBcrypt,                                      // 10.1; older releases want drupal7
	"drupal7":            "$S$D12345678" + strings.Repeat(".", drupalChars),              // 32768 rounds, as Drupal 7 to 10.0
	"django":             "pbkdf2_sha256$600000$0123456789abcdefABCDEF$" + exampleBase64, // Django 4.2
	"md5crypt":           "$1$saltsalt$" + strings.Repeat(".", 22),
	"sha256crypt":        "$5$saltsaltsaltsalt$" + strings.Repeat(".", 43),
	"sha512crypt":        "$6$saltsaltsaltsalt$" + strings.Repeat(".", 86),
	"argon2":             "$argon2id$v=19$m=65536,t=4,p=1$c2FsdHNhbHRzYWx0c2FsdA$" + exampleBase64[:43], // PHP's default
	"nextcloud":          "3|$argon2id$v=19$m=65536,t=4,p=1$c2FsdHNhbHRzYWx0c2FsdA$" + exampleBase64[:43],
	"aspnet-identity-v3": "AQAAAAEAACcQAAAAEIfztPB6TgVP3Ue8OTt9SI8jH+iGP0pvZjTrR2spcH18oT+ZRhHuGx5qA9xXCgQLsQ==", // 10,000 rounds
	"ldap":               "{SSHA}" + exampleSSHA,                                                                 // what every directory reads
	"spring":             "{bcrypt}$2a$10$" + exampleBcrypt,
}

const (
	exampleBcrypt = "CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW" // 22 characters of salt and 31 of the digest
	exampleBase64 = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="          // 32 bytes
	exampleSSHA   = "AAAAAAAAAAAAAAAAAAAAAAAAAABzYWx0c2FsdA=="              // 20 bytes, and "saltsalt"
	exampleSalt   = "0123456789abcdef"
)

// Example returns a stored value of a scheme, for Make to make others like it: of the cost and form in which a current
// release of the application writes. It is false for schemes that are only read, and for "auto", which is none: there an
// example has to be taken from the store. Params are what the scheme must be told, as in legacy.Stored.
func (r *Registry) Example(scheme string, params map[string]string) (legacy.Stored, bool) {
	names := []string{scheme}
	if known := r.byName[scheme]; known != nil {
		names = append(names, known.Name)
	}
	for _, name := range names {
		if text := examples[name]; text != "" {
			return legacy.Stored{Scheme: scheme, Hash: text, Params: params}, true
		}
	}
	if !isRecipe(scheme) {
		return legacy.Stored{}, false
	}
	compiled, err := compileRecipe(r.env.bounds, scheme)
	if err != nil {
		return legacy.Stored{}, false
	}
	// A recipe's value has one length. The salt is one that hex, base64 and text all allow.
	stored := legacy.Stored{Scheme: scheme, Params: params, User: "user"}
	_, filler, _ := compiled.root.decode("")
	stored.Hash = filler
	if compiled.salt {
		stored.Salt = exampleSalt
	}
	if _, err := r.Make(stored, []byte("example")); err != nil {
		return legacy.Stored{}, false
	}
	return stored, true
}
