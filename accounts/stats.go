package accounts

import (
	"errors"
	"sync/atomic"
)

// Stats count what the service has done since it started. They are read by metrics and by the demo; truth is in the
// store.
type Stats struct {
	Succeeded       atomic.Int64 // logins
	Refused         atomic.Int64
	Unavailable     atomic.Int64
	Migrated        atomic.Int64 // accounts moved by this process
	NotMigrated     atomic.Int64 // right passwords whose account could not be moved this time
	Recopied        atomic.Int64 // copies that were made again, because legacy had something else
	NotRecopied     atomic.Int64
	Registered      atomic.Int64 // accounts made for people whom no store knew
	Changed         atomic.Int64 // passwords that their owners have replaced
	Deleted         atomic.Int64 // accounts that their owners, or staff, have deleted
	Rehashed        atomic.Int64
	NotRehashed     atomic.Int64
	Contested       atomic.Int64 // logins of people who cannot be moved until support has settled a name
	Unreadable      atomic.Int64 // attempts against a legacy hash that cannot be read
	Unscreened      atomic.Int64 // new passwords that were taken though the breached ones could not be asked
	Delivered       atomic.Int64 // changes that a legacy store was told of
	NotDelivered    atomic.Int64 // tries that did not arrive; each is made again
	Reset           atomic.Int64 // passwords that were set by a link in a mail
	EmailsAsked     atomic.Int64 // addresses that people who were logged in wanted
	EmailsConfirmed atomic.Int64
	MailsSent       atomic.Int64
	MailsNotSent    atomic.Int64 // tries that failed; each is made again
	MailsGivenUp    atomic.Int64
	LegacyLookups   atomic.Int64 // questions to legacy stores

	ShadowReads          atomic.Int64 // lookups of logins that were mirrored to the new store
	ShadowReadsFailed    atomic.Int64 // of those
	ShadowReadsDiffering atomic.Int64 // of those: one store has somebody, and the other nobody
	ShadowReadsSkipped   atomic.Int64 // lookups that nobody was free to mirror
	ShadowWrites         atomic.Int64 // that were tried here after legacy had them
	ShadowWritesLost     atomic.Int64 // of those: made good later

	// Logins about which the other store was asked too; see CompareLogins.
	VerdictsAgreed      atomic.Int64
	VerdictsLegacyAlone atomic.Int64 // legacy took the password, and the new store did not
	VerdictsNewAlone    atomic.Int64 // the new store took it, and legacy did not
	VerdictsUnknown     atomic.Int64 // one of them could not tell
	VerdictsStale       atomic.Int64 // somebody was written meanwhile, and nothing was said
	VerdictsDropped     atomic.Int64 // there was no room

	FactorAsked   atomic.Int64 // right passwords that were answered with a challenge
	FactorLimited atomic.Int64 // guesses at codes that were not looked at: too many
	Enrolled      atomic.Int64 // second factors that their owners have added
	Unenrolled    atomic.Int64 // and removed
	Drifted       atomic.Int64 // people whom the legacy store has changed since they were copied
	Barred        atomic.Int64 // people whom a legacy store has disabled or removed since
	Unbarred      atomic.Int64 // and let in again
	NotLooked     atomic.Int64 // looks at a legacy store that failed; each is made again
}

// Stats returns the counters.
func (s *Service) Stats() *Stats { return &s.stats }

func (s *Stats) count(err error) {
	var unavailable *UnavailableError
	switch {
	case err == nil:
		s.Succeeded.Add(1)
	case errors.As(err, &unavailable):
		s.Unavailable.Add(1)
	default:
		s.Refused.Add(1)
	}
}
