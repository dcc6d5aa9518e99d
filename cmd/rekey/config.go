package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"rekey/cmd/rekey/config"
	"rekey/cmd/rekey/server"
	"rekey/legacy/preset"
)

func newConfig(c console) *cobra.Command {
	return group("config", "Check and show the configuration",
		`The configuration is one YAML file (--config or $REKEY_CONFIG). Every key is also a variable: its path joined by
"_", in capitals, after REKEY_ (tokens.algorithm is REKEY_TOKENS_ALGORITHM, the first source's dsn is
REKEY_LEGACY_0_DSN). Variables win over the file. A secret can be kept in a file of its own: dsn_file, REKEY_STORE_FILE.`,
		newConfigCheck(c), newConfigShow(c))
}

func newConfigCheck(c console) *cobra.Command {
	var connect bool
	var file *configFlag
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say what is wrong with the configuration, all of it",
		Long: `Reads the configuration as serve would, and names every mistake with its line, what is allowed but risky, and what
the presets that are used leave to you.
Without --connect nothing is asked: neither store nor sources nor Redis. Of an export the first thousand records are looked
at: whether they have the columns that are named, and people who could log in.`,
		Example: "  rekey config check --config rekey.yaml\n  rekey config check --connect",
		Args:    cobra.NoArgs,
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			cfg, err := file.read()
			if err != nil {
				return err
			}
			look, err := lookAtExports(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			for _, w := range slices.Concat(cfg.Warnings(), look.Unread) {
				fmt.Fprintln(c.err, "warning: "+w.String())
			}
			printNotes(c.out, cfg)
			if err := printWrites(c.out, cfg); err != nil {
				return err
			}
			if err := printMail(c.out, cfg); err != nil {
				return err
			}
			printSweepChecks(c.out, cfg)
			if problems := slices.Concat(look.Wrong, look.Doubtful); len(problems) > 0 {
				return problems
			}
			if !connect {
				_, err = fmt.Fprintln(c.out, "the configuration is complete")
				return err
			}
			failed := false
			for _, check := range server.Probe(cmd.Context(), cfg) {
				result := "ok"
				if check.Err != nil {
					result, failed = "failed: "+check.Err.Error(), true
				} else if check.Note != "" {
					result += ", " + check.Note
				}
				fmt.Fprintf(c.out, "%s: %s\n", check.Name, result)
			}
			if failed {
				return done{errQuiet, exitFailed}
			}
			return nil
		}),
	}
	file = c.addConfigFlag(cmd)
	cmd.Flags().BoolVar(&connect, "connect", false, "also ask the store, each source and its replica, Redis, and what sweeps are held by, without changing anything")
	return cmd
}

// lookAtExports opens the sources, which tells what is wrong with them, and looks at those that are files.
func lookAtExports(ctx context.Context, cfg *config.Config) (server.ExportLook, error) {
	opened, closeSources, err := server.OpenSources(cfg)
	if err != nil {
		return server.ExportLook{}, err
	}
	look := server.LookAtExports(ctx, cfg, opened)
	return look, closeSources()
}

// printNotes tells what the presets that are used say of themselves: what they do not move, and what they leave to people.
func printNotes(w io.Writer, cfg *config.Config) {
	for _, l := range cfg.Legacy {
		p, _ := preset.Named(l.Preset) // those of directories are the adapter's own, and have no notes
		for _, note := range p.Notes {
			fmt.Fprintf(w, "legacy %s: note on preset %s: %s\n", l.Name, p.Name, note)
		}
	}
}

// printWrites says for each source what can be written back to it.
func printWrites(out io.Writer, cfg *config.Config) error {
	sources, err := server.WrittenBackTo(cfg)
	if err != nil {
		return err
	}
	for _, s := range sources {
		fmt.Fprintf(out, "legacy %s: written back: %s\n", s.Name, cmp.Or(strings.Join(s.Can, ", "), "nothing, it is only read"))
		for _, no := range s.Cannot {
			fmt.Fprintf(out, "legacy %s: not written back: %s\n", s.Name, no)
		}
	}
	return nil
}

// printMail says whether mail is sent, after a look at the letters.
func printMail(out io.Writer, cfg *config.Config) error {
	if !cfg.Mail.On() {
		_, err := fmt.Fprintln(out, "mail: none is sent: whoever forgets a password needs support")
		return err
	}
	if err := server.CheckMail(cfg); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "mail: by %s, from %s\n", cfg.Mail.SMTP, cfg.Mail.From)
	return err
}

// printSweepChecks tells what sweeps are held by beside what is measured anyway.
func printSweepChecks(out io.Writer, cfg *config.Config) {
	for _, check := range cfg.Sweeper.Checks {
		from, of := "the new store", "a number"
		switch {
		case check.Status():
			from, of = check.HTTP.String(), "the status, and any but 2xx stops"
		case check.SQL == "":
			from = check.HTTP.String()
		case check.Source != "":
			from = "legacy " + check.Source
		}
		fmt.Fprintf(out, "sweeps: held by check %s, asked of %s: %s", check.Name, from, of)
		if limit := check.Limit(); !check.Status() {
			for _, step := range []struct {
				does string
				from float64
			}{{"holds", limit.Hold}, {"shrinks", limit.Shrink}, {"stops", limit.Stop}} {
				if step.from > 0 {
					fmt.Fprintf(out, ", %s from %g on", step.does, step.from)
				}
			}
		}
		fmt.Fprintln(out)
	}
}

func newConfigShow(c console) *cobra.Command {
	var file *configFlag
	var output *format
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Print the effective settings and where each comes from",
		Long:    "Prints every setting that counts, with its origin: a line of the file, a variable, or the default. Secrets are hidden.",
		Example: "  rekey config show --config rekey.yaml\n  REKEY_LISTEN=:80 rekey config show -o json",
		Args:    cobra.NoArgs,
		RunE: action(func(*cobra.Command, []string) error {
			cfg, err := file.load()
			if err != nil {
				return err
			}
			return printList(c.out, *output, cfg.Values(), []column[config.Value]{
				{"KEY", func(v config.Value) string { return v.Key }},
				{"VALUE", func(v config.Value) string { return v.Value }},
				{"ORIGIN", func(v config.Value) string { return v.Origin }},
			})
		}),
	}
	file = c.addConfigFlag(cmd)
	output = addOutputFlag(cmd)
	return cmd
}
