package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
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
			if s.growth.by(len(many)) {
				_ = s.engine.survey(ctx, s) // it is done already; without this, what comes next is slower, and as good
			}
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

// growth tells when accounts that are made together have filled the tables so far that the database should look at them anew. What it
// thinks of a table of a few pages is that reading all of it is cheap, and it goes on thinking so for a minute, at each row that refers
// to an account, while a sweep makes ten thousand a second.
type growth struct{ made, next atomic.Int64 }

const (
	firstLook = 1000 // accounts
	lookAgain = 10   // times as many
)

// by counts accounts, and reports whether it is time.
func (g *growth) by(accounts int) bool {
	made, next := g.made.Add(int64(accounts)), g.next.Load()
	return made >= max(next, firstLook) && g.next.CompareAndSwap(next, lookAgain*made)
}

// errNotBulk is of an account that has to be made by itself.
var errNotBulk = errors.New("the account has what is not made together with others")

func checkMade(m accounts.Made) error {
	r := m.Record
	if r.Link == nil || len(r.Factors)+len(r.External)+len(r.Owed) > 0 {
		return errNotBulk
	}
	return checkRecord(r)
}

// insertMany writes accounts, and returns which of their people were changed since they were read. All that was written of
// somebody who is changed through us while they are not here is the epoch of their sessions, and, until it has ended, the
// change itself.
func (s *Store) insertMany(ctx context.Context, conn *sql.Conn, tx *sql.Tx, many []accounts.Made) ([]accounts.NotMade, error) {
	if len(many) == 0 {
		return nil, nil
	}
	all := rowsOf(many)
	for _, b := range all.batches() {
		if b.rows == 0 {
			continue
		}
		if err := s.engine.insertRows(ctx, conn, tx, b); err != nil {
			return nil, fmt.Errorf("insert %s: %w", b.name, s.engine.scrub(err))
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
	ids := idsOf(all.accounts)
	if err := s.doubtChanging(ctx, held, ids); err != nil {
		return nil, fmt.Errorf("look for changes under way: %w", err)
	}
	epochs, err := s.epochs(ctx, held, ids)
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

// doubtChanging marks those of some accounts that are being changed. It asks first who they are: a join might read all
// accounts, and hardly ever is there one.
func (s *Store) doubtChanging(ctx context.Context, tx querier, ids []uuid.UUID) error {
	changing, err := column[uuid.UUID](ctx, s, tx, `SELECT account_id FROM copy_back WHERE intent AND account_id IN `+s.engine.ids("$1"), ids)
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
	here, err := column[uuid.UUID](ctx, s, s.read, `SELECT id FROM accounts WHERE id IN `+s.engine.ids("$1"), idsOf(all.accounts))
	if err != nil {
		return nil, err
	}
	isHere := setOf(here)
	for _, m := range all.accounts {
		if isHere[m.Record.ID] {
			suspects[m] = true
		}
	}

	names := make([]string, len(all.identifiers))
	for i, id := range all.identifiers {
		names[i] = id.Canonical
	}
	taken, err := column[string](ctx, s, s.read,
		`SELECT v.id FROM `+s.engine.texts("$1")+` AS v WHERE (SELECT 1 FROM identifiers i WHERE i.canonical = v.id`+found, names)
	if err != nil {
		return nil, err
	}
	isTaken := setOf(taken)
	for _, id := range all.identifiers {
		if isTaken[id.Canonical] {
			suspects[id.of] = true
		}
	}

	for source, legacyIDs := range peopleOf(all.links) {
		linked, err := s.those(ctx, s.read, source, legacyIDs, linkOf)
		if err != nil {
			return nil, err
		}
		isLinked := setOf(linked)
		for _, l := range all.links {
			if l.Source == source && isLinked[l.LegacyID] {
				suspects[l.of] = true
			}
		}
	}
	return suspects, nil
}

func setOf[T comparable](values []T) map[T]bool {
	set := make(map[T]bool, len(values))
	for _, value := range values {
		set[value] = true
	}
	return set
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
