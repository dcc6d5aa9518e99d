package riverjobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// migrating bounds waiting for another process that migrates, and the migration.
const migrating = 2 * time.Minute

// migrateLock is the advisory lock under which one process migrates: "rekey ri" as a number.
const migrateLock = 0x72656b6579207269

// Migrate brings River's tables up to date: River has its own migrations, and its own record of them. Where nothing is
// missing, which is every start but one, it costs two reads. Tables that a newer version has made are refused.
func Migrate(ctx context.Context, pool *pgxpool.Pool) error {
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	missing, err := behind(ctx, pool, migrator)
	if err == nil && missing {
		err = migrate(ctx, pool, migrator)
	}
	if err != nil {
		return fmt.Errorf("jobs: migrate: %w", err)
	}
	return nil
}

// behind reports whether a migration is missing.
func behind(ctx context.Context, pool *pgxpool.Pool, migrator *rivermigrate.Migrator[pgx.Tx]) (bool, error) {
	var there bool // as it has been since River's fifth migration; each is a transaction of its own, and another process may be between two
	if err := pool.QueryRow(ctx, `
SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('river_migration') AND attname = 'line')`).Scan(&there); err != nil || !there {
		return true, err
	}
	var at int
	if err := pool.QueryRow(ctx, `SELECT coalesce(max(version), 0) FROM river_migration WHERE line = 'main'`).Scan(&at); err != nil {
		return false, err
	}
	known := migrator.AllVersions()
	newest := known[len(known)-1].Version
	if at > newest {
		return false, fmt.Errorf("the job tables are at version %d and this program knows version %d: a newer rekey has used them", at, newest)
	}
	return at < newest, nil
}

func migrate(ctx context.Context, pool *pgxpool.Pool, migrator *rivermigrate.Migrator[pgx.Tx]) (err error) {
	ctx, cancel := context.WithTimeout(ctx, migrating)
	defer cancel()
	held, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	// The lock is the connection's, which is not used again: so it ends whatever happens.
	conn := held.Hijack()
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, int64(migrateLock)); err != nil {
		return err
	}
	_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}
