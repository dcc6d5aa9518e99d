package mapping

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"rekey/legacy"
	"rekey/legacy/legacytest"
)

// Each combination of powers has a type that has these and no others.
func TestCombinations(t *testing.T) {
	t.Parallel()
	for p := range powers(1 << 5) {
		source := (&mapped{}).as(p)
		for _, power := range []struct {
			is   powers
			name string
			has  bool
		}{
			{canGet, "Getter", implements[legacy.Getter](source)},
			{canVerify, "Verifier", implements[legacy.Verifier](source)},
			{canList, "Lister", implements[legacy.Lister](source)},
			{canWrite, "Writer", implements[legacy.Writer](source)},
			{canWatch, "Watcher", implements[legacy.Watcher](source)},
			{0xff, "Checker", implements[legacy.Checker](source)},
			{0xff, "Pinger", implements[legacy.Pinger](source)},
			{0xff, "Closer", implements[io.Closer](source)},
		} {
			if want := power.is == 0xff || p&power.is != 0; power.has != want {
				t.Errorf("powers %05b: %s is %v, want %v", p, power.name, power.has, want)
			}
		}
	}
}

func implements[T any](source legacy.Source) bool {
	_, ok := source.(T)
	return ok
}

// bare is a source with no other power.
type bare struct {
	err   error
	asked []string
}

func (b *bare) Lookup(_ context.Context, spellings ...string) ([]legacy.User, error) {
	b.asked = append(b.asked, spellings...)
	return nil, b.err
}

// rich is a source with all that is always passed on.
type rich struct{ bare }

var (
	errChecked = errors.New("checked")
	errPinged  = errors.New("pinged")
	errClosed  = errors.New("closed")
	errWritten = errors.New("written")
)

func (*rich) Check(context.Context) error { return errChecked }
func (*rich) Ping(context.Context) error  { return errPinged }
func (*rich) Close() error                { return errClosed }
func (*rich) Writes() legacy.Writes       { return legacy.Writes{Delete: true} }
func (*rich) Insert(context.Context, legacy.User, legacy.NewPassword) (string, error) {
	return "", errWritten
}
func (*rich) Update(context.Context, legacy.User, legacy.Change) error { return errWritten }
func (*rich) Delete(context.Context, legacy.User) error                { return errWritten }

func TestPowersAreTheSources(t *testing.T) {
	t.Parallel()
	m, err := New(Config{Name: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	memory := m.Wrap(legacytest.NewMemory())
	if !implements[legacy.Getter](memory) || implements[legacy.Lister](memory) || implements[legacy.Verifier](memory) {
		t.Error("a store that can be asked by key and no more has other powers behind a mapping")
	}
	source := m.Wrap(&rich{})
	if implements[legacy.Getter](source) {
		t.Error("a source that cannot be asked by key can behind a mapping")
	}
	for want, got := range map[error]error{
		errChecked: source.(legacy.Checker).Check(t.Context()),
		errPinged:  source.(legacy.Pinger).Ping(t.Context()),
		errClosed:  source.(io.Closer).Close(),
		errWritten: source.(legacy.Writer).Delete(t.Context(), legacy.User{}),
	} {
		if !errors.Is(got, want) {
			t.Errorf("%v instead of %v", got, want)
		}
	}
}

// A source that cannot be checked or pinged is asked for nobody, and whatever it answers it is there.
func TestProbeOfABareSource(t *testing.T) {
	t.Parallel()
	m, err := New(Config{Name: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	down := errors.New("no answer")
	for name, test := range map[string]struct{ answer, want error }{
		"nobody":     {nil, nil},
		"too many":   {legacy.ErrTooMany, nil},
		"unreadable": {&legacy.RowError{Key: "1"}, nil},
		"mapping":    {legacy.ErrMapping, legacy.ErrMapping},
		"down":       {down, down},
	} {
		source := &bare{err: test.answer}
		wrapped := m.Wrap(source)
		for _, got := range []error{wrapped.(legacy.Checker).Check(t.Context()), wrapped.(legacy.Pinger).Ping(t.Context())} {
			if !errors.Is(got, test.want) {
				t.Errorf("%s: %v, want %v", name, got, test.want)
			}
		}
		if len(source.asked) != 2 {
			t.Errorf("%s: asked %q", name, source.asked)
		}
		if err := wrapped.(io.Closer).Close(); err != nil {
			t.Errorf("%s: Close: %v", name, err)
		}
	}
}

// What is not known to be without values is not told.
func TestReasonOfTellsNoValue(t *testing.T) {
	t.Parallel()
	if got := reasonOf(errors.New("something new about hunter2")); got != "it fails" {
		t.Errorf("%q", got)
	}
}

// A spelling that nobody can have is asked as it is: it costs no more than that.
func TestShapesAreBounded(t *testing.T) {
	t.Parallel()
	for _, spelling := range []string{"", strings.Repeat("é", 50_000), "\xff\xfe"} {
		if shapes := (Sanitise{}).shapes(spelling); len(shapes) != 1 || shapes[0] != spelling {
			t.Errorf("%.10q: %d shapes", spelling, len(shapes))
		}
	}
	if shapes := (Sanitise{}).shapes("Ren\u00e9"); len(shapes) != 9 {
		t.Errorf("%q", shapes)
	}
}
