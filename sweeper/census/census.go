// Package census finds the names that several people of the old stores hold, in one walk through all of them.
//
// It serves runs: whose name nobody else has can be moved together with others, without asking for each name. It keeps a digest
// of every name on disk for as long as it takes, and in memory a small part of them at a time, however many people there are.
package census

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"slices"
	"sync"

	"rekey/accounts"
	"rekey/legacy"
)

// Config says what is counted. Service is required.
type Config struct {
	Service *accounts.Service
	Dir     string // where the digests are kept; "": the system's folder for temporary files. 16 bytes for each name
	Most    int    // shared names that are returned at most; 0: defaultMost
	// Seen is called for each person, for one at a time. Its error ends the census.
	Seen func(ctx context.Context, source string, user legacy.User) error
}

const (
	buckets     = 256 // 10 million people with two names each make one of 1.2 MiB
	bufferSize  = 4 << 10
	recordSize  = 16 // a name and who has it, 8 bytes each
	defaultMost = 1 << 19
)

// ErrMany is why a census ends: with so many shared names something else is wrong.
var ErrMany = errors.New("so many people share their names that the mapping is likely wrong: is a column mapped that says the same of many?")

// Take walks through all sources and returns the names that more than one person holds. It returns nil, which knows nothing,
// where a source cannot be walked. Its error is that of a store, of the disk, of Seen, or ErrMany.
func Take(ctx context.Context, c Config) (*Shared, error) {
	sources := c.Service.SourceNames()
	if slices.ContainsFunc(sources, func(name string) bool { return !c.Service.CanWalk(name) }) {
		return nil, nil
	}
	if c.Most == 0 {
		c.Most = defaultMost
	}
	t, err := newTally(c.Dir)
	if err != nil {
		return nil, err
	}
	defer t.close()
	for _, source := range sources {
		err := walk(ctx, c.Service, source, func(ctx context.Context, people []legacy.User) error { return c.count(ctx, t, source, people) })
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", source, err)
		}
	}
	return t.shared(c.Most)
}

// count counts the names of a page.
func (c Config) count(ctx context.Context, t *tally, source string, people []legacy.User) error {
	names := make([][]accounts.Name, len(people))
	for i, user := range people {
		names[i] = c.Service.Names(source, user)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, user := range people {
		if c.Seen != nil {
			if err := c.Seen(ctx, source, user); err != nil {
				return err
			}
		}
		if err := t.count(source, user.ID, names[i]); err != nil {
			return err
		}
	}
	return nil
}

// A tally is names and who has them, in files by the first bits of the name.
type tally struct {
	mu sync.Mutex

	seed    maphash.Seed
	files   []*os.File
	writers []*bufio.Writer
}

func newTally(dir string) (*tally, error) {
	t := &tally{seed: maphash.MakeSeed()}
	for range buckets {
		file, err := os.CreateTemp(dir, "rekey-census-*")
		if err == nil {
			t.files, t.writers = append(t.files, file), append(t.writers, bufio.NewWriterSize(file, bufferSize))
			err = os.Remove(file.Name()) // it lives as long as it is open, and no longer than this process
		}
		if err != nil {
			t.close()
			return nil, fmt.Errorf("keep names on disk: %w", err)
		}
	}
	return t, nil
}

func (t *tally) close() {
	for _, file := range t.files {
		_ = file.Close() // nothing of it is wanted
	}
}

func (t *tally) count(source, id string, names []accounts.Name) error {
	who := maphash.String(t.seed, source+"\x00"+id)
	for _, name := range names {
		var record [recordSize]byte
		binary.BigEndian.PutUint64(record[:8], uint64(name))
		binary.BigEndian.PutUint64(record[8:], who)
		if _, err := t.writers[uint64(name)>>56].Write(record[:]); err != nil {
			return fmt.Errorf("keep names on disk: %w", err)
		}
	}
	return nil
}

// A holder is somebody who has a name.
type holder struct{ name, who uint64 }

func (t *tally) shared(most int) (*Shared, error) {
	all := &Shared{}
	var holders []holder // of one file, in the room of those before
	for i, file := range t.files {
		var err error
		if holders, err = read(file, t.writers[i], holders[:0]); err != nil {
			return nil, fmt.Errorf("read names from disk: %w", err)
		}
		slices.SortFunc(holders, func(a, b holder) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.who, b.who)) })
		for i := 1; i < len(holders); i++ {
			was, is := holders[i-1], holders[i]
			name := accounts.Name(is.name)
			if was.name == is.name && was.who != is.who && (len(all.names) == 0 || all.names[len(all.names)-1] != name) {
				all.names = append(all.names, name)
			}
		}
		if len(all.names) > most {
			return nil, ErrMany
		}
	}
	return all, nil
}

// read appends what a file holds, and what its writer has not written yet.
func read(file *os.File, w *bufio.Writer, to []holder) ([]holder, error) {
	if err := w.Flush(); err != nil {
		return nil, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	r := bufio.NewReader(file)
	var record [recordSize]byte
	for {
		switch _, err := io.ReadFull(r, record[:]); {
		case errors.Is(err, io.EOF):
			return to, nil
		case err != nil:
			return nil, err
		}
		to = append(to, holder{binary.BigEndian.Uint64(record[:]), binary.BigEndian.Uint64(record[8:])})
	}
}
