package sqlsource

import "context"

// A shape is what the database says of the columns, and the configured values made arguments by it.
type shape struct {
	columns  map[column]columnType
	key      []columnType
	where    []bound
	disabled []bound
	joins    [][]bound // by table
}

// types asks the database for the columns' types, unless it has answered before.
func (s *Source) types(ctx context.Context) (*shape, error) {
	if known := s.shape.Load(); known != nil {
		return known, nil
	}
	ask := s.tableTypes
	if s.config.Table == "" {
		ask = s.queryTypes
	}
	found, err := ask(ctx)
	if err != nil {
		return nil, err
	}
	s.shape.Store(found)
	return found, nil
}

// tableTypes asks for the types of the schema's columns.
func (s *Source) tableTypes(ctx context.Context) (*shape, error) {
	query, columns := s.shapeQuery()
	rows, err := s.rows.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	types, err := typesOf(rows, s.dialect, len(columns))
	if err != nil {
		return nil, err
	}
	byColumn := map[column]columnType{}
	for i, c := range columns {
		byColumn[c] = types[i]
	}
	found, err := s.schema.shape(byColumn)
	if err != nil {
		return nil, err
	}
	return found, rows.Err()
}

// shape binds the configured values.
func (l *schema) shape(types map[column]columnType) (*shape, error) {
	sh := &shape{columns: types, joins: make([][]bound, len(l.tables))}
	for _, c := range l.key {
		sh.key = append(sh.key, types[c])
	}
	var err error
	if sh.where, err = l.bindAll("where", l.where, types); err != nil {
		return nil, err
	}
	if sh.disabled, err = l.bindAll("disabled_when", l.disabled, types); err != nil {
		return nil, err
	}
	for i, t := range l.tables {
		if sh.joins[i], err = l.bindAll("where", t.where, types); err != nil {
			return nil, err
		}
	}
	return sh, nil
}

// shapeQuery returns a SELECT of no rows from all the tables, and the columns that it names.
func (s *Source) shapeQuery() (string, []column) {
	var columns []column
	seen := map[column]bool{}
	add := func(c column) {
		if !seen[c] {
			seen[c] = true
			columns = append(columns, c)
		}
	}
	for _, f := range s.schema.fields {
		if f.kind != fieldDisabledWhen {
			add(f.column)
		}
	}
	for _, list := range s.schema.allConditions() {
		for _, c := range list {
			add(c.column)
		}
	}
	if s.Watches() {
		add(s.schema.updated)
	}
	q := &statement{dialect: s.dialect}
	q.add("SELECT ")
	q.first(0)
	for i, c := range columns {
		if i > 0 {
			q.add(", ")
		}
		q.add(s.ref(c))
	}
	s.from(q)
	s.join(q, nil, everyTable)
	q.last(0)
	return q.text.String(), columns
}

// allConditions returns every list of them.
func (l *schema) allConditions() [][]condition {
	all := [][]condition{l.where, l.disabled}
	for _, t := range l.tables {
		all = append(all, t.where)
	}
	return all
}

// probe asks whether an expression can be selected from a table under a condition. It reads no row.
func (s *Source) probe(ctx context.Context, table int, expression, condition string, args ...any) error {
	q := &statement{dialect: s.dialect}
	q.add("SELECT ")
	q.first(0)
	q.add(expression, " FROM ", s.schema.tables[table].quoted, " WHERE ", condition)
	q.last(0)
	rows, err := s.rows.QueryContext(ctx, q.text.String(), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}
