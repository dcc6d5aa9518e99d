package hash

import (
	"encoding/binary"
	gohash "hash"
	"math/bits"
)

// Whirlpool by Barreto and Rijmen, the final version of 2003 (ISO/IEC 10118-3), which nothing we import has. The tables
// are made from the cipher's three small boxes at each New: some 10 microseconds, and no table of 256 numbers to trust.

const (
	whirlpoolSize  = 64
	whirlpoolBlock = 64
)

type whirlpool struct {
	tables *[8][256]uint64
	rounds [10]uint64
	state  [8]uint64
	buffer []byte // less than a block
	length uint64 // bytes; 2^61 are enough
}

func newWhirlpool() gohash.Hash {
	w := &whirlpool{tables: new([8][256]uint64)}
	sbox := whirlpoolSBox()
	for x, s := range sbox {
		var row uint64 // the circulant MDS matrix's first row, times s
		for _, factor := range [8]byte{1, 1, 4, 1, 8, 5, 2, 9} {
			row = row<<8 | uint64(whirlpoolTimes(s, factor))
		}
		for t := range w.tables {
			w.tables[t][x] = bits.RotateLeft64(row, -8*t)
		}
	}
	for r := range w.rounds {
		w.rounds[r] = binary.BigEndian.Uint64(sbox[8*r:])
	}
	return w
}

// whirlpoolSBox combines the boxes E, its inverse, and R as the specification's figure 1 does.
func whirlpoolSBox() (sbox [256]byte) {
	e := [16]byte{0x1, 0xb, 0x9, 0xc, 0xd, 0x6, 0xf, 0x3, 0xe, 0x8, 0x7, 0x4, 0xa, 0x2, 0x5, 0x0}
	r := [16]byte{0x7, 0xc, 0xb, 0xd, 0xe, 0x4, 0x9, 0xf, 0x6, 0x3, 0x8, 0xa, 0x2, 0x5, 0x1, 0x0}
	var inverse [16]byte
	for x, y := range e {
		inverse[y] = byte(x)
	}
	for x := range sbox {
		high, low := e[x>>4], inverse[x&15]
		mix := r[high^low]
		sbox[x] = e[high^mix]<<4 | inverse[low^mix]
	}
	return sbox
}

// whirlpoolTimes multiplies in GF(2^8) modulo x^8+x^4+x^3+x^2+1.
func whirlpoolTimes(a, b byte) (product byte) {
	for ; b > 0; b >>= 1 {
		if b&1 == 1 {
			product ^= a
		}
		carry := a >> 7
		a = a<<1 ^ carry*0x1d
	}
	return product
}

func (w *whirlpool) Size() int      { return whirlpoolSize }
func (w *whirlpool) BlockSize() int { return whirlpoolBlock }

func (w *whirlpool) Reset() { w.state, w.buffer, w.length = [8]uint64{}, w.buffer[:0], 0 }

func (w *whirlpool) Write(p []byte) (int, error) {
	w.length += uint64(len(p))
	n := len(p)
	if len(w.buffer) > 0 {
		take := min(len(p), whirlpoolBlock-len(w.buffer))
		w.buffer = append(w.buffer, p[:take]...)
		p = p[take:]
		if len(w.buffer) < whirlpoolBlock {
			return n, nil
		}
		w.block(w.buffer)
		w.buffer = w.buffer[:0]
	}
	for ; len(p) >= whirlpoolBlock; p = p[whirlpoolBlock:] {
		w.block(p)
	}
	w.buffer = append(w.buffer, p...)
	return n, nil
}

func (w *whirlpool) Sum(b []byte) []byte {
	end := *w // what is written on must not change
	end.buffer = append([]byte(nil), w.buffer...)
	pad := append([]byte{0x80}, make([]byte, (whirlpoolBlock+31-len(w.buffer))%whirlpoolBlock)...)
	var length [32]byte // 256 bits, big-endian
	binary.BigEndian.PutUint64(length[24:], w.length*8)
	_, _ = end.Write(append(pad, length[:]...)) // never fails
	for _, word := range end.state {
		b = binary.BigEndian.AppendUint64(b, word)
	}
	return b
}

// block is the Miyaguchi-Preneel step: ten rounds of the cipher under the state as key.
func (w *whirlpool) block(p []byte) {
	var message, text [8]uint64
	key := w.state
	for i := range message {
		message[i] = binary.BigEndian.Uint64(p[8*i:])
		text[i] = message[i] ^ key[i]
	}
	for _, constant := range w.rounds {
		key = w.round(&key)
		key[0] ^= constant
		text = w.round(&text)
		for i := range text {
			text[i] ^= key[i]
		}
	}
	for i := range w.state {
		w.state[i] ^= text[i] ^ message[i]
	}
}

// round substitutes, shifts columns and mixes rows.
func (w *whirlpool) round(in *[8]uint64) (out [8]uint64) {
	for i := range out {
		for t := range w.tables {
			out[i] ^= w.tables[t][byte(in[(i-t)&7]>>(56-8*t))]
		}
	}
	return out
}
