package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/legacy"
	"rekey/legacy/legacytest"
)

// counter is an old store whose count is set by hand.
type counter struct {
	*legacytest.Memory
	count func(context.Context) (int64, error)
}

func (c counter) Count(ctx context.Context) (int64, error) { return c.count(ctx) }

// md5Of is a person whose password is "geheim", kept as raw MD5.
func weakling(id string) legacy.User {
	return legacy.User{ID: id, Username: "name" + id, Password: &legacy.Stored{Scheme: "raw-md5-hex", Hash: "e8636ea013e682faf61f56ce1cb1ab5c"}}
}

func weaklings(n int) []legacy.User {
	users := make([]legacy.User, n)
	for i := range users {
		users[i] = weakling(fmt.Sprint(i + 1))
	}
	return users
}

func sweptAll(t *testing.T, s *accounts.Service, ids ...string) {
	t.Helper()
	for _, id := range ids {
		_, err := s.Migrate(t.Context(), accounts.Migration{Source: "shop", LegacyID: id, How: accounts.BySweep, By: accounts.By{Actor: "cli:test", Reason: "a test"}})
		if err != nil {
			t.Fatalf("person %s: %v", id, err)
		}
	}
}

// of returns what is said of a source.
func of(t *testing.T, p accounts.Progress, source string) accounts.SourceProgress {
	t.Helper()
	i := slices.IndexFunc(p.Sources, func(s accounts.SourceProgress) bool { return s.Source == source })
	if i < 0 {
		t.Fatalf("nothing is said of %s", source)
	}
	return p.Sources[i]
}

func mustProgress(t *testing.T, s *accounts.Service) accounts.Progress {
	t.Helper()
	p, err := s.Progress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProgress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, weaklings(6)...)
	sweptAll(t, w.Service, "1", "2", "3")
	if _, err := w.Login(t.Context(), try("name4", "geheim")); err != nil {
		t.Fatal(err)
	}
	by := accounts.By{Actor: "cli:test", Reason: "a test"}
	if _, _, err := w.SetDisabled(t.Context(), accounts.SubjectFor("shop", "2"), true, by); err != nil {
		t.Fatal(err)
	}
	gone := accounts.SubjectFor("shop", "3")
	e := accounts.Event{ID: uuid.Must(uuid.NewV7()), At: time.Now(), AccountID: gone, Kind: accounts.EventDeleted, Actor: "person"}
	if err := w.store.Delete(t.Context(), gone, 1, time.Now(), e); err != nil {
		t.Fatal(err)
	}
	six := int64(6)
	p := mustProgress(t, w.restart(t, cheap))
	got := of(t, p, "shop")
	want := accounts.SourceProgress{
		Source: "shop", Home: 3, Deleted: 1, Total: &six, Unmoved: &accounts.Between{Low: 2, High: 3}, Disabled: 1,
		How: map[accounts.How]int64{accounts.BySweep: 2, accounts.ByLogin: 1}, Quarantined: map[accounts.NoteClass]int64{},
	}
	got.TotalAt, got.LegacyLogin = nil, nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the shop (-want +got):\n%s", diff)
	}
	if want := map[accounts.Scheme]int64{accounts.SchemeArgon2id: 1, accounts.SchemeWrapped: 2}; !cmp.Equal(p.Passwords, want) || p.Accounts != 3 || p.Reset != 0 {
		t.Errorf("passwords %v of %d accounts, %d without; want %v of 3", p.Passwords, p.Accounts, p.Reset, want)
	}
	if p.Minute.People != 4 || p.Minute.Seconds != 60 || p.Hour.People != 4 {
		t.Errorf("the last minute: %+v, the last hour: %+v; want 4 people in each", p.Minute, p.Hour)
	}
}

// TestProgressIsCountedSeldom: a count is good for a while, and what failed is counted again.
func TestProgressIsCountedSeldom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, weaklings(2)...)
	at := &clock{still: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	asked := 0
	s := w.serve(t, func(c *accounts.Config) {
		c.Now = at.now
		c.Sources[0].Source = counter{w.source, func(context.Context) (int64, error) {
			if asked++; asked == 1 {
				return 0, errDown
			}
			return 2, nil
		}}
	})
	if p := of(t, mustProgress(t, s), "shop"); p.Total != nil || p.Unmoved != nil || p.Uncounted != "the source did not answer" {
		t.Errorf("a source that is down: %+v", p)
	}
	sweptAll(t, s, "1")
	if p := of(t, mustProgress(t, s), "shop"); p.Home != 0 {
		t.Errorf("counted again at once: %+v", p)
	}
	at.advance(5 * time.Second)
	p := of(t, mustProgress(t, s), "shop")
	if p.Home != 1 || p.Total == nil || *p.Total != 2 || *p.Unmoved != (accounts.Between{Low: 1, High: 1}) || asked != 2 {
		t.Errorf("after five seconds: %+v, the source was asked %d times", p, asked)
	}
	at.advance(9 * time.Minute)
	mustProgress(t, s)
	if asked != 2 {
		t.Errorf("the source was asked %d times within ten minutes", asked)
	}
	at.advance(time.Minute)
	mustProgress(t, s)
	if asked != 3 {
		t.Errorf("the source was asked %d times after ten minutes", asked)
	}
	w.store.down.Store(true)
	at.advance(time.Minute)
	if _, err := s.Progress(t.Context()); !errors.As(err, new(*accounts.UnavailableError)) {
		t.Errorf("a store that is down: %v", err)
	}
	w.store.down.Store(false)
	mustProgress(t, s)
}

// TestTotalOfRun: who cannot be counted is as many as a run has met.
func TestTotalOfRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.serve(t, func(c *accounts.Config) {
		c.Sources[0].Source = counter{w.source, func(context.Context) (int64, error) { return 0, legacy.ErrNotCounted }}
	})
	if p := of(t, mustProgress(t, s), "shop"); p.Total != nil || p.Uncounted != legacy.ErrNotCounted.Error() {
		t.Errorf("before there was a run: %+v", p)
	}
	began := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for i, parts := range [][]accounts.Part{
		{{Source: "shop", Band: 0, Total: 5}, {Source: "shop", Band: 1, Total: 2}},
		{{Source: "shop", Band: 0, Total: 9}, {Source: "shop", Band: 1}}, // not counted whole
	} {
		run := accounts.Run{ID: uuid.Must(uuid.NewV7()), Kind: accounts.RunMove, State: accounts.RunRunning, Began: began.Add(time.Duration(i) * time.Hour)}
		e := accounts.Event{ID: uuid.Must(uuid.NewV7()), At: began, Kind: "run.began", Actor: "system"}
		if err := w.store.BeginRun(t.Context(), run, parts, e); err != nil {
			t.Fatal(err)
		}
		run.State, run.Ended = accounts.RunDone, began.Add(time.Hour)
		e.ID = uuid.Must(uuid.NewV7())
		if err := w.store.EndRun(t.Context(), run, e); err != nil {
			t.Fatal(err)
		}
	}
	for range 21 { // a comparison of each night since
		night := accounts.Run{ID: uuid.Must(uuid.NewV7()), Kind: accounts.RunVerify, State: accounts.RunRunning, Began: began.Add(48 * time.Hour)}
		e := accounts.Event{ID: uuid.Must(uuid.NewV7()), At: night.Began, Kind: "run.began", Actor: "system"}
		if err := w.store.BeginRun(t.Context(), night, []accounts.Part{{Source: "shop"}}, e); err != nil {
			t.Fatal(err)
		}
		night.State, night.Ended, e.ID = accounts.RunDone, night.Began.Add(time.Hour), uuid.Must(uuid.NewV7())
		if err := w.store.EndRun(t.Context(), night, e); err != nil {
			t.Fatal(err)
		}
	}
	p := of(t, mustProgress(t, w.serve(t, func(c *accounts.Config) { c.Sources[0].Source = struct{ legacy.Source }{w.source} })), "shop")
	if p.Total == nil || *p.Total != 7 || !p.TotalAt.Equal(began) || p.Uncounted != "" || p.Unmoved.Low != 7 {
		t.Errorf("after two runs, and many comparisons: %+v", p)
	}
}

// TestHomeByPhase: what is counted as home is what the phase's table answers with the new store.
func TestHomeByPhase(t *testing.T) {
	t.Parallel()
	kinds := map[string]accounts.LinkKind{
		"trusted": {Trusted: true}, "untrusted": {}, "drifted": {Trusted: true, Drifted: true}, "dirty": {Trusted: true, Dirty: true},
		"stays": {Stays: true}, "in doubt": {Trusted: true, InDoubt: true}, "stays, in doubt": {Stays: true, InDoubt: true},
	}
	home := map[phase.Phase][]string{
		phase.LegacyOnly: {"stays"}, phase.Shadow: {"stays"}, phase.Both: {"stays"}, phase.Ramp: {"stays"},
		phase.NewFirst: {"stays", "trusted"}, phase.NewOnly: {"in doubt", "stays", "stays, in doubt", "trusted"},
	}
	for at, want := range home {
		state := phase.State{Epoch: 9, TrustEpoch: 7, Phase: at, Plan: phase.DualWrite}
		var got []string
		for name, kind := range kinds {
			switch answers := accounts.AnswersFor(kind, state); {
			case answers == phase.New:
				got = append(got, name)
			case answers == phase.Neither && (at != phase.Ramp || name != "trusted"):
				t.Errorf("%s: nobody knows who answers for %s", at, name)
			case answers == phase.Legacy && at == phase.Ramp && name == "trusted":
				t.Errorf("in the ramp everybody is in the old store")
			}
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s: home are %v, want %v", at, got, want)
		}
	}
}

// TestLegacyLogin: who was needed is noted for who logs in by what the old store has, once a minute, and for nobody else.
func TestLegacyLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, weaklings(4)...)
	at := &clock{still: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	serve := func() *accounts.Service { return w.serve(t, func(c *accounts.Config) { c.Now = at.now }) }
	last := func(s *accounts.Service) *time.Time {
		t.Helper()
		if err := s.Close(t.Context()); err != nil { // what is being noted is noted then
			t.Fatal(err)
		}
		return of(t, mustProgress(t, serve()), "shop").LegacyLogin
	}
	s := serve()
	if _, err := s.Login(t.Context(), try("name1", "wrong")); !errors.Is(err, accounts.ErrCredentials) {
		t.Fatal(err)
	}
	if got := last(s); got != nil {
		t.Errorf("after a wrong password: %v", got)
	}
	s = serve()
	begun := at.now()
	for i, want := range []time.Duration{0, 0, time.Minute} {
		if i > 0 {
			at.advance(30 * time.Second)
		}
		if _, err := s.Login(t.Context(), try("name"+fmt.Sprint(i+1), "geheim")); err != nil {
			t.Fatal(err)
		}
		if got := last(s); got == nil || !got.Equal(begun.Add(want)) {
			t.Errorf("after login %d: %v, want %v after the first", i+1, got, want)
		}
	}
	if n := w.store.claims.Load(); n != 2 {
		t.Errorf("the store was told %d times of three logins within a minute", n)
	}
	at.advance(time.Hour)
	if _, err := s.Login(t.Context(), try("name1", "geheim")); err != nil {
		t.Fatal(err)
	}
	if got := last(s); !got.Equal(begun.Add(time.Minute)) {
		t.Errorf("after a login that the new store answered: %v", got)
	}
}

// TestCountersWait: of many who ask at once one counts; who does not want to wait need not, and gets the count before; and closing
// ends a count.
func TestCountersWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := accounts.NewCounted()
		counts, free := 0, make(chan struct{})
		count := func(ctx context.Context) (int, error) {
			counts++
			select {
			case <-free:
				return counts, nil
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Get(gone, time.Second, count); !errors.Is(err, context.Canceled) {
			t.Errorf("who has gone before anything was counted got %v", err)
		}
		answers := make(chan int, 10)
		for range 10 {
			go func() {
				n, err := c.Get(t.Context(), time.Second, count)
				if err != nil {
					t.Error(err)
				}
				answers <- n
			}()
		}
		synctest.Wait()
		time.Sleep(time.Minute) // so it has taken a minute
		close(free)
		for range 10 {
			if n := <-answers; n != 1 {
				t.Errorf("answer %d, want the first", n)
			}
		}
		free = make(chan struct{})
		time.Sleep(19 * time.Minute)
		if n, err := c.Get(t.Context(), time.Second, count); n != 1 || err != nil {
			t.Errorf("counted again after %d counts, %v: a count of a minute is good for twenty", counts, err)
		}
		time.Sleep(time.Minute)
		if n, err := c.Get(gone, time.Second, count); n != 1 || err != nil {
			t.Errorf("who has gone got %d, %v; want the count before", n, err)
		}
		closed := time.Now()
		if err := c.Close(t.Context()); err != nil || counts != 2 || time.Since(closed) > 0 {
			t.Errorf("closed after %d counts and %v: %v", counts, time.Since(closed), err)
		}
	})
}
