package survey

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
	"time"
)

//go:embed report.html
var pageText string

//go:embed report.css
var pageStyle string

// WriteHTML writes a report as one page that needs nothing else: no script, no font, no picture from anywhere. Its policy
// allows the one style sheet in it, by digest, and nothing more.
func (r *Report) WriteHTML(w io.Writer) error {
	digest := sha256.Sum256([]byte(pageStyle))
	t, err := template.New("report").Funcs(template.FuncMap{
		"grouped": grouped, "size": sizeText, "people": people, "span": span, "duration": duration, "percent": percent,
		"when": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") },
		"join": func(list []string) string { return strings.Join(list, ", ") },
		"style": func() template.HTML {
			return template.HTML("<style>" + pageStyle + "</style>") //nolint:gosec // our own file, which has no markup
		},
		"policy": func() string {
			return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) + "'; base-uri 'none'; form-action 'none'"
		},
		"schemes": schemeChart, "logins": loginChart, "forecast": forecastChart, "strengths": strengthChart,
		"special": (*SourceReport).specialSchemes, "identifiers": (*SourceReport).identifierRows, "dependents": (*SourceReport).dependentRows,
		"sweep": (*Sweep).rows, "shape": Foreign.text, "keys": CollisionExample.keys, "carried": carriedText,
		"slug": func(s Strength) string { return strings.Map(letters, string(s)) },
	}).Parse(pageText)
	if err != nil {
		return fmt.Errorf("the report's page: %w", err)
	}
	return t.Execute(w, r)
}

func letters(r rune) rune {
	if r >= 'a' && r <= 'z' {
		return r
	}
	return '-'
}

// A chart is a row of horizontal bars, drawn in an SVG of fixed units: its width is that of the page.
type chart struct {
	Title  string // what a screen reader says
	Height int
	Bars   []drawn
}

// A drawn bar. Low is where the certain part ends and the uncertain begins; both are widths from the left.
type drawn struct {
	Label, Value string
	Class        string
	Y            int
	Low, Width   float64
}

const (
	barHeight = 26
	barRoom   = 280.0 // units for the longest bar; labels stand left of it and values right
)

// bars lays out bars whose lengths are in proportion to the largest.
func bars(title string, rows []barRow) chart {
	c := chart{Title: title, Height: max(len(rows), 1) * barHeight}
	largest := 0.0
	for _, row := range rows {
		largest = math.Max(largest, row.high)
	}
	for i, row := range rows {
		d := drawn{Label: cut(row.label), Value: row.value, Class: row.class, Y: i * barHeight}
		if largest > 0 {
			d.Low, d.Width = barRoom*row.low/largest, barRoom*row.high/largest
		}
		c.Bars = append(c.Bars, d)
	}
	return c
}

type barRow struct {
	label, value, class string
	low, high           float64
}

const maxLabel = 21

func cut(label string) string {
	if runes := []rune(label); len(runes) > maxLabel {
		return string(runes[:maxLabel-1]) + "…"
	}
	return label
}

// maxBars is how many schemes are drawn; the table beside the chart has them all.
const maxBars = 12

func schemeChart(s SourceReport) chart {
	var rows []barRow
	for _, scheme := range s.Schemes[:min(len(s.Schemes), maxBars)] {
		n := float64(scheme.Count)
		rows = append(rows, barRow{scheme.Scheme, grouped(scheme.Count), strings.Map(letters, string(scheme.Strength)), n, n})
	}
	return bars("Password schemes of "+s.Name+", by number of accounts", rows)
}

func strengthChart(r *Report) chart {
	counts := map[Strength]int64{}
	for _, s := range r.Sources {
		for _, scheme := range s.Schemes {
			counts[scheme.Strength] += scheme.Count
		}
	}
	var rows []barRow
	for _, strength := range Strengths() {
		n := float64(counts[strength])
		rows = append(rows, barRow{string(strength), grouped(counts[strength]), strings.Map(letters, string(strength)), n, n})
	}
	return bars("Accounts by strength of their password scheme", rows)
}

func loginChart(s SourceReport) chart {
	var rows []barRow
	for _, b := range s.LastLogins {
		rows = append(rows, barRow{b.Label, grouped(b.Count), "plainbar", float64(b.Count), float64(b.Count)})
	}
	rows = append(rows, barRow{"never", grouped(s.NeverLoggedIn), "quiet", float64(s.NeverLoggedIn), float64(s.NeverLoggedIn)})
	return bars("Last logins of "+s.Name, rows)
}

func forecastChart(r *Report) chart {
	var rows []barRow
	for _, h := range r.Forecast.Horizons {
		rows = append(rows, barRow{fmt.Sprintf("%d days", h.Days), people(h.Moved), "plainbar", h.Moved.Low, h.Moved.High})
	}
	rows = append(rows, barRow{"everybody", grouped(r.Accounts), "quiet", float64(r.Accounts), float64(r.Accounts)})
	return bars("Accounts that will have moved by themselves", rows)
}
