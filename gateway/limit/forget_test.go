package limit

import (
	"errors"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// Who is forgotten has all tokens again, and nobody else.
func TestForget(t *testing.T) {
	t.Parallel()
	rule := Rule{Name: "identifier", Count: 10, Per: 10 * time.Minute, Burst: 3}
	for _, tt := range worlds {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := tt.new(t)
			take := func(key string) bool {
				t.Helper()
				d, err := w.Take(t.Context(), key, rule, 1)
				if err != nil {
					t.Fatal(err)
				}
				return d.OK
			}
			for range rule.Burst + 1 {
				take("anna")
				take("bert")
			}
			for range 2 {
				if err := w.Forget(t.Context(), "anna", rule); err != nil {
					t.Fatal(err)
				}
			}
			for i := range rule.Burst {
				if !take("anna") {
					t.Errorf("token %d is not there", i)
				}
			}
			if take("anna") || take("bert") {
				t.Error("there are more tokens than were taken")
			}
			if err := w.Forget(t.Context(), "zoe", rule); err != nil {
				t.Error(err)
			}
			if err := w.Forget(t.Context(), "zoe", Rule{}); !errors.Is(err, ErrRule) {
				t.Errorf("without a rule: %v", err)
			}
		})
	}
}

// What several gateways count together is not forgotten while it cannot be reached, and that is told.
func TestForgetUnreached(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	r := newRedis(t, miniClient(t, m), newClock())
	m.Close()
	rule := Rule{Name: "identifier", Count: 10, Per: 10 * time.Minute, Burst: 3}
	if err := r.Forget(t.Context(), "anna", rule); !errors.Is(err, ErrUnreached) {
		t.Errorf("got %v", err)
	}
}
