package filesource

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"time"

	"rekey/legacy"
)

const (
	staleAfter = time.Hour // a temporary file that nobody has written to for so long is a crashed process's
	tempMark   = ".building-"
)

// An index is one that is complete and open for reading.
type index struct {
	db    *sql.DB
	file  os.FileInfo // of the index
	of    identity
	stats Stats
}

// indexURL is how the driver is told of a file, whatever characters its path has.
func indexURL(path string, query url.Values) string {
	return (&url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}).String()
}

// isIndex reports whether a file is an index of ours, complete or not: by SQLite's magic and the application id in its
// header (sqlite.org/fileformat.html).
func isIndex(path string) (bool, error) {
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }() // it was only read
	header := make([]byte, 100)
	if _, err := io.ReadFull(file, header); err != nil {
		return false, nil // too short for any database: it is none
	}
	return string(header[:16]) == "SQLite format 3\x00" && binary.BigEndian.Uint32(header[68:]) == applicationID, nil
}

// openIndex opens a complete index, or says why there is none.
func openIndex(ctx context.Context, c Config) (*index, error) {
	info, err := os.Stat(c.IndexPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &notReadyError{"the export has not been indexed yet"}
	}
	if err != nil {
		return nil, err
	}
	ours, err := isIndex(c.IndexPath)
	switch {
	case err != nil:
		return nil, err
	case !ours:
		return nil, &notReadyError{"the file in the place of the index is none"}
	}
	// Immutable: it was made under another name and is never changed, so there is nothing to lock.
	db, err := sql.Open("sqlite", indexURL(c.IndexPath, url.Values{
		"mode": {"ro"}, "immutable": {"1"}, "_pragma": {"query_only(1)", "trusted_schema(0)"},
	}))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(c.MaxConns)
	db.SetMaxIdleConns(c.MaxConns)
	x := &index{db: db, file: info}
	if err := x.readMeta(ctx); err != nil {
		_ = db.Close() // it is of no use
		return nil, err
	}
	return x, nil
}

func (x *index) readMeta(ctx context.Context) error {
	var version string
	for name, to := range map[string]any{"version": &version, "identity": &x.of, "stats": &x.stats} {
		var text string
		if err := x.db.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = ?", name).Scan(&text); err != nil {
			if errors.Is(err, sql.ErrNoRows) {
				return &notReadyError{"the index is not complete"}
			}
			return err
		}
		if err := json.Unmarshal([]byte(text), to); err != nil {
			return &notReadyError{"the index cannot be read"}
		}
	}
	if version != indexVersion {
		return &notReadyError{"the index was made by another version"}
	}
	return nil
}

// acquire returns the index if it is of the export as it lies there, opened again if another process has replaced it.
func (s *Source) acquire(ctx context.Context) (*index, func(), error) {
	export, err := os.Stat(s.config.Path)
	if err != nil {
		return nil, nil, err
	}
	file, err := os.Stat(s.config.IndexPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, &notReadyError{"the export has not been indexed yet"}
	}
	if err != nil {
		return nil, nil, err
	}
	s.mu.RLock()
	if s.current.isFile(file) {
		if err := s.current.fits(export); err != nil {
			s.mu.RUnlock()
			return nil, nil, err
		}
		return s.current, s.mu.RUnlock, nil
	}
	s.mu.RUnlock()
	if err := s.reopen(ctx, file); err != nil {
		return nil, nil, err
	}
	s.mu.RLock()
	if s.current == nil {
		s.mu.RUnlock()
		return nil, nil, &notReadyError{"the index was closed"}
	}
	if err := s.current.fits(export); err != nil {
		s.mu.RUnlock()
		return nil, nil, err
	}
	return s.current, s.mu.RUnlock, nil
}

// reopen puts the index that lies there in the place of the one that is open.
func (s *Source) reopen(ctx context.Context, file os.FileInfo) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current.isFile(file) {
		return nil // somebody else did
	}
	next, err := openIndex(ctx, s.config)
	if err != nil {
		return err
	}
	export, err := os.Open(s.config.Path)
	if err == nil {
		var now identity
		now, err = identify(s.config, export)
		_ = export.Close() // it was only read
		if err == nil && now != next.of {
			err = &notReadyError{"the export or its configuration has changed since it was indexed"}
		}
	}
	if err != nil {
		_ = next.db.Close() // it is of no use
		return err
	}
	if s.current != nil {
		_ = s.current.db.Close() // read-only, and nobody is asking it: that is what the lock is for
	}
	s.current = next
	return nil
}

// isFile reports whether an open index is the file that lies there. An inode may be used again, so that it does not
// suffice.
func (x *index) isFile(file os.FileInfo) bool {
	return x != nil && os.SameFile(x.file, file) && x.file.ModTime().Equal(file.ModTime()) && x.file.Size() == file.Size()
}

// fits checks that an index is of the export as it lies there.
func (x *index) fits(export os.FileInfo) error {
	if export.Size() != x.of.Size || export.ModTime().UnixNano() != x.of.ModTime {
		return &notReadyError{"the export has changed since it was indexed"}
	}
	return nil
}

// Index makes the index unless it is there and of the export as it lies there, and calls progress, if it is not nil,
// every few thousand records. When it is ended by its context or a crash, a later call goes on where it was, at most some
// 20,000 rows behind, and a call for another export removes what was left after an hour. Two calls in one process wait for
// one another; of two processes the last to finish wins.
//
// Its error wraps legacy.ErrMapping as Check's does.
func (s *Source) Index(ctx context.Context, progress func(Progress)) error {
	fail := func(err error) error { return &indexError{s.config.Name, err} }
	select {
	case s.building <- struct{}{}:
		defer func() { <-s.building }()
	case <-ctx.Done():
		return fail(ctx.Err())
	}
	_, release, err := s.acquire(ctx)
	if err == nil {
		release()
		return nil
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	if ours, err := isIndex(s.config.IndexPath); err == nil && !ours {
		if info, err := os.Stat(s.config.IndexPath); err != nil || info.Size() > 0 {
			return fail(&mappingError{"the file in the place of the index is something else, and is not overwritten"})
		}
	}
	if err := s.make(ctx, progress); err != nil {
		return fail(err)
	}
	_, release, err = s.acquire(ctx)
	if err != nil {
		return fail(err)
	}
	release()
	return nil
}

// make builds an index under a temporary name and puts it into its place.
func (s *Source) make(ctx context.Context, progress func(Progress)) (err error) {
	export, err := os.Open(s.config.Path)
	if err != nil {
		return err
	}
	defer func() { _ = export.Close() }() // it was only read
	of, err := identify(s.config, export)
	if err != nil {
		return err
	}
	place := workplaceOf(s.config)
	w, temp, done, err := place.begin(ctx, of)
	if err != nil {
		return err
	}
	w.batch = s.batch
	b := &builder{config: s.config, w: w, done: done, progress: progress}
	err = b.run(ctx, export, s.format)
	if closed := w.close(); err == nil {
		err = closed
	}
	switch {
	case err != nil && ctx.Err() != nil && w.kept:
		return err // a later call goes on with it
	case err != nil:
		return errors.Join(err, removeBuilt(temp))
	}
	if err := os.Rename(temp, s.config.IndexPath); err != nil {
		return errors.Join(err, removeBuilt(temp))
	}
	parent, err := os.Open(place.dir)
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}

// indexError is an indexing that failed.
type indexError struct {
	source string
	cause  error
}

func (e *indexError) Error() string {
	return "legacy source " + e.source + ": index: " + describe(e.cause)
}
func (e *indexError) Unwrap() error { return e.cause }

const selectPeople = "SELECT key, record, fault, reason, line FROM people "

// lookup returns who has one of the spellings, and the records that cannot be read and have one, up to most+1.
func (x *index) lookup(ctx context.Context, c Config, spellings []string, most int) ([]legacy.User, []*legacy.RowError, error) {
	marks := strings.TrimSuffix(strings.Repeat("?,", len(spellings)), ",")
	args := make([]any, len(spellings), len(spellings)+1)
	for i, s := range spellings {
		args[i] = s
	}
	return x.read(ctx, c, selectPeople+"WHERE state <> 2 AND seq IN (SELECT seq FROM identifiers WHERE value IN ("+marks+")) LIMIT ?",
		append(args, most+1)...)
}

func (x *index) get(ctx context.Context, c Config, id string) ([]legacy.User, []*legacy.RowError, error) {
	return x.read(ctx, c, selectPeople+"WHERE walk = 1 AND key = ?", id)
}

func (x *index) list(ctx context.Context, c Config, after string, limit int) ([]legacy.User, []*legacy.RowError, error) {
	users, bad, err := x.read(ctx, c, selectPeople+"WHERE walk = 1 AND key > ? ORDER BY key LIMIT ?", after, limit)
	if err != nil || after != "" {
		return users, bad, err
	}
	_, keyless, err := x.read(ctx, c, selectPeople+"WHERE key IS NULL ORDER BY seq")
	return users, append(bad, keyless...), err
}

// read runs a SELECT over people.
func (x *index) read(ctx context.Context, c Config, query string, args ...any) (users []legacy.User, bad []*legacy.RowError, err error) {
	rows, err := x.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var key, column, reason sql.NullString
		var encoded []byte
		var line int64
		if err := rows.Scan(&key, &encoded, &column, &reason, &line); err != nil {
			return nil, nil, err
		}
		if column.Valid {
			bad = append(bad, &legacy.RowError{
				Key: key.String, Column: column.String, Reason: reason.String, Line: line,
			})
			continue
		}
		p, err := decodePerson(encoded)
		if err != nil {
			return nil, nil, err
		}
		users = append(users, p.user(key.String, c))
	}
	return users, bad, rows.Err()
}
