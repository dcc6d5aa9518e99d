// Package sheet is what the pages that rekey writes to a file are made of: one page that needs nothing else, tables, and charts with
// their tables beside them.
//
// It serves the reports of package sweeper's folders. It knows nothing of what they tell.
package sheet

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"io"
	"strconv"
	"strings"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"
)

//go:embed sheet.css
var style string

// Write writes a page that needs nothing else: no script, no font, no picture from anywhere. Its policy allows the one style
// sheet in it, by digest, and nothing more. Text is escaped where it becomes a node or an attribute; the style sheet, which is
// ours, is all that is written as it is.
func Write(w io.Writer, title string, body ...g.Node) error {
	var page strings.Builder // a node is written in many small pieces
	err := h.Doctype(h.HTML(
		h.Lang("en"),
		h.Head(
			h.Meta(h.Charset("utf-8")),
			h.Meta(g.Attr("http-equiv", "Content-Security-Policy"), h.Content(policy())),
			h.Meta(h.Name("viewport"), h.Content("width=device-width, initial-scale=1")),
			h.Meta(h.Name("referrer"), h.Content("no-referrer")),
			h.TitleEl(g.Text(title)),
			h.StyleEl(g.Raw(style)),
		),
		h.Body(h.Main(body...)),
	)).Render(&page)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, page.String())
	return err
}

func policy() string {
	digest := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) + "'; base-uri 'none'; form-action 'none'"
}

// Wide is a table that scrolls by itself where the window is narrow.
func Wide(rows ...g.Node) g.Node { return h.Div(h.Class("wide"), h.Table(rows...)) }

// Pair puts a chart beside its table.
func Pair(drawn, listed g.Node) g.Node { return h.Div(h.Class("pair"), h.Div(drawn), listed) }

// Head heads a column of words, which stand left.
func Head(words string) g.Node { return h.Th(g.Text(words)) }

// FigureHead heads a column of figures, which stand right.
func FigureHead(words string) g.Node { return h.Th(h.Class("n"), g.Text(words)) }

// Cell is a cell with words.
func Cell(words string) g.Node { return h.Td(g.Text(words)) }

// Figure is a cell with a figure.
func Figure(digits string) g.Node { return h.Td(h.Class("n"), g.Text(digits)) }

// Amount is a cell with a number.
func Amount(n int64) g.Node { return Figure(Grouped(n)) }

// Soft is a paragraph of lesser weight.
func Soft(words string) g.Node { return h.P(h.Class("soft"), g.Text(words)) }

// Grouped writes a number as people read it: 1,234,567.
func Grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return sign + digits
}
