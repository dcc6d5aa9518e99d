package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rekey/accounts"
	"rekey/accounts/phase"
)

func newPhaseShow(c console) *cobra.Command {
	var file *configFlag
	var output *format
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show the phase, who serves, and what the next step and the way back need",
		Long: `Changes nothing, and writes to no old store: what can be measured only so, or by reading every account, is left to
--dry-run of the step.`,
		Example: "  rekey phase show --config rekey.yaml\n  rekey phase show -o json",
		Args:    cobra.NoArgs,
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			return withService(cmd, file, func(ctx context.Context, service *accounts.Service) error {
				view, err := service.Phase(ctx)
				if err != nil {
					return err
				}
				if *output == asJSON {
					return printJSON(c.out, view)
				}
				return printPhase(c.out, view, time.Now())
			})
		}),
	}
	file = c.addConfigFlag(cmd)
	output = addOutputFlag(cmd)
	return cmd
}

func printPhase(w io.Writer, v accounts.PhaseView, now time.Time) error {
	s := v.State
	fmt.Fprintf(w, "epoch  %d\nplan   %s: %s\nphase  %s, since %s (%s)\n       %s\n", s.Epoch, s.Plan, joined(s.Plan.Phases()), phaseName(s),
		s.Began.Format(time.RFC3339), now.Sub(s.Began).Truncate(time.Second), v.Meaning)
	if s.Moving() {
		fmt.Fprintf(w, "move   to %s, under way. %s\n", s.To, howToGoOn(s))
	}
	if len(s.Allow)+len(s.Deny) > 0 {
		fmt.Fprintf(w, "lists  %d accounts are always inside the ramp, %d never\n", len(s.Allow), len(s.Deny))
	}
	fmt.Fprintf(w, "owed   %s\n", owedText(v.Backlog, now))
	if v.Staying > 0 && s.AsksLegacy() {
		fmt.Fprintf(w, "stay   %d accounts are answered here alone, in every phase: the old stores do not have their last change\n", v.Staying)
	}
	fmt.Fprintln(w)
	err := printList(w, asTable, v.Replicas, []column[accounts.ReplicaState]{
		{"REPLICA", func(r accounts.ReplicaState) string { return r.Name }},
		{"EPOCH", func(r accounts.ReplicaState) string { return strconv.FormatInt(r.Epoch, 10) }},
		{"STATE", replicaWord},
		{"LEASE", leaseText},
	})
	if err != nil {
		return err
	}
	rows := stepRows(v)
	if len(rows) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	return printList(w, asTable, rows, append([]column[stepRow]{{"STEP", func(r stepRow) string { return r.step }}},
		findingColumns(func(r stepRow) phase.Finding { return r.finding })...))
}

func joined[T fmt.Stringer](all []T) string {
	words := make([]string, len(all))
	for i, one := range all {
		words[i] = one.String()
	}
	return strings.Join(words, ", ")
}

func replicaWord(r accounts.ReplicaState) string {
	switch {
	case !r.Live:
		return "gone"
	case r.Behind:
		return "behind"
	}
	return "there"
}

func leaseText(r accounts.ReplicaState) string {
	if r.Live {
		return fmt.Sprintf("ends in %d s", r.EndsIn)
	}
	return fmt.Sprintf("ended %d s ago", -r.EndsIn)
}

// A stepRow is what one gate, or the plan, says of one step.
type stepRow struct {
	step    string
	finding phase.Finding
}

// stepRows lists what is known of every step; one that nothing holds up has a line too.
func stepRows(v accounts.PhaseView) []stepRow {
	var rows []stepRow
	for _, way := range []struct {
		name string
		*accounts.PhaseWay
	}{{"up to", v.Up}, {"more of", v.Ramp}, {"back to", v.Down}} {
		if way.PhaseWay == nil {
			continue
		}
		name := way.name + " " + way.To.String()
		for _, r := range way.Reasons {
			rows = append(rows, stepRow{name, phase.Finding{Gate: phase.Gate(r.Code), Value: r.Text, Limit: "-", Blocks: true}})
		}
		for _, f := range way.Findings {
			rows = append(rows, stepRow{name, f})
		}
		if len(way.Reasons)+len(way.Findings) == 0 {
			rows = append(rows, stepRow{name, phase.Finding{Gate: "-", Value: "no gate", Limit: "-"}})
		}
	}
	return rows
}

// findingColumns are those that tell of a finding in each row.
func findingColumns[T any](of func(T) phase.Finding) []column[T] {
	return []column[T]{
		{"GATE", func(r T) string { return string(of(r).Gate) }},
		{"VALUE", func(r T) string { return of(r).Value }},
		{"LIMIT", func(r T) string { return of(r).Limit }},
		{"", func(r T) string {
			if of(r).Blocks {
				return "blocks"
			}
			return ""
		}},
	}
}

// A leg is a phase of the road as it is printed.
type leg struct {
	phase.Leg
	Here bool `json:"here"`
}

func newPhasePlan(c console) *cobra.Command {
	var file *configFlag
	var output *format
	cmd := &cobra.Command{
		Use:     "plan",
		Short:   "Show the whole road of the plan, and what each step needs",
		Long:    "Shows every phase of the plan in order, marks where the installation is, and names what each step up and each way back asks for.",
		Example: "  rekey phase plan --config rekey.yaml\n  rekey phase plan -o json",
		Args:    cobra.NoArgs,
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			return withService(cmd, file, func(ctx context.Context, service *accounts.Service) error {
				view, err := service.Phase(ctx)
				if err != nil {
					return err
				}
				var road []leg
				for _, l := range view.State.Plan.Road(service.Limits()) {
					road = append(road, leg{l, l.Phase == view.State.Phase})
				}
				if *output == asJSON {
					return printJSON(c.out, road)
				}
				return printRoad(c.out, road)
			})
		}),
	}
	file = c.addConfigFlag(cmd)
	output = addOutputFlag(cmd)
	return cmd
}

func printRoad(w io.Writer, road []leg) error {
	for i, l := range road {
		mark := "  "
		if l.Here {
			mark = "> "
		}
		fmt.Fprintf(w, "%s%s\n    %s\n", mark, l.Phase, l.Meaning)
		if i > 0 {
			fmt.Fprintf(w, "    into it: %s\n", needsText(l.Needs))
		}
		switch {
		case l.Return:
			fmt.Fprintf(w, "    back:    %s\n", needsText(l.Back))
		case i > 0:
			fmt.Fprintln(w, "    back:    there is no way")
		}
	}
	return nil
}

func needsText(needs []phase.Need) string {
	if len(needs) == 0 {
		return "at any time"
	}
	texts := make([]string, len(needs))
	for i, n := range needs {
		texts[i] = fmt.Sprintf("%s (%s)", n.Gate, n.Limit)
	}
	return strings.Join(texts, ", ")
}
