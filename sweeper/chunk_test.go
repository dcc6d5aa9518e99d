package sweeper

import (
	"math"
	"testing"
)

// A chunk is as large as the settings say, and smaller where the last ones would be one worker's alone for long.
func TestChunkOf(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		chunk, workers int
		people         int64
		want           int
	}{
		{10_000, 2, 10_000_000, 10_000}, {10_000, 2, 320_000, 10_000}, {10_000, 2, 20_000, 625}, {10_000, 8, 20_000, worthLeast}, {10_000, 1, 20_000, 1250},
		{100, 2, 20_000, 100}, {10_000, 2, 1000, 10_000}, {10_000, 2, 1001, worthLeast}, {10_000, 2, 0, 10_000}, {10_000, 2, -1, 10_000}, {10_000, 0, 20_000, 1250},
	} {
		for where, o := range map[string]Orders{
			"by the settings": {Chunk: row.chunk, Workers: row.workers}, "at a terminal": {Chunk: row.chunk, Workers: math.MaxInt32, attends: true, own: row.workers},
		} {
			if got := o.chunkOf(row.people); got != row.want {
				t.Errorf("%s, %d people for %d workers, in chunks of %d at most: %d, want %d", where, row.people, row.workers, row.chunk, got, row.want)
			}
		}
	}
}
