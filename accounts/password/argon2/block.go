package argon2

import (
	"encoding/binary"
	"math/bits"
)

const (
	words     = 128 // of 64 bits in a block
	blockSize = 8 * words
)

// A block is a kibibyte: eight rows of sixteen words, in which a pair of words is a register of the RFC.
type block = [words]uint64

func readBlock(b *block, bytes *[blockSize]byte) {
	for i := range b {
		b[i] = binary.LittleEndian.Uint64(bytes[8*i:])
	}
}

func writeBlock(b *block, bytes *[blockSize]byte) {
	for i, v := range b {
		binary.LittleEndian.PutUint64(bytes[8*i:], v)
	}
}

// compress is the compression function G (RFC 9106, section 3.5) in plain Go: R = a XOR b, the permutation P on each row of R and then on
// each column, and R once more. With xor, what out held is added too. tmp is used up. out may be a or b only without xor.
func compress(out, a, b, tmp *block, xor bool) {
	z := tmp
	for i := range z {
		z[i] = a[i] ^ b[i]
	}
	if xor {
		for i := range out {
			out[i] ^= z[i]
		}
	} else {
		*out = *z
	}
	for row := 0; row < words; row += 16 {
		v := z[row : row+16 : row+16]
		permute(&v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], &v[8], &v[9], &v[10], &v[11], &v[12], &v[13], &v[14], &v[15])
	}
	for c := 0; c < 16; c += 2 {
		permute(&z[c], &z[c+1], &z[c+16], &z[c+17], &z[c+32], &z[c+33], &z[c+48], &z[c+49],
			&z[c+64], &z[c+65], &z[c+80], &z[c+81], &z[c+96], &z[c+97], &z[c+112], &z[c+113])
	}
	for i := range out {
		out[i] ^= z[i]
	}
}

// permute is P (RFC 9106, section 3.6): a round of BLAKE2b whose additions have a product added, on a matrix of four rows of four words.
// The columns are mixed first, and then the diagonals.
func permute(v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14, v15 *uint64) {
	mix(v0, v4, v8, v12)
	mix(v1, v5, v9, v13)
	mix(v2, v6, v10, v14)
	mix(v3, v7, v11, v15)
	mix(v0, v5, v10, v15)
	mix(v1, v6, v11, v12)
	mix(v2, v7, v8, v13)
	mix(v3, v4, v9, v14)
}

// mix is GB.
func mix(a, b, c, d *uint64) {
	*a = add(*a, *b)
	*d = bits.RotateLeft64(*d^*a, -32)
	*c = add(*c, *d)
	*b = bits.RotateLeft64(*b^*c, -24)
	*a = add(*a, *b)
	*d = bits.RotateLeft64(*d^*a, -16)
	*c = add(*c, *d)
	*b = bits.RotateLeft64(*b^*c, -63)
}

// add is the addition of GB: with twice the product of the lower halves.
func add(a, b uint64) uint64 { return a + b + 2*uint64(uint32(a))*uint64(uint32(b)) }
