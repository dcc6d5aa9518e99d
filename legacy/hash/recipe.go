package hash

import (
	"fmt"
	"strings"

	"rekey/legacy"
)

// A recipe says how an old system made its hashes, in the notation of hashcat and John the Ripper, for tables whose
// hashes carry no mark:
//
//	md5($pass.$salt)
//	sha1($salt.sha1($pass))
//	hmac_sha256($salt,$pass)                                  the key comes first
//	base64(sha512(utf16le($pass).$salt))
//	base64(iterate(4999, sha512_bin($pass."{".$salt."}"), sha512_bin($it.$pass."{".$salt."}")))
//
// An expression is a value, or several joined by ".". A value is a call, a variable or a literal in "…" or '…' (as it
// stands, no escapes). Spaces mean nothing outside literals.
//
//	$pass $p          the password's bytes
//	$salt $s          the salt, see below
//	$user $u $username   the login name as stored
//	$pepper           the parameter "pepper"
//	$it               in the last argument of iterate: the value of the round before
//
//	md4 md5 sha1 sha224 sha256 sha384 sha512 sha3_224 sha3_256 sha3_384 sha3_512 ripemd160 whirlpool   X(text)
//	hmac_X(key, text)       pbkdf2_X(password, salt, iterations, bytes)
//	iterate(n, first, next)   first is computed once, then next n times over $it, which it must read
//	hex(x) base64(x) b64(x) raw(x)   encode; raw undoes a digest's hex
//	lower(x) upper(x)         ASCII letters only
//	utf16le(x)                from UTF-8; a password that is not UTF-8 matches nobody
//	unhex(x) unbase64(x)      of what does not depend on the password
//
// A digest is lower-case hex text where it is joined or hashed again, as in PHP. X_bin(…) is its bytes. hex, base64 and
// raw take the bytes of a digest that is their whole argument: base64(sha1($pass)) is the base64 of 20 bytes, and
// base64(hex(sha1($pass))) that of 40 digits. For iterate it is the last argument that counts.
//
// The outermost value says what is stored: hex (in either case), base64 (padded or not), or bytes of a known number.
//
// The parameter "salt_from" says where the salt is, see splitSalt; by default in a column of its own.

// Limits of a recipe. Its iterations are bounded by Bounds when it is compiled.
const (
	maxRecipe      = 1 << 10  // bytes of text
	maxRecipeDepth = 32       // calls within calls
	maxRecipeValue = 64 << 10 // bytes of a value while it is computed
)

// isRecipe tells a recipe from a scheme's name, of which none has a parenthesis.
func isRecipe(scheme string) bool { return strings.Contains(scheme, "(") }

// A recipe is a compiled one.
type recipe struct {
	root   recipeNode
	checks []func(in *recipeInput) error // what of the stored values must be well formed
	user   bool                          // it reads $user
	pepper bool                          // it reads $pepper
	salt   bool                          // it reads $salt
}

// compileRecipe parses text. Its errors wrap ErrScheme and name the column, counted in characters from 1.
func compileRecipe(b Bounds, text string) (*recipe, error) {
	if len(text) > maxRecipe {
		return nil, fmt.Errorf("%w: a recipe is at most %d bytes long", ErrScheme, maxRecipe)
	}
	p := recipeParser{text: text, bounds: b}
	p.next()
	root, err := p.expression()
	if err != nil {
		return nil, err
	}
	if p.token.kind != tokenEnd {
		return nil, p.want(`"." or the end`)
	}
	switch {
	case root.size < 0:
		return nil, p.failAt(0, "the result must have a fixed length: a digest, or hex or base64 of one")
	case root.typed|root.hashed == 0:
		return nil, p.failAt(0, "the recipe does not use $pass")
	case root.digests > b.DigestIterations:
		return nil, p.failAt(0, fmt.Sprintf("more than %d digests", b.DigestIterations))
	case root.derivations > b.PBKDF2Iterations:
		return nil, p.failAt(0, fmt.Sprintf("more than %d PBKDF2 iterations", b.PBKDF2Iterations))
	}
	return &recipe{root: root, checks: p.checks, user: p.user, pepper: p.pepper, salt: p.salt}, nil
}

// fold says what the recipe does to the password before it hashes it: a letter's case is lost only if no use of the
// password keeps it.
func (r *recipe) fold() Fold {
	switch uses := r.root.typed | r.root.hashed; {
	case uses&usedBare != 0:
		return FoldNone
	case uses == usedUpper:
		return FoldUpper
	default:
		return FoldLower
	}
}

// openRecipe opens a stored value under the recipe in s.Scheme.
func openRecipe(e *env, s legacy.Stored) (*Hash, error) {
	r, err := compileRecipe(e.bounds, s.Scheme)
	if err != nil {
		return nil, err
	}
	text, salt, join, err := splitSalt(s)
	if err != nil {
		return nil, err
	}
	if err := saltWithin(e, []byte(salt)); err != nil {
		return nil, err
	}
	pepper, ok := s.Params["pepper"]
	if r.pepper && !ok {
		return nil, fmt.Errorf("%w: the recipe needs the parameter pepper", ErrParams)
	}
	if r.user && s.User == "" {
		return nil, malformed("the recipe needs the user's name")
	}
	given := recipeInput{salt: []byte(salt), user: []byte(s.User), pepper: []byte(pepper)}
	for _, check := range r.checks {
		if err := check(&given); err != nil {
			return nil, err
		}
	}
	want, filler, ok := r.root.decode(text)
	if !ok {
		return nil, malformed("not of the length and encoding that the recipe makes")
	}
	return &Hash{
		Scheme: s.Scheme,
		Fold:   r.fold(),
		compute: func(password []byte) []byte {
			in := given
			in.pass = password
			out, ok := r.root.bytes(&in)
			if !ok {
				return nil
			}
			return out
		},
		want:   want,
		masked: withHash(s, join(filler, salt)),
	}, nil
}

// decode reads a stored value of the node's shape, and gives a filler of the same.
func (n recipeNode) decode(text string) (want []byte, filler string, ok bool) {
	switch n.kind {
	case kindHex:
		want, ok = decodeHex(text, n.size/2)
		return want, zeroHex(n.size / 2), ok
	case kindBase64:
		enc := b64Std
		if !strings.HasSuffix(text, "=") && n.rawSize%3 != 0 {
			enc = b64Raw
		}
		want, ok = decode64(enc, text, n.rawSize)
		return want, zero64(enc, n.rawSize), ok
	default:
		return []byte(text), strings.Repeat("0", n.size), len(text) == n.size
	}
}
