package fill

import (
	"fmt"
	"slices"
	"testing"

	"rekey/cmd/sweepbench/crowd"
)

// Everybody is in one piece, in their order, and only the last piece is short.
func TestBatches(t *testing.T) {
	t.Parallel()
	for people := range 8 {
		t.Run(fmt.Sprint(people), func(t *testing.T) {
			t.Parallel()
			all := func(yield func(crowd.Person) bool) {
				for i := range people {
					if !yield(crowd.Person{ID: int64(i)}) {
						return
					}
				}
			}
			var sizes []int
			var ids []int64
			for piece := range batches(all, 3) {
				n := 0
				for p := range piece {
					ids = append(ids, p.ID)
					n++
				}
				sizes = append(sizes, n)
			}
			var want []int64
			for i := range people {
				want = append(want, int64(i))
			}
			full := people / 3
			for i, n := range sizes {
				if i < full && n != 3 || i >= full && n != people%3 {
					t.Errorf("the pieces have %v", sizes)
				}
			}
			if !slices.Equal(ids, want) || len(sizes) != (people+2)/3 {
				t.Errorf("the pieces have %v, of people %v", sizes, ids)
			}
		})
	}
}
