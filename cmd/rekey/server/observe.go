package server

import (
	"slices"
	"time"

	"rekey/cmd/rekey/config"
	"rekey/gateway"
)

// checks are what readyz asks. Without the new store nobody can be told from anybody; without a legacy source only
// those who have not moved have to wait.
func (s *Server) checks() []gateway.Check {
	checks := []gateway.Check{{Name: "store", Required: true, Excused: s.service.GoesOn, Ask: s.store.Ping}}
	for _, src := range s.sources {
		checks = append(checks, gateway.Check{Name: "legacy:" + src.name, Ask: src.Ping, Source: src.name, Kind: src.kind})
	}
	if s.soft.ping != nil {
		checks = append(checks, gateway.Check{Name: "redis", Ask: s.soft.ping})
	}
	return checks
}

// metrics are read from what the parts count anyway.
func (s *Server) metrics() []gateway.Metric {
	stats, permits := s.service.Stats(), s.permits.Stats
	counter := func(name, help string, read func() int64) gateway.Metric {
		return gateway.Metric{Name: name, Help: help, Counter: true, Read: func() float64 { return float64(read()) }}
	}
	gauge := func(name, help string, read func() float64) gateway.Metric {
		return gateway.Metric{Name: name, Help: help, Read: read}
	}
	return append(slices.Concat(s.phaseMetrics(), s.jobMetrics(), s.governorMetrics()), []gateway.Metric{
		counter("rekey_logins_succeeded_total", "Logins with a right password.", stats.Succeeded.Load),
		counter("rekey_logins_refused_total", "Logins answered 401.", stats.Refused.Load),
		counter("rekey_logins_unavailable_total", "Logins answered 503: something could not be asked.", stats.Unavailable.Load),
		counter("rekey_accounts_migrated_total", "Accounts moved by this process.", stats.Migrated.Load),
		counter("rekey_accounts_not_migrated_total", "Right passwords whose account could not be moved this time.", stats.NotMigrated.Load),
		counter("rekey_accounts_registered_total", "Accounts made for people whom no store knew.", stats.Registered.Load),
		counter("rekey_accounts_deleted_total", "Accounts deleted, by their owners or by staff.", stats.Deleted.Load),
		counter("rekey_passwords_changed_total", "Passwords replaced by their owners.", stats.Changed.Load),
		counter("rekey_passwords_reset_total", "Passwords set by a link in a mail.", stats.Reset.Load),
		counter("rekey_emails_confirmed_total", "Addresses confirmed by a link in a mail.", stats.EmailsConfirmed.Load),
		counter("rekey_mails_sent_total", "Mails that the mail server took.", stats.MailsSent.Load),
		counter("rekey_mails_not_sent_total", "Tries to send a mail that failed; each is made again.", stats.MailsNotSent.Load),
		counter("rekey_mails_given_up_total", "Mails that could not be sent for an hour.", stats.MailsGivenUp.Load),
		counter("rekey_passwords_unscreened_total", "New passwords that were taken though the breached ones could not be asked.", stats.Unscreened.Load),
		counter("rekey_factors_asked_total", "Right passwords of people who had to show a second factor as well.", stats.FactorAsked.Load),
		counter("rekey_factors_limited_total", "Codes that were not looked at: too many guesses for one account.", stats.FactorLimited.Load),
		counter("rekey_factors_enrolled_total", "Second factors added by their owners.", stats.Enrolled.Load),
		counter("rekey_factors_removed_total", "Second factors removed by their owners.", stats.Unenrolled.Load),
		counter("rekey_credentials_rehashed_total", "Stored passwords made stronger at a login.", stats.Rehashed.Load),
		counter("rekey_credentials_not_rehashed_total", "Stored passwords that could not be made stronger this time.", stats.NotRehashed.Load),
		counter("rekey_logins_contested_total", "Logins of people whose identifier several hold in the old stores.", stats.Contested.Load),
		counter("rekey_legacy_hashes_unreadable_total", "Attempts against a legacy hash that cannot be read.", stats.Unreadable.Load),
		counter("rekey_legacy_drifted_total", "People whom an old store has changed since they were copied; it answers for them until they log in.", stats.Drifted.Load),
		counter("rekey_legacy_barred_total", "People disabled here because an old store has disabled or removed them.", stats.Barred.Load),
		counter("rekey_legacy_unbarred_total", "People whom an old store has let in again.", stats.Unbarred.Load),
		counter("rekey_legacy_looks_failed_total", "Looks at what was changed in an old store that failed; each is made again.", stats.NotLooked.Load),
		counter("rekey_legacy_lookups_total", "Questions to the legacy stores.", stats.LegacyLookups.Load),
		gauge("rekey_hash_permits", "Hashes that may run at once.", func() float64 { return float64(permits().Permits) }),
		gauge("rekey_hash_running", "Hashes that run.", func() float64 { return float64(permits().Running) }),
		gauge("rekey_hash_waiting", "Logins that wait for a hash permit.", func() float64 { return float64(permits().Waiting) }),
		gauge("rekey_hash_memory_bytes", "Memory that running hashes hold.", func() float64 { return float64(permits().MemoryInUse) }),
		counter("rekey_hash_shed_total", "Hashes refused because the queue was too long.", func() int64 { return int64(permits().Shed) }),
	}...)
}

// Counts are what has happened since the start.
type Counts struct {
	Logins, Refused, Unavailable int64
	Migrated                     int64
	LegacyQueries                int64
	Waiting                      int64 // now, for a hash permit
}

// Counts reads the counters.
func (s *Server) Counts() Counts {
	stats := s.service.Stats()
	return Counts{
		Logins: stats.Succeeded.Load(), Refused: stats.Refused.Load(), Unavailable: stats.Unavailable.Load(),
		Migrated: stats.Migrated.Load(), LegacyQueries: stats.LegacyLookups.Load(), Waiting: int64(s.permits.Stats().Waiting),
	}
}

// loginFloor turns the configured 0, which means none, into the gateway's word for that.
func loginFloor(c *config.Config) time.Duration {
	if c.Login.Floor == 0 {
		return -1
	}
	return c.Login.Floor
}
