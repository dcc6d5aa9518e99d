package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"rekey/accounts/masterkey"
	"rekey/cmd/rekey/config"
	"rekey/gateway/limit"
)

// A Finding is what Probe found about one outside thing.
type Finding struct {
	Name string
	Err  error
}

// probeTimeout bounds all questions of Probe together.
const probeTimeout = 10 * time.Second

// Probe asks the store, every source and Redis whether they can be used. It changes nothing: no store is made and no
// table is brought up to date.
func Probe(ctx context.Context, c *config.Config) []Finding {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	findings := []Finding{{"master key", probeKey(c)}, {"store", probeStore(ctx, c)}}
	for _, l := range c.Legacy {
		findings = append(findings, Finding{"legacy " + l.Name, probeSource(ctx, l)})
	}
	if !c.Redis.IsZero() {
		findings = append(findings, Finding{"redis", probeRedis(ctx, c)})
	}
	return findings
}

// probeKey accepts a key that serve will make.
func probeKey(c *config.Config) error {
	_, err := masterkey.Load(c.MasterKeyFile)
	if path, ok := config.SQLitePath(c.Store); ok && errors.Is(err, fs.ErrNotExist) {
		if _, statErr := os.Stat(path); errors.Is(statErr, fs.ErrNotExist) {
			return nil
		}
	}
	return wrapKey(c, err)
}

func probeStore(ctx context.Context, c *config.Config) error {
	if path, ok := config.SQLitePath(c.Store); ok {
		info, err := os.Stat(filepath.Dir(path))
		if err == nil && !info.IsDir() {
			return fmt.Errorf("%s is no folder", filepath.Dir(path))
		}
		return err
	}
	connection, err := pgx.Connect(ctx, c.Store.Reveal())
	if err != nil {
		// The driver's text names user, host and database. It has no password, but what is in it is not ours to promise.
		return fmt.Errorf("%s does not answer, or refuses us", c.Store)
	}
	return connection.Close(ctx)
}

func probeSource(ctx context.Context, l config.Legacy) error {
	s, err := openSource(l)
	if err != nil {
		return err
	}
	return errors.Join(s.Check(ctx), s.Close())
}

func probeRedis(ctx context.Context, c *config.Config) error {
	client, err := limit.NewClient(c.Redis.Reveal())
	if err != nil {
		return err
	}
	if pingErr := client.Ping(ctx).Err(); pingErr != nil {
		err = fmt.Errorf("%s does not answer, or refuses us", c.Redis)
	}
	return errors.Join(err, client.Close())
}
