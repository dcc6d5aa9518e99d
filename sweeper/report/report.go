// Package report writes the final account of a migration: one page to keep and to print.
//
// It serves `rekey report`. What it tells is accounts.Ledger's; it decides nothing and asks nobody.
package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"rekey/accounts"
	"rekey/sweeper/sheet"
)

// WriteHTML writes the account as one page that needs nothing else.
func WriteHTML(w io.Writer, l accounts.Ledger) error {
	return sheet.Write(w, "rekey: account of a migration, "+when(l.Progress.At),
		h.H1(g.Text("What became of everybody")),
		sheet.Soft("Counted "+when(l.Progress.At)+", in phase "+l.Progress.Phase.String()+". All times are UTC."),
		h.P(h.Class("advice"), h.Strong(g.Text(verdict(l.Ready)))),
		peopleSection(l.Progress),
		waysSection(l.Progress),
		passwordsSection(l.Progress),
		timeSection(l.Days),
		quarantineSection(l.Quarantine),
		readySection(l.Ready),
		phasesSection(l.Phases),
		runsSection(l.Runs),
		validationsSection(l.Validations),
		eventsSection(l.Events),
	)
}

func when(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2006-01-02 15:04")
}

func verdict(r accounts.Readiness) string {
	switch {
	case r.Removable:
		return "The old stores may be switched off, and the code that knows their password schemes removed."
	case r.Ready:
		return "The old stores may be switched off. Some passwords are still verified by their schemes."
	}
	return "The old stores are still needed; what is in the way is listed below."
}

// section is a heading with what stands below it.
func section(heading string, below ...g.Node) g.Node {
	return h.Section(append([]g.Node{h.H2(g.Text(heading))}, below...)...)
}

// states are how somebody can be, as a column and as a bar.
var states = []struct {
	heading, class string
	of             func(accounts.SourceProgress) int64
}{
	{"home here", "strong", func(p accounts.SourceProgress) int64 { return p.Home }},
	{"in the ramp", "plainbar", func(p accounts.SourceProgress) int64 { return p.Ramp }},
	{"copied", "slow--weak", func(p accounts.SourceProgress) int64 { return p.Copied }},
	{"deleted here", "quiet", func(p accounts.SourceProgress) int64 { return p.Deleted }},
}

func peopleSection(p accounts.Progress) g.Node {
	var bars []sheet.Bar
	headings := []g.Node{sheet.Head("Source"), sheet.FigureHead("People there"), sheet.FigureHead("Not here")}
	for _, state := range states {
		var n int64
		for _, source := range p.Sources {
			n += state.of(source)
		}
		bars = append(bars, sheet.Exactly(state.heading, n, state.class))
		headings = append(headings, sheet.FigureHead(state.heading))
	}
	left := leftOf(p)
	bars = append(bars, sheet.Bar{Label: "not here", Value: betweenText(&left), Class: "broken-fast", Low: float64(left.Low), High: float64(left.High)})
	headings = append(headings, sheet.FigureHead("disabled"), sheet.FigureHead("differ from there"), sheet.FigureHead("gone there"))
	return section("People by source",
		sheet.Chart("Everybody by how they are", bars),
		sheet.Wide( // too wide to stand beside it
			h.Tr(headings...),
			g.Map(p.Sources, func(s accounts.SourceProgress) g.Node {
				total := "not counted"
				if s.Total != nil {
					total = sheet.Grouped(*s.Total)
				}
				cells := []g.Node{sheet.Cell(s.Source), sheet.Figure(total), sheet.Figure(betweenText(s.Unmoved))}
				for _, state := range states {
					cells = append(cells, sheet.Amount(state.of(s)))
				}
				return h.Tr(append(cells, sheet.Amount(s.Disabled), sheet.Amount(s.Dirty+s.Drifted), sheet.Amount(s.Gone))...)
			}),
		),
		sheet.Soft(fmt.Sprintf("%s accounts live here, those of people who were never in an old store among them.", sheet.Grouped(p.Accounts))),
		g.Map(p.Sources, func(s accounts.SourceProgress) g.Node {
			if s.LegacyLogin == nil {
				return nil
			}
			return sheet.Soft("A login last needed " + s.Source + " on " + when(*s.LegacyLogin) + ".")
		}),
	)
}

// leftOf adds up who is not here, of the sources that are counted.
func leftOf(p accounts.Progress) (left accounts.Between) {
	for _, s := range p.Sources {
		if s.Unmoved != nil {
			left.Low, left.High = left.Low+s.Unmoved.Low, left.High+s.Unmoved.High
		}
	}
	return left
}

func betweenText(b *accounts.Between) string {
	switch {
	case b == nil:
		return "not counted"
	case b.Low == b.High:
		return sheet.Grouped(b.Low)
	}
	return sheet.Grouped(b.Low) + " to " + sheet.Grouped(b.High)
}

// sum adds up maps of counts.
func sum[K cmp.Ordered](all ...map[K]int64) map[K]int64 {
	total := map[K]int64{}
	for _, one := range all {
		for key, n := range one {
			total[key] += n
		}
	}
	return total
}

// counts is a chart of counts with its table, largest first.
func counts[K ~string](title, heading string, all map[K]int64) g.Node {
	keys := slices.SortedFunc(maps.Keys(all), func(a, b K) int { return cmp.Or(cmp.Compare(all[b], all[a]), cmp.Compare(a, b)) })
	var bars []sheet.Bar
	for _, key := range keys[:min(len(keys), maxBars)] {
		bars = append(bars, sheet.Exactly(string(key), all[key], "plainbar"))
	}
	return sheet.Pair(sheet.Chart(title, bars), sheet.Wide(
		h.Tr(sheet.Head(heading), sheet.FigureHead("Count")),
		g.Map(keys, func(key K) g.Node { return h.Tr(sheet.Cell(string(key)), sheet.Amount(all[key])) }),
	))
}

// maxBars is how many are drawn; the table beside the chart has them all.
const maxBars = 12

func waysSection(p accounts.Progress) g.Node {
	var all []map[accounts.How]int64
	for _, s := range p.Sources {
		all = append(all, s.How)
	}
	return section("By what they moved", counts("Accounts by what moved them", "By", sum(all...)))
}

func passwordsSection(p accounts.Progress) g.Node {
	kept := sum(p.Passwords)
	if p.Reset > 0 {
		kept["none: a reset is needed"] = p.Reset
	}
	return section("How passwords are kept", counts("Passwords by how they are kept", "Kept as", kept),
		sheet.Soft("argon2id: made anew. wrapped: argon2id over what the old store had. carried: a strong hash of the old store, sealed. The latter two become the first at a login."))
}

// A span is a stretch of days that share a bar.
type span struct {
	layout string
	days   int
}

// spanOf is the shortest that fits a chart.
func spanOf(days []accounts.DayCount) span {
	if len(days) > 0 {
		length := int(days[len(days)-1].Day.Sub(days[0].Day).Hours()/24) + 1
		for _, s := range []span{{"2006-01-02", 1}, {"2006-01", 31}} {
			if length <= s.days*longestChart {
				return s
			}
		}
	}
	return span{"2006", 366}
}

// longestChart is how many bars fit a page.
const longestChart = 40

func timeSection(days []accounts.DayCount) g.Node {
	layout := spanOf(days).layout
	by := map[string]map[accounts.How]int64{}
	for _, d := range days {
		at := d.Day.UTC().Format(layout)
		by[at] = sum(by[at], map[accounts.How]int64{d.How: d.People})
	}
	var bars []sheet.Bar
	var rows []g.Node
	for _, at := range slices.Sorted(maps.Keys(by)) {
		var n int64
		var ways []string
		for _, how := range slices.Sorted(maps.Keys(by[at])) {
			n += by[at][how]
			ways = append(ways, fmt.Sprintf("%s %s", how, sheet.Grouped(by[at][how])))
		}
		bars = append(bars, sheet.Exactly(at, n, "plainbar"))
		rows = append(rows, h.Tr(sheet.Cell(at), sheet.Amount(n), sheet.Cell(strings.Join(ways, ", "))))
	}
	return section("Over time", sheet.Pair(sheet.Chart("Accounts by when they were made", bars), sheet.Wide(
		append([]g.Node{h.Tr(sheet.Head("When"), sheet.FigureHead("Accounts"), sheet.Head("By"))}, rows...)...,
	)))
}

func quarantineSection(notes []accounts.NoteCount) g.Node {
	if len(notes) == 0 {
		return section("Quarantine", sheet.Soft("Nobody is in quarantine."))
	}
	return section("Quarantine", sheet.Wide(
		h.Tr(sheet.Head("Source"), sheet.Head("Class"), sheet.Head("Reason"), sheet.FigureHead("People")),
		g.Map(notes, func(n accounts.NoteCount) g.Node {
			return h.Tr(sheet.Cell(n.Source), sheet.Cell(string(n.Class)), sheet.Cell(n.Reason), sheet.Amount(n.People))
		}),
	))
}

func readySection(r accounts.Readiness) g.Node {
	return section("What is in the way", sheet.Wide(
		h.Tr(sheet.Head("Check"), sheet.Head("State"), sheet.Head("Found"), sheet.Head("What to do")),
		g.Map(r.Checks, func(l accounts.ReadyLine) g.Node {
			state, class := "not yet", g.Node(nil)
			switch {
			case l.OK:
				state, class = "ok", h.Class("closed")
			case l.Later:
				state = "later"
			}
			return h.Tr(class, sheet.Cell(string(l.Hurdle)), sheet.Cell(state), sheet.Cell(l.Found), sheet.Cell(l.Do))
		}),
	))
}

func phasesSection(steps []accounts.PhaseStepTaken) g.Node {
	return section("Phases", sheet.Wide(
		h.Tr(sheet.Head("When"), sheet.Head("Epoch"), sheet.Head("Phase"), sheet.Head("By"), sheet.Head("Reason")),
		g.Map(steps, func(s accounts.PhaseStepTaken) g.Node {
			phase := s.Phase
			if s.Percent != "" && s.Percent != "0" {
				phase += " " + s.Percent
			}
			if s.Frozen {
				phase += ", frozen"
			}
			return h.Tr(sheet.Cell(when(s.At)), sheet.Cell(s.Epoch), sheet.Cell(phase), sheet.Cell(s.Actor), sheet.Cell(s.Reason))
		}),
	), g.If(len(steps) == 0, sheet.Soft("The phase was never moved.")))
}

func runsSection(runs []accounts.RunMade) g.Node {
	return section("Runs", sheet.Wide(
		h.Tr(sheet.Head("Begun"), sheet.Head("Ended"), sheet.Head("What"), sheet.Head("How it ended"), sheet.Head("Id")),
		g.Map(runs, func(r accounts.RunMade) g.Node {
			ended := string(r.State)
			if r.Why != "" {
				ended += ": " + r.Why
			}
			return h.Tr(sheet.Cell(when(r.Began)), sheet.Cell(when(r.Ended)), sheet.Cell(string(r.Kind)), sheet.Cell(ended), sheet.Cell(r.ID.String()))
		}),
	), g.If(len(runs) == 0, sheet.Soft("There was none.")))
}

func validationsSection(all []accounts.PassMade) g.Node {
	return section("Validations", sheet.Wide(
		h.Tr(sheet.Head("Begun"), sheet.Head("Ended"), sheet.Head("Over everything"), sheet.Head("Found")),
		g.Map(all, func(v accounts.PassMade) g.Node {
			var words []string
			for _, verdict := range slices.Sorted(maps.Keys(v.Found)) {
				words = append(words, fmt.Sprintf("%s %s", verdict, sheet.Grouped(v.Found[verdict])))
			}
			complete := "no"
			if v.Complete {
				complete = "yes"
			}
			return h.Tr(sheet.Cell(when(v.Began)), sheet.Cell(when(v.Ended)), sheet.Cell(complete), sheet.Cell(strings.Join(words, ", ")))
		}),
	), g.If(len(all) == 0, sheet.Soft("Nobody has compared the stores.")))
}

func eventsSection(events map[accounts.EventKind]int64) g.Node {
	return section("What was done", counts("Events of the audit by kind", "Event", events))
}
