package sheet

import (
	"math"
	"strconv"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"
)

// A Bar is a bar of a chart: certain up to Low, uncertain from there to High.
type Bar struct {
	Label, Value string
	Class        string // of the style sheet: its colour
	Low, High    float64
}

// Exactly is a bar of n, no more and no less.
func Exactly(label string, n int64, class string) Bar {
	return Bar{label, Grouped(n), class, float64(n), float64(n)}
}

const (
	barHeight = 26
	barRoom   = 280.0 // units for the longest bar; labels stand left of it and values right
)

// Chart draws horizontal bars, whose lengths are in proportion to the largest, in an SVG of fixed units: its width is that
// of the page. A screen reader says the title.
func Chart(title string, rows []Bar) g.Node {
	largest := 0.0
	for _, row := range rows {
		largest = math.Max(largest, row.High)
	}
	length := func(n float64) string {
		if largest == 0 {
			return "0.0"
		}
		return strconv.FormatFloat(barRoom*n/largest, 'f', 1, 64)
	}
	bars := make(g.Group, 0, len(rows))
	for i, row := range rows {
		bars = append(bars, row.draw(strconv.Itoa(i*barHeight), length(row.Low), length(row.High)))
	}
	height := strconv.Itoa(max(len(rows), 1) * barHeight)
	return h.SVG(g.Attr("viewBox", "0 0 560 "+height), h.Role("img"), h.Aria("label", title), bars)
}

// draw draws a bar at height y, with its certain part over the whole of it.
func (row Bar) draw(y, low, high string) g.Node {
	bar := func(class, width string) g.Node {
		return g.El("rect", h.Class(class), g.Attr("x", "160"), g.Attr("y", y), h.Width(width), h.Height("20"), g.Attr("rx", "2"))
	}
	return g.El("g", h.Class(row.Class),
		g.El("text", h.Class("label"), g.Attr("x", "152"), g.Attr("y", y), g.Attr("dy", "17"), g.Text(cut(row.Label))),
		bar("bar", high),
		bar("sure", low),
		// A thin space, and a space, keep the value off the bar.
		g.El("text", h.Class("value"), g.Attr("x", "160"), g.Attr("dx", high), g.Attr("y", y), g.Attr("dy", "17"), g.Text("\u2009 "+row.Value)),
	)
}

const maxLabel = 21

func cut(label string) string {
	if runes := []rune(label); len(runes) > maxLabel {
		return string(runes[:maxLabel-1]) + "…"
	}
	return label
}
