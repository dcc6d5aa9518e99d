package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// A format is the value of --output.
type format string

const (
	asTable format = "table"
	asJSON  format = "json"
)

func (f *format) String() string { return string(*f) }
func (f *format) Type() string   { return "table|json" }

func (f *format) Set(text string) error {
	if text != string(asTable) && text != string(asJSON) {
		return errors.New("want table or json")
	}
	*f = format(text)
	return nil
}

// addOutputFlag gives a command --output.
func addOutputFlag(cmd *cobra.Command) *format {
	f := asTable
	cmd.Flags().VarP(&f, "output", "o", "how to print: table or json")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json"}, cobra.ShellCompDirectiveNoFileComp)) // fails only for a flag that is not there
	return &f
}

// A column of a table: its heading, and its cell in a row.
type column[T any] struct {
	heading string
	cell    func(T) string
}

// printList prints rows as a table, or as a JSON array of the rows themselves.
func printList[T any](w io.Writer, f format, rows []T, columns []column[T]) error {
	if f == asJSON {
		if rows == nil {
			rows = []T{}
		}
		return printJSON(w, rows)
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(cell func(column[T]) string) {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = cell(c)
		}
		fmt.Fprintln(tw, strings.TrimRight(strings.Join(cells, "\t"), "\t"))
	}
	line(func(c column[T]) string { return c.heading })
	for _, row := range rows {
		line(func(c column[T]) string { return c.cell(row) })
	}
	return tw.Flush()
}

// printJSON prints one value as indented JSON.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// printLine prints one value as a line of JSON.
func printLine(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
