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

	// Challenge is set where the password alone does not let them in: they have yet to show a second factor. Login alone sets it.
	Challenge *Challenge
	// Required is what they have to do before they are wholly in.
	Required []Action

	second *secondStep // nil: they have no second factor
	debts  debts
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

// personOf is the person of an account, whose password was proven here.
func personOf(rec Record) Person {
	p := Person{
		ID: rec.ID, Identifiers: rec.Identifiers, SessionEpoch: rec.SessionEpoch,
		debts: debtsOf(rec.Account),
	}
	if rec.SecondFactor {
		p.second = &secondStep{version: rec.Credential.Version}
	}
	return p
}
