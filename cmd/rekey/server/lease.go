package server

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/failpoint"
	"rekey/accounts/journal"
	"rekey/accounts/phase"
	"rekey/cmd/rekey/config"
)

// openLease makes this process known to the others, and reads where the installation is.
func openLease(
	ctx context.Context, c *config.Config, store accounts.Phases, alone accounts.AloneConfig, address string, log *slog.Logger,
) (*accounts.Lease, error) {
	plan, err := phase.ParsePlan(c.Plan)
	if err != nil {
		return nil, err
	}
	first, err := phase.Initial(plan, rand.Text(), time.Now())
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	lease, err := accounts.NewLease(ctx, accounts.LeaseConfig{
		Store: store, ID: uuid.Must(uuid.NewV7()).String(), Name: fmt.Sprintf("%s %s (process %d)", host, address, os.Getpid()),
		First: first, Alone: alone, Now: failpoint.Now, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("phase: %w", err)
	}
	return lease, nil
}

// openAlone opens the journal of what is written to legacy alone, if that is allowed at all.
func openAlone(c *config.Config) (accounts.AloneConfig, func(context.Context) error, error) {
	if c.RelaxJournal == "" {
		return accounts.AloneConfig{}, func(context.Context) error { return nil }, nil
	}
	j, err := journal.Open(c.RelaxJournal)
	if err != nil {
		return accounts.AloneConfig{}, nil, fmt.Errorf("relax_journal: %w", err)
	}
	return accounts.AloneConfig{File: c.RelaxFile, Journal: j}, func(context.Context) error { return j.Close() }, nil
}
