package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// The window closes in the middle of a chunk: between two people nothing is half done, the reason is told, and when the next one
// opens the run goes on where it was.
func sweepClosingWindow(t *testing.T) {
	f := newFleet(t, 2000)
	f.worker()
	settings := func(window string) string {
		return `{"state": "running", "accounts_per_second": 20, "workers": 1, "chunk": 2000, "batch": {"target_ms": 100, "max": 3}, ` + ungoverned + `,
			"schedule": {"zone": "Europe/Berlin", "windows": ["` + window + `"]}}`
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	closes := time.Now().In(berlin).Truncate(time.Minute).Add(time.Minute)
	if time.Until(closes) < 10*time.Second { // the sweep has to be under way by then
		closes = closes.Add(time.Minute)
	}
	f.set(settings("mon-sun " + closes.Add(-2*time.Hour).Format("15:04") + "-" + closes.Format("15:04")))
	f.moving("the window is open")
	show, _ := f.mustRekey(t, "sweep", "show")
	if !strings.Contains(show, "it may run, until "+closes.UTC().Format(time.RFC3339)) {
		t.Errorf("show does not say when the window ends:\n%s", show)
	}
	const claimed = `sweep_chunks WHERE NOT done AND claimed_to > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint`
	f.until("the window has closed", func() bool { return time.Now().After(closes) && f.count(claimed) == 0 })
	late := time.Since(closes)
	if at := one[time.Time](t, f.store, `SELECT to_timestamp(max(at) / 1e6) FROM events WHERE kind = 'account.migrated'`); at.After(closes.Add(time.Second)) {
		t.Errorf("somebody was moved %s after the window had closed", at.Sub(closes))
	}
	opens := closes.AddDate(0, 0, 1).Add(-2 * time.Hour)
	reason := "outside the windows; the next one opens " + opens.Format("Mon 2006-01-02 15:04 MST")
	if s := f.status(); !slices.Equal(s.Held, []string{reason}) {
		t.Errorf("held %q, want %q", s.Held, reason)
	}
	f.says("status", "held +"+reason)
	f.says("show", "nothing runs: "+reason)
	here, counted := f.count("accounts"), one[int](t, f.store, `SELECT sum((counts::json->'outcomes'->>'moved')::int)::int FROM sweep_chunks WHERE counts <> ''`)
	cursor := one[string](t, f.store, `SELECT cursor FROM sweep_chunks WHERE cursor <> '' ORDER BY seq DESC LIMIT 1`)
	if here != counted || cursor != fmt.Sprint(here) || here == f.people {
		t.Errorf("%d people are here, %d were counted, up to %s", here, counted, cursor)
	}
	t.Logf("closed in the middle of a chunk, at %s of %d; nobody held it %s later", cursor, f.people, late)
	f.finish()
	f.exactly()
}

// The jobs of two gateways go by River, and they sweep beside their logins. One of them is killed; a pause is obeyed.
func sweepByRiver(t *testing.T) {
	f := newShop(t, 2000)
	config := f.configuration(f.oldDSN, f.store, "jobs: river\nsweeper: {workers: 1}\n")
	f.gateway = start(t, "", config)
	other := start(t, "", config)
	const settings = `{"state": "%s", "accounts_per_second": 200, "workers": 4, "chunk": 200, "batch": {"target_ms": 100, "max": 30}, ` + ungoverned + `}`
	f.set(fmt.Sprintf(settings, "running"))
	f.until("both work", func() bool { return f.count("(SELECT DISTINCT worker FROM sweep_chunks WHERE worker <> '') AS w") == 2 })
	f.set(fmt.Sprintf(settings, "paused"))
	f.until("nobody works", func() bool {
		return f.count(`sweep_chunks WHERE NOT done AND claimed_to > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint`) == 0
	})
	if stands := f.count("accounts"); stands >= f.people {
		t.Error("it had ended before the pause")
	}
	f.set(fmt.Sprintf(settings, "running"))
	f.moving("after the pause")
	other.kill()
	f.moving("after the kill")
	f.finish()
	f.exactly()
	if n := f.count(`river_job WHERE queue = 'sweep-work'`); n == 0 {
		t.Error("River has not seen any of it")
	}
	f.mustLogin(t, "user1", "password")
}

// A run takes those first who were not seen for longest, or whose hash is the weakest, whatever their keys are.
func TestSweepOrders(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * time.Hour
	strong := bcryptOf(t, "password")
	bands := map[string][]struct{ seen, hash string }{} // of each order, first to last
	for _, age := range []time.Duration{0, 6 * year, 4 * year, 2 * year, 200 * 24 * time.Hour, 24 * time.Hour} {
		seen := "NULL"
		if age > 0 {
			seen = "'" + time.Now().UTC().Add(-age).Format(time.DateTime) + "'"
		}
		bands["inactive"] = append(bands["inactive"], struct{ seen, hash string }{seen, strong})
	}
	for _, hash := range []string{"{plain}password", ssha("password"), strong} {
		bands["weakest"] = append(bands["weakest"], struct{ seen, hash string }{"NULL", hash})
	}
	for order, bands := range bands {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			f := newShop(t, 0)
			f.people = 120
			mustExec(t, f.old, `ALTER TABLE users ADD COLUMN seen DATETIME NULL`)
			band := map[string]int{} // by legacy id
			for id, place := range rand.Perm(f.people) {
				at := bands[place%len(bands)]
				band[fmt.Sprint(id+1)] = place % len(bands)
				mustExec(t, f.old, fmt.Sprintf(`INSERT INTO users VALUES (%d, 'user%d', '%s', %s)`, id+1, id+1, at.hash, at.seen))
			}
			f.gateway = start(t, "", strings.Replace(f.configuration(f.oldDSN, f.store, ""), "password: pass}", "password: pass, last_login_at: seen}", 1))
			f.worker()
			f.set(`{"state": "running", "accounts_per_second": "max", "workers": 1, "chunk": 100, "order": "` + order + `", "batch": {"target_ms": 100, "max": 7}, ` + ungoverned + `}`)
			f.ends()
			if n := f.counted(); n.Outcomes["moved"] != f.people || len(n.Outcomes) != 1 || len(n.Refused) != 0 {
				t.Errorf("the run has counted %+v", n)
			}
			went := f.texts(`SELECT l.legacy_id FROM events e JOIN legacy_links l USING (account_id) WHERE e.kind = 'account.migrated' ORDER BY e.at, e.id`)
			if len(went) != f.people || !slices.IsSortedFunc(went, func(a, b string) int { return band[a] - band[b] }) {
				var order []int
				for _, id := range went {
					order = append(order, band[id])
				}
				t.Errorf("they went by the bands %v", order)
			}
			f.mustLogin(t, "user1", "password")
		})
	}
}

// The old store's rows change, move to other keys and vanish while they are swept, from both sides of the cursor. Nobody is lost and nobody is there
// twice: whom the first run could not see, and who were changed behind it, are found by what is there for that.
func TestSweepOfAMovingSource(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1500)
	f.worker()
	f.worker()
	f.set(`{"state": "running", "accounts_per_second": 150, "workers": 2, "chunk": 200, "batch": {"target_ms": 50, "max": 20}, ` + ungoverned + `}`)
	f.moving("the sweep goes on")
	changed := bcryptOf(t, "another password")
	const step = 60 // of 60 people one changes, one moves up, one moves down, one vanishes
	place := rand.Perm(f.people / step)
	for i, at := range place {
		first := at*step + 1
		for _, change := range []string{
			fmt.Sprintf(`UPDATE users SET pass = '%s' WHERE id = %d`, changed, first),
			fmt.Sprintf(`UPDATE users SET id = %d WHERE id = %d`, 100_000+i, first+1),
			fmt.Sprintf(`UPDATE users SET id = %d WHERE id = %d`, -1-i, first+2),
			fmt.Sprintf(`DELETE FROM users WHERE id = %d`, first+3),
			fmt.Sprintf(`INSERT INTO users VALUES (%d, 'new%d', '%s')`, 200_000+i, i, changed),
		} {
			mustExec(t, f.old, change)
		}
		from := f.count("accounts")
		f.until("the sweep goes on between the changes, or has ended", func() bool {
			return f.count("accounts") > from || f.count("sweep_runs WHERE state = 'running'") == 0
		})
	}
	f.finish()
	f.once()

	// What the run cannot have seen. The reason of those who are not moved is kept.
	out, errs, code := f.rekey(t, "verify", "--repair", "--reason", "it was in motion")
	if code != 3 {
		t.Fatalf("verify: exit code %d\n%s%s", code, out, errs)
	}
	f.sweep(t)
	f.once()
	linked := f.texts(`SELECT legacy_id FROM legacy_links`)
	noted := f.texts(`SELECT legacy_id FROM quarantine WHERE state = 'open'`)
	rows, err := f.old.QueryContext(t.Context(), `SELECT id, login, pass FROM users`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }() // it is read to its end
	moved, kept := 0, 0
	for rows.Next() {
		var id, login, pass string
		if err := rows.Scan(&id, &login, &pass); err != nil {
			t.Fatal(err)
		}
		switch here, not := slices.Contains(linked, id), slices.Contains(noted, id); {
		case here == not:
			t.Errorf("%s: it is here: %v, and there is a reason why not: %v", id, here, not)
		case not:
			kept++
		default:
			moved++
			if pass == changed && moved%10 == 0 { // a refusal takes its time
				f.mustLogin(t, login, "another password")
				wantStatus(t, login+" with the old password", f.login(t, login, "password"), http.StatusUnauthorized)
			}
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d people moved, %d not, each with the reason; %d accounts", moved, kept, f.count("accounts"))
}

// texts returns what a query on the new store gives.
func (f *fleet) texts(query string) []string {
	f.t.Helper()
	return strings.Fields(one[string](f.t, f.store, `SELECT coalesce(string_agg(v, ' '), '') FROM (`+query+`) AS q (v)`))
}

// once fails unless each account that is here has been made once.
func (f *fleet) once() {
	f.t.Helper()
	all := f.count("accounts")
	for _, rows := range []string{"identifiers", "(SELECT DISTINCT account_id FROM identifiers) AS i", "legacy_links", "(SELECT DISTINCT account_id FROM legacy_links) AS l",
		"events WHERE kind = 'account.migrated'", "(SELECT DISTINCT account_id FROM events WHERE kind = 'account.migrated') AS e"} {
		if n := f.count(rows); n != all {
			f.t.Errorf("%d %s of %d accounts", n, rows, all)
		}
	}
}
