package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/failpoint"
)

// CreateMany implements accounts.Writes. As with Create, a unique key that refuses a row only says that somebody was first: who
// is in the way of whom is looked up afterwards, and nothing of the transaction stays.
func (s *Store) CreateMany(ctx context.Context, many []accounts.Made, c accounts.Chunk, claim time.Duration) ([]accounts.NotMade, error) {
	for _, m := range many {
		if err := checkMade(m); err != nil {
			return nil, fmt.Errorf("create accounts: %w", err)
		}
	}
	var err error
	for range tries {
		var changed []accounts.NotMade
		err = s.inConnTx(ctx, func(conn *sql.Conn, tx *sql.Tx) (err error) {
			changed, err = s.insertMany(ctx, conn, tx, many)
			if err == nil && len(changed) > 0 {
				err = errUndone
			}
			if err != nil {
				return err
			}
			failpoint.Hit(failpoint.BulkInserted)
			return s.keepChunk(ctx, transaction{tx}, c, claim, 0)
		})
		switch {
		case len(changed) > 0:
			return changed, nil
		case err == nil:
			failpoint.Hit(failpoint.BulkCommitted)
			return nil, nil
		case !s.engine.unique(err):
			return nil, storeError("create accounts", err)
		}
		refused, lookErr := s.refusals(ctx, many)
		if lookErr != nil || len(refused) > 0 {
			return refused, storeError("see who was first", lookErr)
		}
	}
	return nil, storeError("create accounts", err)
}

// errNotBulk is of an account that has to be made by itself.
var errNotBulk = fmt.Errorf("the account has what is not made together with others")

func checkMade(m accounts.Made) error {
	r := m.Record
	if r.Link == nil || len(r.Factors)+len(r.External)+len(r.Owed) > 0 {
		return errNotBulk
	}
	return checkRecord(r)
}

// inConnTx is inTx for who needs the connection too.
func (s *Store) inConnTx(ctx context.Context, f func(*sql.Conn, *sql.Tx) error) error {
	return s.retry(func() error {
		conn, err := s.write.Conn(ctx)
		if err != nil {
			return fmt.Errorf("connect: %w", s.engine.scrub(err))
		}
		defer func() {
			_ = conn.Close() // it goes back to the pool, which looks whether it is good
		}()
		tx, err := conn.BeginTx(ctx, nil)
		if err != nil {
			return fmt.Errorf("begin: %w", s.engine.scrub(err))
		}
		defer func() {
			_ = tx.Rollback() // after a commit it does nothing; after an error that one is the one to tell
		}()
		if err := s.checkEpoch(ctx, transaction{tx}); err != nil {
			return err
		}
		if err := f(conn, tx); err != nil {
			return err
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("commit: %w", s.engine.scrub(err))
		}
		return nil
	})
}

// insertMany writes accounts, and returns which of their people were changed since they were read. All that was written of
// somebody who is changed through us while they are not here is the epoch of their sessions, and, until it has ended, the
// change itself.
func (s *Store) insertMany(ctx context.Context, conn *sql.Conn, tx *sql.Tx, many []accounts.Made) ([]accounts.NotMade, error) {
	if len(many) == 0 {
		return nil, nil
	}
	all := rowsOf(many)
	for _, t := range all.tables() {
		if err := s.engine.insertRows(ctx, conn, tx, t); err != nil {
			return nil, fmt.Errorf("insert %s: %w", t.name, s.engine.scrub(err))
		}
	}
	held := transaction{tx}
	if err := s.resolveMany(ctx, held, all.links, many[0].Event.At); err != nil {
		return nil, err
	}
	// From here on until the commit, no change of somebody who is not here comes to its end: it waits, and finds them here.
	if err := s.engine.keepChanges(ctx, s, held); err != nil {
		return nil, err
	}
	list, err := json.Marshal(idsOf(all.accounts))
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	if err := s.doubtChanging(ctx, held, string(list)); err != nil {
		return nil, fmt.Errorf("look for changes under way: %w", err)
	}
	epochs, err := s.epochs(ctx, held, string(list))
	if err != nil {
		return nil, fmt.Errorf("look for changes: %w", err)
	}
	var changed []accounts.NotMade
	for i, m := range many {
		if epochs[m.Record.ID] != m.Epoch {
			changed = append(changed, accounts.NotMade{Index: i, Err: accounts.ErrStale})
		}
	}
	return changed, nil
}

// doubtChanging marks those of a JSON list of accounts that are being changed. It asks first who they are: a join might read all
// accounts, and hardly ever is there one.
func (s *Store) doubtChanging(ctx context.Context, tx querier, list string) error {
	var changing []uuid.UUID
	err := s.each(ctx, tx, func(scan scan) error {
		var id uuid.UUID
		err := scan(&id)
		changing = append(changing, id)
		return err
	}, `SELECT account_id FROM copy_back WHERE intent AND account_id IN `+s.engine.ids("$1"), list)
	for _, id := range changing {
		if err == nil {
			_, err = s.exec(ctx, tx, `UPDATE accounts SET in_doubt = TRUE WHERE id = $1`, id)
		}
	}
	return err
}

// resolveMany is resolveNotes of all legacy people whom accounts are made from.
func (s *Store) resolveMany(ctx context.Context, tx querier, links []madeLink, at time.Time) error {
	people := peopleOf(links)
	for _, source := range slices.Sorted(maps.Keys(people)) {
		noted, err := s.those(ctx, tx, source, people[source], `SELECT 1 FROM quarantine q WHERE q.source = $1 AND q.legacy_id = v.id AND q.state <> 'resolved'`)
		if err != nil {
			return fmt.Errorf("look for notes: %w", err)
		}
		for _, id := range noted {
			if err := s.resolveNotes(ctx, tx, accounts.LegacyKey{Source: source, LegacyID: id}, "", at); err != nil {
				return err
			}
		}
	}
	return nil
}

// those returns which of some people of a source have a row that a query finds by the source, $1, and their id, v.id.
func (s *Store) those(ctx context.Context, q querier, source string, legacyIDs []string, row string) ([]string, error) {
	if len(legacyIDs) == 0 {
		return nil, nil
	}
	list, err := json.Marshal(legacyIDs)
	if err != nil {
		return nil, fmt.Errorf("list people: %w", err)
	}
	return s.texts(ctx, q, `SELECT v.id FROM `+s.engine.texts("$2")+` AS v WHERE (`+row+found, source, string(list))
}

// epochs reads the session epochs of people who are not here, of a JSON list of ids; whose is 0 is left out.
func (s *Store) epochs(ctx context.Context, q querier, list string) (map[uuid.UUID]int64, error) {
	epochs := map[uuid.UUID]int64{}
	err := s.each(ctx, q, func(scan scan) error {
		var id uuid.UUID
		var epoch int64
		err := scan(&id, &epoch)
		epochs[id] = epoch
		return err
	}, `SELECT account_id, epoch FROM session_epochs WHERE account_id IN `+s.engine.ids("$1"), list)
	return epochs, err
}

// SessionEpochs implements accounts.Directory.
func (s *Store) SessionEpochs(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]int64, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	epochs, err := s.epochs(ctx, s.read, string(list))
	return epochs, storeError("read session epochs", err)
}

// Copies implements accounts.Directory.
func (s *Store) Copies(ctx context.Context, source string, legacyIDs []string) (map[string]accounts.Copy, error) {
	// Most are not, at first; who is, is looked for one by one.
	here, err := s.those(ctx, s.read, source, legacyIDs, `SELECT 1 FROM legacy_links l WHERE l.source = $1 AND l.legacy_id = v.id`)
	if err != nil || len(here) == 0 {
		return nil, storeError("read copies", err)
	}
	list, err := json.Marshal(here)
	if err != nil {
		return nil, fmt.Errorf("list people: %w", err)
	}
	copies := map[string]accounts.Copy{}
	err = s.each(ctx, s.read, func(scan scan) error {
		var c accounts.Copy
		var deleted, created sql.NullInt64
		var at int64
		var how, barred string
		l := accounts.LegacyLink{Source: source}
		err := scan(&c.ID, &c.Disabled, &c.DisabledThere, &deleted, &c.SessionEpoch, &c.ChangedHere, &c.Pinned, &c.InDoubt,
			&l.LegacyID, &l.Fingerprint, &created, &how, &at, &l.CopiedEpoch, &l.Dirty, &l.Drifted, &barred, &c.Part)
		c.DeletedAt = momentOrZero(deleted)
		l.LegacyCreatedAt, l.How, l.At, l.Barred = momentOrZero(created), accounts.How(how), moment(at), accounts.Barred(barred)
		c.Link = &l
		copies[l.LegacyID] = c
		return err
	}, `
SELECT a.id, a.disabled, a.disabled AND NOT a.disabled_here, a.deleted_at, a.session_epoch, a.changed_here, a.pinned, a.in_doubt,
       l.legacy_id, l.fingerprint, l.legacy_created_at, l.how, l.at, l.copied_epoch, l.dirty, l.drifted, l.barred,
       EXISTS (SELECT 1 FROM legacy_links o WHERE o.account_id = a.id
                  AND (o.at < l.at OR o.at = l.at AND (o.source < l.source OR o.source = l.source AND o.legacy_id < l.legacy_id)))
  FROM legacy_links l JOIN accounts a ON a.id = l.account_id
 WHERE l.source = $1 AND l.legacy_id IN `+s.engine.texts("$2"), source, string(list))
	return copies, storeError("read copies", err)
}

// refusals says which of many records cannot be made, and why.
func (s *Store) refusals(ctx context.Context, many []accounts.Made) ([]accounts.NotMade, error) {
	suspects, err := s.suspects(ctx, rowsOf(many))
	if err != nil {
		return nil, err
	}
	var refused []accounts.NotMade
	mine := map[string]bool{} // the names of this very batch
	for i := range many {
		var first error
		if suspects[&many[i]] {
			if first, err = s.refusal(ctx, many[i].Record); err != nil {
				return nil, err
			}
		}
		for _, id := range many[i].Record.Identifiers {
			if mine[id.Canonical] && first == nil {
				first = accounts.ErrTaken
			}
			mine[id.Canonical] = true
		}
		if first != nil {
			refused = append(refused, accounts.NotMade{Index: i, Err: first})
		}
	}
	return refused, nil
}

// suspects returns whose account, link or name is there.
func (s *Store) suspects(ctx context.Context, all madeRows) (map[*accounts.Made]bool, error) {
	suspects := map[*accounts.Made]bool{}
	ids, err := json.Marshal(idsOf(all.accounts))
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	here := map[uuid.UUID]bool{}
	err = s.each(ctx, s.read, func(scan scan) error {
		var id uuid.UUID
		err := scan(&id)
		here[id] = true
		return err
	}, `SELECT id FROM accounts WHERE id IN `+s.engine.ids("$1"), string(ids))
	if err != nil {
		return nil, err
	}
	for _, m := range all.accounts {
		suspects[m] = here[m.Record.ID]
	}

	names := make([]string, len(all.identifiers))
	for i, id := range all.identifiers {
		names[i] = id.Canonical
	}
	list, err := json.Marshal(names)
	if err != nil {
		return nil, fmt.Errorf("list names: %w", err)
	}
	taken, err := s.texts(ctx, s.read, `SELECT v.id FROM `+s.engine.texts("$1")+` AS v WHERE (SELECT 1 FROM identifiers i WHERE i.canonical = v.id`+found, string(list))
	if err != nil {
		return nil, err
	}
	for _, id := range all.identifiers {
		if slices.Contains(taken, id.Canonical) {
			suspects[id.of] = true
		}
	}

	people := peopleOf(all.links)
	for source, legacyIDs := range people {
		linked, err := s.those(ctx, s.read, source, legacyIDs, `SELECT 1 FROM legacy_links l WHERE l.source = $1 AND l.legacy_id = v.id`)
		if err != nil {
			return nil, err
		}
		for _, l := range all.links {
			if l.Source == source && slices.Contains(linked, l.LegacyID) {
				suspects[l.of] = true
			}
		}
	}
	return suspects, nil
}

// peopleOf returns the legacy people of links, by source.
func peopleOf(links []madeLink) map[string][]string {
	people := map[string][]string{}
	for _, l := range links {
		people[l.Source] = append(people[l.Source], l.LegacyID)
	}
	return people
}

func idsOf(made []*accounts.Made) []uuid.UUID {
	ids := make([]uuid.UUID, len(made))
	for i, m := range made {
		ids[i] = m.Record.ID
	}
	return ids
}
