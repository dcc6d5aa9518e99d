package survey

import (
	"io"
	"strings"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"rekey/sweeper/sheet"
)

// WriteHTML writes a report as one page that needs nothing else.
func (r *Report) WriteHTML(w io.Writer) error {
	return sheet.Write(w, "rekey: plan of "+r.when(),
		h.H1(g.Text("What there is, and how to move it")),
		r.begun(),
		h.P(h.Class("advice"), h.Strong(g.Text("Recommended:")), g.Text(" "+r.Recommended+".")),
		r.accountsSection(),
		r.strengthSection(),
		r.forecastSection(),
		r.Sweep.section(),
		r.roadsSection(),
		r.Collisions.section(),
		g.Map(r.Sources, func(s SourceReport) g.Node { return s.sections() }),
	)
}

func (r *Report) when() string { return r.At.UTC().Format("2006-01-02 15:04 UTC") }

func (r *Report) begun() g.Node {
	limit := ""
	if r.Limit > 0 {
		limit = " Only the first " + sheet.Grouped(r.Limit) + " people of each source were looked at."
	}
	return sheet.Soft("Survey begun " + r.when() + ". The sources were read; nothing was written to them." + limit)
}

func (r *Report) accountsSection() g.Node {
	return h.Section(h.H2(g.Text("Accounts")), sheet.Wide(
		h.Tr(sheet.Head("Source"), sheet.FigureHead("Accounts"), sheet.FigureHead("Bytes read"), sheet.FigureHead("Store takes"), sheet.FigureHead("Disabled"),
			sheet.FigureHead("Never logged in"), sheet.FigureHead("E-mail unverified"), sheet.FigureHead("Unreadable rows")),
		g.Map(r.Sources, func(s SourceReport) g.Node {
			return h.Tr(sheet.Cell(s.Name), sheet.Amount(s.Accounts), sheet.Figure(sizeText(s.BytesRead)), sheet.Figure(orUnknown(s.StoreBytes > 0, sizeText(s.StoreBytes))),
				sheet.Amount(s.Disabled), sheet.Figure(orUnknown(s.NeverLoggedIn >= 0, sheet.Grouped(s.NeverLoggedIn))),
				sheet.Figure(orUnknown(s.Unverified >= 0, sheet.Grouped(s.Unverified))), sheet.Amount(s.BadRows))
		}),
	))
}

func (r *Report) strengthSection() g.Node {
	return h.Section(
		h.H2(g.Text("How strong the passwords are kept")),
		r.strengthChart(),
		sheet.Soft("plain: readable. broken fast: one look into a table. salted fast: billions of guesses a second. "+
			"slow, weak: made to be slow, with a parameter below today’s advice."),
	)
}

func (r *Report) forecastSection() g.Node {
	f := r.Forecast
	return h.Section(
		h.H2(g.Text("Forecast")),
		g.If(f.Known, sheet.Pair(r.forecastChart(), sheet.Wide(
			h.Tr(sheet.Head("After"), sheet.FigureHead("Moved by themselves"), sheet.FigureHead("Left for the sweeper")),
			g.Map(f.Horizons, func(z Horizon) g.Node {
				return h.Tr(sheet.Cell(plural(z.Days, "day")), sheet.Figure(people(z.Moved)), sheet.Figure(people(z.Left)))
			}),
		))),
		g.Map(f.Checks, func(c Check) g.Node {
			return h.P(g.Textf("Check: in %.1f days %s of %s logged in; the model says %s.", c.Days, persons(c.LoggedIn), c.Source, people(c.Model)))
		}),
		sheet.Soft(persons(f.Able)+" could log in and be moved by it. Model: "+f.Model+"."),
	)
}

func (s *Sweep) section() g.Node {
	return h.Section(
		h.H2(g.Text("The sweep, on this machine")),
		sheet.Wide(
			h.Tr(sheet.Head("What"), sheet.FigureHead("Accounts"), sheet.Head("Time")),
			g.Map(s.rows(), func(row [3]string) g.Node { return h.Tr(sheet.Cell(row[0]), sheet.Figure(row[1]), sheet.Cell(row[2])) }),
			h.Tr(h.Class("chosen"), sheet.Cell("all together"), sheet.Amount(s.Accounts), sheet.Cell(span(s.Seconds))),
		),
		sheet.Soft("Without a password to move: "+counting(s.Profile, "account")+"; in need of a reset: "+sheet.Grouped(s.NeedReset)+". "+s.Model+"."),
	)
}

func (r *Report) roadsSection() g.Node {
	return h.Section(h.H2(g.Text("Roads")), sheet.Wide(
		h.Tr(sheet.Head("Road"), sheet.Head("Takes"), sheet.Head("Works meanwhile"), sheet.Head("Way back"), sheet.Head("Here")),
		g.Map(r.Roads, Road.row),
	))
}

func (r Road) row() g.Node {
	name := r.Name
	var class g.Node
	switch {
	case r.Recommended:
		name, class = name+" (recommended)", h.Class("chosen")
	case !r.Possible:
		name, class = name+" (not possible)", h.Class("closed")
	}
	return h.Tr(class, sheet.Cell(name), sheet.Cell(r.Takes), sheet.Cell(r.Works), sheet.Cell(r.WayBack), sheet.Cell(r.Why))
}

func (c *Collisions) section() g.Node {
	return h.Section(
		h.H2(g.Text("Identifiers that several people hold")),
		h.P(g.Textf("%s within one source, %s in several sources, %s holders. None of them moves until somebody decides.",
			sheet.Grouped(c.Within), sheet.Grouped(c.Across), sheet.Grouped(c.Holders))),
		g.If(len(c.Pairs) > 0, sheet.Wide(
			h.Tr(sheet.Head("Source"), sheet.Head("and"), sheet.FigureHead("Shared identifiers")),
			g.Map(c.Pairs, func(p Pair) g.Node { return h.Tr(sheet.Cell(p.First), sheet.Cell(p.Second), sheet.Amount(p.Shared)) }),
		)),
		g.If(len(c.Examples) > 0, sheet.Wide(
			h.Tr(sheet.Head("For example"), sheet.FigureHead("Holders"), sheet.Head("Keys")),
			g.Map(c.Examples, func(e CollisionExample) g.Node {
				return h.Tr(sheet.Cell(e.Identifier), sheet.Amount(e.Count), sheet.Cell(e.keys()))
			}),
		)),
	)
}

// sections are what is said of one source.
func (s *SourceReport) sections() g.Node {
	return g.Group{
		h.H2(g.Text("Source " + s.Name)),
		s.schemesSection(),
		g.If(len(s.LastLogins) > 0, s.loginsSection()),
		s.recordsSection(),
		s.dependentsSection(),
		s.capabilitiesSection(),
	}
}

func (s *SourceReport) schemesSection() g.Node {
	return h.Section(
		h.H3(g.Text("Password schemes")),
		sheet.Pair(s.schemeChart(), sheet.Wide(
			h.Tr(sheet.Head("Scheme"), sheet.FigureHead("Accounts"), sheet.FigureHead("Share"), sheet.Head("Strength"), sheet.Head("Sweeper")),
			g.Map(s.Schemes, func(c SchemeCount) g.Node {
				return h.Tr(sheet.Cell(c.Scheme), sheet.Amount(c.Count), s.share(c.Count), sheet.Cell(string(c.Strength)), sheet.Cell(carriedText(c.Carried)))
			}),
			g.Map(s.specialSchemes(), func(c Counted) g.Node {
				return h.Tr(sheet.Cell(c.Name), sheet.Amount(c.Count), s.share(c.Count), sheet.Cell(""), sheet.Cell(""))
			}),
		)),
		g.If(len(s.Unreadable) > 0, g.Group{
			h.H3(g.Text("No rule reads these")),
			sheet.Wide(
				h.Tr(sheet.Head("Shape"), sheet.FigureHead("Accounts"), sheet.Head("Reason"), sheet.Head("Could be, if declared")),
				g.Map(s.Unreadable, func(f Foreign) g.Node {
					return h.Tr(sheet.Cell(f.text()), sheet.Amount(f.Count), sheet.Cell(f.Reason), sheet.Cell(joined(f.Candidates)))
				}),
			),
		}),
	)
}

func (s *SourceReport) loginsSection() g.Node {
	return h.Section(
		h.H3(g.Text("Last logins")),
		sheet.Pair(s.loginChart(), sheet.Wide(
			h.Tr(sheet.Head("Within"), sheet.FigureHead("People"), sheet.FigureHead("Share")),
			g.Map(s.LastLogins, func(b Bin) g.Node { return h.Tr(sheet.Cell(b.Label), sheet.Amount(b.Count), s.share(b.Count)) }),
			h.Tr(sheet.Cell("never"), sheet.Amount(s.NeverLoggedIn), s.share(s.NeverLoggedIn)),
		)),
	)
}

func (s *SourceReport) recordsSection() g.Node {
	return h.Section(
		h.H3(g.Text("Identifiers and records")),
		sheet.Wide(
			h.Tr(sheet.Head("What"), sheet.FigureHead("Count")),
			g.Map(s.identifierRows(), func(c Counted) g.Node { return h.Tr(sheet.Cell(c.Name), sheet.Amount(c.Count)) }),
			g.Map(s.BadReasons, func(c Counted) g.Node { return h.Tr(sheet.Cell("record not readable: "+c.Name), sheet.Amount(c.Count)) }),
		),
		g.If(len(s.Notes) > 0, g.Group{
			h.H3(g.Text("Mended, or left out")),
			sheet.Wide(
				h.Tr(sheet.Head("What"), sheet.Head("Field"), sheet.FigureHead("People"), sheet.Head("Keys")),
				g.Map(s.Notes, func(n Note) g.Node {
					return h.Tr(sheet.Cell(n.What), sheet.Cell(n.Field), sheet.Amount(n.Count), sheet.Cell(joined(n.Keys)))
				}),
			),
		}),
		g.If(len(s.BadKeys) > 0, sheet.Soft("Keys of records that cannot be read: "+joined(s.BadKeys))),
	)
}

func (s *SourceReport) dependentsSection() g.Node {
	return h.Section(h.H3(g.Text("What depends on it")), sheet.Wide(
		h.Tr(sheet.Head("What"), sheet.Head("Which"), sheet.Head("How")),
		g.Map(s.dependentRows(), func(d Dependent) g.Node { return h.Tr(sheet.Cell(d.Kind), sheet.Cell(d.Name), sheet.Cell(d.Detail)) }),
	))
}

func (s *SourceReport) capabilitiesSection() g.Node {
	return h.Section(h.H3(g.Text("What it can do")), sheet.Wide(
		h.Tr(sheet.Head("Power"), sheet.Head(""), sheet.Head("What follows")),
		g.Map(s.Capabilities, func(c Capability) g.Node {
			return h.Tr(sheet.Cell(c.Name), sheet.Cell(yesNo(c.Has)), sheet.Cell(c.Meaning))
		}),
	))
}

// share is a cell with the part that n is of the accounts of s.
func (s *SourceReport) share(n int64) g.Node { return sheet.Figure(percent(n, s.Accounts)) }

func joined(words []string) string { return strings.Join(words, ", ") }
