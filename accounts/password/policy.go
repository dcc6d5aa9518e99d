package password

import (
	"errors"
	"fmt"
)

// Errors about strings. Compare with errors.Is. Both mean "cannot tell", never "wrong password".
var (
	// ErrMalformed: the stored string is not exactly of the shape that this package writes.
	ErrMalformed = errors.New("malformed password hash")
	// ErrBounds: the stored string, or the policy, asks for more memory or time than is ever spent.
	ErrBounds = errors.New("argon2id parameters exceed the bounds")
)

// What a stored string or a policy may ask for. A stored string is foreign: a row that somebody planted must not
// cost a minute of a core or the machine's memory.
const (
	maxMemoryKiB = 256 << 10
	maxTime      = 20
	maxLanes     = 16
	maxWork      = 1 << 20 // KiB times passes: 1 GiB of memory traffic, about 1 s of a core
	minSalt      = 8       // bytes; RFC 9106, 3.1
	maxSalt      = 64
	minSum       = 16
	maxSum       = 64
	newSalt      = 16 // RFC 9106, 3.1
	newSum       = 32
)

// A Policy is the cost of an argon2id hash (RFC 9106). A field that is zero means the default.
type Policy struct {
	MemoryKiB uint32
	Time      uint32 // passes over the memory
	Lanes     uint8  // of one hash; they run at the same time where permits are lent, see Pool.Borrow
}

// DefaultPolicy is the second choice of OWASP's Password Storage Cheat Sheet: 19 MiB, two passes, one lane; about
// 10 ms of a core with AVX-512, and 30 ms without a kernel.
func DefaultPolicy() Policy { return Policy{MemoryKiB: 19456, Time: 2, Lanes: 1} }

// Check returns an error that wraps ErrBounds and names the parameter if p cannot be used.
func (p Policy) Check() error {
	p = p.orDefault()
	for _, b := range []struct {
		name           string
		value, low, hi uint64
	}{
		{"lanes", uint64(p.Lanes), 1, maxLanes},
		{"time", uint64(p.Time), 1, maxTime},
		{"memory (KiB)", uint64(p.MemoryKiB), 8 * uint64(p.Lanes), maxMemoryKiB}, // at least 8*p: RFC 9106, 3.1
		{"memory (KiB) times time", p.work(), 1, maxWork},
	} {
		if b.value < b.low || b.value > b.hi {
			return fmt.Errorf("%w: %s must be %d to %d", ErrBounds, b.name, b.low, b.hi)
		}
	}
	return nil
}

func (p Policy) orDefault() Policy {
	d := DefaultPolicy()
	if p.MemoryKiB == 0 {
		p.MemoryKiB = d.MemoryKiB
	}
	if p.Time == 0 {
		p.Time = d.Time
	}
	if p.Lanes == 0 {
		p.Lanes = d.Lanes
	}
	return p
}

// memory is what one hash takes, in bytes.
func (p Policy) memory() int64 { return int64(p.MemoryKiB) << 10 }

// work is what one hash costs a CPU or GPU: the memory traffic.
func (p Policy) work() uint64 { return uint64(p.MemoryKiB) * uint64(p.Time) }

// area is what one hash costs dedicated hardware, the time-area product of the Argon2 paper: memory held times the
// time it is held for.
func (p Policy) area() uint64 { return uint64(p.MemoryKiB) * p.work() }

// weakerThan reports whether p is cheaper to attack than q, on a CPU or on dedicated hardware. Memory bought with
// fewer passes is not weaker as long as neither cost falls: 46 MiB in one pass is not replaced by 19 MiB in two.
// Lanes do not count: they make the hash quicker for both sides.
func (p Policy) weakerThan(q Policy) bool { return p.work() < q.work() || p.area() < q.area() }
