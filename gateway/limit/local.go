package limit

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

const (
	defaultMaxKeys = 100_000 // about 10 MB when full
	maxRules       = 64
	shards         = 64
)

// LocalConfig sizes a Local. A field that is zero means the default.
type LocalConfig struct {
	MaxKeys int              // keys kept for each rule; 100,000. Fewer than 4,096 are kept exactly, more in rounds of 64
	Now     func() time.Time // time.Now
}

// Local is the Limiter of this process alone.
//
// Its memory is bounded. When there is no room for another key it forgets the one that has used the least, and
// remembers how much that was: from then on every key that is not kept is taken to have used as much. So a flood of
// made-up names can make the limit stricter for newcomers for a while, but it can never win anybody a token: forgetting
// fails safe. (The idea is that of the Space-Saving sketch of Metwally, Agrawal and El Abbadi, 2005.)
type Local struct {
	now     func() time.Time
	maxKeys int
	seed    maphash.Seed // secret and random: nobody can choose keys that collide
	mu      sync.RWMutex
	rules   map[string][]shard
	evicted atomic.Uint64
}

type shard struct {
	mu    sync.Mutex
	tats  table
	floor int64 // the latest tat of a key that was forgotten alive
}

// NewLocal returns a Local.
func NewLocal(c LocalConfig) *Local {
	l := &Local{now: c.Now, maxKeys: c.MaxKeys, seed: maphash.MakeSeed(), rules: map[string][]shard{}}
	if l.now == nil {
		l.now = time.Now
	}
	if l.maxKeys <= 0 {
		l.maxKeys = defaultMaxKeys
	}
	return l
}

// Take implements Limiter. It returns ErrRule for the 65th rule name too: names come from the program, and each has a
// table of its own.
func (l *Local) Take(_ context.Context, key string, rule Rule, n int64) (Decision, error) {
	spec, err := rule.checked(n)
	if err != nil {
		return Decision{}, err
	}
	s, id, err := l.shard(key, rule)
	if err != nil {
		return Decision{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := l.now().UnixMicro()
	tat, ok := s.tats.get(id)
	if !ok {
		tat = s.floor
	}
	tat, d := spec.take(tat, now, n)
	if d.OK {
		l.put(s, id, tat, now)
	}
	return d, nil
}

// Give implements Limiter.
func (l *Local) Give(_ context.Context, key string, rule Rule, n int64) {
	spec, err := rule.checked(n)
	if err != nil {
		return // Take has told
	}
	s, id, err := l.shard(key, rule)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := l.now().UnixMicro()
	tat, ok := s.tats.get(id)
	if !ok {
		return // forgotten since: what was taken counts no more, or as much as everybody's
	}
	if tat = spec.give(tat, now, n); tat == now {
		s.tats.drop(id)
		return
	}
	s.tats.set(id, tat)
}

// Forget implements Limiter, for this process.
func (l *Local) Forget(ctx context.Context, key string, rule Rule) error {
	l.Give(ctx, key, rule, rule.Burst)
	return rule.Check()
}

// raise takes over what a shared count knows of a key, by how much its tat is ahead of now, where that is more.
func (l *Local) raise(key string, rule Rule, debt int64) {
	s, id, err := l.shard(key, rule)
	if err != nil {
		return // Take has told
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := l.now().UnixMicro()
	if tat, _ := s.tats.get(id); now+debt > max(tat, now) {
		l.put(s, id, now+debt, now)
	}
}

func (l *Local) put(s *shard, id uint64, tat, now int64) {
	s.tats.trim(now)
	if forgotten, full := s.tats.set(id, tat); full {
		s.floor = max(s.floor, forgotten)
		l.evicted.Add(1)
	}
}

// Evicted counts the keys that were forgotten alive for want of room.
func (l *Local) Evicted() uint64 { return l.evicted.Load() }

// Keys counts the keys that are kept, over all rules.
func (l *Local) Keys() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	n := 0
	for _, all := range l.rules {
		for i := range all {
			all[i].mu.Lock()
			n += len(all[i].tats.heap)
			all[i].mu.Unlock()
		}
	}
	return n
}

// shard returns where key is counted under rule, and as what.
func (l *Local) shard(key string, rule Rule) (*shard, uint64, error) {
	l.mu.RLock()
	all := l.rules[rule.Name]
	l.mu.RUnlock()
	if all == nil {
		var err error
		if all, err = l.addRule(rule.Name); err != nil {
			return nil, 0, err
		}
	}
	id := maphash.String(l.seed, key)
	return &all[id%uint64(len(all))], id, nil
}

func (l *Local) addRule(name string) ([]shard, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if all := l.rules[name]; all != nil {
		return all, nil
	}
	if len(l.rules) >= maxRules {
		return nil, fmt.Errorf("%w: more than %d of them", ErrRule, maxRules)
	}
	all := make([]shard, shardCount(l.maxKeys))
	for i := range all {
		all[i].tats = newTable(l.maxKeys / len(all))
	}
	l.rules[name] = all
	return all, nil
}

// shardCount spreads keys over locks, unless each would have so few that some fill up long before others.
func shardCount(maxKeys int) int {
	if maxKeys < shards*shards {
		return 1
	}
	return shards
}
