package limit

import "container/heap"

// A table keeps one time for each of a bounded number of keys and can find the earliest. It is not safe for concurrent
// use, but get may run beside get.
type table struct {
	size  int
	byKey map[uint64]*item
	heap  earliest
}

type item struct {
	key   uint64
	at    int64 // microseconds
	place int   // in the heap
}

func newTable(size int) table { return table{size: size, byKey: map[uint64]*item{}} }

func (t *table) get(key uint64) (at int64, ok bool) {
	if i := t.byKey[key]; i != nil {
		return i.at, true
	}
	return 0, false
}

// set keeps at for key. If there was no room it first forgets the key with the earliest time, and returns that time.
func (t *table) set(key uint64, at int64) (evicted int64, full bool) {
	if i := t.byKey[key]; i != nil {
		i.at = at
		heap.Fix(&t.heap, i.place)
		return 0, false
	}
	if len(t.heap) >= t.size {
		evicted, full = t.heap[0].at, true
		t.drop(t.heap[0].key)
	}
	i := &item{key: key, at: at}
	t.byKey[key] = i
	heap.Push(&t.heap, i)
	return evicted, full
}

func (t *table) drop(key uint64) {
	if i := t.byKey[key]; i != nil {
		heap.Remove(&t.heap, i.place)
		delete(t.byKey, key)
	}
}

// trim forgets up to two keys whose time has passed. Called before each set it keeps the table no larger than what is
// alive, with no pause and no goroutine: at most one key comes for two that may go.
func (t *table) trim(now int64) {
	for range 2 {
		if len(t.heap) == 0 || t.heap[0].at > now {
			return
		}
		t.drop(t.heap[0].key)
	}
}

// earliest implements heap.Interface.
type earliest []*item

func (h earliest) Len() int           { return len(h) }
func (h earliest) Less(i, j int) bool { return h[i].at < h[j].at }

func (h earliest) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *earliest) Push(x any) {
	i := x.(*item) //nolint:errcheck,forcetypeassert // table pushes nothing else
	i.place = len(*h)
	*h = append(*h, i)
}

func (h *earliest) Pop() any {
	last := len(*h) - 1
	i := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return i
}
