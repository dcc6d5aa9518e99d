package sqlsource

import (
	"fmt"
	"slices"
	"time"

	mssql "github.com/microsoft/go-mssqldb"

	"rekey/legacy"
	"rekey/legacy/guard"
)

// This file builds the texts that write: one UPDATE, DELETE or INSERT of the people's table. Each UPDATE and DELETE is
// of one key, under the condition that the stored password is the one that was read.

// A setting is a column and what it is set to: an argument, or an expression.
type setting struct {
	column     column
	arg        any
	expression string
}

// unfitting is the refusal of a value for which its column has no form.
func unfitting(field, reason string) error {
	return guard.Answered(&legacy.RefusedError{Field: field, Reason: reason})
}

// textSetting sets a text.
func (w *Writer) textSetting(t *transaction, f field, name, text string, null bool) (setting, error) {
	kind := t.shape.columns[f.column]
	if text == "" && null {
		return setting{column: f.column, expression: "NULL"}, nil
	}
	if !plain(text) && kind != typeBinary {
		return setting{}, unfitting(name, "it is no text")
	}
	arg, ok := kind.bind(text)
	if !ok {
		return setting{}, unfitting(name, "the column has no such values")
	}
	if kind == typeVarchar && !isASCII(text) {
		arg = text
	}
	return setting{column: f.column, arg: arg}, nil
}

// truthSetting sets a truth value, as the column's type has it.
func (w *Writer) truthSetting(t *transaction, f field, name string, yes bool) (setting, error) {
	yes = yes != f.negated
	switch t.shape.columns[f.column] {
	case typeBool:
		return setting{column: f.column, arg: yes}, nil
	case typeInt16, typeInt32, typeInt64, typeUint64, typeDecimal:
		return setting{column: f.column, arg: map[bool]int64{true: 1}[yes]}, nil
	case typeTime: // of when it became so
		if yes {
			return setting{column: f.column, expression: w.dialect.now}, nil
		}
		return setting{column: f.column, expression: "NULL"}, nil
	case typeText, typeFloat, typeUUID, typeGUID, typeBinary, typePadded, typeVarchar, typeArray, typeJSON:
	}
	return setting{}, unfitting(name, "the column is neither a truth value nor a number nor a time; give the statement")
}

// settings returns what a part sets for somebody who is to be as want says.
func (w *Writer) settings(t *transaction, f field, name string, want legacy.User) (setting, error) {
	switch f.kind {
	case fieldPassword:
		return w.textSetting(t, f, name, want.Password.Hash, false)
	case fieldSalt:
		return w.textSetting(t, f, name, want.Password.Salt, false)
	case fieldUsername:
		return w.textSetting(t, f, name, want.Username, true)
	case fieldEmail:
		return w.textSetting(t, f, name, want.Email, true)
	case fieldPhone:
		return w.textSetting(t, f, name, want.Phone, true)
	case fieldDisplayName:
		return w.textSetting(t, f, name, want.Profile.DisplayName, false)
	case fieldEmailVerified:
		return w.truthSetting(t, f, name, want.Profile.EmailVerified)
	case fieldDisabled:
		return w.truthSetting(t, f, name, want.Disabled)
	case fieldExtra:
		return w.textSetting(t, f, name, want.Password.Params[w.paramOf(f)], true)
	case fieldID, fieldCreatedAt, fieldLastLoginAt, fieldDisabledWhen, fieldLocale, fieldPhoneVerified, fieldRoles, fieldGroups, fieldTOTPSecret:
	}
	return setting{}, unfitting(name, "it is not written")
}

// set appends SET and the settings.
func (w *Writer) set(q *statement, settings []setting) {
	q.add(" SET ")
	for i, s := range settings {
		if i > 0 {
			q.add(", ")
		}
		q.add(w.dialect.quote(s.column.name), " = ")
		w.value(q, s)
	}
}

func (w *Writer) value(q *statement, s setting) {
	if s.expression != "" {
		q.add(s.expression)
		return
	}
	q.arg(s.arg)
}

// updateStatement sets several parts at once.
func (w *Writer) updateStatement(t *transaction, now, want legacy.User, parts []writePart) (*statement, error) {
	var settings []setting
	for _, part := range parts {
		for _, f := range w.ways[part].fields {
			s, err := w.settings(t, f, w.ways[part].slot.field, want)
			if err != nil {
				return nil, err
			}
			settings = append(settings, s)
		}
	}
	q := &statement{dialect: w.dialect}
	q.add("UPDATE ", w.schema.tables[0].quoted)
	w.set(q, distinctSettings(settings))
	return q, w.isStill(q, t, now)
}

// distinctSettings leaves out columns that are named twice.
func distinctSettings(settings []setting) []setting {
	var list []setting
	for _, s := range settings {
		if !slices.ContainsFunc(list, func(other setting) bool { return other.column == s.column }) {
			list = append(list, s)
		}
	}
	return list
}

// deleteStatement removes a row, or marks it.
func (w *Writer) deleteStatement(t *transaction, now legacy.User) (*statement, error) {
	q := &statement{dialect: w.dialect}
	soft := w.ways[partDelete].soft
	if soft == nil {
		q.add("DELETE FROM ", w.schema.tables[0].quoted)
		return q, w.isStill(q, t, now)
	}
	mark, err := w.mark(t, *soft)
	if err != nil {
		return nil, err
	}
	q.add("UPDATE ", w.schema.tables[0].quoted)
	w.set(q, []setting{mark})
	return q, w.isStill(q, t, now)
}

// mark sets the column of a condition on who is there so that it no longer holds.
func (w *Writer) mark(t *transaction, c condition) (setting, error) {
	kind := t.shape.columns[c.column]
	value := ""
	switch {
	case c.op == "!=":
		value = c.values[0]
	case c.op == "is null" && kind == typeTime:
		return setting{column: c.column, expression: w.dialect.now}, nil
	case c.op == "is null" && (kind == typeInt64 || kind == typeUint64):
		return setting{column: c.column, arg: time.Now().Unix()}, nil
	case c.op == "=" && kind == typeBool:
		value = "true"
	case c.op == "=":
		value = "1"
	}
	if arg, ok := kind.bindFixed(value); ok && value != "" {
		return setting{column: c.column, arg: arg}, nil
	}
	return setting{}, unfitting("", fmt.Sprintf("what marks somebody as deleted in column %s is not known; give the statement", c.column.name))
}

// insertStatement adds a row. What is empty is left to the table's own defaults.
func (w *Writer) insertStatement(t *transaction, user legacy.User) (*statement, error) {
	var settings []setting
	empty := map[fieldKind]bool{
		fieldUsername: user.Username == "", fieldEmail: user.Email == "", fieldPhone: user.Phone == "",
		fieldDisplayName: user.Profile.DisplayName == "", fieldSalt: user.Password.Salt == "",
	}
	for _, f := range w.ways[partInsert].fields {
		switch kind := t.shape.columns[f.column]; {
		case empty[f.kind], f.kind == fieldExtra && user.Password.Params[w.paramOf(f)] == "":
			continue
		case f.kind == fieldCreatedAt:
			if kind == typeTime {
				settings = append(settings, setting{column: f.column, expression: w.dialect.now})
			}
			continue
		case kind == typeTime && (f.kind == fieldDisabled || f.kind == fieldEmailVerified):
			if yes := f.kind == fieldEmailVerified && user.Profile.EmailVerified; yes == f.negated {
				continue // NULL
			}
		}
		s, err := w.settings(t, f, fieldName(f.kind), user)
		if err != nil {
			return nil, err
		}
		settings = append(settings, s)
	}
	for _, c := range w.schema.where { // who is inserted has to be there
		if c.op != "=" {
			continue
		}
		if arg, ok := t.shape.columns[c.column].bindFixed(c.values[0]); ok {
			settings = append(settings, setting{column: c.column, arg: arg})
		}
	}
	settings = distinctSettings(settings)
	q := &statement{dialect: w.dialect}
	q.add("INSERT INTO ", w.schema.tables[0].quoted, " (")
	for i, s := range settings {
		if i > 0 {
			q.add(", ")
		}
		q.add(w.dialect.quote(s.column.name))
	}
	q.add(") VALUES (")
	for i, s := range settings {
		if i > 0 {
			q.add(", ")
		}
		w.value(q, s)
	}
	q.add(")")
	return q, nil
}

// fieldName is what legacy.User calls a field.
func fieldName(kind fieldKind) string {
	for _, slot := range writeSlots(Write{}) {
		if slot.kind == kind && slot.part < partInsert {
			return slot.field
		}
	}
	return ""
}

// isStill appends the condition that the row is that of the person, and their stored password what was read.
func (w *Writer) isStill(q *statement, t *transaction, now legacy.User) error {
	key, ok := w.bindKey(t.shape, now.ID)
	if !ok {
		return guard.Answered(legacy.ErrNoUser)
	}
	q.add(" WHERE ")
	for i, c := range w.schema.key {
		if i > 0 {
			q.add(" AND ")
		}
		q.add(w.dialect.quote(c.name), " = ")
		q.arg(key[i])
		if kind := t.shape.key[i]; kind == typeText || kind == typeVarchar {
			q.add(" AND ") // the column's collation may take another key for this one
			text := key[i]
			if ascii, ok := text.(mssql.VarChar); ok {
				text = string(ascii)
			}
			q.same(w.dialect.quote(c.name), text)
		}
	}
	if len(w.schema.tables) == 1 {
		for _, c := range t.shape.where {
			q.add(" AND ")
			w.condition(q, c)
		}
	}
	for _, secret := range []struct {
		kind fieldKind
		text string
	}{{fieldPassword, now.Password.Hash}, {fieldSalt, now.Password.Salt}} {
		for _, f := range w.fieldsOf(secret.kind) {
			q.add(" AND ")
			w.isText(q, t.shape.columns[f.column], f.column, secret.text)
		}
	}
	return nil
}

// isText appends the condition that a column is read as this text. Nothing is NULL or empty.
func (w *Writer) isText(q *statement, kind columnType, c column, text string) {
	name := w.dialect.quote(c.name)
	if text == "" {
		q.add("(", name, " IS NULL OR ")
	}
	switch {
	case kind == typeBinary:
		q.add(name, " = ")
		q.arg([]byte(text))
	case kind == typePadded:
		q.same("RTRIM("+name+")", text)
	default:
		q.same(name, text)
	}
	if text == "" {
		q.add(")")
	}
}

// same appends the condition that a column's text is the argument to the byte.
func (q *statement) same(column string, text any) {
	q.args = append(q.args, text)
	q.add(q.dialect.same(column, q.dialect.mark(len(q.args))))
}
