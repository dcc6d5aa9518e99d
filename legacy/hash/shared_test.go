package hash

import (
	"sync"
	"testing"
)

// TestSharedRegistry: one registry serves everybody at once. It is what the race detector looks at; the whole of the
// vectors runs without it, for hashing under it takes ten times as long.
func TestSharedRegistry(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	var rows []vector
	for _, v := range firstRows(readVectors(t)) {
		if h, err := r.Open(v.stored()); err == nil && h.Memory == 0 && len(rows) < 120 && cheapScheme(v.Format) {
			rows = append(rows, v)
		}
	}
	if len(rows) < 40 {
		t.Fatalf("only %d rows", len(rows))
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for _, v := range rows {
				h, err := r.Open(v.stored())
				if err != nil {
					t.Errorf("%s: %v", v.ID, err)
					continue
				}
				if !h.Verify([]byte(v.Password)) {
					t.Errorf("%s %s: not verified", v.ID, v.Format)
				}
				r.Candidates(v.Hash)
				r.Schemes()
			}
		})
	}
	all.Wait()
}

// cheapScheme reports whether a format costs microseconds: digests and HMACs, by their names.
func cheapScheme(format string) bool {
	for _, prefix := range []string{"raw-", "salted-", "ldap-", "hmac-", "mysql", "mssql", "postgres", "oracle", "joomla", "vbulletin", "mybb", "ipb", "smf"} {
		if len(format) >= len(prefix) && format[:len(prefix)] == prefix {
			return true
		}
	}
	return false
}
