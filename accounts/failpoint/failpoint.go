// Package failpoint lets a test kill the process at a named step of a write, to see what a restart finds; leave out a guard, to
// see whether anybody notices; and set the clock wrong.
//
// Without the build tag failpoint, Hit is an empty function that the compiler removes. With it, the process whose
// environment says REKEY_FAILPOINT=<name> kills itself with SIGKILL when it reaches that step: no deferred call runs
// and no buffer is flushed, as in a power cut of the process.
package failpoint

import "slices"

// The steps of a migrating login, in the order in which it passes them.
const (
	MigrateProven     = "migrate:proven"     // the legacy password was right; nothing is written
	MigrateRehashed   = "migrate:rehashed"   // the new hash is made; nothing is written
	CreateBegun       = "create:begun"       // the transaction is open
	CreateAccount     = "create:account"     // and from here on one row after the other is in it
	CreateIdentifiers = "create:identifiers" //
	CreateCredential  = "create:credential"  //
	CreateLink        = "create:link"        //
	CreateEvent       = "create:event"       // all is written, nothing is committed
	CreateCommitted   = "create:committed"   // the database has acknowledged the commit; nobody was told
	MigrateDone       = "migrate:done"       // the account is moved; no token was handed out
)

// The steps of a move without a password, around those of the transaction.
const (
	ForceHashed = "force:hashed" // the credential is made; nothing is written
	ForceDone   = "force:done"   // the account is moved; nobody was told
)

// The steps of a move of many.
const (
	BulkInserted  = "bulk:inserted"  // the accounts are written, nothing is committed
	BulkCommitted = "bulk:committed" // the database has acknowledged the commit; nobody was told
)

// The steps of a changed password.
const (
	ChangeHashed     = "change:hashed"     // the new hash is made; nothing is written
	ChangeBegun      = "change:begun"      // the transaction is open
	ChangeCredential = "change:credential" //
	ChangeSessions   = "change:sessions"   // the sessions have ended in it
	ChangeEvent      = "change:event"      // all is written, nothing is committed
	ChangeCommitted  = "change:committed"  // the database has acknowledged the commit; nobody was told
)

// The steps of a deletion.
const (
	DeleteProven     = "delete:proven"     // the password was right; nothing is written
	DeleteBegun      = "delete:begun"      // the transaction is open
	DeleteCredential = "delete:credential" //
	DeleteAccount    = "delete:account"    // the account is a tombstone
	DeleteEmptied    = "delete:emptied"    // its names and what else there was are gone
	DeleteSessions   = "delete:sessions"   //
	DeleteEvent      = "delete:event"      // all is written, nothing is committed
	DeleteCommitted  = "delete:committed"  // the database has acknowledged the commit; nobody was told
)

// The steps of an epoch of the phase.
const (
	MoveHeld      = "move:held"      // the transaction is open, and no write of the epoch before runs any more
	MoveState     = "move:state"     // the next state is in it
	MoveEvent     = "move:event"     // all is written, nothing is committed
	MoveCommitted = "move:committed" // the database has acknowledged the commit; nobody was told
)

// The steps of a delivery that has arrived in the legacy store.
const (
	FinishBegun     = "finish:begun"     // the transaction is open; the legacy store has the change
	FinishRemoved   = "finish:removed"   // the delivery is gone in it
	FinishHere      = "finish:here"      // our half is in it, if it is an intent
	FinishLink      = "finish:link"      //
	FinishEvent     = "finish:event"     // all is written, nothing is committed
	FinishCommitted = "finish:committed" // the database has acknowledged the commit; nobody was told
)

// The steps of a change that is written to legacy alone, and of telling the new store when it is back.
const (
	AloneJournalled = "alone:journalled" // it stands in the journal; legacy was not asked
	AloneWritten    = "alone:written"    // legacy has it; the journal does not say so
	AloneBack       = "alone:back"       // the new store answers; it was told nothing
	AloneTold       = "alone:told"       // it was told; the journal is not cleared
)

// MigrateSteps returns the steps of a migrating login, in order.
func MigrateSteps() []string {
	return []string{
		MigrateProven, MigrateRehashed,
		CreateBegun, CreateAccount, CreateIdentifiers, CreateCredential, CreateLink, CreateEvent, CreateCommitted,
		MigrateDone,
	}
}

// ForceSteps returns the steps of a move without a password, in order.
func ForceSteps() []string {
	return []string{
		ForceHashed, CreateBegun, CreateAccount, CreateIdentifiers, CreateCredential, CreateLink, CreateEvent, CreateCommitted, ForceDone,
	}
}

// BulkSteps returns the steps of a move of many, in order. The last is the only one behind the commit.
func BulkSteps() []string { return []string{BulkInserted, BulkCommitted} }

// ChangeSteps returns the steps of a changed password, in order. The last is the only one behind the commit.
func ChangeSteps() []string {
	return []string{ChangeHashed, ChangeBegun, ChangeCredential, ChangeSessions, ChangeEvent, ChangeCommitted}
}

// DeleteSteps returns the steps of a deletion, in order. The last is the only one behind the commit.
func DeleteSteps() []string {
	return []string{
		DeleteProven, DeleteBegun, DeleteCredential, DeleteAccount, DeleteEmptied, DeleteSessions, DeleteEvent, DeleteCommitted,
	}
}

// MoveSteps returns the steps of an epoch, in order. The last is the only one behind the commit.
func MoveSteps() []string { return []string{MoveHeld, MoveState, MoveEvent, MoveCommitted} }

// FinishSteps returns the steps of a delivery's end, in order. The last is the only one behind the commit.
func FinishSteps() []string {
	return []string{FinishBegun, FinishRemoved, FinishHere, FinishLink, FinishEvent, FinishCommitted}
}

// AloneSteps returns the steps of a change that is written to legacy alone and then told, in order.
func AloneSteps() []string { return []string{AloneJournalled, AloneWritten, AloneBack, AloneTold} }

// Names returns every step.
func Names() []string {
	return slices.Concat(MigrateSteps(), []string{ForceHashed, ForceDone}, BulkSteps(), ChangeSteps(), DeleteSteps(), MoveSteps(), FinishSteps(), AloneSteps())
}
