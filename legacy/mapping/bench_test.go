package mapping_test

import (
	"testing"
	"time"

	"rekey/legacy"
	"rekey/legacy/mapping"
)

// BenchmarkApply shows what a mapping adds to the reading of one person.
func BenchmarkApply(b *testing.B) {
	const keep = `user.last_login > now - duration("8760h") || user.paying`
	set := map[string]string{
		"email":           "user.email.lowerAscii()",
		"attributes.plan": `user.paying ? "gold" : "none"`,
		"roles":           `user.role.split(",")`,
	}
	columns := []string{"paying", "role"}
	user := legacy.User{
		ID: "1", Username: "anna", Email: "Anna@example.org", LastLoginAt: time.Unix(1_700_000_000, 0), Password: &legacy.Stored{Hash: "x"},
		Extra: map[string]any{"paying": int64(1), "role": "admin,editor"},
	}
	dirty := user
	dirty.Username, dirty.Email = " anna\t", "Rene\u0301@example.org "
	for _, bench := range []struct {
		name   string
		config mapping.Config
		user   legacy.User
	}{
		{"clean", mapping.Config{}, user},
		{"dirty", mapping.Config{}, dirty},
		{"keep", mapping.Config{Keep: keep, Columns: columns}, user},
		{"keep and three fields", mapping.Config{Keep: keep, Set: set, Columns: columns}, user},
	} {
		b.Run(bench.name, func(b *testing.B) {
			m := compiled(b, bench.config)
			b.ReportAllocs()
			for b.Loop() {
				if _, kept, err := m.Apply(bench.user); err != nil || !kept {
					b.Fatal(kept, err)
				}
			}
		})
	}
}
