package phase

import (
	"github.com/google/uuid"
)

// The table is right for who keeps these rules; model_test.go shows what goes wrong without each of them.
//
//   - A change holds the account's lock from before it reads to after its last write, in every phase.
//   - Every write names the version that it read. A change that its home does not take is not acknowledged.
//   - A deletion leaves a tombstone.
//   - ChangedHere is set with the change and cleared with the delivery; InDoubt holds from the intent to its end.
//   - A login, and the sweep, read the row here first, then legacy, and write here only if that row is still as it was. They
//     need no lock. The other way round, what was read in legacy may be older than the row, and would replace it.

// An Account is what the table asks about one account. The zero value is somebody who is absent here.
type Account struct {
	ID uuid.UUID // that which the person has, or will have once they are moved

	// CopiedEpoch is the epoch in which what stands here was last made equal to legacy: by a copy, by a change that
	// went to both, or by a copy-back that arrived. 0: there is no row here.
	CopiedEpoch int64
	// Dirty: a best-effort write did not arrive here, so legacy knows better.
	Dirty bool
	// Drifted: somebody else has written to legacy since.
	Drifted bool

	// ChangedHere: something was changed here that legacy has not got: the copy-back is under way, was refused, or is
	// not wanted. It is set and cleared in the transactions that make it so.
	ChangedHere bool
	// InDoubt: a change that goes to both stores has begun and has not ended: its intent is open. While it is, the two may
	// differ, and the one that is behind must not be copied over the other.
	InDoubt bool
	// Pinned: support or a rollback has said that the account stays here.
	Pinned bool
	// Tombstone: the account was deleted.
	Tombstone bool
}

// Stays tells whether the new store answers for a in every phase: what legacy holds is older, and must not be revived.
func (a Account) Stays() bool { return a.Pinned || a.ChangedHere }

// Trusts tells whether the copy of a can be relied on in s: made since the trust epoch began, and neither dirty nor
// drifted. Before phase both is entered no copy can.
func (s State) Trusts(a Account) bool {
	return s.Phase >= Both && s.TrustEpoch > 0 && a.CopiedEpoch >= s.TrustEpoch && !a.Dirty && !a.Drifted
}

// A Store is one of the two stores. The zero Store is neither.
type Store uint8

// The stores.
const (
	Neither Store = iota
	Legacy
	New
)

var storeNames = names{"neither", "legacy", "new"}

// String returns the name of s.
func (s Store) String() string { return storeNames.of(uint8(s)) }

// MarshalText writes the name of s.
func (s Store) MarshalText() ([]byte, error) { return storeNames.text("store", uint8(s)) }

// Taking says what a login leaves in the new store once the password is proven, if the account is absent here, its copy
// is not trusted, or legacy's fingerprint is no longer that of the copy.
type Taking uint8

// What a login leaves.
const (
	TakeNothing    Taking = iota
	TakeBestEffort        // a copy, if that works
	TakeCopy              // a copy: a failure is repaired later, the person is in
	TakeTrusted           // a copy that from then on answers for the account, where the ramp says so
	TakeOver              // the account is migrated: from then on it is at home here
)

var takingNames = names{"nothing", "copy-best-effort", "copy", "copy-trusted", "migrate"}

// String returns the name of t.
func (t Taking) String() string { return takingNames.of(uint8(t)) }

// MarshalText writes the name of t.
func (t Taking) MarshalText() ([]byte, error) { return takingNames.text("taking", uint8(t)) }

// A Write says how a change (a new password or address, a registration, a deletion) reaches one of the stores.
type Write uint8

// The ways a change reaches a store.
const (
	NoWrite    Write = iota
	BestEffort       // after the other; a failure is counted, marked dirty and repaired, never shown
	CopyBack         // by relay, as the source's policy says: queued in the transaction of the change
	Required         // or the change fails
)

var writeNames = names{"none", "best-effort", "copy-back", "required"}

// String returns the name of w.
func (w Write) String() string { return writeNames.of(uint8(w)) }

// MarshalText writes the name of w.
func (w Write) MarshalText() ([]byte, error) { return writeNames.text("write", uint8(w)) }

// UnmarshalText reads the name of a way.
func (w *Write) UnmarshalText(text []byte) (err error) {
	*w, err = parse[Write]("write", writeNames, string(text))
	return err
}

// A Row is what is done with one account in one state. In the zero Row nobody answers and nothing is written.
type Row struct {
	// Answers is the store whose credential is asked for; no other counts, whatever this one says. Neither: the password
	// is refused, as that of somebody unknown.
	Answers Store `json:"answers"`
	// Mirrored: the new store is asked for the same person, within a bound, to see whether it could carry the traffic.
	// Its answer counts for nothing.
	Mirrored bool `json:"mirrored"`
	// Login is what a proven login leaves behind.
	Login Taking `json:"login"`
	// Legacy and New say which writes a change needs. Where both are required, an intent is committed first, then comes
	// Home, then the other. Where only the best is tried, or a copy-back follows, Home comes first as well.
	Legacy Write `json:"legacy"`
	New    Write `json:"new"`
	// Home is the store that is right when the two differ, and that answers while a change is in doubt. A change of an
	// account that is at home in legacy, where Login is TakeOver, takes it over in the same transaction.
	Home Store `json:"home"`
	// Frozen: a change is answered with 503 and tried again by the client. Login, Legacy and New say nothing and none.
	Frozen bool `json:"frozen"`
}

// rows are the rows of one side.
type rows struct {
	away  Row // absent here, or a copy that is not trusted: it counts as absent
	here  Row // a trusted copy
	stays Row // pinned, or changed here: as in new-first, whatever the phase
}

// The table.
//
//	answers  mirrored  a login leaves  legacy gets  the new store gets  home
var table = [...]rows{
	LegacyOnlySide: {
		away:  Row{Legacy, false, TakeNothing, Required, NoWrite, Legacy, false},
		here:  Row{Legacy, false, TakeNothing, Required, NoWrite, Legacy, false},
		stays: Row{New, false, TakeNothing, CopyBack, Required, New, false},
	},
	ShadowSide: {
		away:  Row{Legacy, true, TakeBestEffort, Required, BestEffort, Legacy, false},
		here:  Row{Legacy, true, TakeBestEffort, Required, BestEffort, Legacy, false},
		stays: Row{New, false, TakeNothing, CopyBack, Required, New, false},
	},
	BothSide: {
		away:  Row{Legacy, true, TakeCopy, Required, Required, Legacy, false},
		here:  Row{Legacy, true, TakeCopy, Required, Required, Legacy, false},
		stays: Row{New, false, TakeNothing, CopyBack, Required, New, false},
	},
	RampOutSide: {
		away:  Row{Legacy, false, TakeTrusted, Required, Required, Legacy, false},
		here:  Row{Legacy, false, TakeTrusted, Required, Required, Legacy, false},
		stays: Row{New, false, TakeNothing, CopyBack, Required, New, false},
	},
	RampInSide: {
		away:  Row{Legacy, false, TakeTrusted, Required, Required, Legacy, false},
		here:  Row{New, false, TakeNothing, Required, Required, New, false},
		stays: Row{New, false, TakeNothing, CopyBack, Required, New, false},
	},
	NewFirstSide: {
		away:  Row{Legacy, false, TakeOver, CopyBack, Required, Legacy, false},
		here:  Row{New, false, TakeNothing, CopyBack, Required, New, false},
		stays: Row{New, false, TakeNothing, CopyBack, Required, New, false},
	},
	NewOnlySide: {
		// Given up: a password that may be an old one is not accepted. Only a reset, which proves the mailbox, brings
		// such a person back, if there is a row here at all.
		away:  Row{Neither, false, TakeNothing, NoWrite, Required, New, false},
		here:  Row{New, false, TakeNothing, NoWrite, Required, New, false},
		stays: Row{New, false, TakeNothing, NoWrite, Required, New, false},
	},
}

// Row returns what is done with a in s. s must be valid; otherwise the result is the zero Row.
func (s State) Row(a Account) Row {
	row := s.open(a)
	if a.InDoubt {
		row.Login = TakeNothing // the next login copies
	}
	if s.Frozen {
		row.Login, row.Legacy, row.New, row.Frozen = TakeNothing, NoWrite, NoWrite, true
	}
	return row
}

func (s State) open(a Account) Row {
	side := s.Side(a.ID)
	switch {
	case a.Tombstone:
		return Row{} // in every phase, whichever store still has a row
	case a.Stays():
		return table[side].stays
	case s.Trusts(a):
		return table[side].here
	}
	return table[side].away
}

// NeedsNew tells whether a login can only be answered with the new store. Where it need not, legacy goes on answering while
// the new store is down.
func (s State) NeedsNew() bool { return s.Phase >= Both }

// AsksLegacy tells whether somebody who is absent here is looked for in legacy.
func (s State) AsksLegacy() bool { return s.Phase < NewOnly }

// NewAnswers tells whether the new store answers for everybody of whom it has a copy that is trusted.
func (s State) NewAnswers() bool {
	for _, side := range s.sides() {
		if table[side].here.Answers != New {
			return false
		}
	}
	return true
}

// Compares tells whether both stores are kept equal, so that what they say of a password can be compared.
func (s State) Compares() bool { return s.Phase >= Shadow && s.Phase <= Ramp && !s.Frozen }
