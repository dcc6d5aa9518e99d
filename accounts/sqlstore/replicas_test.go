package sqlstore

import (
	"testing"
	"time"

	"rekey/accounts"
	"rekey/accounts/phase"
)

// Processes that were killed do not gather for ever: who has stopped in order takes along those who were silent for a day.
func TestKilledReplicasAreForgotten(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, url string) {
		s := open(t, url)
		first, err := phase.Initial(phase.Lazy, "0123456789abcdef", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.InitPhase(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		for id, silent := range map[string]time.Duration{"stops": 0, "serves": 0, "killed an hour ago": time.Hour, "killed long ago": 25 * time.Hour} {
			if _, err := s.RenewLease(t.Context(), accounts.Replica{Replica: phase.Replica{ID: id, Epoch: 1}}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.exec(t.Context(), s.write, `UPDATE replicas SET renewed = renewed - $1 WHERE id = $2`, silent.Microseconds(), id); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.EndLease(t.Context(), "stops"); err != nil {
			t.Fatal(err)
		}
		all, _, err := s.Replicas(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != 2 || all[0].ID != "killed an hour ago" || all[1].ID != "serves" {
			t.Errorf("%+v are remembered", all)
		}
	})
}
