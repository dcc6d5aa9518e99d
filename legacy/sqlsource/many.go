package sqlsource

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"rekey/legacy"
	"rekey/legacy/guard"
)

// maxKeys is how many arguments one SELECT of GetMany has, of all columns of the key: SQL Server takes 2100.
const maxKeys = 1000

// GetMany is legacy.ManyGetter's. It is one SELECT for each thousand keys, which are compared as by Get; where the operator has a
// query of their own, it is asked for each.
func (s *Source) GetMany(ctx context.Context, ids []string) ([]legacy.User, error) {
	if len(ids) > maxPage {
		return nil, fmt.Errorf("legacy source %s: read users by key: at most %d at once", s.config.Name, maxPage)
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	if s.customs.get != nil {
		return legacy.GetMany(ctx, justGet{s}, ids)
	}
	each := maxKeys / max(1, len(s.schema.key))
	var users []legacy.User
	var bad []*legacy.RowError
	for part := range slices.Chunk(ids, each) {
		err := s.ask(ctx, "read users by key", func(ctx context.Context) error {
			found, rows, err := s.byKeys(ctx, part)
			users, bad = append(users, found...), append(bad, rows...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return users, joined(bad)
}

// justGet hides GetMany.
type justGet struct{ legacy.Getter }

// byKeys reads the people of some keys by one SELECT.
func (s *Source) byKeys(ctx context.Context, ids []string) ([]legacy.User, []*legacy.RowError, error) {
	shape, err := s.types(ctx)
	if err != nil {
		return nil, nil, err
	}
	asked := map[string]bool{}
	var keys [][]any
	for _, id := range ids {
		if key, ok := s.bindKey(shape, id); ok {
			keys, asked[id] = append(keys, key), true
		}
	}
	if len(keys) == 0 {
		return nil, nil, nil
	}
	query, args := s.manyQuery(shape, keys)
	found, bad, err := s.read(ctx, query, args, len(keys)*maxPeople)
	if isCharsetError(err) { // one of them is a key that the database cannot hold
		return s.oneByOne(ctx, slices.Collect(maps.Keys(asked)))
	}
	// A collation may find "ABC" for "abc".
	found = slices.DeleteFunc(found, func(u legacy.User) bool { return !asked[u.ID] })
	bad = slices.DeleteFunc(bad, func(row *legacy.RowError) bool { return !asked[row.Key] })
	return found, bad, err
}

func (s *Source) oneByOne(ctx context.Context, ids []string) ([]legacy.User, []*legacy.RowError, error) {
	var users []legacy.User
	var bad []*legacy.RowError
	for _, id := range ids {
		user, err := s.byKey(ctx, id)
		rows, other := legacy.RowErrors(err)
		switch {
		case err == nil:
			users = append(users, user)
		case len(rows) > 0:
			bad = append(bad, rows...)
		case !guard.IsAnswered(other): // nobody is there otherwise
			return nil, nil, other
		}
	}
	return users, bad, nil
}

// manyQuery returns the SELECT of the people of some keys.
func (s *Source) manyQuery(shape *shape, keys [][]any) (string, []any) {
	q := &statement{dialect: s.dialect}
	q.add("SELECT ")
	s.selectFields(q, shape)
	s.from(q)
	s.join(q, shape, everyTable)
	q.add(s.where(q, shape, anyColumn))
	if columns := s.schema.key; len(columns) == 1 {
		q.add(s.ref(columns[0]), " IN (")
		var args []any
		for _, key := range keys {
			args = append(args, key[0])
		}
		q.list(args)
		q.add(")")
		return q.text.String(), q.args
	}
	for i, key := range keys {
		if i == 0 {
			q.add("(")
		} else {
			q.add(" OR ")
		}
		s.keyIs(q, key)
	}
	q.add(")")
	return q.text.String(), q.args
}
