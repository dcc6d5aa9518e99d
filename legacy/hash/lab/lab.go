// Package lab finds out how an old system made its password hashes, given one stored hash and the password that it is of.
//
// It serves the operator who has a table of hashes, an account of their own in it, and no idea what the application did.
// It asks every scheme of package hash, then tries recipes: a systematic space of digests over password, salt, name and
// pepper, once and in rounds of any number, and PBKDF2. What it returns was verified by package hash, in the very words
// in which a configuration declares it.
//
// It is no password cracker: it knows the password and looks for the formula. It never logs, and no error of it holds a
// byte of a password, a hash or a pepper. It is never part of a login.
package lab

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"rekey/legacy"
	"rekey/legacy/hash"
)

// A Question is one stored hash and what is known of it.
type Question struct {
	Password []byte // the password that the hash is of; best with capitals, digits and a letter beyond ASCII
	Hash     string // the hash column
	Salt     string // the salt column, where there is one
	User     string // the login name as stored
	Pepper   string // a secret of the application, where one is known

	MaxTime  time.Duration  // how long to search; 0 is a minute
	Registry *hash.Registry // nil: one with default bounds

	// Progress is called now and then from the goroutine of Search; nil: nobody wants to know.
	Progress func(Progress)
}

// Progress is how far a search is.
type Progress struct {
	Stage   string // what is tried, for people
	Tried   int64  // digests computed
	Elapsed time.Duration
}

// An Answer is a scheme or a recipe under which the password verifies.
type Answer struct {
	Scheme string            `json:"scheme"`           // for the key "scheme" of a configuration
	Params map[string]string `json:"params,omitempty"` // parameters that it needs besides pepper, such as salt_from
	Recipe bool              `json:"recipe"`           // it is a recipe, and not a scheme's name
}

// Errors of Search. Compare with errors.Is.
var (
	// ErrQuestion: without a password and a hash there is nothing to search.
	ErrQuestion = errors.New("a search needs a password and a hash of it")
	// ErrTime: MaxTime has passed before everything was tried. What was found until then is returned beside it.
	ErrTime = errors.New("the time for the search is over")
)

const defaultTime = time.Minute

// Search returns what fits, the scheme that the hash is marked as first, recipes last; nothing and no error if it has
// tried all it knows. Where the mark's scheme fits, it looks for no recipe; else it stops at the first, of which there
// are always others that come to the same. Its errors wrap ErrQuestion, ErrTime, or the context's.
func Search(ctx context.Context, q Question) ([]Answer, error) {
	if len(q.Password) == 0 || len(q.Password) > hash.MaxPassword || q.Hash == "" || len(q.Hash) > hash.MaxStored || len(q.Salt) > hash.MaxStored {
		return nil, ErrQuestion
	}
	s, cancel := newSearch(ctx, q)
	defer cancel()
	answers, err := s.schemes()
	if marked, ok := s.question.Registry.Identify(q.Hash); ok && len(answers) > 0 && answers[0].Scheme == marked {
		return answers, nil // it is what it says: there is no recipe to be found
	}
	if err == nil {
		var found *Answer
		if found, err = s.recipes(stages); found != nil {
			return append(answers, *found), nil
		}
	}
	if err != nil {
		return answers, fmt.Errorf("after %d digests: %w", s.tried, context.Cause(s.ctx)) //nolint:contextcheck // why the search ended
	}
	return answers, nil
}

// A search is one Search while it runs.
type search struct {
	question Question
	ctx      context.Context //nolint:containedctx // it lives as long as the call that it belongs to
	start    time.Time
	stage    string
	tried    int64
	told     int64
}

// newSearch fills in what the question leaves open, and sets its time.
func newSearch(ctx context.Context, q Question) (*search, context.CancelFunc) {
	if q.Registry == nil {
		q.Registry = hash.New(hash.Config{})
	}
	if q.MaxTime <= 0 {
		q.MaxTime = defaultTime
	}
	limited, cancel := context.WithTimeoutCause(ctx, q.MaxTime, ErrTime)
	return &search{question: q, ctx: limited, start: time.Now()}, cancel
}

// tellEach is the number of digests between two looks at the clock: some milliseconds.
const tellEach = 1 << 14

// count adds digests that were computed, and returns an error once the search is to end.
func (s *search) count(n int64) error {
	s.tried += n
	if s.tried-s.told < tellEach {
		return nil
	}
	return s.tell()
}

func (s *search) tell() error {
	s.told = s.tried
	if s.question.Progress != nil {
		s.question.Progress(Progress{Stage: s.stage, Tried: s.tried, Elapsed: time.Since(s.start)})
	}
	return s.ctx.Err()
}

func (s *search) enter(stage string) error {
	s.stage = stage
	return s.tell()
}

// schemes asks every scheme by its name, with what the question knows.
func (s *search) schemes() ([]Answer, error) {
	if err := s.enter("schemes by name"); err != nil {
		return nil, err
	}
	all := s.question.Registry.Schemes()
	if marked, ok := s.question.Registry.Identify(s.question.Hash); ok {
		i := slices.IndexFunc(all, func(scheme hash.Scheme) bool { return scheme.Name == marked })
		all = slices.Concat(all[i:i+1], all[:i], all[i+1:])
	}
	var answers []Answer
	for _, scheme := range all {
		if err := s.tell(); err != nil {
			return answers, err
		}
		s.tried++
		if answer := (Answer{Scheme: scheme.Name}); s.fits(answer) {
			answers = append(answers, answer)
		}
	}
	return answers, nil
}

// fits reports whether the password verifies under an answer.
func (s *search) fits(a Answer) bool {
	stored := legacy.Stored{Scheme: a.Scheme, Hash: s.question.Hash, Salt: s.question.Salt, User: s.question.User, Params: map[string]string{}}
	maps.Copy(stored.Params, a.Params)
	if s.question.Pepper != "" {
		stored.Params["pepper"], stored.Params["secret"] = s.question.Pepper, s.question.Pepper
	}
	h, err := s.question.Registry.Open(stored)
	return err == nil && h.Verify(s.question.Password)
}

// recipes tries recipes for each place in which the salt may stand, and returns the first that fits.
func (s *search) recipes(stages []stage) (*Answer, error) {
	places := s.question.places()
	for _, stage := range stages {
		for _, place := range places {
			text, err := s.trials(place).run(stage)
			if err != nil {
				return nil, err
			}
			if text == "" {
				continue
			}
			answer := Answer{Scheme: text, Params: place.params, Recipe: true}
			if s.fits(answer) {
				return &answer, nil
			}
		}
	}
	return nil, nil
}
