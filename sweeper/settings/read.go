package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"rekey/accounts"
)

// MaxDocument is the most that a document, or a patch of one, may have, in bytes.
const MaxDocument = 64 << 10

// A member of a JSON object, as it was written.
type member struct {
	name  string
	value json.RawMessage
}

var (
	errNoObject = errors.New("not a JSON object")
	errTwice    = errors.New("a name comes twice")
)

// members reads a JSON object.
func members(raw json.RawMessage) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errNoObject
	}
	var all []member
	seen := map[string]bool{}
	for dec.More() {
		key, err := dec.Token()
		name, isName := key.(string)
		if err != nil || !isName {
			return nil, errNoObject
		}
		if seen[name] {
			return nil, errTwice
		}
		seen[name] = true
		m := member{name: name}
		if err := dec.Decode(&m.value); err != nil {
			return nil, errNoObject
		}
		all = append(all, m)
	}
	if _, err := dec.Token(); err != nil {
		return nil, errNoObject
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errNoObject
	}
	return all, nil
}

// Decode reads a stored document over the defaults. It passes over what it does not know: a newer version may have written
// it. What it knows and cannot read is an error, and then nothing may run.
func Decode(stored []byte) (Document, error) {
	d := Default()
	if faults := read("", stored, &d, false); len(faults) > 0 {
		return Document{}, errStored(faults...)
	}
	for i, o := range d.Overrides {
		var s Settings
		if faults := read(fmt.Sprintf("overrides[%d].set", i), o.Set, &s, false); len(faults) > 0 {
			return Document{}, errStored(faults...)
		}
	}
	return d, nil
}

// errStored says what of a stored document is wrong. It is nobody's input: no *accounts.InvalidError is in it.
func errStored(faults ...error) error {
	return fmt.Errorf("stored sweeper settings: %s", strings.ReplaceAll(errors.Join(faults...).Error(), "\n", "; "))
}

// read reads an object over what is there: a struct whose other structs are objects in it. Its errors are
// *accounts.InvalidError that name their field by its path: all of them. Strict refuses unknown names.
func read(path string, raw json.RawMessage, over any, strict bool) []error {
	return readObject(path, raw, reflect.ValueOf(over).Elem(), strict)
}

func readObject(path string, raw json.RawMessage, over reflect.Value, strict bool) (faults []error) {
	all, err := members(raw)
	switch {
	case errors.Is(err, errTwice):
		return []error{invalid(orBody(path), "has a name twice")}
	case err != nil:
		return []error{invalid(orBody(path), "must be a JSON object")}
	}
	for _, m := range all {
		at := printable(m.name)
		if path != "" {
			at = path + "." + at
		}
		field, ok := fieldNamed(over, m.name)
		switch {
		case !ok && strict:
			faults = append(faults, invalid(at, "is not a setting"))
		case !ok || string(m.value) == "null":
		case field.Kind() == reflect.Struct:
			faults = append(faults, readObject(at, m.value, field, strict)...)
		default:
			fresh := reflect.New(field.Type()) // what was there may share its memory with another document
			if err := json.Unmarshal(m.value, fresh.Interface()); err != nil {
				faults = append(faults, invalid(at, "must be "+wanted(field)))
				continue
			}
			field.Set(fresh.Elem())
		}
	}
	return faults
}

// fieldNamed returns the field of a struct that has a name in JSON.
func fieldNamed(of reflect.Value, name string) (reflect.Value, bool) {
	for _, f := range reflect.VisibleFields(of.Type()) {
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag == name && tag != "" {
			return of.FieldByIndex(f.Index), true
		}
	}
	return reflect.Value{}, false
}

// wanted says in words what a field takes.
func wanted(field reflect.Value) string {
	if field.Type() == reflect.TypeFor[Rate]() {
		return "a number of accounts a second, or max"
	}
	if field.Type() == reflect.TypeFor[Interval]() {
		return "a duration such as 24h, or off"
	}
	switch field.Kind() {
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Slice:
		return "a list"
	}
	return "something else"
}

func orBody(path string) string {
	if path == "" {
		return "settings"
	}
	return path
}

// printable cuts a name that somebody made up to what is fit to be repeated.
func printable(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, name)
	return clean[:min(len(clean), 64)]
}

func invalid(field, reason string) error { return &accounts.InvalidError{Field: field, Reason: reason} }
