package hash

import (
	"bytes"
	"encoding/hex"
	"slices"

	"rekey/legacy"
)

// The hashes of Ruby on Rails applications. But for bcrypt all are hex in one column and the salt, as text, in
// another: nothing marks them, so they must be declared.

func rubySchemes() []Scheme {
	schemes := []Scheme{
		// Devise (lib/devise/encryptor.rb): bcrypt(pw+pepper); Params "pepper", none if absent. Plain bcrypt, which Rails'
		// has_secure_password writes, is this without a pepper
		{Name: "bcrypt-pepper", Aliases: []string{"devise", "devise-bcrypt"}, parse: parseDeviseBcrypt},
	}
	for _, recipe := range rubyDigests() {
		schemes = append(schemes, Scheme{Name: recipe.name, Aliases: recipe.aliases, parse: recipe.parse})
	}
	return family("ruby", schemes)
}

// parseDeviseBcrypt reads bcrypt over the password and the application's pepper behind it. A long password pushes the
// pepper, and then itself, over bcrypt's edge.
func parseDeviseBcrypt(e *env, s legacy.Stored) (*Hash, error) {
	h, err := openBcryptBehind(e, s, "", nil)
	if err != nil {
		return nil, err
	}
	pepper := []byte(textParam(s, "pepper", ""))
	if err := within("pepper length", int64(len(pepper)), 0, int64(e.bounds.Salt)); err != nil {
		return nil, err
	}
	h.Limit = bcryptLimit(len(pepper))
	h.precede(func(password []byte) []byte { return slices.Concat(password, pepper) })
	return h, nil
}

// A rubyDigest is a scheme of a number of digests ("stretches") over password, salt column and pepper.
type rubyDigest struct {
	name      string
	aliases   []string
	digest    hashFunc
	stretches int64 // the application's default; Params "stretches" overrides it. 0: the scheme makes one round, always
	// start returns what stands for the digest before the first round; nil means nothing.
	start func(in rubyInput) []byte
	// round returns what is digested next, given what the last round made.
	round func(in rubyInput, last []byte) []byte
	raw   bool // rounds pass on raw digests, not hex
}

// A rubyInput is what goes into a digest; pepper is restful_authentication's site key.
type rubyInput struct{ password, salt, pepper []byte }

// dashed joins with "--", as Rails plugins do, in memory of the first of them.
func dashed(parts ...[]byte) []byte { return bytes.Join(parts, []byte("--")) }

// rubyDigests is the table of schemes that only digest.
func rubyDigests() []rubyDigest {
	var (
		pepper   = func(in rubyInput) []byte { return in.pepper }
		password = func(in rubyInput) []byte { return in.password }
		salted   = func(in rubyInput) []byte { return slices.Concat(in.password, in.salt) }
		last     = func(_ rubyInput, last []byte) []byte { return last }

		// devise-encryptable: "--salt--digest--pw--pepper--", the digest being the pepper at first
		devise = func(in rubyInput, last []byte) []byte {
			return dashed(nil, in.salt, last, in.password, in.pepper, nil)
		}
		restful = func(in rubyInput, last []byte) []byte { return dashed(last, in.salt, in.password, in.pepper) }
		// authlogic's SHA-1 puts the salt in again at every round
		salting = func(in rubyInput, last []byte) []byte { return dashed(last, in.salt) }
		once    = func(in rubyInput, _ []byte) []byte { return dashed(nil, in.salt, in.password, nil) }
		redmine = func(in rubyInput, _ []byte) []byte {
			return slices.Concat(in.salt, hashSHA1.hex(in.password))
		}
	)
	return []rubyDigest{
		// restful_authentication (authentication/by_password.rb), Params "pepper" is REST_AUTH_SITE_KEY
		{"restful-auth-sha1", []string{"restful-authentication"}, hashSHA1, 10, pepper, restful, false},
		// Clearance before 1.0, and restful_authentication of one round without a site key (hashcat 27200)
		{"clearance-sha1", []string{"restful-auth-sha1-one-round"}, hashSHA1, 0, nil, once, false},
		// devise-encryptable (encryptors/sha1.rb, sha512.rb)
		{"devise-sha1", nil, hashSHA1, 10, pepper, devise, false},
		{"devise-sha512", nil, hashSHA512, 10, pepper, devise, false},
		// Authlogic (lib/authlogic/crypto_providers): hex of hex. The V2 of each passes raw bytes on
		{"authlogic-md5", nil, hashMD5, 1, salted, last, false},
		{"authlogic-md5-v2", nil, hashMD5, 1, salted, last, true},
		{"authlogic-sha1", nil, hashSHA1, 10, password, salting, false},
		{"authlogic-sha1-v2", nil, hashSHA1, 10, password, salting, true},
		{"authlogic-sha256", nil, hashSHA256, 20, salted, last, false},
		{"authlogic-sha256-v2", nil, hashSHA256, 20, salted, last, true},
		{"authlogic-sha512", nil, hashSHA512, 20, salted, last, false},
		{"authlogic-sha512-v2", nil, hashSHA512, 20, salted, last, true},
		// Redmine (app/models/user.rb): sha1(salt+sha1(pw))
		{"redmine", nil, hashSHA1, 0, nil, redmine, false},
	}
}

func (r rubyDigest) parse(e *env, s legacy.Stored) (*Hash, error) {
	d := r.digest
	want, ok := decodeHex(s.Hash, d.size)
	if !ok {
		return nil, malformed("not a hex digest of its length")
	}
	salt, err := saltColumn(e, s)
	if err != nil {
		return nil, err
	}
	pepper := []byte(textParam(s, "pepper", ""))
	if err := within("pepper length", int64(len(pepper)), 0, int64(e.bounds.Salt)); err != nil {
		return nil, err
	}
	stretches := int64(1)
	if r.stretches > 0 {
		if stretches, err = intParam(s, "stretches", r.stretches, 1, e.bounds.DigestIterations); err != nil {
			return nil, err
		}
	}
	return openDigest(s, want, zeroHex(d.size), func(password []byte) []byte {
		in := rubyInput{password: password, salt: salt, pepper: pepper}
		var value, sum []byte
		if r.start != nil {
			value = r.start(in)
		}
		for range stretches {
			sum = d.sum(r.round(in, value))
			value = sum
			if !r.raw {
				value = hex.AppendEncode(nil, sum)
			}
		}
		return sum
	})
}
