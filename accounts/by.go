package accounts

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// By says who makes a change and why. Every change that a person makes to somebody else's account, or to the
// installation, names both, and the audit keeps them.
type By struct {
	Actor     string // as in Event
	Reason    string // why, in the person's own words
	RequestID string // empty at the command line
}

// MaxReason is the longest reason, in characters: a ticket and two sentences.
const MaxReason = 500

// Check returns an *InvalidError if the reason cannot be kept. A reason is one line of readable text: what it holds is
// shown in tables, terminals and logs, and must not be able to disguise the lines around it.
func (b By) Check() error {
	var wrong string
	switch {
	case strings.TrimSpace(b.Reason) == "":
		wrong = "must say why"
	case !utf8.ValidString(b.Reason):
		wrong = "must be valid UTF-8"
	case utf8.RuneCountInString(b.Reason) > MaxReason:
		wrong = "must be at most 500 characters"
	case strings.ContainsFunc(b.Reason, disguises):
		wrong = "must not contain control characters or line breaks"
	default:
		return nil
	}
	return &InvalidError{Field: "reason", Reason: wrong}
}

// disguises reports whether a character is none that one sees, but one that changes how others are seen: controls, line
// and paragraph separators, and those that turn the direction of writing.
func disguises(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}

// event starts the audit line of a change.
func (b By) event(account uuid.UUID, kind EventKind, at time.Time) Event {
	return Event{
		ID: uuid.Must(uuid.NewV7()), At: at, AccountID: account, Kind: kind,
		Actor: b.Actor, Reason: b.Reason, RequestID: b.RequestID,
	}
}
