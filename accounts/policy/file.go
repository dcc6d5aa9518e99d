package policy

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
)

// A File is a list of breached passwords on disk, as Have I Been Pwned gives it out "ordered by hash": lines of a SHA-1 in hex,
// of which nothing that follows a colon counts, in the order of the hashes. It is some 40 GB, and stays on disk: a question
// reads about thirty pages of it.
//
// A line that is torn or odd is passed over. A file that is replaced is asked as it was until the process starts again.
type File struct {
	file interface {
		io.ReaderAt
		io.Closer
	}
	size int64
}

const (
	lineSpace = 512 // bytes in which a line of the list is sure to end: they have about 50
	fileTail  = 4 * lineSpace
	samples   = 64 // lines that OpenFile compares
)

// Errors of a File.
var (
	errNotHashes = errors.New("it does not begin with a SHA-1 in hex on a line: want the list for SHA-1, unpacked")
	errNotSorted = errors.New("its lines are not in the order of the hashes: want the list that is ordered by hash")
	errTorn      = errors.New("there is no readable line where one should be")
)

// OpenFile opens a list, and looks whether it is one that can be searched.
func OpenFile(path string) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open breached passwords: %w", err)
	}
	info, err := file.Stat()
	f := &File{file: file}
	if err == nil {
		f.size = info.Size()
		err = f.check()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open breached passwords: %w", err), file.Close())
	}
	return f, nil
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

// check compares lines from all over the file.
func (f *File) check() error {
	first, err := f.read(0, lineSpace)
	if err != nil {
		return err
	}
	text, _, _ := bytes.Cut(first, newline)
	last, ok := hashOf(text)
	if !ok {
		return errNotHashes
	}
	for i := int64(1); i < samples && f.size > fileTail; i++ {
		at, err := f.lineBehind(f.size / samples * i)
		switch {
		case errors.Is(err, errTorn):
			continue
		case err != nil:
			return err
		case bytes.Compare(at.hash[:], last[:]) < 0:
			return errNotSorted
		}
		last = at.hash
	}
	return nil
}

var newline = []byte{'\n'}

// hashOf reads a line.
func hashOf(line []byte) (hash [sha1.Size]byte, ok bool) {
	const digits = 2 * sha1.Size
	if len(line) < digits || len(line) > digits && line[digits] != ':' && line[digits] != '\r' {
		return hash, false
	}
	_, err := hex.Decode(hash[:], line[:digits])
	return hash, err == nil
}

// read returns up to n bytes of the file, fewer at its end.
func (f *File) read(at, n int64) ([]byte, error) {
	buf := make([]byte, min(n, f.size-at))
	got, err := f.file.ReadAt(buf, at)
	if got == len(buf) {
		return buf, nil
	}
	return nil, fmt.Errorf("read breached passwords: %w", err)
}

// A line is one of the file.
type line struct {
	hash       [sha1.Size]byte
	start, end int64 // end is behind the line's own
}

// lineBehind returns the first readable line that begins behind a place, which is not near the end; errTorn if none does within
// reach.
func (f *File) lineBehind(at int64) (line, error) {
	buf, err := f.read(at, fileTail/2)
	if err != nil {
		return line{}, err
	}
	for start := 0; ; {
		i := bytes.IndexByte(buf[start:], '\n')
		if i < 0 {
			return line{}, errTorn
		}
		start += i + 1
		text, _, whole := bytes.Cut(buf[start:], newline)
		if hash, ok := hashOf(text); ok && whole {
			return line{hash, at + int64(start), at + int64(start+len(text)+1)}, nil
		}
	}
}

// Has implements Breached. The line, if there is one, begins from low on and before high.
func (f *File) Has(ctx context.Context, sum [sha1.Size]byte) (bool, error) {
	low, high := int64(0), f.size
	for high-low > fileTail {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		middle := low + (high-low)/2
		at, err := f.lineBehind(middle)
		if err != nil {
			return false, err
		}
		switch bytes.Compare(at.hash[:], sum[:]) {
		case 0:
			return true, nil
		case -1:
			low = at.end
		default:
			high = at.start // less than before: the line begins within half of what is left
		}
	}
	rest, err := f.read(low, min(high+lineSpace, f.size)-low)
	if err != nil {
		return false, err
	}
	for text := range bytes.SplitSeq(rest, newline) {
		if hash, ok := hashOf(text); ok && hash == sum {
			return true, nil
		}
	}
	return false, nil
}
