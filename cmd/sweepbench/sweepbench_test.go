package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rekey/cmd/loadtest/gauge"
	"rekey/cmd/sweepbench/crowd"
)

// The command says what it wrote, and of the store's DSN nothing that is secret.
func TestGenerate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var out bytes.Buffer
	args := []string{
		"generate", "-to", "sqlite://" + filepath.Join(dir, "old.db"), "-people", "300", "-weak", "0.5", "-collisions", "3",
		"-pool", filepath.Join(dir, "pool.json"), "-pool-size", "2", "-pool-cost", "4",
	}
	if err := run(t.Context(), args, &out); err != nil {
		t.Fatal(err)
	}
	var said generated
	if err := json.Unmarshal(out.Bytes(), &said); err != nil {
		t.Fatal(err)
	}
	if said.Expected.People != 300 || said.Expected.Moved["auto"] != 294 || said.Plan.Collisions != 3 || !strings.Contains(said.Legacy, "table: people") {
		t.Errorf("it says %s", out.String())
	}
	for _, wrong := range [][]string{{}, {"sweep"}, {"generate"}, {"generate", "-to", "sqlite:///x", "-people", "0"}} {
		if err := run(t.Context(), wrong, &out); err == nil {
			t.Errorf("%v is a command", wrong)
		}
	}
	if got := redacted("mysql://root:secret@127.0.0.1:3306/shop"); got != "mysql://root@127.0.0.1:3306/shop" {
		t.Errorf("the DSN is shown as %s", got)
	}
}

// Those who log in while the sweeper runs can: they are among those whom it moves, and have a password.
func TestAwake(t *testing.T) {
	t.Parallel()
	pool, err := crowd.NewPool(2, 4)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{pool: pool}
	people := b.awake(plan(2000, 0))
	if len(people) != awake {
		t.Fatalf("%d people, want %d", len(people), awake)
	}
	for i, p := range people {
		if p.Password == "" || p.Disabled || strings.Contains(strings.ToLower(p.Email), "family") || i > 0 && p.ID <= people[i-1].ID {
			t.Errorf("person %d: %+v", i, p)
		}
	}
}

// Whom the rows name is measured in the order of the table; a name that is none is refused.
func TestNamed(t *testing.T) {
	t.Parallel()
	wanted, err := named("wrap,write")
	if err != nil || len(wanted) != 2 || wanted[0].name != "write" || wanted[1].name != "wrap" {
		t.Errorf("%d rows, %v", len(wanted), err)
	}
	if _, err := named("write,wirte"); err == nil {
		t.Error("wirte is a row")
	}
	if all, err := named(""); err != nil || len(all) != len(rows) {
		t.Errorf("%d rows, %v", len(all), err)
	}
	if n, err := numbers("1000,10"); err != nil || len(n) != 2 || n[0] != 10 {
		t.Errorf("%v, %v", n, err)
	}
	if _, err := numbers("10,-1"); err == nil {
		t.Error("-1 people can be moved")
	}
}

// What turns the governor off is JSON, and benchstat reads each sample once.
func TestText(t *testing.T) {
	t.Parallel()
	name, value, _ := strings.Cut(noLimits(), "=")
	if name != "governor" || !json.Valid([]byte(value)) {
		t.Errorf("the governor is turned off by %s", noLimits())
	}
	samples := map[string][]float64{"write/copy rows/s": {2, 3}, "write/sweep rows/s": {1}}
	got := benchLines([]gauge.Result{{Samples: samples}, {Samples: samples}, {}})
	want := "BenchmarkSweep/write/copy\t1\t2 rows/s\nBenchmarkSweep/write/copy\t1\t3 rows/s\nBenchmarkSweep/write/sweep\t1\t1 rows/s\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A quick measurement leaves alone what somebody has set.
func TestHurry(t *testing.T) {
	t.Parallel()
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	values := map[string]*string{}
	for _, name := range []string{"people", "sizes", "wrap", "two", "two-wrap", "rounds", "span", "warm"} {
		values[name] = f.String(name, "", "")
	}
	if err := errors.Join(f.Parse([]string{"-rounds", "7"}), hurry(f)); err != nil {
		t.Fatal(err)
	}
	for name, value := range values {
		if *value == "" || name == "rounds" && *value != "7" {
			t.Errorf("%s is %q", name, *value)
		}
	}
}

// At an even pace the whole takes as much longer as it is more; where each person costs more than the one before, that goes on; and
// memory grows as it did in the later half.
func TestExtrapolate(t *testing.T) {
	t.Parallel()
	// 1,000 of 10,000 people have moved. Person n takes 1 ms, or 1 ms and 2 us more for each before them.
	even, slower := &course{people: 10_000, ended: "enough"}, &course{people: 10_000, ended: "enough"}
	for n := range int64(101) {
		n *= 10
		if n == 0 {
			even.moments, slower.moments = append(even.moments, moment{}), append(slower.moments, moment{})
		}
		at := time.Second + time.Duration(n)*time.Millisecond
		even.moments = append(even.moments, moment{at: at, people: n + 1, peak: 10 << 20})
		slower.moments = append(slower.moments, moment{at: at + time.Duration(n*n)*time.Microsecond, people: n + 1, peak: 10<<20 + n*1024})
	}
	even.peak, slower.peak = 10<<20, 10<<20+1000*1024
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > want/100 {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	last, line := even.rest()
	near("at an even pace", last.Seconds(), 9)
	near("by the line", line.Seconds(), 9)
	last, line = slower.rest()
	near("at the last pace", last.Seconds(), 9*2.9)
	near("by the line", line.Seconds(), 9*1+(10_000*10_000-1000*1000)/1e6)
	near("memory that stays", float64(even.peakOfAll()), 10<<20)
	near("memory that grows", float64(slower.peakOfAll()), 10<<20+10_000*1024)
	if slower.ended = ""; slower.peakOfAll() != slower.peak {
		t.Error("what was measured is extrapolated")
	}
	nobody := &course{people: 10, ended: "enough", moments: []moment{{}, {at: time.Second}}}
	if !even.tells() || nobody.tells() {
		t.Errorf("a sweep of many tells of the whole: %t; one of nobody: %t", even.tells(), nobody.tells())
	}
	if last, line := nobody.rest(); last != 0 || line != 0 || nobody.peakOfAll() != 0 {
		t.Error("something is said of a sweep that has moved nobody")
	}
}
