package sqlsource

import (
	"errors"
	"fmt"
	"strings"

	"rekey/legacy"
)

const (
	maxValues   = 100     // of one condition
	maxLiterals = 1 << 10 // bytes of one value
)

// valueCount says how many values an operator takes.
func valueCount(op string) (least, most int, ok bool) {
	switch op {
	case "=", "!=", "<", ">":
		return 1, 1, true
	case "in", "not in":
		return 1, maxValues, true
	case "is null", "is not null":
		return 0, 0, true
	}
	return 0, 0, false
}

// conditions checks a list of them. find finds the column of a name.
func (l *schema) conditions(where string, list []Condition, find func(string) (column, error)) ([]condition, error) {
	var checked []condition
	var errs []error
	for i, c := range list {
		at, err := find(c.Column)
		key := fmt.Sprintf("%s[%d].", where, i)
		if err != nil {
			errs = append(errs, legacy.Wrong(key+"column", "%w", err))
		}
		errs = append(errs, c.check(key))
		checked = append(checked, condition{at, c.Op, c.Values})
	}
	return checked, errors.Join(errs...)
}

// check checks what is compared and how. key is where the condition stands.
func (c Condition) check(key string) error {
	least, most, ok := valueCount(c.Op)
	switch {
	case !ok:
		return legacy.Wrong(key+"op", "want =, !=, <, >, in, not in, is null or is not null, not %q", c.Op)
	case len(c.Values) < least, len(c.Values) > most:
		return legacy.Wrong(key+"values", "%q takes %s, not %d", c.Op, counted(least, most), len(c.Values))
	}
	for _, value := range c.Values {
		if len(value) > maxLiterals || !plain(value) {
			return legacy.Wrong(key+"values", "a value is UTF-8 text of at most %d bytes", maxLiterals)
		}
	}
	return nil
}

func counted(least, most int) string {
	switch {
	case most == 0:
		return "none"
	case least == most:
		return "one"
	}
	return fmt.Sprintf("%d to %d", least, most)
}

// A bound is a condition whose values have become arguments of its column's type.
type bound struct {
	column column
	op     string
	args   []any
}

// bindAll binds conditions, once the types of their columns are known.
func (l *schema) bindAll(where string, list []condition, types map[column]columnType) ([]bound, error) {
	var all []bound
	for _, c := range list {
		b := bound{column: c.column, op: c.op}
		for _, value := range c.values {
			arg, ok := types[c.column].bindFixed(value)
			if !ok {
				table := l.tables[c.column.table].name
				return nil, mapping(fmt.Sprintf("table %s: %s: no value of column %s is written %q", table, where, c.column.name, value), nil)
			}
			b.args = append(b.args, arg)
		}
		all = append(all, b)
	}
	return all, nil
}

// condition appends a condition. NULL counts as a value of its own; see Condition.
func (s *Source) condition(q *statement, c bound) {
	name := s.ref(c.column)
	switch c.op {
	case "is null", "is not null":
		q.add(name, " ", strings.ToUpper(c.op))
	case "in":
		q.add(name, " IN (")
		q.list(c.args)
		q.add(")")
	case "not in":
		q.add("(", name, " NOT IN (")
		q.list(c.args)
		q.add(") OR ", name, " IS NULL)")
	case "!=":
		q.add("(", name, " <> ")
		q.arg(c.args[0])
		q.add(" OR ", name, " IS NULL)")
	default:
		q.add(name, " ", c.op, " ")
		q.arg(c.args[0])
	}
}
