package filesource

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	batchPeople = 64     // rows of one INSERT
	batchCommit = 20_000 // rows of one transaction: what a crash costs at most, half a second's work
	overflowRow = 0      // the number of the row that stands for what is not listed
)

// A row is one of the table people.
type row struct {
	seq           int64
	key           string // "" where it cannot be read
	line          int64
	state         int
	record        []byte
	fault, reason string
}

// A writer fills an index that nobody reads yet.
type writer struct {
	db          *sql.DB
	conn        *sql.Conn
	batch       int  // rows of one transaction
	uncommitted int  // rows
	kept        bool // something was committed that another process can go on with
	people, ids batch
}

// A batch collects the rows of one INSERT.
type batch struct {
	into    string // table and columns
	columns int
	size    int // rows
	args    []any
	full    *sql.Stmt
}

// newWriter opens an empty file as a database and makes its tables.
func newWriter(ctx context.Context, path string) (*writer, error) {
	return openWriter(ctx, path, func(ctx context.Context, w *writer) error {
		return w.exec(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID), indexSchema, "BEGIN")
	})
}

// openWriter opens a file as a database, which begin leaves in a transaction. It is locked until the writer is closed or
// its process ends, however it ends.
func openWriter(ctx context.Context, path string, begin func(context.Context, *writer) error) (*writer, error) {
	db, err := sql.Open("sqlite", indexURL(path, url.Values{"mode": {"rw"}, "_pragma": {
		"synchronous(full)", "locking_mode(exclusive)", "temp_store(file)", fmt.Sprintf("cache_size(-%d)", buildCache),
	}}))
	if err != nil {
		return nil, err
	}
	w := &writer{
		db:     db,
		people: batch{into: "people (seq, key, line, state, walk, record, fault, reason)", columns: 8, size: batchPeople},
		ids:    batch{into: "identifiers (value, seq)", columns: 2, size: 4 * batchPeople},
	}
	if w.conn, err = db.Conn(ctx); err == nil {
		err = begin(ctx, w)
	}
	for _, b := range []*batch{&w.people, &w.ids} {
		if err == nil {
			b.full, err = w.conn.PrepareContext(ctx, b.insert(b.size))
		}
	}
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

// close closes the file. What was put since the last commit is gone, and the journal with it.
func (w *writer) close() error {
	for _, b := range []*batch{&w.people, &w.ids} {
		if b.full != nil {
			_ = b.full.Close() // it holds the connection, whose closing is what counts
		}
	}
	if w.conn != nil {
		_ = w.conn.Close() // gives it back to the pool, whose closing is what counts
	}
	return w.db.Close()
}

func (w *writer) exec(ctx context.Context, statements ...string) error {
	for _, statement := range statements {
		if _, err := w.conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// insert returns the statement for so many rows.
func (b *batch) insert(rows int) string {
	marks := "(" + strings.TrimSuffix(strings.Repeat("?,", b.columns), ",") + ")"
	return "INSERT INTO " + b.into + " VALUES " + strings.TrimSuffix(strings.Repeat(marks+",", rows), ",")
}

func (w *writer) putPerson(ctx context.Context, r row) error {
	var key, fault, reason any
	walk := 0
	if r.key != "" {
		key, walk = r.key, 1
	}
	if r.state == stateBad {
		fault, reason = r.fault, r.reason
	}
	return w.put(ctx, &w.people, r.seq, key, r.line, r.state, walk, r.record, fault, reason)
}

func (w *writer) putIdentifiers(ctx context.Context, seq int64, identifiers []string) error {
	for i, id := range identifiers {
		if len(id) > maxIdentifier || slices.Contains(identifiers[:i], id) {
			continue
		}
		if err := w.put(ctx, &w.ids, id, seq); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) put(ctx context.Context, b *batch, args ...any) error {
	b.args = append(b.args, args...)
	if len(b.args) < b.size*b.columns {
		return nil
	}
	if _, err := b.full.ExecContext(ctx, b.args...); err != nil {
		return err
	}
	clear(b.args)
	b.args = b.args[:0]
	w.uncommitted += b.size
	return nil
}

// due reports whether it is time for a commit.
func (w *writer) due() bool { return w.uncommitted >= w.batch }

// flush writes what is collected.
func (w *writer) flush(ctx context.Context) error {
	for _, b := range []*batch{&w.people, &w.ids} {
		if len(b.args) > 0 {
			if _, err := w.conn.ExecContext(ctx, b.insert(len(b.args)/b.columns), b.args...); err != nil {
				return err
			}
		}
		clear(b.args)
		b.args = b.args[:0]
	}
	return nil
}

// Keys that several records have. The same record again is a repeat. Records that differ are all bad, and so are those
// of which one cannot be read: nobody can say which of two hashes is the person's.
var findSeveral = []string{
	`CREATE INDEX people_key ON people (key, seq) WHERE key IS NOT NULL`,
	`CREATE TEMP TABLE several AS SELECT key, MIN(seq) AS first, COUNT(*) AS n, 0 AS differ
		FROM people WHERE key IS NOT NULL GROUP BY key HAVING n > 1`,
	`CREATE UNIQUE INDEX several_key ON several (key)`,
	`UPDATE several SET differ = 1 WHERE EXISTS (
		SELECT 1 FROM people p, people f WHERE f.seq = several.first AND p.key = several.key AND p.seq <> f.seq
		AND (p.state <> 0 OR f.state <> 0 OR p.record IS NOT f.record))`,
}

const countSeveral = `SELECT
	(SELECT IFNULL(SUM(n - 1), 0) FROM several WHERE differ = 0),
	(SELECT COUNT(*) FROM several s CROSS JOIN people p ON p.key = s.key WHERE s.differ = 1 AND p.state = 0)`

var settleSeveral = []string{
	`UPDATE people SET state = 1, fault = 'id', record = NULL, reason = (
		SELECT printf('%d records have this key, the first of them in line %d', s.n, f.line)
		FROM several s JOIN people f ON f.seq = s.first WHERE s.key = people.key)
		WHERE key IN (SELECT key FROM several WHERE differ = 1)`,
	`UPDATE people SET walk = 0, state = CASE WHEN state = 0 THEN 2 ELSE state END
		WHERE key IN (SELECT key FROM several) AND seq NOT IN (SELECT first FROM several)`,
	`DROP TABLE several`,
	`DROP INDEX people_key`,
	`CREATE UNIQUE INDEX people_walk ON people (key) WHERE walk = 1`,
	`CREATE INDEX people_keyless ON people (seq) WHERE key IS NULL`,
	`CREATE INDEX identifiers_value ON identifiers (value, seq)`,
}

// finish sorts what was loaded, settles the keys, and says last of all that the index is complete.
func (w *writer) finish(ctx context.Context, of identity, stats Stats) error {
	if err := w.exec(ctx, findSeveral...); err != nil {
		return err
	}
	var repeats, contested int64
	if err := w.conn.QueryRowContext(ctx, countSeveral).Scan(&repeats, &contested); err != nil {
		return err
	}
	if err := w.exec(ctx, settleSeveral...); err != nil {
		return err
	}
	stats.People -= repeats + contested
	stats.Repeats, stats.Bad = repeats, stats.Bad+contested
	stats.At = time.Now().UTC().Truncate(time.Second)
	for name, value := range map[string]any{"version": indexVersion, "identity": of, "stats": stats} {
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		if _, err := w.conn.ExecContext(ctx, "INSERT INTO meta VALUES (?, ?)", name, string(text)); err != nil {
			return err
		}
	}
	return w.exec(ctx, "DELETE FROM meta WHERE name = '"+checkpointName+"'", "COMMIT")
}

// salvage picks what looks like e-mail addresses out of a record that cannot be read, so that those who have them are
// told that nobody can tell, rather than that nobody is there.
func salvage(raw []byte) []string {
	var found []string
	isEdge := func(r rune) bool {
		return r <= ' ' || r == utf8.RuneError || strings.ContainsRune(`"',;:|<>\{}[]()=`, r)
	}
	for part := range bytes.FieldsFuncSeq(raw, isEdge) {
		if at := bytes.IndexByte(part, '@'); at < 1 || at == len(part)-1 || len(part) > maxIdentifier {
			continue
		}
		if found = append(found, string(part)); len(found) == maxSalvaged {
			break
		}
	}
	return found
}
