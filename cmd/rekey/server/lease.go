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
	"rekey/accounts/phase"
	"rekey/cmd/rekey/config"
)

// openLease makes this process known to the others, and reads where the installation is.
func openLease(ctx context.Context, c *config.Config, store accounts.Phases, address string, log *slog.Logger) (*accounts.Lease, error) {
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
		First: first, Now: failpoint.Now, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("phase: %w", err)
	}
	return lease, nil
}
