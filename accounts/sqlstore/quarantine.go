package sqlstore

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"rekey/accounts"
)

// Conditions on the notes. What a class says is the domain's to know.
var (
	// endsByMove is of classes that a move resolves.
	endsByMove = `class IN (` + quoted(accounts.NoteClasses(false, false)) + `)`
	// ofUnmoved is of classes that say that somebody was not moved.
	ofUnmoved = `class IN (` + quoted(slices.Concat(accounts.NoteClasses(false, false), accounts.NoteClasses(false, true))) + `)`
)

func quoted(classes []accounts.NoteClass) string {
	texts := make([]string, len(classes))
	for i, c := range classes {
		texts[i] = "'" + string(c) + "'"
	}
	return strings.Join(texts, ", ")
}

// found ends a subquery that looks for one row by its key. EXISTS says the same, but may be planned as a join that reads the whole table,
// and on PostgreSQL a statement goes on with a plan of when the table was empty.
const found = ` LIMIT 1) IS NOT NULL`

// movedBy is a condition on the source and the legacy id of a row q, and the epoch from which on a copy counts: the person is answered here
// for good, was deleted here, or has a copy that counts.
func movedBy(epoch string) string {
	return `(SELECT 1 FROM legacy_links l JOIN accounts a ON a.id = l.account_id
 WHERE l.source = q.source AND l.legacy_id = q.legacy_id
   AND (a.deleted_at IS NOT NULL OR a.pinned OR a.changed_here OR l.copied_epoch >= ` + epoch + ` AND ` + epoch + ` > 0 AND NOT l.dirty AND NOT l.drifted)` + found
}

// stateBy is the state of a note q as it is read: one that was written late about somebody who has moved is resolved.
func stateBy(epoch string) string {
	return `CASE WHEN q.state <> 'resolved' AND q.` + endsByMove + ` AND ` + movedBy(epoch) + ` THEN 'resolved' ELSE q.state END`
}

// noteRow is a note as JSON, of which a statement takes many at once.
type noteRow struct {
	Source   string `json:"source"`
	LegacyID string `json:"legacy_id"`
	Class    string `json:"class"`
	Reason   string `json:"reason"`
	At       int64  `json:"at"`
}

// AddNote implements accounts.Directory.
func (s *Store) AddNote(ctx context.Context, n accounts.Note, e accounts.Event) (added bool, err error) {
	err = s.inTx(ctx, func(tx querier) error {
		classes, err := s.addNotes(ctx, tx, []accounts.Note{n}, whoever)
		if added = len(classes) > 0; err != nil || !added {
			return err
		}
		return s.insertEvent(ctx, tx, e)
	})
	return added && err == nil, storeError("add note", err)
}

// AddNotes implements accounts.Quarantined.
func (s *Store) AddNotes(ctx context.Context, notes []accounts.Note, trusted int64, e accounts.Event) (int64, error) {
	var total int64
	err := s.inTx(ctx, func(tx querier) error {
		added, err := s.addNotes(ctx, tx, notes, trusted)
		total = 0
		counted := e
		counted.Detail = maps.Clone(e.Detail)
		if counted.Detail == nil {
			counted.Detail = map[string]string{}
		}
		for class, n := range added {
			total += n
			counted.Detail[class] = strconv.FormatInt(n, 10)
		}
		if err != nil || total == 0 {
			return err
		}
		counted.Detail["people"] = strconv.FormatInt(total, 10)
		return s.insertEvent(ctx, tx, counted)
	})
	if err != nil {
		return 0, storeError("add notes", err)
	}
	return total, nil
}

// whoever, as an epoch, is for notes that are kept of those too who have moved.
const whoever = -1

// addNotes writes notes, and returns how many of each class were not there, or resolved. All notes are one statement, in one order
// for everybody.
func (s *Store) addNotes(ctx context.Context, tx querier, notes []accounts.Note, trusted int64) (added map[string]int64, err error) {
	rows := make([]noteRow, len(notes))
	for i, n := range notes {
		rows[i] = noteRow{plain(n.Source), plain(n.LegacyID), string(n.Class), plain(n.Reason), micros(n.At)}
	}
	key := func(a, b noteRow) int {
		return cmp.Or(strings.Compare(a.Source, b.Source), strings.Compare(a.LegacyID, b.LegacyID), strings.Compare(a.Class, b.Class))
	}
	slices.SortStableFunc(rows, key)
	rows = slices.CompactFunc(rows, func(a, b noteRow) bool { return key(a, b) == 0 })
	text, err := json.Marshal(rows)
	if err != nil {
		return nil, fmt.Errorf("encode notes: %w", err)
	}
	given := `
(SELECT e.value ->> 'source' AS source, e.value ->> 'legacy_id' AS legacy_id, e.value ->> 'class' AS class, e.value ->> 'reason' AS reason,
        CAST(e.value ->> 'at' AS BIGINT) AS at
   FROM ` + s.engine.elements("$1") + ` AS e) AS q`
	classes, err := column[string](ctx, s, tx, `
INSERT INTO quarantine (source, legacy_id, class, reason, at, seen_at)
SELECT q.source, q.legacy_id, q.class, q.reason, q.at, q.at
  FROM `+given+`
 WHERE NOT (q.`+endsByMove+` AND `+movedBy("$2")+`) OR $2 < 0
 ORDER BY q.source, q.legacy_id, q.class
ON CONFLICT (source, legacy_id, class) DO UPDATE
   SET state = 'open', reason = excluded.reason, at = excluded.at, seen_at = excluded.seen_at, attempts = 0, actor = '', because = ''
 WHERE quarantine.state = 'resolved'
RETURNING class`, string(text), trusted)
	if err != nil {
		return nil, err
	}
	added = make(map[string]int64)
	for _, class := range classes {
		added[class]++
	}
	_, err = s.exec(ctx, tx, `
UPDATE quarantine SET seen_at = q.at
  FROM `+given+`
 WHERE quarantine.source = q.source AND quarantine.legacy_id = q.legacy_id AND quarantine.class = q.class
   AND quarantine.state <> 'resolved' AND quarantine.seen_at < q.at`, string(text))
	if err != nil {
		return nil, fmt.Errorf("note when they were seen: %w", err)
	}
	return added, nil
}

// Quarantine implements accounts.Quarantined.
func (s *Store) Quarantine(ctx context.Context, q accounts.QuarantineQuery) ([]accounts.QuarantineRow, error) {
	var rows []accounts.QuarantineRow
	err := s.each(ctx, s.read, func(scan scan) error {
		var (
			r        accounts.QuarantineRow
			at, seen int64
		)
		err := scan(&r.Source, &r.LegacyID, &r.Class, &r.State, &r.Reason, &at, &seen, &r.Attempts, &r.By, &r.Because)
		r.FirstSeen, r.LastSeen = moment(at), moment(seen)
		rows = append(rows, r)
		return err
	}, `
SELECT q.source, q.legacy_id, q.class, `+stateBy("$1")+`, q.reason, q.at, q.seen_at, q.attempts, q.actor, q.because
  FROM quarantine q
 WHERE (q.source, q.legacy_id, q.class) > ($2, $3, $4)
   AND ($5 = '' OR q.source = $5) AND ($6 = '' AND q.`+ofUnmoved+` OR q.class = $6)
   AND ($7 = '' OR $7 = 'resolved' OR q.state = $7) AND ($7 = '' OR `+stateBy("$1")+` = $7)
   AND (q.attempts < $8 OR $8 = 0)
 ORDER BY q.source, q.legacy_id, q.class LIMIT $9`,
		q.Trusted, q.After.Source, q.After.LegacyID, string(q.After.Class), q.Source, string(q.Class), string(q.State), q.TriedBelow, max(q.Limit, 0))
	return rows, storeError("read the quarantine", err)
}

// QuarantineCounts implements accounts.Quarantined.
func (s *Store) QuarantineCounts(ctx context.Context, trusted int64) ([]accounts.QuarantineCount, error) {
	var counts []accounts.QuarantineCount
	err := s.each(ctx, s.read, func(scan scan) error {
		var c accounts.QuarantineCount
		err := scan(&c.Source, &c.Class, &c.State, &c.People)
		counts = append(counts, c)
		return err
	}, `
SELECT c.source, c.class, c.state, count(*)
  FROM (SELECT q.source, q.class, `+stateBy("$1")+` AS state FROM quarantine q) AS c
 GROUP BY c.source, c.class, c.state ORDER BY c.source, c.class, c.state`, trusted)
	return counts, storeError("count the quarantine", err)
}

// BeginRetry implements accounts.Quarantined.
func (s *Store) BeginRetry(ctx context.Context, person accounts.LegacyKey, at time.Time, e accounts.Event) error {
	err := s.inTx(ctx, func(tx querier) error {
		reopened, err := s.exec(ctx, tx, `
UPDATE quarantine SET state = 'open', actor = $3, because = $4
 WHERE source = $1 AND legacy_id = $2 AND state = 'skipped' AND `+endsByMove, person.Source, person.LegacyID, plain(e.Actor), plain(e.Reason))
		if err != nil {
			return err
		}
		n, err := s.exec(ctx, tx, `
UPDATE quarantine SET attempts = attempts + 1, seen_at = $3
 WHERE source = $1 AND legacy_id = $2 AND state = 'open' AND `+endsByMove, person.Source, person.LegacyID, micros(at))
		switch {
		case err != nil:
			return err
		case n == 0:
			return accounts.ErrNotFound
		case reopened > 0:
			return s.insertEvent(ctx, tx, e)
		}
		return nil
	})
	return storeError("begin a retry", err)
}

// ResolveNotes implements accounts.Quarantined.
func (s *Store) ResolveNotes(ctx context.Context, person accounts.LegacyKey, but accounts.NoteClass, at time.Time) error {
	return storeError("resolve notes", s.resolveNotes(ctx, s.write, person, but, at))
}

// resolveNotes says that a person has moved, or that other notes about them are no longer true.
func (s *Store) resolveNotes(ctx context.Context, q querier, person accounts.LegacyKey, but accounts.NoteClass, at time.Time) error {
	_, err := s.exec(ctx, q, `
UPDATE quarantine SET state = 'resolved', seen_at = $4
 WHERE source = $1 AND legacy_id = $2 AND class <> $3 AND state <> 'resolved' AND `+endsByMove,
		person.Source, person.LegacyID, string(but), micros(at))
	if err != nil {
		return fmt.Errorf("resolve notes: %w", err)
	}
	return nil
}

// SkipNotes implements accounts.Quarantined.
func (s *Store) SkipNotes(ctx context.Context, person accounts.LegacyKey, at time.Time, e accounts.Event) (skipped bool, err error) {
	err = s.inTx(ctx, func(tx querier) error {
		classes, err := column[string](ctx, s, tx, `
UPDATE quarantine SET state = 'skipped', actor = $3, because = $4, seen_at = $5
 WHERE source = $1 AND legacy_id = $2 AND state = 'open'
RETURNING class`, person.Source, person.LegacyID, plain(e.Actor), plain(e.Reason), micros(at))
		if skipped = len(classes) > 0; err != nil || !skipped {
			return err
		}
		slices.Sort(classes)
		named := e
		named.Detail = maps.Clone(e.Detail)
		if named.Detail == nil {
			named.Detail = map[string]string{}
		}
		named.Detail["classes"] = strings.Join(classes, " ")
		return s.insertEvent(ctx, tx, named)
	})
	return skipped && err == nil, storeError("skip notes", err)
}
