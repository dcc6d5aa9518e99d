package sqlstore

import (
	"cmp"
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
	rows, err := rowsOf(many)
	if err != nil {
		return nil, err
	}
	for _, t := range rows {
		if err := s.engine.insertRows(ctx, conn, tx, t); err != nil {
			return nil, fmt.Errorf("insert %s: %w", t.name, s.engine.scrub(err))
		}
	}
	held := transaction{tx}
	if err := s.resolveMany(ctx, held, many); err != nil {
		return nil, err
	}
	// From here on until the commit, no change of somebody who is not here comes to its end: it waits, and finds them here.
	if err := s.engine.keepChanges(ctx, s, held); err != nil {
		return nil, err
	}
	ids := make([]uuid.UUID, len(many))
	for i, m := range many {
		ids[i] = m.Record.ID
	}
	list, err := json.Marshal(ids)
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
func (s *Store) resolveMany(ctx context.Context, tx querier, many []accounts.Made) error {
	people := map[string][]string{} // by source
	for _, m := range many {
		for _, l := range links(m.Record) {
			people[l.Source] = append(people[l.Source], l.LegacyID)
		}
	}
	for _, source := range slices.Sorted(maps.Keys(people)) {
		noted, err := s.those(ctx, tx, source, people[source], `SELECT 1 FROM quarantine q WHERE q.source = $1 AND q.legacy_id = v.id AND q.state <> 'resolved'`)
		if err != nil {
			return fmt.Errorf("look for notes: %w", err)
		}
		for _, id := range noted {
			if err := s.resolveNotes(ctx, tx, accounts.LegacyKey{Source: source, LegacyID: id}, "", many[0].Event.At); err != nil {
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
	var refused []accounts.NotMade
	mine := map[string]int{} // whose a name of this very batch is
	for i, m := range many {
		first, err := s.refusal(ctx, m.Record)
		if err != nil {
			return nil, err
		}
		for _, id := range m.Record.Identifiers {
			if _, there := mine[id.Canonical]; there && first == nil {
				first = accounts.ErrTaken
			}
			mine[id.Canonical] = i
		}
		if first != nil {
			refused = append(refused, accounts.NotMade{Index: i, Err: first})
		}
	}
	return refused, nil
}

// A table is rows that are written together.
type table struct {
	name    string
	columns []string
	rows    [][]any
}

// rowsOf returns what is written of many accounts, table by table, in one order for everybody: two that wait for one another's
// rows would otherwise be undone as a deadlock.
func rowsOf(many []accounts.Made) ([]table, error) {
	order := make([]*accounts.Made, len(many))
	for i := range many {
		order[i] = &many[i]
	}
	slices.SortFunc(order, func(a, b *accounts.Made) int { return slices.Compare(a.Record.ID[:], b.Record.ID[:]) })
	tables := []table{
		{name: "accounts", columns: []string{"id", "disabled", "created_at", "changed_here", "incomplete", "terms", "disabled_here", "session_epoch"}},
		{name: "identifiers", columns: []string{"canonical", "account_id", "position", "kind", "spelling", "contested", "verified"}},
		{name: "credentials", columns: []string{"account_id", "kind", "version", "scheme", "encoded", "fold", "legacy", "needs_change"}},
		{name: "legacy_links", columns: []string{
			"source", "legacy_id", "account_id", "fingerprint", "legacy_created_at", "how", "at", "copied_epoch", "barred", "drifted",
		}},
		{name: "profiles", columns: []string{"account_id", "display_name", "locale", "roles", "groups", "attributes"}},
		{name: "events", columns: []string{"id", "at", "account_id", "kind", "actor", "reason", "request_id", "detail"}},
	}
	for t := range tables {
		tables[t].rows = make([][]any, 0, len(many))
	}
	add := func(t int, row ...any) { tables[t].rows = append(tables[t].rows, row) }
	for _, m := range order {
		r, c := &m.Record, &m.Record.Credential
		add(0, r.ID, r.Disabled, micros(r.CreatedAt), r.ChangedHere, r.Incomplete, r.Terms, false, m.Epoch)
		for position, id := range r.Identifiers {
			add(1, id.Canonical, r.ID, int64(position), string(id.Kind), id.Spelling, id.Contested, id.Verified)
		}
		add(2, r.ID, "password", int64(1), string(c.Scheme), c.Encoded, c.Fold, c.Legacy, r.NeedsChange)
		for _, l := range links(*r) {
			if r.Disabled && l.Barred == accounts.NotBarred { // nobody else can have said so yet
				l.Barred = accounts.BarredDisabled
			}
			add(3, l.Source, l.LegacyID, r.ID, notNull(l.Fingerprint), microsOrNull(l.LegacyCreatedAt), string(l.How), micros(l.At),
				max(l.CopiedEpoch, 1), string(l.Barred), l.Drifted)
		}
		if r.Profile != nil {
			profile, err := profileRow(r.ID, *r.Profile)
			if err != nil {
				return nil, err
			}
			add(4, profile...)
		}
		event, err := eventRow(m.Event)
		if err != nil {
			return nil, err
		}
		add(5, event...)
	}
	slices.SortFunc(tables[1].rows, func(a, b []any) int { return cmp.Compare(textOf(a[0]), textOf(b[0])) })
	slices.SortFunc(tables[3].rows, func(a, b []any) int {
		return cmp.Or(cmp.Compare(textOf(a[0]), textOf(b[0])), cmp.Compare(textOf(a[1]), textOf(b[1])))
	})
	for _, t := range tables {
		for _, row := range t.rows {
			if err := checkText(row); err != nil {
				return nil, err
			}
		}
	}
	return slices.DeleteFunc(tables, func(t table) bool { return len(t.rows) == 0 }), nil
}

// textOf is a value of a row that is a text.
func textOf(value any) string {
	text, _ := value.(string)
	return text
}
