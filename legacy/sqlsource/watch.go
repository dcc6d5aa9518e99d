package sqlsource

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"rekey/legacy"
	"rekey/legacy/guard"
)

// Watches is legacy.Watcher's.
func (s *Source) Watches() bool { return s.config.UpdatedAt != "" }

var (
	errNoTime = errors.New("no column tells when a record was written")
	errPlace  = errors.New("that is no place to go on from")
	errKeys   = errors.New("a whole page of records has no key to go on from")
)

// A place is where a page of Changed ended: the last record's time, as the database has it, and its key.
type place struct {
	Time time.Time `json:"time,omitzero"`  // where the driver returns times
	Text string    `json:"text,omitempty"` // elsewhere
	ID   string    `json:"id,omitempty"`
}

// Changed is legacy.Watcher's. It is one SELECT of keys from the people's table alone, whose conditions on who is there do not
// count: somebody whom they leave out from now on is a change too.
func (s *Source) Changed(ctx context.Context, after string, back time.Duration, limit int) (legacy.Changes, error) {
	if !s.Watches() || limit < 1 || limit > maxPage {
		return legacy.Changes{}, fmt.Errorf("legacy source %s: list changes: %w, or a page does not have 1 to %d", s.config.Name, errNoTime, maxPage)
	}
	var changes legacy.Changes
	err := s.ask(ctx, "list changes", func(ctx context.Context) error {
		shape, err := s.types(ctx)
		if err != nil {
			return err
		}
		query, args, err := s.changesQuery(shape, after, back, limit)
		if err != nil {
			return err
		}
		changes, err = s.changes(ctx, query, args, after, limit)
		return err
	})
	return changes, err
}

// changesQuery returns the SELECT of a page.
func (s *Source) changesQuery(shape *shape, after string, back time.Duration, limit int) (string, []any, error) {
	kind := shape.columns[s.schema.updated]
	updated := s.ref(s.schema.updated)
	q, err := s.changesFrom(kind, limit)
	if err != nil {
		return "", nil, err
	}
	if after != "" {
		var at place
		if err := json.Unmarshal([]byte(after), &at); err != nil {
			return "", nil, guard.Answered(errPlace)
		}
		key, ok := s.bindKey(shape, at.ID)
		if !ok {
			return "", nil, guard.Answered(errPlace)
		}
		q.add(" AND ", updated, " >= ")
		q.arg(at.before(back).arg(kind, s.dialect))
		if back <= 0 {
			q.add(" AND (", updated, " > ")
			q.arg(at.arg(kind, s.dialect))
			q.add(" OR (")
			s.keyBehind(q, key)
			q.add("))")
		}
	}
	q.add(" ORDER BY ", updated, ", ")
	s.keyList(q)
	q.last(limit)
	return q.text.String(), q.args, nil
}

// changesFrom begins the SELECT of keys and times of those who have one.
func (s *Source) changesFrom(kind columnType, limit int) (*statement, error) {
	if !kind.tellsTime() {
		return nil, mapping("column "+s.config.UpdatedAt+" has no time, whole number or text", errNoTime)
	}
	updated := s.ref(s.schema.updated)
	q := &statement{dialect: s.dialect}
	q.add("SELECT ")
	q.first(limit)
	for _, c := range s.schema.key {
		q.add(s.ref(c), ", ")
	}
	if s.dialect.timesAsText { // or the driver would make a time of it that nothing is equal to
		q.add("CAST(", updated, " AS TEXT)")
	} else {
		q.add(updated)
	}
	s.from(q)
	q.add(" WHERE ", updated, " IS NOT NULL")
	return q, nil
}

// Newest is legacy.Watcher's. It is one SELECT, from the end of the index that Changed reads from its beginning.
func (s *Source) Newest(ctx context.Context) (string, error) {
	if !s.Watches() {
		return "", fmt.Errorf("legacy source %s: read the newest change: %w", s.config.Name, errNoTime)
	}
	var newest legacy.Changes
	err := s.ask(ctx, "read the newest change", func(ctx context.Context) error {
		shape, err := s.types(ctx)
		if err != nil {
			return err
		}
		q, err := s.changesFrom(shape.columns[s.schema.updated], 1)
		if err != nil {
			return err
		}
		q.add(" ORDER BY ", s.ref(s.schema.updated), " DESC")
		for _, c := range s.schema.key {
			q.add(", ", s.ref(c), " DESC")
		}
		q.last(1)
		newest, err = s.changes(ctx, q.text.String(), q.args, "", 1)
		return err
	})
	return newest.Next, err
}

// changes runs the SELECT of a page.
func (s *Source) changes(ctx context.Context, query string, args []any, after string, limit int) (legacy.Changes, error) {
	rows, err := s.rows.QueryContext(ctx, query, args...)
	if err != nil {
		return legacy.Changes{}, err
	}
	defer rows.Close()
	keys := len(s.schema.key)
	r, err := s.keyReader(rows, keys+1)
	if err != nil {
		return legacy.Changes{}, err
	}
	page := legacy.Changes{Next: after}
	values := make([]any, keys+1)
	targets := make([]any, keys+1)
	for i := range values {
		targets[i] = &values[i]
	}
	count := 0
	for rows.Next() {
		count++
		clear(values)
		if err := rows.Scan(targets...); err != nil {
			return legacy.Changes{}, err
		}
		id, err := r.key(values[:keys])
		if err != nil {
			continue // nobody was moved by a key that cannot be read
		}
		at, err := json.Marshal(placeOf(values[keys], id))
		if err != nil {
			return legacy.Changes{}, err
		}
		page.IDs, page.Next = append(page.IDs, id), string(at)
	}
	if err := rows.Err(); err != nil {
		return legacy.Changes{}, err
	}
	page.More = count == limit
	if page.More && len(page.IDs) == 0 {
		return legacy.Changes{}, guard.Answered(errKeys)
	}
	return page, nil
}

// keyReader returns a reader of rows of so many columns that begin with the key.
func (s *Source) keyReader(rows *sql.Rows, columns int) (*reader, error) {
	types, err := typesOf(rows, s.dialect, columns)
	if err != nil {
		return nil, err
	}
	r := &reader{types: types}
	for _, f := range s.schema.fields {
		if f.kind == fieldID {
			r.fields = append(r.fields, f)
		}
	}
	return r, nil
}

// tellsTime reports whether values of the type can be when a record was written.
func (t columnType) tellsTime() bool {
	switch t {
	case typeTime, typeInt32, typeInt64, typeUint64, typeDecimal, typeText, typePadded, typeVarchar:
		return true
	case typeInt16, typeFloat, typeBool, typeUUID, typeGUID, typeBinary, typeArray, typeJSON:
	}
	return false
}

// placeOf returns the place behind a record.
func placeOf(updated any, id string) place {
	if moment, ok := updated.(time.Time); ok {
		return place{Time: moment.UTC(), ID: id}
	}
	text, _ := textOf(updated) // of other types there are none; see tellsTime
	return place{Text: text, ID: id}
}

// before returns a place that is so much earlier, in the same unit or layout. A text that is no time stays as it is.
func (p place) before(back time.Duration) place {
	if back <= 0 {
		return p
	}
	if !p.Time.IsZero() {
		p.Time = p.Time.Add(-back)
		return p
	}
	if n, err := strconv.ParseInt(p.Text, 10, 64); err == nil && len(p.Text) != len(compactTime) {
		p.Text = strconv.FormatInt(max(0, n-int64(back/unixUnit(n))), 10)
		return p
	}
	for _, layout := range append([]string{compactTime}, timeLayouts[:]...) {
		if moment, err := time.Parse(layout, strings.TrimSpace(p.Text)); err == nil {
			p.Text = moment.Add(-back).Format(layout)
			return p
		}
	}
	return p
}

// arg returns the place's time as an argument that can be compared with a column of the type.
func (p place) arg(t columnType, d dialect) any {
	if !p.Time.IsZero() {
		return p.Time
	}
	if t != typeTime && !d.timesAsText {
		if bound, ok := t.bindFixed(p.Text); ok {
			return bound
		}
	}
	return p.Text
}
