package hash

import (
	"encoding/binary"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/blake2b"
)

// Argon2 after RFC 9106, for what golang.org/x/crypto/argon2 leaves out: argon2d, version 0x10 (Argon2 1.0, before
// 2016: later passes overwrite instead of adding), secrets and associated data. It is plain Go and computes lanes one
// after another, so it is several times slower than x/crypto; the rows that need it are rare.

// argon2Types maps a variant's name to the number that is hashed.
var argon2Types = map[string]uint32{"argon2d": 0, "argon2i": 1, "argon2id": 2}

const (
	argon2V10 = 0x10
	argon2V13 = 0x13

	argon2Block  = 128 // uint64 in a block of 1 KiB
	argon2Slices = 4
)

// argon2With returns an Argon2 that asks first, where it is not nil, and computes itself what first leaves out.
func argon2With(first Argon2) Argon2 {
	if first == nil {
		first = xcryptoArgon2
	}
	return func(variant string, version int, password, salt, secret, data []byte, time, memory uint32, lanes uint8, length uint32) []byte {
		if key := first(variant, version, password, salt, secret, data, time, memory, lanes, length); key != nil {
			return key
		}
		return argon2Key(variant, version, password, salt, secret, data, time, memory, lanes, length)
	}
}

// xcryptoArgon2 serves argon2i and argon2id of version 0x13 without secret and data.
func xcryptoArgon2(variant string, version int, password, salt, secret, data []byte, time, memory uint32, lanes uint8, length uint32) []byte {
	if version != argon2V13 || len(secret) > 0 || len(data) > 0 {
		return nil
	}
	switch variant {
	case "argon2id":
		return argon2.IDKey(password, salt, time, memory, lanes, length)
	case "argon2i":
		return argon2.Key(password, salt, time, memory, lanes, length)
	}
	return nil
}

// An argon2Fill is the state of one derivation.
type argon2Fill struct {
	kind, version, time, total uint32 // total: blocks
	lanes, laneLen, sliceLen   uint32
	blocks                     [][argon2Block]uint64
}

// argon2Key derives a key. The caller has bounded the parameters.
func argon2Key(variant string, version int, password, salt, secret, data []byte, time, memory uint32, lanes uint8, length uint32) []byte {
	kind, ok := argon2Types[variant]
	if !ok || version != argon2V10 && version != argon2V13 || time == 0 || lanes == 0 || length < 4 {
		return nil
	}
	p := uint32(lanes)
	f := argon2Fill{kind: kind, version: uint32(version), time: time, lanes: p}
	f.sliceLen = max(memory/(argon2Slices*p), 2)
	f.laneLen = argon2Slices * f.sliceLen
	f.total = f.laneLen * p
	f.blocks = make([][argon2Block]uint64, f.total)

	seed := binary.LittleEndian.AppendUint32(nil, p)
	for _, n := range []uint32{length, memory, time, uint32(version), kind} {
		seed = binary.LittleEndian.AppendUint32(seed, n)
	}
	for _, text := range [][]byte{password, salt, secret, data} {
		seed = binary.LittleEndian.AppendUint32(seed, uint32(len(text)))
		seed = append(seed, text...)
	}
	h0 := blake2b.Sum512(seed)
	for lane := range p {
		for i := range uint32(2) {
			in := binary.LittleEndian.AppendUint32(h0[:], i)
			in = binary.LittleEndian.AppendUint32(in, lane)
			block := &f.blocks[lane*f.laneLen+i]
			for j, bytes := 0, blake2bLong(in, 8*argon2Block); j < argon2Block; j++ {
				block[j] = binary.LittleEndian.Uint64(bytes[8*j:])
			}
		}
	}
	for pass := range time {
		for slice := range uint32(argon2Slices) {
			for lane := range p {
				f.segment(pass, slice, lane)
			}
		}
	}

	var last [argon2Block]uint64
	for lane := range p {
		for j, v := range f.blocks[lane*f.laneLen+f.laneLen-1] {
			last[j] ^= v
		}
	}
	out := make([]byte, 0, 8*argon2Block)
	for _, v := range last {
		out = binary.LittleEndian.AppendUint64(out, v)
	}
	return blake2bLong(out, length)
}

// segment fills a quarter of a lane (RFC 9106, section 3.4).
func (f *argon2Fill) segment(pass, slice, lane uint32) {
	fixed := f.kind == 1 || f.kind == 2 && pass == 0 && slice < argon2Slices/2 // addresses that do not depend on the password
	var zero, addresses, counter [argon2Block]uint64
	for i, v := range []uint32{pass, lane, slice, f.total, f.time, f.kind} {
		counter[i] = uint64(v)
	}
	start := uint32(0)
	if pass == 0 && slice == 0 {
		start = 2 // the first two blocks come from the seed
	}
	for i := start; i < f.sliceLen; i++ {
		column := slice*f.sliceLen + i
		before := (column + f.laneLen - 1) % f.laneLen
		prev := &f.blocks[lane*f.laneLen+before]
		random := prev[0]
		if fixed {
			if i%argon2Block == 0 || i == start {
				counter[6] = uint64(i/argon2Block) + 1
				argon2Mix(&addresses, &zero, &counter, false)
				argon2Mix(&addresses, &zero, &addresses, false)
			}
			random = addresses[i%argon2Block]
		}
		ref := &f.blocks[f.reference(pass, slice, lane, i, random)]
		argon2Mix(&f.blocks[lane*f.laneLen+column], prev, ref, pass > 0 && f.version == argon2V13)
	}
}

// reference maps a random number to the block that is mixed in: recent ones are likelier.
func (f *argon2Fill) reference(pass, slice, lane, i uint32, random uint64) uint32 {
	from := uint32(random>>32) % f.lanes
	if pass == 0 && slice == 0 {
		from = lane
	}
	var area, first uint32 // how many blocks may be taken, and where they begin
	if pass == 0 {
		area = slice * f.sliceLen
	} else {
		area = f.laneLen - f.sliceLen
		first = (slice + 1) % argon2Slices * f.sliceLen
	}
	switch {
	case from == lane:
		area += i - 1
	case i == 0:
		area--
	}
	x := uint64(uint32(random))
	x = x * x >> 32
	x = uint64(area) - 1 - uint64(area)*x>>32
	return from*f.laneLen + (first+uint32(x))%f.laneLen
}

// argon2Mix is the compression G: out = P(a^b) ^ a ^ b, added to what out held if add is set.
func argon2Mix(out, a, b *[argon2Block]uint64, add bool) {
	var r, z [argon2Block]uint64
	for i := range r {
		r[i] = a[i] ^ b[i]
	}
	z = r
	for row := 0; row < argon2Block; row += 16 {
		v := (*[16]uint64)(z[row:])
		blamkaRound(v)
	}
	for column := 0; column < 16; column += 2 {
		var v [16]uint64
		for k := range 8 {
			v[2*k], v[2*k+1] = z[16*k+column], z[16*k+column+1]
		}
		blamkaRound(&v)
		for k := range 8 {
			z[16*k+column], z[16*k+column+1] = v[2*k], v[2*k+1]
		}
	}
	for i := range z {
		if add {
			out[i] ^= z[i] ^ r[i]
		} else {
			out[i] = z[i] ^ r[i]
		}
	}
}

// blamkaRound is BLAKE2b's round with multiplications added.
func blamkaRound(v *[16]uint64) {
	blamka(&v[0], &v[4], &v[8], &v[12])
	blamka(&v[1], &v[5], &v[9], &v[13])
	blamka(&v[2], &v[6], &v[10], &v[14])
	blamka(&v[3], &v[7], &v[11], &v[15])
	blamka(&v[0], &v[5], &v[10], &v[15])
	blamka(&v[1], &v[6], &v[11], &v[12])
	blamka(&v[2], &v[7], &v[8], &v[13])
	blamka(&v[3], &v[4], &v[9], &v[14])
}

func blamka(a, b, c, d *uint64) {
	*a += *b + 2*uint64(uint32(*a))*uint64(uint32(*b))
	*d ^= *a
	*d = *d>>32 | *d<<32
	*c += *d + 2*uint64(uint32(*c))*uint64(uint32(*d))
	*b ^= *c
	*b = *b>>24 | *b<<40
	*a += *b + 2*uint64(uint32(*a))*uint64(uint32(*b))
	*d ^= *a
	*d = *d>>16 | *d<<48
	*c += *d + 2*uint64(uint32(*c))*uint64(uint32(*d))
	*b ^= *c
	*b = *b>>63 | *b<<1
}

// blake2bLong is H', the hash of variable length (RFC 9106, section 3.3).
func blake2bLong(in []byte, length uint32) []byte {
	seed := append(binary.LittleEndian.AppendUint32(nil, length), in...)
	if length <= blake2b.Size {
		return blake2bSum(seed, int(length))
	}
	out := make([]byte, 0, length)
	v := blake2bSum(seed, blake2b.Size)
	left := int(length)
	for ; left > blake2b.Size; left -= 32 {
		out = append(out, v[:32]...)
		v = blake2bSum(v, min(left-32, blake2b.Size))
	}
	return append(out, v...)
}

func blake2bSum(in []byte, length int) []byte {
	h, err := blake2b.New(length, nil)
	if err != nil {
		panic("hash: blake2b of more than 64 bytes") // not reached
	}
	h.Write(in)
	return h.Sum(nil)
}
