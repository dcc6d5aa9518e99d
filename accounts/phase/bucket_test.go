package phase_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"rekey/accounts/phase"
)

// The vectors were made by Python: int.from_bytes(hashlib.sha256(salt + uuid.bytes).digest()[:8], "big") % 10000.
func TestBucketVectors(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		salt, id string
		want     int
	}{
		{"0123456789abcdef", "00000000-0000-0000-0000-000000000001", 6843},
		{"0123456789abcdef", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", 4737},
		{"another salt of x", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", 1491},
		{"0123456789abcdef", "ffffffff-ffff-ffff-ffff-ffffffffffff", 4616},
		{"~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~", "f47ac10b-58cc-4372-a567-0e02b2c3d479", 7210},
	} {
		if got := phase.Bucket(row.salt, uuid.MustParse(row.id)); got != row.want {
			t.Errorf("%s with %q: bucket %d, want %d", row.id, row.salt, got, row.want)
		}
	}
}

// numbered is the id of the nth person.
func numbered(n int) uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceOID, binary.BigEndian.AppendUint64(nil, uint64(n)))
}

// A chi-square test over 100 groups of buckets: with 99 degrees of freedom, 1 in 10,000 fair hashes is above 161. The ids are
// fixed, so the test always says the same.
func TestBucketsAreUniform(t *testing.T) {
	t.Parallel()
	const people, groups = 50_000, 100
	for _, salt := range []string{testSalt, "another salt, of another installation"} {
		var groupOf [groups]int
		for n := range people {
			groupOf[phase.Bucket(salt, numbered(n))*groups/int(phase.All)]++
		}
		var chi float64
		for _, n := range groupOf {
			diff := float64(n - people/groups)
			chi += diff * diff / (people / groups)
		}
		if chi > 161 {
			t.Errorf("salt %q: chi-square %.1f over %d groups", salt, chi, groups)
		}
	}
}

// Another salt gives other buckets: a second installation does not try the same people first.
func TestBucketsDependOnTheSalt(t *testing.T) {
	t.Parallel()
	same := 0
	for n := range 10_000 {
		if phase.Bucket(testSalt, numbered(n)) == phase.Bucket(testSalt+"!", numbered(n)) {
			same++
		}
	}
	if same > 20 { // 1 expected
		t.Errorf("%d of 10000 have the same bucket under both salts", same)
	}
}

// Nobody leaves when the percentage grows, whatever the lists; 0 and 100 are nobody and everybody but for the lists.
func TestRampIsSticky(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.Custom(func(t *rapid.T) uuid.UUID { return numbered(rapid.IntRange(0, 5).Draw(t, "n")) })
		id := ids.Draw(t, "id")
		s := state(phase.DualWrite, phase.Ramp)
		s.Salt = rapid.StringMatching(`[!-~]{16,64}`).Draw(t, "salt")
		allow, deny := rapid.SliceOfN(ids, 0, 5).Draw(t, "allow"), rapid.SliceOfN(ids, 0, 5).Draw(t, "deny")
		s, err := s.Relist(allow, deny)
		if err != nil {
			t.Fatal(err)
		}
		low := phase.Percent(rapid.IntRange(0, int(phase.All)).Draw(t, "low"))
		high := phase.Percent(rapid.IntRange(int(low), int(phase.All)).Draw(t, "high"))
		at := func(p phase.Percent) bool {
			s.Percent = p
			return s.InRamp(id)
		}
		switch {
		case slices.Contains(deny, id) && at(high):
			t.Fatal("denied and inside")
		case slices.Contains(deny, id):
		case slices.Contains(allow, id) && !at(low):
			t.Fatal("allowed and outside")
		case at(low) && !at(high):
			t.Fatalf("inside at %s and outside at %s", low, high)
		case at(0) && !slices.Contains(allow, id), !at(phase.All):
			t.Fatal("inside at 0, or outside at 100")
		}
	})
}

// The share inside is the percentage.
func TestRampShare(t *testing.T) {
	t.Parallel()
	s := state(phase.DualWrite, phase.Ramp)
	s.Percent = 1250
	inside := 0
	for n := range 20_000 {
		if s.InRamp(numbered(n)) {
			inside++
		}
	}
	if inside < 2_350 || inside > 2_650 { // 2500; a standard deviation is 47
		t.Errorf("%d of 20000 are inside at 12.5 %%", inside)
	}
}
