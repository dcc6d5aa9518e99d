package pause

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestBeside(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		enough, want int
	}{"until it is stopped": {100, 3}, "until it is enough": {2, 2}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				done := 0
				stop := Beside(t.Context(), time.Second, func(ctx context.Context) bool {
					done++
					return done < row.enough
				})
				time.Sleep(3*time.Second + time.Millisecond)
				stop()
				stop()
				if done != row.want { // and nobody writes it any more
					t.Errorf("it was done %d times, want %d", done, row.want)
				}
			})
		})
	}
}

// Whoever stops it waits for what is being done, which is told to end.
func TestStopWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ended := false
		stop := Beside(t.Context(), time.Second, func(ctx context.Context) bool {
			<-ctx.Done()
			time.Sleep(time.Second)
			ended = true
			return true
		})
		time.Sleep(2 * time.Second)
		stop()
		if !ended {
			t.Error("it is still at it")
		}
	})
}

func TestEveryEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		done := 0
		Every(ctx, time.Second, func(context.Context) bool { done++; return true })
		if done < 4 || done > 5 {
			t.Errorf("done %d times", done)
		}
	})
}
