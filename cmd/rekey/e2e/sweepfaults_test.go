package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rekey/cmd/chaos/proxy"
)

// What goes wrong around a sweep. Each waits for seconds in which little happens, and takes no place of another test's meanwhile.
func TestSweepFaults(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	for name, test := range map[string]func(*testing.T){
		"legacy is slow":                           sweepSlowLegacy,
		"legacy is gone":                           sweepWithoutLegacy,
		"a worker is stopped before it writes":     sweepStoppedBefore,
		"a worker is stopped between statements":   func(t *testing.T) { sweepStoppedWithin(t, `copy "events"`, 0) },
		"a worker is stopped within a statement":   func(t *testing.T) { sweepStoppedWithin(t, "pgcopy", 1) },
		"the planner is stopped":                   func(t *testing.T) { sweepWithoutPlanner(t, syscall.SIGSTOP) },
		"the planner is killed":                    func(t *testing.T) { sweepWithoutPlanner(t, syscall.SIGKILL) },
		"PostgreSQL is killed":                     sweepKilledStore,
		"the window closes":                        sweepClosingWindow,
		"River does the work, a gateway is killed": sweepByRiver,
	} {
		all.Go(func() { t.Run(name, test) })
	}
	all.Wait()
}

// A sweepStatus is what `rekey sweep status --output json` says, as far as it is looked at.
type sweepStatus struct {
	Held     []string
	Verdict  string
	Governor struct {
		Zone    string
		Factor  float64
		WakesAt time.Time `json:"wakes_at"`
		Tripped []struct {
			Signal, Of   string
			Value, Limit float64
		}
	}
	Runs []struct{ State, Why string }
}

// status asks for it.
func (f *fleet) status() sweepStatus {
	f.t.Helper()
	out, _ := f.mustRekey(f.t, "sweep", "status", "--output", "json")
	var s sweepStatus
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		f.t.Fatalf("%v\n%s", err, out)
	}
	return s
}

// untilZone waits until the governor says one, with a signal that has tripped, or "" for whichever. It asks the rows: a command costs
// more than the sweep.
func (f *fleet) untilZone(zone, tripped string, most float64) {
	f.t.Helper()
	f.until("the governor says "+zone, func() bool {
		return f.count(fmt.Sprintf(`sweep_verdict WHERE text::json->'verdict'->>'zone' = '%s' AND (text::json->'verdict'->>'tripped') LIKE '%%%s%%'
			AND (text::json->'verdict'->>'factor')::float <= %g`, zone, tripped, most)) == 1
	})
}

// finish has the run end soon, and waits for it: what is left need not take its time.
func (f *fleet) finish() {
	f.t.Helper()
	f.set(`{"state": "running", "accounts_per_second": "max", "workers": 4, "batch": {"target_ms": 1000, "max": 1000}, ` + ungoverned + `}`)
	f.ends()
}

// moving waits until more people are here.
func (f *fleet) moving(when string) {
	f.t.Helper()
	from := f.count("accounts")
	f.until(when, func() bool { return f.count("accounts") > from })
}

// says fails unless a command says all of it.
func (f *fleet) says(command string, patterns ...string) {
	f.t.Helper()
	out, _ := f.mustRekey(f.t, "sweep", command)
	for _, pattern := range patterns {
		if !regexp.MustCompile(pattern).MatchString(out) {
			f.t.Errorf("sweep %s does not say %s:\n%s", command, pattern, out)
		}
	}
}

// The old store becomes slow, then too slow, and is well again. The sweep goes slower, stands still until a time that is told, and
// goes on without a hand; each command names what it is held by, and the log tells the story.
func sweepSlowLegacy(t *testing.T) {
	f := newShop(t, 4000)
	oldDSN, line := through(t, f.oldDSN)
	f.gateway = start(t, "", f.configuration(oldDSN, f.store, ""))
	w := f.worker()
	f.set(`{"state": "running", "accounts_per_second": 100, "workers": 1, "chunk": 1000, "batch": {"target_ms": 100, "max": 40},
		"governor": {` + unmeasured + `, "legacy_p95_ms": {"hold": 100, "shrink": 150, "stop": 400}, "grow_every_s": 1, "shrink_every_s": 1, "sleep_s": 8, "sleep_max_s": 8}}`)
	f.moving("the sweep goes on")

	line.Set(proxy.Slow, 80*time.Millisecond) // in each direction
	f.untilZone("shrink", "legacy_p95_ms", 0.5)
	f.until("the document says that it is slowed down", func() bool {
		s := f.status()
		return s.Governor.Zone == "shrink" && len(s.Held) == 0 && len(s.Governor.Tripped) == 1 && s.Governor.Tripped[0].Signal == "legacy_p95_ms" &&
			s.Governor.Tripped[0].Of == "shop" && s.Governor.Tripped[0].Limit == 150 && s.Governor.Tripped[0].Value >= 150
	})
	slowed := regexp.MustCompile(`governor +slowed down by 1 signal at [0-9.]+ % of full speed: legacy shop p95 \d+ ms \(limit 150 ms\)`)
	for _, command := range []string{"show", "status"} {
		f.until(command+" says that it is slowed down", func() bool { out, _ := f.mustRekey(t, "sweep", command); return slowed.MatchString(out) })
	}
	f.moving("slowed down is not stuck")

	line.Set(proxy.Slow, 300*time.Millisecond)
	f.untilZone("stop", "legacy_p95_ms", 0)
	// It wakes now and then, and looks.
	held := regexp.MustCompile(`stopped by \d signals?: .*legacy shop p95 \d+ ms \(limit 400 ms\).*; looks again at \d\d:\d\d:\d\dZ`)
	for _, command := range []string{"show", "status"} {
		f.until(command+" says that it is stopped", func() bool { out, _ := f.mustRekey(t, "sweep", command); return held.MatchString(out) })
	}
	f.until("the document says that it is stopped", func() bool {
		s := f.status()
		return len(s.Held) == 1 && held.MatchString(s.Held[0]) && s.Governor.Zone == "stop" && s.Governor.Factor == 0 && !s.Governor.WakesAt.IsZero()
	})

	line.Set(proxy.None, 0)
	f.untilZone("grow", "", 1)
	f.moving("it goes on")
	f.finish()
	f.exactly()
	if n := f.count("quarantine"); n != 0 {
		t.Errorf("%d people are in quarantine", n)
	}

	t.Log(w.story(t))
	told := w.story(t)
	for _, chapter := range []string{"to shrink", "to stop", "stop to hold", "to grow"} {
		_, rest, found := strings.Cut(told, chapter)
		if !found {
			t.Errorf("the log does not go on with %q: %s", chapter, w.story(t))
		}
		told = rest
	}
}

// story is how the governor went from zone to zone, by the log of whoever led. Where it goes down the log says why.
func (w *worker) story(t *testing.T) string {
	t.Helper()
	why := regexp.MustCompile(`\d (ms|%) \(limit \d+ (ms|%)\)`)
	var story []string
	for line := range strings.Lines(w.log.String()) {
		var entry struct{ Msg, Zone, Was, Why string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Msg != "sweep governor" {
			continue
		}
		story = append(story, entry.Was+" to "+entry.Zone)
		if (entry.Zone == "shrink" || entry.Zone == "stop") && !why.MatchString(entry.Why) {
			t.Errorf("the log does not say why: %s", line)
		}
	}
	return strings.Join(story, ", ")
}

// The old store is gone in the middle of the run, for those who log in too, and comes back. Some have a name that others have, and
// are looked at one by one. Nobody is put into quarantine for it who would not be otherwise.
func sweepWithoutLegacy(t *testing.T) {
	const pairs = 40
	f := newShop(t, 3000)
	mustExec(t, f.old, `UPDATE users SET login = CONCAT('TWIN', id DIV 75) WHERE id % 75 IN (0, 1) AND id >= 75`) // 75 and 76, 150 and 151, to 3000 alone
	oldDSN, line := through(t, f.oldDSN)
	f.gateway = start(t, "", f.configuration(oldDSN, f.store, ""))
	f.worker()
	f.worker()
	f.set(`{"state": "running", "accounts_per_second": 300, "workers": 2, "chunk": 300, "batch": {"target_ms": 100, "max": 20},
		"governor": {` + unmeasured + `, "legacy_p95_ms": {"hold": 0, "shrink": 0, "stop": 0}, "sleep_s": 1, "sleep_max_s": 1, "grow_every_s": 1}}`)
	for _, fault := range []proxy.Fault{proxy.Reset, proxy.Deaf} {
		f.moving("the sweep goes on")
		line.Set(fault, 0)
		f.untilZone("stop", "legacy_errors", 0)
		wantStatus(t, "somebody who has not moved", f.login(t, "user2999", "password"), http.StatusServiceUnavailable)
		line.Set(proxy.None, 0)
	}
	f.moving("the sweep goes on")
	f.finish()
	twins := 2 * (pairs - 1)
	f.people -= twins
	f.wantPeople()
	if n := f.counted(); n.Outcomes["moved"] != f.people || len(n.Outcomes) != 1 || n.Refused["contested"] != twins || len(n.Refused) != 1 || n.NotAnswered != 0 {
		t.Errorf("the run has counted %+v", n)
	}
	if n, others := f.count("quarantine WHERE class = 'contested'"), f.count("quarantine WHERE class <> 'contested'"); n != twins || others != 0 {
		t.Errorf("%d are in quarantine for their name, want %d, and %d for something else", n, twins, others)
	}
}

func (w *worker) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := w.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// A worker stands still for longer than it holds its chunk, with a batch in its hands. Another takes over. When the first goes on,
// and its lease holds again, the fence refuses the batch: it would be counted twice.
func sweepStoppedBefore(t *testing.T) {
	f := newFleet(t, 1800)
	gatedStore, line := gated(t, f.store)
	line.hold("from session_epochs", 0, false) // after it nothing is asked but whether the batch may be written
	w := f.workerOver(f.oldDSN, gatedStore)
	f.set(`{"state": "running", "accounts_per_second": 60, "workers": 2, "chunk": 200, "batch": {"target_ms": 100, "max": 50}, ` + ungoverned + `}`)
	<-line.caught
	w.signal(t, syscall.SIGSTOP)
	f.worker()
	f.until("another does the chunk", func() bool { return f.count(`sweep_chunks WHERE seq = 1 AND done`) == 1 })
	const renewed = `SELECT min(renewed) FROM replicas WHERE name LIKE '%sweep worker%'`
	was := one[int64](t, f.store, renewed)
	w.signal(t, syscall.SIGCONT)
	f.until("its lease holds again", func() bool { return one[int64](t, f.store, renewed) > was })
	line.release()
	f.moving("it has gone on")
	f.finish()
	f.exactly()
	w.stopsWell(t)
}

// stopsWell ends it as an operator does, and fails if it has anything to complain of.
func (w *worker) stopsWell(t *testing.T) {
	t.Helper()
	w.signal(t, syscall.SIGTERM)
	if err := w.cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// A worker stands still in the middle of a batch's transaction. The server takes it back, so that the next worker, who comes to the
// same people, need not wait for it.
func sweepStoppedWithin(t *testing.T, at string, skip int) {
	f := newFleet(t, 600)
	gatedStore, line := gated(t, f.store)
	line.hold(at, skip, false)
	w := f.workerOver(f.oldDSN, gatedStore)
	f.set(`{"state": "running", "accounts_per_second": "max", "workers": 2, "chunk": 300, "batch": {"target_ms": 100, "max": 100}, ` + ungoverned + `}`)
	<-line.caught
	w.signal(t, syscall.SIGSTOP)
	f.worker()
	f.ends()
	line.release()
	w.signal(t, syscall.SIGCONT)
	f.exactly()
	w.stopsWell(t)
	f.exactly()
}

// Whoever plans stands still, or dies, in the middle of it. Another plans when its lease has ended.
func sweepWithoutPlanner(t *testing.T, s syscall.Signal) {
	f := newFleet(t, 600)
	gatedStore, line := gated(t, f.store)
	line.hold(`insert into sweep_chunks`, 0, false)
	w := f.workerOver(f.oldDSN, gatedStore)
	f.set(`{"state": "running", "accounts_per_second": "max", "workers": 2, "chunk": 200, "batch": {"target_ms": 100, "max": 100}, ` + ungoverned + `}`)
	<-line.caught
	w.signal(t, s)
	began := time.Now()
	f.worker()
	f.until("another plans", func() bool { return f.count("sweep_chunks") > 0 })
	t.Logf("another has planned after %s", time.Since(began))
	line.release()
	if s == syscall.SIGSTOP {
		w.signal(t, syscall.SIGCONT)
	}
	f.ends()
	f.exactly()
	if s == syscall.SIGSTOP {
		w.stopsWell(t)
	}
}
