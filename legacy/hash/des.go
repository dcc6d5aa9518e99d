package hash

// DES with crypt(3)'s salt, which crypto/des does not have: 25 (or, in BSDi's form, any number of) encryptions of a
// block of zeros, where each salt bit swaps two bits of the expansion. The arrangement follows FreeSec by David
// Burren (1994): R is expanded into two halves of 24 bits, S-box and P are one lookup of 8 tables.

// desKey is the key schedule: for each of the 16 rounds, the two halves of 24 bits.
type desKey [16][2]uint32

// desTables are the S-boxes followed by P, one table for each six bits of the expansion.
type desTables [8][64]uint32

// desPC1 and desPC2 choose the bits of the key, desP permutes the S-boxes' output; bit 1 is the highest (FIPS 46-3).
var (
	desPC1 = [56]byte{
		57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36,
		63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
	}
	desPC2 = [48]byte{
		14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2,
		41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
	}
	desP = [32]byte{
		16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25,
	}
	desShifts = [16]byte{1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1}
	desS      = [8][64]byte{
		{14, 4, 13, 1, 2, 15, 11, 8, 3, 10, 6, 12, 5, 9, 0, 7, 0, 15, 7, 4, 14, 2, 13, 1, 10, 6, 12, 11, 9, 5, 3, 8,
			4, 1, 14, 8, 13, 6, 2, 11, 15, 12, 9, 7, 3, 10, 5, 0, 15, 12, 8, 2, 4, 9, 1, 7, 5, 11, 3, 14, 10, 0, 6, 13},
		{15, 1, 8, 14, 6, 11, 3, 4, 9, 7, 2, 13, 12, 0, 5, 10, 3, 13, 4, 7, 15, 2, 8, 14, 12, 0, 1, 10, 6, 9, 11, 5,
			0, 14, 7, 11, 10, 4, 13, 1, 5, 8, 12, 6, 9, 3, 2, 15, 13, 8, 10, 1, 3, 15, 4, 2, 11, 6, 7, 12, 0, 5, 14, 9},
		{10, 0, 9, 14, 6, 3, 15, 5, 1, 13, 12, 7, 11, 4, 2, 8, 13, 7, 0, 9, 3, 4, 6, 10, 2, 8, 5, 14, 12, 11, 15, 1,
			13, 6, 4, 9, 8, 15, 3, 0, 11, 1, 2, 12, 5, 10, 14, 7, 1, 10, 13, 0, 6, 9, 8, 7, 4, 15, 14, 3, 11, 5, 2, 12},
		{7, 13, 14, 3, 0, 6, 9, 10, 1, 2, 8, 5, 11, 12, 4, 15, 13, 8, 11, 5, 6, 15, 0, 3, 4, 7, 2, 12, 1, 10, 14, 9,
			10, 6, 9, 0, 12, 11, 7, 13, 15, 1, 3, 14, 5, 2, 8, 4, 3, 15, 0, 6, 10, 1, 13, 8, 9, 4, 5, 11, 12, 7, 2, 14},
		{2, 12, 4, 1, 7, 10, 11, 6, 8, 5, 3, 15, 13, 0, 14, 9, 14, 11, 2, 12, 4, 7, 13, 1, 5, 0, 15, 10, 3, 9, 8, 6,
			4, 2, 1, 11, 10, 13, 7, 8, 15, 9, 12, 5, 6, 3, 0, 14, 11, 8, 12, 7, 1, 14, 2, 13, 6, 15, 0, 9, 10, 4, 5, 3},
		{12, 1, 10, 15, 9, 2, 6, 8, 0, 13, 3, 4, 14, 7, 5, 11, 10, 15, 4, 2, 7, 12, 9, 5, 6, 1, 13, 14, 0, 11, 3, 8,
			9, 14, 15, 5, 2, 8, 12, 3, 7, 0, 4, 10, 1, 13, 11, 6, 4, 3, 2, 12, 9, 5, 15, 10, 11, 14, 1, 7, 6, 0, 8, 13},
		{4, 11, 2, 14, 15, 0, 8, 13, 3, 12, 9, 7, 5, 10, 6, 1, 13, 0, 11, 7, 4, 9, 1, 10, 14, 3, 5, 12, 2, 15, 8, 6,
			1, 4, 11, 13, 12, 3, 7, 14, 10, 15, 6, 8, 0, 5, 9, 2, 6, 11, 13, 8, 1, 4, 10, 7, 9, 5, 0, 15, 14, 2, 3, 12},
		{13, 2, 8, 4, 6, 15, 11, 1, 10, 9, 3, 14, 5, 0, 12, 7, 1, 15, 13, 8, 10, 3, 7, 4, 12, 5, 6, 11, 0, 14, 9, 2,
			7, 11, 4, 1, 9, 12, 14, 2, 0, 6, 10, 13, 15, 3, 5, 8, 2, 1, 14, 7, 4, 10, 8, 13, 15, 12, 9, 0, 3, 5, 6, 11},
	}
)

// desSP builds the combined tables: 2 KiB, some microseconds, against 25 encryptions at the least.
func desSP() *desTables {
	var unP [32]byte // where P puts each bit
	for to, from := range desP {
		unP[from-1] = byte(to)
	}
	var t desTables
	for box := range t {
		for in := range t[box] {
			row, column := in>>4&2|in&1, in>>1&15
			out := desS[box][row*16+column]
			for bit := range 4 {
				if out>>(3-bit)&1 == 1 {
					t[box][in] |= 1 << (31 - unP[box*4+bit])
				}
			}
		}
	}
	return &t
}

// newDESKey makes the schedule of a key of 8 bytes, whose lowest bits are ignored.
func newDESKey(key [8]byte) *desKey {
	bit := func(n byte) uint64 { return uint64(key[(n-1)/8]>>(7-(n-1)%8)) & 1 }
	var cd uint64 // C and D, 28 bits each
	for _, n := range desPC1 {
		cd = cd<<1 | bit(n)
	}
	c, d := cd>>28, cd&(1<<28-1)
	var k desKey
	for round, shift := range desShifts {
		c = (c<<shift | c>>(28-shift)) & (1<<28 - 1)
		d = (d<<shift | d>>(28-shift)) & (1<<28 - 1)
		joined := c<<28 | d
		var sub uint64
		for _, n := range desPC2 {
			sub = sub<<1 | joined>>(56-n)&1
		}
		k[round] = [2]uint32{uint32(sub >> 24), uint32(sub & (1<<24 - 1))}
	}
	return &k
}

// encryptZeros encrypts a block of zeros count times under the key, with the salt's 24 bits swapping the expansion.
// It returns the block before the final permutation is undone: see desFinal.
func (k *desKey) encryptZeros(t *desTables, salt uint32, count int) (l, r uint32) {
	var swap uint32 // the salt's bits in the expansion's order
	for i := range 24 {
		if salt>>i&1 == 1 {
			swap |= 0x800000 >> i
		}
	}
	for range count {
		for round := range k {
			el := r&1<<23 | r&0xf8000000>>9 | r&0x1f800000>>11 | r&0x01f80000>>13 | r&0x001f8000>>15
			er := r&0x0001f800<<7 | r&0x00001f80<<5 | r&0x000001f8<<3 | r&0x0000001f<<1 | r>>31
			f := (el ^ er) & swap
			el ^= f ^ k[round][0]
			er ^= f ^ k[round][1]
			f = t[0][el>>18] ^ t[1][el>>12&63] ^ t[2][el>>6&63] ^ t[3][el&63] ^
				t[4][er>>18] ^ t[5][er>>12&63] ^ t[6][er>>6&63] ^ t[7][er&63]
			l, r = r, l^f
		}
		l, r = r, l
	}
	return l, r
}

// desFinal applies the inverse of the initial permutation and returns the block's 8 bytes.
func desFinal(l, r uint32) []byte {
	in := uint64(l)<<32 | uint64(r)
	out := make([]byte, 8)
	for i := range 64 { // FIPS 46-3: output bit i comes from 40 8 48 16 56 24 64 32, then each one less, row by row
		row, column := i/8, i%8
		from := [8]int{40, 8, 48, 16, 56, 24, 64, 32}[column] - row
		if in>>(64-from)&1 == 1 {
			out[i/8] |= 0x80 >> (i % 8)
		}
	}
	return out
}
