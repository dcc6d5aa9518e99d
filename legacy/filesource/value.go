package filesource

import (
	"strconv"
	"strings"
)

// A value is one JSON value, or a CSV record as an object of strings.
type value struct {
	kind    valueKind
	text    string // a string's characters, a number's literal, "true" or "false"
	list    []value
	members []member // in the file's order, names unique
}

type member struct {
	name  string
	value value
}

type valueKind int

const (
	kindNull valueKind = iota
	kindBool
	kindNumber
	kindString
	kindList
	kindObject
)

// member returns the member of an object that has exactly this name.
func (v value) member(name string) (value, bool) {
	for _, m := range v.members {
		if m.name == name {
			return m.value, true
		}
	}
	return value{}, false
}

// at follows a path of member names joined by dots. A name may itself contain dots, as the columns of flattened CSV
// and claims named by a URL do: the shortest name that leads on is taken, the whole rest first.
func (v value) at(path string) (value, bool) {
	if found, ok := v.member(path); ok {
		return found, true
	}
	for i := range len(path) {
		if path[i] != '.' {
			continue
		}
		inner, ok := v.member(path[:i])
		if !ok || inner.kind != kindObject {
			continue
		}
		if found, ok := inner.at(path[i+1:]); ok {
			return found, true
		}
	}
	return value{}, false
}

// str returns the text at path, "" where there is none or it is no text.
func (v value) str(path string) string {
	found, _ := v.at(path)
	text, _ := found.plain()
	return text
}

// plain returns a single value as text: null is empty, and a list of one, as Keycloak's attributes are, is its element.
// It is false for what cannot be one text: objects, longer lists, and numbers that are not whole, which another program
// would write in another way.
func (v value) plain() (string, bool) {
	switch v.kind {
	case kindNull:
		return "", true
	case kindBool, kindString:
		return v.text, true
	case kindNumber:
		return v.text, strings.Trim(v.text, "-0123456789") == ""
	case kindList:
		switch len(v.list) {
		case 0:
			return "", true
		case 1:
			return v.list[0].plain()
		}
	case kindObject:
	}
	return "", false
}

// texts returns a list of texts: a list's elements, or one text cut at commas, semicolons and bars if split is set, as
// CSV has it. What is no text is left out.
func (v value) texts(split bool) []string {
	var list []string
	add := func(text string) {
		if text = strings.TrimSpace(text); text != "" {
			list = append(list, text)
		}
	}
	if v.kind == kindList {
		for _, element := range v.list {
			if text, ok := element.plain(); ok {
				add(text)
			}
		}
		return list
	}
	text, _ := v.plain()
	if !split {
		add(text)
		return list
	}
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ';' || r == '|' }) {
		add(part)
	}
	return list
}

// number returns a whole number, written as one or as text.
func (v value) number(path string) (int64, bool) {
	n, err := strconv.ParseInt(v.str(path), 10, 64)
	return n, err == nil
}
