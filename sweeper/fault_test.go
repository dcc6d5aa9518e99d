package sweeper

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/legacy"
)

// onlyChunk begins a run with one chunk and returns a worker for it.
func (w *world) onlyChunk(s *Sweeper) accounts.Run {
	w.t.Helper()
	w.set(s, `{"state": "running", "accounts_per_second": "max", "chunk": 100000, "batch": {"max": 20}}`)
	w.tick(s)
	w.tick(s)
	w.tick(s)
	return w.lastRun()
}

// A worker that stood still while its claim ended, and another took over, writes nothing any more: no account, and no count.
func TestStoppedWorker(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 100)
	s := w.sweeper()
	run := w.onlyChunk(s)
	service, _ := w.process(phase.Lazy, "two")
	other := &Worker{Service: service, Desk: s.desk, Sizes: &Sizes{}, Names: &Names{}, Name: "two"}
	stands := make(chan struct{})
	goOn := make(chan struct{})
	var pages atomic.Int64
	w.shop.onPage = func([]legacy.User) {
		if pages.Add(1) == 2 { // the second look of the first batch: the next is the commit
			close(stands)
			<-goOn
		}
	}
	ended := make(chan error, 1)
	go func() {
		_, err := s.Work(t.Context())
		ended <- err
	}()
	<-stands
	chunks, _ := w.counts(run.ID)
	if len(chunks) != 1 || chunks[0].Fence != 1 || chunks[0].ClaimedFor == 0 {
		t.Fatalf("%+v", chunks)
	}
	// Half a minute goes by.
	if err := w.store.LeaveChunk(t.Context(), chunks[0], 0); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.exactly(100)
	close(goOn)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	w.exactly(100)
	chunks, n := w.counts(run.ID)
	if !chunks[0].Done || chunks[0].Fence != 2 || n.Outcomes[accounts.OutcomeMoved] != 100 || n.People() != 100 {
		t.Errorf("%+v, %+v", chunks[0], n)
	}
}

// A record that panics, each time, costs its person and nobody else. It is told once.
func TestPoisoned(t *testing.T) {
	t.Parallel()
	for name, poison := range map[string]struct {
		id   string
		read bool // reading them is enough
	}{
		"a move": {"1037", false}, "the first": {"1000", false}, "the last": {"1099", false}, "reading": {"1050", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 100)
			s := w.sweeper()
			var log bytes.Buffer
			s.worker.Waits = true
			s.worker.Log = slog.New(slog.NewTextHandler(&log, nil))
			panics := func(id string) {
				if id == poison.id {
					panic("Correct-Horse-7")
				}
			}
			if poison.read {
				w.shop.onPage = func(users []legacy.User) {
					for _, u := range users {
						panics(u.ID)
					}
				}
			} else {
				w.shop.apart, w.shop.onGet = true, panics
			}
			run := w.onlyChunk(s)
			for range 40 {
				_ = w.work(s) // it fails again and again
				if chunks, _ := w.counts(run.ID); chunks[0].Done {
					break
				}
			}
			chunks, n := w.counts(run.ID)
			moved := n.Outcomes[accounts.OutcomeMoved] + n.Outcomes[accounts.OutcomeUnchanged] // who moved by themselves beside the poison
			if !chunks[0].Done || moved != 99 || n.Refused[accounts.NotePoisoned] != 1 || n.People() != 100 {
				t.Fatalf("%+v, %+v", chunks, n)
			}
			if got := n.Examples[accounts.NotePoisoned]; len(got) != 1 || got[0] != poison.id {
				t.Errorf("passed over %v", got)
			}
			w.exactly(99)
			notes, err := w.store.Notes(t.Context(), 10)
			if err != nil || len(notes) != 1 || notes[0].LegacyID != poison.id || notes[0].Class != accounts.NotePoisoned {
				t.Errorf("%+v (%v)", notes, err)
			}
			if strings.Contains(log.String(), "Horse") {
				t.Errorf("the log tells: %s", &log)
			}
		})
	}
}

// A store that is down is nobody's fault: nothing counts as an attempt, and nobody is passed over however long it takes.
func TestDownIsNoPoison(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 100)
	s := w.sweeper()
	s.worker.Waits = true
	run := w.onlyChunk(s)
	w.shop.SetDown(errors.New("connection refused"))
	for range 20 {
		if _, err := s.Work(t.Context()); !errors.As(err, new(*accounts.UnavailableError)) {
			t.Fatalf("%v", err)
		}
	}
	if chunks, _ := w.counts(run.ID); chunks[0].Attempts != 0 || chunks[0].Bound != 0 || chunks[0].ClaimedFor != 0 {
		t.Errorf("%+v", chunks)
	}
	w.shop.SetDown(nil)
	if err := w.work(s); err != nil {
		t.Fatal(err)
	}
	w.exactly(100)
}

// Who pauses, in the middle of a batch, finds it ended and nothing begun after it.
func TestPauseWithinBatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 100)
	s := w.sweeper()
	run := w.onlyChunk(s)
	var once sync.Once
	w.shop.onPage = func([]legacy.User) { once.Do(func() { w.set(s, `{"state": "paused"}`) }) }
	if _, err := s.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	chunks, n := w.counts(run.ID)
	if n.People() != 0 || chunks[0].ClaimedFor != 0 || chunks[0].Attempts != 0 { // it had not been let go
		t.Errorf("%+v, %+v", chunks, n)
	}
	if more, err := s.Work(t.Context()); more || err != nil {
		t.Errorf("there is work (%v)", err)
	}
	w.set(s, `{"state": "running"}`)
	if err := w.work(s); err != nil {
		t.Fatal(err)
	}
	w.exactly(100)
}

// Several workers share the chunks, and nobody is counted twice.
func TestWorkersShare(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 600)
	s := w.sweeper()
	w.set(s, `{"state": "running", "accounts_per_second": "max", "chunk": 100, "workers": 8, "batch": {"max": 10}}`)
	w.tick(s)
	w.tick(s)
	services := []*accounts.Service{w.Service}
	for _, id := range []string{"two", "three"} {
		service, _ := w.process(phase.Lazy, id)
		services = append(services, service)
	}
	for round := 0; round < 10 || w.lastRun().State == accounts.RunRunning && round < 10_000; round++ { // a machine with much to do gives some back
		w.tick(s)
		var all sync.WaitGroup
		for _, service := range services {
			for range 3 {
				all.Go(func() {
					worker := &Worker{Service: service, Desk: s.desk, Sizes: &Sizes{}, Names: &Names{}}
					for more := true; more; {
						var err error
						if more, err = worker.Step(t.Context()); err != nil {
							t.Error(err)
						}
					}
				})
			}
		}
		all.Wait()
	}
	run := w.lastRun()
	_, n := w.counts(run.ID)
	if run.State != accounts.RunDone || n.Outcomes[accounts.OutcomeMoved] != 600 || n.People() != 600 {
		t.Errorf("%+v, %+v", run, n)
	}
	w.exactly(600)
}

// Where the people at whom a chunk had stalled are gone, and they were its last, nobody of the next chunk is passed over for them.
func TestPassOverEndsWithChunk(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		gone int // of the end of the chunk
		want []string
	}{"they are there": {0, []string{"1048"}}, "one is left": {1, []string{"1048"}}, "all are gone": {2, nil}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 100)
			run := w.begin(nil)
			part := accounts.Part{Source: "shop"}
			whole := part
			whole.Whole = true
			if err := w.store.CutChunks(t.Context(), run.ID, part, whole, []accounts.Chunk{{Through: "1049"}, {After: "1049"}}); err != nil {
				t.Fatal(err)
			}
			c, err := w.store.ClaimChunk(t.Context(), run.ID, "test", 1, claimFor)
			if err != nil {
				t.Fatal(err)
			}
			for i := range row.gone {
				w.shop.Remove(strconv.Itoa(1049 - i))
			}
			c.Cursor, c.Bound, c.Attempts = "1047", 1, patience+1
			if c.Counts, err = (Counts{Asked: 1}).text(); err != nil { // others were answered before the last try
				t.Fatal(err)
			}
			work := &task{Worker: &Worker{Service: w.Service, Sizes: &Sizes{}}, spec: aSpec(), chunk: c}
			if err := work.suspect(t.Context(), Orders{Batch: 100, Rate: math.Inf(1)}); err != nil {
				t.Fatal(err)
			}
			chunks, n := w.counts(run.ID)
			if diff := cmp.Diff(row.want, n.Examples[accounts.NotePoisoned]); diff != "" {
				t.Errorf("passed over: %s", diff)
			}
			if chunks[0].Done != (len(row.want) == 0) || chunks[1].Done {
				t.Errorf("%+v", chunks)
			}
		})
	}
}

// A batch has the permits of those that are under way: who rests by the governor is at none, so one that another worker is at hashes
// with no more than is allowed.
func TestRestIsNoBatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 100)
	s := w.sweeper()
	w.onlyChunk(s)
	o := s.orders(t)
	o.Share = leastShare
	desk := &Desk{Read: func(context.Context) (Orders, error) { return o, nil }}
	ctx, cancel := context.WithCancel(t.Context())
	at := make(chan int64) // of how many a batch is one
	worker := &Worker{Service: w.Service, Desk: desk, Sizes: &Sizes{}, Names: &Names{}, Spell: time.Hour}
	worker.Progress = func(accounts.Chunk, int64) {
		select {
		case at <- worker.batches.Load():
		case <-ctx.Done():
		}
	}
	ended := make(chan error, 1)
	go func() {
		_, err := worker.Step(ctx)
		ended <- err
	}()
	for batches := 0; batches == 0 || worker.batches.Load() > 0; {
		select {
		case n := <-at:
			if batches++; n != 1 || batches == 5 {
				t.Fatalf("batch %d of 5 is one of %d, and it is at one all the time", batches, n)
			}
		case err := <-ended:
			t.Fatalf("it has ended (%v)", err)
		default:
			runtime.Gosched()
		}
	}
	cancel()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
