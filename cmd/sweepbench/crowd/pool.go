package crowd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"rekey/cmd/loadtest/load"
	"rekey/legacy"
	"rekey/legacy/hash"
)

// A Pool holds hashes for people to share: making one for each would take weeks.
type Pool struct {
	Cost   int    `json:"cost"`   // of bcrypt, log2
	Strong []Made `json:"strong"` // bcrypt, as PHP writes it
	Weak   []Made `json:"weak"`   // salted MD5, as old directories have it
}

// A Made is a hash with its password.
type Made struct {
	Password string `json:"password"`
	Hash     string `json:"hash"`
}

// NewPool makes n hashes of each sort, with as many goroutines as there are cores.
func NewPool(n, cost int) (Pool, error) {
	pool := Pool{Cost: cost, Strong: make([]Made, n), Weak: make([]Made, n)}
	// 16 bytes of digest and 8 of salt, for others to be made like it.
	like := legacy.Stored{Scheme: "auto", Hash: "{SMD5}" + strings.Repeat("A", 32)}
	schemes := hash.New(hash.Config{})
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	return pool, load.Each(min(n, runtime.NumCPU()), func() error {
		for i := range next {
			typed := fmt.Sprintf("correct horse battery %d", i)
			strong, err := bcrypt.GenerateFromPassword([]byte(typed), cost)
			if err != nil {
				return err
			}
			weak, err := schemes.Make(like, []byte(typed))
			if err != nil {
				return err
			}
			pool.Strong[i] = Made{typed, "$2y$" + strings.TrimPrefix(string(strong), "$2a$")}
			pool.Weak[i] = Made{typed, weak.Hash}
		}
		return nil
	})
}

// OpenPool reads the pool that a file keeps, or makes it there: 200 of bcrypt's cost 10 take a quarter of a minute.
func OpenPool(path string, n, cost int) (Pool, error) {
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return Pool{}, err
	default:
		var pool Pool
		if err := json.Unmarshal(text, &pool); err != nil {
			return Pool{}, fmt.Errorf("%s: %w", path, err)
		}
		if pool.Cost == cost && len(pool.Strong) == n && len(pool.Weak) == n {
			return pool, nil
		}
	}
	pool, err := NewPool(n, cost)
	if err != nil {
		return Pool{}, err
	}
	if text, err = json.MarshalIndent(pool, "", " "); err != nil {
		return Pool{}, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return Pool{}, err
	}
	made := fmt.Sprintf("%s.%d", path, os.Getpid()) // half a pool is never seen
	if err := os.WriteFile(made, text, 0o600); err != nil {
		return Pool{}, err
	}
	return pool, os.Rename(made, path)
}
