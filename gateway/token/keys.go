package token

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/masterkey"
)

var (
	errForeignKey = errors.New("is not the private key that its row says")
	errNoKeys     = errors.New("the store holds no signing key")
)

// Defaults of a KeysConfig.
const (
	DefaultOverlap     = 10 * time.Minute
	DefaultRotateAfter = 90 * 24 * time.Hour // for whoever fills in a KeysConfig: there, 0 means never
	defaultReload      = 5 * time.Second
)

// readGap is the least time between two readings of the store that unknown key ids ask for: rubbish costs the store
// four small queries a second at most.
const readGap = 250 * time.Millisecond

// readTimeout bounds one reading, whose result may be waited for by many.
const readTimeout = 2 * time.Second

// KeysConfig is what Keys are made of. Store and MasterKey are required.
type KeysConfig struct {
	Store     accounts.SigningKeys
	MasterKey *masterkey.Key

	Algorithm   string        // of new keys; empty means EdDSA
	AccessLife  time.Duration // of the tokens that the keys sign; 0 means DefaultAccessLife
	Overlap     time.Duration // for how long a key is published before it signs; 0 means DefaultOverlap
	RotateAfter time.Duration // at what age the active key is followed by a new one; 0 means never
	Reload      time.Duration // how often Start reads the store; 0 means 5 s

	Now   func() time.Time // nil means time.Now
	NewID func() uuid.UUID // of events; nil means UUIDv7
	Log   *slog.Logger     // nil means none
}

// Keys are the signing keys of the installation, as last read from the store, which all replicas share. They are
// safe for concurrent use.
type Keys struct {
	c       KeysConfig
	current atomic.Pointer[snapshot]

	started  atomic.Uint64 // readings begun
	outlived atomic.Int64  // the highest number of an outlived key that was seen
	turn     chan struct{} // held while reading, and to touch last
	last     reading
}

// A reading is how a look into the store went.
type reading struct {
	number uint64
	ended  time.Time // by the real clock, whatever Now says
	err    error
}

// OpenKeys reads the keys. It makes the first one if there is none, and a next one if the configured algorithm is
// not that of the newest. Of several processes that do so at once one wins, and all end with its key.
func OpenKeys(ctx context.Context, c KeysConfig) (*Keys, error) {
	if c.Algorithm == "" {
		c.Algorithm = EdDSA
	}
	if _, err := algorithmNamed(c.Algorithm); err != nil {
		return nil, err
	}
	c.AccessLife = orDefault(c.AccessLife, DefaultAccessLife)
	c.Overlap = orDefault(c.Overlap, DefaultOverlap)
	c.Reload = orDefault(c.Reload, defaultReload)
	c.Now, c.NewID = orClock(c.Now), orIDs(c.NewID)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	k := &Keys{c: c, turn: make(chan struct{}, 1)}
	if err := k.ensure(ctx); err != nil {
		return nil, err
	}
	return k, k.read(ctx)
}

// Start keeps the keys up to date with the store, rotates them by age and removes the outlived ones, until ctx ends.
// The caller owns the goroutine that it runs in.
func (k *Keys) Start(ctx context.Context) {
	tick := time.NewTicker(k.c.Reload)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := k.tend(ctx); err != nil && ctx.Err() == nil {
				k.c.Log.WarnContext(ctx, "signing keys could not be tended; the known ones go on being used", "error", err)
			}
		}
	}
}

// JWKS returns the public keys as a JWK Set (RFC 7517, section 5), and for how long it may be cached: short enough
// that each key is in every cache before it signs. The bytes must not be changed.
func (k *Keys) JWKS() (set []byte, maxAge time.Duration) {
	return k.current.Load().jwks, min(k.c.Overlap/2, 5*time.Minute)
}

// Algorithms returns the names of the algorithms of the published keys, each once, sorted.
func (k *Keys) Algorithms() []string {
	var names []string
	for _, key := range k.current.Load().keys {
		names = append(names, key.info.Algorithm)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// find returns the key that a token names. A key that is not known here may be one that another replica has just
// made, so the store is asked before it is refused. The error is ErrInvalid, or an *accounts.UnavailableError.
func (k *Keys) find(ctx context.Context, kid string) (*key, error) {
	if key := k.current.Load().find(kid, k.c.Now()); key != nil {
		return key, nil
	}
	if !isKeyID(kid) {
		return nil, ErrInvalid
	}
	if err := k.readAfter(ctx, k.started.Load()); err != nil {
		return nil, cannotTell("read signing keys", err)
	}
	if key := k.current.Load().find(kid, k.c.Now()); key != nil {
		return key, nil
	}
	return nil, ErrInvalid
}

// readAfter returns once a reading that began after number asked has ended. All who wait share it, and its error.
func (k *Keys) readAfter(ctx context.Context, asked uint64) error {
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if k.last.number > asked {
		return k.last.err
	}
	gap := time.NewTimer(time.Until(k.last.ended.Add(readGap)))
	defer gap.Stop()
	select {
	case <-gap.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return k.readInTurn(ctx)
}

// read reads the store now.
func (k *Keys) read(ctx context.Context) error {
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return k.readInTurn(ctx)
}

// readInTurn reads the store while the turn is held. The reading is not the caller's alone and so outlives its request.
func (k *Keys) readInTurn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	defer cancel()
	number := k.started.Add(1)
	err := k.readOnce(ctx)
	k.last = reading{number, time.Now(), err}
	return err
}

func (k *Keys) readOnce(ctx context.Context) error {
	stored, err := k.c.Store.SigningKeys(ctx)
	if err != nil {
		return fmt.Errorf("read signing keys: %w", err)
	}
	before := k.current.Load()
	if before == nil {
		before = &snapshot{}
	}
	var keys []*key
	changed := false
	for i, info := range Describe(stored, k.c.Now(), k.c.AccessLife) {
		if info.State == Outlived {
			k.outlived.Store(info.Seq) // they come in the order of their numbers
			continue
		}
		known := before.byID[info.ID]
		switch {
		case known == nil:
			known, err = open(k.c.MasterKey, stored[i], info)
			if err != nil {
				return fmt.Errorf("signing key %d (%s): %w", info.Seq, info.ID, err)
			}
			changed = true
		case !known.info.Until.Equal(info.Until):
			known = newKey(info, known.alg, known.private)
			changed = true
		}
		keys = append(keys, known)
	}
	if len(keys) == 0 {
		return errNoKeys
	}
	if !changed && len(keys) == len(before.keys) {
		return nil
	}
	next, err := newSnapshot(before.generation+1, keys)
	if err != nil {
		return err
	}
	k.current.Store(next)
	return nil
}
