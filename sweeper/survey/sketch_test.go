package survey

import (
	"errors"
	"slices"
	"testing"

	"rekey/legacy"
)

func sketched(people []legacy.User) *sketch {
	d, s := &digester{}, newSketch()
	for i := range people {
		s.add(d.mark("shop", &people[i]))
	}
	return s
}

// TestSketchEstimates: a handful exactly, many within three percent, and too many are said to be too many.
func TestSketchEstimates(t *testing.T) {
	t.Parallel()
	people := crowd(60_000)
	before := sketched(people)
	changed := 0
	for _, upTo := range []int{1, 10, 1000, 50_000} {
		for ; changed < upTo; changed++ {
			people[changed].Disabled = true
		}
		got := sketched(people).since(before)
		slack := int64(upTo) * 3 / 100
		if got.changed < int64(upTo)-slack || got.changed > int64(upTo)+slack || got.came+got.went+got.seen != 0 || got.saturated {
			t.Errorf("%d changed: %+v", upTo, got)
		}
	}
	whole := sketched(people)
	if got := sketched(people[:1000]).since(whole); got != (difference{went: 59_000}) {
		t.Errorf("59,000 went: %+v", got)
	}
	if got := whole.since(sketched(people[:1000])); got != (difference{came: 59_000}) {
		t.Errorf("59,000 came: %+v", got)
	}
}

func TestSketchSaturates(t *testing.T) {
	t.Parallel()
	before, after := newSketch(), newSketch()
	for i := range uint64(bucketCount) {
		before.add(mark{person: i << (64 - bucketBits), record: 1})
		after.add(mark{person: i << (64 - bucketBits), record: 2})
	}
	if d := after.since(before); !d.saturated || d.changed < 600_000 {
		t.Errorf("%+v", d)
	}
}

// TestSketchTellsEachKind: what a login depends on is apart from the last login, and the order does not matter.
func TestSketchTellsEachKind(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*legacy.User)
		want   difference
	}{
		"hash":     {func(u *legacy.User) { u.Password = &legacy.Stored{Hash: "another"} }, difference{changed: 1}},
		"no hash":  {func(u *legacy.User) { u.Password = nil }, difference{changed: 1}},
		"salt":     {func(u *legacy.User) { u.Password = &legacy.Stored{Hash: u.Password.Hash, Salt: "x"} }, difference{changed: 1}},
		"e-mail":   {func(u *legacy.User) { u.Email += "x" }, difference{changed: 1}},
		"disabled": {func(u *legacy.User) { u.Disabled = true }, difference{changed: 1}},
		"verified": {func(u *legacy.User) { u.Profile.EmailVerified = true }, difference{changed: 1}},
		"roles":    {func(u *legacy.User) { u.Profile.Roles = []string{"admin"} }, difference{changed: 1}},
		"groups":   {func(u *legacy.User) { u.Profile.Groups = []string{"admin"} }, difference{changed: 1}},
		"login":    {func(u *legacy.User) { u.LastLoginAt = someday }, difference{seen: 1}},
		"key":      {func(u *legacy.User) { u.ID = "zzz" }, difference{came: 1, went: 1}},
		"name":     {func(u *legacy.User) { u.Profile.DisplayName = "Anna" }, difference{}},
	} {
		people := crowd(5)
		people[2].LastLoginAt = someday.AddDate(-1, 0, 0)
		before := sketched(people)
		tt.change(&people[2])
		people[0], people[4] = people[4], people[0]
		if got := sketched(people).since(before); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
}

// TestSketchOfFew takes little room in the state file.
func TestSketchOfFew(t *testing.T) {
	t.Parallel()
	packed, err := sketched(crowd(20)).MarshalBinary()
	if err != nil || len(packed) > 32<<10 {
		t.Errorf("%d bytes for 20 people, %v", len(packed), err)
	}
}

func FuzzSketch(f *testing.F) {
	good, err := newSketch().MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var s sketch
		if err := s.UnmarshalBinary(raw); err != nil {
			return
		}
		var again sketch
		packed, err := s.MarshalBinary()
		if err = errors.Join(err, again.UnmarshalBinary(packed)); err != nil || !slices.Equal(again.buckets, s.buckets) {
			t.Error("a sketch does not read back as it was written")
		}
	})
}
