package survey

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/password"
)

// A Bench is what moving an account is tried on. Nobody's data is used: made-up people are wrapped and written.
type Bench struct {
	Hasher password.Hasher
	// Scratch opens an empty store that nobody else uses, and returns what removes it. Nil: writing is not measured.
	Scratch func(context.Context) (accounts.Directory, func() error, error)
	For     time.Duration // each measure takes this long; 0: 1 s
}

// timing is what one account costs on this machine.
type timing struct {
	wrapOne   time.Duration // one wrap on one core
	wrapsASec float64       // on all cores at once
	write     time.Duration // one account, committed by itself; 0: not measured
	cores     int
}

func (b Bench) measure(ctx context.Context) (timing, error) {
	if b.For == 0 {
		b.For = time.Second
	}
	t := timing{cores: runtime.GOMAXPROCS(0)}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails: it would end the process
	wrapKeys, err := password.NewWrapKeys("plan", map[string][]byte{"plan": key})
	if err != nil {
		return t, err
	}
	wrap := func() error {
		_, err := b.Hasher.Wrap(wrapKeys, key)
		return err
	}
	one, err := b.repeat(ctx, 1, wrap)
	if err != nil {
		return t, err
	}
	all, err := b.repeat(ctx, t.cores, wrap)
	if err != nil {
		return t, err
	}
	// Whatever else the machine did meanwhile, all cores are no slower than one.
	t.wrapsASec = max(all, one)
	t.wrapOne = time.Duration(float64(time.Second) / min(all, one))
	if b.Scratch != nil {
		t.write, err = b.writing(ctx)
	}
	return t, err
}

// fewest is how often something is done at least on each goroutine: the first time fills caches.
const fewest = 3

// repeat does something on several goroutines for as long as a measure takes, and returns how often in a second.
func (b Bench) repeat(ctx context.Context, goroutines int, do func() error) (float64, error) {
	var times atomic.Int64
	var group sync.WaitGroup
	errs := make([]error, goroutines)
	began := time.Now()
	for i := range errs {
		group.Go(func() {
			for n := 1; ; n++ {
				if errs[i] = errors.Join(ctx.Err(), do()); errs[i] != nil {
					return
				}
				times.Add(1)
				if n >= fewest && time.Since(began) >= b.For {
					return
				}
			}
		})
	}
	group.Wait()
	return float64(times.Load()) / max(time.Since(began), time.Microsecond).Seconds(), errors.Join(errs...)
}

// writing measures how long one account takes in the scratch store.
func (b Bench) writing(ctx context.Context) (each time.Duration, err error) {
	store, remove, err := b.Scratch(ctx)
	if err != nil {
		return 0, fmt.Errorf("open a scratch store: %w", err)
	}
	defer func() { err = errors.Join(err, remove()) }()
	encoded, err := b.Hasher.Hash([]byte(rand.Text()))
	if err != nil {
		return 0, err
	}
	asec, err := b.repeat(ctx, 1, func() error {
		record, event := madeUp(encoded)
		return store.Create(ctx, record, event)
	})
	if err != nil {
		return 0, fmt.Errorf("write to a scratch store: %w", err)
	}
	return time.Duration(float64(time.Second) / asec), nil
}

// madeUp returns somebody who does not exist, as a sweep would write them.
func madeUp(encoded string) (accounts.Record, accounts.Event) {
	name, at := strings.ToLower(rand.Text()), time.Now()
	id, address := accounts.SubjectFor("plan", name), name+"@example.com"
	return accounts.Record{
			Account: accounts.Account{ID: id, CreatedAt: at, Identifiers: []accounts.Identifier{
				{Kind: accounts.Username, Canonical: name, Spelling: name}, {Kind: accounts.Email, Canonical: address, Spelling: address},
			}},
			Credential: accounts.Credential{Version: 1, Scheme: accounts.SchemeArgon2id, Encoded: encoded},
			Link:       &accounts.LegacyLink{Source: "plan", LegacyID: name, Fingerprint: make([]byte, 32), How: accounts.ByLogin, At: at},
		}, accounts.Event{
			ID: uuid.Must(uuid.NewV7()), At: at, AccountID: id, Kind: accounts.EventMigrated, Actor: "system", Reason: "measured",
		}
}
