package hash

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"

	"rekey/legacy"
)

// A vector is a row of testdata/vectors.jsonl.
type vector struct {
	ID       string         `json:"id"`
	Format   string         `json:"format"`
	Tool     string         `json:"source_tool"`
	Password string         `json:"password"`
	Hash     string         `json:"hash"`
	Salt     string         `json:"salt"`
	Extra    map[string]any `json:"extra"`
	Valid    bool           `json:"valid"`
}

// stored is the row as an adapter would hand it over.
func (v vector) stored() legacy.Stored {
	s := legacy.Stored{Scheme: v.Format, Hash: v.Hash, Salt: v.Salt, Params: map[string]string{}}
	for name, value := range v.Extra {
		s.Params[name] = fmt.Sprint(value)
	}
	s.User = s.Params["user"]
	return s
}

// readVectors returns the rows, which nobody changes: they are read once.
func readVectors(t testing.TB) []vector {
	t.Helper()
	rows, err := vectorsOnce()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

var vectorsOnce = sync.OnceValues(func() ([]vector, error) { return readRows("testdata/vectors.jsonl") })

// readRows reads a file of rows.
func readRows(name string) (rows []vector, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v vector
		decoder := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		decoder.UseNumber() // 2^31 must not become 2.147483648e+09
		if err := decoder.Decode(&v); err != nil {
			return nil, err
		}
		rows = append(rows, v)
	}
	return rows, lines.Err()
}

// tally counts the rows of one format.
type tally struct{ valid, validOK, invalid, invalidOK int }

// eachRow runs f for the rows whose format the registry has, as many at once as there are cores.
func eachRow(r *Registry, rows []vector, f func(i int, v vector)) {
	permits := make(chan struct{}, runtime.GOMAXPROCS(0))
	var group sync.WaitGroup
	for i, v := range rows {
		if r.byName[v.Format] == nil {
			continue
		}
		permits <- struct{}{}
		group.Go(func() {
			defer func() { <-permits }()
			f(i, v)
		})
	}
	group.Wait()
}

// firstRows are the first valid row of each format.
func firstRows(rows []vector) []vector {
	var first []vector
	for i, isFirst := range firstOf(rows) {
		if isFirst {
			first = append(first, rows[i])
		}
	}
	return first
}

// firstOf tells for each row whether it is the first valid one of its format.
func firstOf(rows []vector) []bool {
	first, seen := make([]bool, len(rows)), map[string]bool{}
	for i, v := range rows {
		if v.Valid && !seen[v.Format] {
			first[i], seen[v.Format] = true, true
		}
	}
	return first
}

// disputedRows are rows whose verdict the format contradicts; they are expected to be answered otherwise than they say. In
// v04668, {LANMAN}, the password that must be refused differs from the right one in case alone. LAN Manager hashes the
// capitals of a password, so that both have one hash, and no verifier can tell them apart.
var disputedRows = map[string]string{
	"v04668": "LAN Manager hashes capitals, so that its own library takes the password in any case",
}

// validRows counts the valid rows of each format.
func validRows(rows []vector) map[string]int {
	n := map[string]int{}
	for _, v := range rows {
		n[v.Format] += count(v.Valid)
	}
	return n
}

// TestVectors runs every row whose format the registry has. With -v it prints the counts by format.
//
// The first valid row of a format is computed from its mask, the others from what is stored (a sole row from both): a
// wrapped credential keeps only the mask, so a scheme whose mask computes otherwise would lock its people out.
func TestVectors(t *testing.T) {
	t.Parallel()
	r, rows := New(Config{}), readVectors(t)
	verified, first, valid := make([]bool, len(rows)), firstOf(rows), validRows(rows)
	eachRow(r, rows, func(i int, v vector) {
		h, err := r.Open(v.stored())
		if err != nil {
			if v.Valid {
				t.Errorf("%s %s: %v", v.ID, v.Format, err)
			}
			return
		}
		if first[i] {
			checkMask(t, r, v, h)
		}
		verified[i] = first[i] && valid[v.Format] > 1 || h.Verify([]byte(v.Password))
	})

	tallies, order := map[string]*tally{}, []string{}
	for i, v := range rows {
		c := tallies[v.Format]
		if c == nil {
			c = &tally{}
			tallies[v.Format], order = c, append(order, v.Format)
		}
		if r.byName[v.Format] == nil {
			continue
		}
		if reason := disputedRows[v.ID]; reason != "" {
			t.Logf("%s %s: not counted: %s", v.ID, v.Format, reason)
			continue
		}
		ok := verified[i] == v.Valid
		if !ok {
			t.Errorf("%s %s: verified %t, want %t (%s)", v.ID, v.Format, verified[i], v.Valid, v.Tool)
		}
		if v.Valid {
			c.valid, c.validOK = c.valid+1, c.validOK+count(ok)
		} else {
			c.invalid, c.invalidOK = c.invalid+1, c.invalidOK+count(ok)
		}
	}
	for _, format := range order {
		c := tallies[format]
		t.Logf("%-32s verified %d/%d refused %d/%d", format, c.validOK, c.valid, c.invalidOK, c.invalid)
	}
	checkPriorities(t, tallies)
}

func count(ok bool) int {
	if ok {
		return 1
	}
	return 0
}

// checkMask masks an opened row, opens the mask and compares what it computes with what was stored.
func checkMask(t *testing.T, r *Registry, v vector, h *Hash) {
	t.Helper()
	mask := h.Masked()
	again, err := r.Open(mask)
	if err != nil {
		t.Errorf("%s %s: the masked value does not open: %v", v.ID, v.Format, err)
		return
	}
	if mask.Scheme != h.Scheme || again.Limit != h.Limit || again.Fold != h.Fold || again.Memory != h.Memory {
		t.Errorf("%s %s: the masked value tells other properties", v.ID, v.Format)
	}
	if mask.Hash == v.Hash || slices.Equal(again.Stored(), h.Stored()) {
		t.Errorf("%s %s: the masked value still holds the digest", v.ID, v.Format)
	}
	got, err := again.Digest([]byte(v.Password))
	if err != nil || !bytes.Equal(got, h.Stored()) {
		t.Errorf("%s %s: the masked value computes another digest (%v)", v.ID, v.Format, err)
	}
}

// TestAuto checks that a row of a scheme that says it recognises it opens under "auto" to one that verifies it.
func TestAuto(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	eachRow(r, firstRows(readVectors(t)), func(_ int, v vector) {
		scheme := r.byName[v.Format]
		if scheme.Match == nil || !scheme.Match(v.Hash) {
			return
		}
		s := v.stored()
		s.Scheme = Auto
		h, err := r.Open(s)
		if err != nil {
			t.Errorf("%s %s: %v", v.ID, v.Format, err)
		} else if h.Scheme != scheme.Name && !h.Verify([]byte(v.Password)) {
			t.Errorf("%s %s: auto takes it for %s", v.ID, v.Format, h.Scheme)
		}
	})
}
