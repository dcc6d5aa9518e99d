package filesource

import (
	"context"
	"crypto/sha256"

	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the index is a SQLite database
)

// The index is a SQLite file that is made once and never changed. It is built under a temporary name beside its own and
// renamed when it is whole, so that there is either a complete one or none. Two processes may build at once: each has
// a temporary name of its own, and the last rename wins, over a file that says the same.
const (
	indexVersion  = "1"
	applicationID = 0x726b6678 // "rkfx", so that no other database is ever overwritten

	maxKeyless   = 10_000   // records without a readable key that are listed; of more, only the number is told
	maxSalvaged  = 16       // addresses that are picked out of one broken record
	headerBytes  = 64 << 10 // of the export, whose SHA-256 tells one from another of the same size and time
	buildCache   = 16 << 10 // KiB that SQLite keeps in memory while it builds; sorting spills to disk beyond it
	progressStep = 1 << 12  // records between two reports
)

// The states of a row.
const (
	stateGood   = 0
	stateBad    = 1
	stateRepeat = 2 // the same record once more; it is counted and otherwise not there
)

const indexSchema = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE people (
	seq INTEGER PRIMARY KEY,
	key TEXT,               -- NULL where it cannot be read
	line INTEGER NOT NULL,
	state INTEGER NOT NULL,
	walk INTEGER NOT NULL,  -- 1 for the row that stands for its key
	record BLOB,            -- of a good one
	fault TEXT,             -- of a bad one: the column
	reason TEXT
);
CREATE TABLE identifiers (value TEXT NOT NULL, seq INTEGER NOT NULL);`

// wholeRecord stands for the column where it is the record that cannot be taken apart.
const wholeRecord = "record"

// Progress tells how far an indexing is.
type Progress struct {
	Read, Size int64 // bytes of the export as it lies there, compressed or not
	People     int64 // records that were read
	Bad        int64 // records that cannot be read
	Sorting    bool  // all is read; what remains takes about a tenth of the time
}

// Stats says what an index holds.
type Stats struct {
	People  int64 // who can be looked up
	Bad     int64 // records that cannot be read, those with a key that others have among them
	Repeats int64 // records that are in the export more than once, word for word
	Ignored int64 // records of no people, such as service accounts
	// Torn says why the rest of the export could not be read, with the line; "" if all of it was. Who is not found in a
	// torn export may be behind the tear, so that a Lookup cannot tell.
	Torn   string
	SHA256 string // of the export, in hex
	At     time.Time
}

// identity is what tells one export, or one configuration over it, from another.
type identity struct {
	Size    int64
	ModTime int64  // nanoseconds
	Header  string // SHA-256 of the first headerBytes
	Mapping string // SHA-256 of format and columns
}

func identify(c Config, file *os.File) (identity, error) {
	info, err := file.Stat()
	if err != nil {
		return identity{}, err
	}
	if !info.Mode().IsRegular() {
		return identity{}, &mappingError{"it is no regular file"}
	}
	header := make([]byte, headerBytes)
	n, err := file.ReadAt(header, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return identity{}, err
	}
	mapping, err := json.Marshal([]any{c.Format, c.Columns, c.Separator})
	if err != nil {
		return identity{}, err
	}
	return identity{info.Size(), info.ModTime().UnixNano(), sum(header[:n]), sum(mapping)}, nil
}

func sum(b []byte) string {
	digest := sha256.Sum256(b)
	return hex.EncodeToString(digest[:])
}

// A builder makes one index.
type builder struct {
	config   Config
	shaper   *shaper
	w        *writer
	stats    Stats
	keyless  int64
	progress func(Progress)
}

// build reads the export and writes a complete index to path, which is there and empty.
func build(ctx context.Context, c Config, f format, path string, progress func(Progress)) (Stats, error) {
	file, err := os.Open(c.Path)
	if err != nil {
		return Stats{}, err
	}
	defer func() { _ = file.Close() }() // it was only read
	before, err := identify(c, file)
	if err != nil {
		return Stats{}, err
	}
	w, err := newWriter(ctx, path)
	if err != nil {
		return Stats{}, err
	}
	b := &builder{config: c, w: w, progress: progress}
	err = b.run(ctx, file, f, before)
	if closed := w.close(); err == nil {
		err = closed
	}
	return b.stats, err
}

func (b *builder) run(ctx context.Context, file *os.File, f format, before identity) error {
	hasher := sha256.New()
	in := &counter{ctx: ctx, from: io.TeeReader(file, hasher)}
	report := func(sorting bool) {
		if b.progress != nil {
			b.progress(Progress{Read: in.n, Size: before.Size, People: b.stats.People, Bad: b.stats.Bad, Sorting: sorting})
		}
	}
	if err := b.load(ctx, in, f, func() { report(false) }); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, in); err != nil { // what is behind a tear, for the SHA-256
		return err
	}
	b.stats.SHA256 = hex.EncodeToString(hasher.Sum(nil))
	after, err := identify(b.config, file)
	switch {
	case err != nil:
		return err
	case after != before:
		return errors.New("the export was changed while it was read")
	}
	report(true)
	if err := b.w.flush(ctx); err != nil {
		return err
	}
	return b.w.finish(ctx, before, &b.stats)
}

// load walks the export into the tables.
func (b *builder) load(ctx context.Context, in *counter, f format, report func()) error {
	text, err := openStream(in)
	if err != nil {
		return err
	}
	defer text.close()
	scan, isTable, err := f.frame.scan(text, b.config.separator())
	if err != nil {
		return err
	}
	if b.shaper, err = newShaper(b.config, f, isTable); err != nil {
		return err
	}
	if t, ok := scan.(*table); ok {
		if err := b.shaper.header(t.columns); err != nil {
			return err
		}
	}
	read := false
	for n := 1; ; n++ {
		r, err := scan.next()
		if tear, ok := errors.AsType[*tornError](err); ok {
			b.stats.Torn = tear.Error()
			if err := b.add(ctx, record{line: tear.line, bad: "the rest of the export cannot be read: " + tear.reason}); err != nil {
				return err
			}
			break
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		read = read || r.bad == ""
		if err := b.add(ctx, r); err != nil {
			return err
		}
		if n%progressStep == 0 {
			report()
		}
	}
	if missing := b.shaper.missing(); read && len(missing) > 0 {
		return &mappingError{"none of its records has " + strings.Join(missing, ", ")}
	}
	if b.keyless > maxKeyless {
		return b.w.putPerson(ctx, row{
			seq: overflowRow, state: stateBad, fault: wholeRecord, reason: fmt.Sprintf("%d more records cannot be read and are not listed", b.keyless-maxKeyless),
		})
	}
	return nil
}

// add takes one record.
func (b *builder) add(ctx context.Context, r record) error {
	if r.bad != "" {
		f := &fault{wholeRecord, fmt.Sprintf("line %d: %s", r.line, r.bad)}
		return b.addBad(ctx, row{line: r.line}, f, salvage(r.raw))
	}
	if b.shaper.format.ignore != nil && b.shaper.format.ignore(r.value) {
		b.stats.Ignored++
		return nil
	}
	key, p, f := b.shaper.shape(r.value)
	if f != nil {
		return b.addBad(ctx, row{key: key, line: r.line}, &fault{f.column, fmt.Sprintf("%s (line %d)", f.reason, r.line)}, p.identifiers())
	}
	encoded, err := p.encode()
	if err != nil {
		return err
	}
	b.stats.People++
	seq := b.w.next()
	if err := b.w.putIdentifiers(ctx, seq, p.identifiers()); err != nil {
		return err
	}
	return b.w.putPerson(ctx, row{seq: seq, key: key, line: r.line, state: stateGood, record: encoded})
}

// addBad takes a record that cannot be read. Its identifiers lead to it: whoever has them must not be taken for nobody.
func (b *builder) addBad(ctx context.Context, r row, f *fault, identifiers []string) error {
	b.stats.Bad++
	if r.key == "" {
		if b.keyless++; b.keyless > maxKeyless {
			return b.w.putIdentifiers(ctx, overflowRow, identifiers)
		}
	}
	r.seq, r.state, r.fault, r.reason = b.w.next(), stateBad, f.column, f.reason
	if err := b.w.putIdentifiers(ctx, r.seq, identifiers); err != nil {
		return err
	}
	return b.w.putPerson(ctx, r)
}
