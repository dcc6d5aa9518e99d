package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"rekey/accounts"
	"rekey/cmd/rekey/server"
	"rekey/sweeper"
	"rekey/sweeper/survey"
)

// redrawEvery is the time between two pictures of --watch.
const redrawEvery = time.Second

func newSweepStatus(c console) *cobra.Command {
	var file *configFlag
	var output *format
	var watch, left bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how far the sweep is, why nobody is moved, and what is left",
		Long: `Shows the settings in effect, why nobody is moved, the run with what came of its people, its workers, when it may end, and how
far the migration is by source. It reads rows alone, wherever the workers run, and changes nothing.

With --watch it is shown again each second: on a terminal in its place, elsewhere one line a second, and with -o json one
document a line. The numbers of people are counted anew as often as that costs little.

With --left the old stores are read from end to end, to say who is left by when they were last seen, and how many of those will
come by themselves, by the model of ` + "`rekey plan`" + `.`,
		Example: "  rekey sweep status --config rekey.yaml\n  rekey sweep status --watch",
		Args:    cobra.NoArgs,
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			cfg, err := file.load()
			if err != nil {
				return err
			}
			return withService(cmd, file, func(ctx context.Context, service *accounts.Service) error {
				read := func(ctx context.Context) (sweeper.Status, error) {
					return sweeper.ReadStatus(ctx, server.SweepStatus(cfg, service))
				}
				if left {
					return c.showLeft(ctx, *output, service)
				}
				if watch {
					return watchSweep(ctx, c.out, *output, read)
				}
				status, err := read(ctx)
				if err != nil {
					return err
				}
				if *output == asJSON {
					return printJSON(c.out, status)
				}
				return printSweepStatus(c.out, status)
			})
		}),
	}
	file = c.addConfigFlag(cmd)
	output = addOutputFlag(cmd)
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "show it again each second, until Ctrl-C")
	cmd.Flags().BoolVar(&left, "left", false, "read the old stores, and say who is left")
	cmd.MarkFlagsMutuallyExclusive("watch", "left")
	return cmd
}

// showLeft says who is left.
func (c console) showLeft(ctx context.Context, f format, service *accounts.Service) error {
	bar := newReadingProgress(c.err)
	all, err := sweeper.ReadLeft(ctx, service, service.SourceNames(), time.Now(), func(source string, people int64) {
		bar.show(survey.Progress{Source: source, Done: people})
	})
	bar.end()
	if err != nil {
		return err
	}
	if f == asJSON {
		return printList(c.out, f, all, nil)
	}
	for i, left := range all {
		if i > 0 {
			fmt.Fprintln(c.out)
		}
		if err := printLeft(c.out, left); err != nil {
			return err
		}
	}
	return nil
}

func printLeft(w io.Writer, l sweeper.Left) error {
	fmt.Fprintf(w, "%s: %d of %d people are left", l.Source, l.Left, l.People)
	if l.Unreadable > 0 {
		fmt.Fprintf(w, "; %d records cannot be read", l.Unreadable)
	}
	fmt.Fprintln(w)
	if len(l.LastLogins) == 0 {
		_, err := fmt.Fprintln(w, "it does not tell last logins: how many will come by themselves is not known")
		return err
	}
	bins := append(slices.Clone(l.LastLogins), survey.Bin{Label: "never", Count: l.Never})
	if err := printList(w, asTable, bins, []column[survey.Bin]{
		{"LAST SEEN WITHIN", func(b survey.Bin) string { return b.Label }},
		{"LEFT", func(b survey.Bin) string { return strconv.FormatInt(b.Count, 10) }},
	}); err != nil {
		return err
	}
	return printList(w, asTable, l.Horizons, []column[survey.Horizon]{
		{"IN DAYS", func(z survey.Horizon) string { return strconv.Itoa(z.Days) }},
		{"WILL COME", func(z survey.Horizon) string { return fmt.Sprintf("%.0f to %.0f", z.Moved.Low, z.Moved.High) }},
		{"STILL LEFT", func(z survey.Horizon) string { return fmt.Sprintf("%.0f to %.0f", z.Left.Low, z.Left.High) }},
	})
}

// watchSweep shows the status each second. A store that does not answer for a moment is told, and asked again.
func watchSweep(ctx context.Context, w io.Writer, f format, read func(context.Context) (sweeper.Status, error)) error {
	tick := time.NewTicker(redrawEvery)
	defer tick.Stop()
	screen := newScreen(w)
	for {
		status, err := read(ctx)
		switch {
		case ctx.Err() != nil:
			return nil // who pressed Ctrl-C has seen enough
		case err != nil && !errors.As(err, new(*accounts.UnavailableError)):
			return err
		case err != nil:
			err = screen.show(err.Error()+"\n", err.Error())
		case f == asJSON:
			err = printLine(w, status)
		default:
			var picture bytes.Buffer
			if err = printSweepStatus(&picture, status); err == nil {
				err = screen.show(picture.String(), sweepLine(status))
			}
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// A screen is a terminal on which a picture replaces the one before, or something else, which gets a line.
type screen struct {
	w    io.Writer
	term *os.File // nil: it is none
}

func newScreen(w io.Writer) screen {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return screen{w, f}
	}
	return screen{w: w}
}

// show draws a picture from the top. What does not fit is left out: a terminal that scrolls would keep half of each picture.
func (s screen) show(picture, line string) error {
	if s.term == nil {
		_, err := fmt.Fprintln(s.w, line)
		return err
	}
	width, height, err := term.GetSize(int(s.term.Fd()))
	if err != nil {
		width, height = 80, 24
	}
	_, err = io.WriteString(s.w, drawn(picture, width, height))
	return err
}

// drawn is a picture as a terminal of so many columns and lines is told it.
func drawn(picture string, width, height int) string {
	lines := strings.Split(strings.TrimSuffix(picture, "\n"), "\n")
	var out strings.Builder
	out.WriteString("\x1b[H")
	for i, line := range lines[:min(len(lines), max(height-1, 1))] {
		if i > 0 {
			out.WriteString("\r\n")
		}
		if runes := []rune(line); len(runes) > width {
			line = string(runes[:max(width, 0)])
		}
		out.WriteString(line + "\x1b[K")
	}
	out.WriteString("\r\n\x1b[J")
	return out.String()
}

// sweepLine is the status in a line.
func sweepLine(s sweeper.Status) string {
	words := []string{s.At.UTC().Format(time.RFC3339)}
	for _, r := range s.Runs {
		state := string(r.State)
		if r.Forsaken {
			state += " (nobody is at it)"
		}
		words = append(words, fmt.Sprintf("%s %s, %d people%s", r.Kind, state, r.Counts.People, etaText(r.ETA)))
		if r.Names != nil {
			words = append(words, "names: "+countingText(*r.Names))
		}
	}
	if len(s.Runs) == 0 {
		words = append(words, "no run")
	}
	words = append(words, fmt.Sprintf("%.1f people/s moved", s.Progress.Minute.PerSecond()))
	if len(s.Held) > 0 {
		words = append(words, "sweep held: "+strings.Join(s.Held, "; "))
	}
	return strings.Join(words, "; ")
}

func etaText(eta *sweeper.ETA) string {
	if eta == nil {
		return ""
	}
	return ", ends " + eta.Earliest.UTC().Format(time.RFC3339) + " to " + eta.Latest.UTC().Format(time.RFC3339)
}

func printSweepStatus(w io.Writer, s sweeper.Status) error {
	if s.Settings != nil {
		fmt.Fprintf(w, "settings  %s\n", s.Settings)
	}
	for _, held := range s.Held {
		fmt.Fprintf(w, "held      %s\n", held)
	}
	if s.Verdict != "" {
		fmt.Fprintf(w, "governor  %s\n", s.Verdict)
	}
	for _, r := range s.Runs {
		if err := printRun(w, r); err != nil {
			return err
		}
	}
	if len(s.Runs) == 0 {
		fmt.Fprintln(w, "run       none yet")
	}
	fmt.Fprintln(w)
	return printProgress(w, s.Progress)
}

func printRun(w io.Writer, r sweeper.RunStatus) error {
	fmt.Fprintf(w, "run       %s %s, %s, begun %s", r.Kind, r.ID, r.State, r.Began.UTC().Format(time.RFC3339))
	if !r.Ended.IsZero() {
		fmt.Fprintf(w, ", ended %s", r.Ended.UTC().Format(time.RFC3339))
	}
	if r.Why != "" {
		fmt.Fprintf(w, ": %s", r.Why)
	}
	var spec sweeper.Spec
	if err := json.Unmarshal(r.Spec, &spec); err == nil && spec.Attended {
		fmt.Fprintf(w, ", by %s at a terminal: %s", spec.Actor, spec.Reason)
	}
	fmt.Fprintf(w, "%s\n", etaText(r.ETA))
	if r.Forsaken {
		fmt.Fprintln(w, "          nobody is at it: the command that began it goes on with it")
	}
	if r.Names != nil {
		fmt.Fprintf(w, "names     %s\n", countingText(*r.Names))
	}
	var found sweeper.Found
	if err := json.Unmarshal(r.Found, &found); err == nil && found.Alone != "" {
		fmt.Fprintf(w, "          everybody goes by themselves, slowly: %s\n", found.Alone)
	}
	fmt.Fprintf(w, "people    %d: %s\n", r.Counts.People, countsText(r.Counts))
	fmt.Fprintf(w, "chunks    %d done, %d open, %d claimed\n", r.Chunks.Done, r.Chunks.Open, r.Chunks.Claimed)
	if err := printList(w, asTable, r.Parts, []column[sweeper.PartStatus]{
		{"SOURCE", func(p sweeper.PartStatus) string { return p.Source }},
		{"BAND", func(p sweeper.PartStatus) string { return strconv.Itoa(p.Band) }},
		{"DONE", func(p sweeper.PartStatus) string { return strconv.FormatInt(p.People, 10) }},
		{"OF ABOUT", func(p sweeper.PartStatus) string { return numberOrNot(p.Total) }},
		{"OPEN CHUNKS", func(p sweeper.PartStatus) string { return strconv.Itoa(p.Open) }},
	}); err != nil || len(r.Workers) == 0 {
		return err
	}
	return printList(w, asTable, r.Workers, []column[sweeper.Working]{
		{"WORKER", func(k sweeper.Working) string { return k.Worker }},
		{"SOURCE", func(k sweeper.Working) string { return k.Source }},
		{"CHUNK", func(k sweeper.Working) string { return strconv.FormatInt(k.Chunk, 10) }},
		{"DONE", func(k sweeper.Working) string { return strconv.FormatInt(k.People, 10) }},
		{"CLAIMED FOR", func(k sweeper.Working) string { return fmt.Sprintf("%.0f s", k.Seconds) }},
	})
}

// countingText is how far the search for names is.
func countingText(c sweeper.Counting) string {
	of := ""
	if c.Of != nil {
		of = fmt.Sprintf(" of about %d", *c.Of)
	}
	return fmt.Sprintf("%d%s people read, %.0f people/s", c.Read, of, c.PerSecond)
}

func countsText(n sweeper.RunCounts) string {
	var words []string
	for _, outcome := range slices.Sorted(maps.Keys(n.Outcomes)) {
		words = append(words, fmt.Sprintf("%s %d", outcome, n.Outcomes[outcome]))
	}
	for _, class := range slices.Sorted(maps.Keys(n.Refused)) {
		words = append(words, fmt.Sprintf("%s %d", class, n.Refused[class]))
	}
	for _, verdict := range slices.Sorted(maps.Keys(n.Verdicts)) {
		words = append(words, fmt.Sprintf("%s %d", verdict, n.Verdicts[verdict]))
	}
	for _, one := range []struct {
		words string
		n     int64
	}{{"not answered", n.NotAnswered}, {"not asked for", n.Passed}} {
		if one.n > 0 {
			words = append(words, fmt.Sprintf("%s %d", one.words, one.n))
		}
	}
	if words == nil {
		return "none counted yet"
	}
	return strings.Join(words, ", ")
}

func numberOrNot(n *int64) string {
	if n == nil {
		return "-"
	}
	return strconv.FormatInt(*n, 10)
}

// unmovedText is how many people are left.
func unmovedText(p accounts.SourceProgress) string {
	switch {
	case p.Unmoved == nil:
		return "-"
	case p.Unmoved.Low == p.Unmoved.High:
		return strconv.FormatInt(p.Unmoved.Low, 10)
	}
	return fmt.Sprintf("%d to %d", p.Unmoved.Low, p.Unmoved.High)
}

func printProgress(w io.Writer, p accounts.Progress) error {
	count := func(of func(accounts.SourceProgress) int64) func(accounts.SourceProgress) string {
		return func(s accounts.SourceProgress) string { return strconv.FormatInt(of(s), 10) }
	}
	by := func(how accounts.How) column[accounts.SourceProgress] {
		return column[accounts.SourceProgress]{strings.ToUpper("by " + string(how)), count(func(s accounts.SourceProgress) int64 { return s.How[how] })}
	}
	err := printList(w, asTable, p.Sources, []column[accounts.SourceProgress]{
		{"SOURCE", func(s accounts.SourceProgress) string { return s.Source }},
		{"PEOPLE", func(s accounts.SourceProgress) string { return numberOrNot(s.Total) }},
		{"LEFT", unmovedText},
		{"HOME", count(func(s accounts.SourceProgress) int64 { return s.Home })},
		{"IN RAMP", count(func(s accounts.SourceProgress) int64 { return s.Ramp })},
		{"COPIED", count(func(s accounts.SourceProgress) int64 { return s.Copied })},
		{"DELETED", count(func(s accounts.SourceProgress) int64 { return s.Deleted })},
		{"DRIFTED", count(func(s accounts.SourceProgress) int64 { return s.Drifted })},
		{"IN DOUBT", count(func(s accounts.SourceProgress) int64 { return s.InDoubt })},
		{"QUARANTINED", count(func(s accounts.SourceProgress) int64 {
			var n int64
			for _, people := range s.Quarantined {
				n += people
			}
			return n
		})},
		by(accounts.ByLogin), by(accounts.BySweep), by(accounts.BySupport), by(accounts.ByReset), by(accounts.ByCopyBack),
	})
	if err != nil {
		return err
	}
	for _, s := range p.Sources {
		switch {
		case s.Total == nil && s.Uncounted != "":
			fmt.Fprintf(w, "%s: cannot tell how many people there are: %s\n", s.Source, s.Uncounted)
		case s.Unmoved != nil && s.TotalAt != nil && s.Unmoved.Low == 0: // that there is nobody is what people act on
			fmt.Fprintf(w, "%s: LEFT is by the %d people that were counted there at %s; who was removed there may hide who came: rekey ready reads the old stores\n",
				s.Source, *s.Total, s.TotalAt.UTC().Format(time.RFC3339))
		}
	}
	var kept []string
	for _, scheme := range slices.Sorted(maps.Keys(p.Passwords)) {
		kept = append(kept, fmt.Sprintf("%s %d", scheme, p.Passwords[scheme]))
	}
	kept = append(kept, fmt.Sprintf("none %d", p.Reset))
	_, err = fmt.Fprintf(w, "\naccounts  %d; passwords: %s\nrate      %.1f people/s in the last minute, %.1f in the last hour\ncounted   %s, in phase %s\n",
		p.Accounts, strings.Join(kept, ", "), p.Minute.PerSecond(), p.Hour.PerSecond(), p.At.UTC().Format(time.RFC3339), p.Phase)
	return err
}
