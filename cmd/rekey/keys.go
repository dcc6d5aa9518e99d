package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"rekey/accounts/masterkey"
	"rekey/accounts/sqlstore"
	"rekey/cmd/rekey/config"
	"rekey/cmd/rekey/server"
	"rekey/gateway/token"
)

func newKeys(c console) *cobra.Command {
	return group("keys", "List and rotate the keys that sign tokens",
		`The keys that sign access tokens live in the store, sealed with the master key. Gateways that run see a change within
seconds.`,
		newKeysList(c), newKeysRotate(c))
}

// keyRow is a signing key as it is printed.
type keyRow struct {
	Seq       int64      `json:"seq"`
	ID        string     `json:"kid"`
	Algorithm string     `json:"algorithm"`
	State     string     `json:"state"`
	Created   time.Time  `json:"created_at"`
	Active    time.Time  `json:"active_at"`
	Until     *time.Time `json:"until,omitempty"`
}

func newKeysList(c console) *cobra.Command {
	var file *configFlag
	var output *format
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the signing keys and what each is good for",
		Long: `States: published (in the JWKS, does not sign yet), active (signs), retiring (verifies what it signed), outlived (will
be removed).`,
		Example: "  rekey keys list --config rekey.yaml\n  rekey keys list -o json",
		Args:    cobra.NoArgs,
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			return withStore(cmd.Context(), file, func(ctx context.Context, cfg *config.Config, store *sqlstore.Store, _ *masterkey.Key) error {
				stored, err := store.SigningKeys(ctx)
				if err != nil {
					return fmt.Errorf("read the keys: %w", err)
				}
				var rows []keyRow
				for _, k := range token.Describe(stored, time.Now(), cfg.Tokens.AccessLife) {
					rows = append(rows, newKeyRow(k))
				}
				return printList(c.out, *output, rows, []column[keyRow]{
					{"SEQ", func(r keyRow) string { return strconv.FormatInt(r.Seq, 10) }},
					{"KID", func(r keyRow) string { return r.ID }},
					{"ALGORITHM", func(r keyRow) string { return r.Algorithm }},
					{"STATE", func(r keyRow) string { return r.State }},
					{"SIGNS FROM", func(r keyRow) string { return r.Active.Format(time.RFC3339) }},
				})
			})
		}),
	}
	file = c.addConfigFlag(cmd)
	output = addOutputFlag(cmd)
	return cmd
}

func newKeyRow(k token.KeyInfo) keyRow {
	row := keyRow{k.Seq, k.ID, k.Algorithm, string(k.State), k.CreatedAt.UTC(), k.ActiveAt.UTC(), nil}
	if !k.Until.IsZero() {
		until := k.Until.UTC()
		row.Until = &until
	}
	return row
}

func newKeysRotate(c console) *cobra.Command {
	var file *configFlag
	var now, dryRun bool
	var reason string
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Make the next signing key",
		Long: `Makes a new key. It is published at once and signs after some minutes, when every cache of the JWKS has it. With --now
it signs at once: for a key that has leaked. Tokens of the old key stay valid until they expire (tokens.access_life).`,
		Example: "  rekey keys rotate --config rekey.yaml\n  rekey keys rotate --now --reason 'backup tape lost'\n  rekey keys rotate --dry-run",
		Args:    cobra.NoArgs,
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			return withStore(cmd.Context(), file, func(ctx context.Context, cfg *config.Config, store *sqlstore.Store, key *masterkey.Key) error {
				if dryRun {
					when := "after being published for " + token.DefaultOverlap.String()
					if now {
						when = "at once"
					}
					_, err := fmt.Fprintf(c.out, "would make a new %s key that signs %s; nothing was changed\n", cfg.Tokens.Algorithm, when)
					return err
				}
				log, err := newLogger(c.err, cfg)
				if err != nil {
					return err
				}
				keys, err := server.OpenKeys(ctx, cfg, store, key, log)
				if err != nil {
					return err
				}
				made, err := keys.Rotate(ctx, token.Rotation{Now: now, Actor: actor(), Reason: reason})
				if err != nil {
					return fmt.Errorf("rotate: %w", err)
				}
				_, err = fmt.Fprintf(c.out, "key %s (%s) signs from %s\n", made.ID, made.Algorithm, made.ActiveAt.UTC().Format(time.RFC3339))
				return err
			})
		}),
	}
	file = c.addConfigFlag(cmd)
	cmd.Flags().BoolVar(&now, "now", false, "let the new key sign at once")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and do nothing")
	cmd.Flags().StringVar(&reason, "reason", "", "`text` that is kept in the audit")
	return cmd
}

// withStore opens the configured store, which must be there already, for one command.
func withStore(ctx context.Context, file *configFlag, do func(context.Context, *config.Config, *sqlstore.Store, *masterkey.Key) error) (err error) {
	cfg, err := file.load()
	if err != nil {
		return err
	}
	store, key, err := server.OpenExisting(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return do(ctx, cfg, store, key)
}

// actor is who is at the keyboard, for the audit.
func actor() string {
	name := "uid " + strconv.Itoa(os.Getuid())
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return "cli:" + name
}
