package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations
var files embed.FS

// versionText asks for the newest migration that a database has seen.
const versionText = "SELECT max(version_id) FROM " + goose.DefaultTablename

// migrations say how a database's tables are brought up to date.
type migrations struct {
	dialect     goose.Dialect
	folder      string
	hasVersions string // returns a row if goose's table is there
	options     []goose.ProviderOption
}

// run applies what is missing. On a database that is up to date, which is every start but one, it costs two reads.
func (m migrations) run(ctx context.Context, db *pool) error {
	known, err := newest(m.folder)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	at, err := m.version(ctx, db.DB)
	if err != nil {
		return fmt.Errorf("migrate: read the version: %w", err)
	}
	if at < known {
		provider, err := m.provider(db.DB)
		if err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		if _, err := provider.Up(ctx); err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		// Between the first look and the lock a newer version of the program may have been faster.
		if at, err = m.version(ctx, db.DB); err != nil {
			return fmt.Errorf("migrate: read the version: %w", err)
		}
	}
	if at > known {
		return fmt.Errorf("the database is at version %d and this program knows version %d: a newer rekey has "+
			"used it; run that one, or restore the backup from before", at, known)
	}
	return nil
}

// version is the newest migration that the database has seen, or 0.
func (m migrations) version(ctx context.Context, db *sql.DB) (int64, error) {
	var one int
	err := db.QueryRowContext(ctx, m.hasVersions).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var at sql.NullInt64
	err = db.QueryRowContext(ctx, versionText).Scan(&at)
	return at.Int64, err
}

func (m migrations) provider(db *sql.DB) (*goose.Provider, error) {
	folder, err := fs.Sub(files, m.folder)
	if err != nil {
		return nil, err
	}
	options := append([]goose.ProviderOption{
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()),
	}, m.options...)
	return goose.NewProvider(m.dialect, db, folder, options...)
}

// newest is the number that the last file of a folder begins with.
func newest(folder string) (int64, error) {
	entries, err := files.ReadDir(folder) // sorted by name, and the numbers are padded
	if err != nil {
		return 0, err
	}
	return goose.NumericComponent(entries[len(entries)-1].Name())
}
