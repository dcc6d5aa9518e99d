package token

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rekey/accounts"
)

// attempts bounds how often a write is tried anew because somebody else wrote first. Each try that loses means that
// another one won, so that more than a few of them mean that something is wrong.
const attempts = 5

var errBusy = errors.New("somebody else keeps changing it")

// Rotation says how and for whom a new key is made.
type Rotation struct {
	Now    bool   // it signs at once, though caches of the JWKS do not have it yet: for a key that has leaked
	Actor  string // as in accounts.Event
	Reason string
}

// Rotate makes a new key, which becomes active after the overlap or at once, and returns it. If another process
// makes such a key at the same moment, there is one, and both return it.
func (k *Keys) Rotate(ctx context.Context, r Rotation) (KeyInfo, error) {
	activeAt := k.c.Now()
	if !r.Now {
		activeAt = activeAt.Add(k.c.Overlap)
	}
	newest, err := k.newest(ctx)
	if err != nil {
		return KeyInfo{}, err
	}
	for range attempts {
		seen := newest.Seq
		err := k.add(ctx, seen+1, activeAt, r.Actor, r.Reason)
		if err != nil && !errors.Is(err, accounts.ErrStale) {
			return KeyInfo{}, err
		}
		if newest, err = k.newest(ctx); err != nil {
			return KeyInfo{}, err
		}
		if newest.Seq > seen && newest.Algorithm == k.c.Algorithm && !newest.ActiveAt.After(activeAt) {
			return newest, k.read(ctx)
		}
	}
	return KeyInfo{}, fmt.Errorf("rotate signing key: %w", errBusy)
}

// ensure makes the first key, or the first of another algorithm.
func (k *Keys) ensure(ctx context.Context) error {
	for range attempts {
		newest, err := k.newest(ctx)
		switch {
		case errors.Is(err, errNoKeys):
			err = k.add(ctx, 1, k.c.Now(), "system", "first key")
		case err != nil:
			return err
		case newest.Algorithm == k.c.Algorithm:
			return nil
		default:
			err = k.add(ctx, newest.Seq+1, k.c.Now().Add(k.c.Overlap), "system", "the algorithm was changed")
		}
		if err != nil && !errors.Is(err, accounts.ErrStale) {
			return err
		}
	}
	return fmt.Errorf("make signing key: %w", errBusy)
}

// tend is one round of the upkeep.
func (k *Keys) tend(ctx context.Context) error {
	if err := k.read(ctx); err != nil {
		return err
	}
	if err := k.rotateByAge(ctx); err != nil {
		return err
	}
	return k.removeOutlived(ctx)
}

func (k *Keys) rotateByAge(ctx context.Context) error {
	keys := k.current.Load().keys
	newest := keys[len(keys)-1].info
	if k.c.RotateAfter <= 0 || k.c.Now().Before(newest.ActiveAt.Add(k.c.RotateAfter-k.c.Overlap)) {
		return nil
	}
	// Not Rotate: of the replicas that find the key too old at once, the losers have nothing left to do.
	err := k.add(ctx, newest.Seq+1, k.c.Now().Add(k.c.Overlap), "system", "age")
	if err != nil && !errors.Is(err, accounts.ErrStale) {
		return err
	}
	return k.read(ctx)
}

func (k *Keys) removeOutlived(ctx context.Context) error {
	seq := k.outlived.Load()
	if seq == 0 {
		return nil
	}
	if _, err := k.c.Store.DeleteSigningKeys(ctx, seq+1); err != nil {
		return fmt.Errorf("remove outlived signing keys: %w", err)
	}
	k.outlived.CompareAndSwap(seq, 0)
	return nil
}

func (k *Keys) newest(ctx context.Context) (KeyInfo, error) {
	stored, err := k.c.Store.SigningKeys(ctx)
	if err != nil {
		return KeyInfo{}, fmt.Errorf("read signing keys: %w", err)
	}
	if len(stored) == 0 {
		return KeyInfo{}, errNoKeys
	}
	infos := Describe(stored, k.c.Now(), k.c.AccessLife)
	return infos[len(infos)-1], nil
}

// add makes a key and stores it under a number; accounts.ErrStale if another process was faster.
func (k *Keys) add(ctx context.Context, seq int64, activeAt time.Time, actor, reason string) error {
	private, kid, err := generate(k.c.Algorithm)
	if err != nil {
		return fmt.Errorf("make signing key: %w", err)
	}
	sealed, err := seal(k.c.MasterKey, private, kid)
	if err != nil {
		return fmt.Errorf("seal signing key: %w", err)
	}
	now := k.c.Now()
	err = k.c.Store.AddSigningKey(ctx, accounts.SigningKey{
		Seq: seq, ID: kid, Algorithm: k.c.Algorithm, Sealed: sealed, CreatedAt: now, ActiveAt: activeAt,
	}, accounts.Event{
		ID: k.c.NewID(), At: now, Kind: accounts.EventKeyRotated, Actor: actor, Reason: reason,
		Detail: map[string]string{"kid": kid, "alg": k.c.Algorithm, "active_at": activeAt.UTC().Format(time.RFC3339)},
	})
	if err != nil {
		return fmt.Errorf("store signing key %d: %w", seq, err)
	}
	return nil
}
