package sweeper

import (
	"testing"

	"rekey/accounts"
)

// Whom staff have skipped, and at whom a sweep of before has died, a sweep leaves alone, though nothing is wrong with their records now.
// They are counted by why.
func TestHeldBackBySweep(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4)
	poisoned, skipped := accounts.LegacyKey{Source: "shop", LegacyID: "1001"}, accounts.LegacyKey{Source: "shop", LegacyID: "1002"}
	by := aSpec().by()
	if _, err := w.NoteRefused(t.Context(), []accounts.Unmoved{{LegacyKey: poisoned, Class: accounts.NotePoisoned}, {LegacyKey: skipped, Class: accounts.NoteWeakHash}}, by); err != nil {
		t.Fatal(err)
	}
	if did, err := w.SkipQuarantined(t.Context(), skipped, by); !did || err != nil {
		t.Fatalf("skip: %v (%v)", did, err)
	}
	s := w.sweeper()
	run := w.onlyChunk(s)
	if err := w.work(s); err != nil {
		t.Fatal(err)
	}
	chunks, n := w.counts(run.ID)
	if !chunks[0].Done || n.Outcomes[accounts.OutcomeMoved] != 2 || n.Refused[accounts.NotePoisoned] != 1 || n.Refused[accounts.NoteWeakHash] != 1 {
		t.Errorf("%+v, %+v", chunks, n)
	}
	for _, key := range []accounts.LegacyKey{poisoned, skipped} {
		if rec, err := w.store.ByLink(t.Context(), key.Source, key.LegacyID); err == nil {
			t.Errorf("%s was moved: %s", key.LegacyID, rec.ID)
		}
	}
}
