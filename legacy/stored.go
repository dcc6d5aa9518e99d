package legacy

import "log/slog"

// Stored is a password as the old system keeps it: the hash column and what stands beside it.
//
// It prints as a placeholder, so that a hash cannot reach a log by way of a struct.
type Stored struct {
	Scheme string            // a scheme's name, a recipe, or "auto"; see package hash
	Hash   string            // the hash column, as it is
	Salt   string            // the salt column, as it is; empty where the hash carries its own
	User   string            // the login name as stored, for schemes that hash it in
	Params map[string]string // what a verifier must be told besides: "pepper", "iterations", "encoding", …
}

const redacted = "[stored password]"

// String hides the hash.
func (Stored) String() string { return redacted }

// GoString hides the hash from %#v.
func (Stored) GoString() string { return redacted }

// LogValue hides the hash from slog.
func (Stored) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON hides the hash from JSON; what has to be stored is written field by field.
func (Stored) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
