package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rekey/accounts"
	"rekey/accounts/masterkey"
	"rekey/accounts/sqlstore"
	"rekey/cmd/rekey/config"
	"rekey/cmd/rekey/server"
	"rekey/sweeper/settings"
)

// withKeeper opens the configured store for one command about the sweeper's settings.
func withKeeper(cmd *cobra.Command, file *configFlag, do func(context.Context, *settings.Keeper) error) error {
	return withStore(cmd.Context(), file, func(ctx context.Context, cfg *config.Config, store *sqlstore.Store, _ *masterkey.Key) error {
		return do(ctx, server.SweepKeeper(cfg, store))
	})
}

func newSweepShow(c console) *cobra.Command {
	var file *configFlag
	var output *format
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Show how the sweeper is set, what of it holds now, and why nothing runs",
		Example: "  rekey sweep show --config rekey.yaml\n  rekey sweep show -o json",
		Args:    cobra.NoArgs,
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			return withKeeper(cmd, file, func(ctx context.Context, keeper *settings.Keeper) error {
				view, err := keeper.Look(ctx)
				if err != nil {
					return err
				}
				if *output == asJSON {
					return printJSON(c.out, view)
				}
				return printSettings(c.out, view)
			})
		}),
	}
	file = c.addConfigFlag(cmd)
	output = addOutputFlag(cmd)
	return cmd
}

func printSettings(w io.Writer, v settings.View) error {
	fmt.Fprintf(w, "version  %d%s\n", v.Version, changedText(v))
	printHolds(w, v)
	fmt.Fprintln(w)
	set, now := v.Settings.Fields(), v.Effective.Fields()
	err := printList(w, asTable, slices.Sorted(maps.Keys(set)), []column[string]{
		{"SETTING", func(field string) string { return field }},
		{"IS SET TO", func(field string) string { return set[field] }},
		{"HOLDS NOW", func(field string) string { return now[field] }},
	})
	if err != nil || len(v.Settings.Overrides) == 0 {
		return err
	}
	fmt.Fprintln(w)
	return printList(w, asTable, v.Settings.Overrides, []column[settings.Override]{
		{"OVERRIDE UNTIL", func(o settings.Override) string { return o.Until.Format(time.RFC3339) }},
		{"SETS", func(o settings.Override) string { return string(o.Set) }},
		{"BY", func(o settings.Override) string { return o.By }},
		{"REASON", func(o settings.Override) string { return o.Reason }},
	})
}

func changedText(v settings.View) string {
	if v.ChangedAt == nil {
		return ", never changed"
	}
	return fmt.Sprintf(", changed %s by %s", v.ChangedAt.Format(time.RFC3339), v.ChangedBy)
}

// printHolds says whether anything may run, and all that is in the way.
func printHolds(w io.Writer, v settings.View) {
	switch {
	case len(v.Holds) == 0 && v.Closes != nil:
		fmt.Fprintf(w, "%-8s it may run, until %s\n", v.Effective.State, v.Closes.Format(time.RFC3339))
	case len(v.Holds) == 0:
		fmt.Fprintf(w, "%-8s it may run\n", v.Effective.State)
	}
	for _, why := range v.Why() {
		fmt.Fprintf(w, "nothing runs: %s\n", why)
	}
	if v.Attended != nil {
		fmt.Fprintf(w, "a run of %s at a terminal has not ended, begun %s: %s\n", v.Attended.By, v.Attended.Began.Format(time.RFC3339), v.Attended.Reason)
	}
	if len(v.Unconfigured) > 0 {
		fmt.Fprintf(w, "sources  %s: set, and not in the configuration; a run of them comes to no end\n", strings.Join(v.Unconfigured, ", "))
	}
	if v.Slowed != "" {
		fmt.Fprintf(w, "governor %s\n", v.Slowed)
	}
}

// A sweepChange is a command that changes the settings: what all of them take.
type sweepChange struct {
	console
	file   *configFlag
	output *format
	change accounts.SweepChange
}

func (c console) addSweepChange(cmd *cobra.Command) *sweepChange {
	s := &sweepChange{console: c, file: c.addConfigFlag(cmd), output: addOutputFlag(cmd)}
	f := cmd.Flags()
	f.StringVar(&s.change.By.Reason, "reason", "", "`text` that is kept in the audit")
	f.BoolVar(&s.change.DryRun, "dry-run", false, "show what would be changed, and change nothing")
	f.Int64Var(&s.change.Version, "version", 0, "refuse unless this is still the `number` of the version, as rekey sweep show told it")
	requireFlags(cmd, "reason")
	return s
}

// run makes the change, once complete has filled in what depends on the settings as they are.
func (s *sweepChange) run(cmd *cobra.Command, complete func(settings.View) error) error {
	s.change.By.Actor = actor()
	if err := s.change.By.Check(); err != nil {
		return asMisuse(err)
	}
	if s.change.Version < 0 {
		return misuse("--version must be 1 or more")
	}
	return withKeeper(cmd, s.file, func(ctx context.Context, keeper *settings.Keeper) error {
		if complete != nil {
			view, err := keeper.Look(ctx)
			if err == nil {
				err = complete(view)
			}
			if err != nil {
				return err
			}
		}
		view, err := keeper.Change(ctx, s.change)
		faults := accounts.InvalidErrors(err)
		switch {
		case errors.Is(err, accounts.ErrStale):
			return refuse("the settings are not in version %d any more: somebody has changed them; look again", s.change.Version)
		case len(faults) > 0:
			lines := make([]string, len(faults))
			for i, fault := range faults {
				lines[i] = fault.Error()
			}
			return misuse("not changed\n  %s", strings.Join(lines, "\n  "))
		case err != nil:
			return err
		case *s.output == asJSON:
			return printJSON(s.out, view)
		}
		if view.Warning != "" {
			fmt.Fprintln(s.err, "warning:", view.Warning)
		}
		if err := printSweepChange(s.out, view); err != nil || !s.change.Until.IsZero() {
			return err
		}
		for _, o := range view.Overridden() {
			fmt.Fprintf(s.out, "until %s %s is %s, by an override of %s: %s (rekey sweep override --end ends all)\n", o.Until.Format(time.RFC3339), o.Field, o.Value, o.By, o.Reason)
		}
		return nil
	})
}

func printSweepChange(w io.Writer, v settings.View) error {
	if len(v.Changes) == 0 {
		fmt.Fprintf(w, "it is so already; version %d\n", v.Version)
	} else {
		err := printList(w, asTable, v.Changes, []column[settings.Change]{
			{"SETTING", func(c settings.Change) string { return c.Field }},
			{"WAS", func(c settings.Change) string { return c.Before }},
			{"IS", func(c settings.Change) string { return c.After }},
		})
		if err != nil {
			return err
		}
		if v.DryRun {
			_, err := fmt.Fprintln(w, "nothing was changed")
			return err
		}
		fmt.Fprintf(w, "version %d\n", v.Version)
	}
	printHolds(w, v)
	return nil
}

func newSweepSet(c console) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "set [SETTING=VALUE]…",
		Short: "Change the sweeper's settings while it runs",
		Long: `Changes what is named, for good. A value is JSON, or a text as it is; null makes a setting the default again. Every worker
obeys within a second: where another order, filter, hash, dry_run or sources are set, the run that is under way ends, and one as
asked begins. ` + "`rekey sweep show`" + ` lists the settings. --file takes a JSON merge patch (RFC 7396) of all of them.

Windows are times of a week, such as "mon-fri 22:00-05:30": the days are those on which it opens. Blackouts are days, such as
"2026-12-24" or "2026-12-24..2026-12-26". Both are by the clock of schedule.zone.`,
		Example: `  rekey sweep set accounts_per_second=100 workers=4 --reason 'a careful start'
  rekey sweep set schedule.zone=Europe/Berlin 'schedule.windows=["mon-fri 22:00-05:00"]' --reason 'nights only'
  rekey sweep set 'filter=user.last_login_at < now - duration("8760h")' --reason 'the long tail first' --dry-run
  rekey sweep set --file settings.json --version 7 --reason 'change 4711'`,
	}
	s := c.addSweepChange(cmd)
	cmd.Flags().StringVar(&file, "file", "", "a JSON `file` in place of SETTING=VALUE; - is standard input")
	cmd.RunE = action(func(cmd *cobra.Command, args []string) (err error) {
		switch {
		case file != "" && len(args) > 0:
			return misuse("--file and SETTING=VALUE exclude each other")
		case file != "":
			s.change.Patch, err = c.readPatch(file)
		default:
			s.change.Patch, err = patchOf(args)
		}
		if err != nil {
			return err
		}
		return s.run(cmd, nil)
	})
	return cmd
}

// readPatch reads a patch from a file or from standard input.
func (c console) readPatch(name string) (patch json.RawMessage, err error) {
	from := c.in
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, misuse("--file: %w", err)
		}
		defer f.Close() //nolint:errcheck // it was only read
		from = f
	}
	patch, err = io.ReadAll(io.LimitReader(from, settings.MaxDocument+1)) // one more: then it is refused as too long
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return patch, nil
}

// patchOf makes a patch of pairs such as schedule.zone=Europe/Berlin.
func patchOf(pairs []string) (json.RawMessage, error) {
	if len(pairs) == 0 {
		return nil, misuse("say what to set, as SETTING=VALUE")
	}
	patch := map[string]any{}
	for _, pair := range pairs {
		path, text, ok := strings.Cut(pair, "=")
		if !ok || path == "" {
			return nil, misuse("%q is not SETTING=VALUE", pair)
		}
		var value any = text
		if json.Valid([]byte(text)) && (!settings.TakesText(path) || text == "null" || strings.HasPrefix(text, `"`)) { // true is a filter
			value = json.RawMessage(text)
		}
		names := strings.Split(path, ".")
		in := patch
		for _, name := range names[:len(names)-1] {
			if in[name] == nil {
				in[name] = map[string]any{}
			}
			inner, ok := in[name].(map[string]any)
			if !ok {
				return nil, misuse("%s is set twice", path)
			}
			in = inner
		}
		last := names[len(names)-1]
		if in[last] != nil {
			return nil, misuse("%s is set twice", path)
		}
		in[last] = value
	}
	return json.Marshal(patch)
}

func newSweepOverride(c console) *cobra.Command {
	var until string
	var end bool
	cmd := &cobra.Command{
		Use:   "override SETTING=VALUE…",
		Short: "Change settings until some time; then they are again as they were",
		Long: `What is named holds in the place of the settings until --until, and then ends by itself. It can pause what runs
(state=paused) and starts nothing. --end ends all overrides at once.`,
		Example: `  rekey sweep override accounts_per_second=max workers=8 --until 06:00 --reason 'full speed tonight'
  rekey sweep override state=paused --until 2h --reason 'the sale'
  rekey sweep override --end --reason 'enough'`,
	}
	s := c.addSweepChange(cmd)
	cmd.Flags().StringVar(&until, "until", "", "when it ends: a time of the day by the clock of the schedule (06:00), a `duration` (2h), or 2027-01-31T06:00:00Z")
	cmd.Flags().BoolVar(&end, "end", false, "end all that hold")
	cmd.RunE = action(func(cmd *cobra.Command, args []string) (err error) {
		switch {
		case end && (until != "" || len(args) > 0):
			return misuse("--end stands alone")
		case end:
			s.change.Patch = json.RawMessage(`{"overrides":[]}`)
			return s.run(cmd, nil)
		case until == "":
			return misuse("say until when, by --until")
		}
		if s.change.Patch, err = patchOf(args); err != nil {
			return err
		}
		return s.run(cmd, func(view settings.View) (err error) {
			s.change.Until, err = untilOf(until, view)
			return err
		})
	})
	return cmd
}

// untilOf reads the end of an override, as people say it.
func untilOf(text string, view settings.View) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil {
		if d <= 0 {
			return time.Time{}, misuse("--until must be ahead")
		}
		return view.At.Add(d), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil && !at.IsZero() {
		return at, nil
	}
	clock, err := view.Effective.Schedule.Compile()
	if err != nil {
		return time.Time{}, err
	}
	at, err := clock.Clock(view.At, text)
	if err != nil {
		return time.Time{}, misuse("--until must be a time of the day such as 06:00, a duration such as 2h, or a time as in RFC 3339")
	}
	return at, nil
}

// sweepCommands are what the commands say of themselves.
var sweepCommands = map[accounts.SweepCommand]struct{ short, long, reason string }{
	accounts.SweepStart:  {"Let the sweeper run", "It then works whenever its windows are open and nothing else holds it. Where a run has ended the next one begins at once, and not\nonly after the setting every (24h; off: none begins by itself); one that is under way goes on.", "phase new-first is a week old"},
	accounts.SweepStop:   {"Finish what is under way, begin nothing, and be off then", "Where it is paused, or no process is at its run, it is off at once. A rekey sweep run of somebody at a terminal is ended too.", "enough for this week"},
	accounts.SweepPause:  {"Pause the sweeper where it is", "Every worker stops within a second, between two batches of people. It stays paused until somebody resumes it, over restarts too.\nEvery rekey sweep run at a terminal waits as well, also where the sweeper is off; resumed, it is off again.", "incident 12"},
	accounts.SweepResume: {"Go on with what was paused", "A pause for a while, by rekey sweep override, ends too. Refused where it is off: `rekey sweep start` begins.", "incident 12 is over"},
}

func newSweepCommand(c console, command accounts.SweepCommand) *cobra.Command {
	words := sweepCommands[command]
	cmd := &cobra.Command{
		Use: string(command), Short: words.short, Long: words.long, Args: cobra.NoArgs,
		Example: fmt.Sprintf("  rekey sweep %s --reason '%s'", command, words.reason),
	}
	s := c.addSweepChange(cmd)
	s.change.Command = command
	cmd.RunE = action(func(cmd *cobra.Command, _ []string) error { return s.run(cmd, nil) })
	return cmd
}
