// Package sqlstoretest makes empty stores for tests of what is built upon one. To make the tables takes longer than most of
// those tests, so they are made once in a process and copied.
package sqlstoretest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"rekey/accounts/sqlstore"
)

// SQLite returns the URL of a new store in a file of t's own, which has its tables and nobody in them.
func SQLite(t testing.TB) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "new.db")
	store, err := empty()
	if err == nil {
		err = os.WriteFile(file, store, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return "sqlite://" + file
}

// empty is the file of a store that was opened once, and closed.
var empty = sync.OnceValues(func() (store []byte, err error) {
	folder, err := os.MkdirTemp("", "rekey-empty-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if removed := os.RemoveAll(folder); err == nil {
			err = removed
		}
	}()
	file := filepath.Join(folder, "new.db")
	s, err := sqlstore.Open(context.Background(), "sqlite://"+file, sqlstore.Options{})
	if err != nil {
		return nil, fmt.Errorf("make an empty store: %w", err)
	}
	if err := s.Close(); err != nil { // which moves the log into the file
		return nil, fmt.Errorf("make an empty store: %w", err)
	}
	return os.ReadFile(file)
})
