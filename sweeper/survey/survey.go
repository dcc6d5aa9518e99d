// Package survey answers what has to be known before the first account is moved: how many people an old store has, in
// which password schemes, what cannot be read, who shares an identifier with whom, what depends on the store, how many
// people will come by themselves, and how long moving the others would take on this machine.
//
// It serves `rekey plan`. It reads sources, once from end to end and no faster than it is told, and never writes to one;
// the only thing it keeps is its own state file. Memory does not grow with the number of people: what has to be compared
// with everything else lies sorted on disk, as keyed digests. No report holds a password, a hash, a whole identifier or
// a byte of a value that could be a password.
package survey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rekey/legacy"
	"rekey/legacy/hash"
)

// A Source is a legacy store under its configured name.
type Source struct {
	Name   string
	Source legacy.Source
	// About is what the state file must have been made for: anything that changes if the source is configured to read
	// something else. It must not hold a secret.
	About string
	// TellsVerified: the source says of an e-mail address whether it is verified. Without that, nobody's being verified is
	// taken to mean that it does not.
	TellsVerified bool
	// Check tells a mistake of configuration before the walk; nil where there is nothing to check.
	Check func(context.Context) error
	// Inspect tells what depends on the store; nil where that cannot be asked.
	Inspect func(context.Context) (Dependents, error)
	// Notes tells what had to be mended in the people that were read through Source since it was opened; nil: nothing is.
	Notes func() []Note
}

// A Note is something that was found about one field of many people, and mended, or left out.
type Note struct {
	What  string   `json:"what"`
	Field string   `json:"field,omitempty"`
	Count int64    `json:"count"`
	Keys  []string `json:"keys,omitempty"` // of the first few
}

// Config says what to look at. Sources and Hashes are required.
type Config struct {
	Sources []Source // in order of precedence
	Hashes  *hash.Registry
	Bench   Bench

	Rate    float64 // people read in a second, at most; 0: as fast as it goes
	Limit   int64   // people of each source, the first by key; 0: all
	State   string  // path of the file by which an interrupted survey goes on, and the next one compares; "": none
	Scratch string  // folder for what is sorted while there is no State; "": the system's

	Now      func() time.Time // nil: time.Now
	Progress func(Progress)   // called from one goroutine, after each page; nil: nobody looks
}

// Progress is how far a survey is.
type Progress struct {
	Source string
	Done   int64 // people read of this source
	Total  int64 // as the store estimates them; 0 where it does not
}

// maxSources is what fits beside a person's number in one record, see ids.go.
const maxSources = 1 << 8

// Errors of Run that a caller tells apart from a store that does not answer.
var (
	// ErrState: the state file cannot be used: it is not ours, was made for other sources or another limit, or is in use.
	ErrState = errors.New("the state file cannot be used")
	// ErrSources: there is nothing to look at, or two sources have one name.
	ErrSources = errors.New("no sources to look at")
)

// Run looks at every source and returns the report. If it ends early, by its context or by a store that does not answer
// any more, and there is a state file, the next Run with the same configuration goes on where this one was.
//
// A configuration that the store contradicts comes back as an error that wraps legacy.ErrMapping. Nothing in an error is
// secret.
func Run(ctx context.Context, c Config) (*Report, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Progress == nil {
		c.Progress = func(Progress) {}
	}
	s := &survey{c: c}
	err := s.open()
	if err != nil {
		return nil, err
	}
	report, err := s.run(ctx)
	return report, errors.Join(err, s.close(err == nil))
}

func (c *Config) check() error {
	if len(c.Sources) == 0 {
		return ErrSources
	}
	if len(c.Sources) > maxSources {
		return fmt.Errorf("%w: more than %d", ErrSources, maxSources)
	}
	names := map[string]bool{}
	for _, source := range c.Sources {
		if names[source.Name] {
			return fmt.Errorf("%w: two are called %q", ErrSources, source.Name)
		}
		names[source.Name] = true
	}
	if c.Rate < 0 || c.Limit < 0 {
		return errors.New("a rate and a limit are not negative")
	}
	return nil
}

// takeNotes adds what has been noted since the source was opened to what was noted before, in a survey that goes on.
func (p *progress) takeNotes(source Source) {
	if source.Notes == nil || p.noted {
		return
	}
	p.noted = true
	for _, n := range source.Notes() {
		if n.Count == 0 {
			continue
		}
		i := slices.IndexFunc(p.Notes, func(known Note) bool { return known.What == n.What && known.Field == n.Field })
		if i < 0 {
			n.Keys = n.Keys[:min(len(n.Keys), maxBadKeys)]
			p.Notes = append(p.Notes, n)
			continue
		}
		p.Notes[i].Count += n.Count
		p.Notes[i].Keys = append(p.Notes[i].Keys, n.Keys[:min(len(n.Keys), max(maxBadKeys-len(p.Notes[i].Keys), 0))]...)
	}
}

// A survey is one Run.
type survey struct {
	c     Config
	state *state
	ids   *idFile
	keys  keys
	pace  pacer
	saved time.Time // when the state was last written
}

func (s *survey) run(ctx context.Context) (*Report, error) {
	inspected := make([]*Dependents, len(s.c.Sources))
	for i, source := range s.c.Sources {
		// Before the long walk: what is not as configured is told at once.
		if source.Check != nil {
			if err := source.Check(ctx); err != nil {
				return nil, err
			}
		}
		if source.Inspect != nil {
			found, err := source.Inspect(ctx)
			if err != nil {
				return nil, err
			}
			inspected[i] = &found
		}
	}
	for i := range s.c.Sources {
		var total int64
		if inspected[i] != nil {
			total = inspected[i].Rows
		}
		err := s.walk(ctx, i, total)
		s.state.Sources[i].takeNotes(s.c.Sources[i])
		if err != nil {
			return nil, err
		}
	}
	collisions, err := s.collide(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for identifiers that several people hold: %w", err)
	}
	timing, err := s.c.Bench.measure(ctx)
	if err != nil {
		return nil, fmt.Errorf("measure: %w", err)
	}
	return s.report(inspected, collisions, timing), nil
}
