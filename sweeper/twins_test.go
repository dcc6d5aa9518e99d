package sweeper

import (
	"fmt"
	"testing"

	"rekey/accounts"
)

// Of two records of one key neither is moved and neither is passed over, though a page or a turn ends between them.
func TestTwinsOverPages(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		people int
		twin   string
		pace   string
	}{{12, "1009", `"batch": {"max": 10, "target_ms": 500}, "accounts_per_second": "max"`}, {12, "1009", `"accounts_per_second": 40`}, {3, "1001", `"accounts_per_second": 4`}} {
		t.Run(fmt.Sprintf("%d people, %s", row.people, row.pace), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, row.people)
			w.shop.twin = row.twin
			s := w.sweeper()
			s.worker.Sizes = &Sizes{size: 1000} // a page is as long as it may be
			w.set(s, `{"state": "running", "workers": 1, `+row.pace+`}`)
			w.tick(s)
			w.tick(s)
			w.tick(s)
			run := w.lastRun()
			for more := true; more; {
				var err error
				if more, err = s.Work(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			_, n := w.counts(run.ID)
			if n.People() != int64(row.people)+1 || n.Refused[accounts.NoteMapping] != 2 {
				t.Errorf("%+v", n)
			}
			w.exactly(row.people - 1)
			rows, err := w.Quarantine(t.Context(), accounts.QuarantineQuery{Limit: 10})
			if err != nil || len(rows) != 1 || rows[0].LegacyID != row.twin {
				t.Errorf("%+v, %v", rows, err)
			}
		})
	}
}
