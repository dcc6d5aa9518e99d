package phase_test

import (
	"fmt"
	"time"

	"rekey/accounts/phase"
)

// A step of plan lazy: phases that may not coexist are crossed frozen.
func ExampleState_Move() {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s, err := phase.Initial(phase.Lazy, "0123456789abcdef", at)
	if err != nil {
		fmt.Println(err)
		return
	}
	states, err := s.Move(phase.LegacyOnly, 0, at)
	for _, s := range states {
		fmt.Println(s.Epoch, s.Phase, s.Frozen)
	}
	fmt.Println(err)

	_, err = s.Move(phase.Ramp, 10, at)
	fmt.Println(err)
	// Output:
	// 2 new-first true
	// 3 legacy-only true
	// 4 legacy-only false
	// <nil>
	// move from new-first to ramp: plan lazy has no phase ramp, only [legacy-only new-first new-only]
}
