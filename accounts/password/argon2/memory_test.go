package argon2

import (
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// zeros reports whether all of it is.
func (m *memory) zeros() bool {
	for _, b := range m.blocks[:cap(m.blocks)] {
		if b != (block{}) {
			return false
		}
	}
	for _, w := range m.work[:cap(m.work)] {
		if w != (work{}) {
			return false
		}
	}
	zero := func(b byte) bool { return b == 0 }
	all := func(bytes []byte) bool { return !slices.ContainsFunc(bytes, func(b byte) bool { return !zero(b) }) }
	return all(m.bytes[:]) && all(m.text[:cap(m.text)]) && all(m.long[:cap(m.long)])
}

// Derivations that overlap never work in the same memory, whatever their sizes, and find nothing of those before.
func TestMemoryIsNobodyElses(t *testing.T) {
	t.Parallel()
	var s store
	s.most = 1 << 20
	var all sync.WaitGroup
	for worker := range uint64(8) {
		all.Go(func() {
			for i := range uint64(2000) {
				m := s.take(uint32(8+(worker+i)%5*16), uint32(1+i%4))
				if !m.zeros() {
					t.Error("it holds something of another")
				}
				for _, of := range [][]block{m.blocks, {m.work[0].tmp}} {
					for j := range of {
						of[j][0], of[j][words-1] = worker+1, i
					}
				}
				runtime.Gosched()
				for j := range m.blocks {
					if m.blocks[j][0] != worker+1 || m.blocks[j][words-1] != i {
						t.Error("somebody else has written to it")
						return
					}
				}
				s.keep(m)
			}
		})
	}
	all.Wait()
	if s.bytes > s.most || len(s.idle) == 0 {
		t.Errorf("%d bytes of %d lie idle", s.bytes, s.most)
	}
}

// Nothing of a hash remains, whatever becomes of it.
func TestNothingRemains(t *testing.T) {
	t.Parallel()
	long := make([]byte, 3000)
	for i := range long {
		long[i] = 0xa5
	}
	for name, d := range derivers(t) {
		if name == Generic {
			continue
		}
		for _, lanes := range []uint8{1, 4} {
			d.Append(nil, Params{ID, Version13, 2, 64, lanes, 200}, Input{Password: long, Salt: long[:16], Secret: long, Data: long})
		}
		if len(d.memory.idle) != 1 || !d.memory.idle[0].zeros() {
			t.Errorf("%s: %d lie idle, or hold something", name, len(d.memory.idle))
		}
	}
	calls := 0
	d := newDeriver(kernel{"panics", func(out, a, b, tmp *block, xor bool) {
		if calls++; calls == 40 {
			panic("a fault")
		}
		compress(out, a, b, tmp, xor)
	}}, Config{})
	func() {
		defer func() { _ = recover() }()
		d.Append(nil, Params{ID, Version13, 2, 64, 1, 32}, Input{Password: long, Salt: long[:16]})
		t.Error("the kernel did not panic")
	}()
	if len(d.memory.idle) != 1 || !d.memory.idle[0].zeros() {
		t.Error("after a panic something is left")
	}
}

// The memory of a large derivation is not kept busy by small ones, and a small one's may be a little larger than it needs.
func TestMemoryFits(t *testing.T) {
	t.Parallel()
	s := store{most: 1 << 20}
	large := s.take(400, 1)
	s.keep(large)
	if small := s.take(8, 1); small == large {
		t.Error("a small derivation takes the memory of a large one")
	} else {
		s.keep(small)
	}
	if other := s.take(200, 1); other != large {
		t.Error("a derivation that needs half of it does not")
	}
}

// What lies idle makes room for what is allocated: together they are no more than may be, or nothing is idle.
func TestIdleMemoryMakesRoom(t *testing.T) {
	t.Parallel()
	s := store{most: 130 * blockSize}
	first, second := s.take(64, 1), s.take(64, 1)
	s.keep(first)
	s.keep(second)
	if len(s.idle) != 2 || s.used != 0 {
		t.Fatalf("%d lie idle, %d bytes are in use", len(s.idle), s.used)
	}
	large := s.take(100, 1)
	if len(s.idle) != 0 || s.bytes != 0 || s.used != 100*blockSize {
		t.Errorf("beside a large one %d lie idle, of %d bytes; %d bytes are in use", len(s.idle), s.bytes, s.used)
	}
	s.keep(large)
	if len(s.idle) != 1 || s.bytes != 100*blockSize || s.used != 0 {
		t.Errorf("%d lie idle, of %d bytes; %d bytes are in use", len(s.idle), s.bytes, s.used)
	}
}

// Memory for the whole of what may lie idle is kept, whatever its lanes.
func TestMemoryOfTheWholeIsKept(t *testing.T) {
	t.Parallel()
	s := store{most: 64 * blockSize}
	m := s.take(64, 4)
	s.keep(m)
	if again := s.take(64, 4); again != m {
		t.Error("it is given back")
	}
}

// What lies idle for a whole cycle of the garbage collector is given back, and no more is kept than may be.
func TestMemoryIsGivenBack(t *testing.T) { // not parallel: it collects garbage
	var s store
	s.most = 3 * 64 * blockSize
	var taken []*memory
	for range 5 {
		taken = append(taken, s.take(64, 1))
	}
	for _, m := range taken {
		s.keep(m)
	}
	held := func() (int, int64) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.idle), s.bytes
	}
	if n, bytes := held(); n != 3 || bytes != s.most {
		t.Errorf("%d lie idle, of %d bytes; want 3 of %d", n, bytes, s.most)
	}
	s.keep(s.take(64, 1))
	for until := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		if n, bytes := held(); n == 0 && bytes == 0 {
			break
		}
		if time.Now().After(until) {
			n, bytes := held()
			t.Fatalf("%d lie idle, of %d bytes", n, bytes)
		}
		runtime.GC()
	}
}
