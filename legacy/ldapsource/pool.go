package ldapsource

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"
)

const (
	connIdle = time.Minute      // then it is not used again: below what directories and firewalls close by themselves
	connLife = 30 * time.Minute // so that a failover or a changed address is noticed
)

// A pool keeps connections on which the source's own name is bound, and nobody else ever: a person's password is tried
// on a connection that belongs to no pool.
type pool struct {
	connect func(context.Context) (*conn, error)
	now     func() time.Time
	slots   chan struct{} // one in it for each connection in use

	mu   sync.Mutex
	idle []pooled // the one used last is at the end
}

type pooled struct {
	conn         *conn
	opened, used time.Time
}

func newPool(size int, now func() time.Time, connect func(context.Context) (*conn, error)) *pool {
	return &pool{connect: connect, now: now, slots: make(chan struct{}, size)}
}

// search asks on a connection of the pool, waiting for one if need be. Where one was kept and the server has closed it
// meanwhile, the question is asked once more on a new one.
func (p *pool) search(ctx context.Context, request *ldap.SearchRequest) (*ldap.SearchResult, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-p.slots }()
	if kept, ok := p.take(); ok {
		result, err := kept.conn.search(ctx, request)
		p.give(kept, err)
		if err == nil || !isLost(err) || ctx.Err() != nil {
			return result, err
		}
	}
	c, err := p.connect(ctx)
	if err != nil {
		return nil, err
	}
	result, err := c.search(ctx, request)
	p.give(pooled{conn: c, opened: p.now()}, err)
	return result, err
}

// take returns a connection that is worth a try, and closes those that are not.
func (p *pool) take() (pooled, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		last := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		now := p.now()
		if !last.conn.ldap.IsClosing() && now.Sub(last.used) < connIdle && now.Sub(last.opened) < connLife {
			return last, true
		}
		last.conn.close()
	}
	return pooled{}, false
}

// give keeps a connection after a question, unless the question has broken it.
func (p *pool) give(c pooled, err error) {
	if err != nil && !isResult(err) {
		c.conn.close()
		return
	}
	c.used = p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, c)
}

// isResult reports whether an error is a result that the server gave, whole: the connection is as good as before.
func isResult(err error) bool {
	result, ok := errors.AsType[*ldap.Error](err)
	return ok && result.ResultCode < ldap.ErrorNetwork
}

// isLost reports whether a connection broke, as one does that the server has closed.
func isLost(err error) bool { return !isResult(err) && !errors.Is(err, errShape) }
