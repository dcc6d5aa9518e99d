package survey

import (
	"bufio"
	"cmp"
	"container/heap"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// A claim says that a person has an identifier. Claims lie in a file, in the order in which they were made; at the end
// they are sorted by parts into a second file, and the parts are merged, so that memory holds one part however many
// people there are. The first file is only ever appended to: whenever the process ends, a prefix of it is whole.
type claim struct {
	high, low uint64 // the identifier's digest
	person    uint64 // the source's index in the upper 8 bits, then the person's number in it, from 0
}

const (
	claimBytes  = 24
	partClaims  = 1 << 19 // 12 MiB sorted at a time
	mergeBuffer = 32 << 10
	personBits  = 56
)

func personOf(source int, number int64) uint64 {
	return uint64(source)<<personBits | uint64(number)&(1<<personBits-1)
}
func sourceOf(person uint64) int   { return int(person >> personBits) }
func numberOf(person uint64) int64 { return int64(person & (1<<personBits - 1)) }

func compareClaims(a, b claim) int {
	return cmp.Or(cmp.Compare(a.high, b.high), cmp.Compare(a.low, b.low), cmp.Compare(a.person, b.person))
}

func (c claim) appendTo(out []byte) []byte {
	for _, word := range []uint64{c.high, c.low, c.person} {
		out = binary.LittleEndian.AppendUint64(out, word)
	}
	return out
}

func readClaim(in []byte) claim {
	return claim{binary.LittleEndian.Uint64(in), binary.LittleEndian.Uint64(in[8:]), binary.LittleEndian.Uint64(in[16:])}
}

// An idFile is the file of claims.
type idFile struct {
	f       *os.File
	w       *bufio.Writer
	claims  int64
	scratch [claimBytes]byte
}

// openIDs takes over a file that holds so many claims; what stands behind them was written and not counted.
func openIDs(f *os.File, claims int64) (*idFile, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() < claims*claimBytes {
		return nil, fmt.Errorf("%w: %s is shorter than the state file says", ErrState, f.Name())
	}
	if err := f.Truncate(claims * claimBytes); err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekEnd); err != nil {
		return nil, err
	}
	return &idFile{f: f, w: bufio.NewWriterSize(f, 256<<10), claims: claims}, nil
}

func (d *idFile) add(claims []claim) error {
	for _, c := range claims {
		if _, err := d.w.Write(c.appendTo(d.scratch[:0])); err != nil {
			return err
		}
	}
	d.claims += int64(len(claims))
	return nil
}

// flush makes what was added survive the process.
func (d *idFile) flush() error { return errors.Join(d.w.Flush(), d.f.Sync()) }

// groups calls each for every identifier that several people claim, in the order of digests. people are those who do, at
// most maxHolders of them, the first by source and number; count says how many there are, by source.
func (d *idFile) groups(ctx context.Context, each func(digest claim, people []uint64, count map[int]int64)) error {
	if err := d.flush(); err != nil {
		return err
	}
	sorted, err := os.CreateTemp(filepath.Dir(d.f.Name()), filepath.Base(d.f.Name())+".sorted-*")
	if err != nil {
		return err
	}
	err = d.sortInto(ctx, sorted)
	if err == nil {
		err = d.merge(ctx, sorted, each)
	}
	return errors.Join(err, sorted.Close(), os.Remove(sorted.Name()))
}

// merge reads the sorted parts side by side.
func (d *idFile) merge(ctx context.Context, sorted *os.File, each func(claim, []uint64, map[int]int64)) error {
	var queue mergeQueue
	for from := int64(0); from < d.claims; from += partClaims {
		part := io.NewSectionReader(sorted, from*claimBytes, min(partClaims, d.claims-from)*claimBytes)
		m := &mergePart{r: bufio.NewReaderSize(part, mergeBuffer)}
		if err := m.next(); err != nil {
			return err
		}
		queue = append(queue, m)
	}
	heap.Init(&queue)
	var g group
	for n := 0; len(queue) > 0; n++ {
		if n%100_000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		g.take(queue[0].head, each)
		switch err := queue[0].next(); {
		case errors.Is(err, io.EOF):
			heap.Pop(&queue)
		case err != nil:
			return err
		default:
			heap.Fix(&queue, 0)
		}
	}
	g.end(each)
	return nil
}

// sortInto writes the claims to another file, sorted part by part.
func (d *idFile) sortInto(ctx context.Context, sorted *os.File) error {
	raw := make([]byte, min(partClaims, d.claims)*claimBytes)
	claims := make([]claim, 0, min(partClaims, d.claims))
	for from := int64(0); from < d.claims; from += partClaims {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := raw[:min(partClaims, d.claims-from)*claimBytes]
		if _, err := d.f.ReadAt(part, from*claimBytes); err != nil {
			return err
		}
		claims = claims[:0]
		for at := 0; at < len(part); at += claimBytes {
			claims = append(claims, readClaim(part[at:]))
		}
		slices.SortFunc(claims, compareClaims)
		part = part[:0]
		for _, c := range claims {
			part = c.appendTo(part)
		}
		if _, err := sorted.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// maxHolders is how many people of a group are kept: some field is "n/a" for half of all people.
const maxHolders = 8

// A group collects the claims to one identifier.
type group struct {
	digest claim
	people []uint64
	count  map[int]int64
	total  int64
}

func (g *group) take(c claim, each func(claim, []uint64, map[int]int64)) {
	if g.total == 0 || c.high != g.digest.high || c.low != g.digest.low {
		g.end(each)
		*g = group{digest: c, people: g.people[:0]}
	}
	g.total++
	if len(g.people) < maxHolders {
		g.people = append(g.people, c.person)
	}
	switch {
	case g.count != nil:
		g.count[sourceOf(c.person)]++
	case g.total == 2: // most identifiers have one holder and need no map
		g.count = map[int]int64{}
		g.count[sourceOf(g.people[0])]++
		g.count[sourceOf(c.person)]++
	}
}

func (g *group) end(each func(claim, []uint64, map[int]int64)) {
	if g.total > 1 {
		each(g.digest, g.people, g.count)
	}
}

// A mergePart is a sorted part that is being read.
type mergePart struct {
	r    *bufio.Reader
	head claim
}

// next returns io.EOF at the end of the part.
func (m *mergePart) next() error {
	var raw [claimBytes]byte
	if _, err := io.ReadFull(m.r, raw[:]); err != nil {
		return err
	}
	m.head = readClaim(raw[:])
	return nil
}

// A mergeQueue is a heap.Interface: the part with the least head comes first.
type mergeQueue []*mergePart

func (q mergeQueue) Len() int           { return len(q) }
func (q mergeQueue) Less(i, j int) bool { return compareClaims(q[i].head, q[j].head) < 0 }
func (q mergeQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }

// Push is heap.Interface's.
func (q *mergeQueue) Push(x any) {
	if m, ok := x.(*mergePart); ok {
		*q = append(*q, m)
	}
}

// Pop is heap.Interface's.
func (q *mergeQueue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
