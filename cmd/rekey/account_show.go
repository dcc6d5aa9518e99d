package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"rekey/accounts"
	"rekey/gateway"
)

func newAccountShow(c console) *cobra.Command {
	var file *configFlag
	var output *format
	cmd := &cobra.Command{
		Use:   "show PERSON",
		Short: "Show one person in both stores side by side, and why they are where they are",
		Long: `Says where they are and why in words, what a move would come to, how both passwords are kept (never a hash), their sessions,
and what has happened to them. Changes nothing. A "*" marks what is not the same in both stores.`,
		Example: "  rekey account show anna --config rekey.yaml\n  rekey account show shop/4711 -o json",
		Args:    cobra.ExactArgs(1),
		RunE: action(func(cmd *cobra.Command, args []string) error {
			return withService(cmd, file, func(ctx context.Context, service *accounts.Service) error {
				view, err := service.View(ctx, args[0])
				if err != nil {
					return lookError(err, args[0])
				}
				if *output == asJSON {
					return printJSON(c.out, gateway.PersonStateOf(view))
				}
				return printPerson(c, view)
			})
		}),
	}
	file = c.addConfigFlag(cmd)
	output = addOutputFlag(cmd)
	return cmd
}

// unmovedWords says without what nobody of a class is moved. A login helps those alone whose password it brings.
func unmovedWords(class accounts.NoteClass) string {
	if class == accounts.NoteVerifyOnly || class == accounts.NoteWeakHash {
		return "without a login"
	}
	return "as they are, nor by a login"
}

func printPerson(c console, v accounts.PersonView) error {
	w := c.out
	fmt.Fprintf(w, "account  %s\n", v.ID)
	if v.Source != "" {
		fmt.Fprintf(w, "legacy   %s\n", visible(personText(v.Source, v.LegacyID, "")))
	}
	fmt.Fprintf(w, "state    %s (%s): %s\n", v.State, v.Where, visible(v.Why))
	for _, also := range v.Also {
		fmt.Fprintf(w, "also     %s: %s\n", also.State, also.Why)
	}
	fmt.Fprintf(w, "phase    %s: their password is asked of %s\n", v.Phase, map[string]string{
		"new": "the new store", "legacy": "the old store", "neither": "nobody",
	}[v.Answers.String()])
	switch {
	case v.Move.Class != "":
		fmt.Fprintf(w, "move     not %s (%s): %s\n", unmovedWords(v.Move.Class), v.Move.Class, v.Move.Reason)
	case v.Move.Outcome != "":
		fmt.Fprintf(w, "move     would come to: %s\n", v.Move.Outcome)
	}
	if v.Silent {
		fmt.Fprintln(w, "silent   the old store does not answer")
	}
	fmt.Fprintf(w, "session  %d live\n", v.Sessions)
	for _, n := range v.Notes {
		fmt.Fprintf(w, "note     %s %s (%s/%s): %s\n", n.At.Format(time.RFC3339), n.Class, n.Source, visible(n.LegacyID), n.Reason)
	}
	if n := len(v.CopyBack); n > 0 {
		fmt.Fprintf(w, "owed     %d changes that the old store has not heard of; see `rekey phase backlog --account %s`\n", n, v.ID)
	}
	fmt.Fprintln(w)
	if err := printSides(w, v); err != nil || len(v.Events) == 0 {
		return err
	}
	fmt.Fprintln(w)
	return printEvents(c, asTable, v.Events)
}

// A sideRow is a field of both stores.
type sideRow struct {
	name, field string // field: as in what differs; "" if it is not compared
	text        func(accounts.Side) string
}

var sideRows = []sideRow{
	{"names", "identifiers", func(s accounts.Side) string {
		names := make([]string, len(s.Identifiers))
		for i, id := range s.Identifiers {
			names[i] = id.Spelling
		}
		return strings.Join(names, ", ")
	}},
	{"e-mail", "email", func(s accounts.Side) string { return s.Email }},
	{"display name", "display_name", func(s accounts.Side) string { return s.DisplayName }},
	{"locale", "locale", func(s accounts.Side) string { return s.Locale }},
	{"roles", "roles", func(s accounts.Side) string { return strings.Join(s.Roles, ", ") }},
	{"groups", "groups", func(s accounts.Side) string { return strings.Join(s.Groups, ", ") }},
	{"attributes", "attributes", func(s accounts.Side) string { return strings.Join(s.Attributes, ", ") }},
	{"disabled", "disabled", func(s accounts.Side) string { return yesOrNo(s.Disabled) }},
	{"second factor", "second_factor", func(s accounts.Side) string { return yesOrNo(s.SecondFactor) }},
	{"password", "", func(s accounts.Side) string { return passwordText(s.Password) }},
	{"created", "", func(s accounts.Side) string { return timeText(s.CreatedAt) }},
	{"last login", "", func(s accounts.Side) string { return timeText(s.LastLoginAt) }},
}

// printSides prints both records side by side. What neither has is left out.
func printSides(w io.Writer, v accounts.PersonView) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "\tNEW STORE\tOLD STORE")
	for _, row := range sideRows {
		cell := func(s *accounts.Side) string {
			if s == nil {
				return ""
			}
			return row.text(*s)
		}
		here, there := visible(cell(v.Here)), visible(cell(v.There))
		if here == "" && there == "" {
			continue
		}
		mark := ""
		if row.field != "" && slices.Contains(v.Differ, row.field) {
			mark = " *"
		}
		fmt.Fprintf(tw, "%s%s\t%s\t%s\n", row.name, mark, orDash(here), orDash(there))
	}
	return tw.Flush()
}

func yesOrNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func timeText(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

// passwordText says how a password is kept.
func passwordText(p accounts.PasswordView) string {
	text := p.Scheme
	if p.Behind != "" {
		text += " over " + p.Behind
	}
	if p.MemoryKB > 0 {
		text += " of " + strconv.FormatInt(p.MemoryKB, 10) + " KiB"
	}
	if text == "" {
		return string(p.Strength)
	}
	return text + ", " + string(p.Strength)
}
