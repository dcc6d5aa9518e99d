package accountstest

import (
	"sync"
	"testing"
	"time"

	"rekey/accounts"
)

func testTurns(t *testing.T, s accounts.Store) {
	const cost = time.Hour // longer than any test
	take := func(version int64, cost, least, most time.Duration) {
		t.Helper()
		wait, err := s.TakeTurn(t.Context(), version, cost)
		is(t, "TakeTurn", err, nil)
		if wait < least || wait > most {
			t.Errorf("waits %s, want %s to %s", wait, least, most)
		}
	}
	take(1, cost, 0, 0)
	take(1, cost, 59*time.Minute, cost)
	take(1, 2*cost, 119*time.Minute, 2*cost)
	take(1, cost, 239*time.Minute, 4*cost)
	take(2, cost, 0, 0)
	take(2, cost, 59*time.Minute, cost)
	take(1, cost, 0, 0) // back to what was: it is another one again

	for i, cost := range []time.Duration{time.Hour, 2 * time.Hour, time.Hour} { // comparisons have turns of their own, of any rate
		wait, err := s.TakeVerifyTurn(t.Context(), cost)
		is(t, "TakeVerifyTurn", err, nil)
		if want := []time.Duration{0, time.Hour, 3 * time.Hour}[i]; wait > want || wait < want-time.Minute {
			t.Errorf("waits %s, want %s", wait, want)
		}
	}
	take(1, cost, 59*time.Minute, cost)
}

// Who comes a little late for a turn waits less for the next one; who has rested does not.
func testTurnsLate(t *testing.T, s accounts.Store) {
	take := func(version int64, cost time.Duration) time.Duration {
		t.Helper()
		wait, err := s.TakeTurn(t.Context(), version, cost)
		is(t, "TakeTurn", err, nil)
		return wait
	}
	const late, rested = 300 * time.Millisecond, 1200 * time.Millisecond
	for version := int64(1); ; version++ {
		began := time.Now()
		take(version, time.Millisecond)
		<-time.After(late) // the lateness is the store's, by its own clock
		take(version, time.Hour)
		next := take(version, time.Hour)
		if version < 20 && time.Since(began) > 900*time.Millisecond {
			continue // the machine has made it later than can be made up for
		}
		if next > time.Hour-late+50*time.Millisecond {
			t.Errorf("after %s of lateness somebody waits %s for a turn", late, next)
		}
		break
	}
	take(100, time.Millisecond)
	<-time.After(rested)
	before := time.Now()
	take(100, time.Hour)
	if next := take(100, time.Hour); next < time.Hour-time.Since(before)-50*time.Millisecond {
		t.Errorf("after a rest somebody waits only %s", next)
	}
}

func testTurnsRace(t *testing.T, s accounts.Store) {
	var mu sync.Mutex
	slots := map[time.Duration]int{}
	atOnce(t, func() {
		wait, err := s.TakeTurn(t.Context(), 1, time.Hour)
		is(t, "TakeTurn", err, nil)
		mu.Lock()
		defer mu.Unlock()
		slots[wait.Round(time.Hour)]++
	})
	same(t, "turns", len(slots), 50)
	if slots[0] != 1 || slots[49*time.Hour] != 1 {
		t.Errorf("the first %d times, and the last %d times", slots[0], slots[49*time.Hour])
	}
}
