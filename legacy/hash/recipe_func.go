package hash

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// A recipeFunc is a function of recipes. args has a letter for each argument, see recipeParser.argument.
type recipeFunc struct {
	args  string
	build func(p *recipeParser, c recipeCall) (recipeNode, error)
}

// A recipeCall is a function's name and what was read between its parentheses.
type recipeCall struct {
	at      int
	name    string
	numbers []int64
	nodes   []recipeNode
}

// findRecipeFunc finds a function by its name.
func findRecipeFunc(name string) (recipeFunc, bool) {
	switch name {
	case "iterate":
		return recipeFunc{"nxi", buildIterate}, true
	case "hex":
		return recipeFunc{"x", buildHex}, true
	case "base64", "b64":
		return recipeFunc{"x", buildBase64}, true
	case "raw":
		return recipeFunc{"x", buildRaw}, true
	case "lower", "strtolower":
		return recipeFunc{"x", caseBuilder(lowerASCII, usedLower)}, true
	case "upper", "strtoupper":
		return recipeFunc{"x", caseBuilder(upperASCII, usedUpper)}, true
	case "utf16le":
		return recipeFunc{"x", buildUTF16}, true
	case "unhex":
		return recipeFunc{"x", decodeBuilder(func(text string) ([]byte, bool) { return decodeHex(text, anyLen) })}, true
	case "unbase64":
		return recipeFunc{"x", decodeBuilder(func(text string) ([]byte, bool) { return decode64(b64Std, text, anyLen) })}, true
	}
	base, bin := strings.CutSuffix(name, "_bin")
	kind, digest := "", base
	for _, prefix := range []string{"hmac_", "pbkdf2_"} {
		if rest, ok := strings.CutPrefix(base, prefix); ok {
			kind, digest = prefix, rest
		}
	}
	for _, d := range slices.Concat(usualHashes, rareHashes) {
		if d.name != digest {
			continue
		}
		switch kind {
		case "hmac_":
			return recipeFunc{"xx", digestBuilder(bin, d.size, func(args [][]byte) []byte { return d.mac(args[0], args[1]) })}, true
		case "pbkdf2_":
			return recipeFunc{"xxnn", pbkdf2Builder(bin, d)}, true
		}
		return recipeFunc{"x", digestBuilder(bin, d.size, func(args [][]byte) []byte { return d.sum(args[0]) })}, true
	}
	return recipeFunc{}, false
}

// digestBuilder makes a digest of size bytes from all arguments.
func digestBuilder(bin bool, size int, sum func(args [][]byte) []byte) func(*recipeParser, recipeCall) (recipeNode, error) {
	return func(_ *recipeParser, c recipeCall) (recipeNode, error) {
		n := recipeNode{digests: 1}
		n.absorb(true, c.nodes...)
		n.encodeHex(size, func(in *recipeInput) ([]byte, bool) {
			args := make([][]byte, len(c.nodes))
			for i, node := range c.nodes {
				var ok bool
				if args[i], ok = node.eval(in); !ok {
					return nil, false
				}
			}
			out := sum(args)
			return out, out != nil
		})
		if bin {
			return n.decoded(), nil
		}
		return n, nil
	}
}

func pbkdf2Builder(bin bool, d hashFunc) func(*recipeParser, recipeCall) (recipeNode, error) {
	return func(p *recipeParser, c recipeCall) (recipeNode, error) {
		iterations, size := c.numbers[0], c.numbers[1]
		if iterations > p.bounds.PBKDF2Iterations {
			return recipeNode{}, p.failAt(c.at, fmt.Sprintf("want at most %d iterations", p.bounds.PBKDF2Iterations))
		}
		if size < 16 || size > 512 {
			return recipeNode{}, p.failAt(c.at, "want 16 to 512 bytes of key")
		}
		n, err := digestBuilder(bin, int(size), func(args [][]byte) []byte {
			return pbkdf2Setting{prf: d, rounds: iterations, salt: args[1], length: int(size)}.key(args[0])
		})(p, c)
		n.derivations = saturated(n.derivations, iterations, (size+int64(d.size)-1)/int64(d.size))
		return n, err
	}
}

// encodeHex makes n the hex of what raw returns.
func (n *recipeNode) encodeHex(rawSize int, raw func(*recipeInput) ([]byte, bool)) {
	n.kind, n.raw, n.rawSize, n.size = kindHex, raw, rawSize, unknownSize
	if rawSize >= 0 {
		n.size = 2 * rawSize
	}
	n.eval = func(in *recipeInput) ([]byte, bool) {
		b, ok := raw(in)
		if !ok || len(b) > maxRecipeValue/2 {
			return nil, false
		}
		return hex.AppendEncode(nil, b), true
	}
}

// decoded is n as bytes: the raw ones, where n is an encoding.
func (n recipeNode) decoded() recipeNode {
	d := n
	d.kind, d.eval, d.size, d.raw = kindBytes, n.bytes, n.byteSize(), nil
	return d
}

// forEncoder is n as hex and base64 take it: the bytes of a digest, the text of everything else.
func (n recipeNode) forEncoder() recipeNode {
	if n.kind == kindHex && n.raw != nil && !n.spelled {
		return n.decoded()
	}
	return n
}

func buildRaw(p *recipeParser, c recipeCall) (recipeNode, error) {
	if c.nodes[0].kind != kindHex || c.nodes[0].raw == nil {
		return recipeNode{}, p.failAt(c.at, c.name+" wants a digest")
	}
	return c.nodes[0].decoded(), nil
}

// buildHex spells out what a digest is by itself, so that another encoder takes the digits. An encoding hides the
// letters of what it encodes, as a digest does: lower(hex($pass)) is nobody's fold.
func buildHex(_ *recipeParser, c recipeCall) (recipeNode, error) {
	var n recipeNode
	n.absorb(true, c.nodes[0])
	arg := c.nodes[0].forEncoder()
	n.encodeHex(arg.size, arg.eval)
	n.spelled = true
	return n, nil
}

func buildBase64(_ *recipeParser, c recipeCall) (recipeNode, error) {
	arg := c.nodes[0].forEncoder()
	n := recipeNode{kind: kindBase64, size: unknownSize, raw: arg.eval, rawSize: arg.size}
	n.absorb(true, c.nodes[0])
	if arg.size >= 0 {
		n.size = b64Std.EncodedLen(arg.size)
	}
	n.eval = mapped(arg, func(b []byte) ([]byte, bool) { return b64Std.AppendEncode(nil, b), true })
	return n, nil
}

// caseBuilder changes letters. Bytes have none, and base64 would no longer be base64.
func caseBuilder(change func([]byte) []byte, use uint8) func(*recipeParser, recipeCall) (recipeNode, error) {
	return func(p *recipeParser, c recipeCall) (recipeNode, error) {
		n := c.nodes[0]
		if n.kind != kindText && n.kind != kindHex {
			return recipeNode{}, p.failAt(c.at, c.name+" wants text or a digest in hex, not bytes or base64")
		}
		if n.typed&usedBare != 0 {
			n.typed = n.typed&^usedBare | use
		}
		n.spelled = true
		n.eval = mapped(c.nodes[0], func(b []byte) ([]byte, bool) { return change(b), true })
		return n, nil
	}
}

func buildUTF16(_ *recipeParser, c recipeCall) (recipeNode, error) {
	n := recipeNode{kind: kindBytes, size: unknownSize}
	n.absorb(false, c.nodes[0])
	n.eval = mapped(c.nodes[0], func(b []byte) ([]byte, bool) {
		wide := utf16le(b)
		return wide, wide != nil
	})
	return n, nil
}

// decodeBuilder decodes what is known before the password comes, so that a malformed salt is found when the hash is
// opened.
func decodeBuilder(decode func(string) ([]byte, bool)) func(*recipeParser, recipeCall) (recipeNode, error) {
	return func(p *recipeParser, c recipeCall) (recipeNode, error) {
		if c.nodes[0].dependsOnPassword() {
			return recipeNode{}, p.failAt(c.at, c.name+" takes only what does not depend on the password")
		}
		n := recipeNode{kind: kindBytes, size: unknownSize}
		n.absorb(false, c.nodes[0])
		n.eval = mapped(c.nodes[0], func(b []byte) ([]byte, bool) { return decode(string(b)) })
		name := c.name
		p.checks = append(p.checks, func(in *recipeInput) error {
			if _, ok := n.eval(in); !ok {
				return malformed("the salt is not what " + name + " decodes")
			}
			return nil
		})
		return n, nil
	}
}

// buildIterate computes first once, and then next n times over the value before.
func buildIterate(p *recipeParser, c recipeCall) (recipeNode, error) {
	count, first, next := c.numbers[0], c.nodes[0], c.nodes[1]
	if count > p.bounds.DigestIterations {
		return recipeNode{}, p.failAt(c.at, fmt.Sprintf("want at most %d rounds", p.bounds.DigestIterations))
	}
	if !next.varies {
		return recipeNode{}, p.failAt(c.at, "the last argument of iterate must read $it, or it forgets what came before")
	}
	n := next
	n.varies = first.varies // $it of a loop around this one; within next it is hidden
	n.hashed |= first.hashed
	n.digests = saturated(first.digests, max(1, next.digests), count)
	n.derivations = saturated(first.derivations, next.derivations, count)
	run := func(last func(*recipeInput) ([]byte, bool)) func(*recipeInput) ([]byte, bool) {
		return func(in *recipeInput) ([]byte, bool) {
			round := *in
			value, ok := first.eval(in)
			for i := int64(1); ok && i <= count; i++ {
				round.it = value
				if i == count {
					value, ok = last(&round)
				} else {
					value, ok = next.eval(&round)
				}
			}
			return value, ok
		}
	}
	n.eval = run(next.eval)
	if next.raw != nil {
		n.raw = run(next.raw)
	}
	return n, nil
}
