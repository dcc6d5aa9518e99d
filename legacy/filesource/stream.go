package filesource

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// How much of an export is believed. People's records compress by 5 to 30; what expands more than that is no export.
const (
	maxRatio     = 200      // bytes that one byte of a compressed export may become
	ratioSlack   = 16 << 20 // bytes that any export may have, so that small and repetitive ones pass
	maxExpanded  = 1 << 40  // bytes at most, whatever the ratio
	maxZstd      = 32 << 20 // window in bytes: zstd -19 writes 8 MiB; --long and --ultra need more and are refused
	readBuffer   = 64 << 10 // bytes
	maxRecord    = 1 << 20  // bytes of one record; longer ones are skipped and reported
	longestMagic = 4
)

// Byte order marks and compressions by what files begin with.
var (
	markUTF8   = []byte{0xef, 0xbb, 0xbf}
	markUTF16L = []byte{0xff, 0xfe}
	markUTF16B = []byte{0xfe, 0xff}
	magicGzip  = []byte{0x1f, 0x8b}
	magicZstd  = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// errExpands is told of a compressed export that grows beyond what is believed.
var errExpands = fmt.Errorf("it expands to more than %d times its size", maxRatio)

// A counter counts the bytes that pass, and stops when the context has ended: a file of one line of a terabyte is
// read without a record in between.
type counter struct {
	ctx  context.Context //nolint:containedctx // lives as long as one reading, and io.Reader has no place for it
	from io.Reader
	n    int64
}

// Read is io.Reader's.
func (c *counter) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.from.Read(p)
	c.n += int64(n)
	return n, err
}

// A limit is a reader of a compressed export that fails beyond the ratio.
type limit struct {
	from       io.Reader
	compressed *counter
	n          int64
}

// Read is io.Reader's.
func (l *limit) Read(p []byte) (int, error) {
	n, err := l.from.Read(p)
	l.n += int64(n)
	if l.n > maxExpanded || l.n > ratioSlack+maxRatio*l.compressed.n {
		return 0, errExpands
	}
	return n, err
}

// A stream is the text of an export: decompressed, without a byte order mark.
type stream struct {
	*bufio.Reader
	line  int64  // of the next byte, from 1
	given *int64 // bytes of the text that the Reader was given
	close func()
}

// openStream looks at the first bytes of an export. The caller closes the stream, and the file behind from itself.
func openStream(from *counter) (*stream, error) {
	raw := bufio.NewReaderSize(from, readBuffer)
	magic, err := raw.Peek(longestMagic)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	s := &stream{Reader: raw, line: 1, given: &from.n, close: func() {}}
	switch {
	case bytes.HasPrefix(magic, magicGzip):
		z, err := gzip.NewReader(raw)
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		s.expand(z, from)
	case bytes.HasPrefix(magic, magicZstd):
		z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstd))
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
		s.expand(z, from)
		s.close = z.Close
	}
	first, err := s.Peek(len(markUTF8))
	if err != nil && !errors.Is(err, io.EOF) {
		s.close()
		return nil, err
	}
	switch {
	case bytes.HasPrefix(first, markUTF8):
		_, err = s.Discard(len(markUTF8)) // was peeked, so it is there
	case bytes.HasPrefix(first, markUTF16L), bytes.HasPrefix(first, markUTF16B):
		s.close()
		return nil, &mappingError{"it is UTF-16; convert it to UTF-8"}
	default:
		err = nil
	}
	return s, err
}

// expand reads the text of a compressed export.
func (s *stream) expand(text io.Reader, compressed *counter) {
	bounded := &limit{from: text, compressed: compressed}
	s.Reader, s.given = bufio.NewReaderSize(bounded, readBuffer), &bounded.n
}

// offset is where the next byte stands in the decompressed text, any byte order mark included.
func (s *stream) offset() int64 { return *s.given - int64(s.Buffered()) }

// skipTo goes on at an offset ahead that another stream of the same text has told, with the line that it was in.
func (s *stream) skipTo(offset, line int64) error {
	ahead := offset - s.offset()
	n, err := io.CopyN(io.Discard, s.Reader, ahead)
	if errors.Is(err, io.EOF) || isTorn(err) || n != ahead && err == nil {
		return errChanged // it was once longer
	}
	s.line = line
	return err
}

// next returns the next byte and counts lines.
func (s *stream) next() (byte, error) {
	c, err := s.ReadByte()
	if c == '\n' && err == nil {
		s.line++
	}
	return c, err
}

// until takes what is at hand before the first of two bytes, perhaps nothing. It is valid until the next.
func (s *stream) until(a, b byte) []byte {
	part, err := s.Peek(s.Buffered())
	if err != nil { // what is buffered can be peeked
		return nil
	}
	for _, c := range [...]byte{a, b} {
		if i := bytes.IndexByte(part, c); i >= 0 {
			part = part[:i]
		}
	}
	s.line += int64(bytes.Count(part, []byte{'\n'}))
	_, _ = s.Discard(len(part)) // likewise
	return part
}

// back undoes the last next, which returned c.
func (s *stream) back(c byte) error {
	if c == '\n' {
		s.line--
	}
	return s.UnreadByte()
}

// skipSpace returns the next byte that is not white space.
func (s *stream) skipSpace() (byte, error) {
	for {
		c, err := s.next()
		if err != nil || !isJSONSpace(c) {
			return c, err
		}
	}
}

// first returns the first byte that is not white space, without taking it or what is before it: at most 4 KiB.
func (s *stream) first() (byte, error) {
	const far = 4 << 10
	ahead, err := s.Peek(far)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if ahead = bytes.TrimLeft(ahead, " \t\r\n"); len(ahead) == 0 {
		return 0, io.EOF
	}
	return ahead[0], nil
}

// isTorn reports whether a stream ended before its end: a download or a disk that stopped half way.
func isTorn(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }
