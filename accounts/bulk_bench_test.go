package accounts_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/crypto/bcrypt"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/accounts/sqlstore"
	"rekey/legacy"
	"rekey/legacy/hash"
	"rekey/legacy/legacytest"
)

// BenchmarkMigrateMany moves people whose hashes are carried, 2,000 a commit, into SQLite, or into the empty database at
// REKEY_BENCH_STORE.
func BenchmarkMigrateMany(b *testing.B) {
	const size = 2000
	url := os.Getenv("REKEY_BENCH_STORE")
	if url == "" {
		url = "sqlite://" + filepath.Join(b.TempDir(), "new.db")
	}
	store, err := sqlstore.Open(b.Context(), url, sqlstore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close() }) // nothing is lost
	stored, err := bcrypt.GenerateFromPassword([]byte("tulip"), 10)
	if err != nil {
		b.Fatal(err)
	}
	s, err := accounts.New(accounts.Config{
		Store: store, Sources: []accounts.Source{{Name: "shop", Source: legacytest.NewMemory()}}, Hashes: hash.New(hash.Config{}),
		Permits: password.NewPool(password.PoolConfig{}), Key: testKey(b),
	})
	if err != nil {
		b.Fatal(err)
	}
	run := accounts.Run{ID: uuid.Must(uuid.NewV7()), Kind: accounts.RunMove, State: accounts.RunRunning, Spec: "{}", Began: time.Now()}
	part := accounts.Part{Source: "shop"}
	event := accounts.Event{ID: uuid.Must(uuid.NewV7()), At: time.Now(), Kind: accounts.EventSweepBegan, Actor: "bench"}
	if err := store.BeginRun(b.Context(), run, []accounts.Part{part}, event); err != nil {
		b.Fatal(err)
	}
	if err := store.CutChunks(b.Context(), run.ID, part, accounts.Part{Source: "shop", Whole: true}, []accounts.Chunk{{}}); err != nil {
		b.Fatal(err)
	}
	chunk, err := store.ClaimChunk(b.Context(), run.ID, "bench", 1, time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		people := make([]legacy.User, size)
		for i := range people {
			n++
			name := fmt.Sprintf("user%d", n)
			people[i] = legacy.User{
				ID: strconv.Itoa(n), Username: name, Email: name + "@example.org", Password: &legacy.Stored{Scheme: "auto", Hash: string(stored)}, CreatedAt: time.Now().AddDate(-1, 0, 0),
			}
		}
		_, err := s.MigrateMany(b.Context(), accounts.Batch{
			Source: "shop", People: people, Again: func(context.Context) ([]legacy.User, error) { return people, nil }, Contested: nobodyShares,
			Counted: time.Now(), Believed: time.Now().Add(time.Hour),
			Hash: accounts.KeepCarry, By: because, Keep: func(accounts.Tally) (accounts.Chunk, error) { return chunk, nil }, Claim: time.Hour,
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "people/s")
}
