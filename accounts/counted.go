package accounts

import (
	"cmp"
	"context"
	"sync"
	"time"
)

const (
	countPart    = 20              // what was counted is good for so many times as long as it took, at least
	countTimeout = 2 * time.Minute // ten million people take some seconds
)

// A counted is something that was counted, and is not counted again for a while. Counting goes on when whoever asked for it has
// gone: the next one finds it done.
type counted[T any] struct {
	most   time.Duration // a count may take; 0: countTimeout
	mu     sync.Mutex
	done   chan struct{} // closed when the count that is under way has ended; nil: none is
	answer countAnswer[T]
	until  time.Time // it is good for
}

// A countAnswer is what came of a count.
type countAnswer[T any] struct {
	value T
	at    time.Time // zero: never counted
	err   error
}

// get returns what was counted, and counts if that is too old: good for every at least. What failed at once is tried again at once.
// Who does not want to wait any longer gets what was counted before, if there is something.
func (c *counted[T]) get(ctx context.Context, s *Service, every time.Duration, count func(context.Context) (T, error)) countAnswer[T] {
	c.mu.Lock()
	if !c.answer.at.IsZero() && s.now().Before(c.until) {
		defer c.mu.Unlock()
		return c.answer
	}
	if c.done == nil {
		c.done = make(chan struct{})
		s.unended.Go(func() { c.count(ctx, s, every, count) })
	}
	done := c.done
	c.mu.Unlock()
	select {
	case <-done:
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answer.at.IsZero() {
		return countAnswer[T]{err: ctx.Err()}
	}
	return c.answer
}

// count counts, until that is done, takes too long, or the service closes.
func (c *counted[T]) count(ctx context.Context, s *Service, every time.Duration, count func(context.Context) (T, error)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cmp.Or(c.most, countTimeout))
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-s.closing:
			cancel()
		case <-stop:
		}
	}()
	began := s.now()
	value, err := count(ctx)
	ended := s.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		every = 0
	}
	c.answer, c.until = countAnswer[T]{value, began, err}, ended.Add(max(every, countPart*ended.Sub(began)))
	close(c.done)
	c.done = nil
}
