package argon2

import (
	"encoding/binary"

	"golang.org/x/crypto/blake2b"
)

// seed makes the first two blocks of each lane (RFC 9106, section 3.2, steps 1 to 4).
func (f *filling) seed(in Input) {
	m := f.memory
	parts := [...][]byte{in.Password, in.Salt, in.Secret, in.Data}
	length := 4 * (6 + len(parts))
	for _, part := range parts {
		length += len(part)
	}
	if cap(m.text) < length { // else append would move what is there, and leave it behind
		m.text = make([]byte, 0, length)
	}
	text := m.text[:0]
	for _, n := range [...]uint32{f.lanes, f.Length, f.Memory, f.Time, f.Version, uint32(f.Variant)} {
		text = binary.LittleEndian.AppendUint32(text, n)
	}
	for _, part := range parts {
		text = binary.LittleEndian.AppendUint32(text, uint32(len(part)))
		text = append(text, part...)
	}

	// H_0, and behind it the number of the block and of its lane.
	var h0 [blake2b.Size + 8]byte
	*(*[blake2b.Size]byte)(h0[:]) = blake2b.Sum512(text)
	for lane := range f.lanes {
		binary.LittleEndian.PutUint32(h0[blake2b.Size+4:], lane)
		for i := range uint32(2) {
			binary.LittleEndian.PutUint32(h0[blake2b.Size:], i)
			f.long(m.bytes[:0], h0[:], blockSize)
			readBlock(&m.blocks[lane*f.laneLen+i], &m.bytes)
		}
	}
	clear(h0[:])
}

// key appends the key that the filled memory comes to (RFC 9106, section 3.2, steps 7 and 8).
func (f *filling) key(dst []byte) []byte {
	m := f.memory
	last := &m.blocks[f.laneLen-1]
	for lane := uint32(1); lane < f.lanes; lane++ {
		for i, v := range &m.blocks[lane*f.laneLen+f.laneLen-1] {
			last[i] ^= v
		}
	}
	writeBlock(last, &m.bytes)
	return f.long(dst, m.bytes[:], f.Length)
}

// long appends H', the hash of variable length (RFC 9106, section 3.3).
func (f *filling) long(dst, in []byte, length uint32) []byte {
	text := append(binary.LittleEndian.AppendUint32(f.memory.long[:0], length), in...)
	if length <= blake2b.Size {
		return short(dst, text, int(length))
	}
	v := blake2b.Sum512(text)
	dst = append(dst, v[:half]...)
	left := int(length) - half
	for ; left > blake2b.Size; left -= half {
		v = blake2b.Sum512(v[:])
		dst = append(dst, v[:half]...)
	}
	dst = short(dst, v[:], left)
	clear(v[:])
	return dst
}

// half of each digest but the last is what becomes of it.
const half = blake2b.Size / 2

// short appends the BLAKE2b of so many bytes, 1 to 64 (RFC 7693).
func short(dst, in []byte, length int) []byte {
	switch length {
	case blake2b.Size256:
		sum := blake2b.Sum256(in)
		return append(dst, sum[:]...)
	case blake2b.Size:
		sum := blake2b.Sum512(in)
		return append(dst, sum[:]...)
	}
	h, err := blake2b.New(length, nil)
	if err != nil {
		panic("argon2: BLAKE2b of more than 64 bytes") // not reached
	}
	_, _ = h.Write(in) // a hash.Hash has no error
	return h.Sum(dst)
}
