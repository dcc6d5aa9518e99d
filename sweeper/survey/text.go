package survey

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"rekey/sweeper/sheet"
)

// WriteText prints a report for a terminal.
func (r *Report) WriteText(w io.Writer) error {
	var text strings.Builder
	r.textHead(&text)
	for i := range r.Sources {
		r.Sources[i].text(&text)
	}
	r.Collisions.text(&text)
	r.Forecast.text(&text)
	r.Sweep.text(&text)
	r.textRoads(&text)
	_, err := io.WriteString(w, text.String())
	return err
}

// table appends rows of cells, the first of which are the headings.
func table(text *strings.Builder, rows ...[]string) {
	tw := tabwriter.NewWriter(text, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(tw, "  "+strings.TrimRight(strings.Join(row, "\t"), "\t"))
	}
	_ = tw.Flush() // a strings.Builder takes everything
}

func heading(text *strings.Builder, words string) {
	fmt.Fprintf(text, "\n%s\n", strings.ToUpper(words))
}

func (r *Report) textHead(text *strings.Builder) {
	fmt.Fprintf(text, "Survey of %s, begun %s; no store was written to.\n", sourcesText(len(r.Sources)), r.At.Format(time.RFC3339))
	if r.Limit > 0 {
		fmt.Fprintf(text, "Only the first %s people of each source were looked at.\n", sheet.Grouped(r.Limit))
	}
	rows := [][]string{{"SOURCE", "ACCOUNTS", "BYTES READ", "STORE TAKES", "DISABLED", "NEVER LOGGED IN", "E-MAIL UNVERIFIED", "UNREADABLE ROWS"}}
	for _, s := range r.Sources {
		rows = append(rows, []string{
			s.Name, sheet.Grouped(s.Accounts), sizeText(s.BytesRead), orUnknown(s.StoreBytes > 0, sizeText(s.StoreBytes)), sheet.Grouped(s.Disabled),
			orUnknown(s.NeverLoggedIn >= 0, sheet.Grouped(s.NeverLoggedIn)), orUnknown(s.Unverified >= 0, sheet.Grouped(s.Unverified)), sheet.Grouped(s.BadRows),
		})
	}
	table(text, rows...)
}

func sourcesText(n int) string { return plural(n, "source") }

func orUnknown(known bool, text string) string {
	if known {
		return text
	}
	return "not known"
}

func (s *SourceReport) text(text *strings.Builder) {
	heading(text, s.Name+": password schemes")
	rows := [][]string{{"SCHEME", "COUNT", "SHARE", "STRENGTH", "SWEEPER"}}
	for _, scheme := range s.Schemes {
		rows = append(rows, []string{scheme.Scheme, sheet.Grouped(scheme.Count), percent(scheme.Count, s.Accounts), string(scheme.Strength), carriedText(scheme.Carried)})
	}
	for _, special := range s.specialSchemes() {
		rows = append(rows, []string{special.Name, sheet.Grouped(special.Count), percent(special.Count, s.Accounts), "-", "-"})
	}
	table(text, rows...)
	if len(s.Unreadable) > 0 {
		heading(text, s.Name+": no rule reads these")
		rows := [][]string{{"SHAPE", "COUNT", "REASON", "COULD BE, IF DECLARED"}}
		for _, f := range s.Unreadable {
			rows = append(rows, []string{f.text(), sheet.Grouped(f.Count), f.Reason, strings.Join(f.Candidates, ", ")})
		}
		table(text, rows...)
	}
	s.textIdentifiers(text)
	if len(s.Notes) > 0 {
		heading(text, s.Name+": mended, or left out")
		rows := [][]string{{"WHAT", "FIELD", "PEOPLE", "KEYS"}}
		for _, n := range s.Notes {
			rows = append(rows, []string{n.What, n.Field, sheet.Grouped(n.Count), strings.Join(n.Keys, ", ")})
		}
		table(text, rows...)
	}
	if len(s.BadReasons) > 0 {
		heading(text, s.Name+": records that cannot be read")
		table(text, countedRows("REASON", s.BadReasons)...)
		if len(s.BadKeys) > 0 {
			fmt.Fprintf(text, "  keys: %s\n", strings.Join(s.BadKeys, ", "))
		}
	}
	if len(s.LastLogins) > 0 {
		heading(text, s.Name+": last logins")
		rows := [][]string{{"WITHIN", "PEOPLE", "SHARE", ""}}
		for _, b := range s.LastLogins {
			rows = append(rows, []string{b.Label, sheet.Grouped(b.Count), percent(b.Count, s.Accounts), bar(b.Count, s.Accounts)})
		}
		rows = append(rows, []string{"never", sheet.Grouped(s.NeverLoggedIn), percent(s.NeverLoggedIn, s.Accounts), bar(s.NeverLoggedIn, s.Accounts)})
		table(text, rows...)
	}
	s.textDependents(text)
	heading(text, s.Name+": what it can do")
	rows = nil
	for _, c := range s.Capabilities {
		rows = append(rows, []string{yesNo(c.Has), c.Name, c.Meaning})
	}
	table(text, rows...)
}

// specialSchemes are the accounts without a readable hash.
func (s *SourceReport) specialSchemes() []Counted {
	unreadable := int64(0)
	for _, f := range s.Unreadable {
		unreadable += f.Count
	}
	var list []Counted
	for _, c := range []Counted{{"(no password, or locked)", s.NoPassword}, {"(not shown by the source)", s.NotShown}, {"(no rule reads it)", unreadable}} {
		if c.Count > 0 {
			list = append(list, c)
		}
	}
	return list
}

func carriedText(carried bool) string {
	if carried {
		return "carries it"
	}
	return "wraps it"
}

func (f Foreign) text() string { return strings.TrimSpace(f.Marker + " " + f.Shape) }

func countedRows(head string, list []Counted) [][]string {
	rows := [][]string{{head, "COUNT"}}
	for _, c := range list {
		rows = append(rows, []string{c.Name, sheet.Grouped(c.Count)})
	}
	return rows
}

func (s *SourceReport) textIdentifiers(text *strings.Builder) {
	heading(text, s.Name+": identifiers")
	rows := [][]string{{"WHAT", "COUNT"}}
	for _, row := range s.identifierRows() {
		rows = append(rows, []string{row.Name, sheet.Grouped(row.Count)})
	}
	table(text, rows...)
}

// identifierRows lists what is to be said of a source's identifiers.
func (s *SourceReport) identifierRows() []Counted {
	var list []Counted
	for _, kind := range slices.Sorted(maps.Keys(s.Identifiers)) {
		list = append(list, Counted{string(kind) + "s", s.Identifiers[kind]})
	}
	list = append(list, Counted{"written otherwise than their canonical form", s.Respelled})
	for _, bad := range s.BadIdentifiers {
		list = append(list, Counted{"unusable: " + bad.Name, bad.Count})
	}
	return append(list, Counted{"people without a usable one", s.Nameless},
		Counted{"people with a second factor", s.SecondFactor}, Counted{"people with an identity elsewhere", s.External})
}

const maxBar = 40

func bar(n, whole int64) string {
	if whole == 0 || n == 0 {
		return ""
	}
	return strings.Repeat("#", max(int(n*maxBar/whole), 1))
}

func (s *SourceReport) textDependents(text *strings.Builder) {
	heading(text, s.Name+": what depends on it")
	rows := [][]string{}
	for _, row := range s.dependentRows() {
		rows = append(rows, []string{row.Kind, row.Name, row.Detail})
	}
	if len(rows) == 0 {
		rows = [][]string{{"nothing was found"}}
	}
	table(text, rows...)
}

// dependentRows lists what is to be said of a source's dependents.
func (s *SourceReport) dependentRows() []Dependent {
	var rows []Dependent
	if c := s.Changes; c != nil {
		more := ""
		if c.More {
			more = "more than "
		}
		rows = append(rows, Dependent{"changed by others", "since " + c.Since.Format(time.RFC3339), fmt.Sprintf(
			"%s%s changed, %s new, %s gone; %s logged in", more, sheet.Grouped(c.Changed), sheet.Grouped(c.Came), sheet.Grouped(c.Went), sheet.Grouped(c.LoggedIn))})
	} else {
		rows = append(rows, Dependent{"changed by others", "not known", "a second survey with the same --state tells"})
	}
	if s.Dependents == nil {
		return append(rows, Dependent{"not seen", "this kind of source", "cannot be asked what depends on it"})
	}
	rows = append(rows, s.Dependents.Found...)
	if len(s.Dependents.Unmapped) > 0 {
		rows = append(rows, Dependent{"columns not read", strings.Join(s.Dependents.Unmapped, ", "), ""})
	}
	for _, hidden := range s.Dependents.Hidden {
		what, why, _ := strings.Cut(hidden, ": ")
		rows = append(rows, Dependent{"not seen", what, why})
	}
	return rows
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func (c *Collisions) text(text *strings.Builder) {
	heading(text, "identifiers that several people hold")
	fmt.Fprintf(text, "  %s within one source, %s in several sources, %s. None of them moves until somebody decides.\n",
		sheet.Grouped(c.Within), sheet.Grouped(c.Across), counting(c.Holders, "holder"))
	if len(c.Pairs) > 0 {
		rows := [][]string{{"SOURCE", "AND", "SHARED IDENTIFIERS"}}
		for _, p := range c.Pairs {
			rows = append(rows, []string{p.First, p.Second, sheet.Grouped(p.Shared)})
		}
		table(text, rows...)
	}
	if len(c.Examples) > 0 {
		rows := [][]string{{"FOR EXAMPLE", "HOLDERS", "KEYS"}}
		for _, e := range c.Examples {
			rows = append(rows, []string{e.Identifier, sheet.Grouped(e.Count), e.keys()})
		}
		table(text, rows...)
	}
}

func (e CollisionExample) keys() string {
	var keys []string
	for _, h := range e.Holders {
		keys = append(keys, h.Source+"/"+h.Key)
	}
	return strings.Join(keys, ", ")
}

func (f *Forecast) text(text *strings.Builder) {
	heading(text, "forecast")
	if f.Known {
		rows := [][]string{{"AFTER", "MOVED BY THEMSELVES", "LEFT FOR THE SWEEPER"}}
		for _, h := range f.Horizons {
			rows = append(rows, []string{fmt.Sprintf("%d days", h.Days), people(h.Moved), people(h.Left)})
		}
		table(text, rows...)
	}
	for _, c := range f.Checks {
		fmt.Fprintf(text, "  Check: in %.1f days %s of %s logged in; the model says %s.\n", c.Days, persons(c.LoggedIn), c.Source, people(c.Model))
	}
	fmt.Fprintf(text, "  %s could log in and be moved by it. Model: %s.\n", persons(f.Able), f.Model)
}

func (s *Sweep) text(text *strings.Builder) {
	heading(text, "the sweep, on this machine")
	rows := [][]string{{"WHAT", "ACCOUNTS", "TIME"}}
	for _, row := range s.rows() {
		rows = append(rows, row[:])
	}
	table(text, rows...)
	fmt.Fprintf(text, "  All together: %s. Without a password to move: %s; in need of a reset: %s. Model: %s.\n",
		span(s.Seconds), counting(s.Profile, "account"), sheet.Grouped(s.NeedReset), s.Model)
}

func (s *Sweep) rows() [][3]string {
	write := "not measured"
	if s.Write > 0 {
		write = duration(s.Write)
	}
	return [][3]string{
		{"read", sheet.Grouped(s.Accounts), duration(s.Read)},
		{"carry the hash", sheet.Grouped(s.Carry), "-"},
		{"wrap the hash", sheet.Grouped(s.Wrap), fmt.Sprintf("%s on %s, %s on one", duration(s.WrapAll), plural(s.Cores, "core"), duration(s.WrapOne))},
		{"write", sheet.Grouped(s.Accounts), write},
	}
}

func (r *Report) textRoads(text *strings.Builder) {
	heading(text, "roads")
	for _, road := range r.Roads {
		mark := "  "
		if road.Recommended {
			mark = "* "
		}
		if !road.Possible {
			mark = "- "
		}
		fmt.Fprintf(text, "%s%s\n", mark, road.Name)
		table(text, []string{"  takes", road.Takes}, []string{"  meanwhile", road.Works}, []string{"  way back", road.WayBack}, []string{"  here", road.Why})
	}
	fmt.Fprintf(text, "\nRecommended: %s.\n", r.Recommended)
}
