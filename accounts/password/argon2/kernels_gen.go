//go:build ignore

// This program writes the kernels: the compression function G of RFC 9106, section 3.5, for AVX2 and for AVX-512.
//
// A block is a matrix of eight rows of eight registers of the RFC, which are 16 bytes each, two words: register (i, j) is at byte
// 128*i + 16*j. G is R = X XOR Y; P on each row of R, and then on each column of what that gives; and R once more.
//
// P takes eight registers as a matrix of four rows of four words (section 3.6):
//
//	v0  v1  v2  v3       a
//	v4  v5  v6  v7       b
//	v8  v9  v10 v11      c
//	v12 v13 v14 v15      d
//
// and mixes its columns, (v0, v4, v8, v12) and so on, with GB, and then its diagonals, (v0, v5, v10, v15) and so on. With a row of that
// matrix in one vector, GB on all four columns is one sequence of instructions on the vectors a, b, c and d. For the diagonals b, c and d
// are turned left by one, two and three words, so that each diagonal stands in a column, and then turned back. Several P are computed
// side by side, for one alone would wait for itself: each instruction for all of them, then the next one.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("amd64")
	avx2()
	avx512()
	Generate()
}

// A matrix is the vectors of one P, or of several.
type matrix struct{ a, b, c, d Register }

// mixer writes what AVX2 and AVX-512 do in different ways.
type mixer struct {
	vector func() Register
	xor    func(from, with, to Op)
	turn   func(by int, v, spare Register) // every word, right
}

// gb is GB of section 3.6 on the columns of some matrices:
//
//	a = a + b + 2*trunc(a)*trunc(b);  d = (d XOR a) >>> 32
//	c = c + d + 2*trunc(c)*trunc(d);  b = (b XOR c) >>> 24
//	a = a + b + 2*trunc(a)*trunc(b);  d = (d XOR a) >>> 16
//	c = c + d + 2*trunc(c)*trunc(d);  b = (b XOR c) >>> 63
func (x mixer) gb(all []matrix) {
	step := func(by int, of func(m matrix) (sum, with, turned Register)) {
		spare := make([]Register, len(all))
		for i, m := range all {
			sum, with, _ := of(m)
			spare[i] = x.vector()
			VPMULUDQ(with, sum, spare[i]) // of the lower halves of words: trunc(sum) * trunc(with)
		}
		for _, m := range all {
			sum, with, _ := of(m)
			VPADDQ(with, sum, sum)
		}
		for i := range all {
			VPADDQ(spare[i], spare[i], spare[i])
		}
		for i, m := range all {
			sum, _, _ := of(m)
			VPADDQ(spare[i], sum, sum)
		}
		for _, m := range all {
			sum, _, turned := of(m)
			x.xor(sum, turned, turned)
		}
		for i, m := range all {
			_, _, turned := of(m)
			x.turn(by, turned, spare[i])
		}
	}
	ab := func(m matrix) (sum, with, turned Register) { return m.a, m.b, m.d }
	cd := func(m matrix) (sum, with, turned Register) { return m.c, m.d, m.b }
	step(32, ab)
	step(24, cd)
	step(16, ab)
	step(63, cd)
}

// rows is P where a vector has a row of a matrix in each 32 bytes.
func (x mixer) rows(all []matrix) {
	turn := func(b, c, d U8) {
		for _, m := range all {
			VPERMQ(b, m.b, m.b)
			VPERMQ(c, m.c, m.c)
			VPERMQ(d, m.d, m.d)
		}
	}
	const one, two, three = U8(0b00_11_10_01), U8(0b01_00_11_10), U8(0b10_01_00_11) // words, left
	Comment("P: the columns.")
	x.gb(all)
	Comment("The diagonals: b, c and d are turned left by one, two and three words.")
	turn(one, two, three)
	x.gb(all)
	Comment("And back.")
	turn(three, two, one)
}

// An argument is loaded into a register.
func argument(name string) Mem { return Mem{Base: Load(Param(name), GP64())} }

func at(m Mem, index Register, offset int) Mem {
	m.Index, m.Scale, m.Disp = index, 1, offset
	return m
}

const signature = "func(out, a, b, tmp *[128]uint64, xor bool)"

// avx2 has vectors of four words, sixteen of them: two P at a time. What lies between the rows and the columns is kept in tmp.
func avx2() {
	TEXT("compressAVX2", NOSPLIT, signature)
	Doc("compressAVX2 is compress with AVX2.")
	Pragma("noescape")
	out, left, right, tmp := argument("out"), argument("a"), argument("b"), argument("tmp")
	add := Load(Param("xor"), GP8())

	turn24, turn16 := YMM(), YMM()
	VMOVDQU(bytes("turn24", 3, 4, 5, 6, 7, 0, 1, 2), turn24)
	VMOVDQU(bytes("turn16", 2, 3, 4, 5, 6, 7, 0, 1), turn16)
	x := mixer{
		vector: func() Register { return YMM() },
		xor:    func(from, with, to Op) { VPXOR(from, with, to) },
		turn: func(by int, v, spare Register) {
			switch by {
			case 32: // the halves of a word change places
				VPSHUFD(U8(0b10_11_00_01), v, v)
			case 24: // by whole bytes
				VPSHUFB(turn24, v, v)
			case 16:
				VPSHUFB(turn16, v, v)
			case 63: // that is left by one: twice the word, and its highest bit
				VPADDQ(v, v, spare)
				VPSRLQ(U8(63), v, v)
				VPXOR(spare, v, v)
			}
		},
	}

	Comment("The rows of R, two at a time. A vector has half of a row of P's registers: a row of the matrix of P.")
	offset := GP64()
	XORQ(offset, offset)
	Label("rows")
	var v [8]Register
	for i := range v {
		v[i] = YMM()
		VMOVDQU(at(left, offset, 32*i), v[i])
		VPXOR(at(right, offset, 32*i), v[i], v[i])
	}
	Comment("out becomes R, to which what it held is added with xor.")
	TESTB(add, add)
	JZ(LabelRef("store"))
	for i := range v {
		held := YMM()
		VPXOR(at(out, offset, 32*i), v[i], held)
		VMOVDQU(held, at(out, offset, 32*i))
	}
	JMP(LabelRef("mix"))
	Label("store")
	for i := range v {
		VMOVDQU(v[i], at(out, offset, 32*i))
	}
	Label("mix")
	rows := []matrix{{v[0], v[1], v[2], v[3]}, {v[4], v[5], v[6], v[7]}}
	x.rows(rows)
	for i := range v {
		VMOVDQU(v[i], at(tmp, offset, 32*i))
	}
	ADDQ(U32(256), offset)
	CMPQ(offset, U32(1024))
	JNE(LabelRef("rows"))

	Comment("The columns, two at a time. A vector has a register of each of the two, from one row of the block: of P's matrices it is half of a",
		"row, words 0 and 1, or 2 and 3, of both.")
	XORQ(offset, offset)
	Label("columns")
	for i := range v {
		v[i] = YMM()
		VMOVDQU(at(tmp, offset, 128*i), v[i])
	}
	columns := []matrix{{v[0], v[2], v[4], v[6]}, {v[1], v[3], v[5], v[7]}}
	Comment("P: the columns.")
	x.gb(columns)
	Comment("The diagonals. Turned left by one, the halves (4, 5) and (6, 7) of b are (5, 6) and (7, 4): a word of each half in both. Those of c",
		"change their names. d is turned left by three, which is right by one.")
	columns = turnHalves(columns, true)
	x.gb(columns)
	Comment("And back. R is added.")
	columns = turnHalves(columns, false)
	v = [8]Register{columns[0].a, columns[1].a, columns[0].b, columns[1].b, columns[0].c, columns[1].c, columns[0].d, columns[1].d}
	for i := range v {
		VPXOR(at(out, offset, 128*i), v[i], v[i])
		VMOVDQU(v[i], at(out, offset, 128*i))
	}
	ADDQ(U32(32), offset)
	CMPQ(offset, U32(128))
	JNE(LabelRef("columns"))
	VZEROUPPER()
	RET()
}

// turnHalves turns b left and d right by one word, or the other way round, where each is in two vectors, and c by two.
func turnHalves(m []matrix, left bool) []matrix {
	turnLeft := func(low, high Register) (Register, Register) {
		l, h := YMM(), YMM()
		VPALIGNR(U8(8), low, high, l) // the second word of low, the first of high
		VPALIGNR(U8(8), high, low, h)
		return l, h
	}
	turnRight := func(low, high Register) (Register, Register) {
		h, l := turnLeft(low, high)
		return l, h
	}
	b, d := turnLeft, turnRight
	if !left {
		b, d = turnRight, turnLeft
	}
	low, high := m[0], m[1]
	low.b, high.b = b(low.b, high.b)
	low.d, high.d = d(low.d, high.d)
	low.c, high.c = high.c, low.c
	return []matrix{low, high}
}

// avx512 has vectors of eight words, thirty-two of them: the whole block, and four P's at a time of two each.
func avx512() {
	TEXT("compressAVX512", NOSPLIT, signature)
	Doc("compressAVX512 is compress with AVX-512, of which it needs the foundation alone.")
	Pragma("noescape")
	out, left, right := argument("out"), argument("a"), argument("b")
	add := Load(Param("xor"), GP8())
	x := mixer{
		vector: func() Register { return ZMM() },
		xor:    func(from, with, to Op) { VPXORQ(from, with, to) },
		turn:   func(by int, v, _ Register) { VPRORQ(U8(by), v, v) },
	}

	Comment("R, a vector for half of a row.")
	var v [16]Register
	for i := range v {
		v[i] = ZMM()
		VMOVDQU64(left.Offset(64*i), v[i])
		VPXORQ(right.Offset(64*i), v[i], v[i])
	}
	Comment("out becomes R, to which what it held is added with xor.")
	TESTB(add, add)
	JZ(LabelRef("store"))
	for i := range v {
		held := ZMM()
		VPXORQ(out.Offset(64*i), v[i], held)
		VMOVDQU64(held, out.Offset(64*i))
	}
	JMP(LabelRef("mix"))
	Label("store")
	for i := range v {
		VMOVDQU64(v[i], out.Offset(64*i))
	}
	Label("mix")
	Comment("The rows, all at once: a vector has a row of the matrix of P for one row of the block in its lower half, and for the next in its",
		"upper half.")
	rows := make([]matrix, 4)
	for i := range rows {
		rows[i].a, rows[i].b = join(v[4*i], v[4*i+2])
		rows[i].c, rows[i].d = join(v[4*i+1], v[4*i+3])
	}
	x.rows(rows)

	Comment("The columns, all at once, and no word has to move for it: the vectors a of two rows each have the registers of columns 0 and 1, those",
		"of rows 0 and 1 being a row of the matrix of P, those of rows 2 and 3 the next; b has columns 2 and 3, and so on. Words 0 and 1 of",
		"both columns are the lower half of such a vector, words 2 and 3 the upper half.")
	columns := []matrix{
		{rows[0].a, rows[1].a, rows[2].a, rows[3].a}, {rows[0].b, rows[1].b, rows[2].b, rows[3].b},
		{rows[0].c, rows[1].c, rows[2].c, rows[3].c}, {rows[0].d, rows[1].d, rows[2].d, rows[3].d},
	}
	Comment("P: the columns.")
	x.gb(columns)
	Comment("The diagonals. (0, 1) of both, (2, 3) of both, turned left by one, are (1, 2) of both, (3, 0) of both.")
	one, three := ZMM(), ZMM()
	VMOVDQU64(indices("turnLeft", 1, 4, 3, 6, 5, 0, 7, 2), one)
	VMOVDQU64(indices("turnRight", 5, 0, 7, 2, 1, 4, 3, 6), three)
	for _, m := range columns {
		VPERMQ(m.b, one, m.b)
		VSHUFI64X2(U8(0b01_00_11_10), m.c, m.c, m.c)
		VPERMQ(m.d, three, m.d)
	}
	x.gb(columns)
	Comment("And back.")
	for _, m := range columns {
		VPERMQ(m.b, three, m.b)
		VSHUFI64X2(U8(0b01_00_11_10), m.c, m.c, m.c)
		VPERMQ(m.d, one, m.d)
	}
	Comment("R is added.")
	for i, m := range rows {
		v[4*i], v[4*i+2] = join(m.a, m.b)
		v[4*i+1], v[4*i+3] = join(m.c, m.d)
	}
	for i := range v {
		VPXORQ(out.Offset(64*i), v[i], v[i])
		VMOVDQU64(v[i], out.Offset(64*i))
	}
	VZEROUPPER()
	RET()
}

// join returns the lower halves of two vectors, and their upper halves. It is its own inverse.
func join(first, second Register) (lower, upper Register) {
	lower, upper = ZMM(), ZMM()
	VSHUFI64X2(U8(0b01_00_01_00), second, first, lower)
	VSHUFI64X2(U8(0b11_10_11_10), second, first, upper)
	return lower, upper
}

// bytes is where the bytes of a word come from, for each word of a vector.
func bytes(name string, from ...uint8) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i := range 32 {
		DATA(i, U8(from[i%8]+uint8(i%16/8*8)))
	}
	return m
}

// indices are eight words.
func indices(name string, words ...uint64) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i, w := range words {
		DATA(8*i, U64(w))
	}
	return m
}
