package sqlsource

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"rekey/legacy"
)

// result runs an operator's query and tells what its columns are. The caller closes the rows.
func (s *Source) result(ctx context.Context, c *custom, args map[string][]any) (*sql.Rows, []field, error) {
	q := c.statement(s.dialect, args)
	rows, err := s.rows.QueryContext(ctx, q.text.String(), q.args...)
	if err != nil {
		return nil, nil, err
	}
	names, err := rows.Columns()
	if err == nil {
		var fields []field
		if fields, err = c.fields(names, s.config); err == nil {
			return rows, fields, nil
		}
	}
	return nil, nil, errors.Join(err, rows.Close())
}

// run reads the people that an operator's query returns. At most one more than most are read.
func (s *Source) run(ctx context.Context, c *custom, args map[string][]any, repeats bool, most int) ([]legacy.User, []*legacy.RowError, error) {
	rows, fields, err := s.result(ctx, c, args)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	return s.people(rows, fields, repeats, most)
}

func identifierArgs(spellings ...string) map[string][]any {
	texts := make([]any, len(spellings))
	for i, spelling := range spellings {
		texts[i] = spelling
	}
	return map[string][]any{markIdentifier: texts}
}

// findByQuery asks the operator's lookup query. It may well find somebody twice.
func (s *Source) findByQuery(ctx context.Context, spellings []string) ([]legacy.User, []*legacy.RowError, error) {
	users, bad, err := s.run(ctx, s.customs.lookup, identifierArgs(spellings...), true, maxPeople)
	if !isCharsetError(err) {
		return users, bad, err
	}
	// A text that the database cannot hold is nobody's; the others are asked for without it.
	var fit []string
	for _, spelling := range spellings {
		_, _, err := s.run(ctx, s.customs.lookup, identifierArgs(spelling), true, maxPeople)
		switch {
		case err == nil:
			fit = append(fit, spelling)
		case !isCharsetError(err):
			return nil, nil, err
		}
	}
	if len(fit) == 0 {
		return nil, nil, nil
	}
	return s.run(ctx, s.customs.lookup, identifierArgs(fit...), true, maxPeople)
}

// listByQuery asks the operator's list queries for a page, and refuses one that would send a walk in circles or past
// people.
func (s *Source) listByQuery(ctx context.Context, after string, key []any, limit int) ([]legacy.User, []*legacy.RowError, error) {
	c, args := s.customs.list, map[string][]any{markLimit: {int64(limit)}}
	if after != "" {
		c, args[markAfter] = s.customs.listAfter, key
	}
	users, bad, err := s.run(ctx, c, args, false, limit)
	if err != nil {
		return nil, nil, err
	}
	if len(users)+len(bad) > limit {
		return nil, nil, mapping("query "+c.name+" returns more rows than :limit", nil)
	}
	seen := map[string]bool{after: after != ""}
	for _, u := range users {
		if seen[u.ID] {
			return nil, nil, mapping(fmt.Sprintf("query %s returns the person %.64q again; it has one row for each, in the order of id", c.name, u.ID), nil)
		}
		seen[u.ID] = true
	}
	return users, bad, nil
}

// queryTypes learns the type of the key from the list query, where there is no table to ask.
func (s *Source) queryTypes(ctx context.Context) (*shape, error) {
	rows, fields, err := s.result(ctx, s.customs.list, map[string][]any{markLimit: {int64(1)}})
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	types, err := typesOf(rows, s.dialect, len(fields))
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(fields, func(f field) bool { return f.kind == fieldID })
	for rows.Next() {
	}
	return &shape{key: []columnType{types[i]}}, rows.Err()
}

// checkQueries runs each of the operator's queries once.
func (s *Source) checkQueries(ctx context.Context) error {
	var reference string
	var want []string
	if s.config.Table != "" {
		reference, want = "table "+s.config.Table, namesOf(s.schema.fields)
	}
	check := func(c *custom, args map[string][]any) error {
		if c == nil {
			return nil
		}
		rows, fields, err := s.result(ctx, c, args)
		if err == nil {
			for rows.Next() {
			}
			err = errors.Join(rows.Err(), rows.Close())
		}
		if isRefusal(err) {
			return mapping("query "+c.name+": "+s.describe(err), err)
		}
		if err != nil {
			return err
		}
		got := namesOf(fields)
		if want == nil {
			reference, want = "query "+c.name, got
		}
		if !slices.Equal(got, want) {
			return mapping(fmt.Sprintf("query %s returns %q, but %s is read for %q: a person must be the same by every way", c.name, got, reference, want), nil)
		}
		return nil
	}
	one := []any{int64(1)}
	if err := check(s.customs.list, map[string][]any{markLimit: one}); err != nil {
		return err
	}
	if err := check(s.customs.lookup, identifierArgs("nobody")); err != nil {
		return err
	}
	// The other queries want a key. Any will do, if it is one.
	shape, err := s.types(ctx)
	if err != nil {
		return err
	}
	page, _, err := s.page(ctx, shape, "", nil, nil, 1)
	if err != nil || len(page) == 0 {
		return err // an empty store shows no key
	}
	key, ok := s.bindKey(shape, page[0].ID)
	if !ok {
		return mapping("query list returns an id that cannot be compared with its own column", nil)
	}
	if err := check(s.customs.get, map[string][]any{markID: key}); err != nil {
		return err
	}
	return check(s.customs.listAfter, map[string][]any{markAfter: key, markLimit: one})
}

// namesOf returns what fields are called as columns of a query's result, sorted.
func namesOf(fields []field) []string {
	byKind := map[fieldKind]string{fieldDisabledWhen: "disabled"}
	for _, s := range slots(Config{}) {
		byKind[s.kind] = s.name
	}
	var names []string
	for _, f := range fields {
		name := byKind[f.kind]
		if f.kind == fieldExtra {
			name = f.label
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
