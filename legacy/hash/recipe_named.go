package hash

import (
	"strconv"

	"rekey/legacy"
)

// digestSchemes give names to the recipes that people ask for most: digests with and without a salt column, which
// nothing marks, so that they are declared.
func digestSchemes() []Scheme {
	var list []Scheme
	add := func(name, recipe string) { list = append(list, recipeScheme(name, recipe)) }
	for _, d := range []string{"md4", "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "ripemd160", "whirlpool"} {
		add("raw-"+d+"-hex", d+"($pass)")
	}
	add("raw-sha3-256-hex", "sha3_256($pass)")
	add("md5-md5", "md5(md5($pass))")
	add("sha1-md5", "sha1(md5($pass))")
	add("md5-sha1", "md5(sha1($pass))")
	for _, d := range []string{"md5", "sha1", "sha256", "sha512"} {
		add("salted-"+d+"-suffix", d+"($pass.$salt)")
		add("salted-"+d+"-prefix", d+"($salt.$pass)")
		add("salted-"+d+"-b64-prefix", "base64("+d+"($salt.$pass))")
		add("hmac-"+d+"-key-salt", "hmac_"+d+"($salt,$pass)")
		add("hmac-"+d+"-key-pw", "hmac_"+d+"($pass,$salt)")
	}
	add("ntlm", "md4(utf16le($pass))")
	for _, p := range []hashFunc{hashMD5, hashSHA1, hashSHA256, hashSHA512} {
		list = append(list, Scheme{Name: "pbkdf2-" + p.name + "-hex", Family: "recipe", parse: pbkdf2HexParser(p.name)})
	}
	return list
}

// recipeScheme is a recipe under a name.
func recipeScheme(name, recipe string, aliases ...string) Scheme {
	return Scheme{Name: name, Aliases: aliases, Family: "recipe", recipe: recipe, parse: func(e *env, s legacy.Stored) (*Hash, error) {
		s.Scheme = recipe
		return openRecipe(e, s)
	}}
}

// pbkdf2HexParser reads a key in hex with the salt's text in a column, as PHP's hash_pbkdf2 makes it. Params:
// iterations (there is no usual number, so it must be said) and dklen (32 bytes).
func pbkdf2HexParser(digest string) parseFunc {
	return func(e *env, s legacy.Stored) (*Hash, error) {
		iterations, err := intParam(s, "iterations", 0, 1, e.bounds.PBKDF2Iterations)
		if err != nil {
			return nil, err
		}
		length, err := intParam(s, "dklen", 32, 16, 512)
		if err != nil {
			return nil, err
		}
		s.Scheme = "pbkdf2_" + digest + "($pass,$salt," + strconv.FormatInt(iterations, 10) + "," + strconv.FormatInt(length, 10) + ")"
		return openRecipe(e, s)
	}
}
