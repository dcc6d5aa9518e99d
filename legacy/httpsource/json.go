package httpsource

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What an application answers is read more strictly than encoding/json does by itself: no key comes twice, in whatever
// object, nothing follows the value, and text that is not Unicode is refused rather than replaced, because a replaced
// byte would make another person.

// kind is what a JSON value is.
type kind int

const (
	null kind = iota
	boolean
	number
	text
	list
	object
)

// A value is a JSON value.
type value struct {
	kind    kind
	literal string // of a text its characters, of a number or boolean what stands there
	items   []value
	members map[string]value
}

// maxDepth is far above what a person's record has, and far below what would hurt.
const maxDepth = 16

var (
	errNotUTF8   = errors.New("the answer is not valid Unicode")
	errNotJSON   = errors.New("the answer is not one JSON value")
	errTwice     = errors.New("the answer has a key twice")
	errTooDeep   = errors.New("the answer is nested too deeply")
	errNUL       = errors.New("the answer has a NUL character in it")
	errNoPointer = errors.New("want a JSON pointer (RFC 6901), such as /user/email")
)

// parseJSON reads one value. The caller has bounded body.
func parseJSON(body []byte) (value, error) {
	if !utf8.Valid(body) || loneSurrogate(body) {
		return value{}, errNotUTF8
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	v, err := parseValue(dec, 0)
	if err != nil {
		return value{}, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return value{}, errNotJSON
	}
	return v, nil
}

func parseValue(dec *json.Decoder, depth int) (value, error) {
	if depth > maxDepth {
		return value{}, errTooDeep
	}
	token, err := dec.Token()
	if err != nil {
		return value{}, errNotJSON // whatever it says may quote the answer
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return parseObject(dec, depth)
		}
		return parseList(dec, depth) // a closing one is refused by the decoder
	case string:
		if strings.Contains(t, "\x00") {
			return value{}, errNUL
		}
		return value{kind: text, literal: t}, nil
	case json.Number:
		return value{kind: number, literal: t.String()}, nil
	case bool:
		return value{kind: boolean, literal: strconv.FormatBool(t)}, nil
	}
	return value{kind: null}, nil
}

func parseObject(dec *json.Decoder, depth int) (value, error) {
	v := value{kind: object, members: map[string]value{}}
	for dec.More() {
		key, err := parseValue(dec, depth+1)
		if err != nil {
			return value{}, err
		}
		if _, twice := v.members[key.literal]; twice {
			return value{}, errTwice
		}
		if v.members[key.literal], err = parseValue(dec, depth+1); err != nil {
			return value{}, err
		}
	}
	return v, closed(dec)
}

func parseList(dec *json.Decoder, depth int) (value, error) {
	v := value{kind: list}
	for dec.More() {
		item, err := parseValue(dec, depth+1)
		if err != nil {
			return value{}, err
		}
		v.items = append(v.items, item)
	}
	return v, closed(dec)
}

// closed reads the delimiter behind an object or a list.
func closed(dec *json.Decoder) error {
	if _, err := dec.Token(); err != nil {
		return errNotJSON
	}
	return nil
}

// loneSurrogate reports whether there is an escape of half a character, which encoding/json would replace. A backslash
// stands in strings only, or else the text is no JSON anyway.
func loneSurrogate(body []byte) bool {
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		first, ok := escaped(body[i:])
		if !ok {
			i++ // the character behind the backslash, which may be another one
			continue
		}
		i += 5
		switch {
		case first >= 0xdc00 && first < 0xe000:
			return true
		case first >= 0xd800 && first < 0xdc00:
			second, ok := escaped(body[i+1:])
			if !ok || second < 0xdc00 || second >= 0xe000 {
				return true
			}
			i += 6
		}
	}
	return false
}

// escaped reads \uXXXX.
func escaped(b []byte) (uint64, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return n, err == nil
}

// A pointer is a JSON pointer: the keys, or places in a list, on the way to a value.
type pointer []string

// parsePointer reads the text form of RFC 6901, section 3. The empty text is the whole document.
func parsePointer(s string) (pointer, error) {
	if s == "" {
		return pointer{}, nil
	}
	if s[0] != '/' || !utf8.ValidString(s) {
		return nil, errNoPointer
	}
	p := pointer(strings.Split(s[1:], "/"))
	for i, step := range p {
		for j := range len(step) {
			if step[j] == '~' && (j+1 == len(step) || step[j+1] != '0' && step[j+1] != '1') {
				return nil, errNoPointer
			}
		}
		p[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
	}
	return p, nil
}

// at returns the value that the pointer leads to; what is not there is null.
func (v value) at(p pointer) value {
	for _, step := range p {
		switch v.kind {
		case object:
			v = v.members[step]
		case list:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(v.items) || strconv.Itoa(i) != step {
				return value{}
			}
			v = v.items[i]
		case null, boolean, number, text:
			return value{}
		}
	}
	return v
}

// plainText reports whether a text can be somebody's name: Unicode, and no control characters.
func plainText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}
