package sqlsource

import (
	"errors"
	"strconv"
	"strings"
)

// WordPress and old Symfony applications keep roles as PHP's serialize() writes an array:
//
//	a:1:{i:0;s:10:"ROLE_ADMIN";}        the values are names
//	a:1:{s:13:"administrator";b:1;}     the keys whose value is true are
//
// See the PHP manual on serialize() and ext/standard/var.c of its source. Nothing else is read: no objects, no references,
// no arrays in arrays.

const notPHPList = "not a PHP array of names"

// isPHPList reports whether a text begins like such an array.
func isPHPList(text string) bool {
	rest, ok := strings.CutPrefix(text, "a:")
	return ok && rest != "" && rest[0] >= '0' && rest[0] <= '9'
}

// A phpReader takes an array apart.
type phpReader struct{ rest string }

// phpList reads such an array.
func phpList(text string) ([]string, error) {
	r := &phpReader{text}
	count, ok := r.number("a:", ":{")
	if !ok || count < 0 || count > maxNames {
		return nil, errors.New(notPHPList)
	}
	var names []string
	for range count {
		key, isNamed, ok := r.key()
		if !ok {
			return nil, errors.New(notPHPList)
		}
		if value, ok := r.text(); ok {
			names = append(names, value)
			continue
		}
		isSet, ok := r.number("b:", ";")
		if !ok || !isNamed || isSet != 0 && isSet != 1 {
			return nil, errors.New(notPHPList)
		}
		if isSet == 1 {
			names = append(names, key)
		}
	}
	if r.rest != "}" {
		return nil, errors.New(notPHPList)
	}
	return names, nil
}

// key reads a key, and says whether it is a text.
func (r *phpReader) key() (text string, isNamed, ok bool) {
	if text, ok := r.text(); ok {
		return text, true, true
	}
	_, ok = r.number("i:", ";")
	return "", false, ok
}

// text reads a text, whose length is in bytes: s:3:"abc";
func (r *phpReader) text() (string, bool) {
	length, ok := r.number("s:", `:"`)
	if !ok || length < 0 || length > len(r.rest) {
		return "", false
	}
	text := r.rest[:length]
	r.rest, ok = strings.CutPrefix(r.rest[length:], `";`)
	return text, ok
}

// number reads a number between two fixed texts, or nothing if it is not there.
func (r *phpReader) number(before, behind string) (int, bool) {
	rest, ok := strings.CutPrefix(r.rest, before)
	if !ok {
		return 0, false
	}
	digits, rest, ok := strings.Cut(rest, behind)
	if !ok || len(digits) > len("-1234567890") {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	if err != nil || strconv.Itoa(n) != digits {
		return 0, false
	}
	r.rest = rest
	return n, true
}
