package sweeper

import (
	"context"
	"encoding/json"
	"testing"

	"rekey/accounts"
	"rekey/legacy"
)

// Where the names that several people hold cannot be found, that is told with the run, and everybody goes by themselves.
func TestNamesThatCannotBeFound(t *testing.T) {
	t.Parallel()
	for name, panics := range map[string]bool{"found": false, "a record panics": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 20)
			run := w.begin(func(s *Spec) { s.Attended = true })
			w.shop.onPage = func([]legacy.User) {
				if panics {
					panic("a record that nobody expects")
				}
			}
			if err := countNames(t.Context(), w.Service, run, func(context.Context) error { return nil }); err != nil {
				t.Fatal(err)
			}
			w.shop.onPage = nil
			run, err := w.store.RunByID(t.Context(), run.ID)
			if err != nil {
				t.Fatal(err)
			}
			found, err := FoundBy(run)
			if err != nil || (found.Alone != "") != panics || (found.Shared == nil) != panics {
				t.Errorf("%+v (%v)", found, err)
			}
			status, err := ReadStatus(t.Context(), StatusConfig{Service: w.Service})
			if err != nil {
				t.Fatal(err)
			}
			var told Found
			if err := json.Unmarshal(status.Runs[0].Found, &told); err != nil || told.Alone != found.Alone {
				t.Errorf("told is %s (%v)", status.Runs[0].Found, err)
			}
			if r, err := w.attend(t.Context(), nil); err != nil || r.Outcomes[accounts.OutcomeMoved] != 20 {
				t.Errorf("%+v (%v)", r, err)
			}
		})
	}
}
