package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"rekey/accounts/masterkey"
	"rekey/accounts/password"
	"rekey/accounts/sqlstore"
	"rekey/cmd/rekey/config"
	"rekey/gateway/token"
)

// loadMasterKey reads the master key. It makes one only beside a SQLite store that does not exist yet: a key that is
// missing for a store that does is a mistake, and a new one would lock everybody out.
func loadMasterKey(c *config.Config) (*masterkey.Key, error) {
	key, err := masterkey.Load(c.MasterKeyFile)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err // it names the file
	}
	path, isSQLite := config.SQLitePath(c.Store)
	if !isSQLite {
		return nil, fmt.Errorf("master key: there is no file %s; make it with `openssl rand -hex 32`, mode 0600, the same on every replica", c.MasterKeyFile)
	}
	if _, statErr := os.Stat(path); !errors.Is(statErr, fs.ErrNotExist) {
		return nil, fmt.Errorf("master key: there is no file %s, but the store %s is there; bring back the key that it was made with", c.MasterKeyFile, path)
	}
	key, err = masterkey.Create(c.MasterKeyFile)
	if errors.Is(err, fs.ErrExist) { // another process has just made it
		key, err = masterkey.Load(c.MasterKeyFile)
	}
	return key, err // it names the file
}

// openStore opens the new store and makes sure that the key is its key.
func openStore(ctx context.Context, c *config.Config, key *masterkey.Key) (*sqlstore.Store, error) {
	store, err := sqlstore.Open(ctx, c.Store.Reveal(), sqlstore.Options{})
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := masterkey.Confirm(ctx, store, key); err != nil {
		return nil, errors.Join(fmt.Errorf("master key: %w", err), store.Close())
	}
	return store, nil
}

// OpenExisting opens the store for a command that must not make a new one.
func OpenExisting(ctx context.Context, c *config.Config) (*sqlstore.Store, *masterkey.Key, error) {
	if path, ok := config.SQLitePath(c.Store); ok {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("store: there is no file %s yet; `rekey serve` makes it", path)
		}
	}
	key, err := loadMasterKey(c)
	if err != nil {
		return nil, nil, err
	}
	store, err := openStore(ctx, c, key)
	return store, key, err
}

// OpenKeys reads the signing keys, and makes the first.
func OpenKeys(ctx context.Context, c *config.Config, store *sqlstore.Store, key *masterkey.Key, log *slog.Logger) (*token.Keys, error) {
	keys, err := token.OpenKeys(ctx, token.KeysConfig{
		Store: store, MasterKey: key, Algorithm: c.Tokens.Algorithm,
		AccessLife: c.Tokens.AccessLife, RotateAfter: c.Tokens.RotateKeysEvery, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	return keys, nil
}

func passwordPolicy(c *config.Config) password.Policy {
	return password.Policy{MemoryKiB: uint32(c.Password.MemoryKiB), Time: uint32(c.Password.Time), Lanes: uint8(c.Password.Lanes)} // within bounds, see config
}
