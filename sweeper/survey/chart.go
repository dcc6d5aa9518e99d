package survey

import (
	"math"
	"strconv"
	"strings"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"
)

// A barRow is a bar of a chart: certain up to low, uncertain from there to high.
type barRow struct {
	label, value, class string
	low, high           float64
}

const (
	barHeight = 26
	barRoom   = 280.0 // units for the longest bar; labels stand left of it and values right
)

// chart draws horizontal bars, whose lengths are in proportion to the largest, in an SVG of fixed units: its width is that
// of the page. A screen reader says the title.
func chart(title string, rows []barRow) g.Node {
	largest := 0.0
	for _, row := range rows {
		largest = math.Max(largest, row.high)
	}
	length := func(n float64) string {
		if largest == 0 {
			return "0.0"
		}
		return strconv.FormatFloat(barRoom*n/largest, 'f', 1, 64)
	}
	bars := make(g.Group, 0, len(rows))
	for i, row := range rows {
		bars = append(bars, row.draw(strconv.Itoa(i*barHeight), length(row.low), length(row.high)))
	}
	height := strconv.Itoa(max(len(rows), 1) * barHeight)
	return h.SVG(g.Attr("viewBox", "0 0 560 "+height), h.Role("img"), h.Aria("label", title), bars)
}

// draw draws a bar at height y, with its certain part over the whole of it.
func (row barRow) draw(y, low, high string) g.Node {
	bar := func(class, width string) g.Node {
		return g.El("rect", h.Class(class), g.Attr("x", "160"), g.Attr("y", y), h.Width(width), h.Height("20"), g.Attr("rx", "2"))
	}
	return g.El("g", h.Class(row.class),
		g.El("text", h.Class("label"), g.Attr("x", "152"), g.Attr("y", y), g.Attr("dy", "17"), g.Text(cut(row.label))),
		bar("bar", high),
		bar("sure", low),
		// A thin space, and a space, keep the value off the bar.
		g.El("text", h.Class("value"), g.Attr("x", "160"), g.Attr("dx", high), g.Attr("y", y), g.Attr("dy", "17"), g.Text("\u2009 "+row.value)),
	)
}

const maxLabel = 21

func cut(label string) string {
	if runes := []rune(label); len(runes) > maxLabel {
		return string(runes[:maxLabel-1]) + "…"
	}
	return label
}

// exactly is a bar of n accounts, no more and no less.
func exactly(label string, n int64, class string) barRow {
	return barRow{label, grouped(n), class, float64(n), float64(n)}
}

// strengthClass is the name of a strength in the style sheet.
func strengthClass(s Strength) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return '-'
	}, string(s))
}

// maxBars is how many schemes are drawn; the table beside the chart has them all.
const maxBars = 12

func (s *SourceReport) schemeChart() g.Node {
	var rows []barRow
	for _, scheme := range s.Schemes[:min(len(s.Schemes), maxBars)] {
		rows = append(rows, exactly(scheme.Scheme, scheme.Count, strengthClass(scheme.Strength)))
	}
	return chart("Password schemes of "+s.Name+", by number of accounts", rows)
}

func (r *Report) strengthChart() g.Node {
	counts := map[Strength]int64{}
	for _, s := range r.Sources {
		for _, scheme := range s.Schemes {
			counts[scheme.Strength] += scheme.Count
		}
	}
	var rows []barRow
	for _, strength := range Strengths() {
		rows = append(rows, exactly(string(strength), counts[strength], strengthClass(strength)))
	}
	return chart("Accounts by strength of their password scheme", rows)
}

func (s *SourceReport) loginChart() g.Node {
	var rows []barRow
	for _, b := range s.LastLogins {
		rows = append(rows, exactly(b.Label, b.Count, "plainbar"))
	}
	rows = append(rows, exactly("never", s.NeverLoggedIn, "quiet"))
	return chart("Last logins of "+s.Name, rows)
}

func (r *Report) forecastChart() g.Node {
	var rows []barRow
	for _, z := range r.Forecast.Horizons {
		rows = append(rows, barRow{plural(z.Days, "day"), people(z.Moved), "plainbar", z.Moved.Low, z.Moved.High})
	}
	rows = append(rows, exactly("everybody", r.Accounts, "quiet"))
	return chart("Accounts that will have moved by themselves", rows)
}
