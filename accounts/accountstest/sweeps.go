package accountstest

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

func sweepRules() []rule {
	return []rule{
		{"runs", "One run of a kind goes on at a time; what it was asked, what it has found and how it ended stay as they were written.", testRuns},
		{"run race", "Of 50 that begin a run, one begins it.", testRunRace},
		{"cut", "A part is cut once, in one order: who cuts what was cut meanwhile changes nothing.", testCut},
		{"places", "Where a chunk begins, ends and is are bytes of an old store, whatever they are.", testPlaces},
		{"cut race", "Of 50 that cut the same, one cuts it, and numbers have no gaps.", testCutRace},
		{"claim", "A chunk is claimed by one, in order, and no more of them than wanted.", testClaim},
		{"claim again", "A claim that has ended is another's, and each claim counts until the cursor moves; who held it before writes nothing.", testClaimAgain},
		{"hold", "Who holds a chunk changes nothing but for how long it is claimed, and nothing of what is another's by now.", testHold},
		{"leave", "Who leaves a chunk changes nothing of how far it is, and does not leave it if it is further than they know.", testLeave},
		{"pause", "A chunk that is given back for later is not claimed before.", testChunkPause},
		{"ended run", "Of a run that has ended nothing is claimed, cut or found any more.", testEndedRun},
		{"claim race", "Of 50 that claim chunks at once, each chunk is one's, and there are never more than wanted.", testClaimRace},
		{"turns", "Turns come no faster than they cost, whoever takes them; with other settings nobody waits for those before.", testTurns},
		{"turns late", "Who comes a little late for a turn waits less for the next one; who has rested does not.", testTurnsLate},
		{"turns race", "50 turns that are taken at once come one behind the other.", testTurnsRace},
	}
}

// aRun returns a run that begins now, of a kind.
func aRun(kind accounts.RunKind) accounts.Run {
	return accounts.Run{ID: uuid.Must(uuid.NewV7()), Kind: kind, State: accounts.RunRunning, Spec: `{"a":1}`, Began: now()}
}

// beginRun begins one with a part, cut into so many chunks of which the last has no end.
func beginRun(t *testing.T, s accounts.Store, chunks int) accounts.Run {
	t.Helper()
	r := aRun(accounts.RunMove)
	is(t, "BeginRun", s.BeginRun(t.Context(), r, []accounts.Part{{Source: "shop"}}, Event(uuid.Nil, accounts.EventSweepBegan)), nil)
	var all []accounts.Chunk
	for i := range chunks {
		c := accounts.Chunk{After: strconv.Itoa(i), Through: strconv.Itoa(i + 1)}
		if i == 0 {
			c.After = ""
		}
		if i == chunks-1 {
			c.Through = ""
		}
		all = append(all, c)
	}
	is(t, "CutChunks", s.CutChunks(t.Context(), r.ID, accounts.Part{Source: "shop"}, accounts.Part{Source: "shop", Whole: true}, all), nil)
	return r
}

func claimChunk(t *testing.T, s accounts.Store, run uuid.UUID, most int, d time.Duration) accounts.Chunk {
	t.Helper()
	c, err := s.ClaimChunk(t.Context(), run, "w", most, d)
	is(t, "ClaimChunk", err, nil)
	return c
}

// noChunk fails if there is one to claim.
func noChunk(t *testing.T, s accounts.Store, run uuid.UUID, most int, why string) {
	t.Helper()
	_, err := s.ClaimChunk(t.Context(), run, "w", most, time.Minute)
	is(t, why, err, accounts.ErrNotFound)
}

func testRuns(t *testing.T, s accounts.Store) {
	_, err := s.Running(t.Context(), accounts.RunMove)
	is(t, "Running, of none", err, accounts.ErrNotFound)
	_, err = s.RunByID(t.Context(), uuid.Max)
	is(t, "RunByID, of none", err, accounts.ErrNotFound)
	r, other := aRun(accounts.RunMove), aRun(accounts.RunVerify)
	parts := []accounts.Part{{Source: "b", Band: 0, Total: 7}, {Source: "a", Band: 1}, {Source: "a", Band: 0}}
	is(t, "BeginRun", s.BeginRun(t.Context(), r, parts, Event(uuid.Nil, accounts.EventSweepBegan)), nil)
	is(t, "BeginRun, a second", s.BeginRun(t.Context(), aRun(accounts.RunMove), nil, Event(uuid.Nil, accounts.EventSweepBegan)), accounts.ErrStale)
	is(t, "BeginRun, of another kind", s.BeginRun(t.Context(), other, nil, Event(uuid.Nil, accounts.EventSweepBegan)), nil)
	got, err := s.Parts(t.Context(), r.ID)
	is(t, "Parts", err, nil)
	same(t, "parts", got, []accounts.Part{parts[2], parts[1], parts[0]})
	running := func(found string) {
		t.Helper()
		got, err := s.Running(t.Context(), accounts.RunMove)
		is(t, "Running", err, nil)
		want := r
		want.Began, want.Found = stored(r.Began), found
		same(t, "the run that goes on", got, want)
	}
	running("")
	is(t, "KeepFound", s.KeepFound(t.Context(), r.ID, "", `{"found":1}`), nil)
	is(t, "KeepFound, of what was", s.KeepFound(t.Context(), r.ID, "", `{"found":3}`), accounts.ErrStale)
	is(t, "KeepFound again", s.KeepFound(t.Context(), r.ID, `{"found":1}`, `{"found":2}`), nil)
	running("{}")
	r.State, r.Found, r.Why, r.Ended = accounts.RunStopped, `{"found":3}`, "enough", now()
	is(t, "EndRun", s.EndRun(t.Context(), r, Event(uuid.Nil, accounts.EventSweepEnded)), nil)
	is(t, "EndRun again", s.EndRun(t.Context(), r, Event(uuid.Nil, accounts.EventSweepEnded)), accounts.ErrStale)
	is(t, "EndRun, of none", s.EndRun(t.Context(), aRun(accounts.RunMove), Event(uuid.Nil, accounts.EventSweepEnded)), accounts.ErrNotFound)
	r.Began, r.Ended = stored(r.Began), stored(r.Ended)
	ended, err := s.RunByID(t.Context(), r.ID)
	is(t, "RunByID", err, nil)
	same(t, "the run that has ended", ended, r)
	next := aRun(accounts.RunMove)
	is(t, "BeginRun, the next", s.BeginRun(t.Context(), next, nil, Event(uuid.Nil, accounts.EventSweepBegan)), nil)
	under, err := s.RunsUnderWay(t.Context())
	is(t, "RunsUnderWay", err, nil)
	if len(under) != 2 || under[0].ID != next.ID || under[1].ID != other.ID {
		t.Errorf("%d runs are under way, want two", len(under))
	}
	all, err := s.Runs(t.Context(), 2)
	is(t, "Runs", err, nil)
	if len(all) != 2 || all[0].ID != next.ID || all[1].ID != other.ID {
		t.Errorf("%d runs, want the newest two", len(all))
	}
	events(t, s, uuid.Nil, 4)
}

func testRunRace(t *testing.T, s accounts.Store) {
	var began atomic.Int64
	atOnce(t, func() {
		err := s.BeginRun(t.Context(), aRun(accounts.RunMove), []accounts.Part{{Source: "shop"}}, Event(uuid.Nil, accounts.EventSweepBegan))
		if err == nil {
			began.Add(1)
			return
		}
		is(t, "BeginRun", err, accounts.ErrStale)
	})
	same(t, "began", began.Load(), int64(1))
}

// atOnce runs something 50 times at once.
func atOnce(t *testing.T, do func()) {
	t.Helper()
	var all sync.WaitGroup
	for range 50 {
		all.Go(do)
	}
	all.Wait()
}

func testCut(t *testing.T, s accounts.Store) {
	r := aRun(accounts.RunMove)
	is(t, "BeginRun", s.BeginRun(t.Context(), r, []accounts.Part{{Source: "shop"}, {Source: "blog"}}, Event(uuid.Nil, accounts.EventSweepBegan)), nil)
	was, counted := accounts.Part{Source: "shop"}, accounts.Part{Source: "shop", Total: -1}
	is(t, "CutChunks, of a total alone", s.CutChunks(t.Context(), r.ID, was, counted, nil), nil)
	parts, err := s.Parts(t.Context(), r.ID)
	is(t, "Parts", err, nil)
	same(t, "parts", parts, []accounts.Part{{Source: "blog"}, counted})
	is2 := accounts.Part{Source: "shop", Cut: "20", Total: 99}
	pieces := []accounts.Chunk{{After: "", Through: "10"}, {After: "10", Through: "20"}}
	is(t, "CutChunks", s.CutChunks(t.Context(), r.ID, was, is2, pieces), nil)
	is(t, "CutChunks, what was cut", s.CutChunks(t.Context(), r.ID, was, is2, pieces), accounts.ErrStale)
	is(t, "CutChunks, another part", s.CutChunks(t.Context(), r.ID, accounts.Part{Source: "blog"}, accounts.Part{Source: "blog", Whole: true}, []accounts.Chunk{{}}), nil)
	is(t, "CutChunks, to the end", s.CutChunks(t.Context(), r.ID, is2, accounts.Part{Source: "shop", Cut: "", Whole: true}, []accounts.Chunk{{After: "20"}}), nil)
	is(t, "CutChunks, of what is whole", s.CutChunks(t.Context(), r.ID, accounts.Part{Source: "shop"}, is2, pieces), accounts.ErrStale)
	got, err := s.Chunks(t.Context(), r.ID)
	is(t, "Chunks", err, nil)
	want := []accounts.Chunk{
		{Run: r.ID, Seq: 1, Source: "shop", Through: "10"}, {Run: r.ID, Seq: 2, Source: "shop", After: "10", Through: "20"},
		{Run: r.ID, Seq: 3, Source: "blog"}, {Run: r.ID, Seq: 4, Source: "shop", After: "20"},
	}
	same(t, "chunks", got, want)
}

// Keys of an old store are bytes.
func testPlaces(t *testing.T, s accounts.Store) {
	for _, key := range []string{"a\x00b", "\xff\xfe", "base64:", "base64:YQ==", "%", "ä"} {
		r := aRun(accounts.RunMove)
		was, is2 := accounts.Part{Source: "shop", Cut: key}, accounts.Part{Source: "shop", Cut: key + key, Total: 5}
		is(t, "BeginRun", s.BeginRun(t.Context(), r, []accounts.Part{was}, Event(uuid.Nil, accounts.EventSweepBegan)), nil)
		is(t, "CutChunks", s.CutChunks(t.Context(), r.ID, was, is2, []accounts.Chunk{{After: key, Through: key + key}}), nil)
		parts, err := s.Parts(t.Context(), r.ID)
		is(t, "Parts", err, nil)
		same(t, "parts", parts, []accounts.Part{is2})
		c := claimChunk(t, s, r.ID, 1, time.Minute)
		same(t, "where it begins", c.After, key)
		same(t, "where it ends", c.Through, key+key)
		c.Cursor = key + "\x00"
		is(t, "KeepChunk", s.KeepChunk(t.Context(), c, time.Minute, 0), nil)
		is(t, "LeaveChunk", s.LeaveChunk(t.Context(), c, 0), nil)
		same(t, "how far it is", claimChunk(t, s, r.ID, 1, time.Minute).Cursor, c.Cursor)
		r.State, r.Ended = accounts.RunStopped, now()
		is(t, "EndRun", s.EndRun(t.Context(), r, Event(uuid.Nil, accounts.EventSweepEnded)), nil)
		work, err := s.ClaimWork(t.Context(), "watch "+strconv.Quote(key), now(), now(), 0)
		is(t, "ClaimWork", err, nil)
		work.Cursor = key
		is(t, "KeepWork", s.KeepWork(t.Context(), work, now().Add(-time.Minute)), nil)
		again, err := s.ClaimWork(t.Context(), work.Name, now(), now(), 0)
		is(t, "ClaimWork again", err, nil)
		same(t, "how far work is", again.Cursor, key)
	}
}

func testCutRace(t *testing.T, s accounts.Store) {
	r := aRun(accounts.RunMove)
	is(t, "BeginRun", s.BeginRun(t.Context(), r, []accounts.Part{{Source: "shop"}}, Event(uuid.Nil, accounts.EventSweepBegan)), nil)
	var cut atomic.Int64
	atOnce(t, func() {
		err := s.CutChunks(t.Context(), r.ID, accounts.Part{Source: "shop"}, accounts.Part{Source: "shop", Cut: "9"}, []accounts.Chunk{{Through: "5"}, {After: "5", Through: "9"}})
		if err == nil {
			cut.Add(1)
			return
		}
		is(t, "CutChunks", err, accounts.ErrStale)
	})
	same(t, "cut", cut.Load(), int64(1))
	got, err := s.Chunks(t.Context(), r.ID)
	is(t, "Chunks", err, nil)
	if len(got) != 2 || got[0].Seq != 1 || got[1].Seq != 2 {
		t.Errorf("%d chunks, want 1 and 2", len(got))
	}
}

func testClaim(t *testing.T, s accounts.Store) {
	r := beginRun(t, s, 3)
	c := claimChunk(t, s, r.ID, 2, time.Minute)
	same(t, "the first", c.Seq, int64(1))
	same(t, "its fence", c.Fence, int64(1))
	same(t, "its attempts", c.Attempts, 1)
	if c.ClaimedFor <= 50*time.Second || c.ClaimedFor > time.Minute || c.Worker != "w" {
		t.Errorf("claimed for %s by %s", c.ClaimedFor, c.Worker)
	}
	same(t, "the second", claimChunk(t, s, r.ID, 2, time.Minute).Seq, int64(2))
	noChunk(t, s, r.ID, 2, "a third of two")
	noChunk(t, s, r.ID, 0, "one of none")
	same(t, "the third", claimChunk(t, s, r.ID, 3, time.Minute).Seq, int64(3))
	noChunk(t, s, r.ID, 9, "a fourth, of three")
	c.Done, c.Cursor, c.Attempts, c.Counts = true, "1", 0, `{"n":1}`
	is(t, "KeepChunk", s.KeepChunk(t.Context(), c, time.Minute, 0), nil)
	all, err := s.Chunks(t.Context(), r.ID)
	is(t, "Chunks", err, nil)
	all[0].ClaimedFor, c.ClaimedFor = 0, 0
	same(t, "what was kept", all[0], c)
	noChunk(t, s, r.ID, 9, "one that is done")
	noChunk(t, s, uuid.Max, 9, "one of no run")
}

func testClaimAgain(t *testing.T, s accounts.Store) {
	r := beginRun(t, s, 1)
	first := claimChunk(t, s, r.ID, 1, 0) // it has ended already
	second := claimChunk(t, s, r.ID, 1, 0)
	same(t, "fence", second.Fence, first.Fence+1)
	same(t, "attempts", second.Attempts, 2)
	first.Cursor = "late"
	is(t, "KeepChunk, of who was before", s.KeepChunk(t.Context(), first, time.Minute, 0), accounts.ErrStale)
	is(t, "LeaveChunk, of who was before", s.LeaveChunk(t.Context(), first, 0), accounts.ErrStale)
	second.Cursor, second.Attempts, second.Bound = "7", 0, 5
	is(t, "KeepChunk", s.KeepChunk(t.Context(), second, time.Minute, 0), nil)
	noChunk(t, s, r.ID, 1, "what is claimed")
	is(t, "KeepChunk, giving back", s.KeepChunk(t.Context(), second, 0, 0), nil)
	third := claimChunk(t, s, r.ID, 1, time.Minute)
	same(t, "attempts after the cursor moved", third.Attempts, 1)
	same(t, "cursor", third.Cursor, "7")
	same(t, "bound", third.Bound, 5)
}

func testHold(t *testing.T, s accounts.Store) {
	r := beginRun(t, s, 1)
	c := claimChunk(t, s, r.ID, 1, 0)
	c.Cursor, c.Counts, c.Attempts, c.Done = "never", "never", 9, true
	is(t, "HoldChunk", s.HoldChunk(t.Context(), c, time.Hour), nil)
	noChunk(t, s, r.ID, 1, "what is held")
	all, err := s.Chunks(t.Context(), r.ID)
	is(t, "Chunks", err, nil)
	if got := all[0]; got.ClaimedFor <= 50*time.Minute || got.Cursor+got.Counts != "" || got.Attempts != 1 || got.Done {
		t.Errorf("it is %+v", got)
	}
	is(t, "HoldChunk, for no time", s.HoldChunk(t.Context(), c, 0), nil)
	claimChunk(t, s, r.ID, 1, time.Minute)
	is(t, "HoldChunk, of who was before", s.HoldChunk(t.Context(), c, time.Hour), accounts.ErrStale)
}

func testLeave(t *testing.T, s accounts.Store) {
	r := beginRun(t, s, 1)
	c := claimChunk(t, s, r.ID, 1, time.Minute)
	before := c
	c.Attempts, c.Bound, c.Counts = 4, 3, "never"
	is(t, "LeaveChunk", s.LeaveChunk(t.Context(), c, 0), nil)
	again := claimChunk(t, s, r.ID, 1, time.Minute)
	same(t, "attempts", again.Attempts, 5)
	same(t, "bound", again.Bound, 3)
	same(t, "counts", again.Counts, "")
	before.Fence = again.Fence
	again.Cursor, again.Attempts = "5", 0
	is(t, "KeepChunk", s.KeepChunk(t.Context(), again, time.Minute, 0), nil)
	is(t, "LeaveChunk, of one that has moved", s.LeaveChunk(t.Context(), before, 0), accounts.ErrStale)
	again.Done = true
	is(t, "KeepChunk, done", s.KeepChunk(t.Context(), again, time.Minute, 0), nil)
	is(t, "LeaveChunk, of one that is done", s.LeaveChunk(t.Context(), again, 0), accounts.ErrStale)
	all, err := s.Chunks(t.Context(), r.ID)
	is(t, "Chunks", err, nil)
	same(t, "cursor", all[0].Cursor, "5")
	same(t, "done", all[0].Done, true)
}

func testChunkPause(t *testing.T, s accounts.Store) {
	r := beginRun(t, s, 2)
	c := claimChunk(t, s, r.ID, 2, time.Minute)
	is(t, "LeaveChunk", s.LeaveChunk(t.Context(), c, time.Hour), nil)
	next := claimChunk(t, s, r.ID, 2, time.Minute)
	same(t, "the next", next.Seq, int64(2))
	is(t, "KeepChunk", s.KeepChunk(t.Context(), next, 0, time.Hour), nil)
	noChunk(t, s, r.ID, 2, "what is for later")
}

func testEndedRun(t *testing.T, s accounts.Store) {
	r := beginRun(t, s, 2)
	r.State, r.Ended = accounts.RunDone, now()
	is(t, "EndRun", s.EndRun(t.Context(), r, Event(uuid.Nil, accounts.EventSweepEnded)), nil)
	noChunk(t, s, r.ID, 2, "a chunk of a run that has ended")
	is(t, "CutChunks", s.CutChunks(t.Context(), r.ID, accounts.Part{Source: "shop"}, accounts.Part{Source: "shop", Whole: true}, nil), accounts.ErrStale)
	is(t, "KeepFound", s.KeepFound(t.Context(), r.ID, r.Found, "{}"), accounts.ErrStale)
}

func testClaimRace(t *testing.T, s accounts.Store) {
	const most = 7
	r := beginRun(t, s, 20)
	var mu sync.Mutex
	got := map[int64]int{}
	atOnce(t, func() {
		c, err := s.ClaimChunk(t.Context(), r.ID, "w", most, time.Minute)
		if err != nil {
			is(t, "ClaimChunk", err, accounts.ErrNotFound)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		got[c.Seq]++
	})
	same(t, "chunks that are claimed", len(got), most)
	for seq, n := range got {
		if n != 1 {
			t.Errorf("chunk %d was claimed %d times", seq, n)
		}
	}
}
