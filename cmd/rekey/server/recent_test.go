package server

import (
	"sync"
	"testing"
	"time"
)

func near(a, b time.Duration) bool { return a >= b && a <= b+b/10 }

func TestRecent(t *testing.T) {
	t.Parallel()
	var r recent
	now := time.Unix(1_800_000_000, 0)
	if s := r.last(now); s.quantile(0.99) != 0 || s.failures() != 0 {
		t.Errorf("nothing has happened, and it is %+v", s)
	}
	for i := range 20 {
		r.add(now.Add(time.Duration(i)*time.Second), time.Duration(i+1)*time.Millisecond, false)
	}
	now = now.Add(19 * time.Second)
	s := r.last(now)
	if n := s.took.Count(); n != recentSeconds {
		t.Errorf("%d of the last ten seconds", n)
	}
	if got := s.quantile(0.99); !near(got, 19*time.Millisecond) { // of 11 to 20, and the slowest says nothing
		t.Errorf("the p99 is %s", got)
	}
	s = r.last(now.Add(4 * time.Second))
	if n := s.took.Count(); n != 6 {
		t.Errorf("%d are left after 4 s", n)
	}
	s = r.last(now.Add(time.Hour))
	if n := s.took.Count(); n != 0 {
		t.Errorf("%d are left after an hour", n)
	}
	r.add(now, time.Millisecond, false) // who was told the time before, and comes after
	s = r.last(now.Add(time.Hour))
	if n := s.took.Count(); n != 1 {
		t.Errorf("one who comes late is lost: %d", n)
	}
}

func TestOneAloneSaysNothing(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	var r recent
	r.add(now, time.Second, false)
	r.add(now, 0, true)
	if s := r.last(now); !near(s.quantile(0.99), time.Second) || s.failures() != 0 {
		t.Errorf("one: %s, %g", s.quantile(0.99), s.failures())
	}
	r.add(now, time.Millisecond, false)
	r.add(now, 0, true)
	if s := r.last(now); !near(s.quantile(0.99), time.Millisecond) || s.failures() != 0.5 {
		t.Errorf("two: %s, %g", s.quantile(0.99), s.failures())
	}
}

func TestRecentByMany(t *testing.T) {
	t.Parallel()
	var r recent
	now := time.Unix(1_800_000_000, 0)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 100 {
				r.add(now, time.Millisecond, i%2 == 0)
				r.last(now)
			}
		})
	}
	all.Wait()
	if s := r.last(now); s.took.Count() != 400 || s.failed != 400 {
		t.Errorf("%d and %d of 800", s.took.Count(), s.failed)
	}
}

func TestMean(t *testing.T) {
	t.Parallel()
	var m mean
	for i, want := range []time.Duration{0, 10, 10, 10, 15} {
		n := uint64(i)
		sum := time.Duration(10 * i)
		if i == 4 {
			sum = 50
			n = 4
		}
		if got := m.over(2, total{n, sum}); got != want {
			t.Errorf("look %d: %d, want %d", i, got, want)
		}
	}
	for range 2 {
		m.over(2, total{4, 50})
	}
	if got := m.over(2, total{4, 50}); got != 0 {
		t.Errorf("nothing has come: %d", got)
	}
}

func BenchmarkRecent(b *testing.B) {
	var r recent
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r.add(time.Now(), 37*time.Millisecond, false)
		}
	})
}
