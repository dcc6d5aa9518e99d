package crowd_test

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rekey/accounts"
	"rekey/cmd/sweepbench/crowd"
	"rekey/legacy"
	"rekey/legacy/hash"
)

// All of the pool that tests share is cheap, and hashes are as good as the real ones.
func pool(t testing.TB) crowd.Pool {
	t.Helper()
	p, err := crowd.OpenPool(filepath.Join(t.TempDir(), "a", "pool.json"), 2, 4)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What the counts say is what the domain's own eyes see in the people.
func TestCounts(t *testing.T) {
	t.Parallel()
	made := pool(t)
	hashes := hash.New(hash.Config{})
	rapid.Check(t, func(t *rapid.T) {
		plan := crowd.Plan{
			People: rapid.Int64Range(1, 120).Draw(t, "people"), Seed: rapid.Uint64().Draw(t, "seed"),
			Weak: rapid.Float64Range(0, 1).Draw(t, "weak"), Disabled: rapid.Float64Range(0, 1).Draw(t, "disabled"),
			Collisions: rapid.Int64Range(0, 20).Draw(t, "collisions"), Unreadable: rapid.Int64Range(0, 30).Draw(t, "unreadable"),
			Untypable: rapid.Int64Range(0, 20).Draw(t, "untypable"),
		}
		if plan.Check() != nil {
			t.Skip("no plan")
		}
		var counts crowd.Counts
		all := slices.Collect(crowd.Everybody(plan, made, &counts))
		var again crowd.Counts
		if !reflect.DeepEqual(all, slices.Collect(crowd.Everybody(plan, made, &again))) || !reflect.DeepEqual(counts, again) {
			t.Error("the same plan gives others")
		}

		holders := map[string]int{}
		ids := make([][]string, len(all))
		for i, p := range all {
			for _, text := range []string{p.Username, p.Email} {
				if id, err := accounts.ParseIdentifier(text); err == nil {
					ids[i] = append(ids[i], id.Canonical)
					holders[id.Canonical]++
				}
			}
		}
		seen := crowd.Counts{People: int64(len(all)), Moved: map[string]int64{"auto": 0, "carry": 0, "wrap": 0}, Refused: map[string]int64{}}
		for i, p := range all {
			if p.ID != int64(i)+1 {
				t.Fatalf("person %d has id %d", i, p.ID)
			}
			if p.Disabled {
				seen.Disabled++
			}
			if p.LastLoginAt.IsZero() {
				seen.NeverSeen++
			} else if p.LastLoginAt.Before(p.CreatedAt) {
				t.Errorf("person %d was here before they came", p.ID)
			}
			h, err := hashes.Open(legacy.Stored{Scheme: "auto", Hash: p.Hash})
			switch {
			case len(ids[i]) == 0:
				seen.Refused["invalid-identifier"]++
			case err != nil:
				seen.Refused["unreadable-hash"]++
			case slices.ContainsFunc(ids[i], func(id string) bool { return holders[id] > 1 }):
				seen.Refused["contested"]++
			default:
				seen.Moved["auto"]++
				seen.Moved["wrap"]++
				seen.Identifiers += int64(len(ids[i]))
				if strings.HasPrefix(p.Hash, "{SMD5}") {
					seen.Refused["weak-hash"]++
				} else {
					seen.Moved["carry"]++
				}
				if i < 3 && h.Match([]byte(p.Password)) == nil {
					t.Errorf("person %d cannot log in with %q", p.ID, p.Password)
				}
			}
		}
		if !reflect.DeepEqual(seen, counts) {
			t.Errorf("counted %+v\nseen    %+v", counts, seen)
		}
		want := map[string]int64{"contested": 2 * plan.Collisions, "unreadable-hash": plan.Unreadable, "invalid-identifier": plan.Untypable}
		for class, n := range want {
			if counts.Refused[class] != n {
				t.Errorf("%d are %s, want %d", counts.Refused[class], class, n)
			}
		}
	})
}

// The pool of a file stays; one of another size or cost is made anew, and a file that is something else is left alone.
func TestOpenPool(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pool.json")
	open := func(n, cost int) crowd.Pool {
		t.Helper()
		p, err := crowd.OpenPool(path, n, cost)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	first := open(2, 4)
	if !reflect.DeepEqual(first, open(2, 4)) {
		t.Error("the second time it is another")
	}
	if other := open(3, 4); len(other.Strong) != 3 || len(other.Weak) != 3 {
		t.Errorf("%d and %d hashes, want 3", len(other.Strong), len(other.Weak))
	}
	if again := open(2, 5); !strings.HasPrefix(again.Strong[0].Hash, "$2y$05$") {
		t.Errorf("hashes begin with %s", again.Strong[0].Hash[:7])
	}
}

func TestPlanCheck(t *testing.T) {
	t.Parallel()
	for name, plan := range map[string]crowd.Plan{
		"nobody":          {},
		"a zero too many": {People: crowd.MaxPeople + 1},
		"a share of two":  {People: 10, Weak: 2},
		"a negative":      {People: 10, Collisions: -1},
		"too many odd":    {People: 10, Collisions: 3, Unreadable: 2, Untypable: 1},
		"an overflow":     {People: 10, Collisions: 1 << 62, Unreadable: 1 << 62},
	} {
		if err := plan.Check(); err == nil {
			t.Errorf("%s: %+v is a plan", name, plan)
		}
	}
	if err := (crowd.Plan{People: 10, Collisions: 3, Unreadable: 1, Untypable: 1, Weak: 1}).Check(); err != nil {
		t.Error(err)
	}
}
