package limit

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	followEvery = 500 * time.Millisecond // how late another gateway may hear of a revocation, while Redis answers
	followBatch = 1000
	// streamMax bounds the memory that the stream takes in Redis to about 10 MB; a list that is longer loses its
	// oldest entries, which end first.
	streamMax = defaultMaxKeys
	// streamLife lets the stream go when nothing was revoked for so long; no access token lives that long.
	streamLife = 24 * time.Hour

	streamBegin = "0"
)

// RedisDenylist is the Denylist that gateways share: a Redis stream that each gateway writes to and follows into its own
// memory, so that asking it costs no call.
//
// While Redis cannot be reached a revocation counts on the gateway where it happened; elsewhere the session's access
// tokens live out their few minutes.
type RedisDenylist struct {
	remote *remote
	local  *LocalDenylist
	stream string
	next   string // the id after which to read on; used by pull alone
}

// NewRedisDenylist returns a list. It does not connect. Follow must run for it to hear of other gateways.
func NewRedisDenylist(c RedisConfig) (*RedisDenylist, error) {
	r, err := newRemote(c)
	if err != nil {
		return nil, err
	}
	return &RedisDenylist{remote: r, local: NewLocalDenylist(c.Local), stream: r.prefix + "revoked", next: streamBegin}, nil
}

// Revoke implements Denylist. It counts here at once.
func (d *RedisDenylist) Revoke(ctx context.Context, session string, until time.Time) {
	id := d.remote.hide("revoked", session)
	d.local.Revoke(ctx, id, until)
	// Where it fails, the counters tell: the revocation itself is in the account store.
	d.remote.do(ctx, func(ctx context.Context) error {
		_, err := d.remote.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.XAdd(ctx, &redis.XAddArgs{
				Stream: d.stream, MaxLen: streamMax, Approx: true,
				Values: []string{"session", id, "until", strconv.FormatInt(until.UnixMilli(), 10)},
			})
			p.Expire(ctx, d.stream, streamLife)
			return nil
		})
		return err
	})
}

// Revoked implements Denylist.
func (d *RedisDenylist) Revoked(session string) bool {
	if d.local.count.Load() == 0 {
		return false // the usual case is spared the hash
	}
	return d.local.Revoked(d.remote.hide("revoked", session))
}

// Follow reads what other gateways revoked, first all that there is and then every half second, until ctx ends.
func (d *RedisDenylist) Follow(ctx context.Context) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		d.pull(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// pull reads what is new.
func (d *RedisDenylist) pull(ctx context.Context) {
	for ctx.Err() == nil {
		var entries []redis.XMessage
		reached := d.remote.do(ctx, func(ctx context.Context) error {
			streams, err := d.remote.client.XRead(ctx, &redis.XReadArgs{
				Streams: []string{d.stream, d.next}, Count: followBatch, Block: -1, // do not wait
			}).Result()
			if errors.Is(err, redis.Nil) {
				return nil // nothing new
			}
			if err == nil && len(streams) == 1 {
				entries = streams[0].Messages
			}
			return err
		})
		if !reached {
			// A server that comes back empty, or with another clock, numbers its entries anew.
			d.next = streamBegin
			return
		}
		for _, e := range entries {
			d.take(ctx, e)
			d.next = e.ID
		}
		if len(entries) < followBatch {
			return
		}
	}
}

// take puts one entry into this gateway's memory. One that is not ours to understand is passed over.
func (d *RedisDenylist) take(ctx context.Context, e redis.XMessage) {
	session, _ := e.Values["session"].(string)
	text, _ := e.Values["until"].(string)
	until, err := strconv.ParseInt(text, 10, 64)
	if session == "" || err != nil {
		return
	}
	d.local.Revoke(ctx, session, time.UnixMilli(until))
}

// Stats tells how the way to Redis is doing.
func (d *RedisDenylist) Stats() RedisStats { return d.remote.stats() }
