// Package accounts is the domain: people, what they type to log in, their credentials, and the flows that a person
// goes through. Login is the main one; read login.go first.
//
// It serves the gateway and, later, the sweeper. It never speaks HTTP, never reads configuration, and knows neither
// a database nor an adapter: those it is handed as a Store and as legacy.Source values.
package accounts

import (
	"log/slog"
	"time"

	"github.com/google/uuid"
)

// An Account is a person in the new store.
type Account struct {
	ID          uuid.UUID // SubjectFor the legacy link, or a UUIDv7 for an account born here
	Disabled    bool
	Identifiers []Identifier
	CreatedAt   time.Time
	// DeletedAt is zero while the account lives. A deleted one has nothing left but its id and its links, which keep the
	// legacy people it was made from from coming back.
	DeletedAt time.Time
	// SessionEpoch grows when all sessions of the account end.
	SessionEpoch int64
	// ChangedHere: the legacy store does not know the last change that was made here.
	ChangedHere bool
	// InDoubt: a change is under way that the legacy store may have already. Until it has ended, legacy answers.
	InDoubt bool
	// DisabledThere: it is Disabled because the legacy store says so. While that store answers, it ends when the store no longer does.
	DisabledThere bool
	// Pinned: the account is answered here in every phase. Support has said so, or its address was set here.
	Pinned bool

	// What the person owes before they are wholly in, as far as the account tells it; see actions.go.

	NeedsChange bool   // the password is to be replaced
	Incomplete  bool   // the profile lacked something when they were moved
	Terms       string // the version of the terms that they accepted last
}

// disabledHere reports whether somebody here has disabled the account, whatever the legacy store says.
func (a Account) disabledHere() bool { return a.Disabled && !a.DisabledThere }

// Deleted reports whether the account is gone for good.
func (a Account) Deleted() bool { return !a.DeletedAt.IsZero() }

// Named returns the account's identifier of one kind as it was spelled, or "" if it has none.
func (a Account) Named(kind Kind) string {
	for _, id := range a.Identifiers {
		if id.Kind == kind {
			return id.Spelling
		}
	}
	return ""
}

// A Credential is a stored password. It prints as a placeholder.
type Credential struct {
	Version int64 // grows by one with every write; a write names the version that it read
	Scheme  Scheme
	Encoded string // PHC string of argon2id, or of a wrap; SchemeCarried: the name of the legacy scheme behind carriedPrefix
	Fold    string // what is done to the typed bytes before each verification; see password.Fold
	Legacy  string // sealed; SchemeWrapped: the legacy parameters without the digest; SchemeCarried: all of the hash; else empty
}

// A Scheme says how a stored credential is verified.
type Scheme string

// A stored credential is never a bare legacy hash.
const (
	SchemeArgon2id Scheme = "argon2id"
	SchemeWrapped  Scheme = "wrapped" // argon2id over a keyed legacy digest
	SchemeCarried  Scheme = "carried" // a strong hash of the legacy store, sealed
)

const redactedCredential = "[credential]"

// String hides the hash.
func (Credential) String() string { return redactedCredential }

// GoString hides the hash from %#v.
func (Credential) GoString() string { return redactedCredential }

// LogValue hides the hash from slog.
func (Credential) LogValue() slog.Value { return slog.StringValue(redactedCredential) }

// A LegacyLink says which legacy person an account was made from. There is at most one per (Source, LegacyID), and
// it is never dropped while the legacy row lives: it is what keeps the subject stable.
type LegacyLink struct {
	Source   string
	LegacyID string
	// Fingerprint is a keyed digest of the legacy record as it was copied; it tells whether somebody has written to
	// the legacy store since.
	Fingerprint []byte
	// LegacyCreatedAt is zero where the source does not say. An id that returns with another value is not the same person.
	LegacyCreatedAt time.Time
	How             How
	At              time.Time
	CopiedEpoch     int64 // the epoch of the phase in which what is here was last equal to legacy; 0 is taken for 1
	Dirty           bool  // a change that legacy got did not reach us
	Drifted         bool  // somebody else has written to legacy since
	// Barred: the legacy store has disabled or removed the person, and the account is disabled for that.
	Barred Barred
}

// How says by what an account was moved.
type How string

// The ways by which an account is moved.
const (
	ByLogin    How = "login"
	ByCopyBack How = "copy-back" // an account born here, which the legacy store was told of
	BySupport  How = "support"   // one person, without their password
	BySweep    How = "sweep"     // everybody, without their passwords
)

// A Record is an account with all that a login needs of it.
type Record struct {
	Account
	Credential Credential
	Link       *LegacyLink // nil for an account born here
	// SecondFactor: the password alone does not let them in.
	SecondFactor bool

	// The rest is for what writes a whole account, and is not read with one.

	// Was, for Recopy and TakeOver, is what the Link was when the legacy person was read: one that was marked or written since is
	// not replaced. nil: whatever it was.
	Was *LegacyLink

	Also     []LegacyLink // the other legacy people whom the account is made from
	Profile  *Profile     // nil: there is none
	Factors  []Factor
	External []ExternalIdentity
	Owed     []Delivery // what legacy stores are to hear of it
}

// An Event is one line of the audit: it is written in the transaction of the change it tells of.
type Event struct {
	ID        uuid.UUID // UUIDv7, so that events sort by time
	At        time.Time
	AccountID uuid.UUID
	Kind      EventKind
	Actor     string // "person", "system", "staff:<name>", or "cli:<user of the operating system>"
	Reason    string
	RequestID string
	// Detail is a flat set of facts. It never holds a password, a hash or a token.
	Detail map[string]string
}

// EventKind is the closed list of what is audited.
type EventKind string

// What is audited so far.
const (
	EventMigrated       EventKind = "account.migrated"
	EventPhaseMoved     EventKind = "phase.moved"
	EventPhaseTakenBack EventKind = "phase.taken-back"
	EventPhaseRelisted  EventKind = "phase.relisted"
	EventCopied         EventKind = "account.copied"        // once more
	EventDrifted        EventKind = "account.drifted"       // somebody else was found to have written to legacy
	EventDriftSettled   EventKind = "account.drift-settled" // and what was changed here stands
	EventRegistered     EventKind = "account.registered"
	EventDelivered      EventKind = "copy-back.delivered"
	EventTriedNow       EventKind = "copy-back.tried-now" // somebody has asked for it before its time; see Service.TryNow
	EventDeleted        EventKind = "account.deleted"
	EventPassword       EventKind = "credential.changed"
	EventReset          EventKind = "credential.reset"    // by a link in a mail; moves its account, if it had not moved
	EventResetAsked     EventKind = "account.reset-asked" // by staff
	EventEmail          EventKind = "email.confirmed"     // an address was shown to be theirs; it may have replaced another
	EventMailGivenUp    EventKind = "mail.given-up"
	EventRehashed       EventKind = "credential.rehashed"
	EventContested      EventKind = "identifier.contested"
	EventQuarantined    EventKind = "account.quarantined"  // one person, or, about no account, as many as the detail counts
	EventMoveRefused    EventKind = "account.move-refused" // somebody has asked for it, and it cannot be done

	EventQuarantineSkipped  EventKind = "quarantine.skipped"  // by staff: nothing is done about them any more
	EventQuarantineReopened EventKind = "quarantine.reopened" // it is, again

	EventSessionRevoked EventKind = "session.revoked"
	EventSessionReused  EventKind = "session.reused"
	EventSweepBegan     EventKind = "sweep.began" // a run over everybody
	EventSweepEnded     EventKind = "sweep.ended"
	EventKeyRotated     EventKind = "signing-key.rotated"
	EventFactorEnrolled EventKind = "factor.enrolled"
	EventFactorRemoved  EventKind = "factor.removed"
	EventFactorUsed     EventKind = "factor.used"
	EventFactorLimited  EventKind = "factor.limited" // no guess at a code is left for now
	EventProfileChanged EventKind = "profile.changed"
	EventTermsAccepted  EventKind = "terms.accepted"

	EventVerifyBegan       EventKind = "verify.began"
	EventVerifyEnded       EventKind = "verify.ended"
	EventDifferenceIgnored EventKind = "verify.ignored"      // between the stores; somebody accepts it
	EventDisagreement      EventKind = "verify.disagreement" // the stores have judged the password of a login differently

	EventDisabled          EventKind = "account.disabled"
	EventEnabled           EventKind = "account.enabled"
	EventSessionsRevoked   EventKind = "account.sessions-revoked"
	EventReverted          EventKind = "account.reverted" // staff have taken a move back
	EventUnlocked          EventKind = "account.unlocked" // staff have given all guesses back
	EventStaffTokenAdded   EventKind = "staff.token-added"
	EventStaffTokenRevoked EventKind = "staff.token-revoked"

	EventSweepSet EventKind = "sweep.settings-changed"
)

// A Note is what support sees of a legacy person who could not be moved: one per person and class, however often
// they try.
type Note struct {
	Source   string
	LegacyID string
	Class    NoteClass
	Reason   string // fixed text; never a byte of a hash
	At       time.Time
}

// NoteClass is the closed list of why somebody is not moved.
type NoteClass string

// Why somebody is not moved.
const (
	NoteUnreadableHash    NoteClass = "unreadable-hash"
	NoteOverBounds        NoteClass = "over-bounds" // readable as soon as the operator raises the bound
	NoteContested         NoteClass = "contested"
	NoteInvalidIdentifier NoteClass = "invalid-identifier"      // no name that can be typed, and found: none, too long, not text
	NoteDrifted           NoteClass = "drifted"                 // the legacy record was changed by others after it was changed here
	NoteIDReused          NoteClass = "id-reused"               // a deleted person's id has come back as somebody else's
	NoteVerifyOnly        NoteClass = "verify-only"             // the legacy store shows no hash: only a login can move them
	NoteUnusableHash      NoteClass = "unusable-hash"           // no password matches what is stored, or nothing is
	NoteWeakHash          NoteClass = "weak-hash"               // not strong enough to be carried, and nothing else was allowed
	NoteUnreadableRecord  NoteClass = "unreadable-record"       // beside its hash
	NoteNoAddress         NoteClass = "no-address"              // nothing that a link for a new password could be sent to
	NoteGone              NoteClass = "gone"                    // the legacy store has nobody under that id
	NoteExternalTaken     NoteClass = "external-identity-taken" // moved, but for an identity that another account has
	NoteIdentifierLeftOut NoteClass = "identifier-left-out"     // moved, but for a stored identifier that cannot be typed
	NoteMapping           NoteClass = "mapping-error"           // an expression of the mapping has no result for them
	NoteTimeout           NoteClass = "legacy-timeout"          // the legacy store tells others about, and not them
	NotePoisoned          NoteClass = "poisoned"                // whoever tried to move them died or stood still, several times
)

// subjects is the UUIDv5 namespace of rekey's subjects. Changing it would change every migrated person's sub.
var subjects = uuid.MustParse("7f0dbd63-9f4c-5a3e-8c39-2f1f0b6f4f11")

// SubjectFor returns the account id of a legacy person: a UUIDv5 (RFC 9562, section 5.5) of the source's name and
// the legacy id, so that the token's sub is the same before, during and after the move.
func SubjectFor(source, legacyID string) uuid.UUID {
	return uuid.NewSHA1(subjects, []byte(source+"\x00"+legacyID))
}
