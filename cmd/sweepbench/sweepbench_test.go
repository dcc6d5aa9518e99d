package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

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
