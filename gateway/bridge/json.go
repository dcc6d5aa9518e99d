package bridge

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

var errMalformed = errors.New("malformed")

// maxDepth is twice what the products' questions have.
const maxDepth = 16

// decode reads a JSON object into a struct. It is stricter than encoding/json: no name comes twice, nor in two spellings,
// of which it would take the last; nothing follows the object; what is not Unicode is refused rather than replaced, since
// a replaced byte would be another password. Fields that the struct does not have are passed over: products add some.
func decode(body []byte, into any) error {
	if !utf8.Valid(body) || halfCharacter(body) {
		return errMalformed
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return errMalformed
	}
	if err := walkObject(dec, 1); err != nil {
		return err
	}
	if json.Unmarshal(body, into) != nil { // it also refuses what stands behind the object
		return errMalformed // its own error quotes values
	}
	return nil
}

// walkObject reads what is behind an opening brace.
func walkObject(dec *json.Decoder, depth int) error {
	var names []string
	for dec.More() {
		token, err := dec.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return errMalformed
		}
		for _, other := range names {
			if strings.EqualFold(name, other) {
				return errMalformed
			}
		}
		names = append(names, name)
		if err := walkValue(dec, depth); err != nil {
			return err
		}
	}
	return closing(dec)
}

func walkValue(dec *json.Decoder, depth int) error {
	token, err := dec.Token()
	if err != nil || depth > maxDepth {
		return errMalformed
	}
	switch token {
	case json.Delim('{'):
		return walkObject(dec, depth+1)
	case json.Delim('['):
		for dec.More() {
			if err := walkValue(dec, depth+1); err != nil {
				return err
			}
		}
		return closing(dec)
	}
	return nil
}

func closing(dec *json.Decoder) error {
	if _, err := dec.Token(); err != nil {
		return errMalformed
	}
	return nil
}

// halfCharacter reports whether a text has the escape of one half of a surrogate pair without the other.
func halfCharacter(body []byte) bool {
	high := false // the escape just before was a first half
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' || i+1 == len(body) {
			if high {
				return true
			}
			continue
		}
		var unit uint64
		if body[i+1] == 'u' && i+6 <= len(body) {
			unit, _ = strconv.ParseUint(string(body[i+2:i+6]), 16, 16) // what is no number is no JSON either
			i += 5
		} else {
			i++
		}
		low := unit >= 0xdc00 && unit < 0xe000
		if low != high {
			return true
		}
		high = unit >= 0xd800 && unit < 0xdc00
	}
	return high
}
