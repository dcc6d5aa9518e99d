package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/uuid"
	"modernc.org/sqlite"

	"rekey/accounts"
)

// A rush is a store on which another transaction is under way, so that all who write meanwhile meet.
type rush struct {
	*Store
	before  accounts.Session // was there before
	commits int              // since then
	commit  func() (ok bool) // is asked before each commit
	other   *sql.Tx          // the other transaction
}

// A caller is somebody who asked the store for something.
type caller struct {
	answered bool
	err      error
}

// everySession is a write that returns rows.
const everySession = `UPDATE sessions SET client = '' RETURNING id`

// onRush runs a test in a bubble, where synctest.Wait returns when everybody waits.
func onRush(t *testing.T, test func(t *testing.T, r *rush)) {
	t.Helper()
	url := sqliteURL(t)
	synctest.Test(t, func(t *testing.T) {
		r := &rush{Store: open(t, url), before: newSession(uuid.New()), commit: func() bool { return true }}
		r.mustCreate(t, r.before)
		// The statements are compiled now, since that would wait for the connection outside of the queue.
		if _, err := r.RotateSession(t.Context(), uuid.New(), 0, r.before.CreatedAt, r.before.ExpiresAt); !errors.Is(err, accounts.ErrNotFound) {
			t.Fatal(err)
		}
		r.hook(t)
		if _, err := r.write.statement(t.Context(), everySession); err != nil {
			t.Fatal(err)
		}
		var err error
		if r.other, err = r.write.BeginTx(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		test(t, r)
	})
}

// hook lets the test see each commit, and refuse it.
func (r *rush) hook(t *testing.T) {
	t.Helper()
	conn, err := r.write.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Raw(func(driver any) error {
		driver.(sqlite.HookRegisterer).RegisterCommitHook(func() int32 {
			r.commits++
			if r.commit() {
				return 0
			}
			return 1
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// start runs f until it waits.
func (*rush) start(f func() error) *caller {
	c := &caller{}
	go func() {
		defer func() {
			if x := recover(); x != nil {
				c.err = errPanicked
			}
			c.answered = true
		}()
		c.err = f()
	}()
	synctest.Wait()
	return c
}

var errPanicked = errors.New("it panicked")

// create starts to store a session.
func (r *rush) create(ctx context.Context, n accounts.Session) *caller {
	return r.start(func() error { return r.CreateSession(ctx, n) })
}

// rotate starts to rotate the session that was there before.
func (r *rush) rotate(ctx context.Context) *caller {
	return r.start(func() error {
		_, err := r.RotateSession(ctx, r.before.ID, 0, r.before.CreatedAt, r.before.ExpiresAt)
		return err
	})
}

// release ends the other transaction and lets everybody go on until they are answered, or wait again.
func (r *rush) release(t *testing.T) {
	t.Helper()
	if err := r.other.Rollback(); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

func (r *rush) mustCreate(t *testing.T, n accounts.Session) {
	t.Helper()
	if err := r.CreateSession(t.Context(), n); err != nil {
		t.Fatal(err)
	}
}

// checkStored fails unless a session is there, or is not.
func (r *rush) checkStored(t *testing.T, n accounts.Session, want bool) {
	t.Helper()
	_, err := r.Session(t.Context(), n.ID)
	if err != nil && !errors.Is(err, accounts.ErrNotFound) {
		t.Fatal(err)
	}
	if stored := err == nil; stored != want {
		t.Errorf("stored: %t, want %t", stored, want)
	}
}

// checkAnswer fails unless a caller has been given an answer.
func checkAnswer(t *testing.T, who string, c *caller, want error) {
	t.Helper()
	if !c.answered {
		t.Errorf("%s still waits", who)
	} else if !errors.Is(c.err, want) {
		t.Errorf("%s: %v, want %v", who, c.err, want)
	}
}

// Those who meet share commits, none of which grows without bound.
func TestGroupShares(t *testing.T) {
	t.Parallel()
	onRush(t, func(t *testing.T, r *rush) {
		var (
			sessions []accounts.Session
			callers  []*caller
		)
		for range groupSize + 2 {
			n := newSession(uuid.New())
			sessions, callers = append(sessions, n), append(callers, r.create(t.Context(), n))
		}
		r.release(t)
		for i, c := range callers {
			checkAnswer(t, "CreateSession", c, nil)
			r.checkStored(t, sessions[i], true)
		}
		if r.commits != 2 {
			t.Errorf("%d commits, want 2", r.commits)
		}
		r.mustCreate(t, newSession(uuid.New())) // and nobody is left who leads
	})
}

// Nobody is answered before the commit, neither who leads nor who was taken along; and who ends their context then is
// told how it went.
func TestGroupAnswersAfterCommit(t *testing.T) {
	t.Parallel()
	onRush(t, func(t *testing.T, r *rush) {
		committing := make(chan bool)
		r.commit = func() bool { return <-committing }
		ctx, cancel := context.WithCancel(t.Context())
		sessions := []accounts.Session{newSession(uuid.New()), newSession(uuid.New()), newSession(uuid.New())}
		callers := []*caller{r.create(ctx, sessions[0]), r.create(ctx, sessions[1]), r.rotate(t.Context())}
		r.release(t)
		cancel()
		late := r.create(t.Context(), sessions[2])
		for i, c := range append(callers, late) {
			if c.answered {
				t.Errorf("caller %d was answered before the commit: %v", i, c.err)
			}
		}
		r.checkStored(t, sessions[0], false)

		committing <- true
		synctest.Wait()
		for i, c := range callers {
			checkAnswer(t, "CreateSession", c, nil)
			r.checkStored(t, sessions[i], i < 2)
		}
		if late.answered {
			t.Error("who came while a commit was under way was answered with it")
		}
		committing <- true
		synctest.Wait()
		checkAnswer(t, "who came later", late, nil)
		r.checkStored(t, sessions[2], true)
	})
}

// What a key or a condition refuses does not touch the others.
func TestGroupRefusesOne(t *testing.T) {
	t.Parallel()
	onRush(t, func(t *testing.T, r *rush) {
		first, last := newSession(uuid.New()), newSession(uuid.New())
		callers := []*caller{
			r.create(t.Context(), first),
			r.create(t.Context(), first), // the key
			r.rotate(t.Context()),
			r.rotate(t.Context()), // the generation
			r.create(t.Context(), last),
		}
		r.release(t)
		for _, i := range []int{0, 2, 4} {
			checkAnswer(t, "who may", callers[i], nil)
		}
		if !r.engine.unique(callers[1].err) {
			t.Errorf("a session that is there: %v, want that its key is taken", callers[1].err)
		}
		checkAnswer(t, "who rotates an older generation", callers[3], accounts.ErrStale)
		r.checkStored(t, first, true)
		r.checkStored(t, last, true)
		if r.commits != 1 {
			t.Errorf("%d commits, want 1", r.commits)
		}
	})
}

// The schema has nothing by which a refused statement, or only the commit, would undo what others wrote.
func TestGroupSchema(t *testing.T) {
	t.Parallel()
	s := open(t, sqliteURL(t))
	err := s.each(t.Context(), s.read, func(scan scan) error {
		var name, text string
		err := scan(&name, &text)
		for _, word := range []string{"ON CONFLICT", "RAISE", "DEFERRABLE"} {
			if strings.Contains(strings.ToUpper(text), word) {
				t.Errorf("%s has %s", name, word)
			}
		}
		return err
	}, `SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL`)
	if err != nil {
		t.Fatal(err)
	}
}

// A commit that fails is an error of all and a verdict for nobody, and leaves nothing behind.
func TestGroupCommitFails(t *testing.T) {
	t.Parallel()
	onRush(t, func(t *testing.T, r *rush) {
		n := newSession(uuid.New())
		callers := []*caller{
			r.create(t.Context(), n), r.create(t.Context(), n), r.rotate(t.Context()), r.rotate(t.Context()),
		}
		r.commit = func() bool { return false }
		r.release(t)
		for _, c := range callers {
			noVerdict(t, "a write", c.err)
			if r.engine.unique(c.err) {
				t.Errorf("a key was said to be taken by what is not there: %v", c.err)
			}
		}
		r.checkStored(t, n, false)

		r.commit = func() bool { return true }
		r.mustCreate(t, n)
		r.checkStored(t, n, true)
		again := r.rotate(t.Context())
		checkAnswer(t, "RotateSession", again, nil)
	})
}

// A disk that is full undoes the transaction, and nothing is written outside of it.
func TestGroupDiskFull(t *testing.T) {
	t.Parallel()
	onRush(t, func(t *testing.T, r *rush) {
		small, large, after := newSession(uuid.New()), newSession(uuid.New()), newSession(uuid.New())
		large.Client = strings.Repeat("x", 1<<20)
		callers := []*caller{
			r.create(t.Context(), small), r.create(t.Context(), large), r.create(t.Context(), after),
		}
		// One page means no more than there are.
		if _, err := r.other.ExecContext(t.Context(), `PRAGMA max_page_count = 1`); err != nil {
			t.Fatal(err)
		}
		r.release(t)
		for i, n := range []accounts.Session{small, large, after} {
			noVerdict(t, "a write", callers[i].err)
			r.checkStored(t, n, false)
		}
		if _, err := r.write.ExecContext(t.Context(), `PRAGMA max_page_count = 10000`); err != nil {
			t.Fatal(err)
		}
		r.mustCreate(t, large)
	})
}

// Whose context ends in the queue is gone at once, and the others go on: also if it was to lead them.
func TestGroupContextEnds(t *testing.T) {
	t.Parallel()
	onRush(t, func(t *testing.T, r *rush) {
		leading, endLeading := context.WithCancel(t.Context())
		queued, endQueued := context.WithCancel(t.Context())
		gone, stays := newSession(uuid.New()), newSession(uuid.New())
		leader, behind := r.create(leading, gone), r.create(queued, gone)
		others := []*caller{r.create(t.Context(), stays), r.rotate(t.Context())}
		endQueued()
		synctest.Wait()
		checkAnswer(t, "who was in the queue", behind, context.Canceled)
		if leader.answered {
			t.Error("who leads was answered as well")
		}
		endLeading()
		synctest.Wait()
		checkAnswer(t, "who led", leader, context.Canceled)
		for _, c := range others {
			if c.answered {
				t.Error("another was answered as well")
			}
		}
		r.release(t)
		for _, c := range others {
			checkAnswer(t, "who stayed", c, nil)
		}
		r.checkStored(t, stays, true)
		r.checkStored(t, gone, false)
	})
}

// A context that ends in the middle of a transaction undoes nothing.
func TestGroupContextEndsLate(t *testing.T) {
	t.Parallel()
	onRush(t, func(t *testing.T, r *rush) {
		ctx, cancel := context.WithCancel(t.Context())
		first, last := newSession(uuid.New()), newSession(uuid.New())
		callers := []*caller{
			r.create(ctx, first),
			r.start(func() error {
				return r.each(ctx, r.write, func(scan) error { cancel(); return nil }, everySession)
			}),
			r.create(t.Context(), last),
		}
		r.release(t)
		for _, c := range callers {
			checkAnswer(t, "a write", c, nil)
		}
		r.checkStored(t, first, true)
		r.checkStored(t, last, true)
	})
}

// A panic leaves nobody waiting and no transaction open, whether it is of who leads or of who was taken along.
func TestGroupPanics(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{true, false} {
		onRush(t, func(t *testing.T, r *rush) {
			n := newSession(uuid.New())
			panics := func() *caller {
				return r.start(func() error {
					return r.each(t.Context(), r.write, func(scan) error { panic("in a scan") }, everySession)
				})
			}
			var leads, other *caller
			if first {
				leads, other = panics(), r.create(t.Context(), n)
			} else {
				leads, other = r.create(t.Context(), n), panics()
			}
			r.release(t)
			checkAnswer(t, "who led", leads, errPanicked)
			checkAnswer(t, "who was taken along", other, errAbandoned)
			r.checkStored(t, n, false)
			r.mustCreate(t, n)
		})
	}
}

// A store that is closed leaves nobody waiting.
func TestGroupClose(t *testing.T) {
	t.Parallel()
	onRush(t, func(t *testing.T, r *rush) {
		callers := []*caller{r.rotate(t.Context()), r.rotate(t.Context()), r.rotate(t.Context())}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for _, c := range callers {
			if !c.answered {
				t.Error("somebody still waits")
			}
			noVerdict(t, "RotateSession", c.err)
		}
		r.release(t)
	})
}
