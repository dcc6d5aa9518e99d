package survey

import (
	"strings"

	g "maragu.dev/gomponents"

	"rekey/sweeper/sheet"
)

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
	var rows []sheet.Bar
	for _, scheme := range s.Schemes[:min(len(s.Schemes), maxBars)] {
		rows = append(rows, sheet.Exactly(scheme.Scheme, scheme.Count, strengthClass(scheme.Strength)))
	}
	return sheet.Chart("Password schemes of "+s.Name+", by number of accounts", rows)
}

func (r *Report) strengthChart() g.Node {
	counts := map[Strength]int64{}
	for _, s := range r.Sources {
		for _, scheme := range s.Schemes {
			counts[scheme.Strength] += scheme.Count
		}
	}
	var rows []sheet.Bar
	for _, strength := range Strengths() {
		rows = append(rows, sheet.Exactly(string(strength), counts[strength], strengthClass(strength)))
	}
	return sheet.Chart("Accounts by strength of their password scheme", rows)
}

func (s *SourceReport) loginChart() g.Node {
	var rows []sheet.Bar
	for _, b := range s.LastLogins {
		rows = append(rows, sheet.Exactly(b.Label, b.Count, "plainbar"))
	}
	rows = append(rows, sheet.Exactly("never", s.NeverLoggedIn, "quiet"))
	return sheet.Chart("Last logins of "+s.Name, rows)
}

func (r *Report) forecastChart() g.Node {
	var rows []sheet.Bar
	for _, z := range r.Forecast.Horizons {
		rows = append(rows, sheet.Bar{Label: plural(z.Days, "day"), Value: people(z.Moved), Class: "plainbar", Low: z.Moved.Low, High: z.Moved.High})
	}
	rows = append(rows, sheet.Exactly("everybody", r.Accounts, "quiet"))
	return sheet.Chart("Accounts that will have moved by themselves", rows)
}
