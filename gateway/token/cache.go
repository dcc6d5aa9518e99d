package token

import (
	"crypto/sha256"
	"sync"
	"time"
)

const (
	defaultCacheSize = 16384 // entries of less than 1 KiB
	cacheShards      = 16
)

// A cache remembers verified access tokens by their SHA-256. What it forgets is verified anew, so it may forget
// anything at any time; what it holds counts only for the set of keys that it was verified with, and until it expires.
type cache struct {
	room   int // entries per shard
	shards [cacheShards]shard
}

type shard struct {
	mu      sync.RWMutex
	entries map[[sha256.Size]byte]entry
}

type entry struct {
	claims     Claims
	session    string // SessionID as text
	generation uint64 // of the snapshot of the keys
}

// newCache returns a cache of at most size entries; with a size below 1 it remembers nothing.
func newCache(size int) *cache {
	c := &cache{}
	if size > 0 {
		c.room = max(1, size/cacheShards)
	}
	for i := range c.shards {
		c.shards[i].entries = map[[sha256.Size]byte]entry{}
	}
	return c
}

func (c *cache) shard(sum [sha256.Size]byte) *shard { return &c.shards[sum[0]%cacheShards] }

// get returns the entry if it counts at this generation and time; one that does not is dropped.
func (c *cache) get(sum [sha256.Size]byte, generation uint64, now time.Time) (entry, bool) {
	s := c.shard(sum)
	s.mu.RLock()
	e, ok := s.entries[sum]
	s.mu.RUnlock()
	if !ok {
		return entry{}, false
	}
	if e.generation != generation || !now.Before(e.claims.ExpiresAt) {
		c.drop(sum)
		return entry{}, false
	}
	return e, true
}

func (c *cache) put(sum [sha256.Size]byte, e entry, now time.Time) {
	if c.room == 0 {
		return
	}
	s := c.shard(sum)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.entries[sum]; !ok && len(s.entries) >= c.room {
		s.evict(now)
	}
	s.entries[sum] = e
}

// evict makes room for one: the first expired of a few entries, or else the last looked at. A map is walked from a
// random place, so that nobody can choose whom to push out.
func (s *shard) evict(now time.Time) {
	looked := 0
	var victim [sha256.Size]byte
	for sum, e := range s.entries {
		victim = sum
		if looked++; looked == 8 || !now.Before(e.claims.ExpiresAt) {
			break
		}
	}
	delete(s.entries, victim)
}

func (c *cache) drop(sum [sha256.Size]byte) {
	s := c.shard(sum)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.entries, sum)
}
