// Package csvfile reads lists of people and writes tables as comma-separated values (RFC 4180).
//
// It serves the commands. What it writes can be opened in a spreadsheet that takes some cells for formulas: those get an apostrophe
// in front, as OWASP advises (https://owasp.org/www-community/attacks/CSV_Injection), and so does what begins with an apostrophe
// itself, so that what is read back by Plain is what went in.
package csvfile

import (
	"bufio"
	"io"
	"strings"
)

// formulaMarks are what a cell that is taken for a formula begins with, and the mark that keeps it from being so.
const formulaMarks = "=+-@\t\r\n'"

// Safe returns a cell as it is written.
func Safe(cell string) string {
	if cell != "" && strings.Contains(formulaMarks, cell[:1]) {
		return "'" + cell
	}
	return cell
}

// Plain is the opposite of Safe. What no Safe has written stays as it is.
func Plain(cell string) string {
	if len(cell) > 1 && cell[0] == '\'' && strings.Contains(formulaMarks, cell[1:2]) {
		return cell[1:]
	}
	return cell
}

// A Writer writes rows. Its errors are told by Flush.
type Writer struct{ w *bufio.Writer }

// NewWriter returns a Writer to w.
func NewWriter(w io.Writer) *Writer { return &Writer{bufio.NewWriter(w)} }

// Row writes one row; a bufio.Writer keeps its first error.
func (w *Writer) Row(cells ...string) {
	for i, cell := range cells {
		if i > 0 {
			_ = w.w.WriteByte(',') // kept, and told by Flush
		}
		cell = Safe(cell)
		if strings.ContainsAny(cell, "\",\r\n") || len(cells) == 1 && cell == "" || strings.Trim(cell, " ") != cell {
			cell = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
		}
		_, _ = w.w.WriteString(cell) // likewise
	}
	_, _ = w.w.WriteString("\r\n") // likewise
}

// Flush writes what is left and returns the first error.
func (w *Writer) Flush() error { return w.w.Flush() }
