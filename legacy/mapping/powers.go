package mapping

import (
	"context"
	"time"

	"rekey/legacy"
)

// Whoever uses a source finds its powers by type assertion, so a wrapper must have exactly those of what it wraps: one
// that says it can list and cannot is found out only when a sweep fails. A type has its methods from when it is compiled,
// so there is a type for each combination; see combinations.go.
type powers uint8

const (
	canGet powers = 1 << iota
	canVerify
	canList
	canWrite
	canWatch
)

// powers returns what the source can do.
func (s *mapped) powers() powers {
	var p powers
	for _, power := range [...]struct {
		is  powers
		has bool
	}{
		{canGet, s.getter != nil},
		{canVerify, s.verifier != nil},
		{canList, s.lister != nil},
		{canWrite, s.writer != nil},
		{canWatch, s.watcher != nil},
	} {
		if power.has {
			p |= power.is
		}
	}
	return p
}

// Each power is a type of its methods. It is made only for a source that has the power.
type (
	withGet    struct{ m *mapped }
	withVerify struct{ m *mapped }
	withList   struct{ m *mapped }
	withWrite  struct{ m *mapped }
	withWatch  struct{ m *mapped }
)

// Get implements legacy.Getter.
func (g withGet) Get(ctx context.Context, id string) (legacy.User, error) { return g.m.get(ctx, id) }

// GetMany implements legacy.ManyGetter: whatever can be read by key is, one by one where the source cannot do more.
func (g withGet) GetMany(ctx context.Context, ids []string) ([]legacy.User, error) {
	return g.m.getMany(ctx, ids)
}

// Verify implements legacy.Verifier.
func (v withVerify) Verify(ctx context.Context, user legacy.User, password []byte) error {
	return v.m.verify(ctx, user, password)
}

// List implements legacy.Lister.
func (l withList) List(ctx context.Context, after string, limit int) ([]legacy.User, error) {
	return l.m.list(ctx, after, limit, l.m.lister.List)
}

// Cuts implements legacy.Cutter, for a source that is one.
func (l withList) Cuts() bool { return l.m.cutter != nil && l.m.cutter.Cuts() }

// Cut implements legacy.Cutter. People who are not kept count: a piece has up to n.
func (l withList) Cut(ctx context.Context, after string, n int) (string, error) {
	return l.m.cutter.Cut(ctx, after, n)
}

// ListTo implements legacy.Cutter.
func (l withList) ListTo(ctx context.Context, after, through string, limit int) ([]legacy.User, error) {
	return l.m.listTo(ctx, after, through, limit)
}

// Writes implements legacy.Writer.
func (w withWrite) Writes() legacy.Writes { return w.m.writes() }

// Insert implements legacy.Writer.
func (w withWrite) Insert(ctx context.Context, user legacy.User, pw legacy.NewPassword) (string, error) {
	return w.m.insert(ctx, user, pw)
}

// Update implements legacy.Writer.
func (w withWrite) Update(ctx context.Context, was legacy.User, change legacy.Change) error {
	return w.m.update(ctx, was, change)
}

// Delete implements legacy.Writer.
func (w withWrite) Delete(ctx context.Context, was legacy.User) error { return w.m.remove(ctx, was) }

// Watches implements legacy.Watcher.
func (w withWatch) Watches() bool { return w.m.watcher.Watches() }

// Changed implements legacy.Watcher.
func (w withWatch) Changed(ctx context.Context, after string, back time.Duration, limit int) (legacy.Changes, error) {
	return w.m.watcher.Changed(ctx, after, back, limit)
}

// Newest implements legacy.Watcher.
func (w withWatch) Newest(ctx context.Context) (string, error) { return w.m.watcher.Newest(ctx) }
