package survey

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A state is what the state file holds: how far an unfinished survey is, and what the last finished one saw. It holds
// keys of people (where to go on from) and the secret of the digests, and is readable by its owner alone.
type state struct {
	Format   int           `json:"format"`
	About    string        `json:"about"` // digest of what the survey looks at
	Secret   []byte        `json:"secret"`
	Started  time.Time     `json:"started"` // zero: none is under way
	Sources  []*progress   `json:"sources,omitempty"`
	Claims   int64         `json:"claims"` // in the file beside this one
	Previous *earlierState `json:"previous,omitempty"`
}

// earlierState is what is kept of a finished survey.
type earlierState struct {
	At       time.Time `json:"at"`
	People   []int64   `json:"people"` // by source
	Sketches []*sketch `json:"-"`
	Raw      [][]byte  `json:"sketches"`
}

// progress is how far the walk through one source is.
type progress struct {
	After   string        `json:"after"` // where to go on from
	Done    bool          `json:"done"`
	Reading time.Duration `json:"reading"` // time spent waiting for the source
	Tally   *tally        `json:"tally"`
	Places  []place       `json:"places"`
	Notes   []Note        `json:"notes,omitempty"`
	Raw     []byte        `json:"sketch"`
	sketch  *sketch
	noted   bool // those of this process are in Notes
}

// A place is a way back into the walk: the person with that number is the first behind that key.
type place struct {
	Number int64  `json:"number"`
	After  string `json:"after"`
}

const (
	stateFormat = 2
	maxState    = 256 << 20 // bytes; a source takes some 4 MB at most
	claimsName  = ".claims" // what is added to the state file's name
	saveEvery   = 10 * time.Second
)

// about digests what a state file is for.
func (c *Config) about() string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %d", stateFormat, c.Limit)
	for _, source := range c.Sources {
		fmt.Fprintf(h, " %q %q", source.Name, source.About)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// open prepares the state and the file of claims.
func (s *survey) open() error {
	if s.c.State == "" {
		f, err := os.CreateTemp(s.c.Scratch, "rekey-plan-*"+claimsName)
		if err != nil {
			return fmt.Errorf("make a scratch file: %w", err)
		}
		s.state = newState(&s.c, newKeys())
		s.begin()
		s.ids, err = openIDs(f, 0)
		return err
	}
	f, err := os.OpenFile(s.c.State+claimsName, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the state: %w", err)
	}
	if err := s.take(f); err != nil {
		return errors.Join(err, f.Close())
	}
	return nil
}

// take reads the state file, now that f says that nobody else uses it.
func (s *survey) take(f *os.File) error {
	if err := lock(f); err != nil {
		return fmt.Errorf("%w: another survey uses %s", ErrState, s.c.State)
	}
	raw, err := readBounded(s.c.State)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.state = newState(&s.c, newKeys())
	case err != nil:
		return fmt.Errorf("read the state: %w", err)
	default:
		if s.state, err = parseState(raw, &s.c); err != nil {
			return fmt.Errorf("%s: %w", s.c.State, err)
		}
	}
	s.begin()
	s.ids, err = openIDs(f, s.state.Claims)
	return err
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	raw, err := io.ReadAll(io.LimitReader(f, maxState+1))
	if err == nil && len(raw) > maxState {
		err = fmt.Errorf("%w: it is longer than %d bytes", ErrState, maxState)
	}
	return raw, err
}

func newState(c *Config, k keys) *state {
	return &state{Format: stateFormat, About: c.about(), Secret: k.secret[:]}
}

// begin starts a survey, unless one is under way.
func (s *survey) begin() {
	copy(s.keys.secret[:], s.state.Secret)
	s.saved = s.c.Now()
	if !s.state.Started.IsZero() {
		return
	}
	s.state.Started, s.state.Claims, s.state.Sources = s.c.Now().UTC(), 0, nil
	for range s.c.Sources {
		s.state.Sources = append(s.state.Sources, &progress{Tally: newTally(), sketch: newSketch()})
	}
}

// parseState reads a state file strictly: it may be old, cut, or somebody else's.
func parseState(raw []byte, c *Config) (*state, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	st := &state{}
	if err := d.Decode(st); err != nil {
		return nil, fmt.Errorf("%w: it is not of this program, or cut off; remove it to begin anew", ErrState)
	}
	if st.Format != stateFormat || st.About != c.about() {
		return nil, fmt.Errorf("%w: it was made for other sources, another limit or another version; remove it, or name another", ErrState)
	}
	if err := st.check(len(c.Sources)); err != nil {
		return nil, fmt.Errorf("%w: %w; remove it to begin anew", ErrState, err)
	}
	return st, nil
}

func (st *state) check(sources int) error {
	if len(st.Secret) != len(keys{}.secret) || st.Claims < 0 {
		return errors.New("it has no secret")
	}
	if p := st.Previous; p != nil {
		if len(p.People) != sources || len(p.Raw) != sources {
			return errors.New("it has another number of sources")
		}
		for _, raw := range p.Raw {
			sketch := &sketch{}
			if err := sketch.UnmarshalBinary(raw); err != nil {
				return err
			}
			p.Sketches = append(p.Sketches, sketch)
		}
	}
	if st.Started.IsZero() {
		return nil
	}
	if len(st.Sources) != sources {
		return errors.New("it has another number of sources")
	}
	for _, p := range st.Sources {
		if p == nil || !p.Tally.whole() {
			return errors.New("a source's numbers are not whole")
		}
		p.sketch = &sketch{}
		if err := p.sketch.UnmarshalBinary(p.Raw); err != nil {
			return err
		}
		p.Raw = nil
	}
	return nil
}

// whole reports whether every part of a tally that was read is there.
func (t *tally) whole() bool {
	if t == nil || t.Schemes == nil || t.Unreadable == nil || t.Identifiers == nil || t.BadIdentifiers == nil || t.BadReasons == nil {
		return false
	}
	for key, f := range t.Unreadable {
		if f == nil || f.key() != key {
			return false
		}
	}
	return len(t.Ages) == ageDays+1 && len(t.Able) == ageDays+1 && len(t.Once) == ageDays+1 && len(t.BadKeys) <= maxBadKeys
}

// save writes the state, if there is a file for it.
func (s *survey) save() error {
	s.saved = s.c.Now()
	if s.c.State == "" {
		return nil
	}
	if err := s.ids.flush(); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	s.state.Claims = s.ids.claims
	for _, p := range s.state.Sources {
		raw, err := p.sketch.MarshalBinary()
		if err != nil {
			return fmt.Errorf("write the state: %w", err)
		}
		p.Raw = raw
	}
	raw, err := json.Marshal(s.state) //nolint:gosec // the key of the digests in it: the file is the survey's own, mode 0600
	for _, p := range s.state.Sources {
		p.Raw = nil
	}
	if err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	if err := replaceFile(s.c.State, raw); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	return nil
}

// replaceFile writes a file whole, or leaves the one before.
func replaceFile(path string, raw []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // it is of no use to anybody
	}
	return err
}

// close ends the survey. A finished one leaves what the next compares with.
func (s *survey) close(finished bool) error {
	if s.c.State == "" {
		return errors.Join(s.ids.f.Close(), os.Remove(s.ids.f.Name()))
	}
	last := s.save
	if finished {
		last = s.finish
	}
	return errors.Join(last(), s.ids.f.Close())
}

// finish turns the survey under way into the previous one.
func (s *survey) finish() error {
	previous := &earlierState{At: s.state.Started}
	for _, p := range s.state.Sources {
		raw, err := p.sketch.MarshalBinary()
		if err != nil {
			return err
		}
		previous.People = append(previous.People, p.Tally.People)
		previous.Raw = append(previous.Raw, raw)
	}
	s.state.Previous, s.state.Started, s.state.Sources = previous, time.Time{}, nil
	if err := s.ids.f.Truncate(0); err != nil {
		return err
	}
	s.ids.claims = 0
	return s.save()
}
