package accountstest

import (
	"testing"

	"github.com/google/uuid"

	"rekey/accounts"
)

func sweepSettingsRules() []rule {
	return []rule{
		{"sweep settings", "A change of the settings is there whole, with its event, or not at all, and says when and by whom it was made.", testSweepSettings},
		{"sweep settings race", "Of 50 that change the same version of the settings one does: nobody's change is lost without a word.", testSweepSettingsRace},
	}
}

// swept is the event of a change of the settings.
func swept() accounts.Event { return Event(uuid.Nil, accounts.EventSweepSet) }

func sweepDocument(t *testing.T, s accounts.Store) accounts.SweepDocument {
	t.Helper()
	d, err := s.SweepDocument(t.Context())
	is(t, "SweepDocument", err, nil)
	return d
}

func testSweepSettings(t *testing.T, s accounts.Store) {
	same(t, "a new store's", sweepDocument(t, s), accounts.SweepDocument{Version: 1, JSON: []byte("{}")})
	for _, from := range []int64{0, 2} {
		is(t, "another version", s.PutSweepDocument(t.Context(), from, []byte(`{"a":1}`), swept()), accounts.ErrStale)
	}
	same(t, "as it was", sweepDocument(t, s), accounts.SweepDocument{Version: 1, JSON: []byte("{}")})
	events(t, s, uuid.Nil, 0)

	e := swept()
	e.Detail = map[string]string{"workers": "2 -> 8"}
	is(t, "PutSweepDocument", s.PutSweepDocument(t.Context(), 1, []byte(`{"ü":1}`), e), nil)
	want := accounts.SweepDocument{Version: 2, JSON: []byte(`{"ü":1}`), ChangedAt: stored(e.At), ChangedBy: e.Actor}
	same(t, "after a change", sweepDocument(t, s), want)
	same(t, "its event", events(t, s, uuid.Nil, 1)[0], eventAsStored(e))

	noVerdict(t, "with an event that is there already", s.PutSweepDocument(t.Context(), 2, []byte(`{}`), e))
	same(t, "after a change whose event failed", sweepDocument(t, s), want)
	noVerdict(t, "with a context that has ended", s.PutSweepDocument(cancelled(), 2, []byte(`{}`), swept()))
	same(t, "after that", sweepDocument(t, s), want)
}

func testSweepSettingsRace(t *testing.T, s accounts.Store) {
	for round := range int64(3) {
		errs := together(crowd, func(i int) error {
			return s.PutSweepDocument(t.Context(), round+1, []byte(numbered("", i)), swept())
		})
		winner := oneWon(t, errs, accounts.ErrStale)
		got := sweepDocument(t, s)
		same(t, "version", got.Version, round+2)
		same(t, "document", string(got.JSON), numbered("", winner))
		events(t, s, uuid.Nil, int(round)+1)
	}
}
