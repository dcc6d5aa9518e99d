package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"rekey/accounts"
	"rekey/accounts/masterkey"
	"rekey/accounts/sqlstore"
	"rekey/cmd/rekey/config"
	"rekey/gateway"
)

func newStaff(c console) *cobra.Command {
	return group("staff", "Say who may use the admin listener",
		`Staff come to the admin listener with a token that has a name, a role and an end. Roles: support looks people up and
acts on one account at a time, operator runs the move, auditor reads, admin may do everything and make tokens.`,
		group("token", "Make, list and revoke staff tokens",
			"The store keeps a digest of each token. Gateways that run see a change at the next request.",
			newStaffTokenAdd(c), newStaffTokenList(c), newStaffTokenRevoke(c)))
}

// withStaff opens the configured store for one command about staff.
func withStaff(cmd *cobra.Command, file *configFlag, do func(context.Context, *accounts.Staff) error) error {
	return withStore(cmd.Context(), file, func(ctx context.Context, _ *config.Config, store *sqlstore.Store, _ *masterkey.Key) error {
		return do(ctx, accounts.NewStaff(accounts.StaffConfig{Store: store}))
	})
}

// asMisuse tells input that cannot be used from what went wrong.
func asMisuse(err error) error {
	if invalid, ok := errors.AsType[*accounts.InvalidError](err); ok {
		names := map[string]string{"name": "NAME", "role": "--role", "expires_at": "--for: the end", "reason": "--reason", "hash": "--hash",
			"class": "--class", "state": "--state", "list": "--list"}
		return misuse("%s %s", cmp.Or(names[invalid.Field], invalid.Field), invalid.Reason)
	}
	return err
}

// days is a duration that may be given in days, which is how people think of the life of a token.
type days time.Duration

func (d *days) String() string {
	if life := time.Duration(*d); life%(24*time.Hour) != 0 {
		return life.String()
	}
	return strconv.FormatInt(int64(time.Duration(*d)/(24*time.Hour)), 10) + "d"
}

func (d *days) Type() string { return "duration" }

func (d *days) Set(text string) error {
	if number, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			return errors.New("want whole days as in 30d, or hours as in 12h")
		}
		*d = days(time.Duration(n) * 24 * time.Hour)
		return nil
	}
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return errors.New("want whole days as in 30d, or hours as in 12h")
	}
	*d = days(parsed)
	return nil
}

func newStaffTokenAdd(c console) *cobra.Command {
	var file *configFlag
	var role, reason string
	var dryRun bool
	life := days(accounts.DefaultStaffLife)
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Make a token and print it, this once",
		Long: `Makes a token for a person and prints it on standard output, and nothing else there. It cannot be shown again: of the
token a digest is stored. It ends after 30 days unless --for says otherwise, and after 365 at the latest.`,
		Example: `  rekey staff token add anna --role support --reason 'new in support'
  TOKEN=$(rekey staff token add ci --role auditor --for 12h --reason 'nightly report')
  rekey staff token add anna --role admin --reason 'on call' --dry-run`,
		Args: cobra.ExactArgs(1),
		RunE: action(func(cmd *cobra.Command, args []string) error {
			now := time.Now()
			grant := accounts.StaffGrant{Name: args[0], Role: accounts.Role(role), Until: now.Add(time.Duration(life))}
			by := accounts.By{Actor: actor(), Reason: reason}
			if err := cmp.Or(grant.Check(now), by.Check()); err != nil {
				return asMisuse(err)
			}
			return withStaff(cmd, file, func(ctx context.Context, staff *accounts.Staff) error {
				if dryRun {
					_, err := fmt.Fprintf(c.err, "would make a token for %s (%s) that ends %s; nothing was changed\n",
						grant.Name, grant.Role, grant.Until.UTC().Format(time.RFC3339))
					return err
				}
				t, text, err := staff.Add(ctx, grant, by)
				if err != nil {
					return err
				}
				fmt.Fprintf(c.err, "token %s for %s (%s) ends %s; it is shown this once\n", t.ID, t.Name, t.Role, t.ExpiresAt.Format(time.RFC3339))
				_, err = fmt.Fprintln(c.out, text)
				return err
			})
		}),
	}
	file = c.addConfigFlag(cmd)
	cmd.Flags().StringVar(&role, "role", "", "support, operator, auditor or admin")
	cmd.Flags().Var(&life, "for", "how long it counts, such as 30d or 12h; at most 365d")
	cmd.Flags().StringVar(&reason, "reason", "", "`text` that is kept in the audit")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and do nothing")
	requireFlags(cmd, "role", "reason")
	return cmd
}

// requireFlags makes a command without these flags wrong use.
func requireFlags(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		_ = cmd.MarkFlagRequired(name) // fails only for a flag that is not there
	}
}

func newStaffTokenList(c console) *cobra.Command {
	var file *configFlag
	var output *format
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List all tokens, those that have ended too",
		Long:    "States: active, expired, revoked. The last use is told to the minute.",
		Example: "  rekey staff token list --config rekey.yaml\n  rekey staff token list -o json",
		Args:    cobra.NoArgs,
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			return withStaff(cmd, file, func(ctx context.Context, staff *accounts.Staff) error {
				tokens, err := staff.List(ctx)
				if err != nil {
					return err
				}
				now := time.Now()
				var rows []gateway.StaffState
				for _, t := range tokens {
					rows = append(rows, gateway.StaffStateOf(t, now))
				}
				return printList(c.out, *output, rows, []column[gateway.StaffState]{
					{"ID", func(r gateway.StaffState) string { return r.ID.String() }},
					{"NAME", func(r gateway.StaffState) string { return r.Name }},
					{"ROLE", func(r gateway.StaffState) string { return r.Role }},
					{"STATE", func(r gateway.StaffState) string { return r.State }},
					{"ENDS", func(r gateway.StaffState) string { return r.ExpiresAt.Format(time.RFC3339) }},
					{"LAST USED", func(r gateway.StaffState) string {
						if r.LastUsedAt == nil {
							return "never"
						}
						return r.LastUsedAt.Truncate(time.Minute).Format(time.RFC3339)
					}},
				})
			})
		}),
	}
	file = c.addConfigFlag(cmd)
	output = addOutputFlag(cmd)
	return cmd
}

var errNoStaffToken = errors.New("there is no token of that id; `rekey staff token list` shows them")

func newStaffTokenRevoke(c console) *cobra.Command {
	var file *configFlag
	var reason string
	var dryRun bool
	cmd := &cobra.Command{
		Use:     "revoke ID",
		Short:   "Make a token count no more",
		Long:    "The token is refused from the next request on, by every gateway. Revoking it again changes nothing.",
		Example: "  rekey staff token revoke 0197f3a2-5a0c-7cc1-8d2e-3f4f5a6b7c8d --reason 'anna has left'",
		Args:    cobra.ExactArgs(1),
		RunE: action(func(cmd *cobra.Command, args []string) error {
			id, err := uuid.Parse(args[0])
			if err != nil {
				return misuse("ID must be a token's id, as `rekey staff token list` prints it")
			}
			by := accounts.By{Actor: actor(), Reason: reason}
			if err := by.Check(); err != nil {
				return asMisuse(err)
			}
			return withStaff(cmd, file, func(ctx context.Context, staff *accounts.Staff) error {
				if dryRun {
					return sayRevoke(ctx, c, staff, id)
				}
				did, err := staff.Revoke(ctx, id, by)
				switch {
				case errors.Is(err, accounts.ErrNotFound):
					return errNoStaffToken
				case err != nil:
					return err
				case !did:
					_, err = fmt.Fprintf(c.out, "token %s was revoked before; nothing was changed\n", id)
				default:
					_, err = fmt.Fprintf(c.out, "token %s is revoked\n", id)
				}
				return err
			})
		}),
	}
	file = c.addConfigFlag(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "`text` that is kept in the audit")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and do nothing")
	requireFlags(cmd, "reason")
	return cmd
}

// sayRevoke says what revoking a token would do.
func sayRevoke(ctx context.Context, c console, staff *accounts.Staff, id uuid.UUID) error {
	tokens, err := staff.List(ctx)
	if err != nil {
		return err
	}
	for _, t := range tokens {
		if t.ID != id {
			continue
		}
		what := fmt.Sprintf("would revoke the token of %s (%s)", t.Name, t.Role)
		if !t.RevokedAt.IsZero() {
			what = fmt.Sprintf("the token of %s (%s) was revoked before", t.Name, t.Role)
		}
		_, err := fmt.Fprintf(c.out, "%s; nothing was changed\n", what)
		return err
	}
	return errNoStaffToken
}
