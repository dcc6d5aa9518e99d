package sweeper

import (
	"fmt"
	"testing"

	"rekey/accounts"
	"rekey/legacy"
)

// Whoever has a key that no text here can be is nobody's here, and the walk comes past them: chunks may begin and end at such keys.
func TestKeysThatAreNoText(t *testing.T) {
	t.Parallel()
	const people = 600
	for name, uncut := range map[string]bool{"in pieces": false, "in one": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 0)
			w.shop.people, w.shop.uncut = people, uncut
			w.shop.keys = func(i int) string {
				key := fmt.Sprintf("k%03d", i/3)
				return []string{key, key + "\x00", key + "\xff"}[i%3]
			}
			for i := range people {
				w.shop.Put(legacy.User{ID: w.shop.key(i), Username: fmt.Sprintf("user%d", i), Password: &legacy.Stored{Scheme: "plaintext", Hash: "secret"}})
			}
			s := w.sweeper()
			w.set(s, `{"state": "running", "accounts_per_second": "max", "chunk": 100, "batch": {"max": 10}}`)
			w.tick(s)
			w.tick(s)
			w.tick(s)
			run := w.lastRun()
			for range 40 {
				if err := w.work(s); err != nil {
					t.Fatal(err)
				}
				w.tick(s)
			}
			_, n := w.counts(run.ID)
			if n.People() != people || n.Outcomes[accounts.OutcomeMoved] != people/3 {
				t.Errorf("%+v", n)
			}
			w.exactly(people / 3)
		})
	}
}
