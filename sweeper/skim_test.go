package sweeper

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/legacy"
)

// A rate is one of people who are moved: who is here already takes no turn, and many of them are read at a time. No more are moved
// at once than the rate allows all the same.
func TestRateIsOfThoseWhoMove(t *testing.T) {
	t.Parallel()
	const people = 900
	for _, row := range []struct {
		rate  string
		most  int64 // at once
		fresh int   // people, behind all others but some
	}{{"0.001", 1, 0}, {"0.001", 1, 1}, {"40", 10, 12}} {
		t.Run(fmt.Sprintf("%s a second, %d new", row.rate, row.fresh), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, people)
			fresh := make([]legacy.User, row.fresh)
			for i := range fresh {
				id := strconv.Itoa(1000 + people - 100 + i)
				fresh[i], _ = w.shop.Get(t.Context(), id)
				w.shop.Remove(id)
			}
			if _, err := w.attend(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			for _, user := range fresh {
				w.shop.Put(user)
			}
			s := w.sweeper()
			w.set(s, `{"state": "running", "accounts_per_second": `+row.rate+`, "workers": 1, "chunk": 100000}`)
			w.tick(s)
			w.tick(s)
			w.tick(s)
			run := w.lastRun()
			var pages, moved atomic.Int64
			w.shop.onPage = func([]legacy.User) { pages.Add(1) }
			s.worker.Progress = func(c accounts.Chunk, _ int64) {
				n, err := CountsOf(c)
				if now := n.Outcomes[accounts.OutcomeMoved]; err != nil || now-moved.Swap(now) > row.most {
					t.Errorf("%d at once (%v)", now, err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a turn at the slow rate takes a quarter of an hour
			defer cancel()
			for more := true; more; {
				var err error
				if more, err = s.Work(ctx); err != nil {
					t.Fatal(err)
				}
			}
			_, n := w.counts(run.ID)
			if n.Outcomes[accounts.OutcomeMoved] != int64(row.fresh) || n.People() != people || pages.Load() > people/10 {
				t.Errorf("%+v, in %d pages", n, pages.Load())
			}
			w.exactly(people)
		})
	}
}
