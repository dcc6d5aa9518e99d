package sqlstore

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

// apart are the accounts that are not simply here, found by the index accounts_apart, and those in doubt, found by their intents.
// Deleted ones are disabled as well.
const apart = `a.disabled OR a.pinned OR a.changed_here`

// countLinks counts all links by what they say by themselves, in one read of their table, and those of accounts that are apart,
// whom the former count too, by all there is to know. SQLite takes the tables of a CROSS JOIN in their order, which without it, and
// without statistics, begins with all links.
const countLinks = `
SELECT l.source, l.how, l.copied_epoch >= $1, l.dirty, l.drifted, FALSE, FALSE, FALSE, FALSE, FALSE, FALSE, count(*)
  FROM legacy_links l GROUP BY 1, 2, 3, 4, 5
UNION ALL
SELECT l.source, l.how, l.copied_epoch >= $1, l.dirty, l.drifted, a.deleted_at IS NOT NULL, a.disabled, a.pinned OR a.changed_here, a.in_doubt,
       l.barred = 'gone', TRUE, count(*)
  FROM accounts a CROSS JOIN legacy_links l
 WHERE l.account_id = a.id AND (` + apart + `) GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
UNION ALL
SELECT l.source, l.how, l.copied_epoch >= $1, l.dirty, l.drifted, FALSE, FALSE, FALSE, TRUE, FALSE, TRUE, count(*)
  FROM accounts a CROSS JOIN legacy_links l
 WHERE l.account_id = a.id AND a.id IN (SELECT account_id FROM copy_back WHERE intent) AND a.in_doubt AND NOT (` + apart + `) GROUP BY 1, 2, 3, 4, 5`

// CountLinks implements accounts.Reckoning.
func (s *Store) CountLinks(ctx context.Context, trustEpoch int64) ([]accounts.LinkCount, error) {
	counts := map[accounts.LinkKind]int64{}
	err := s.each(ctx, s.read, func(scan scan) error {
		var (
			k     accounts.LinkKind
			apart bool
			n     int64
		)
		if err := scan(&k.Source, &k.How, &k.Trusted, &k.Dirty, &k.Drifted, &k.Deleted, &k.Disabled, &k.Stays, &k.InDoubt, &k.Gone, &apart, &n); err != nil {
			return err
		}
		counts[k] += n
		if apart { // the first part has counted them as if they were not
			counts[accounts.LinkKind{Source: k.Source, How: k.How, Trusted: k.Trusted, Dirty: k.Dirty, Drifted: k.Drifted}] -= n
		}
		return nil
	}, countLinks, trustEpoch)
	var all []accounts.LinkCount
	for k, n := range counts {
		if n != 0 {
			all = append(all, accounts.LinkCount{LinkKind: k, People: n})
		}
	}
	return all, storeError("count links", err)
}

// CountCredentials implements accounts.Reckoning. No deleted account has one.
func (s *Store) CountCredentials(ctx context.Context) (accounts.CredentialCounts, error) {
	c := accounts.CredentialCounts{Passwords: map[accounts.Scheme]int64{}}
	err := s.each(ctx, s.read, func(scan scan) error {
		var scheme string
		var n int64
		err := scan(&scheme, &n)
		switch scheme {
		case "":
			c.Accounts = n
		case "locked":
			c.AwaitResets = n
		case "waiting": // for a login: the accounts that are left over
		default:
			c.Passwords[accounts.Scheme(scheme)] = n
		}
		return err
	}, `
SELECT '', (SELECT count(*) FROM accounts) - (SELECT count(*) FROM accounts a WHERE (`+apart+`) AND a.deleted_at IS NOT NULL)
UNION ALL
SELECT CASE WHEN scheme <> '`+string(accounts.SchemeArgon2id)+`' OR encoded NOT LIKE '%`+accounts.WaitingMark+`%' THEN scheme
            WHEN encoded LIKE '%`+accounts.ResetMark+`' THEN 'locked' ELSE 'waiting' END, count(*)
  FROM credentials WHERE kind = 'password' GROUP BY 1`)
	return c, storeError("count credentials", err)
}

// CountNotes implements accounts.Reckoning.
func (s *Store) CountNotes(ctx context.Context) ([]accounts.NoteCount, error) {
	var all []accounts.NoteCount
	err := s.each(ctx, s.read, func(scan scan) error {
		var c accounts.NoteCount
		err := scan(&c.Source, &c.Class, &c.Reason, &c.People)
		all = append(all, c)
		return err
	}, `
SELECT q.source, q.class, q.reason, count(*) FROM quarantine q
 WHERE q.state = 'open' AND (q.class = '`+string(accounts.NoteIDReused)+`' OR `+unlinked+`)
 GROUP BY q.source, q.class, q.reason ORDER BY q.source, q.class, q.reason`)
	return all, storeError("count notes", err)
}

// unlinked holds of a note q about somebody of whom there is no link.
const unlinked = `NOT EXISTS (SELECT 1 FROM legacy_links l WHERE l.source = q.source AND l.legacy_id = q.legacy_id)`

// CountHeld implements accounts.Reckoning.
func (s *Store) CountHeld(ctx context.Context) (map[string]accounts.Held, error) {
	held := map[string]accounts.Held{}
	err := s.each(ctx, s.read, func(scan scan) error {
		var source string
		var h accounts.Held
		err := scan(&source, &h.Open, &h.Skipped)
		held[source] = h
		return err
	}, `
SELECT p.source, sum(p.open), sum(1 - p.open)
  FROM (SELECT q.source AS source, max(CASE q.state WHEN 'open' THEN 1 ELSE 0 END) AS open
          FROM quarantine q WHERE q.state IN ('open', 'skipped') AND `+unlinked+` GROUP BY q.source, q.legacy_id) p
 GROUP BY p.source`)
	return held, storeError("count who is in quarantine", err)
}

// CountIntents implements accounts.Reckoning.
func (s *Store) CountIntents(ctx context.Context) (n int64, err error) {
	err = s.each(ctx, s.read, func(scan scan) error { return scan(&n) }, `SELECT count(*) FROM copy_back WHERE intent`)
	return n, storeError("count intents", err)
}

// CountMoved implements accounts.Reckoning. It reads the end of the events' key, which is made of their time.
func (s *Store) CountMoved(ctx context.Context, since time.Time, most int) (moved int64, from time.Time, err error) {
	var read, first int64
	err = s.each(ctx, s.read, func(scan scan) error { return scan(&moved, &read, &first) }, `
SELECT count(CASE WHEN kind = '`+string(accounts.EventMigrated)+`' THEN 1 END), count(*), coalesce(min(at), 0)
  FROM (SELECT kind, at FROM events WHERE id >= $1 ORDER BY id DESC LIMIT $2) AS newest`, firstID(since), most)
	from = since
	if read == int64(most) {
		from = moment(first)
	}
	return moved, from, storeError("count who has moved", err)
}

// firstID is the smallest UUIDv7 of a time (RFC 9562, section 5.7): 48 bits of milliseconds come first.
func firstID(at time.Time) uuid.UUID {
	var stamp [8]byte
	binary.BigEndian.PutUint64(stamp[:], uint64(max(at.UnixMilli(), 0)))
	var id uuid.UUID
	copy(id[:6], stamp[2:])
	return id
}

// MovedByDay implements accounts.Reckoning.
func (s *Store) MovedByDay(ctx context.Context) ([]accounts.DayCount, error) {
	const day = int64(24 * time.Hour / time.Microsecond)
	var all []accounts.DayCount
	err := s.each(ctx, s.read, func(scan scan) error {
		var c accounts.DayCount
		var number int64
		err := scan(&number, &c.Source, &c.How, &c.People)
		c.Day = moment(number * day)
		all = append(all, c)
		return err
	}, `SELECT at / 86400000000, source, how, count(*) FROM legacy_links GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`)
	return all, storeError("count by day", err)
}

// CountEvents implements accounts.Reckoning.
func (s *Store) CountEvents(ctx context.Context) (map[accounts.EventKind]int64, error) {
	counts := map[accounts.EventKind]int64{}
	err := s.each(ctx, s.read, func(scan scan) error {
		var kind string
		var n int64
		err := scan(&kind, &n)
		counts[accounts.EventKind(kind)] = n
		return err
	}, `SELECT kind, count(*) FROM events GROUP BY kind`)
	return counts, storeError("count events", err)
}

// Works implements accounts.Reckoning.
func (s *Store) Works(ctx context.Context) ([]accounts.Work, error) {
	var all []accounts.Work
	err := s.each(ctx, s.read, func(scan scan) error {
		var w accounts.Work
		var done, claimed int64
		err := scan(&w.Name, (*place)(&w.Cursor), &done, &w.Fence, &claimed)
		if done > 0 {
			w.DoneAt = moment(done)
		}
		if claimed > 0 {
			w.ClaimedTo = moment(claimed)
		}
		all = append(all, w)
		return err
	}, `SELECT name, cursor, done_at, fence, claimed_to FROM work ORDER BY name`)
	return all, storeError("read work", err)
}
