// Package gauge compares what is measured: sides in turn, their medians, the CPU that they and others took, a table with goals. It
// serves the tools that measure, and starts nothing.
package gauge

import (
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// A Result is a measured ratio or figure.
type Result struct {
	What    string               `json:"what"`
	Value   string               `json:"value"`
	Goal    string               `json:"goal"` // "-": there is none
	Met     bool                 `json:"met"`
	Others  float64              `json:"others"` // share of the CPU that processes outside this measurement took
	Detail  string               `json:"detail"`
	Samples map[string][]float64 `json:"samples,omitempty"` // by side and unit, a number for each round
}

// A Table prints results as they come.
type Table struct {
	Missed int // goals

	out *tabwriter.Writer
}

// NewTable prints the head of a table.
func NewTable(w io.Writer) *Table {
	t := &Table{out: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	fmt.Fprintf(t.out, "WHAT\tMEASURED\tGOAL\t\tOTHER CPU\tFROM\n")
	return t
}

// Print prints results.
func (t *Table) Print(results ...Result) error {
	for _, r := range results {
		mark := "met"
		switch {
		case r.Goal == "-":
			mark = ""
		case !r.Met:
			mark = "MISSED"
			t.Missed++
		}
		fmt.Fprintf(t.out, "%s\t%s\t%s\t%s\t%.0f %%\t%s\n", r.What, r.Value, r.Goal, mark, 100*r.Others, r.Detail)
	}
	return t.out.Flush()
}

// A Side measures one of the things that are compared, once.
type Side func(context.Context) (float64, error)

// Compare runs the sides in turn, rounds times, and returns what each gave, and the share of other processes. pids are the
// processes that belong to the measurement beside this one and its children.
func Compare(ctx context.Context, rounds int, pids func() []int, sides ...Side) (values [][]float64, others float64, err error) {
	values = make([][]float64, len(sides))
	watch := NewWatch(pids())
	for range rounds {
		for i, side := range sides {
			v, err := side(ctx)
			if err != nil {
				return nil, 0, err
			}
			values[i] = append(values[i], v)
		}
	}
	return values, watch.Others(pids()), nil
}

// Medians returns the median of each.
func Medians(values [][]float64) []float64 {
	medians := make([]float64, len(values))
	for i, v := range values {
		medians[i] = Median(v)
	}
	return medians
}

// Median returns the middle of some numbers, of which there is one at least.
func Median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}
