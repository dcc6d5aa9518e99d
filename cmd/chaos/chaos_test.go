package main

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey/accounts/failpoint"
	"rekey/accounts/phase"
)

// What `make chaos` does, for a minute and along both plans side by side: nothing is found. And for each guard, that leaving it
// out is. Mostly it waits.
func TestPlay(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"REKEY_TEST_POSTGRES", "REKEY_TEST_MYSQL", "REKEY_TEST_REDIS"} {
		if os.Getenv(name) == "" {
			t.Skipf("needs %s: `make test` starts what it names", name)
		}
	}
	binary, err := build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o := options{seed: 1, length: 60 * time.Second, rate: 10, workers: 8, gateways: 3, binary: binary}
	if text := os.Getenv("CHAOS_SEED"); text != "" {
		if o.seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	// Not subtests: of those only as many run at a time as there are cores, and these wait for their people.
	var all sync.WaitGroup
	for _, plan := range []phase.Plan{phase.Lazy, phase.DualWrite} {
		o := o
		o.plan, o.dir = plan.String(), t.TempDir()
		all.Go(func() {
			var words strings.Builder
			s, err := o.scene()
			if err != nil {
				t.Error(err)
				return
			}
			v, err := play(t.Context(), o, s, &words)
			if err != nil || len(v.findings) > 0 {
				t.Errorf("%v, %d findings\n%s", err, len(v.findings), words.String())
				return
			}
			t.Logf("%s: nothing is found in %.1f s", o.plan, v.took.Seconds())
		})
	}
	room := make(chan struct{}, 2) // for so many scenes at the same time
	for _, guard := range failpoint.Guards() {
		o := o
		o.plant, o.dir, o.rate = string(guard), t.TempDir(), 30
		all.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			var words strings.Builder
			v, err := plant(t.Context(), o, &words)
			if err = errors.Join(err, v.noticed(o.plant)); err != nil {
				t.Errorf("%v\n%s", err, words.String())
				return
			}
			t.Logf("without %s: found after %.1f s", guard, v.took.Seconds())
		})
	}
	all.Wait()
}

// Every guard has a scene in which it is left out.
func TestEveryGuardHasAScene(t *testing.T) {
	t.Parallel()
	for _, guard := range failpoint.Guards() {
		if _, ok := plants[guard]; !ok {
			t.Errorf("no scene of %s", guard)
		}
	}
	if len(plants) != len(failpoint.Guards()) {
		t.Errorf("%d scenes of %d guards", len(plants), len(failpoint.Guards()))
	}
}

// What is asked for is what is played.
func TestScene(t *testing.T) {
	t.Parallel()
	var seen []string
	for seed := range uint64(7) {
		s, err := options{seed: seed}.scene()
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, s.plan.String()+" "+s.from.String())
	}
	slices.Sort(seen)
	if n := len(slices.Compact(seen)); n != 7 {
		t.Errorf("seven seeds, %d scenes", n)
	}
	if s, err := (options{seed: 3, plan: "dual-write", from: "both"}).scene(); err != nil || s.from.String() != "both" {
		t.Errorf("%s, %v", s.from, err)
	}
	if _, err := (options{plan: "lazy", from: "ramp"}).scene(); err == nil {
		t.Error("lazy goes through no ramp")
	}
}
