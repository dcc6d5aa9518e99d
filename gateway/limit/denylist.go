package limit

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// A Denylist knows the sessions that were ended before their access tokens expire. It is safe for concurrent use.
type Denylist interface {
	// Revoke puts a session on the list until all its access tokens have expired.
	Revoke(ctx context.Context, session string, until time.Time)
	// Revoked reports whether it is there. It reads memory and never waits.
	Revoked(session string) bool
}

// LocalDenylist is the Denylist of this process alone. Its memory is bounded: when it is full, the entry that would
// have ended first goes, and its session's access tokens live out their few minutes.
type LocalDenylist struct {
	now     func() time.Time
	seed    maphash.Seed
	shards  []denyShard
	count   atomic.Int64 // entries, so that an empty list costs next to nothing
	evicted atomic.Uint64
}

type denyShard struct {
	mu     sync.RWMutex
	untils table
}

// NewLocalDenylist returns an empty list. MaxKeys is how many sessions it holds.
func NewLocalDenylist(c LocalConfig) *LocalDenylist {
	l := &LocalDenylist{now: c.Now, seed: maphash.MakeSeed()}
	if l.now == nil {
		l.now = time.Now
	}
	if c.MaxKeys <= 0 {
		c.MaxKeys = defaultMaxKeys
	}
	l.shards = make([]denyShard, shardCount(c.MaxKeys))
	for i := range l.shards {
		l.shards[i].untils = newTable(c.MaxKeys / len(l.shards))
	}
	return l
}

// Revoke implements Denylist. An entry is only ever prolonged.
func (l *LocalDenylist) Revoke(_ context.Context, session string, until time.Time) {
	now, end := l.now().UnixMicro(), until.UnixMicro()
	if end <= now {
		return
	}
	s, id := l.shard(session)
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.untils.heap)
	s.untils.trim(now)
	if old, ok := s.untils.get(id); !ok || old < end {
		if _, full := s.untils.set(id, end); full {
			l.evicted.Add(1)
		}
	}
	l.count.Add(int64(len(s.untils.heap) - before))
}

// Revoked implements Denylist.
func (l *LocalDenylist) Revoked(session string) bool {
	if l.count.Load() == 0 {
		return false
	}
	s, id := l.shard(session)
	s.mu.RLock()
	defer s.mu.RUnlock()
	until, ok := s.untils.get(id)
	return ok && until > l.now().UnixMicro()
}

// Evicted counts the sessions that were forgotten too early for want of room.
func (l *LocalDenylist) Evicted() uint64 { return l.evicted.Load() }

func (l *LocalDenylist) shard(session string) (*denyShard, uint64) {
	id := maphash.String(l.seed, session)
	return &l.shards[id%uint64(len(l.shards))], id
}
