package sqlsource

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Check asks the database whether the tables and their columns are there, and runs each query of the operator's. Its
// error wraps legacy.ErrMapping if something is not as configured, and names each table and column that is missing.
func (s *Source) Check(ctx context.Context) error {
	return s.ask(ctx, "check the table", func(ctx context.Context) error {
		s.shape.Store(nil)
		if s.config.Table != "" {
			if err := s.checkTables(ctx); err != nil {
				return err
			}
		}
		return s.checkQueries(ctx)
	})
}

// checkTables asks for all columns at once, and if that is refused, for one after the other.
func (s *Source) checkTables(ctx context.Context) error {
	_, err := s.types(ctx)
	if err == nil || !isStatementError(err) {
		return err
	}
	var wrong []string
	for i, t := range s.schema.tables {
		if probe := s.probe(ctx, i, "1", "1 = 1"); probe != nil {
			wrong = append(wrong, fmt.Sprintf("table %s: %s", t.name, s.describe(probe)))
			continue
		}
		var missing []string
		for _, name := range s.schema.columnsOf(i) {
			if s.probe(ctx, i, s.dialect.quote(name), "1 = 1") != nil {
				missing = append(missing, name)
			}
		}
		if len(missing) > 0 {
			wrong = append(wrong, fmt.Sprintf("table %s has no readable column %s", t.name, strings.Join(missing, ", ")))
		}
	}
	if len(wrong) == 0 { // such as a join of a number with a text
		wrong = []string{fmt.Sprintf("table %s: %s", s.config.Table, s.describe(err))}
	}
	return mapping(strings.Join(wrong, "; "), err)
}

// columnsOf returns the columns of a table that are named anywhere, each once.
func (l *schema) columnsOf(table int) []string {
	var names []string
	add := func(c column) {
		if c.table == table && c.name != "" && !slices.Contains(names, c.name) {
			names = append(names, c.name)
		}
	}
	for _, f := range l.fields {
		add(f.column)
	}
	for _, t := range l.tables {
		for _, pair := range t.on {
			add(pair.left)
			add(pair.right)
		}
	}
	for _, list := range l.allConditions() {
		for _, c := range list {
			add(c.column)
		}
	}
	add(l.updated)
	return names
}
