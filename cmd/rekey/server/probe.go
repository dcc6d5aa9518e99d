package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"rekey/accounts/masterkey"
	"rekey/cmd/rekey/config"
	"rekey/gateway/limit"
	"rekey/legacy/filesource"
)

// A Finding is what Probe found about one outside thing.
type Finding struct {
	Name string
	Err  error
}

// probeTimeout bounds each question of Probe. They are asked side by side.
const probeTimeout = 10 * time.Second

// Probe asks the store, every source and Redis whether they can be used. It changes nothing: no store is made and no
// table is brought up to date.
func Probe(ctx context.Context, c *config.Config) []Finding {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	type probe struct {
		name string
		ask  func() error
	}
	probes := []probe{
		{"master key", func() error { return probeKey(c) }}, {"store", func() error { return probeStore(ctx, c) }},
	}
	for _, l := range c.Legacy {
		probes = append(probes, probe{"legacy " + l.Name, func() error { return probeSource(ctx, l) }})
	}
	if !c.Redis.IsZero() {
		probes = append(probes, probe{"redis", func() error { return probeRedis(ctx, c) }})
	}
	findings := make([]Finding, len(probes))
	var wg sync.WaitGroup
	for i, p := range probes {
		wg.Go(func() { findings[i] = Finding{p.name, p.ask()} })
	}
	wg.Wait()
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
	return err
}

func probeStore(ctx context.Context, c *config.Config) error {
	if path, ok := config.SQLitePath(c.Store); ok {
		return probeSQLite(path)
	}
	connection, err := pgx.Connect(ctx, c.Store.Reveal())
	if err != nil {
		// The driver's text names user, host and database. It has no password, but what is in it is not ours to promise.
		return fmt.Errorf("%s does not answer, or refuses us", c.Store)
	}
	return connection.Close(ctx)
}

// sqliteHeader is what a SQLite database begins with (https://www.sqlite.org/fileformat.html, section 1.3).
const sqliteHeader = "SQLite format 3\x00"

// probeSQLite accepts a file that serve will make. One that is there must be a database that we may write to; it is opened for
// that, and not written to.
func probeSQLite(path string) error {
	folder := filepath.Dir(path)
	if info, err := os.Stat(folder); err != nil {
		return err
	} else if !info.IsDir() {
		return fmt.Errorf("%s is no folder", folder)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	header := make([]byte, len(sqliteHeader))
	n, err := io.ReadFull(f, header)
	switch {
	case errors.Is(err, io.EOF): // an empty file is an empty database
		return nil
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case string(header[:n]) != sqliteHeader:
		return fmt.Errorf("%s is no SQLite database", path)
	}
	return nil
}

func probeSource(ctx context.Context, l config.Legacy) error {
	s, err := openSource(l)
	if err != nil {
		return err
	}
	if export, ok := s.adapter.(*filesource.Source); ok { // whose Check would index it, which is neither short nor nothing
		err = lookAt(ctx, export)
	} else {
		err = s.Check(ctx)
	}
	return errors.Join(err, s.Close())
}

func lookAt(ctx context.Context, export *filesource.Source) error {
	doubts, err := export.Look(ctx)
	errs := []error{err}
	for _, d := range doubts {
		errs = append(errs, errors.New(d.Reason))
	}
	return errors.Join(errs...)
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
