package survey

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"io"
	"math"
)

// A sketch remembers a whole table in a fixed space, so that a second survey can say how many rows others have changed.
// People are dealt into buckets by a digest of their key; a bucket holds their number and three sums of 64-bit digests.
// Sums do not depend on the order, and a row that came or went moves nobody else to another bucket.
type sketch struct {
	buckets []bucket
}

type bucket struct {
	count                uint32
	persons, rows, seens uint64
}

// bucketBits: 65,536 buckets take 1.8 MB in memory and tell up to some 600,000 changed rows apart.
const (
	bucketBits  = 16
	bucketCount = 1 << bucketBits
	bucketBytes = 4 + 3*8
)

func newSketch() *sketch { return &sketch{make([]bucket, bucketCount)} }

func (s *sketch) add(m mark) {
	b := &s.buckets[m.person>>(64-bucketBits)]
	b.count++
	b.persons += m.person
	b.rows += m.record
	b.seens += m.seen
}

// MarshalBinary is encoding.BinaryMarshaler's. It is deflated (RFC 1951): of a small table nearly all buckets are empty.
func (s *sketch) MarshalBinary() ([]byte, error) {
	out := make([]byte, 0, bucketCount*bucketBytes)
	for _, b := range s.buckets {
		out = binary.LittleEndian.AppendUint32(out, b.count)
		for _, sum := range []uint64{b.persons, b.rows, b.seens} {
			out = binary.LittleEndian.AppendUint64(out, sum)
		}
	}
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(out); err != nil {
		return nil, err
	}
	err = w.Close()
	return packed.Bytes(), err
}

// errSketch: bytes that are no sketch.
var errSketch = errors.New("not a sketch")

// UnmarshalBinary is encoding.BinaryUnmarshaler's.
func (s *sketch) UnmarshalBinary(packed []byte) error {
	in, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), bucketCount*bucketBytes+1))
	if err != nil || len(in) != bucketCount*bucketBytes {
		return errSketch
	}
	s.buckets = make([]bucket, bucketCount)
	for i := range s.buckets {
		at := in[i*bucketBytes:]
		s.buckets[i] = bucket{
			binary.LittleEndian.Uint32(at), binary.LittleEndian.Uint64(at[4:]), binary.LittleEndian.Uint64(at[12:]), binary.LittleEndian.Uint64(at[20:]),
		}
	}
	return nil
}

// A difference is what happened to a table between two sketches of it.
type difference struct {
	came, went, changed, seen int64
	saturated                 bool // more has changed than can be told
}

// since compares with an earlier sketch.
//
// A bucket that differs held one change or several; from the share of buckets that differ, the number is estimated by
// linear counting (Whang, Vander-Zanden and Taylor, 1990): exact for a handful, within some percent for hundreds of
// thousands.
func (s *sketch) since(earlier *sketch) difference {
	var came, went, changed, seen int64 // buckets
	var more, fewer int64               // people
	for i, now := range s.buckets {
		then := earlier.buckets[i]
		if now.persons != then.persons {
			switch delta := int64(now.count) - int64(then.count); {
			case delta > 0:
				more += delta
				came++
			case delta < 0:
				fewer -= delta
				went++
			default: // as many went as came
				came++
				went++
				more++
				fewer++
			}
			continue
		}
		if now.rows != then.rows {
			changed++
		}
		if now.seens != then.seens {
			seen++
		}
	}
	d := difference{came: more, went: fewer, changed: linear(changed), seen: linear(seen)}
	if came > 0 && went > 0 { // in some buckets one hid the other; alone, the numbers of people are exact
		d.came, d.went = max(more, linear(came)), max(fewer, linear(went))
	}
	d.saturated = came+went+changed >= bucketCount || seen >= bucketCount
	return d
}

// linear estimates how many things have fallen into a number of buckets.
func linear(hit int64) int64 {
	hit = min(hit, bucketCount-1)
	return int64(math.Round(-bucketCount * math.Log1p(-float64(hit)/bucketCount)))
}
