package sqlsource

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A part is something that can be written.
type writePart int

const (
	partPassword writePart = iota
	partUsername
	partEmail
	partPhone
	partDisplayName
	partEmailVerified
	partDisabled
	partInsert
	partDelete
)

// Marks of statements that write, beside those of queries.
const (
	markOldPassword = "old_password"
	markOldSalt     = "old_salt"
	markPassword    = "password"
	markSalt        = "salt"
	markNowUnix     = "now_unix"
	markNewUUID     = "new_uuid"
	markLastID      = "last_id"
)

// A writeSlot is a place for a statement in the configuration.
type writeSlot struct {
	part  writePart
	name  string // in errors
	text  string
	takes string // the mark without which it makes no sense
	kind  fieldKind
	field string // of legacy.User, in refusals
}

func writeSlots(w Write) []writeSlot {
	return []writeSlot{
		{partPassword, "password", w.Password, markPassword, fieldPassword, "Password"},
		{partUsername, "username", w.Username, "username", fieldUsername, "Username"},
		{partEmail, "email", w.Email, "email", fieldEmail, "Email"},
		{partPhone, "phone", w.Phone, "phone", fieldPhone, "Phone"},
		{partDisplayName, "display_name", w.DisplayName, "display_name", fieldDisplayName, "DisplayName"},
		{partEmailVerified, "email_verified", w.EmailVerified, "email_verified", fieldEmailVerified, "EmailVerified"},
		{partDisabled, "disabled", w.Disabled, "disabled", fieldDisabled, "Disabled"},
		{partInsert, "insert", w.Insert, markPassword, fieldID, ""},
		{partDelete, "delete", w.Delete, markID, fieldID, ""},
	}
}

// A way is how a part is written.
type way struct {
	slot       writeSlot
	why        string    // it cannot be written; "" if it can
	statements []*custom // the operator's; none: one is built
	fields     []field   // what that one sets
	soft       *condition
}

// newWays finds the way of each part.
func (s *Source) newWays() ([]way, error) {
	w := *s.config.Write
	var ways []way
	for _, slot := range writeSlots(w) {
		one := way{slot: slot}
		switch slot.text {
		case None:
			one.why = "the configuration leaves it out"
		case "":
			s.build(&one)
		default:
			if err := s.own(&one); err != nil {
				return nil, fmt.Errorf("%s: %w", slot.name, err)
			}
		}
		if slot.part == partInsert && one.why == "" && w.Scheme == "" && w.Like == "" {
			if one.statements != nil {
				return nil, errors.New("insert: a new person's password is made in a scheme: name it as scheme")
			}
			one.why = "a new person's password is made in a scheme, and none is named"
		}
		ways = append(ways, one)
	}
	if p := ways[partPassword]; p.why != "" && p.slot.text != None {
		return nil, fmt.Errorf("password: %s: give the statement, or %q", p.why, None)
	}
	if !slices.ContainsFunc(ways, func(w way) bool { return w.why == "" }) {
		return nil, errors.New("nothing can be written")
	}
	return ways, nil
}

// own reads the operator's statements.
func (s *Source) own(w *way) error {
	verb, marks := "UPDATE", []string{markID, markOldPassword, markOldSalt, markNowUnix, w.slot.takes}
	needed := []string{markOldPassword, w.slot.takes}
	switch w.slot.part {
	case partPassword:
		marks = append(marks, markSalt)
	case partInsert:
		verb, marks = "INSERT", []string{markPassword, markSalt, markNowUnix, markNewUUID, markLastID}
		for _, other := range writeSlots(Write{}) {
			if other.part > partPassword && other.part < partInsert {
				marks = append(marks, other.takes)
			}
		}
		needed = nil
	case partDelete:
		verb, marks, needed = "", marks[:4], []string{markOldPassword}
	case partUsername, partEmail, partPhone, partDisplayName, partEmailVerified, partDisabled:
	}
	if w.slot.part != partInsert {
		if n := len(s.schema.key); n > 1 {
			marks = slices.DeleteFunc(marks, func(mark string) bool { return mark == markID })
			for i := range n {
				marks, needed = append(marks, markID+strconv.Itoa(i+1)), append(needed, markID+strconv.Itoa(i+1))
			}
		} else {
			needed = append(needed, markID)
		}
	}
	for i, text := range splitStatements(w.slot.text, s.dialect) {
		g := grammar{what: "a statement", marks: marks, first: []string{"UPDATE", "DELETE", "INSERT"}, forbidden: wordsThatNeverWrite()}
		if i == 0 {
			g.needed = needed
			if verb != "" {
				g.first = []string{verb}
			} else {
				g.first = []string{"UPDATE", "DELETE"}
			}
		}
		parts, err := parse(text, s.dialect, g)
		if err != nil {
			return err
		}
		w.statements = append(w.statements, &custom{w.slot.name, parts})
	}
	if w.slot.part == partInsert && !w.has(markPassword) {
		return fmt.Errorf("the mark :%s is missing", markPassword)
	}
	return nil
}

// has reports whether a mark is in any of the statements.
func (w *way) has(mark string) bool {
	return slices.ContainsFunc(w.statements, func(c *custom) bool {
		return slices.ContainsFunc(c.parts, func(p part) bool { return p.mark == mark })
	})
}

// wordsThatNeverWrite are those of a query's that a statement has no use for either, outside quotes and but for the word
// that it begins with.
func wordsThatNeverWrite() []string {
	return slices.DeleteFunc(forbiddenWords(), func(word string) bool { return word == "SET" || word == "INTO" })
}

// splitStatements cuts a text at each ";" outside quotes. What is wrong with the quotes is parse's to tell.
func splitStatements(text string, d dialect) []string {
	var list []string
	start := 0
	var until byte
	for i, r := range text {
		switch {
		case until != 0:
			if r == rune(until) {
				until = 0
			}
		case r == ';':
			list = append(list, text[start:i])
			start = i + 1
		default:
			until = d.closing(r)
		}
	}
	if rest := text[start:]; strings.TrimSpace(rest) != "" || len(list) == 0 {
		list = append(list, rest)
	}
	return list
}

// build finds what a built statement sets, or why there is none.
func (s *Source) build(w *way) {
	if s.config.Table == "" {
		w.why = "people are read by queries, so that no statement can be built"
		return
	}
	secrets := append(s.fieldsOf(fieldPassword), s.fieldsOf(fieldSalt)...)
	if slices.ContainsFunc(secrets, func(f field) bool { return f.column.table != 0 }) {
		w.why = "the password, on which every write has its condition, is a column of a joined table"
		return
	}
	switch w.slot.part {
	case partInsert:
		s.buildInsert(w)
		return
	case partDelete:
		s.buildDelete(w)
		return
	case partPassword, partUsername, partEmail, partPhone, partDisplayName, partEmailVerified, partDisabled:
	}
	w.fields = s.fieldsOf(w.slot.kind)
	if w.slot.part == partPassword {
		w.fields = append(w.fields, s.fieldsOf(fieldSalt)...)
		w.fields = append(w.fields, s.paramFields()...)
	} else if len(w.fields) > 1 {
		w.why = "it is read from several columns, and what goes into each is not known"
		return
	}
	if w.slot.part == partDisabled && len(w.fields) == 0 && len(s.schema.disabled) > 0 {
		w.why = "who is disabled is said by conditions"
		return
	}
	w.why = s.whyNot(w.fields)
}

// whyNot says why these columns cannot be set.
func (s *Source) whyNot(fields []field) string {
	switch {
	case len(fields) == 0:
		return "no column is named for it"
	case slices.ContainsFunc(fields, func(f field) bool { return f.column.table != 0 }):
		return "it is a column of a joined table, which no built statement writes"
	case slices.ContainsFunc(fields, func(f field) bool { return slices.Contains(s.schema.key, f.column) }):
		return "it is the key"
	}
	return ""
}

// fieldsOf returns the columns that are read as a kind.
func (s *Source) fieldsOf(kind fieldKind) []field {
	var fields []field
	for _, f := range s.schema.fields {
		if f.kind == kind {
			fields = append(fields, f)
		}
	}
	return fields
}

// paramFields are the columns that hold parameters of the scheme.
func (s *Source) paramFields() []field {
	var fields []field
	for _, f := range s.schema.fields {
		if f.kind == fieldExtra && s.paramOf(f) != "" {
			fields = append(fields, f)
		}
	}
	return fields
}

// paramOf returns the parameter that a further column holds.
func (s *Source) paramOf(f field) string {
	for param, column := range s.config.ParamColumns {
		if column == f.label {
			return param
		}
	}
	return ""
}

func (s *Source) buildInsert(w *way) {
	switch {
	case len(s.schema.tables) > 1:
		w.why = "people are in several tables"
		return
	case len(s.schema.key) > 1:
		w.why = "the key has several columns, and what goes into each is not known"
		return
	}
	for _, kind := range []fieldKind{fieldUsername, fieldEmail, fieldPhone, fieldDisplayName, fieldPassword, fieldSalt, fieldEmailVerified, fieldDisabled} {
		fields := s.fieldsOf(kind)
		if len(fields) > 1 {
			w.why = "a field is read from several columns, and what goes into each is not known"
			return
		}
		w.fields = append(w.fields, fields...)
	}
	w.fields = append(w.fields, s.paramFields()...)
	w.fields = append(w.fields, s.fieldsOf(fieldCreatedAt)...)
}

// buildDelete looks for a condition that says who is there and names a column of deletion: then that column is set, and
// the row stays.
func (s *Source) buildDelete(w *way) {
	for _, c := range s.schema.where {
		if !strings.Contains(strings.ToLower(c.column.name), "delete") {
			continue
		}
		w.soft = &c
		switch {
		case c.column.table != 0:
			w.why = "it is a column of a joined table, which no built statement writes"
		case c.op != "is null" && c.op != "=" && c.op != "!=",
			c.op == "=" && !slices.Contains([]string{"0", "false"}, c.values[0]):
			w.why = "its condition does not say what marks somebody as deleted"
		}
		return
	}
	if len(s.schema.tables) > 1 {
		w.why = "people are in several tables, and whose rows would be left is not known"
	}
}
