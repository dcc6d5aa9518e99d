package gateway

import (
	"testing"
	"testing/synctest"
	"time"
)

// Whatever a refusal took, it leaves at the floor.
func TestFloorHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFloor(300*time.Millisecond, time.Second, time.Now)
		for _, took := range []time.Duration{0, time.Millisecond, 250 * time.Millisecond} {
			arrived := time.Now()
			time.Sleep(took) // the work, in a bubble of synctest
			f.hold(t.Context(), "class", arrived)
			if at := time.Since(arrived); at != 300*time.Millisecond {
				t.Errorf("work of %v left after %v", took, at)
			}
		}
	})
}

// A class that is slower than the floor lifts it for all, up to the limit, and no longer than it is recent.
func TestFloorRises(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFloor(300*time.Millisecond, time.Second, time.Now)
		for range floorEvery {
			f.observe("slow", 500*time.Millisecond)
		}
		if rest := f.observe("fast", 0); rest != 600*time.Millisecond {
			t.Errorf("with a class of 500 ms the floor is %v, want 1.2 times that", rest)
		}
		for range floorEvery {
			f.observe("slower", 5*time.Second)
		}
		if rest := f.observe("fast", 0); rest != time.Second {
			t.Errorf("the floor is %v, want at most 1 s", rest)
		}
		time.Sleep(floorRecent + time.Second)
		for range floorEvery {
			f.observe("fast", 0)
		}
		if rest := f.observe("fast", 0); rest != 300*time.Millisecond {
			t.Errorf("long after the slow ones the floor is %v, want 300 ms", rest)
		}
	})
}
