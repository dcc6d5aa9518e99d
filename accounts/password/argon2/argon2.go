// Package argon2 computes Argon2d, Argon2i and Argon2id (RFC 9106), versions 0x13 and 0x10, with kernels for AVX2 and AVX-512.
//
// Nearly all of the time of an Argon2 hash is spent in one function of two blocks of a kibibyte, the compression G. A kernel is that
// function; kernel.go chooses one when the program starts, and tests it. The rest is told in the order in which it happens: seed.go makes
// the first blocks from what is hashed, fill.go fills the memory, block.go is G in plain Go, and memory.go keeps memory for the next hash.
//
// # What remains in memory
//
// Whoever knows the filled memory of a hash can try passwords against its first block, at the cost of a BLAKE2b each, and that holds
// for whatever part of it is left: so all of it is made zeros before it is kept for another hash or left to the garbage collector, as are
// the buffers that the password itself was copied to, and the intermediate values that kernels leave on their way. What the caller
// passes in, and the key, are the caller's to clear. Out of reach are the last bytes that BLAKE2b had in hand (in registers, on the
// stack, and at the end of keys of other lengths than 32 and 64 bytes on the heap), and copies that the system makes (a core dump, swap). The
// Generic kernel is the exception: what golang.org/x/crypto computes for it is left to the garbage collector as it is.
//
// It imports nothing else of this repository.
package argon2

import (
	"fmt"
	"math"

	"golang.org/x/crypto/argon2"
)

// A Variant is how blocks are chosen; its number is part of what is hashed (RFC 9106, section 3.2).
type Variant uint32

// The variants.
const (
	D  Variant = 0 // by what has been computed: the order of the reads tells of the password
	I  Variant = 1 // by a counter
	ID Variant = 2 // the first half of the first pass as I, the rest as D
)

// The versions. In 0x10, of before 2016, later passes replace blocks where 0x13 adds to them.
const (
	Version10 = 0x10
	Version13 = 0x13
)

// Params are the costs of a hash.
type Params struct {
	Variant Variant
	Version uint32
	Time    uint32 // passes, 1 or more
	Memory  uint32 // KiB; less than 8 for each lane counts as that
	Lanes   uint8  // 1 or more
	Length  uint32 // of the key, in bytes: 4 or more
}

// Check says what of p is out of what RFC 9106, section 3.1, allows. It bounds nothing else: that is the caller's to do first.
func (p Params) Check() error {
	switch {
	case p.Variant > ID:
		return fmt.Errorf("argon2: variant %d", p.Variant)
	case p.Version != Version10 && p.Version != Version13:
		return fmt.Errorf("argon2: version %#x", p.Version)
	case p.Time < 1:
		return fmt.Errorf("argon2: %d passes", p.Time)
	case p.Lanes < 1:
		return fmt.Errorf("argon2: %d lanes", p.Lanes)
	case p.Length < minLength:
		return fmt.Errorf("argon2: a key of %d bytes", p.Length)
	}
	return nil
}

const minLength = 4

// An Input is what is hashed. Secret and Data may be empty.
type Input struct{ Password, Salt, Secret, Data []byte }

// Config is what a Deriver is made of. Its zero value is the fastest kernel, a lane after the other, and memory for one hash at a time.
type Config struct {
	// Kernel is the name of one of Kernels, or "" for the first of them that works.
	Kernel string
	// Broken is told of each kernel that does not compute what it should, before another one is tried. nil: nobody is.
	Broken func(kernel string)
	// Idle is how many bytes of blocks may be kept for the next hashes, which spares them what they allocate, beside those in use; 0: 64
	// MiB. The garbage collector gets back what was not used since its last cycle.
	Idle int64
	// Borrow asks for up to so many more processors for a while, and returns how many there are, and what gives them back. nil: none.
	// Only with them do lanes run at the same time.
	Borrow func(most int) (got int, giveBack func())
}

// A Deriver derives keys. It is safe for concurrent use.
type Deriver struct {
	kernel kernel
	memory store
	borrow func(most int) (got int, giveBack func())
}

// New returns a Deriver. Its error is ErrKernel.
func New(c Config) (*Deriver, error) {
	k, err := choose(kernels, c.Kernel, c.Broken)
	if err != nil {
		return nil, err
	}
	return newDeriver(k, c), nil
}

func newDeriver(k kernel, c Config) *Deriver {
	d := &Deriver{kernel: k, borrow: c.Borrow}
	if d.memory.most = c.Idle; c.Idle <= 0 {
		d.memory.most = defaultIdle
	}
	return d
}

const defaultIdle = 64 << 20

// Kernel is the name of the kernel at work.
func (d *Deriver) Kernel() string { return d.kernel.name }

// Append appends the key of an input to dst, and returns it. It panics if p.Check has an error, or where more would be hashed than RFC
// 9106 allows: 2^32-1 bytes of each part of an Input.
func (d *Deriver) Append(dst []byte, p Params, in Input) []byte {
	if err := p.Check(); err != nil {
		panic(err.Error())
	}
	for _, part := range [...][]byte{in.Password, in.Salt, in.Secret, in.Data} {
		if uint64(len(part)) > math.MaxUint32 {
			panic("argon2: an input of more than 4 GiB")
		}
	}
	if d.kernel.compress == nil && p.Lanes == 1 { // x/crypto runs lanes at the same time, whoever waits for the processors
		if key, ok := elsewhere(p, in); ok {
			return append(dst, key...)
		}
	}
	f := filling{Params: p, lanes: uint32(p.Lanes), compress: d.kernel.compress}
	if f.compress == nil {
		f.compress = compress
	}
	f.sliceLen = max(p.Memory/(syncPoints*f.lanes), 2)
	f.laneLen = syncPoints * f.sliceLen
	m := d.memory.take(f.laneLen*f.lanes, f.lanes)
	defer d.memory.keep(m) // also if a kernel panics
	f.memory = m
	f.seed(in)
	f.fill(d.borrow)
	return f.key(dst)
}

// IDKey returns what golang.org/x/crypto/argon2.IDKey does: a key of length bytes by argon2id, version 0x13. memory is in KiB. It panics
// where Append does.
func (d *Deriver) IDKey(password, salt []byte, time, memory uint32, lanes uint8, length uint32) []byte {
	p := Params{Variant: ID, Version: Version13, Time: time, Memory: memory, Lanes: lanes, Length: length}
	return d.Append(make([]byte, 0, length), p, Input{Password: password, Salt: salt})
}

// elsewhere has golang.org/x/crypto compute what it can: where there is no kernel here, it has some that are faster than plain Go.
func elsewhere(p Params, in Input) (key []byte, ok bool) {
	if p.Version != Version13 || len(in.Secret)+len(in.Data) > 0 {
		return nil, false
	}
	switch p.Variant {
	case ID:
		return argon2.IDKey(in.Password, in.Salt, p.Time, p.Memory, p.Lanes, p.Length), true
	case I:
		return argon2.Key(in.Password, in.Salt, p.Time, p.Memory, p.Lanes, p.Length), true
	case D:
	}
	return nil, false
}
