package gauge_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"rekey/cmd/loadtest/gauge"
)

// The sides take turns, and an error of one ends all.
func TestCompare(t *testing.T) {
	t.Parallel()
	var order []string
	side := func(name string, v float64, err error) gauge.Side {
		return func(context.Context) (float64, error) {
			order = append(order, name)
			return v + float64(len(order)), err
		}
	}
	none := func() []int { return nil }
	values, others, err := gauge.Compare(t.Context(), 3, none, side("a", 0, nil), side("b", 10, nil))
	if err != nil || !slices.Equal(order, []string{"a", "b", "a", "b", "a", "b"}) || others < 0 || others > 1 {
		t.Errorf("%v, %v of others, %v", order, others, err)
	}
	if want := [][]float64{{1, 3, 5}, {12, 14, 16}}; !reflect.DeepEqual(values, want) || !slices.Equal(gauge.Medians(values), []float64{3, 14}) {
		t.Errorf("%v, and medians %v", values, gauge.Medians(values))
	}
	if m := gauge.Median([]float64{4, 1, 2, 9}); m != 3 {
		t.Errorf("the median of four is %v, want 3", m)
	}
	broken := errors.New("broken")
	if _, _, err := gauge.Compare(t.Context(), 1, none, side("a", 0, broken)); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

// A goal that is missed is counted, and what has none is not.
func TestTable(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	table := gauge.NewTable(&out)
	err := table.Print(gauge.Result{What: "a", Goal: "> 1", Met: true}, gauge.Result{What: "b", Goal: "> 1"}, gauge.Result{What: "c", Goal: "-"})
	if err != nil || table.Missed != 1 || strings.Count(out.String(), "MISSED") != 1 || strings.Count(out.String(), "\n") != 4 {
		t.Errorf("%d missed, %v:\n%s", table.Missed, err, out.String())
	}
}

// This process has a parent, is of its parent's family, and takes memory and CPU.
func TestProcess(t *testing.T) {
	t.Parallel()
	self := os.Getpid()
	if parent := gauge.Parent(self); parent != os.Getppid() || !slices.Contains(gauge.Family(parent), self) {
		t.Errorf("the parent is %d, want %d", parent, os.Getppid())
	}
	if peak, now := gauge.Memory(self, "VmHWM"), gauge.Memory(self, "VmRSS"); peak < now/2 || now < 1<<20 {
		t.Errorf("%d bytes, and %d at the peak", now, peak)
	}
	if gauge.CPU(1<<30) != 0 || gauge.Parent(1<<30) != 0 || gauge.Memory(1<<30, "VmRSS") != 0 {
		t.Error("a process that is not there takes something")
	}
}
