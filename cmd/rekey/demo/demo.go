// Package demo is rekey without anything to set up: four old systems in a temporary SQLite file, a gateway in front
// of them, and people who log in.
//
// It serves whoever wants to see the move before reading about it. It uses the very wiring of `rekey serve`, and
// keeps nothing: the folder is removed at the end.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"rekey/cmd/rekey/config"
	"rekey/cmd/rekey/server"
)

// Options are the flags of the command.
type Options struct {
	People  int           // in the old systems
	Listen  string        // of the public listener; port 0 takes a free one
	Traffic float64       // logins a second, begun by themselves
	For     time.Duration // ends by itself after that; 0: when ctx ends

	// LoadConfig reads the file that the demo has written, as every command reads it.
	LoadConfig func(path string) (*config.Config, error)
}

// Run shows the demo on out until ctx ends.
func Run(ctx context.Context, out io.Writer, o Options) (err error) {
	folder, err := os.MkdirTemp("", "rekey-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for the demo: %w", err)
	}
	defer func() {
		if removeErr := os.RemoveAll(folder); err == nil && removeErr != nil {
			err = fmt.Errorf("remove the demo's folder: %w", removeErr)
		}
	}()

	// Four old systems.
	begun := time.Now()
	people := invent(o.People)
	progress := newProgress(out, "old accounts made", len(people))
	hashPeople(people, func() {})
	if err := fillStore(ctx, filepath.Join(folder, "legacy.db"), people, progress); err != nil {
		return quiet(ctx, err)
	}
	fmt.Fprintf(out, "%d people in %d old systems and %d password schemes, made in %.1f s.\n\n",
		len(people), len(sources()), schemeCount(people), time.Since(begun).Seconds())

	// The gateway, wired as by `rekey serve`.
	cfg, err := o.configure(folder)
	if err != nil {
		return err
	}
	logFile, err := os.OpenFile(filepath.Join(folder, "rekey.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	defer func() { _ = logFile.Close() }() // it is removed with the folder
	s, err := server.Open(ctx, cfg, slog.New(slog.NewJSONHandler(logFile, nil)))
	if err != nil {
		return quiet(ctx, err)
	}

	if o.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.For)
		defer cancel()
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	served := make(chan error, 1)
	go func() {
		defer end() // a gateway that has failed ends the demo
		served <- s.Serve(ctx)
	}()
	introduce(out, people, s, folder, o)
	t := newTraffic(people, "http://"+s.PublicAddress()+"/v1/login")
	t.run(ctx, o.Traffic)
	watch(ctx, out, s, len(people), o.Traffic > 0)
	t.wait()
	summarise(out, s, len(people), t)
	return <-served
}

// quiet is for errors that are only the echo of Ctrl-C.
func quiet(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func schemeCount(people []*person) int {
	seen := map[string]bool{}
	for _, p := range people {
		seen[p.maker.scheme] = true
	}
	return len(seen)
}

// configure writes the demo's rekey.yaml and reads it as any other.
func (o Options) configure(folder string) (*config.Config, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "listen: %s\nadmin: {listen: 127.0.0.1:0}\nstore: sqlite://%s/rekey.db\ndrain: 0s\n", o.Listen, folder)
	// All logins of a demo come from one address; the limits per identifier stay.
	b.WriteString("limits: {address: {burst: 1000000, count: 1000000, per: 1s}}\nlegacy:\n")
	for _, s := range sources() {
		fmt.Fprintf(&b, "  - name: %s\n    kind: sql\n    dsn: sqlite://%s/legacy.db\n    %s\n", s.name, folder, s.yaml)
	}
	path := filepath.Join(folder, "rekey.yaml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		return nil, fmt.Errorf("write the demo's configuration: %w", err)
	}
	return o.LoadConfig(path)
}

// introduce tells what is there and how to try it.
func introduce(out io.Writer, people []*person, s *server.Server, folder string, o Options) {
	fmt.Fprintln(out, "Some of them:")
	tw := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "  IDENTIFIER\tPASSWORD\tOLD SYSTEM\tSCHEME")
	for _, p := range samples(people) {
		fmt.Fprintf(tw, "  %s\t%s\t%s\t%s\n", p.username, p.password, p.source.name, p.maker.scheme)
	}
	_ = tw.Flush() // out is a terminal or a pipe; if it is gone, the next line says so
	first := people[0]
	fmt.Fprintf(out, `
Log in as the first of them (twice: the second login does not touch the old system):
  curl -s http://%s/v1/login -H 'Content-Type: application/json' -d '{"identifier":"%s","password":"%s"}'

Public   http://%s      /.well-known/openid-configuration  /openapi.json
Admin    http://%s      /metrics  /readyz
Folder   %s   rekey.yaml  legacy.db (old)  rekey.db (new)  rekey.log
`, s.PublicAddress(), first.username, first.password, s.PublicAddress(), s.AdminAddress(), folder)
	if o.Traffic == 0 {
		fmt.Fprintln(out, "Run with --traffic 20 to see people log in by themselves.")
	}
	fmt.Fprintln(out, "Ctrl-C ends the demo and removes the folder.")
	fmt.Fprintln(out)
}

// samples picks one person of each scheme.
func samples(people []*person) []*person {
	seen := map[string]bool{}
	var some []*person
	for _, p := range people {
		if !seen[p.maker.scheme] {
			seen[p.maker.scheme] = true
			some = append(some, p)
		}
	}
	return some
}

// watch prints a line of counts once a second while they change.
func watch(ctx context.Context, out io.Writer, s *server.Server, people int, always bool) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var before server.Counts
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := s.Counts()
		if !always && now == before {
			continue
		}
		fmt.Fprintf(out, "migrated %d  left %d  logins/s %d  refused/s %d  waiting %d  legacy queries %d\n",
			now.Migrated, int64(people)-now.Migrated, now.Logins-before.Logins, now.Refused-before.Refused,
			now.Waiting, now.LegacyQueries)
		before = now
	}
}

// summarise says what has happened.
func summarise(out io.Writer, s *server.Server, people int, t *traffic) {
	now := s.Counts()
	fmt.Fprintf(out, "\n%d of %d people moved by %d logins; %d refused, %d could not be answered.\n",
		now.Migrated, people, now.Logins, now.Refused, now.Unavailable)
	fmt.Fprintf(out, "The old systems were asked %d times, each time for somebody who had not moved; the %d logins of people who\nhad moved did not touch them.\n",
		now.LegacyQueries, now.Logins-now.Migrated)
	if skipped := t.skipped.Load(); skipped > 0 {
		fmt.Fprintf(out, "%d logins of the traffic were left out, because %d were under way already.\n", skipped, maxUnderWay)
	}
}
