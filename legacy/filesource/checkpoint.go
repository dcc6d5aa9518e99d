package filesource

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A checkpoint says how far an indexing is. It is committed with the rows that it tells of, so that whoever finds it after
// a crash, of the process or of the machine, goes on behind them: at most batchCommit rows are made again. The text before
// is read and decompressed once more, for the export's SHA-256 and because no compressed file can be entered in its middle;
// that takes a small part of the time that it took to take it apart.
type checkpoint struct {
	Version string // of the index
	Of      identity

	Offset int64 // in the decompressed text, behind a record; 0 where nothing has been read
	Line   int64 // there
	Seq    int64 // the last row's number

	Stats   Stats
	Keyless int64    // records without a readable key
	Read    bool     // a record could be taken apart
	Seen    []string // the targets that some record had
}

const (
	checkpointName = "progress" // in the table meta
	journalSuffix  = "-journal" // of SQLite's rollback journal
)

var errChanged = errors.New("the export was changed while it was read")

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

// commit makes what was put durable, with how far that is.
func (w *writer) commit(ctx context.Context, at checkpoint) error {
	if err := w.flush(ctx); err != nil {
		return err
	}
	text, err := json.Marshal(at)
	if err != nil {
		return err
	}
	if _, err := w.conn.ExecContext(ctx, "INSERT OR REPLACE INTO meta VALUES (?, ?)", checkpointName, string(text)); err != nil {
		return err
	}
	if err := w.exec(ctx, "COMMIT", "BEGIN"); err != nil {
		return err
	}
	w.uncommitted, w.kept = 0, true
	return nil
}

// errNotOurs is a temporary file that cannot be gone on with.
var errNotOurs = errors.New("made of another export, or by another version, or complete")

// resumeWriter opens what an indexing of the same export has left. It fails while another process is at it.
func resumeWriter(ctx context.Context, path string, of identity) (*writer, checkpoint, error) {
	var at checkpoint
	w, err := openWriter(ctx, path, func(ctx context.Context, w *writer) error {
		if err := w.exec(ctx, "BEGIN EXCLUSIVE"); err != nil {
			return err
		}
		var text string
		if err := w.conn.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = ?", checkpointName).Scan(&text); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(text), &at); err != nil || at.Version != indexVersion || at.Of != of {
			return errNotOurs
		}
		w.kept = true
		return nil
	})
	return w, at, err
}

// A workplace is where an index is built: its folder, and what the temporary names in it begin with.
type workplace struct{ dir, prefix string }

func workplaceOf(c Config) workplace {
	dir, name := filepath.Split(c.IndexPath)
	return workplace{dir, name + tempMark}
}

// begin returns the writer of a temporary file, its path, and how far it is: what an indexing that was ended has left, if
// there is one, or else a new one.
func (p workplace) begin(ctx context.Context, of identity) (*writer, string, checkpoint, error) {
	left, err := p.left()
	if err != nil {
		return nil, "", checkpoint{}, err
	}
	for _, info := range left {
		path := filepath.Join(p.dir, info.Name())
		if info.Size() > 0 { // or else another process has just made it
			if w, at, err := resumeWriter(ctx, path, of); err == nil {
				return w, path, at, nil
			}
		}
		if time.Since(info.ModTime()) >= staleAfter {
			if err := removeBuilt(path); err != nil {
				return nil, "", checkpoint{}, err
			}
		}
	}
	temp, err := os.CreateTemp(p.dir, p.prefix+"*") // mode 0600
	if err != nil {
		return nil, "", checkpoint{}, err
	}
	path := temp.Name()
	w, err := (*writer)(nil), temp.Close()
	if err == nil {
		w, err = newWriter(ctx, path)
	}
	if err != nil {
		return nil, "", checkpoint{}, errors.Join(err, removeBuilt(path))
	}
	return w, path, checkpoint{Version: indexVersion, Of: of}, nil
}

// left lists what other indexings have left, or are at.
func (p workplace) left() ([]fs.FileInfo, error) {
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		return nil, err
	}
	var list []fs.FileInfo
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), p.prefix) {
			continue
		}
		if database, ok := strings.CutSuffix(entry.Name(), journalSuffix); ok {
			if _, err := os.Stat(filepath.Join(p.dir, database)); err == nil {
				continue // it belongs to that
			}
		}
		if info, err := entry.Info(); err == nil { // or else it has gone
			list = append(list, info)
		}
	}
	return list, nil
}

// removeBuilt removes a temporary file: it holds hashes, and so does its journal.
func removeBuilt(path string) error {
	for _, name := range []string{path, path + journalSuffix} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
