package accounts

import (
	"encoding/json"
	"fmt"
)

// A ChunkState says how a chunk of a comparison is.
type ChunkState string

// How chunks are.
const (
	ChunkPending    ChunkState = "pending"
	ChunkMatched    ChunkState = "matched"
	ChunkMismatched ChunkState = "mismatched"
	ChunkSuspended  ChunkState = "suspended" // a store does not answer: it waits, and goes on
	ChunkIgnored    ChunkState = "ignored"   // there are differences, and somebody accepts all of them
)

// A ChunkFound is what a chunk's Counts hold.
type ChunkFound struct {
	Comparison
	Suspended string `json:"suspended,omitempty"` // why
	// Hung are people who could not be looked up, time after time, and why; see VerdictSuspended.
	Hung map[string]string `json:"hung,omitempty"`
}

// maxHung bounds what a chunk holds. With more of them it is the store that hangs.
const maxHung = 100

// Hang notes that somebody cannot be looked up; false if they are too many.
func (f *ChunkFound) Hang(legacyID, why string) bool {
	if len(f.Hung) >= maxHung {
		return false
	}
	if f.Hung == nil {
		f.Hung = map[string]string{}
	}
	f.Hung[legacyID] = why
	return true
}

// stateOf is the state of a chunk in which this was found.
func (f ChunkFound) stateOf(done bool) ChunkState {
	switch {
	case f.Suspended != "":
		return ChunkSuspended
	case !done:
		return ChunkPending
	case !f.Clean():
		return ChunkMismatched
	case f.Counts[VerdictIgnored] > 0:
		return ChunkIgnored
	}
	return ChunkMatched
}

// Found reads what was found in a chunk so far.
func (c Chunk) Found() (ChunkFound, error) {
	f := ChunkFound{Comparison: NewComparison(c.Source)}
	if c.Counts == "" {
		return f, nil
	}
	if err := json.Unmarshal([]byte(c.Counts), &f); err != nil {
		return f, fmt.Errorf("read what chunk %d has found: %w", c.Seq, err)
	}
	return f, nil
}

// Keep returns the chunk with what was found in it.
func (f ChunkFound) Keep(c Chunk) (Chunk, error) {
	text, err := json.Marshal(f)
	c.Counts = string(text)
	return c, err
}
