package filesource

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep the values of a record may nest. The exports that are read here nest six deep at most.
const maxDepth = 32

// smallObject is how many members are searched one by one, so that a record of 200,000 names takes no quadratic time.
const smallObject = 32

// A syntaxError says why a record cannot be read. It contains nothing of the record.
type syntaxError struct{ reason string }

func (e *syntaxError) Error() string { return e.reason }

// parseJSON reads one JSON value (RFC 8259) and nothing behind it. It is stricter than package json: text that is not
// UTF-8, half a surrogate pair, a NUL and a name that comes twice in one object are refused rather than replaced or
// chosen from, because another program would read another person there.
func parseJSON(raw []byte) (value, error) {
	p := jsonParser{text: string(raw)}
	if !utf8.ValidString(p.text) {
		return value{}, &syntaxError{"not UTF-8 text"}
	}
	p.space()
	v, err := p.value(0)
	if err != nil {
		return value{}, err
	}
	p.space()
	if p.at < len(p.text) {
		return value{}, p.fail("something follows the value")
	}
	return v, nil
}

type jsonParser struct {
	text string
	at   int
}

func (p *jsonParser) fail(reason string) error {
	return &syntaxError{fmt.Sprintf("not valid JSON at byte %d: %s", p.at+1, reason)}
}

func (p *jsonParser) space() {
	for p.at < len(p.text) && isJSONSpace(p.text[p.at]) {
		p.at++
	}
}

func isJSONSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// peek returns the next byte, 0 at the end.
func (p *jsonParser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *jsonParser) value(depth int) (value, error) {
	if depth > maxDepth {
		return value{}, p.fail(fmt.Sprintf("nested more than %d deep", maxDepth))
	}
	switch c := p.peek(); {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		text, err := p.string()
		return value{kind: kindString, text: text}, err
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	for _, word := range [...]struct {
		text string
		kind valueKind
	}{{"true", kindBool}, {"false", kindBool}, {"null", kindNull}} {
		if strings.HasPrefix(p.text[p.at:], word.text) {
			p.at += len(word.text)
			return value{kind: word.kind, text: word.text}, nil
		}
	}
	return value{}, p.fail("a value is missing")
}

func (p *jsonParser) object(depth int) (value, error) {
	v := value{kind: kindObject}
	var names map[string]bool // of a large object; a small one is searched
	p.at++
	p.space()
	if p.peek() == '}' {
		p.at++
		return v, nil
	}
	for {
		if p.peek() != '"' {
			return value{}, p.fail("a name is missing")
		}
		name, err := p.string()
		if err != nil {
			return value{}, err
		}
		var twice bool
		if len(v.members) >= smallObject {
			if names == nil {
				names = map[string]bool{}
				for _, m := range v.members {
					names[m.name] = true
				}
			}
			twice = names[name]
			names[name] = true
		} else {
			_, twice = v.member(name)
		}
		if twice {
			return value{}, p.fail("a name comes twice")
		}
		p.space()
		if p.peek() != ':' {
			return value{}, p.fail("a colon is missing")
		}
		p.at++
		p.space()
		inner, err := p.value(depth + 1)
		if err != nil {
			return value{}, err
		}
		v.members = append(v.members, member{name, inner})
		if done, err := p.follows('}'); done || err != nil {
			return v, err
		}
	}
}

func (p *jsonParser) array(depth int) (value, error) {
	v := value{kind: kindList}
	p.at++
	p.space()
	if p.peek() == ']' {
		p.at++
		return v, nil
	}
	for {
		inner, err := p.value(depth + 1)
		if err != nil {
			return value{}, err
		}
		v.list = append(v.list, inner)
		if done, err := p.follows(']'); done || err != nil {
			return v, err
		}
	}
}

// follows reads a comma, or the closing bracket and reports true.
func (p *jsonParser) follows(closing byte) (bool, error) {
	p.space()
	switch p.peek() {
	case closing:
		p.at++
		return true, nil
	case ',':
		p.at++
		p.space()
		return false, nil
	}
	return false, p.fail("a comma or a closing bracket is missing")
}

// number checks the grammar and keeps the literal: nothing is rounded.
func (p *jsonParser) number() (value, error) {
	start := p.at
	digits := func() bool {
		from := p.at
		for p.peek() >= '0' && p.peek() <= '9' {
			p.at++
		}
		return p.at > from
	}
	if p.peek() == '-' {
		p.at++
	}
	if p.peek() == '0' {
		p.at++
	} else if !digits() {
		return value{}, p.fail("not a number")
	}
	if p.peek() == '.' {
		p.at++
		if !digits() {
			return value{}, p.fail("not a number")
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.at++
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		if !digits() {
			return value{}, p.fail("not a number")
		}
	}
	return value{kind: kindNumber, text: p.text[start:p.at]}, nil
}

// string reads a string. One without escapes is a part of the record's text and costs nothing.
func (p *jsonParser) string() (string, error) {
	p.at++
	start := p.at
	var built []byte
	for {
		switch c := p.peek(); {
		case c == '"':
			text := p.text[start:p.at]
			p.at++
			if built == nil {
				return text, nil
			}
			return string(append(built, text...)), nil
		case p.at >= len(p.text):
			return "", p.fail("a string is not closed")
		case c < ' ':
			return "", p.fail("a control character in a string")
		case c == '\\':
			built = append(built, p.text[start:p.at]...)
			p.at++
			var err error
			if built, err = p.escape(built); err != nil {
				return "", err
			}
			start = p.at
		default:
			p.at++
		}
	}
}

// escapes are the letters behind a backslash that stand for one byte.
var escapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape reads what is behind a backslash and appends what it stands for.
func (p *jsonParser) escape(to []byte) ([]byte, error) {
	c := p.peek()
	if plain, ok := escapes[c]; ok {
		p.at++
		return append(to, plain), nil
	}
	r, ok := p.unit()
	switch {
	case !ok:
		return nil, p.fail("an unknown escape")
	case r == 0:
		return nil, p.fail("a NUL in a string")
	case !utf16.IsSurrogate(r):
		return utf8.AppendRune(to, r), nil
	}
	var second rune
	if ok = p.peek() == '\\'; ok {
		p.at++
		second, ok = p.unit()
	}
	r = utf16.DecodeRune(r, second)
	if !ok || r == utf8.RuneError {
		return nil, p.fail("half a surrogate pair")
	}
	return utf8.AppendRune(to, r), nil
}

// unit reads the uXXXX of an escape.
func (p *jsonParser) unit() (rune, bool) {
	if p.peek() != 'u' || len(p.text)-p.at < 5 {
		return 0, false
	}
	digits := p.text[p.at+1 : p.at+5]
	if strings.Trim(digits, "0123456789abcdefABCDEF") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 16, 16)
	p.at += 5
	return rune(n), err == nil
}
