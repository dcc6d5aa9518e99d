package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"rekey/accounts"
)

// maxDeliveries is how many deliveries the list has: more is a store that is down, not a list to read.
const maxDeliveries = 1000

func newPhaseBacklog(c console) *cobra.Command {
	var file *configFlag
	var output *format
	var account string
	var refused bool
	cmd := &cobra.Command{
		Use:   "backlog",
		Short: "List the changes that the old stores have not heard of",
		Long: `Lists what was changed here and has not reached the old stores, the oldest first, at most 1000. What an old store refuses
waits, is tried again every ten minutes, and holds back what comes after it for the same account; none of it is ever dropped.
An account is named by its id, also if it is deleted, or by what its person logs in with.`,
		Example: "  rekey phase backlog --config rekey.yaml\n  rekey phase backlog --refused -o json\n  rekey phase backlog --account anna",
		Args:    cobra.NoArgs,
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			return withService(cmd, file, func(ctx context.Context, service *accounts.Service) error {
				id, err := optionalSubject(ctx, service, account)
				if err != nil {
					return err
				}
				all, err := service.Deliveries(ctx, accounts.DeliveryQuery{Account: id, Refused: refused, Limit: maxDeliveries})
				if err != nil {
					return err
				}
				now := time.Now()
				return printList(c.out, *output, all, []column[accounts.DeliveryState]{
					{"ACCOUNT", func(d accounts.DeliveryState) string { return d.AccountID.String() }},
					{"SOURCE", func(d accounts.DeliveryState) string { return d.Source }},
					{"KIND", func(d accounts.DeliveryState) string { return string(d.Kind) }},
					{"SINCE", func(d accounts.DeliveryState) string { return d.CreatedAt.Format(time.RFC3339) }},
					{"TRIED", func(d accounts.DeliveryState) string { return strconv.FormatInt(d.Attempts, 10) }},
					{"NEXT", func(d accounts.DeliveryState) string { return nextText(d.NextAt, now) }},
					{"REFUSED", func(d accounts.DeliveryState) string { return d.Refused }},
				})
			})
		}),
	}
	file = c.addConfigFlag(cmd)
	output = addOutputFlag(cmd)
	cmd.Flags().StringVar(&account, "account", "", "only those of this `account`")
	cmd.Flags().BoolVar(&refused, "refused", false, "only those that an old store has refused")
	return cmd
}

// nextText says when the next try is.
func nextText(next, now time.Time) string {
	if left := next.Sub(now); left > 0 {
		return "in " + left.Truncate(time.Second).String()
	}
	return "due"
}

// optionalSubject returns the id that a ref names; uuid.Nil for none.
func optionalSubject(ctx context.Context, service *accounts.Service, ref string) (uuid.UUID, error) {
	if ref == "" {
		return uuid.Nil, nil
	}
	ids, err := subjects(ctx, service, []string{ref})
	if err != nil {
		return uuid.Nil, err
	}
	return ids[0], nil
}

func newPhaseDeliver(c console) *cobra.Command {
	var file *configFlag
	var account, reason string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "deliver",
		Short: "Have the old stores told at once of what waits for its next try",
		Long: `For when an old store has been mended: what it refused would be tried again within ten minutes, and what did not reach it
within one. The gateways deliver it, so one has to run. A delivery that is just being tried is left to that.`,
		Example: "  rekey phase deliver --reason 'the column is wider now'\n  rekey phase deliver --account anna --reason 'ticket 4711' --dry-run",
		Args:    cobra.NoArgs,
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			by := accounts.By{Actor: actor(), Reason: reason}
			if err := by.Check(); err != nil {
				return asMisuse(err)
			}
			return withService(cmd, file, func(ctx context.Context, service *accounts.Service) error {
				id, err := optionalSubject(ctx, service, account)
				if err != nil {
					return err
				}
				n, err := service.TryNow(ctx, id, dryRun, by)
				if err != nil {
					return err
				}
				said := fmt.Sprintf("deliveries that are due now: %d", n)
				if dryRun {
					said = fmt.Sprintf("deliveries that would be due now: %d; nothing was changed", n)
				}
				_, err = fmt.Fprintln(c.out, said)
				return err
			})
		}),
	}
	file = c.addConfigFlag(cmd)
	cmd.Flags().StringVar(&account, "account", "", "only those of this `account`")
	cmd.Flags().StringVar(&reason, "reason", "", "`text` that is kept in the audit")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "count them, and do nothing")
	requireFlags(cmd, "reason")
	return cmd
}

// owedText says what the old stores have yet to hear.
func owedText(b accounts.Backlog, now time.Time) string {
	if b.Waiting == 0 {
		return "nothing: no change is on its way to the old stores"
	}
	return fmt.Sprintf("%d changes that the old stores have not heard of, %d of them refused, the oldest of %s (%s); see `rekey phase backlog`",
		b.Waiting, b.Refused, b.Oldest.Format(time.RFC3339), now.Sub(b.Oldest).Truncate(time.Second))
}
