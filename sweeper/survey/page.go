package survey

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"io"
	"strings"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"
)

//go:embed report.css
var pageStyle string

// WriteHTML writes a report as one page that needs nothing else: no script, no font, no picture from anywhere. Its policy
// allows the one style sheet in it, by digest, and nothing more. Text is escaped where it becomes a node or an attribute;
// the style sheet, which is ours, is all that is written as it is.
func (r *Report) WriteHTML(w io.Writer) error {
	var page strings.Builder // a node is written in many small pieces
	if err := r.page().Render(&page); err != nil {
		return err
	}
	_, err := io.WriteString(w, page.String())
	return err
}

func (r *Report) page() g.Node {
	return h.Doctype(h.HTML(
		h.Lang("en"),
		h.Head(
			h.Meta(h.Charset("utf-8")),
			h.Meta(g.Attr("http-equiv", "Content-Security-Policy"), h.Content(pagePolicy())),
			h.Meta(h.Name("viewport"), h.Content("width=device-width, initial-scale=1")),
			h.Meta(h.Name("referrer"), h.Content("no-referrer")),
			h.TitleEl(g.Text("rekey: plan of "+r.when())),
			h.StyleEl(g.Raw(pageStyle)),
		),
		h.Body(h.Main(
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
		)),
	))
}

func pagePolicy() string {
	digest := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) + "'; base-uri 'none'; form-action 'none'"
}

func (r *Report) when() string { return r.At.UTC().Format("2006-01-02 15:04 UTC") }

func (r *Report) begun() g.Node {
	limit := ""
	if r.Limit > 0 {
		limit = " Only the first " + grouped(r.Limit) + " people of each source were looked at."
	}
	return soft("Survey begun " + r.when() + ". The sources were read; nothing was written to them." + limit)
}

func (r *Report) accountsSection() g.Node {
	return h.Section(h.H2(g.Text("Accounts")), wide(
		h.Tr(head("Source"), figureHead("Accounts"), figureHead("Bytes read"), figureHead("Store takes"), figureHead("Disabled"),
			figureHead("Never logged in"), figureHead("E-mail unverified"), figureHead("Unreadable rows")),
		g.Map(r.Sources, func(s SourceReport) g.Node {
			return h.Tr(cell(s.Name), amount(s.Accounts), figure(sizeText(s.BytesRead)), figure(orUnknown(s.StoreBytes > 0, sizeText(s.StoreBytes))),
				amount(s.Disabled), figure(orUnknown(s.NeverLoggedIn >= 0, grouped(s.NeverLoggedIn))),
				figure(orUnknown(s.Unverified >= 0, grouped(s.Unverified))), amount(s.BadRows))
		}),
	))
}

func (r *Report) strengthSection() g.Node {
	return h.Section(
		h.H2(g.Text("How strong the passwords are kept")),
		r.strengthChart(),
		soft("plain: readable. broken fast: one look into a table. salted fast: billions of guesses a second. "+
			"slow, weak: made to be slow, with a parameter below today’s advice."),
	)
}

func (r *Report) forecastSection() g.Node {
	f := r.Forecast
	return h.Section(
		h.H2(g.Text("Forecast")),
		g.If(f.Known, pair(r.forecastChart(), wide(
			h.Tr(head("After"), figureHead("Moved by themselves"), figureHead("Left for the sweeper")),
			g.Map(f.Horizons, func(z Horizon) g.Node {
				return h.Tr(cell(plural(z.Days, "day")), figure(people(z.Moved)), figure(people(z.Left)))
			}),
		))),
		g.Map(f.Checks, func(c Check) g.Node {
			return h.P(g.Textf("Check: in %.1f days %s of %s logged in; the model says %s.", c.Days, persons(c.LoggedIn), c.Source, people(c.Model)))
		}),
		soft(persons(f.Able)+" could log in and be moved by it. Model: "+f.Model+"."),
	)
}

func (s *Sweep) section() g.Node {
	return h.Section(
		h.H2(g.Text("The sweep, on this machine")),
		wide(
			h.Tr(head("What"), figureHead("Accounts"), head("Time")),
			g.Map(s.rows(), func(row [3]string) g.Node { return h.Tr(cell(row[0]), figure(row[1]), cell(row[2])) }),
			h.Tr(h.Class("chosen"), cell("all together"), amount(s.Accounts), cell(span(s.Seconds))),
		),
		soft("Without a password to move: "+counting(s.Profile, "account")+"; in need of a reset: "+grouped(s.NeedReset)+". "+s.Model+"."),
	)
}

func (r *Report) roadsSection() g.Node {
	return h.Section(h.H2(g.Text("Roads")), wide(
		h.Tr(head("Road"), head("Takes"), head("Works meanwhile"), head("Way back"), head("Here")),
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
	return h.Tr(class, cell(name), cell(r.Takes), cell(r.Works), cell(r.WayBack), cell(r.Why))
}

func (c *Collisions) section() g.Node {
	return h.Section(
		h.H2(g.Text("Identifiers that several people hold")),
		h.P(g.Textf("%s within one source, %s in several sources, %s holders. None of them moves until somebody decides.",
			grouped(c.Within), grouped(c.Across), grouped(c.Holders))),
		g.If(len(c.Pairs) > 0, wide(
			h.Tr(head("Source"), head("and"), figureHead("Shared identifiers")),
			g.Map(c.Pairs, func(p Pair) g.Node { return h.Tr(cell(p.First), cell(p.Second), amount(p.Shared)) }),
		)),
		g.If(len(c.Examples) > 0, wide(
			h.Tr(head("For example"), figureHead("Holders"), head("Keys")),
			g.Map(c.Examples, func(e CollisionExample) g.Node { return h.Tr(cell(e.Identifier), amount(e.Count), cell(e.keys())) }),
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
		pair(s.schemeChart(), wide(
			h.Tr(head("Scheme"), figureHead("Accounts"), figureHead("Share"), head("Strength"), head("Sweeper")),
			g.Map(s.Schemes, func(c SchemeCount) g.Node {
				return h.Tr(cell(c.Scheme), amount(c.Count), s.share(c.Count), cell(string(c.Strength)), cell(carriedText(c.Carried)))
			}),
			g.Map(s.specialSchemes(), func(c Counted) g.Node {
				return h.Tr(cell(c.Name), amount(c.Count), s.share(c.Count), cell(""), cell(""))
			}),
		)),
		g.If(len(s.Unreadable) > 0, g.Group{
			h.H3(g.Text("No rule reads these")),
			wide(
				h.Tr(head("Shape"), figureHead("Accounts"), head("Reason"), head("Could be, if declared")),
				g.Map(s.Unreadable, func(f Foreign) g.Node {
					return h.Tr(cell(f.text()), amount(f.Count), cell(f.Reason), cell(joined(f.Candidates)))
				}),
			),
		}),
	)
}

func (s *SourceReport) loginsSection() g.Node {
	return h.Section(
		h.H3(g.Text("Last logins")),
		pair(s.loginChart(), wide(
			h.Tr(head("Within"), figureHead("People"), figureHead("Share")),
			g.Map(s.LastLogins, func(b Bin) g.Node { return h.Tr(cell(b.Label), amount(b.Count), s.share(b.Count)) }),
			h.Tr(cell("never"), amount(s.NeverLoggedIn), s.share(s.NeverLoggedIn)),
		)),
	)
}

func (s *SourceReport) recordsSection() g.Node {
	return h.Section(
		h.H3(g.Text("Identifiers and records")),
		wide(
			h.Tr(head("What"), figureHead("Count")),
			g.Map(s.identifierRows(), func(c Counted) g.Node { return h.Tr(cell(c.Name), amount(c.Count)) }),
			g.Map(s.BadReasons, func(c Counted) g.Node { return h.Tr(cell("record not readable: "+c.Name), amount(c.Count)) }),
		),
		g.If(len(s.Notes) > 0, g.Group{
			h.H3(g.Text("Mended, or left out")),
			wide(
				h.Tr(head("What"), head("Field"), figureHead("People"), head("Keys")),
				g.Map(s.Notes, func(n Note) g.Node { return h.Tr(cell(n.What), cell(n.Field), amount(n.Count), cell(joined(n.Keys))) }),
			),
		}),
		g.If(len(s.BadKeys) > 0, soft("Keys of records that cannot be read: "+joined(s.BadKeys))),
	)
}

func (s *SourceReport) dependentsSection() g.Node {
	return h.Section(h.H3(g.Text("What depends on it")), wide(
		h.Tr(head("What"), head("Which"), head("How")),
		g.Map(s.dependentRows(), func(d Dependent) g.Node { return h.Tr(cell(d.Kind), cell(d.Name), cell(d.Detail)) }),
	))
}

func (s *SourceReport) capabilitiesSection() g.Node {
	return h.Section(h.H3(g.Text("What it can do")), wide(
		h.Tr(head("Power"), head(""), head("What follows")),
		g.Map(s.Capabilities, func(c Capability) g.Node { return h.Tr(cell(c.Name), cell(yesNo(c.Has)), cell(c.Meaning)) }),
	))
}

// share is a cell with the part that n is of the accounts of s.
func (s *SourceReport) share(n int64) g.Node { return figure(percent(n, s.Accounts)) }

// wide is a table that scrolls by itself where the window is narrow.
func wide(rows ...g.Node) g.Node { return h.Div(h.Class("wide"), h.Table(rows...)) }

// pair puts a chart beside its table.
func pair(drawn, listed g.Node) g.Node { return h.Div(h.Class("pair"), h.Div(drawn), listed) }

// Columns of words stand left and columns of figures right.

func head(words string) g.Node       { return h.Th(g.Text(words)) }
func figureHead(words string) g.Node { return h.Th(h.Class("n"), g.Text(words)) }
func cell(words string) g.Node       { return h.Td(g.Text(words)) }
func figure(digits string) g.Node    { return h.Td(h.Class("n"), g.Text(digits)) }
func amount(n int64) g.Node          { return figure(grouped(n)) }

func soft(words string) g.Node { return h.P(h.Class("soft"), g.Text(words)) }

func joined(words []string) string { return strings.Join(words, ", ") }
