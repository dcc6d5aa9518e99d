package hash

import (
	"errors"
	"testing"

	"rekey/legacy"
)

// A bound that is set replaces its default, and leaves the others.
func TestBoundsOfConfig(t *testing.T) {
	t.Parallel()
	const (
		cost16 = "$2b$16$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
		rounds = "$pbkdf2-sha256$20000000$6H2PUSoF4BxDyFlL6f1fqw$siVmc0.ObyM2xFKYmyFg5Px60pQpRGQj8ZIy18McOig"
	)
	standard, raised, lowered := New(Config{}), New(Config{Bounds: Bounds{BcryptCost: 16}}), New(Config{Bounds: Bounds{BcryptCost: 4, PBKDF2Iterations: 1e8}})
	for _, tc := range []struct {
		name   string
		r      *Registry
		stored string
		want   error
	}{
		{"standard", standard, cost16, ErrBounds},
		{"raised", raised, cost16, nil},
		{"raised, another bound", raised, rounds, ErrBounds},
		{"lowered", lowered, cost16[:4] + "05" + cost16[6:], ErrBounds},
		{"lowered, another bound raised", lowered, rounds, nil},
	} {
		if _, err := tc.r.Open(legacy.Stored{Hash: tc.stored}); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
	if _, err := compileRecipe(lowered.env.bounds, "pbkdf2_sha1($pass,$salt,20000000,20)"); err != nil {
		t.Errorf("a recipe does not take the raised bound: %v", err)
	}
}
