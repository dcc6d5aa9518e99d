package hash

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"rekey/legacy"
)

// A Sureness says how well a stored string alone tells its scheme.
type Sureness string

// What Candidates can say.
const (
	Certain  Sureness = "certain"  // it carries the scheme's own mark and has all of its form
	Likely   Sureness = "likely"   // it has no mark, but a form that hardly anything else has
	Possible Sureness = "possible" // a scheme that would take it if it were declared
)

// A Candidate is a scheme that a stored string may be of.
type Candidate struct {
	Scheme string   `json:"scheme"`
	Sure   Sureness `json:"sure"`
	Reason string   `json:"reason"` // for people: "prefix $2y$"
}

// Candidates lists the schemes that a stored string may be of, the surest first. Where one is certain, the possible ones
// are of the same string too: they hash something else than the typed password, which only the application can tell.
// Schemes that take any string, as plaintext does, are not listed, nor those of which parameters change the form. It
// computes no hash.
func (r *Registry) Candidates(stored string) []Candidate {
	if len(stored) > MaxStored || unusable(stored) {
		return nil
	}
	auto := r.identify(stored)
	var possible []Candidate
	for i := range r.schemes {
		scheme := &r.schemes[i]
		if scheme != auto && r.takes(scheme.Name, stored) && !r.takes(scheme.Name, "?not a hash?") {
			possible = append(possible, Candidate{Scheme: scheme.Name, Sure: Possible})
		}
	}
	shape := shapeOf(stored)
	mark := markOf(stored)
	for i := range possible {
		switch {
		case auto != nil && mark != "":
			possible[i].Reason = "prefix " + mark + " too: one form of several, or of a changed password"
		case len(possible) == 1:
			possible[i].Reason = shape
		default:
			possible[i].Reason = fmt.Sprintf("%s: %d schemes have this shape", shape, len(possible))
		}
	}
	if auto == nil {
		return possible
	}
	first := Candidate{Scheme: auto.Name, Sure: Certain, Reason: "prefix " + mark}
	if mark == "" {
		first.Sure, first.Reason = Likely, shape+", and no mark"
	}
	if _, err := r.Open(legacy.Stored{Scheme: auto.Name, Hash: stored, Salt: candidateSalt, User: "user"}); errors.Is(err, ErrMalformed) {
		first.Sure, first.Reason = Likely, first.Reason+", but "+strings.TrimPrefix(err.Error(), auto.Name+": ")
	}
	return append([]Candidate{first}, possible...)
}

// candidateSalt is text, hex and base64 at once.
const candidateSalt = "73616c7473616c74"

// takes reports whether a declared scheme opens a string, or refuses it only for its cost. What the string alone does
// not have is offered: a salt, a name, a secret.
func (r *Registry) takes(scheme, stored string) bool {
	for _, salt := range []string{"", candidateSalt} {
		_, err := r.Open(legacy.Stored{
			Scheme: scheme, Hash: stored, Salt: salt, User: "user", Params: map[string]string{"pepper": "pepper", "iterations": "1000", "realm": "realm"},
		})
		if err == nil || errors.Is(err, ErrBounds) {
			return true
		}
	}
	return false
}

// looseMarks are marks that are no word in front of a separator.
var looseMarks = []string{"*", "0x0100", "0x0200", "md5", "grub.pbkdf2.sha512.", "c2NyeXB0A", "AQAAAA", "+", "_", `{"hash":"`, "a:1:{", "a:3:{"}

const longestMark = 24 // characters

// markOf returns what a stored string begins with, where that could be a scheme's mark: "$2y$", "{SSHA}", "scrypt:".
func markOf(stored string) string {
	head := stored[:min(len(stored), longestMark)]
	switch {
	case strings.HasPrefix(head, "{"):
		if end := strings.IndexByte(head, '}'); end > 0 {
			return head[:end+1]
		}
	case strings.Contains(head, "$"):
		at := strings.IndexByte(head, '$') // the word before it, or the one behind it
		if at > 2 {
			return head[:at+1]
		}
		if end := strings.IndexAny(head[at+1:], "$,"); end > 0 {
			return head[:at+1+end+1]
		}
	}
	i := slices.IndexFunc(looseMarks, func(mark string) bool { return strings.HasPrefix(stored, mark) })
	if i >= 0 {
		return looseMarks[i]
	}
	if end := strings.IndexByte(head, ':'); end >= 0 {
		return head[:end+1]
	}
	return ""
}

// shapeOf describes a stored string by length and alphabet, without quoting it.
func shapeOf(stored string) string {
	if b, ok := decodeHex(stored, anyLen); ok && len(b) > 0 {
		return fmt.Sprintf("%d hex digits", len(stored))
	}
	if digest, salt, ok := strings.Cut(stored, ":"); ok {
		if b, ok := decodeHex(digest, anyLen); ok && len(b) > 0 {
			return fmt.Sprintf("%d hex digits, a colon and %d characters", len(digest), len(salt))
		}
	}
	if b, ok := decode64(b64Std, stored, anyLen); ok && len(b) > 8 {
		return fmt.Sprintf("base64 of %d bytes", len(b))
	}
	if only(stored, alphabetCrypt) {
		return fmt.Sprintf("%d characters of crypt(3)'s alphabet", len(stored))
	}
	return fmt.Sprintf("%d characters", len(stored))
}
