package argon2

import "sync"

// syncPoints is how many slices each pass has: between two of them lanes wait for one another.
const syncPoints = 4

// A filling is one derivation: lanes of blocks, each of which is made from the one before it and from another one.
type filling struct {
	Params
	*memory
	lanes, laneLen, sliceLen uint32 // the lengths in blocks
	compress                 func(out, a, b, tmp *block, xor bool)
}

// fill fills the memory (RFC 9106, section 3.2, steps 5 and 6).
func (f *filling) fill(borrow func(int) (int, func())) {
	extra := uint32(0)
	if borrow != nil && f.lanes > 1 {
		got, giveBack := borrow(int(f.lanes) - 1)
		defer giveBack()
		extra = min(uint32(max(got, 0)), f.lanes-1)
	}
	for pass := range f.Time {
		for slice := range uint32(syncPoints) {
			if extra > 0 {
				f.together(pass, slice, extra+1)
				continue
			}
			for lane := range f.lanes {
				f.segment(pass, slice, lane)
			}
		}
	}
}

// together fills the segments of all lanes on so many processors. A panic of one of them is the caller's.
func (f *filling) together(pass, slice, processors uint32) {
	g := *f // so that f itself need not be on the heap where this is not called
	var all sync.WaitGroup
	var once sync.Once
	var panicked any
	for first := uint32(1); first < processors; first++ {
		all.Go(func() {
			defer func() {
				if v := recover(); v != nil {
					once.Do(func() { panicked = v })
				}
			}()
			g.segments(pass, slice, first, processors)
		})
	}
	func() {
		defer all.Wait()
		f.segments(pass, slice, 0, processors)
	}()
	if panicked != nil {
		panic(panicked)
	}
}

// segments fills those of one lane, and of each that comes so many after it.
func (f *filling) segments(pass, slice, first, every uint32) {
	for lane := first; lane < f.lanes; lane += every {
		f.segment(pass, slice, lane)
	}
}

// segment fills a slice of a lane. The other block of each is told by J1 and J2 (RFC 9106, section 3.4.1): the first word of the block
// before, or one of a block of addresses, which depend on nothing that is secret.
func (f *filling) segment(pass, slice, lane uint32) {
	w := &f.work[lane]
	byCounter := f.Variant == I || f.Variant == ID && pass == 0 && slice < syncPoints/2
	if byCounter {
		w.counter = block{uint64(pass), uint64(lane), uint64(slice), uint64(len(f.blocks)), uint64(f.Time), uint64(f.Variant)}
	}
	first := uint32(0)
	if pass == 0 && slice == 0 {
		first = 2 // those of the seed
	}
	window := f.window(pass, slice)
	start := lane * f.laneLen
	own := f.blocks[start : start+f.laneLen]
	xor := pass > 0 && f.Version == Version13
	for i := first; i < f.sliceLen; i++ {
		at := slice*f.sliceLen + i
		before := at - 1
		if at == 0 {
			before = f.laneLen - 1
		}
		prev := &own[before]
		j := prev[0]
		if byCounter {
			if i%words == 0 || i == first {
				f.addresses(w, i)
			}
			j = w.addresses[i%words]
		}
		from := lane
		if f.lanes > 1 && (pass > 0 || slice > 0) {
			from = uint32(j>>32) % f.lanes
		}
		other := &f.blocks[from*f.laneLen+window.block(uint32(j), i, from == lane)]
		f.compress(&own[at], prev, other, &w.tmp, xor)
	}
}

// addresses makes the block of addresses that the i-th block of a segment is in.
func (f *filling) addresses(w *work, i uint32) {
	w.counter[6] = uint64(i/words) + 1
	f.compress(&w.addresses, &zero, &w.counter, &w.tmp, false)
	w.made = w.addresses
	f.compress(&w.addresses, &zero, &w.made, &w.tmp, false)
}

var zero block

// A window is what of a lane may be referred to while a segment is filled (RFC 9106, section 3.4.2): the slices that are done, in a ring.
type window struct {
	first, blocks, laneLen uint32
}

func (f *filling) window(pass, slice uint32) window {
	if pass == 0 {
		return window{0, slice * f.sliceLen, f.laneLen}
	}
	return window{(slice + 1) % syncPoints * f.sliceLen, (syncPoints - 1) * f.sliceLen, f.laneLen}
}

// block maps J1 to a block of a lane, the recent ones being likelier, while the i-th block of a segment is made. Of the own lane what the
// segment has is there too, but for the block before, which is used anyway; of another one the last block is not there yet if this is the
// first.
func (w window) block(j1, i uint32, own bool) uint32 {
	n := w.blocks
	switch {
	case own:
		n += i - 1
	case i == 0:
		n--
	}
	x := uint64(j1)
	x = x * x >> 32
	at := w.first + n - 1 - uint32(uint64(n)*x>>32)
	if at >= w.laneLen {
		at -= w.laneLen
	}
	return at
}
