// Package journal remembers on the local disk what a process has to tell the new store once that is back: which people's legacy
// records it is about to change, or has changed, without it.
//
// A line that Add has returned for is there after a power cut. A line that a crash has cut off was never acted on, and is
// taken for none. It serves accounts, knows no store and holds no secret.
package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// An Entry is a change of a legacy record.
type Entry struct {
	Source    string    `json:"source"`
	LegacyID  string    `json:"legacy_id"`
	RequestID string    `json:"request_id,omitempty"`
	At        time.Time `json:"at"`
	Done      bool      `json:"done"` // legacy has it; else it is about to be asked, and nobody knows
	// EventID is that of the line of the audit, once it is done: whoever is told twice writes it once.
	EventID uuid.UUID `json:"event_id,omitzero"`
}

const (
	maxLine    = 4 << 10 // bytes; a source's name, a key and a request id have a tenth of that
	maxEntries = 1 << 20 // some 200 MB; whoever has that many changes a day has somebody who looks after the store
)

// ErrFull is a journal that takes no more entries, and ErrEntry an entry that it could not read back.
var (
	ErrFull  = errors.New("the journal is full")
	ErrEntry = errors.New("an entry that a journal cannot keep")
)

// A Journal is a file of entries. It is safe for concurrent use, and one process has it at a time.
type Journal struct {
	mu      sync.Mutex
	file    *os.File
	entries []Entry
	end     int64 // of the last whole line
}

// Open opens the journal at path, or makes it, mode 0600, and reads what a process before has left in it.
func Open(path string) (*Journal, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	j := &Journal{file: file}
	err = lock(file)
	if err == nil {
		j.entries, j.end, err = read(file)
	}
	if err == nil {
		err = file.Truncate(j.end) // or a shorter line would leave the end of a longer one behind it
	}
	if err == nil {
		err = syncFolder(path) // the file itself is there after a power cut
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open journal %s: %w", path, err), file.Close())
	}
	return j, nil
}

// syncFolder makes a file's name durable.
func syncFolder(path string) error {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// read returns the entries, and where the last whole line ends. What comes behind that was being written when the process
// or the machine died.
func read(file io.Reader) (entries []Entry, end int64, err error) {
	lines := bufio.NewReaderSize(file, maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			return entries, end, nil // nothing, or a line that was cut off
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, 0, fmt.Errorf("line %d is too long", len(entries)+1)
		case err != nil:
			return nil, 0, err
		case len(entries) == maxEntries:
			return nil, 0, ErrFull
		}
		e, err := parse(line)
		if err != nil {
			return nil, 0, fmt.Errorf("line %d: %w", len(entries)+1, err)
		}
		entries = append(entries, e)
		end += int64(len(line))
	}
}

func parse(line []byte) (Entry, error) {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	var e Entry
	if err := dec.Decode(&e); err != nil {
		return Entry{}, errors.New("is not an entry") // the decoder's own error may quote it
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Entry{}, errors.New("has more than an entry")
	}
	return e, check(e)
}

// check refuses what would not come back as it is.
func check(e Entry) error {
	if e.Source == "" || e.LegacyID == "" || !utf8.ValidString(e.Source+e.LegacyID+e.RequestID) || e.At.Year() < 2000 || e.At.Year() > 9998 {
		return ErrEntry
	}
	return nil
}

// Add writes an entry. When it returns nil, the entry is on the disk.
func (j *Journal) Add(e Entry) error {
	e.At = e.At.UTC().Round(0)
	if err := check(e); err != nil {
		return err
	}
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	line = append(line, '\n')
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case len(line) > maxLine:
		return ErrEntry
	case len(j.entries) == maxEntries:
		return ErrFull
	}
	// At the end of the last whole line: what a failed write has left behind it is written over.
	if _, err := j.file.WriteAt(line, j.end); err != nil {
		return errors.Join(fmt.Errorf("journal: %w", err), j.cut())
	}
	if err := j.file.Sync(); err != nil {
		return errors.Join(fmt.Errorf("journal: %w", err), j.cut())
	}
	j.end += int64(len(line))
	j.entries = append(j.entries, e)
	return nil
}

// cut takes away what is behind the last whole line.
func (j *Journal) cut() error { return j.file.Truncate(j.end) }

// Entries returns what is written down, oldest first.
func (j *Journal) Entries() []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]Entry(nil), j.entries...)
}

// Clear forgets all entries, because the new store knows them.
func (j *Journal) Clear() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := errors.Join(j.file.Truncate(0), j.file.Sync()); err != nil {
		return fmt.Errorf("clear journal: %w", err)
	}
	j.entries, j.end = nil, 0
	return nil
}

// Close gives the file back.
func (j *Journal) Close() error {
	if err := j.file.Close(); err != nil && !errors.Is(err, fs.ErrClosed) {
		return fmt.Errorf("close journal: %w", err)
	}
	return nil
}
