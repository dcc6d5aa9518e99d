// Package filesource reads an old user store that is a file: what another system exports, or CSV and JSON lines.
//
// It serves stores that can no longer be asked, or never could. The export is read from end to end once, by Check or
// Index, into an index beside it, a SQLite file; Lookup, Get and List ask that. Memory is the same for ten people and for
// ten million. A record that cannot be read is counted and listed and stops nothing; while the index is not there, or is
// not of the export that lies there, the answer is "cannot tell".
//
// It never writes to the export, and never verifies a password itself. The index holds the hashes and one-time password
// secrets of the export and is readable by its owner alone. No error of the package contains a value of a record.
package filesource

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"modernc.org/sqlite"

	"rekey/legacy"
	"rekey/legacy/guard"
)

// Config describes a source. The zero values of all but the first three fields are usable.
type Config struct {
	Name   string // in errors
	Path   string // of the export: as it is, or compressed by gzip or zstd
	Format string // one of Formats

	// Columns names where things are: id, username, email, phone, password, salt, created_at, last_login_at, disabled,
	// display_name, locale, email_verified, phone_verified, roles, groups, totp (base32), recovery_codes, attribute.NAME
	// and external.PROVIDER, each with the name of a CSV column or a dotted path into a JSON record. A leading "!" turns
	// disabled round, for columns that say that somebody is active. The formats of one system know their own columns,
	// and what is named here goes before; csv and jsonl need id and one of username, email and phone.
	Columns map[string]string

	Separator byte              // of CSV; 0: a comma
	Scheme    string            // of the password column of csv and jsonl; see package hash. Other formats say it themselves
	Params    map[string]string // for the scheme; firebase needs signerKey

	IndexPath string        // "": Path with ".rekey-index" behind it
	Timeout   time.Duration // of one question to the index; 0: 2 s. Indexing has no limit but its context
	MaxConns  int           // to the index; 0: 8

	BreakAfter int           // failures in a row that open the circuit breaker; 0: 5
	BreakFor   time.Duration // how long it then answers at once, before one question tries again; 0: 2 s
}

func (c Config) separator() byte {
	if c.Separator == 0 {
		return ','
	}
	return c.Separator
}

const (
	defaultMaxConns = 8
	indexSuffix     = ".rekey-index"

	// maxPeople is how many may share one identifier. More is an export that was mapped wrongly.
	maxPeople = 16
	// maxPage bounds what one page of List takes in memory.
	maxPage = 10_000
)

// A Source is an export with its index. It is a legacy.Source, a legacy.Getter, a legacy.Lister, a legacy.Checker and a
// legacy.Pinger, safe for concurrent use.
type Source struct {
	config Config
	format format
	guard  *guard.Guard

	building chan struct{} // holds one while this process builds
	batch    int           // rows of one transaction of a building; fewer in tests

	mu      sync.RWMutex // held for reading while a question is under way
	current *index       // nil until it was opened
}

var (
	_ legacy.Source  = (*Source)(nil)
	_ legacy.Getter  = (*Source)(nil)
	_ legacy.Lister  = (*Source)(nil)
	_ legacy.Checker = (*Source)(nil)
	_ legacy.Pinger  = (*Source)(nil)
)

// Open checks the configuration, and says all that is wrong with it, each thing as a legacy.SettingError. It does not look at the export, which may not be there yet: Check does.
func Open(c Config) (*Source, error) {
	fail := func(err error) (*Source, error) { return nil, fmt.Errorf("legacy source %s: %w", c.Name, err) }
	f, err := findFormat(c.Format)
	if err != nil {
		return fail(err)
	}
	if c.Path == "" {
		return fail(legacy.Wrong("path", "the export's is missing"))
	}
	if c.Path, err = filepath.Abs(c.Path); err != nil {
		return fail(err)
	}
	if c.IndexPath == "" {
		c.IndexPath = c.Path + indexSuffix
	}
	if c.IndexPath, err = filepath.Abs(c.IndexPath); err != nil {
		return fail(err)
	}
	var errs []error
	note := func(wrong bool, key, reason string) {
		if wrong {
			errs = append(errs, legacy.Wrong(key, "%s", reason))
		}
	}
	note(c.IndexPath == c.Path, "index", "it would be written over the export")
	note(strings.Contains(c.Path, "\x00"), "path", "it holds a NUL")
	note(strings.Contains(c.IndexPath, "\x00"), "index", "it holds a NUL")
	note(c.MaxConns < 0, "max_conns", "is negative")
	note(c.Separator == '"' || c.Separator == '\n' || c.Separator == '\r' || c.Separator >= utf8.RuneSelf,
		"separator", "want one ASCII character that is no quote and no line end")
	note(!f.generic && c.Scheme != "" && c.Scheme != "auto", "scheme", "the format "+f.name+" says itself how its hashes were made")
	note(f.needs != "" && c.Params[f.needs] == "", "params", "the format "+f.name+" needs the parameter "+f.needs)
	if c.MaxConns == 0 {
		c.MaxConns = defaultMaxConns
	}
	c.Columns, c.Params = maps.Clone(c.Columns), maps.Clone(c.Params)
	_, err = newShaper(c, f, false)
	if err := errors.Join(append(errs, err)...); err != nil {
		return fail(err)
	}
	s := &Source{config: c, format: f, building: make(chan struct{}, 1), batch: batchCommit}
	s.guard, err = guard.New(guard.Config{
		Source: c.Name, Describe: describe, Timeout: c.Timeout, BreakAfter: c.BreakAfter, BreakFor: c.BreakFor,
	})
	if err != nil {
		return fail(err)
	}
	return s, nil
}

// Close closes the index. Questions under way end first; later ones open it again.
func (s *Source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return nil
	}
	err := s.current.db.Close()
	s.current = nil
	return err
}

// Check makes the index unless it is there and of the export as it lies there. Its error wraps legacy.ErrMapping if the
// export is not of the format, or has not the columns, that the configuration names; a missing CSV column is named. For a large export it takes
// minutes and is Index without a report.
func (s *Source) Check(ctx context.Context) error { return s.Index(ctx, nil) }

// Ping tells whether the index is there, of the export as it lies there, and of all of it: of a torn export nearly everybody
// may be behind the tear.
func (s *Source) Ping(ctx context.Context) error {
	return s.ask(ctx, "ping", func(_ context.Context, x *index) error {
		if x.stats.Torn != "" {
			return guard.Answered(fmt.Errorf("%w: %s", errTornPing, x.stats.Torn))
		}
		return nil
	})
}

// TellsVerified reports whether an export of this mapping says of e-mail addresses whether they are verified.
func (s *Source) TellsVerified() bool {
	_, own := s.format.columns["email_verified"]
	return own || s.config.Columns["email_verified"] != ""
}

// Stats tells what is in the index, and why some of the export is not.
func (s *Source) Stats(ctx context.Context) (Stats, error) {
	var stats Stats
	err := s.ask(ctx, "read the index's numbers", func(_ context.Context, x *index) error {
		stats = x.stats
		return nil
	})
	return stats, err
}

// Lookup is legacy.Source's. Texts are compared byte by byte; spellings in other cases are the caller's to add. Whoever
// has one of the spellings in a record that cannot be read is an error, and so is everybody who is not found in an
// export that could not be read to its end.
func (s *Source) Lookup(ctx context.Context, spellings ...string) ([]legacy.User, error) {
	spellings = askable(spellings)
	if len(spellings) == 0 {
		return nil, nil
	}
	var users []legacy.User
	err := s.ask(ctx, "read users", func(ctx context.Context, x *index) error {
		found, bad, err := x.lookup(ctx, s.config, spellings, maxPeople)
		switch {
		case err != nil:
			return err
		case len(found)+len(bad) > maxPeople:
			return guard.Answered(legacy.ErrTooMany)
		case len(found) > 0 && !slices.ContainsFunc(bad, isPerson):
			// An address in the middle of a broken record may be what somebody wrote about themselves; it must not keep
			// out whose it is.
		case len(bad) > 0:
			return joined(bad)
		case len(found) == 0 && x.stats.Torn != "":
			return guard.Answered(errTorn)
		}
		users = found
		return nil
	})
	if err != nil {
		return nil, err
	}
	return users, nil
}

// Get is legacy.Getter's. Keys are compared byte by byte.
func (s *Source) Get(ctx context.Context, id string) (legacy.User, error) {
	var user legacy.User
	err := s.ask(ctx, "read a user by key", func(ctx context.Context, x *index) error {
		if !plain(id) {
			return guard.Answered(legacy.ErrNoUser)
		}
		found, bad, err := x.get(ctx, s.config, id)
		switch {
		case err != nil:
			return err
		case len(bad) > 0:
			return joined(bad)
		case len(found) > 0:
			user = found[0]
			return nil
		case x.stats.Torn != "":
			return guard.Answered(errTorn)
		}
		return guard.Answered(legacy.ErrNoUser)
	})
	return user, err
}

// List is legacy.Lister's, in the order of the keys' bytes. Records whose key cannot be read are told with the first
// page, beyond its limit; see Stats for their number, of which at most 10,000 are told.
func (s *Source) List(ctx context.Context, after string, limit int) ([]legacy.User, error) {
	if limit < 1 || limit > maxPage {
		return nil, fmt.Errorf("legacy source %s: list users: a page has 1 to %d", s.config.Name, maxPage)
	}
	var users []legacy.User
	err := s.ask(ctx, "list users", func(ctx context.Context, x *index) error {
		found, bad, err := x.list(ctx, s.config, after, limit)
		if err != nil {
			return err
		}
		users = found
		return joined(bad)
	})
	return users, err
}

// ask runs one question to the index under the guard.
func (s *Source) ask(ctx context.Context, doing string, question func(context.Context, *index) error) error {
	return s.guard.Ask(ctx, doing, func(ctx context.Context) error {
		x, release, err := s.acquire(ctx)
		if unready, ok := errors.AsType[*notReadyError](err); ok {
			return guard.Answered(unready) // no outage, which the breaker would make of it
		}
		if err != nil {
			return err
		}
		defer release()
		return question(ctx, x)
	})
}

// isPerson reports whether a bad record was taken apart, so that its identifiers are known to be a person's.
func isPerson(row *legacy.RowError) bool { return row.Column != wholeRecord }

// joined is the error of an answer in which some records cannot be read.
func joined(bad []*legacy.RowError) error {
	if len(bad) == 0 {
		return nil
	}
	errs := make([]error, len(bad))
	for i, row := range bad {
		errs[i] = row
	}
	return guard.Answered(errors.Join(errs...))
}

// askable returns the spellings that somebody could have, each once: none that is empty, for a column is empty where
// there is nothing, none that is no text, and none that is longer than what is kept.
func askable(spellings []string) []string {
	var list []string
	seen := map[string]bool{}
	for _, s := range spellings {
		if s != "" && len(s) <= maxIdentifier && plain(s) && !seen[s] {
			seen[s] = true
			list = append(list, s)
		}
	}
	return list
}

// plain reports whether s is text that a record may hold.
func plain(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// A notReadyError says that there is no index that may be asked.
type notReadyError struct{ reason string }

func (e *notReadyError) Error() string { return e.reason }

var errTornPing = errors.New("the export could not be read to its end, and whoever is not found in it cannot log in")

var errTorn = errors.New("nobody is found, but the export could not be read to its end")

// describe tells what went wrong without a value of a record.
func describe(err error) string {
	if mapped, ok := errors.AsType[*mappingError](err); ok {
		return "the export is not as configured: " + mapped.text
	}
	if unready, ok := errors.AsType[*notReadyError](err); ok {
		return unready.reason
	}
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Error()
	}
	if engine, ok := errors.AsType[*sqlite.Error](err); ok {
		return "the index: " + engine.Error()
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, context.Canceled):
		return "the caller did not wait"
	}
	return err.Error()
}
