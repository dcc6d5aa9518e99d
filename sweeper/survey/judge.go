package survey

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"rekey/legacy"
	"rekey/legacy/hash"
)

// A judge says what a stored password is. It is safe for concurrent use.
type judge struct {
	hashes   *hash.Registry
	verifies bool     // the source checks passwords itself, so that one that it does not show may be there nonetheless
	slow     sync.Map // schemes that no table knows, by name: whether they take noticeable time
	shapes   sync.Map // shapes by Foreign.key: the schemes that would accept such a value
}

// A verdict is one of three: there is no password, no rule reads it, or it is of a scheme.
type verdict struct {
	none    bool
	foreign *Foreign
	row     schemeRow
}

// reasons are the words for what is wrong with a stored value; the details differ from row to row and stay unsaid.
var reasons = []error{hash.ErrScheme, hash.ErrParams, hash.ErrBounds, hash.ErrMalformed}

func (j *judge) look(stored legacy.Stored) verdict {
	h, err := j.hashes.Open(stored)
	if err == nil {
		return verdict{row: j.row(h, stored)}
	}
	if errors.Is(err, hash.ErrUnusable) {
		return verdict{none: true}
	}
	f := Foreign{Reason: "cannot be read", Count: 1}
	for _, reason := range reasons {
		if errors.Is(err, reason) {
			f.Reason = reason.Error()
			break
		}
	}
	f.Marker, f.Shape = shapeOf(stored.Hash)
	f.Candidates = j.candidates(f.key(), stored)
	return verdict{foreign: &f}
}

// maxCandidates is how many schemes are named for one shape: forty make 32 hex digits.
const maxCandidates = 8

// candidates lists what would accept a value of a shape if it were declared, the plain digests first, without those that
// accept anything, as plaintext does. It is worked out once for each shape.
func (j *judge) candidates(shape string, stored legacy.Stored) []string {
	if known, ok := j.shapes.Load(shape); ok {
		names, _ := known.([]string) // nothing else is stored
		return names
	}
	var names []string
	for _, scheme := range j.hashes.Schemes() {
		if j.accepts(scheme.Name, stored) && !j.accepts(scheme.Name, legacy.Stored{Hash: "?not a hash?", Salt: stored.Salt, Params: stored.Params}) {
			names = append(names, scheme.Name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(-cmp.Compare(rawFirst(a), rawFirst(b)), cmp.Compare(a, b))
	})
	if len(names) > maxCandidates {
		names = append(names[:maxCandidates:maxCandidates], fmt.Sprintf("%d more", len(names)-maxCandidates))
	}
	j.shapes.Store(shape, names)
	return names
}

func rawFirst(scheme string) int {
	if strings.HasPrefix(scheme, "raw-") {
		return 1
	}
	return 0
}

// accepts reports whether a scheme takes a value for its own. A salt and a user are offered where there are none: a
// scheme that needs them would else refuse.
func (j *judge) accepts(scheme string, stored legacy.Stored) bool {
	for _, salt := range []string{stored.Salt, "73616c74"} {
		if _, err := j.hashes.Open(legacy.Stored{Scheme: scheme, Hash: stored.Hash, Salt: salt, User: "user", Params: stored.Params}); err == nil {
			return true
		}
	}
	return false
}

// row classifies a hash that was read.
func (j *judge) row(h *hash.Hash, stored legacy.Stored) schemeRow {
	row := schemeRow{scheme: h.Scheme}
	if strings.Contains(h.Scheme, "(") {
		row.scheme = "recipe" // its text may hold a pepper
	}
	if variant := variantOf(h.Scheme, stored.Hash); variant != "" {
		row.scheme += " " + variant
	}
	row.strength, row.carried = strengthOf(h, stored), h.Strong()
	if row.strength == FastSalted && !isListed(h.Scheme) && j.isSlow(h) {
		row.strength = SlowWeak
	}
	return row
}

// slowFrom is the time of one hash from which guessing counts as slowed down: a thousand times that of a plain digest.
const slowFrom = 2 * time.Millisecond

// isSlow measures a scheme that no table knows, such as a recipe, once.
func (j *judge) isSlow(h *hash.Hash) bool {
	if known, ok := j.slow.Load(h.Scheme); ok {
		slow, _ := known.(bool) // nothing else is stored
		return slow
	}
	fastest := time.Hour
	for range 3 { // the first fills caches, and any may be interrupted
		began := time.Now()
		if _, err := h.Digest([]byte(rand.Text())); err != nil {
			break
		}
		fastest = min(fastest, time.Since(began))
	}
	slow := fastest >= slowFrom && fastest < time.Hour
	j.slow.Store(h.Scheme, slow)
	return slow
}
