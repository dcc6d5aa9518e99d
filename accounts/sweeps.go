package accounts

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// A run is one execution of background work over everybody of the legacy stores. What it is asked to do, and what it counts, are
// documents of package sweeper's, which a store keeps and does not read. A run has a part for each source, or for some of its
// people; a part is cut into chunks by key; a worker claims a chunk, and commits batches of it. So a chunk is what workers share,
// and a batch is what is lost with one of them, and done again by the next.

// A RunKind says what a run does.
type RunKind string

// What runs do.
const (
	RunMove   RunKind = "move"   // moves or copies people
	RunVerify RunKind = "verify" // compares the stores
)

// A RunState says whether a run goes on.
type RunState string

// How a run is.
const (
	RunRunning RunState = "running"
	RunDone    RunState = "done"    // it came to its end
	RunStopped RunState = "stopped" // a person has ended it
	RunFailed  RunState = "failed"  // it has ended itself; Why says why
)

// A Run is one execution.
type Run struct {
	ID    uuid.UUID // UUIDv7
	Kind  RunKind
	State RunState
	Spec  string // JSON: what was asked
	Found string // JSON: what it has found beside what its chunks count; "" so far
	Why   string // why it ended before its end
	Began time.Time
	Ended time.Time // zero while it runs
}

// Told is what it has found, for whoever looks at it: without the digests of the names that several people hold, which may be many.
func (r Run) Told() json.RawMessage {
	var told map[string]json.RawMessage
	if json.Unmarshal([]byte(r.Found), &told) != nil || len(told) == 0 {
		return nil
	}
	delete(told, "shared")
	text, err := json.Marshal(told)
	if err != nil {
		return nil // it was JSON
	}
	return text
}

// A Part is the people of one source that a run goes through in one walk.
type Part struct {
	Source string
	Band   int    // which walk, from 0, where there are several: each passes over whom another one takes
	Cut    string // chunks are cut up to this key; "" is the beginning
	Whole  bool   // and up to the end
	Total  int64  // about how many people; 0: nobody has counted; below 0: there are none
}

// A Chunk is a piece of a part: the people behind After, up to and with Through.
type Chunk struct {
	Run     uuid.UUID
	Seq     int64 // in the order in which they were cut, from 1
	Source  string
	Band    int
	After   string // "" is the beginning
	Through string // "" is the end

	Cursor   string // the people up to this key are done; "" while nobody is
	Done     bool
	Attempts int   // claims since the cursor last moved
	Bound    int   // the most people of a batch, after batches have failed; 0: there is none
	Fence    int64 // of the claim under which it was read: what an older claim writes is refused
	Worker   string
	// ClaimedFor is how long others are kept from it, from when it was read on, by the store's clock; 0: nobody is at it.
	ClaimedFor time.Duration
	Counts     string // JSON: what came of its people so far
}

// Sweeps is the part of a Store that keeps runs. Its clock is the store's own: workers on several machines need not agree.
type Sweeps interface {
	// BeginRun stores a run with its parts, with the event; ErrStale if another one of its kind has not ended.
	BeginRun(ctx context.Context, r Run, parts []Part, e Event) error
	// EndRun ends a run as r says, with the event; ErrStale if it has ended, ErrNotFound if there is none.
	EndRun(ctx context.Context, r Run, e Event) error
	// KeepFound writes down what a run that goes on has found; ErrStale if it has ended, or had found another thing than was.
	KeepFound(ctx context.Context, run uuid.UUID, was, found string) error
	// RunByID returns a run; ErrNotFound if there is none.
	RunByID(ctx context.Context, id uuid.UUID) (Run, error)
	// Running returns the run of a kind that has not ended, without what it has found, but for whether it has found anything ("{}");
	// ErrNotFound if there is none.
	Running(ctx context.Context, kind RunKind) (Run, error)
	// RunsUnderWay returns the runs that have not ended, newest first: one of a kind.
	RunsUnderWay(ctx context.Context) ([]Run, error)
	// Runs returns up to limit runs, newest first.
	Runs(ctx context.Context, limit int) ([]Run, error)
	// Parts returns the parts of a run, by source and band.
	Parts(ctx context.Context, run uuid.UUID) ([]Part, error)

	// CutChunks stores new chunks of a part, of which there may be none, how far it is cut then, and its total; ErrStale if it was cut
	// further meanwhile. Their Seq is given by the store, in their order.
	CutChunks(ctx context.Context, run uuid.UUID, was, is Part, chunks []Chunk) error
	// ClaimChunk claims the first chunk of a run that goes on, that is not done, due, and not claimed, for a while. ErrNotFound
	// if there is none, or if as many as most are claimed.
	ClaimChunk(ctx context.Context, run uuid.UUID, worker string, most int, claim time.Duration) (Chunk, error)
	// KeepChunk writes down, under its fence, how far a chunk is, and keeps the claim for a while from now; 0 gives it back, due
	// after a pause. ErrStale if somebody else has claimed it since.
	KeepChunk(ctx context.Context, c Chunk, claim, pause time.Duration) error
	// HoldChunk keeps the claim of a chunk for a while from now, and changes nothing else. ErrStale if somebody else has claimed it
	// since.
	HoldChunk(ctx context.Context, c Chunk, claim time.Duration) error
	// LeaveChunk gives a chunk back, due after a pause: its attempts and its bound are kept, and nothing else. ErrStale if somebody
	// else has claimed it since, or if its cursor is another than c's: what was thought to have failed was written after all.
	LeaveChunk(ctx context.Context, c Chunk, pause time.Duration) error
	// Chunks returns all chunks of a run in their order.
	Chunks(ctx context.Context, run uuid.UUID) ([]Chunk, error)

	// TakeTurn returns how long to wait for a turn that costs a while, so that turns of all machines come no faster than they
	// cost; who comes up to a second late for one waits less for the next. Another version of the settings than that of the turn
	// before begins anew: nobody waits for a rate that was.
	TakeTurn(ctx context.Context, version int64, cost time.Duration) (wait time.Duration, err error)
}

// A Copy is what is here of a legacy person, as far as it tells whether it is still as they are there: of the Record, the account
// without its identifiers and without what it owes, and the link to this person.
type Copy struct {
	Record
	Part bool // the account is named after another person, and was made of this one too
}

// Made is an account that was made, and is to be stored with its event.
type Made struct {
	Record Record
	Event  Event
	// Epoch is the SessionEpoch as it was before the legacy person was read. It has grown since if they were changed meanwhile.
	Epoch int64
}

// NotMade is why one of several accounts cannot be made.
type NotMade struct {
	Index int
	Err   error // ErrLinked, ErrTaken, or ErrStale: they were changed meanwhile
}
