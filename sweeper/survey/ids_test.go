package survey

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func claims(t *testing.T) *idFile {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "claims"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	d, err := openIDs(f, 0)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestGroupsOverSeveralParts: claims to one identifier meet wherever in the file they lie.
func TestGroupsOverSeveralParts(t *testing.T) {
	t.Parallel()
	const n = 2*partClaims + 1000
	d := claims(t)
	digester := &digester{keys: newKeys()}
	page := make([]claim, 0, 1000)
	for i := range int64(n) {
		name := string(rune('a'+i%26)) + person(int(i)).ID
		switch i {
		case 5, n / 2, n - 1: // one name for three, a part each
			name = "shared"
		case 7, n - 2:
			name = "between"
		}
		high, low := digester.identifier(name)
		source := 0
		if i == n-2 {
			source = 1
		}
		if page = append(page, claim{high, low, personOf(source, i)}); len(page) == cap(page) || i == n-1 {
			if err := d.add(page); err != nil {
				t.Fatal(err)
			}
			page = page[:0]
		}
	}
	found := map[int][]int64{}
	counts := map[int]map[int]int64{}
	err := d.groups(t.Context(), func(_ claim, people []uint64, count map[int]int64) {
		for _, p := range people {
			found[len(people)] = append(found[len(people)], numberOf(p))
		}
		counts[len(people)] = maps.Clone(count)
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 2 || !slices.Equal(found[3], []int64{5, n / 2, n - 1}) || !slices.Equal(found[2], []int64{7, n - 2}) {
		t.Errorf("found %v", found)
	}
	if !maps.Equal(counts[3], map[int]int64{0: 3}) || !maps.Equal(counts[2], map[int]int64{0: 1, 1: 1}) {
		t.Errorf("counts %v", counts)
	}
	if left, err := os.ReadDir(filepath.Dir(d.f.Name())); err != nil || len(left) != 1 {
		t.Errorf("the sorted file is left behind: %v, %v", left, err)
	}
}

// TestGroupOfManyIsBounded: "n/a" is the address of half of all people.
func TestGroupOfManyIsBounded(t *testing.T) {
	t.Parallel()
	d := claims(t)
	for i := range int64(10_000) {
		if err := d.add([]claim{{1, 2, personOf(0, i)}}); err != nil {
			t.Fatal(err)
		}
	}
	groups := 0
	err := d.groups(t.Context(), func(_ claim, people []uint64, count map[int]int64) {
		groups++
		if len(people) != maxHolders || count[0] != 10_000 {
			t.Errorf("%d people kept of %v", len(people), count)
		}
	})
	if err != nil || groups != 1 {
		t.Errorf("%d groups, %v", groups, err)
	}
}

func TestGroupsEndWithTheContext(t *testing.T) {
	t.Parallel()
	d := claims(t)
	if err := d.add([]claim{{1, 2, 3}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.groups(ctx, func(claim, []uint64, map[int]int64) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestPersonNumbers(t *testing.T) {
	t.Parallel()
	for _, source := range []int{0, 1, maxSources - 1} {
		for _, number := range []int64{0, 1, 1 << 40} {
			if p := personOf(source, number); sourceOf(p) != source || numberOf(p) != number {
				t.Errorf("%d, %d: %d, %d", source, number, sourceOf(p), numberOf(p))
			}
		}
	}
}

// TestClaimsBehindTheLastSaveAreDropped: a process that was killed has written more than its state file knows of, and will
// write the same again.
func TestClaimsBehindTheLastSaveAreDropped(t *testing.T) {
	t.Parallel()
	d := claims(t)
	if err := d.add([]claim{{1, 1, 1}, {2, 2, 2}, {1, 1, 3}}); err != nil {
		t.Fatal(err)
	}
	if err := d.flush(); err != nil {
		t.Fatal(err)
	}
	again, err := openIDs(d.f, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.add([]claim{{2, 2, 4}}); err != nil {
		t.Fatal(err)
	}
	var found []uint64
	if err := again.groups(t.Context(), func(_ claim, people []uint64, _ map[int]int64) { found = append(found, people...) }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(found, []uint64{2, 4}) {
		t.Errorf("found %v", found)
	}
}
