package accounts

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"rekey/accounts/phase"
)

// Errors of a Store. Every other error means that the store could not be asked ("cannot tell"), and nothing may be
// concluded from it.
var (
	// ErrNotFound: the store answered, and it is not there.
	ErrNotFound = errors.New("not found")
	// ErrLinked: that (source, legacy id) has an account already.
	ErrLinked = errors.New("the legacy person has an account already")
	// ErrTaken: one of the identifiers belongs to another account.
	ErrTaken = errors.New("an identifier is taken")
	// ErrStale: the row is not as it was read: somebody else wrote first.
	ErrStale = errors.New("changed by somebody else")
	// ErrStaleEpoch: the installation has moved on to another phase since the decision to write.
	ErrStaleEpoch = errors.New("the phase has changed")
	// ErrSpent: the code, or the challenge, was used before.
	ErrSpent = errors.New("used before")
)

// A Store keeps accounts and what belongs to them. It has one implementation per database and one contract suite,
// accountstest, that tells what each method promises under concurrency. Times are kept to the microsecond, in UTC.
type Store interface {
	Directory
	Mails
	Outbox
	Phases
	Reckoning
	Sessions
	Shadow
	Signals
	SigningKeys
	Validations
	Verifies
	Verdicts
	Support
	StaffTokens
	Codes
	Sweeps
	Watching
	Desk
	SweepSettings
	Quarantined

	// Meta returns the value of a named fact about the installation, or ErrNotFound.
	Meta(ctx context.Context, name string) (string, error)
	// MetaOnce stores the value unless the name has one, and returns the value that stands.
	MetaOnce(ctx context.Context, name, value string) (string, error)

	// Ping returns nil if the store answers.
	Ping(ctx context.Context) error
	// Close releases the connections.
	Close() error
}

// Lookups are what a Store is asked of many legacy people at once. Whoever has a key that it cannot keep is not here, as for all
// that is asked with a list of keys.
type Lookups interface {
	// SessionEpochs is SessionEpoch of many who are not here; whose is 0 is left out.
	SessionEpochs(ctx context.Context, accounts []uuid.UUID) (map[uuid.UUID]int64, error)
	// Copies returns what is here of some legacy people of one source, by legacy id; who is not here is left out.
	Copies(ctx context.Context, source string, legacyIDs []string) (map[string]Copy, error)
}

// Directory is the part of a Store that knows people.
type Directory interface {
	Writes

	// ByIdentifier returns the account that holds a canonical identifier, in one statement; ErrNotFound if none does.
	ByIdentifier(ctx context.Context, canonical string) (Record, error)
	// ByID returns an account by its id; ErrNotFound if there is none.
	ByID(ctx context.Context, id uuid.UUID) (Record, error)
	// ByLink returns the account made from a legacy person; ErrNotFound if there is none.
	ByLink(ctx context.Context, source, legacyID string) (Record, error)

	// SessionEpoch returns how often all sessions of an account have ended; of somebody who is not here too, and then also how often
	// they have got an address in legacy of which nothing was left here.
	SessionEpoch(ctx context.Context, account uuid.UUID) (int64, error)
	Lookups
	// Snapshot calls f with what the store holds in the moment of the call, whatever is written meanwhile. It must come to its end
	// soon: the store keeps for it what others overwrite. Snapshot returns its error.
	Snapshot(ctx context.Context, f func(Lookups) error) error

	// Profile returns what is kept of an account beside its identifiers and credentials; ErrNotFound if there is no such
	// account.
	Profile(ctx context.Context, account uuid.UUID) (Profile, error)
	// Factors returns an account's second factors, oldest first.
	Factors(ctx context.Context, account uuid.UUID) ([]Factor, error)
	// ExternalIdentities returns an account's identities at other providers, in the order of provider and subject.
	ExternalIdentities(ctx context.Context, account uuid.UUID) ([]ExternalIdentity, error)

	// ReplaceCredential stores next as version from+1, with the event, if the account's credential still has version
	// from; ErrStale if it has not, ErrNotFound if there is no such account or it is deleted.
	ReplaceCredential(ctx context.Context, account uuid.UUID, from int64, next Credential, e Event) error

	// Tombstone returns the link of a deleted account to a legacy person; ErrNotFound if there is none.
	Tombstone(ctx context.Context, source, legacyID string) (LegacyLink, error)

	// Contest marks a canonical identifier as one that several legacy people hold, with the event. It reports whether
	// this call marked it: marking again changes nothing and writes no event.
	Contest(ctx context.Context, canonical string, e Event) (bool, error)

	// AddNote keeps the first note of each (source, legacy id, class), with the event, and reports whether this was it. One that
	// was resolved begins anew; of one that stands, or was skipped, it is kept when it was seen last.
	AddNote(ctx context.Context, n Note, e Event) (bool, error)
	// Notes returns up to limit notes, newest first.
	Notes(ctx context.Context, limit int) ([]Note, error)

	// Events returns the events of an account, oldest first, up to limit.
	Events(ctx context.Context, account uuid.UUID, limit int) ([]Event, error)

	// CountAccounts returns the number of accounts that live.
	CountAccounts(ctx context.Context) (int64, error)
}

// Outbox is the part of a Store that keeps what the legacy stores have yet to hear. A change writes its deliveries in its
// own transaction: Create those of the record, SetPassword and Delete those that they are given.
type Outbox interface {
	// ClaimDelivery returns a delivery that is due at the time at, and keeps others from it until the time until;
	// ErrNotFound if none is. Of the deliveries of one account only the oldest is ever due.
	ClaimDelivery(ctx context.Context, at, until time.Time) (Delivery, error)
	// FinishDelivery removes a delivery that arrived, and writes what f says, in one transaction. It returns ErrStale, and
	// changes nothing, if somebody else has claimed it since, and ErrTaken if somebody here has what f.Create is to have.
	FinishDelivery(ctx context.Context, d Delivery, f Finish) error
	// DropDelivery removes an intent whose write was refused, or was never sent. drifted marks the account's links: the legacy
	// record is another than the one that was copied. It returns ErrStale as FinishDelivery does.
	DropDelivery(ctx context.Context, d Delivery, drifted bool) error
	// PostponeDelivery gives a claimed delivery back, to be tried at the time next. refused is what the legacy store said,
	// empty if it said nothing. It returns ErrStale as FinishDelivery does.
	PostponeDelivery(ctx context.Context, d Delivery, next time.Time, refused string) error
	// KeepLink adds a link to an account, or, if it has the link already, keeps its new fingerprint.
	KeepLink(ctx context.Context, account uuid.UUID, link LegacyLink) error
	// Inserts returns what a source has yet to be told of new people who may be there already, and whom no link names: intents,
	// and people who were deleted meanwhile.
	Inserts(ctx context.Context, source string) ([]Delivery, error)
	// Deliveries returns deliveries, oldest first: by id, which sorts by time.
	Deliveries(ctx context.Context, q DeliveryQuery) ([]Delivery, error)
	// Backlog counts them.
	Backlog(ctx context.Context) (Backlog, error)
	// Postponed counts the deliveries of an account, or of everybody for uuid.Nil, that are not due at the time at; those
	// that somebody is at were.
	Postponed(ctx context.Context, account uuid.UUID, at time.Time) (int64, error)
	// TryNow makes those due at the time at, with one event whose detail says under "deliveries" how many, and returns how
	// many. Where there is none it changes nothing and writes no event.
	TryNow(ctx context.Context, account uuid.UUID, at time.Time, e Event) (int64, error)
}

// Mails is the part of a Store that keeps what is to be mailed, and what the links in mails are good for.
type Mails interface {
	// AddMail stores a mail that is due when it is made, with events.
	AddMail(ctx context.Context, m Mail, events ...Event) error
	// ClaimMail returns a mail that is due at the time at, and keeps others from it until the time until; ErrNotFound if none is.
	ClaimMail(ctx context.Context, at, until time.Time) (Mail, error)
	// FinishMail removes a mail that was sent. It returns ErrStale, and changes nothing, if somebody else has claimed it since,
	// or it is gone.
	FinishMail(ctx context.Context, m Mail) error
	// GiveUpMail removes a mail that was not sent, with the event. It returns ErrStale as FinishMail does.
	GiveUpMail(ctx context.Context, m Mail, e Event) error
	// PostponeMail gives a claimed mail back, to be tried at the time next. It returns ErrStale as FinishMail does.
	PostponeMail(ctx context.Context, m Mail, next time.Time) error

	// KeepTicket stores a ticket in the place of the account's older one of its kind, and removes those that have ended at a time.
	KeepTicket(ctx context.Context, t Ticket, at time.Time) error
	// TicketByDigest returns the ticket with this digest if it has not ended at a time; ErrNotFound if there is none.
	TicketByDigest(ctx context.Context, digest [32]byte, at time.Time) (Ticket, error)
	// DropTicket removes a ticket, if it is there.
	DropTicket(ctx context.Context, digest [32]byte) error
}

// Phases is the part of a Store that keeps the phase, and who has heard of it.
type Phases interface {
	// InitPhase stores the state of a new installation unless there is one, and returns the one that stands.
	InitPhase(ctx context.Context, first phase.State) (phase.State, error)
	// Phase returns the state; ErrNotFound before InitPhase.
	Phase(ctx context.Context) (phase.State, error)
	// PhaseEpoch returns its epoch, which costs less.
	PhaseEpoch(ctx context.Context) (int64, error)
	// MovePhase stores the next state, with the event, if the epoch still is the one before; ErrStale if it is not. It
	// waits for the writes that hold the epoch before; see At.
	MovePhase(ctx context.Context, next phase.State, e Event) error
	// RenewLease writes down that a replica is alive and has acknowledged an epoch, and returns the state.
	RenewLease(ctx context.Context, r Replica) (phase.State, error)
	// EndLease forgets a replica that has stopped, and those that were killed: who has not renewed its lease for a day.
	EndLease(ctx context.Context, id string) error
	// Replicas returns all that are known, dead ones too, and the time by the clock that their leases run by.
	Replicas(ctx context.Context) ([]Replica, time.Time, error)
	// PhaseCounts counts what a move depends on. Intents are those that began before a time.
	PhaseCounts(ctx context.Context, intentsBefore time.Time) (PhaseCounts, error)
	// Apart returns the legacy people whom legacy alone cannot answer for, because something was decided or changed about
	// them here: they are disabled, deleted, pinned or changed, have a second factor, or were born here. Of more than limit it
	// returns an error.
	Apart(ctx context.Context, limit int) ([]LegacyKey, error)
	// EndAlone takes note, in one transaction, of what a replica has written to legacy alone: it stores the next state as
	// MovePhase does, unless that is the zero State, marks the copies of the people dirty, ends their sessions and writes
	// the events, but for those that are there already: it may be done again.
	EndAlone(ctx context.Context, next phase.State, people []LegacyKey, at time.Time, events ...Event) error
	// At returns a Writes that hold an epoch: each of them fails with ErrStaleEpoch, and changes nothing, if the installation
	// is in another, and keeps it from changing until it has ended.
	At(epoch int64) Writes
}

// A Finish is what is written here when a delivery has arrived.
type Finish struct {
	Event Event
	// Link is what the link to the legacy person is now, or, if it is Drifted, that it has; nil: as it was. An intent of somebody who
	// is not here leaves none.
	Link *LegacyLink

	// The rest is of intents.

	// Was is the fingerprint of the legacy person before the change. A copy that had another was not equal to them, and one
	// change that both got does not make it so: its link stays as it is, and has drifted. nil: whatever it was.
	Was        []byte
	Credential *Credential // of the account, if it is here; whatever version it has, it gets the next
	Keep       uuid.UUID   // the session that a new credential does not end
	Address    *Identifier // becomes the account's as by SetEmail, if it is here, and is known to legacy
	Mails      []Mail
	Create     *Record // somebody who is not here yet, with their link
	Delete     bool    // the account becomes a tombstone, and is made one if it is not here
	At         time.Time
}

// A Replica is a process that serves.
type Replica struct {
	phase.Replica
	Name string `json:"name"` // for people: where it runs
}

// Writes are the writes whose decision depends on the phase; see Phases.At.
type Writes interface {
	// BeginIntent stores an intent and claims it until the time until. It returns ErrStale if the account has another
	// delivery: the intent is the account's lock. An account that is here is in doubt until the intent ends.
	BeginIntent(ctx context.Context, d Delivery, until time.Time) (Delivery, error)
	// Create commits the account, its identifiers, its credential (as version 1), its links, what else moves with it and
	// the event in one transaction: all of them or none. It returns ErrLinked if a link's (source, legacy id) or the
	// account's id is there already, else ErrTaken if an identifier is. An external identity that another account has is
	// left out.
	Create(ctx context.Context, r Record, e Event) error
	// CreateMany commits many accounts as Create does, and how far a chunk is as KeepChunk does, in one transaction. Where some
	// of them cannot be made, it changes nothing and returns which, and why. They have links, and neither second factors nor
	// external identities nor anything owed.
	CreateMany(ctx context.Context, many []Made, c Chunk, claim time.Duration) ([]NotMade, error)

	// Recopy makes what is here of a legacy person equal to legacy again, with the event: the credential, if it still has
	// version from (ErrStale if not), the identifiers (ErrTaken if another account has one), the profile (nil: it stays as it is), the
	// second factors that moved with the person (nil: they stay as they are) and the link, which is then neither dirty nor drifted, if its fingerprint, marks and
	// bar still are those of r.Was (ErrStale if not: what was read of the person may be older than they are). An account that was not
	// disabled here is disabled, and its sessions end, if r is DisabledThere, and enabled if not.
	Recopy(ctx context.Context, r Record, from int64, e Event) error
	// SetLink writes down, with the event, what a link's fingerprint, epoch and marks are, if they still are as was says;
	// ErrStale if not, ErrNotFound if there is no such link of an account that lives.
	SetLink(ctx context.Context, was, is LegacyLink, e Event) error

	// TakeOver makes what is here of a legacy person equal to legacy but for the password, which is new: Recopy and SetPassword
	// in one, or, where from is 0, Create and the end of the sessions that they had while they were not here. What the record
	// owes is owed. Its errors are those of Recopy, and for 0 those of Create.
	TakeOver(ctx context.Context, r Record, from int64, e Event) error
	// MarkDirty marks the links to legacy people as copies that legacy knows better than; Recopy takes the mark away. Who has no
	// link is left alone.
	MarkDirty(ctx context.Context, people ...LegacyKey) error
	// Revert marks the link of an account as MarkDirty does and ends its sessions as RevokeSessions does, with one event, if its
	// credential still has version from, the link is as was says, and nothing was changed here that legacy does not know, is on
	// its way there, or is pinned here: ErrStale if not, ErrNotFound if there is no such account or it is deleted.
	Revert(ctx context.Context, account uuid.UUID, from int64, was LegacyLink, at time.Time, e Event) (ended []uuid.UUID, err error)

	// SetEmail makes an address an account's, verified or not as it says, with the event and mails: of the account's own it is
	// marked so, else it takes the place of the first e-mail address; ErrTaken if another account has it. The credential gets
	// version from+1, or it is ErrStale, and whatever was bound to its version ends. An account whose address becomes another
	// is pinned if nothing is owed: legacy does not know it, and never will. Nor is anything owed for an account of which legacy
	// will not know another change: its arrival would look as if legacy knew all.
	SetEmail(ctx context.Context, account uuid.UUID, from int64, address Identifier, e Event, mails []Mail, owed ...Delivery) error

	// See writes down what a look at a legacy person has found, with the event if it has a kind: the fingerprint, the drift
	// and the bar of the link, if they are as they were (ErrStale if not, or if another account has the link), and the account's
	// being disabled. Where more than the bar changes, no change of the account may be on its way to the legacy store (ErrStale): the
	// relay settles it. Where the bar changes, the sessions of the account end as RevokeSessions ends them, and are returned.
	// ErrNotFound if there is no such account or it is deleted.
	See(ctx context.Context, s Sighting, e Event) (ended []uuid.UUID, err error)

	// SetPassword is ReplaceCredential that ends the account's sessions too, all but keep (uuid.Nil keeps none): whoever knew
	// the old password is out. A session that a login with the old password is just opening is ended before it begins. A
	// kept session that was ended before stays ended.
	SetPassword(ctx context.Context, account uuid.UUID, from int64, next Credential, keep uuid.UUID, e Event, owed ...Delivery) error

	// Delete removes all that is kept of an account but its id, its links and its events, and ends its sessions (their rows
	// go when they expire, as those of all sessions do), with the event, if
	// its credential still has version from; ErrStale if it has not, ErrNotFound if there is no such account or it is
	// deleted already. Its identifiers are free for others afterwards; its links are tombstones: nobody is ever made from
	// those legacy people again.
	Delete(ctx context.Context, account uuid.UUID, from int64, at time.Time, e Event, owed ...Delivery) error

	// AddFactors ends an enrolment and gives its account the factors, with the event; the code that has confirmed it is spent.
	// Recovery codes of before go. It returns ErrStale if the enrolment is not the account's newest any more, ErrSpent as
	// SpendCode does, and ErrTaken if the account has a one-time password generator already.
	AddFactors(ctx context.Context, of Enrolment, factors []Factor, spent Spent, e Event) error
	// RemoveFactors removes all second factors of an account, with the event, if its credential still has version from; the
	// code that has proven one is spent. It returns ErrStale or ErrNotFound as ReplaceCredential does, and ErrSpent.
	RemoveFactors(ctx context.Context, account uuid.UUID, from int64, spent Spent, e Event) error
	// UpdateProfile changes what of u is not nil, with the events. ErrNotFound if there is no such account or it is deleted.
	UpdateProfile(ctx context.Context, account uuid.UUID, u Update, events ...Event) error
}

// A SigningKey is a private key for tokens, sealed with the master key.
type SigningKey struct {
	Seq       int64  // 1, 2, 3 …: two processes that rotate at once want the same next number, and one of them loses
	ID        string // the JWK thumbprint (RFC 7638), used as kid
	Algorithm string // EdDSA, ES256 or RS256
	Sealed    []byte
	CreatedAt time.Time
	ActiveAt  time.Time // it signs from here on, unless a newer key is active too; published from CreatedAt on
}

// SigningKeys is the part of a Store that keeps the keys that sign tokens.
type SigningKeys interface {
	// SigningKeys returns all keys, oldest first.
	SigningKeys(ctx context.Context) ([]SigningKey, error)
	// AddSigningKey stores a key under key.Seq, with the event; ErrStale if that number is there already.
	AddSigningKey(ctx context.Context, key SigningKey, e Event) error
	// DeleteSigningKeys removes the keys with a number below seq, and returns how many.
	DeleteSigningKeys(ctx context.Context, below int64) (int64, error)
}

// Support is the part of a Store that staff look at accounts through, and act on them.
type Support interface {
	// Links returns all links of an account, the one that it is named after first.
	Links(ctx context.Context, account uuid.UUID) ([]LegacyLink, error)
	// NotesOf returns the notes about the legacy people whom an account was made from, but for the resolved ones, newest first.
	NotesOf(ctx context.Context, account uuid.UUID) ([]Note, error)
	// RecentEvents returns events newest first: by id, which sorts by time.
	RecentEvents(ctx context.Context, q EventQuery) ([]Event, error)

	// SetDisabled disables or enables an account and ends its sessions as RevokeSessions does, with one event, in one
	// transaction. It returns the sessions that it ended, and says under "sessions" in the event's detail how many. An
	// account that is so already is left as it is, without an event and with changed false; ErrNotFound if there is none, or it is
	// deleted.
	//
	// Disabling makes a difference also where the legacy store has disabled the account already, since that may end; enabling
	// lifts what the legacy store has said as well.
	//
	// Enabling ends sessions too: a login whose password was verified a moment before the account was disabled may have
	// opened one a moment after, and it must not come to life again.
	SetDisabled(ctx context.Context, account uuid.UUID, disabled bool, at time.Time, e Event) (changed bool, ended []uuid.UUID, err error)
	// LivingSessions returns up to limit sessions of an account, here or not, that are neither revoked nor expired at a
	// time, newest first.
	LivingSessions(ctx context.Context, account uuid.UUID, at time.Time, limit int) ([]Session, error)
	// RevokeSessions ends the sessions of an account, here or not, that are not revoked yet, with one event whose detail
	// says under "sessions" how many, and returns them. Expired ones are ended too: by the clock of another process they
	// may live, and be prolonged. Where there is none it changes nothing and writes no event.
	RevokeSessions(ctx context.Context, account uuid.UUID, at time.Time, e Event) (ended []uuid.UUID, err error)
}

// An EventQuery says which events are wanted.
type EventQuery struct {
	Account uuid.UUID // uuid.Nil: everybody's, and those about no account
	Before  uuid.UUID // an event's id: only older ones; uuid.Nil: from the newest on
	Limit   int
}
