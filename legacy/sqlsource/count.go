package sqlsource

import (
	"context"
	"fmt"
	"slices"

	"rekey/legacy"
)

// Count is legacy.Counter's. The database reads an index from end to end for it, which may take longer than a login waits: it is
// asked past the guard, whose deadline and whose breaker are for logins. People who are chosen by the operator's own query
// cannot be counted.
func (s *Source) Count(ctx context.Context) (int64, error) {
	if s.customs.list != nil {
		return 0, legacy.ErrNotCounted
	}
	n, err := s.count(ctx)
	if err != nil {
		return 0, fmt.Errorf("legacy source %s: count users: %s", s.config.Name, s.describe(err))
	}
	return n, nil
}

func (s *Source) count(ctx context.Context) (n int64, err error) {
	shape, err := s.types(ctx)
	if err != nil {
		return 0, err
	}
	query, args := s.countQuery(shape)
	rows, err := s.rows.QueryContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return 0, err
		}
	}
	return n, rows.Err()
}

// countQuery returns the SELECT that counts whom listQuery lists.
func (s *Source) countQuery(shape *shape) (string, []any) {
	q := &statement{dialect: s.dialect}
	tables := s.whereTables()
	repeats := slices.Max(tables) > 0 // a joined table may show a key twice
	q.add("SELECT COUNT(*)")
	if repeats {
		q.add(" FROM (SELECT ")
		s.distinct(q, tables)
		s.selectKey(q)
	}
	s.from(q)
	s.join(q, shape, s.needed(tables...))
	s.where(q, shape, anyColumn)
	if repeats {
		q.add(") AS ", q.dialect.quote(foundAlias))
	}
	return q.text.String(), q.args
}
