package accounts

import "github.com/google/uuid"

// A Person is somebody who has proven who they are.
type Person struct {
	ID          uuid.UUID
	Identifiers []Identifier

	SessionEpoch int64 // for the session that is opened for them

	// Source and LegacyID are set while the account is not in the new store.
	Source   string
	LegacyID string

	// Alone: legacy alone has answered, because the new store is out of reach. No session can be kept for them.
	Alone bool
}

// Name returns what the person is called by: username, else e-mail, else phone. It is empty while they are not in the
// new store: until then nothing says that a name is theirs alone.
func (p Person) Name() string {
	if p.Source != "" {
		return ""
	}
	for _, kind := range []Kind{Username, Email, Phone} {
		if name := (Account{Identifiers: p.Identifiers}).Named(kind); name != "" {
			return name
		}
	}
	return ""
}

func personOf(rec Record) Person {
	return Person{ID: rec.ID, Identifiers: rec.Identifiers, SessionEpoch: rec.SessionEpoch}
}
