package accountstest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/phase"
)

func shadowRules() []rule {
	return []rule{
		{"windows", "What a process measured stands in the place of what it said before, and is read with the phase that it was measured in.", testWindows},
		{"prune", "Old windows go, and no others.", testPruneWindows},
		{"dirty", "A copy that is marked is counted and known as such until it is made again; nobody else's is touched.", testDirty},
		{"apart", "Whom something was decided or changed about here is told, within a bound, and nobody else.", testApart},
		{"end alone", "What was written to legacy alone ends trust in the copies and the sessions, with the next state or not at all.", testEndAlone},
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
	copied := func(was accounts.LegacyLink) error {
		r := ada
		r.Was = &was
		return s.Recopy(t.Context(), r, 1, Event(ada.ID, accounts.EventCopied))
	}
	marked, err := s.ByID(t.Context(), ada.ID)
	is(t, "ByID", err, nil)
	other, drifted, barred := *marked.Link, *marked.Link, *marked.Link
	other.Fingerprint, drifted.Drifted, barred.Barred = []byte{9, 9}, true, accounts.BarredGone
	for what, was := range map[string]accounts.LegacyLink{"before the mark": *ada.Link, "of another record": other, "with another mark": drifted, "with another bar": barred} {
		is(t, "Recopy of what was read "+what, copied(was), accounts.ErrStale)
	}
	got, err := s.ByID(t.Context(), ada.ID)
	if err != nil || !got.Link.Dirty || got.Credential.Version != 1 {
		t.Errorf("dirty is %v (%v) and the version %d after copies that are too late", got.Link.Dirty, err, got.Credential.Version)
	}
	is(t, "Recopy", copied(*marked.Link), nil)
	got, err = s.ByID(t.Context(), ada.ID)
	if err != nil || got.Link.Dirty {
		t.Errorf("the copy that was made again is dirty (%v)", err)
	}
}

func testApart(t *testing.T, s accounts.Store) {
	first(t, s, phase.Lazy)
	ada, bert, carl, dora, emil := Person("Ada"), Person("Bert"), Person("Carl"), Person("Dora"), Person("Emil")
	dora.Factors = []accounts.Factor{{ID: uuid.Must(uuid.NewV7()), Kind: accounts.FactorTOTP, Secret: []byte{1}}}
	for _, r := range []accounts.Record{ada, bert, carl, dora, emil} {
		create(t, s, r)
	}
	_, _, err := s.SetDisabled(t.Context(), ada.ID, true, now(), Event(ada.ID, accounts.EventDisabled))
	is(t, "SetDisabled", err, nil)
	next := accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: encoded("next")}
	is(t, "SetPassword", s.SetPassword(t.Context(), bert.ID, 1, next, uuid.Nil, Event(bert.ID, accounts.EventPassword)), nil)
	is(t, "Delete", s.Delete(t.Context(), carl.ID, 1, now(), Event(carl.ID, accounts.EventDeleted)), nil)
	fred := Person("Fred") // born here, and told of
	fred.ID = uuid.Must(uuid.NewV7())
	create(t, s, fred)
	got, err := s.Apart(t.Context(), 5)
	is(t, "Apart", err, nil)
	want := map[accounts.LegacyKey]bool{}
	for _, r := range []accounts.Record{ada, bert, carl, dora, fred} {
		want[accounts.LegacyKey{Source: r.Link.Source, LegacyID: r.Link.LegacyID}] = true
	}
	for _, p := range got {
		if !want[p] {
			t.Errorf("%+v is apart", p)
		}
		delete(want, p)
	}
	if len(want) > 0 {
		t.Errorf("not apart: %v", want)
	}
	if _, err := s.Apart(t.Context(), 4); err == nil {
		t.Error("a part was taken for the whole")
	}
}

func testEndAlone(t *testing.T, s accounts.Store) {
	at := first(t, s, phase.DualWrite)
	ada, bert, stranger := Person("Ada"), Person("Bert"), Person("Stranger")
	create(t, s, ada)
	create(t, s, bert)
	for _, r := range []accounts.Record{ada, bert, stranger} {
		n := newSession(r.ID)
		n.Source, n.LegacyID = r.Link.Source, r.Link.LegacyID
		is(t, "CreateSession", s.CreateSession(t.Context(), n), nil)
	}
	people := []accounts.LegacyKey{{Source: ada.Link.Source, LegacyID: ada.Link.LegacyID}, {Source: stranger.Link.Source, LegacyID: stranger.Link.LegacyID}}
	living := func(r accounts.Record, want int) {
		t.Helper()
		got, err := s.LivingSessions(t.Context(), r.ID, now(), 9)
		if err != nil || len(got) != want {
			t.Errorf("%s has %d sessions (%v), want %d", r.Identifiers[0].Spelling, len(got), err, want)
		}
	}
	dirty := func(r accounts.Record, want bool) {
		t.Helper()
		got, err := s.ByID(t.Context(), r.ID)
		if err != nil || got.Link.Dirty != want {
			t.Errorf("%s is dirty: %v (%v)", r.Identifiers[0].Spelling, got.Link.Dirty, err)
		}
	}
	next := after(t, at, phase.Shadow)
	skipped := next
	skipped.Epoch, skipped.TrustEpoch = 7, 7
	is(t, "EndAlone from another epoch", s.EndAlone(t.Context(), skipped, people, now(), Event(ada.ID, accounts.EventPassword)), accounts.ErrStale)
	dirty(ada, false)
	living(ada, 1)
	living(stranger, 1)
	events(t, s, ada.ID, 1)
	changed := Event(ada.ID, accounts.EventPassword)
	is(t, "EndAlone", s.EndAlone(t.Context(), next, people, now(), changed), nil)
	got, err := s.Phase(t.Context())
	is(t, "Phase", err, nil)
	same(t, "Phase", got, next)
	is(t, "EndAlone again, without a state", s.EndAlone(t.Context(), phase.State{}, people, now(), changed), nil)
	dirty(ada, true)
	dirty(bert, false)
	living(ada, 0)
	living(stranger, 0)
	living(bert, 1)
	events(t, s, ada.ID, 2)
}
