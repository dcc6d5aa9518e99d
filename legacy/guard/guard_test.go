package guard

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rekey/legacy"
)

var errDown = errors.New("dial root:hunter2@db")

func newGuard(t *testing.T) *Guard {
	t.Helper()
	g, err := New(Config{
		Source: "shop", Describe: func(error) string { return "it is down" },
		Timeout: time.Second, BreakAfter: 2, BreakFor: 10 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func answer(err error) func(context.Context) error { return func(context.Context) error { return err } }

func TestNegative(t *testing.T) {
	t.Parallel()
	for _, c := range []Config{{Timeout: -1}, {BreakAfter: -1}, {BreakFor: -1}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}

// What a question returns, and what is told of it.
func TestErrors(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct{ err, is error }{
		"nobody":         {Answered(legacy.ErrNoUser), legacy.ErrNoUser},
		"wrong password": {Answered(legacy.ErrWrongPassword), legacy.ErrWrongPassword},
		"too many":       {Answered(legacy.ErrTooMany), legacy.ErrTooMany},
		"down":           {errDown, errDown},
	} {
		err := newGuard(t).Ask(t.Context(), "read", answer(x.err))
		if !errors.Is(err, x.is) {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error tells the cause's text", name)
		}
	}
	// Only an answer is a verdict: an adapter that passes on somebody else's ErrNoUser cannot tell.
	for _, verdict := range []error{legacy.ErrNoUser, legacy.ErrWrongPassword, legacy.ErrTooMany, legacy.ErrConflict} {
		if err := newGuard(t).Ask(t.Context(), "read", answer(verdict)); err == nil || errors.Is(err, verdict) {
			t.Errorf("an unmarked error became a verdict: %v", err)
		}
	}
}

func TestBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, asked := newGuard(t), 0
		ask := func(err error) error {
			return g.Ask(t.Context(), "read", func(context.Context) error { asked++; return err })
		}
		for range 2 {
			if err := ask(errDown); errors.Is(err, ErrOpen) {
				t.Fatal("opened too early")
			}
		}
		if err := ask(nil); !errors.Is(err, ErrOpen) || asked != 2 {
			t.Fatalf("after two failures: %v, asked %d times", err, asked)
		}
		time.Sleep(11 * time.Second)
		if err := ask(errDown); errors.Is(err, ErrOpen) {
			t.Fatal("no try after the wait")
		}
		if err := ask(nil); !errors.Is(err, ErrOpen) {
			t.Fatalf("after a try that failed: %v", err)
		}
		time.Sleep(11 * time.Second)
		for range 3 { // an answer closes it, whatever it says
			if err := ask(Answered(legacy.ErrNoUser)); !errors.Is(err, legacy.ErrNoUser) {
				t.Fatalf("after an answer: %v", err)
			}
		}
	})
}

// A caller who gives up says nothing about the store; a deadline of ours does.
func TestGivingUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wait := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		g := newGuard(t)
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			if err := g.Ask(ctx, "read", wait); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrOpen) {
				t.Fatalf("an impatient caller got %v", err)
			}
			cancel()
		}
		for range 2 {
			if err := g.Ask(t.Context(), "read", wait); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("at the deadline: %v", err)
			}
		}
		if err := g.Ask(t.Context(), "read", answer(nil)); !errors.Is(err, ErrOpen) {
			t.Fatalf("after two deadlines: %v, want ErrOpen", err)
		}
	})
}

// What takes long by its nature says nothing about the store; a store that is left alone is not asked that either.
func TestAside(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wait := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		g := newGuard(t)
		for range 5 {
			if err := g.Aside(t.Context(), "search", wait); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrOpen) {
				t.Fatalf("at the deadline: %v", err)
			}
		}
		if err := g.Ask(t.Context(), "read", answer(nil)); err != nil {
			t.Fatalf("after five slow searches: %v", err)
		}
		for range 2 {
			_ = g.Ask(t.Context(), "read", answer(errDown)) // it opens
		}
		asked := false
		err := g.Aside(t.Context(), "search", func(context.Context) error { asked = true; return nil })
		if !errors.Is(err, ErrOpen) || asked {
			t.Fatalf("while it is left alone: %v, asked %t", err, asked)
		}
		time.Sleep(11 * time.Second)
		if err := g.Aside(t.Context(), "search", answer(nil)); !errors.Is(err, ErrOpen) {
			t.Fatalf("a search is no try: %v", err)
		}
		if err := g.Ask(t.Context(), "read", answer(nil)); err != nil {
			t.Fatalf("the try: %v", err)
		}
		if err := g.Aside(t.Context(), "search", answer(Answered(legacy.ErrNoUser))); !errors.Is(err, legacy.ErrNoUser) {
			t.Fatalf("an answer: %v", err)
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if err := g.Aside(cancelled, "search", answer(nil)); !errors.Is(err, context.Canceled) {
			t.Fatalf("nobody waits: %v", err)
		}
	})
}
