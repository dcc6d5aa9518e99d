package hash

// recipeInput is what a recipe is computed over.
type recipeInput struct{ pass, salt, user, pepper, it []byte }

// textKind says what the bytes of a value are.
type textKind int

const (
	kindText   textKind = iota // letters: what people typed or an operator wrote
	kindHex                    // hex of the node's raw bytes
	kindBase64                 // base64 of the node's raw bytes
	kindBytes                  // anything
)

// How the password comes into a value: the bits that fold reads.
const (
	usedBare  = 1 << iota // as it was typed
	usedLower             // through lower
	usedUpper             // through upper
)

const unknownSize = -1

// A recipeNode is a compiled expression.
type recipeNode struct {
	kind textKind
	size int // bytes that eval returns, or unknownSize

	// eval computes the value; it reports false where the password cannot be hashed. raw, for hex and base64, computes
	// the bytes that are encoded, of which there are rawSize.
	eval, raw func(in *recipeInput) ([]byte, bool)
	rawSize   int

	typed, hashed uint8 // uses of the password that still stand in the value, and those inside a digest
	varies        bool  // depends on $it
	spelled       bool  // hex that was asked for: an encoder around it takes the digits

	digests, derivations int64 // what one evaluation costs: digests, PBKDF2 iterations
}

// bytes computes what is compared: the raw bytes where the value is their encoding.
func (n recipeNode) bytes(in *recipeInput) ([]byte, bool) {
	if n.raw != nil {
		return n.raw(in)
	}
	return n.eval(in)
}

// byteSize is the number of bytes that bytes returns, or unknownSize.
func (n recipeNode) byteSize() int {
	if n.raw != nil {
		return n.rawSize
	}
	return n.size
}

// dependsOnPassword reports whether the value is not known before a password comes.
func (n recipeNode) dependsOnPassword() bool { return n.typed|n.hashed != 0 || n.varies }

// absorb adds what the arguments cost and how they use the password; digest says that they end in a digest.
func (n *recipeNode) absorb(digest bool, args ...recipeNode) {
	for _, a := range args {
		n.digests = saturated(n.digests, a.digests, 1)
		n.derivations = saturated(n.derivations, a.derivations, 1)
		n.hashed |= a.hashed
		n.varies = n.varies || a.varies
		if digest {
			n.hashed |= a.typed
		} else {
			n.typed |= a.typed
		}
	}
}

// saturated is sum + cost*times, without overflow.
func saturated(sum, cost, times int64) int64 {
	const most = 1 << 62
	if cost != 0 && times > (most-sum)/cost {
		return most
	}
	return sum + cost*times
}

// joined is the values one behind another.
func joined(parts []recipeNode) recipeNode {
	n := recipeNode{kind: parts[0].kind, spelled: true}
	n.absorb(false, parts...)
	for _, part := range parts {
		if part.kind != n.kind || n.kind == kindBase64 { // two base64 texts joined are not one
			n.kind = kindBytes
		}
		if n.size >= 0 && part.size >= 0 {
			n.size += part.size
		} else {
			n.size = unknownSize
		}
	}
	n.eval = joinOf(parts, func(part recipeNode, in *recipeInput) ([]byte, bool) { return part.eval(in) })
	if n.kind == kindHex && n.size >= 0 {
		n.raw, n.rawSize = joinOf(parts, recipeNode.bytes), n.size/2
	} else if n.kind == kindHex {
		n.kind = kindBytes
	}
	return n
}

func joinOf(parts []recipeNode, of func(recipeNode, *recipeInput) ([]byte, bool)) func(*recipeInput) ([]byte, bool) {
	return func(in *recipeInput) ([]byte, bool) {
		var out []byte
		for _, part := range parts {
			b, ok := of(part, in)
			if !ok || len(out)+len(b) > maxRecipeValue {
				return nil, false
			}
			out = append(out, b...)
		}
		return out, true
	}
}

// mapped is a value computed from another's.
func mapped(arg recipeNode, f func([]byte) ([]byte, bool)) func(*recipeInput) ([]byte, bool) {
	return func(in *recipeInput) ([]byte, bool) {
		b, ok := arg.eval(in)
		if !ok {
			return nil, false
		}
		b, ok = f(b)
		return b, ok && len(b) <= maxRecipeValue
	}
}
