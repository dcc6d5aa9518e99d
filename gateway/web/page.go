// Package web makes the pages that people see. They work without scripts and ask nobody else for anything: what a page says
// and does is in it.
//
// It serves gateway, which decides what is shown. It knows no account and answers no request.
package web

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"io"
	"strings"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"
)

//go:embed page.css
var style string

// Policy is the Content-Security-Policy of every page: it looks as it does, sends its form here, and that is all.
func Policy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

// A Page is a title and what stands below it. Text is escaped where it becomes a node or an attribute.
type Page struct {
	title string
	body  []g.Node
}

// Render writes the page.
func (p Page) Render(w io.Writer) error {
	var page strings.Builder // a node is written in many small pieces
	err := h.Doctype(h.HTML(
		h.Lang("en"),
		h.Head(
			h.Meta(h.Charset("utf-8")),
			h.Meta(h.Name("viewport"), h.Content("width=device-width, initial-scale=1")),
			h.TitleEl(g.Text(p.title)),
			h.StyleEl(g.Raw(style)),
		),
		h.Body(h.Main(h.H1(g.Text(p.title)), g.Group(p.body))),
	)).Render(&page)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, page.String())
	return err
}

// alert shows what was wrong; nothing without words.
func alert(said []string) g.Node {
	if len(said) == 0 {
		return nil
	}
	return h.Div(h.Role("alert"), g.Map(said, func(text string) g.Node { return h.P(g.Text(text)) }))
}
