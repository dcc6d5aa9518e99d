package pass_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/legacy"
	"rekey/legacy/legacytest"
	"rekey/sweeper/pass"
)

// begin is a comparison by small pages, whose notices are kept.
func (w *world) begin(ctx context.Context, change func(*pass.CompareConfig)) (accounts.Validation, []string, error) {
	var mu sync.Mutex
	var notices []string
	c := pass.CompareConfig{
		Service: w.Service, Sources: []string{"shop"}, Workers: 2, By: because, Page: 5, Pause: time.Millisecond,
		Notice: func(text string) {
			mu.Lock()
			defer mu.Unlock()
			notices = append(notices, text)
		},
	}
	if change != nil {
		change(&c)
	}
	v, err := pass.Compare(ctx, c)
	return v, notices, err
}

// compared is a world of people who are all here as they are there.
func compared(t *testing.T, people int) *world {
	t.Helper()
	w := newWorld(t, people)
	if err := w.copy(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

// A comparison that was interrupted goes on where it was, and counts nobody twice.
func TestCompareGoesOn(t *testing.T) {
	t.Parallel()
	w := compared(t, 43)
	w.shop.Change("1041", func(u *legacy.User) { u.Email = "new@example.org" })
	ctx, stop := context.WithCancel(t.Context())
	_, _, err := w.begin(ctx, func(c *pass.CompareConfig) {
		c.Progress = func(p pass.Progress) {
			if p.Done >= 20 {
				stop()
			}
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if all, err := w.store.Validations(t.Context(), 10); err != nil || len(all) != 0 {
		t.Fatalf("%d passes are kept (%v)", len(all), err)
	}
	p, err := w.VerifyProgress(t.Context())
	if err != nil || p.Chunks[accounts.ChunkMatched] < 2 || p.Sources[0].Counts[accounts.VerdictEqual] < 20 {
		t.Errorf("%+v, %v", p, err)
	}
	var again atomic.Int64
	v, notices, err := w.begin(t.Context(), func(c *pass.CompareConfig) { c.Progress = func(p pass.Progress) { again.Store(p.Done) } })
	if err != nil {
		t.Fatal(err)
	}
	counts(t, v, map[accounts.Verdict]int{accounts.VerdictEqual: 42, accounts.VerdictDifferent: 1})
	if v.ID != p.Run.ID || again.Load() > 23 || len(notices) != 1 || !strings.HasPrefix(notices[0], "going on") {
		t.Errorf("%s after %s, %d people again, %q", v.ID, p.Run.ID, again.Load(), notices)
	}
	if v, notices, err = w.begin(t.Context(), nil); err != nil || v.ID == p.Run.ID || len(notices) != 0 {
		t.Errorf("after its end: %s, %q, %v", v.ID, notices, err)
	}
}

// Where a worker was killed, another does its chunk as soon as the claim has ended; what the first writes then is refused.
func TestCompareAfterAKill(t *testing.T) {
	t.Parallel()
	w := compared(t, 17)
	v, err := w.Verify(t.Context(), accounts.VerifySpec{Sources: []string{"shop"}}, because)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Cut(t.Context(), accounts.Part{Source: "shop"}, accounts.Part{Source: "shop", Cut: "1009"}, accounts.Chunk{Through: "1009"}); err != nil {
		t.Fatal(err)
	}
	c, err := v.Claim(t.Context(), "killed", 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	found, _, err := w.begin(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	counts(t, found, map[accounts.Verdict]int{accounts.VerdictEqual: 17})
	if err := v.Keep(t.Context(), c, 0, 0); !errors.Is(err, accounts.ErrStale) {
		t.Errorf("the killed one writes on: %v", err)
	}
}

// Another comparison than the one that was begun begins anew, and says why.
func TestCompareAnew(t *testing.T) {
	t.Parallel()
	w := compared(t, 17)
	ctx, stop := context.WithCancel(t.Context())
	if _, _, err := w.begin(ctx, func(c *pass.CompareConfig) { c.Progress = func(pass.Progress) { stop() } }); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	v, notices, err := w.begin(t.Context(), func(c *pass.CompareConfig) { c.Repair = true })
	if err != nil || len(notices) != 1 || !strings.HasPrefix(notices[0], "beginning anew") {
		t.Fatalf("%q, %v", notices, err)
	}
	counts(t, v, map[accounts.Verdict]int{accounts.VerdictEqual: 17})
}

// While a store does not answer a comparison waits, with what it has; then it goes on.
func TestCompareWaits(t *testing.T) {
	t.Parallel()
	w := compared(t, 23)
	var once sync.Once
	waits := 0
	v, notices, err := w.begin(t.Context(), func(c *pass.CompareConfig) {
		c.Workers = 1
		w.shop.onList = func() { once.Do(func() { w.shop.SetDown(errors.New("connection refused")) }) }
		c.Wait = func(ctx context.Context, _ time.Duration) error {
			if waits++; waits == 3 {
				w.shop.SetDown(nil)
			}
			return ctx.Err()
		}
	})
	if err != nil || waits < 3 {
		t.Fatalf("waited %d times, %v", waits, err)
	}
	counts(t, v, map[accounts.Verdict]int{accounts.VerdictEqual: 23})
	if len(notices) != 1 || !strings.Contains(notices[0], "connection refused; waiting") {
		t.Errorf("%q", notices)
	}
}

// In the middle of a chunk: it is suspended, with the reason, and those before are not compared again.
func TestCompareSuspends(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4) // nobody is here, so each is read again by their key
	var seen accounts.VerifyProgress
	waits := 0
	v, _, err := w.begin(t.Context(), func(c *pass.CompareConfig) {
		c.Workers, c.Page, c.Rate = 1, 10, 0
		w.shop.onList = func() { w.shop.onGet = func(id string) { w.failAt(id, "1002", waits == 0) } }
		c.Wait = func(ctx context.Context, _ time.Duration) error {
			waits++
			if waits == 1 {
				w.shop.SetDown(nil)
				var err error
				if seen, err = w.VerifyProgress(ctx); err != nil {
					t.Error(err)
				}
			}
			return ctx.Err()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	counts(t, v, map[accounts.Verdict]int{accounts.VerdictMissingHere: 4, accounts.VerdictEqual: 0})
	if seen.Chunks[accounts.ChunkSuspended] != 1 || !strings.Contains(seen.Why, "connection refused") || seen.Sources[0].Counts[accounts.VerdictMissingHere] != 2 {
		t.Errorf("%+v", seen)
	}
}

// failAt lets the shop go down when a person is read.
func (w *world) failAt(id, at string, now bool) {
	if id == at && now {
		w.shop.SetDown(errors.New("connection refused"))
	}
}

// Who stands at the end of a chunk may go before it is read again: nobody else is passed over.
func TestCompareOfAChunkWhoseEndHasGone(t *testing.T) {
	t.Parallel()
	w := compared(t, 30)
	v, err := w.Verify(t.Context(), accounts.VerifySpec{Sources: []string{"shop"}}, because)
	if err != nil {
		t.Fatal(err)
	}
	part := accounts.Part{Source: "shop"}
	for _, end := range []string{"1004", "1009"} {
		is := part
		is.Cut = end
		if err := v.Cut(t.Context(), part, is, accounts.Chunk{After: part.Cut, Through: end}); err != nil {
			t.Fatal(err)
		}
		part = is
	}
	w.shop.Remove("1004")
	w.shop.Change("1003", func(u *legacy.User) { u.Email = "new@example.org" })
	w.shop.Change("1005", func(u *legacy.User) { u.Email = "newer@example.org" })
	found, _, err := w.begin(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := found.Found.Sources[0]
	if n := got.Counts[accounts.VerdictDifferent]; n < 2 || got.Counts[accounts.VerdictMissingThere] != 1 || got.Counts[accounts.VerdictEqual] < 27 {
		t.Errorf("%+v", got)
	}
	if !slices.Contains(got.Examples[accounts.VerdictMissingThere], "1004") {
		t.Errorf("%+v", got.Examples)
	}
}

// Where people cannot be read by their keys, the way back is a walk.
func TestCompareWithoutKeys(t *testing.T) {
	t.Parallel()
	w := compared(t, 12)
	only := struct {
		legacy.Source
		legacy.Lister
	}{w.shop, w.shop}
	service := w.serviceOver(t, only)
	w.shop.Remove("1005")
	v, err := pass.Compare(t.Context(), pass.CompareConfig{Service: service, Sources: []string{"shop"}, By: because, Page: 5})
	if err != nil {
		t.Fatal(err)
	}
	counts(t, v, map[accounts.Verdict]int{accounts.VerdictEqual: 11, accounts.VerdictUnreadable: 1})
}

// What is read much of is read from the replica, and nobody is said to differ because it is behind.
func TestCompareOfAReplica(t *testing.T) {
	t.Parallel()
	w := compared(t, 12)
	behind := &shop{Memory: legacytest.NewMemory(), people: 12}
	for i := range 12 {
		user, err := w.shop.Get(t.Context(), strconv.Itoa(1000+i))
		if err != nil {
			t.Fatal(err)
		}
		behind.Put(user)
	}
	w.shop.Change("1003", func(u *legacy.User) { u.Email = "new@example.org" })
	if _, err := w.MarkDrifted(t.Context(), "shop", "1003", because); err != nil {
		t.Fatal(err)
	}
	if err := w.copy(t.Context()); err != nil { // the account here is as the store is, and not as the replica
		t.Fatal(err)
	}
	behind.Remove("1007")
	lists := 0
	w.shop.onList = func() { lists++ }
	service := w.serviceOver(t, w.shop, func(s *accounts.Source) { s.Replica = behind })
	v, err := pass.Compare(t.Context(), pass.CompareConfig{Service: service, Sources: []string{"shop"}, By: because, Page: 5})
	if err != nil {
		t.Fatal(err)
	}
	got := v.Found.Sources[0].Counts
	if lists != 0 || got[accounts.VerdictMissingThere] != 0 || got[accounts.VerdictEqual] != 12 {
		t.Errorf("the store was walked by %d pages; %+v", lists, got)
	}
}

// The rate is that of all workers, and is kept by waiting.
func TestCompareRate(t *testing.T) {
	t.Parallel()
	w := compared(t, 20)
	var waited atomic.Int64
	_, _, err := w.begin(t.Context(), func(c *pass.CompareConfig) {
		c.Workers, c.Rate = 1, 1
		c.Wait = func(ctx context.Context, d time.Duration) error { waited.Add(int64(d)); return ctx.Err() }
	})
	if err != nil {
		t.Fatal(err)
	}
	// 20 people and 20 links at one a second are read; each batch waits for all that were let pass before it.
	if got := time.Duration(waited.Load()); got < 100*time.Second {
		t.Errorf("waited %v", got)
	}

	// Another process comes behind all that, and keeps its chunk while it waits.
	other, held := w.serviceOver(t, w.shop), time.Duration(0)
	_, _, err = w.begin(t.Context(), func(c *pass.CompareConfig) {
		c.Service, c.Workers, c.Rate, c.Claim = other, 1, 1000, 9*time.Second
		c.Wait = func(ctx context.Context, d time.Duration) error {
			if d > 3*time.Second {
				t.Errorf("waits %v under a claim of 9 s", d)
			}
			held += d
			return ctx.Err()
		}
	})
	if err != nil || held < 25*time.Second {
		t.Errorf("waited %v, %v", held, err)
	}
}

// What has changed on either side since the comparison before is compared by itself.
func TestCompareChanged(t *testing.T) {
	t.Parallel()
	w := compared(t, 30)
	delta := func(want map[accounts.Verdict]int, change func(*pass.CompareConfig)) accounts.Validation {
		t.Helper()
		c := pass.CompareConfig{Service: w.Service, Sources: []string{"shop"}, By: because}
		if change != nil {
			change(&c)
		}
		v, err := pass.CompareChanged(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		counts(t, v, want)
		if v.Found.Complete || v.Found.Since.IsZero() {
			t.Errorf("%+v", v.Found)
		}
		return v
	}
	if _, err := pass.CompareChanged(t.Context(), pass.CompareConfig{Service: w.Service, Sources: []string{"shop"}, By: because}); !errors.Is(err, accounts.ErrNoWholeComparison) {
		t.Fatal(err)
	}
	whole, _, err := w.begin(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	// The audit of the last minutes is read again, and so is what was written there in them: all were moved just now.
	delta(map[accounts.Verdict]int{accounts.VerdictEqual: 30}, nil)

	w.shop.Change("1003", func(u *legacy.User) { u.Email = "new@example.org" })
	w.shop.Put(legacy.User{ID: "1030", Username: "late", Password: &legacy.Stored{Scheme: "plaintext", Hash: "secret"}})
	w.shop.Mark("1005")
	w.shop.people = 31
	differ := map[accounts.Verdict]int{
		accounts.VerdictEqual: 28, accounts.VerdictDifferent: 1, accounts.VerdictMissingHere: 1, accounts.VerdictMissingThere: 1,
	}
	v := delta(differ, nil)
	if v.Found.Clean() || !v.Found.SinceClean || !v.Found.Since.Equal(whole.Began.Truncate(time.Microsecond)) {
		t.Errorf("%+v", v.Found)
	}
	v = delta(differ, func(c *pass.CompareConfig) { c.Repair = true })
	if v.Found.Sources[0].Marked != 1 || v.Found.SinceClean || !v.Found.Since.Equal(whole.Began.Truncate(time.Microsecond)) {
		t.Errorf("%+v", v.Found)
	}
}

// A mark stands in the way until it is gone, however long ago it was made and though no event tells of it.
func TestCompareChangedOfTheMarked(t *testing.T) {
	t.Parallel()
	w := compared(t, 3)
	if _, _, err := w.begin(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := w.store.MarkDirty(t.Context(), accounts.LegacyKey{Source: "shop", LegacyID: "1001"}); err != nil {
		t.Fatal(err)
	}
	newest, err := w.shop.Newest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(time.Hour) // after all that the audit tells of
	base := accounts.Validation{ID: uuid.Must(uuid.NewV7()), Began: long, Ended: long, Epoch: 1, Found: accounts.ValidationReport{
		Complete: true, Sources: []accounts.Comparison{accounts.NewComparison("shop")}, Cursors: map[string]string{"shop": newest},
	}}
	if err := w.store.AddValidation(t.Context(), base); err != nil {
		t.Fatal(err)
	}
	service := w.serviceOver(t, w.shop, func(s *accounts.Source) { s.Watch.Overlap = 1 })
	d, err := service.BeginDelta(t.Context(), []string{"shop"})
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string]int{}
	if err := service.ChangedSince(t.Context(), d, "shop", func(ids []string) error {
		for _, id := range ids {
			asked[id]++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(asked) != 1 || asked["1001"] != 1 {
		t.Errorf("%v", asked)
	}
	v, err := w.CompareIDs(t.Context(), "shop", []string{"1000", "1001", "nobody"})
	same := func(j accounts.Judgement, verdict accounts.Verdict) bool { return j.Verdict == verdict }
	if want := []accounts.Verdict{accounts.VerdictEqual, accounts.VerdictUntrusted, accounts.VerdictEqual}; err != nil || !slices.EqualFunc(v, want, same) {
		t.Errorf("%q, %v", v, err)
	}
}
