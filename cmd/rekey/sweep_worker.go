package main

import (
	"errors"
	"runtime"

	"github.com/spf13/cobra"

	"rekey/accounts"
	"rekey/cmd/rekey/server"
)

func newSweepWorker(c console) *cobra.Command {
	var file *configFlag
	var workers int
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Sweep, and serve nobody",
		Long: `Does what the settings of the sweeper say (rekey sweep show), with any number of others, until SIGINT or SIGTERM: a process for a
machine of its own, without a port. Every rekey serve sweeps too, unless its configuration says sweeper: {workers: 0}. A process that
dies loses nothing: what it was at is done by another ten seconds later.

How many work in the whole fleet, and how fast, is said by rekey sweep set; --workers is only the most that this process does at
once. The log goes to standard error.`,
		Example: "  rekey sweep worker --config /etc/rekey/rekey.yaml --workers 4",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().IntVar(&workers, "workers", runtime.NumCPU(), "`number` of pieces at a time")
	file = c.addConfigFlag(cmd)
	cmd.RunE = action(func(cmd *cobra.Command, _ []string) error {
		if workers < 1 || workers > maxWorkers {
			return misuse("--workers must be 1 to %d", maxWorkers)
		}
		cfg, err := file.read()
		if err != nil {
			return err
		}
		log, err := newLogger(c.err, cfg)
		if err != nil {
			return err
		}
		err = server.SweepWork(cmd.Context(), cfg, log, "rekey sweep worker", workers)
		if errors.Is(err, accounts.ErrNotFound) {
			return errNoPhase
		}
		return err
	})
	return cmd
}
