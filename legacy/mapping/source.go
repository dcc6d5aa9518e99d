package mapping

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"rekey/legacy"
)

// Wrap puts the mapping before a source. What it returns is a legacy.Getter, Verifier, Lister, Writer and Watcher exactly
// where source is one, and a legacy.ManyGetter where it is a Getter. It is always a legacy.Checker, a legacy.Pinger, a legacy.Searcher, a legacy.ManyFinder and an io.Closer: a source that cannot be
// checked or pinged is asked for somebody who does not exist, one that cannot be closed needs no closing, and one that cannot be
// searched, or asked for many, says so by Searches and FindsMany. A Lister is a legacy.Cutter too, which Cuts
// where source does.
//
// People whom Keep refuses do not exist: Lookup and List leave them out, Get says ErrNoUser. If an expression has no result
// for a person, Lookup and Get return an error that wraps a *legacy.RowError ("cannot tell"), and List counts the person
// among those whose record cannot be read.
//
// It is always a legacy.Counter too: one that says legacy.ErrNotCounted where source is none, or where Keep leaves people out.
//
// Of changes only keys are told, also of those who are not kept: Get says who is.
//
// Fields that Set gives a value are not written back: what is written there would not be what is read. Who is not kept is
// not there to be written to.
//
// Lookup finds somebody by what the store holds, not by what an expression has made of it. An identifier that is set to
// something else, or that is mended in a way that cannot be asked for, is reported as Unreachable.
func (m *Mapping) Wrap(source legacy.Source) legacy.Source {
	s := &mapped{mapping: m, source: source}
	s.getter, _ = source.(legacy.Getter)
	s.verifier, _ = source.(legacy.Verifier)
	s.lister, _ = source.(legacy.Lister)
	s.cutter, _ = source.(legacy.Cutter)
	s.writer, _ = source.(legacy.Writer)
	s.watcher, _ = source.(legacy.Watcher)
	return s.as(s.powers())
}

// mapped is a source behind a mapping: what every source can do, and, in lower case, what some can. Powers put the
// latter under their own names.
type mapped struct {
	mapping *Mapping
	source  legacy.Source

	// The source's powers; nil where it has them not.
	getter   legacy.Getter
	verifier legacy.Verifier
	lister   legacy.Lister
	cutter   legacy.Cutter // a lister's
	writer   legacy.Writer
	watcher  legacy.Watcher
}

// Lookup implements legacy.Source.
func (s *mapped) Lookup(ctx context.Context, spellings ...string) ([]legacy.User, error) {
	begun := time.Now()
	users, err := s.source.Lookup(ctx, s.mapping.clean.ask(spellings)...)
	s.mapping.tell(ctx, begun, len(users), err)
	if err != nil {
		return nil, err
	}
	kept, bad := s.all(users)
	if len(bad) > 0 {
		return nil, s.fail("map a user", bad)
	}
	return kept, nil
}

// Check implements legacy.Checker.
func (s *mapped) Check(ctx context.Context) error {
	if checker, ok := s.source.(legacy.Checker); ok {
		return checker.Check(ctx)
	}
	return s.askNobody(ctx)
}

// Ping implements legacy.Pinger.
func (s *mapped) Ping(ctx context.Context) error {
	if pinger, ok := s.source.(legacy.Pinger); ok {
		return pinger.Ping(ctx)
	}
	return s.askNobody(ctx)
}

// FindsMany implements legacy.ManyFinder.
func (s *mapped) FindsMany() bool { return legacy.FindsMany(s.source) != nil }

// FindMany implements legacy.ManyFinder.
func (s *mapped) FindMany(ctx context.Context, spellings []string) ([]legacy.User, error) {
	finder := legacy.FindsMany(s.source)
	if finder == nil {
		return nil, s.fail("find users", []error{errNoFinder})
	}
	begun := time.Now()
	users, err := finder.FindMany(ctx, s.mapping.clean.ask(spellings))
	rows, err := legacy.RowErrors(err)
	s.mapping.tell(ctx, begun, len(users), err)
	if err != nil {
		return nil, err
	}
	return s.allBut(rows, users, "find users")
}

var errNoFinder = errors.New("the source cannot be asked for many people at once")

// ListsApart implements legacy.Apart.
func (s *mapped) ListsApart() bool { return legacy.ListsApart(s.source) }

// Searches implements legacy.Searcher.
func (s *mapped) Searches() bool {
	searcher, ok := s.source.(legacy.Searcher)
	return ok && searcher.Searches()
}

var errNoSearch = errors.New("the source cannot be searched")

// Search implements legacy.Searcher. A part is looked for in what the store holds.
func (s *mapped) Search(ctx context.Context, part string, limit int) ([]legacy.User, error) {
	searcher, ok := s.source.(legacy.Searcher)
	if !ok {
		return nil, s.fail("search users", []error{errNoSearch})
	}
	users, err := searcher.Search(ctx, part, limit)
	rows, failed := legacy.RowErrors(err)
	if failed != nil {
		return nil, err
	}
	return s.allBut(rows, users, "search users")
}

// Close implements io.Closer.
func (s *mapped) Close() error {
	if closer, ok := s.source.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// Count implements legacy.Counter.
func (s *mapped) Count(ctx context.Context) (int64, error) {
	counter, ok := s.source.(legacy.Counter)
	if !ok || s.mapping.keep != nil {
		return 0, legacy.ErrNotCounted
	}
	return counter.Count(ctx)
}

// nobody has this name: no domain ends so (RFC 2606).
const nobody = "rekey-asks-for-nobody@rekey.invalid"

// askNobody asks for somebody who does not exist. Any answer will do.
func (s *mapped) askNobody(ctx context.Context) error {
	_, err := s.source.Lookup(ctx, nobody)
	if errors.Is(err, legacy.ErrTooMany) {
		return nil
	}
	_, err = legacy.RowErrors(err)
	return err
}

// one maps one person.
func (s *mapped) one(raw legacy.User) (legacy.User, bool, error) {
	user, kept, err := s.mapping.Apply(raw)
	if err == nil && kept && (s.verifier != nil || s.writer != nil) {
		stored := raw // and not raw itself, which would be on the heap then, needed or not
		user.Extra = map[string]any{originalKey: original{&stored}}
	}
	return user, kept, err
}

// all maps people, and returns those who are kept and why others cannot be told.
func (s *mapped) all(users []legacy.User) (people []legacy.User, bad []error) {
	people = make([]legacy.User, 0, len(users))
	for _, raw := range users {
		user, kept, err := s.one(raw)
		switch {
		case err != nil:
			bad = append(bad, err)
		case kept:
			people = append(people, user)
		}
	}
	return people, bad
}

// allBut is all beside rows that the source could not read, whose error says what was done.
func (s *mapped) allBut(rows []*legacy.RowError, users []legacy.User, doing string) ([]legacy.User, error) {
	people, bad := s.all(users)
	for _, row := range rows {
		bad = append(bad, row)
	}
	if len(bad) > 0 {
		return people, s.fail(doing, bad)
	}
	return people, nil
}

// fail is the error of a question in which people could not be told.
func (s *mapped) fail(doing string, errs []error) error {
	return fmt.Errorf("legacy source %s: %s: %w", s.mapping.name, doing, errors.Join(errs...))
}

func (s *mapped) get(ctx context.Context, id string) (legacy.User, error) {
	begun := time.Now()
	raw, err := s.getter.Get(ctx, id)
	s.mapping.tell(ctx, begun, 1, err)
	if err != nil {
		return legacy.User{}, err
	}
	user, kept, err := s.one(raw)
	switch {
	case err != nil:
		return legacy.User{}, s.fail("map a user", []error{err})
	case !kept:
		return legacy.User{}, legacy.ErrNoUser
	}
	return user, nil
}

func (s *mapped) getMany(ctx context.Context, ids []string) ([]legacy.User, error) {
	begun := time.Now()
	users, err := legacy.GetMany(ctx, s.getter, ids)
	rows, err := legacy.RowErrors(err)
	s.mapping.tell(ctx, begun, len(users), err)
	if err != nil {
		return nil, err
	}
	return s.allBut(rows, users, "map users")
}

// An original is a person as the source itself returned them. It travels in Extra of the mapped person, because a source
// that verifies passwords or is written to has to be asked about the person that it knows, by the name that it knows. It prints as a
// placeholder.
type original struct{ user *legacy.User }

const (
	originalKey    = "\x00original"
	originalHidden = "[person as stored]"
)

// String hides the person.
func (original) String() string { return originalHidden }

// GoString hides the person from %#v.
func (original) GoString() string { return originalHidden }

// MarshalText hides the person from JSON and slog.
func (original) MarshalText() ([]byte, error) { return []byte(originalHidden), nil }

// verify asks about the person as the source knows them. A person who does not come from this source's Lookup is read
// again where that is possible.
func (s *mapped) verify(ctx context.Context, user legacy.User, password []byte) error {
	if stored, ok := user.Extra[originalKey].(original); ok && stored.user.ID == user.ID {
		return s.verifier.Verify(ctx, *stored.user, password)
	}
	if s.getter != nil {
		stored, err := s.getter.Get(ctx, user.ID)
		if err != nil {
			return err
		}
		user = stored
	}
	return s.verifier.Verify(ctx, user, password)
}
