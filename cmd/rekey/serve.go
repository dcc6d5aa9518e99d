package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"rekey/cmd/rekey/config"
	"rekey/cmd/rekey/server"
)

func newServe(c console) *cobra.Command {
	var file *configFlag
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Log people in, and move them",
		Long: `Serves the public and the admin listener until SIGINT or SIGTERM. Then readyz says 503 while everybody is still let in
(drain), requests that have arrived are answered, and writes that have begun are finished; a second signal ends at once.

A legacy store that is down at the start is a warning; a table or column that is not there is an error. The log goes to
standard error, one JSON object a line; the line with "msg":"ready" tells the addresses.`,
		Example: "  rekey serve --config /etc/rekey/rekey.yaml\n  REKEY_STORE=sqlite:///var/lib/rekey/rekey.db rekey serve",
		Args:    cobra.NoArgs,
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			cfg, err := file.read()
			if err != nil {
				return err
			}
			log, err := newLogger(c.err, cfg)
			if err != nil {
				return err
			}
			s, err := server.Open(cmd.Context(), cfg, log)
			if err != nil {
				return err
			}
			return s.Serve(cmd.Context())
		}),
	}
	file = c.addConfigFlag(cmd)
	return cmd
}

func newLogger(w io.Writer, c *config.Config) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		return nil, fmt.Errorf("log level: %w", err)
	}
	options := &slog.HandlerOptions{Level: level}
	if c.Log.Format == "text" {
		return slog.New(slog.NewTextHandler(w, options)), nil
	}
	return slog.New(slog.NewJSONHandler(w, options)), nil
}
