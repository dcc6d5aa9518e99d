package argon2

import (
	"runtime"
	"slices"
	"sync"
)

// memory is what one derivation works in. While nobody uses it, it is all zeros.
type memory struct {
	blocks []block // those of the derivation, lane by lane
	work   []work  // of each lane
	bytes  [blockSize]byte
	text   []byte // what H_0 is of
	long   []byte // what H' is of
	idle   int    // cycles of the garbage collector that it has lain idle for
}

// mostText is the longest text whose room is kept, in bytes: longer than that of any password of a person.
const mostText = 4 << 10

// work is what a lane needs beside its blocks.
type work struct{ counter, made, addresses, tmp block }

// size is what the blocks take, in bytes. The rest is a few kibibytes.
func (m *memory) size() int64 { return int64(cap(m.blocks)) * blockSize }

// A store keeps memory for the next derivation. Its zero value keeps none.
type store struct {
	most int64 // bytes in use and idle, above which nothing is idle

	mu    sync.Mutex
	idle  []*memory // the last used last
	bytes int64     // idle
	used  int64     // bytes in use
	armed bool
}

// wasteful is how many times as much memory as it needs a derivation may take: else small ones would keep the memory of a large one from
// ever lying idle.
const wasteful = 4

// take returns memory of so many blocks: the smallest that is there and large enough, or new.
func (s *store) take(blocks uint32, lanes uint32) *memory {
	m := s.find(int(blocks))
	if m == nil {
		m = &memory{blocks: make([]block, blocks), text: make([]byte, 0, 256), long: make([]byte, 0, 4+blockSize)}
	}
	m.blocks = m.blocks[:blocks]
	m.work = slices.Grow(m.work[:0], int(lanes))[:lanes]
	return m
}

// find returns memory that lies idle. Where there is none that fits, what lies idle makes room for what is allocated instead.
func (s *store) find(blocks int) *memory {
	s.mu.Lock()
	defer s.mu.Unlock()
	best := -1
	for i, m := range s.idle {
		if cap(m.blocks) >= blocks && cap(m.blocks) <= wasteful*blocks && (best < 0 || cap(m.blocks) <= cap(s.idle[best].blocks)) {
			best = i
		}
	}
	if best < 0 {
		s.used += int64(blocks) * blockSize
		for len(s.idle) > 0 && s.used+s.bytes > s.most {
			s.bytes -= s.idle[0].size()
			s.idle = slices.Delete(s.idle, 0, 1)
		}
		return nil
	}
	m := s.idle[best]
	s.idle = slices.Delete(s.idle, best, best+1)
	s.bytes -= m.size()
	s.used += m.size()
	return m
}

// keep clears memory, and keeps it if there is room.
func (s *store) keep(m *memory) {
	clear(m.blocks)
	clear(m.work)
	clear(m.bytes[:])
	clear(m.text[:cap(m.text)])
	clear(m.long[:cap(m.long)])
	if cap(m.text) > mostText {
		m.text = nil
	}
	m.idle = 0
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= m.size()
	if s.used+s.bytes+m.size() > s.most {
		return
	}
	s.idle = append(s.idle, m)
	s.bytes += m.size()
	s.watch()
}

// watch has age called after the next cycle of the garbage collector.
func (s *store) watch() {
	if s.armed {
		return
	}
	s.armed = true
	runtime.AddCleanup(new([16]byte), func(s *store) { s.age() }, s)
}

// age gives back what lay idle for a whole cycle: whatever is short of memory collects more often.
func (s *store) age() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = false
	s.idle = slices.DeleteFunc(s.idle, func(m *memory) bool {
		m.idle++
		if m.idle > 1 {
			s.bytes -= m.size()
		}
		return m.idle > 1
	})
	if len(s.idle) > 0 {
		s.watch()
	}
}
