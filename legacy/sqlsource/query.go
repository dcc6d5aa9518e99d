package sqlsource

import (
	"slices"
	"strconv"
)

// This file builds the only texts that are ever sent, beside the operator's own queries: SELECTs.
//
// Without joined tables, that is one SELECT from one table. With them, the keys of the people who are meant are found
// first, with the limit on people, and then whatever belongs to those keys is read: so a person found by one of two
// e-mail addresses is the same record as the one found by the other, and a page ends between people.

// foundAlias is what the keys that were found are called.
const foundAlias = "found"

// ref returns a column as it is written in a statement.
func (s *Source) ref(c column) string {
	name := s.dialect.quote(c.name)
	if len(s.schema.tables) == 1 {
		return name
	}
	return s.alias(c.table) + "." + name
}

func (s *Source) alias(table int) string {
	if table == 0 {
		return s.dialect.quote(peopleAlias)
	}
	return s.dialect.quote(s.schema.tables[table].alias)
}

// foundKey is what the nth column of the key is called among those found.
func foundKey(n int) string { return "k" + strconv.Itoa(n) }

// from appends FROM and the people's table.
func (s *Source) from(q *statement) {
	q.add(" FROM ", s.schema.tables[0].quoted)
	if len(s.schema.tables) > 1 {
		q.add(" AS ", s.alias(0))
	}
}

// join appends the joined tables of which include says yes. Without a shape, it leaves out their conditions, for which
// the columns' types must be known.
func (s *Source) join(q *statement, shape *shape, include func(table int) bool) {
	for i, t := range s.schema.tables {
		if i == 0 || !include(i) {
			continue
		}
		q.add(" LEFT JOIN ", t.quoted, " AS ", s.alias(i), " ON ")
		for j, pair := range t.on {
			if j > 0 {
				q.add(" AND ")
			}
			q.add(s.ref(pair.left), " = ", s.ref(pair.right))
		}
		if shape == nil {
			continue
		}
		for _, c := range shape.joins[i] {
			q.add(" AND ")
			s.condition(q, c)
		}
	}
}

func everyTable(int) bool { return true }

// needed returns which tables have to be joined for these to be there.
func (s *Source) needed(tables ...int) func(table int) bool {
	need := map[int]bool{}
	var add func(int)
	add = func(i int) {
		if need[i] {
			return
		}
		need[i] = true
		for _, pair := range s.schema.tables[i].on {
			add(pair.left.table)
		}
	}
	for _, i := range tables {
		add(i)
	}
	return func(i int) bool { return need[i] }
}

// selectFields appends the columns that are read.
func (s *Source) selectFields(q *statement, shape *shape) {
	for i, f := range s.schema.fields {
		if i > 0 {
			q.add(", ")
		}
		if f.kind != fieldDisabledWhen {
			q.add(s.ref(f.column))
			continue
		}
		q.add("CASE WHEN ")
		for j, c := range shape.disabled {
			if j > 0 {
				q.add(" OR ")
			}
			s.condition(q, c)
		}
		q.add(" THEN 1 ELSE 0 END")
	}
}

// where appends the conditions on who is there, each behind a glue, and returns the next one.
func (s *Source) where(q *statement, shape *shape, only func(column) bool) (glue string) {
	glue = " WHERE "
	for _, c := range shape.where {
		if only(c.column) {
			q.add(glue)
			s.condition(q, c)
			glue = " AND "
		}
	}
	return glue
}

func anyColumn(column) bool { return true }

// whereTables are the tables that the conditions on who is there speak of.
func (s *Source) whereTables() []int {
	tables := []int{0}
	for _, c := range s.schema.where {
		tables = append(tables, c.column.table)
	}
	return tables
}

// An ask is a column and the arguments that it is compared with.
type ask struct {
	column column
	args   []any
	like   func(column) string // not nil: they are patterns of the column as this text; see anyLike
}

// asks returns which columns can hold which of the spellings. What is in unfit is left out.
func (s *Source) asks(shape *shape, spellings []string, unfit map[pair]bool) []ask {
	var all []ask
	for _, f := range s.schema.fields {
		if !f.kind.isIdentifier() {
			continue
		}
		a := ask{column: f.column}
		for _, spelling := range spellings {
			if arg, ok := shape.columns[f.column].bind(spelling); ok && !unfit[pair{f.column, spelling}] {
				a.args = append(a.args, arg)
			}
		}
		if len(a.args) > 0 {
			all = append(all, a)
		}
	}
	return all
}

// anyOf appends the condition that one of the columns has one of its values.
func (s *Source) anyOf(q *statement, asks []ask) {
	for i, a := range asks {
		if i > 0 {
			q.add(" OR ")
		}
		if a.like != nil {
			s.anyLike(q, a)
			continue
		}
		q.add(s.ref(a.column), " IN (")
		q.list(a.args)
		q.add(")")
	}
}

// lookupQuery returns the SELECT that finds whoever has one of the spellings, one more than most at the most, and its arguments; ""
// if no column can hold any of them. What is in unfit is left out.
func (s *Source) lookupQuery(shape *shape, spellings []string, unfit map[pair]bool, most int) (string, []any) {
	return s.identifierQuery(shape, s.asks(shape, spellings, unfit), most+1)
}

// identifierQuery returns the SELECT that finds whoever has what is asked for, up to a limit of people; "" if nothing is.
func (s *Source) identifierQuery(shape *shape, asks []ask, limit int) (string, []any) {
	if len(asks) == 0 {
		return "", nil
	}
	q := &statement{dialect: s.dialect}
	q.add("SELECT ")
	if len(s.schema.tables) == 1 {
		q.first(limit)
		s.selectFields(q, shape)
		s.from(q)
		q.add(s.where(q, shape, anyColumn))
		group := len(s.schema.where) > 0 && (len(asks) > 1 || asks[0].like != nil)
		if group {
			q.add("(")
		}
		s.anyOf(q, asks)
		if group {
			q.add(")")
		}
		q.last(limit)
		return q.text.String(), q.args
	}
	s.selectFields(q, shape)
	q.add(" FROM (")
	s.findByIdentifier(q, shape, asks, limit)
	s.joinFound(q, shape)
	return q.text.String(), q.args
}

// findByIdentifier appends the SELECT of the keys. Each table that holds identifiers is asked on its own: with an OR
// across two tables, no database would use the indexes of either.
func (s *Source) findByIdentifier(q *statement, shape *shape, asks []ask, limit int) {
	var groups [][]ask
	for _, a := range asks { // they come in the configured order, not by table
		i := slices.IndexFunc(groups, func(g []ask) bool { return g[0].column.table == a.column.table })
		if i < 0 {
			groups = append(groups, []ask{a})
			continue
		}
		groups[i] = append(groups[i], a)
	}
	isUnion := len(groups) > 1
	wrap := isUnion && q.dialect.top
	if wrap {
		q.add("SELECT ")
		q.first(limit)
		q.add("* FROM (")
	}
	for i, group := range groups {
		if i > 0 {
			q.add(" UNION ")
		}
		tables := append(s.whereTables(), group[0].column.table)
		q.add("SELECT ")
		if !isUnion {
			s.distinct(q, tables)
			q.first(limit)
		}
		s.selectKey(q)
		s.from(q)
		s.join(q, shape, s.needed(tables...))
		q.add(s.where(q, shape, anyColumn), "(")
		s.anyOf(q, group)
		q.add(")")
	}
	if wrap {
		q.add(") AS ", q.dialect.quote("each"))
		return
	}
	q.last(limit)
}

// distinct appends DISTINCT where a joined table may show a key twice.
func (s *Source) distinct(q *statement, tables []int) {
	if slices.Max(tables) > 0 {
		q.add("DISTINCT ")
	}
}

// selectKey appends the key's columns under the names that joinFound knows.
func (s *Source) selectKey(q *statement) {
	for i, c := range s.schema.key {
		if i > 0 {
			q.add(", ")
		}
		q.add(s.ref(c), " AS ", q.dialect.quote(foundKey(i)))
	}
}

// joinFound ends the SELECT of the keys and joins all tables to it.
func (s *Source) joinFound(q *statement, shape *shape) {
	found := q.dialect.quote(foundAlias)
	q.add(") AS ", found, " JOIN ", s.schema.tables[0].quoted, " AS ", s.alias(0), " ON ")
	for i, c := range s.schema.key {
		if i > 0 {
			q.add(" AND ")
		}
		q.add(s.ref(c), " = ", found, ".", q.dialect.quote(foundKey(i)))
	}
	s.join(q, shape, everyTable)
	// Conditions on the people's table have been met; those on others choose among the rows of a person too.
	s.where(q, shape, func(c column) bool { return c.table > 0 })
}

// getQuery allows for two rows that a collation takes for equal.
func (s *Source) getQuery(shape *shape, key []any) (string, []any) {
	q := &statement{dialect: s.dialect}
	isJoined := len(s.schema.tables) > 1
	q.add("SELECT ")
	if !isJoined {
		q.first(maxPeople)
	}
	s.selectFields(q, shape)
	s.from(q)
	s.join(q, shape, everyTable)
	q.add(s.where(q, shape, anyColumn))
	s.keyIs(q, key)
	if !isJoined {
		q.last(maxPeople)
	}
	return q.text.String(), q.args
}

// listQuery returns the SELECT of a page, behind a key and up to another one where there are such.
func (s *Source) listQuery(shape *shape, after, through []any, limit int) (string, []any) {
	q := &statement{dialect: s.dialect}
	isJoined := len(s.schema.tables) > 1
	q.add("SELECT ")
	if isJoined {
		s.selectFields(q, shape)
		q.add(" FROM (SELECT ")
		s.distinct(q, s.whereTables())
	}
	q.first(limit)
	if isJoined {
		s.selectKey(q)
	} else {
		s.selectFields(q, shape)
	}
	s.from(q)
	s.join(q, shape, s.needed(s.whereTables()...))
	glue := s.where(q, shape, anyColumn)
	if after != nil {
		q.add(glue)
		s.keyBehind(q, after)
		glue = " AND "
	}
	if through != nil {
		q.add(glue)
		s.keyUpTo(q, through)
	}
	q.add(" ORDER BY ")
	s.keyList(q)
	q.last(limit)
	if isJoined {
		s.joinFound(q, shape)
		q.add(" ORDER BY ")
		s.keyList(q)
	}
	return q.text.String(), q.args
}
