package main

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rekey/accounts/failpoint"
)

// A short run of everything, in which nothing is found. `make chaos` runs longer, and `make chaos-planted` shows that something
// is found where something is missing.
func TestNothingIsFound(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"REKEY_TEST_POSTGRES", "REKEY_TEST_MYSQL", "REKEY_TEST_REDIS"} {
		if os.Getenv(name) == "" {
			t.Skipf("needs %s: `make test` starts what it names", name)
		}
	}
	o := options{seed: 1, length: 15 * time.Second, rate: 20, workers: 8, gateways: 3, plan: "lazy", dir: t.TempDir()}
	if text := os.Getenv("CHAOS_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		o.seed = seed
	}
	var err error
	if o.binary, err = build(t.Context(), o.dir); err != nil {
		t.Fatal(err)
	}
	s, err := o.scene()
	if err != nil {
		t.Fatal(err)
	}
	s.pause = 3 * time.Second // a longer one only makes the test longer
	var words strings.Builder
	v, err := play(t.Context(), o, s, &words)
	if err != nil || len(v.findings) > 0 {
		t.Errorf("%v, %d findings\n%s", err, len(v.findings), words.String())
	}
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
	for seed := range uint64(5) {
		s, err := options{seed: seed}.scene()
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, s.plan.String()+" "+s.from.String())
	}
	slices.Sort(seen)
	if n := len(slices.Compact(seen)); n != 5 {
		t.Errorf("five seeds, %d scenes", n)
	}
	if s, err := (options{seed: 3, plan: "dual-write", from: "both"}).scene(); err != nil || s.from.String() != "both" {
		t.Errorf("%s, %v", s.from, err)
	}
	if _, err := (options{plan: "lazy", from: "ramp"}).scene(); err == nil {
		t.Error("lazy goes through no ramp")
	}
}
