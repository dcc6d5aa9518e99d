package accountstest

import (
	"fmt"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/accounts/phase"
)

func shadowRules() []rule {
	return []rule{
		{"windows", "What a process measured stands in the place of what it said before, and is read with the phase that it was measured in.", testWindows},
		{"prune", "Old windows go, and no others.", testPruneWindows},
		{"dirty", "A copy that is marked is counted and known as such until it is made again; nobody else's is touched.", testDirty},
	}
}

var phaseBegan = time.UnixMicro(1_800_000_000_000_001).UTC()

// window is what a process measured in a minute of the phase.
func window(replica string, minute int) accounts.Window {
	w := accounts.Window{
		Began: phaseBegan, Minute: phaseBegan.Truncate(time.Minute).Add(time.Duration(minute) * time.Minute), Replica: replica,
		Logins: 1, Mirrored: 2, Failed: 3, Differing: 4, LegacyFailed: 5, Writes: 6, Lost: 7,
	}
	w.Here.Add(time.Millisecond)
	w.Legacy.Add(time.Second)
	return w
}

// windows returns what is stored of a phase from a minute on.
func windows(t *testing.T, s accounts.Store, began, since time.Time) []accounts.Window {
	t.Helper()
	var all []accounts.Window
	is(t, "Windows", s.Windows(t.Context(), began, since, func(w accounts.Window) { all = append(all, w) }), nil)
	return all
}

func testWindows(t *testing.T, s accounts.Store) {
	if got := windows(t, s, phaseBegan, time.UnixMicro(0)); len(got) != 0 {
		t.Errorf("an empty store has %d windows", len(got))
	}
	a0, a1, b0, older := window("a", 0), window("a", 1), window("b", 0), window("a", 0)
	older.Began = phaseBegan.Add(-time.Microsecond)
	is(t, "KeepWindows", s.KeepWindows(t.Context(), []accounts.Window{a0, a1, b0, older}), nil)
	a0.Logins, a0.Lost = 100, 0
	a0.Here.Add(time.Minute)
	for range 2 { // an answer that was lost
		is(t, "KeepWindows", s.KeepWindows(t.Context(), []accounts.Window{a0}), nil)
	}
	equal := func(what string, got []accounts.Window, want ...accounts.Window) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	equal("all of the phase", windows(t, s, phaseBegan, time.UnixMicro(0)), a0, b0, a1)
	equal("from a minute on", windows(t, s, phaseBegan, a1.Minute), a1)
	equal("of the phase before", windows(t, s, older.Began, time.UnixMicro(0)), older)
	errs := together(crowd, func(i int) error {
		return s.KeepWindows(t.Context(), []accounts.Window{window(numbered("r", i), 0), window(numbered("r", i), 1)})
	})
	for _, err := range errs {
		is(t, "KeepWindows by many", err, nil)
	}
	if got := windows(t, s, phaseBegan, time.UnixMicro(0)); len(got) != 3+2*crowd {
		t.Errorf("%d windows, want %d", len(got), 3+2*crowd)
	}
}

func testPruneWindows(t *testing.T, s accounts.Store) {
	old, kept := window("a", 0), window("a", 1)
	is(t, "KeepWindows", s.KeepWindows(t.Context(), []accounts.Window{old, kept}), nil)
	is(t, "PruneWindows", s.PruneWindows(t.Context(), kept.Minute), nil)
	got := windows(t, s, phaseBegan, time.UnixMicro(0))
	if len(got) != 1 || !got[0].Minute.Equal(kept.Minute) {
		t.Errorf("%d windows are left: %v", len(got), got)
	}
}

func testDirty(t *testing.T, s accounts.Store) {
	first(t, s, phase.Lazy)
	ada, bert := Person("Ada"), Person("Bert")
	create(t, s, ada)
	create(t, s, bert)
	key := accounts.LegacyKey{Source: ada.Link.Source, LegacyID: ada.Link.LegacyID}
	for range 2 {
		is(t, "MarkDirty", s.MarkDirty(t.Context(), key, accounts.LegacyKey{Source: "shop", LegacyID: "nobody"}), nil)
	}
	for _, r := range []accounts.Record{ada, bert} {
		got, err := s.ByID(t.Context(), r.ID)
		if err != nil || got.Link.Dirty != (r.ID == ada.ID) {
			t.Errorf("%s is dirty: %v (%v)", r.Identifiers[0].Spelling, got.Link.Dirty, err)
		}
	}
	counts, err := s.PhaseCounts(t.Context(), now())
	if err != nil || counts.Dirty != 1 {
		t.Errorf("%d are counted (%v), want 1", counts.Dirty, err)
	}
	is(t, "Recopy", s.Recopy(t.Context(), ada, 1, Event(ada.ID, accounts.EventCopied)), nil)
	got, err := s.ByID(t.Context(), ada.ID)
	if err != nil || got.Link.Dirty {
		t.Errorf("the copy that was made again is dirty (%v)", err)
	}
}
