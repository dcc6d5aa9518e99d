package sqlsource

import (
	"context"
	"fmt"
	"strconv"

	"rekey/legacy"
	"rekey/legacy/guard"
)

// maxCut bounds how far one question may count.
const maxCut = 1_000_000

// Cuts is legacy.Cutter's. A list query of the operator's own has no end that could be set.
func (s *Source) Cuts() bool { return s.customs.list == nil }

// ListTo is legacy.Cutter's.
func (s *Source) ListTo(ctx context.Context, after, through string, limit int) ([]legacy.User, error) {
	return s.list(ctx, after, through, limit)
}

// Cut is legacy.Cutter's. It reads keys alone: where no condition asks for more, the index of the key has all that is needed.
func (s *Source) Cut(ctx context.Context, after string, n int) (string, error) {
	if n < 1 || n > maxCut || !s.Cuts() {
		return "", fmt.Errorf("legacy source %s: cut: a piece has 1 to %d, and is not of a query", s.config.Name, maxCut)
	}
	var id string
	err := s.ask(ctx, "cut", func(ctx context.Context) error {
		shape, err := s.types(ctx)
		if err != nil {
			return err
		}
		var key []any
		if after != "" {
			var ok bool
			if key, ok = s.bindKey(shape, after); !ok {
				return guard.Answered(errNoKey)
			}
		}
		id, err = s.keyAt(ctx, shape, key, n)
		return err
	})
	return id, err
}

// keyAt returns the nth key behind one, "" if there is none.
func (s *Source) keyAt(ctx context.Context, shape *shape, after []any, n int) (string, error) {
	query, args := s.cutQuery(shape, after, n)
	rows, err := s.rows.QueryContext(ctx, query, args...)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	r, err := s.keyReader(rows, len(s.schema.key))
	if err != nil {
		return "", err
	}
	if !rows.Next() {
		return "", rows.Err()
	}
	values := make([]any, len(s.schema.key))
	targets := make([]any, len(values))
	for i := range values {
		targets[i] = &values[i]
	}
	if err := rows.Scan(targets...); err != nil {
		return "", err
	}
	id, err := r.key(values)
	if err != nil {
		return "", guard.Answered(err)
	}
	return id, rows.Err()
}

// cutQuery returns the SELECT of the nth key behind one, where there is one.
func (s *Source) cutQuery(shape *shape, after []any, n int) (string, []any) {
	q := &statement{dialect: s.dialect}
	q.add("SELECT ")
	s.distinct(q, s.whereTables())
	s.selectKey(q)
	s.from(q)
	s.join(q, shape, s.needed(s.whereTables()...))
	if glue := s.where(q, shape, anyColumn); after != nil {
		q.add(glue)
		s.keyBehind(q, after)
	}
	q.add(" ORDER BY ")
	s.keyList(q)
	if q.dialect.top {
		q.add(" OFFSET ", strconv.Itoa(n-1), " ROWS FETCH NEXT 1 ROWS ONLY")
	} else {
		q.add(" LIMIT 1 OFFSET ", strconv.Itoa(n-1))
	}
	return q.text.String(), q.args
}
