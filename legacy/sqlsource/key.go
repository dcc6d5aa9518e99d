package sqlsource

import "strings"

// The ID of a person whose key has several columns is their values in the configured order with a ":" between them, as
// in "3:anna". Within a value, ":" and "\" have a "\" before them, so that two keys never have one text, and a key has
// one text only. A value of a binary column is hex, as it is where it is the whole key, whose text has no "\" added.
const (
	keySeparator = ':'
	keyEscape    = '\\'
)

// joinKey makes an ID of the values of a key.
func joinKey(parts []string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	var id strings.Builder
	for i, part := range parts {
		if i > 0 {
			id.WriteByte(keySeparator)
		}
		for j := range len(part) {
			if part[j] == keySeparator || part[j] == keyEscape {
				id.WriteByte(keyEscape)
			}
			id.WriteByte(part[j])
		}
	}
	return id.String()
}

// splitKey is joinKey's inverse for a key of n columns, and false for what joinKey never makes.
func splitKey(id string, n int) ([]string, bool) {
	if n == 1 {
		return []string{id}, true
	}
	parts := []string{""}
	for i := 0; i < len(id); i++ {
		at := len(parts) - 1
		switch id[i] {
		case keySeparator:
			parts = append(parts, "")
		case keyEscape:
			if i++; i == len(id) || id[i] != keySeparator && id[i] != keyEscape {
				return nil, false
			}
			parts[at] += id[i : i+1]
		default:
			parts[at] += id[i : i+1]
		}
	}
	return parts, len(parts) == n
}

// bindKey returns the arguments that a person's ID stands for, and false if it is no key of this table.
func (s *Source) bindKey(shape *shape, id string) ([]any, bool) {
	parts, ok := splitKey(id, len(shape.key))
	if !ok || !plain(id) || len(id) > maxIdentifier {
		return nil, false
	}
	args := make([]any, len(parts))
	for i, part := range parts {
		if args[i], ok = shape.key[i].bindKey(part); !ok {
			return nil, false
		}
	}
	return args, true
}

// keyIs appends the condition that the key is this one.
func (s *Source) keyIs(q *statement, args []any) {
	for i, c := range s.schema.key {
		if i > 0 {
			q.add(" AND ")
		}
		q.add(s.ref(c), " = ")
		q.arg(args[i])
	}
}

// keyBehind appends the condition that the key comes behind this one. Not every database compares rows, and MySQL would
// use no index for it: the first column's ">=" lets every one of them begin in the middle.
func (s *Source) keyBehind(q *statement, args []any) { s.keyCompared(q, args, " >", " > ") }

// keyUpTo appends the condition that the key is this one or comes before it.
func (s *Source) keyUpTo(q *statement, args []any) { s.keyCompared(q, args, " <", " <= ") }

// keyCompared compares the key, whose last column is compared in its own way.
func (s *Source) keyCompared(q *statement, args []any, by, ofLast string) {
	key := s.schema.key
	last := len(key) - 1
	if last > 0 {
		q.add(s.ref(key[0]), by, "= ")
		q.arg(args[0])
		q.add(" AND ")
	}
	for i, c := range key {
		if i == last {
			q.add(s.ref(c), ofLast)
			q.arg(args[i])
			continue
		}
		q.add("(", s.ref(c), by, " ")
		q.arg(args[i])
		q.add(" OR ", s.ref(c), " = ")
		q.arg(args[i])
		q.add(" AND ")
	}
	q.add(strings.Repeat(")", last))
}

// keyList appends the key's columns.
func (s *Source) keyList(q *statement) {
	for i, c := range s.schema.key {
		if i > 0 {
			q.add(", ")
		}
		q.add(s.ref(c))
	}
}
