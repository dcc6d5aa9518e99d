package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"rekey/cmd/rekey/config"
	"rekey/cmd/rekey/server"
)

// Exit codes, which scripts depend on.
const (
	exitDone    = 0
	exitFailed  = 1 // it was tried and did not work
	exitUsage   = 2 // wrong arguments or configuration: trying again is of no use
	exitRefused = 3 // a gate said no
)

// A console is where a command reads and writes.
type console struct {
	in       io.Reader
	out, err io.Writer
	environ  []string
}

// newRoot returns the command tree.
func newRoot(c console) *cobra.Command {
	root := &cobra.Command{
		Use:   "rekey",
		Short: "A login that moves its users",
		Long: `rekey logs people in against an old user store and moves each of them to a new one on the way: it
verifies the old password hash, stores a new one, and from the second login on the old store is not asked, except
once a minute for a spelling of the name that is not the stored one.`,
		Example:       "  rekey demo --traffic 20\n  rekey config check --config rekey.yaml\n  rekey serve --config rekey.yaml",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(c.in)
	root.SetOut(c.out)
	root.SetErr(c.err)
	root.AddCommand(
		newServe(c), newDemo(c), newPlan(c),
		newAccount(c), newConfig(c), newHash(c), newKeys(c), newPhase(c), newStaff(c), newSweep(c), newVerify(c),
		newVersion(c),
	)
	return root
}

// A done error is one that a command returned after its arguments were understood.
type done struct {
	error
	code int
}

func (d done) Unwrap() error { return d.error }

// action makes a cobra handler: errors of do are failures, while every error before it is wrong use.
func action(do func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := do(cmd, args)
		var already done
		var problems config.Problems
		switch {
		case err == nil || errors.As(err, &already):
			return err
		case errors.As(err, &problems):
			return mistakes(err)
		}
		return done{err, exitFailed}
	}
}

// misuse marks an error of a command as wrong use.
func misuse(format string, args ...any) error { return done{fmt.Errorf(format, args...), exitUsage} }

// mistakes marks an error as the configuration's.
func mistakes(err error) error { return misuse("the configuration has mistakes\n%w", err) }

// errQuiet is for a command that has said all there is to say and only wants its exit code.
var errQuiet = errors.New("")

// report prints an error and returns the exit code that belongs to it.
func (c console) report(err error) int {
	if err == nil {
		return exitDone
	}
	code := exitUsage
	var d done
	if errors.As(err, &d) {
		code = d.code
	}
	if errors.Is(err, context.Canceled) && code == exitFailed {
		return exitFailed // the person who pressed Ctrl-C knows
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(c.err, "rekey: "+text)
	}
	if !errors.As(err, &d) {
		fmt.Fprintln(c.err, "Run `rekey help` for what there is.")
	}
	return code
}

// group returns a command that only holds others. Without one of them it prints its help; with an unknown one it
// fails.
func group(use, short, long string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(commands...)
	return cmd
}

// A configFlag is the --config of a command.
type configFlag struct {
	console
	path string
}

func (c console) addConfigFlag(cmd *cobra.Command) *configFlag {
	f := &configFlag{console: c}
	cmd.Flags().StringVarP(&f.path, "config", "c", "", "YAML `file`; default $REKEY_CONFIG, else the environment alone")
	return f
}

// load reads the configuration, for commands that open no source. Its error is wrong use: nothing has been tried yet.
func (f *configFlag) load() (*config.Config, error) {
	c, err := f.read()
	if err != nil {
		return nil, err
	}
	if err := server.CheckSources(c); err != nil {
		return nil, mistakes(err)
	}
	return c, nil
}

// read reads the configuration as far as that goes without opening its sources: whoever opens them is told the rest.
func (f *configFlag) read() (*config.Config, error) {
	path := f.path
	for _, pair := range f.environ {
		if value, ok := strings.CutPrefix(pair, "REKEY_CONFIG="); ok && path == "" {
			path = value
		}
	}
	c, err := config.Load(config.Options{Path: path, Environ: f.environ})
	if err != nil {
		return nil, mistakes(err)
	}
	return c, nil
}
