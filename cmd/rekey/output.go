package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
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

// A listFormat is the value of --output of a command whose rows others read on: a format, or CSV.
type listFormat struct{ format }

const asCSV format = "csv"

func (f *listFormat) Type() string { return "table|json|csv" }

func (f *listFormat) Set(text string) error {
	if text == string(asCSV) {
		f.format = asCSV
		return nil
	}
	if f.format.Set(text) != nil {
		return errors.New("want table, json or csv")
	}
	return nil
}

// addListOutputFlag gives a command --output with csv.
func addListOutputFlag(cmd *cobra.Command) *listFormat {
	f := listFormat{asTable}
	cmd.Flags().VarP(&f, "output", "o", "how to print: table, json or csv")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json", "csv"}, cobra.ShellCompDirectiveNoFileComp)) // fails only for a flag that is not there
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

// visible shows what an old store holds, which may be anything, as it is or, where that could disguise something, quoted.
func visible(text string) string {
	quoted := strconv.QuoteToGraphic(text)
	if bare := quoted[1 : len(quoted)-1]; bare == text {
		return text
	}
	return quoted
}

// printLine prints one value as a line of JSON.
func printLine(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
