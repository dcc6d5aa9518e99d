package filesource

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	_ "modernc.org/sqlite" // the index is a SQLite database
)

// The index is a SQLite file that is made once and never changed. It is built under a temporary name beside its own and
// renamed when it is whole, so that there is either a complete one or none. Two processes may build at once: each has
// a temporary name of its own, and the last rename wins, over a file that says the same. What a process that was ended
// leaves under such a name the next one goes on with; see checkpoint.
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

// A builder makes one index.
type builder struct {
	config   Config
	shaper   *shaper
	w        *writer
	done     checkpoint // what is in the index, committed or not
	progress func(Progress)
}

// run reads the export, from where the checkpoint is, and completes the index.
func (b *builder) run(ctx context.Context, file *os.File, f format) error {
	before := b.done.Of
	hasher := sha256.New()
	in := &counter{ctx: ctx, from: io.TeeReader(file, hasher)}
	report := func(sorting bool) {
		if b.progress != nil {
			b.progress(Progress{Read: in.n, Size: before.Size, People: b.done.Stats.People, Bad: b.done.Stats.Bad, Sorting: sorting})
		}
	}
	if err := b.load(ctx, in, f, func() { report(false) }); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, in); err != nil { // what is behind a tear, for the SHA-256
		return err
	}
	b.done.Stats.SHA256 = hex.EncodeToString(hasher.Sum(nil))
	after, err := identify(b.config, file)
	switch {
	case err != nil:
		return err
	case after != before:
		return errChanged
	}
	report(true)
	if err := b.w.flush(ctx); err != nil {
		return err
	}
	return b.w.finish(ctx, before, b.done.Stats)
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
		if err := refusal(headerLacks, b.shaper.header(t.columns)); err != nil {
			return err
		}
	}
	if b.done.Offset > 0 {
		if err := text.skipTo(b.done.Offset, b.done.Line); err != nil {
			return err
		}
		scan.resume()
		b.shaper.resume(b.done.Seen)
		report()
	}
	for n := 1; ; n++ {
		r, err := scan.next()
		if tear, ok := errors.AsType[*tornError](err); ok {
			b.done.Stats.Torn = tear.Error()
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
		b.done.Read = b.done.Read || r.bad == ""
		if err := b.add(ctx, r); err != nil {
			return err
		}
		if b.w.due() {
			b.done.Offset, b.done.Line, b.done.Seen = text.offset(), text.line, b.shaper.had()
			if err := b.w.commit(ctx, b.done); err != nil {
				return err
			}
		}
		if n%progressStep == 0 {
			report()
		}
	}
	if err := refusal(recordsLack, b.shaper.missing()); b.done.Read && err != nil {
		return err
	}
	if b.done.Keyless > maxKeyless {
		return b.w.putPerson(ctx, row{
			seq: overflowRow, state: stateBad, fault: wholeRecord, reason: fmt.Sprintf("%d more records cannot be read and are not listed", b.done.Keyless-maxKeyless),
		})
	}
	return nil
}

// next returns the number of the next row.
func (b *builder) next() int64 {
	b.done.Seq++
	return b.done.Seq
}

// add takes one record.
func (b *builder) add(ctx context.Context, r record) error {
	if r.bad != "" {
		f := &fault{wholeRecord, fmt.Sprintf("line %d: %s", r.line, r.bad)}
		return b.addBad(ctx, row{line: r.line}, f, salvage(r.raw))
	}
	if b.shaper.format.ignore != nil && b.shaper.format.ignore(r.value) {
		b.done.Stats.Ignored++
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
	b.done.Stats.People++
	seq := b.next()
	if err := b.w.putIdentifiers(ctx, seq, p.identifiers()); err != nil {
		return err
	}
	return b.w.putPerson(ctx, row{seq: seq, key: key, line: r.line, state: stateGood, record: encoded})
}

// addBad takes a record that cannot be read. Its identifiers lead to it: whoever has them must not be taken for nobody.
func (b *builder) addBad(ctx context.Context, r row, f *fault, identifiers []string) error {
	b.done.Stats.Bad++
	if r.key == "" {
		if b.done.Keyless++; b.done.Keyless > maxKeyless {
			return b.w.putIdentifiers(ctx, overflowRow, identifiers)
		}
	}
	r.seq, r.state, r.fault, r.reason = b.next(), stateBad, f.column, f.reason
	if err := b.w.putIdentifiers(ctx, r.seq, identifiers); err != nil {
		return err
	}
	return b.w.putPerson(ctx, r)
}
