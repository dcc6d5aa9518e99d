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
	"rekey/accounts/sqlstore"
	"rekey/cmd/rekey/config"
	"rekey/gateway/limit"
	"rekey/legacy/filesource"
)

// A Finding is what Probe found about one outside thing.
type Finding struct {
	Name string
	Note string // what else there is to say; "": nothing
	Err  error
}

// probeTimeout bounds each question of Probe. They are asked side by side.
const probeTimeout = 10 * time.Second

// Probe asks the store, every source and its replica, Redis and what sweeps are held by whether they can be used. It changes nothing: no store is made and no
// table is brought up to date.
func Probe(ctx context.Context, c *config.Config) []Finding {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	type probe struct {
		name string
		ask  func() (note string, err error)
	}
	plain := func(ask func() error) func() (string, error) { return func() (string, error) { return "", ask() } }
	probes := []probe{
		{"master key", plain(func() error { return probeKey(c) })}, {"store", plain(func() error { return probeStore(ctx, c) })},
	}
	for i, l := range c.Legacy {
		probes = append(probes, probe{"legacy " + l.Name, plain(func() error { return probeSource(ctx, l) })})
		if l.Kind == "sql" && !l.ReplicaDSN.IsZero() {
			probes = append(probes, probe{fmt.Sprintf("legacy %s: legacy[%d].replica_dsn", l.Name, i), plain(func() error { return probeReplica(ctx, l) })})
		}
	}
	if !c.Redis.IsZero() {
		probes = append(probes, probe{"redis", plain(func() error { return probeRedis(ctx, c) })})
	}
	for i, check := range c.Sweeper.Checks {
		key := "sql"
		if check.SQL == "" {
			key = "http"
		}
		probes = append(probes, probe{fmt.Sprintf("sweeps: check %s: sweeper.checks[%d].%s", check.Name, i, key), func() (string, error) { return probeCheck(ctx, c, check) }})
	}
	findings := make([]Finding, len(probes))
	var wg sync.WaitGroup
	for i, p := range probes {
		wg.Go(func() {
			note, err := p.ask()
			findings[i] = Finding{p.name, note, err}
		})
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
	return errors.Join(err, closeSources([]*source{s}))
}

// probeReplica asks the replica that a validation reads in the place of the source.
func probeReplica(ctx context.Context, l config.Legacy) error {
	s, err := openSource(l)
	if err != nil {
		return err
	}
	return errors.Join(s.replica.Check(ctx), closeSources([]*source{s}))
}

// probeCheck asks a question that sweeps are held by, as a sweep would, and says what the answer is.
func probeCheck(ctx context.Context, c *config.Config, check config.SweepCheck) (note string, err error) {
	if path, ok := config.SQLitePath(c.Store); ok && check.SQL != "" && check.Source == "" {
		if info, statErr := os.Stat(path); errors.Is(statErr, fs.ErrNotExist) || statErr == nil && info.Size() == 0 {
			return "not asked: the new store is not made yet", nil
		}
	}
	store, sources, closeAll, err := openChecked(ctx, c, check)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	asked, err := newSweepCheck(check, store, sources)
	if err != nil {
		return "", err
	}
	defer asked.close()
	if err := asked.once(ctx); err != nil {
		return "", err
	}
	switch value := asked.reading().Value; {
	case !check.Status():
		return fmt.Sprintf("the answer is %g", value), nil
	case value > 0:
		return "the status is none of 2xx: sweeps stop now", nil
	}
	return "the status is good", nil
}

// openChecked opens what a check asks: the new store, or a source.
func openChecked(ctx context.Context, c *config.Config, check config.SweepCheck) (readTxer, []*source, func() error, error) {
	if check.SQL == "" {
		return nil, nil, func() error { return nil }, nil
	}
	for _, l := range c.Legacy {
		if l.Name == check.Source {
			s, err := openSource(l)
			return nil, []*source{s}, func() error { return closeSources([]*source{s}) }, err
		}
	}
	store, err := sqlstore.OpenReader(ctx, c.Store.Reveal())
	return store, nil, store.Close, err
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
