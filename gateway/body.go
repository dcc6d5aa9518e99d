package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"rekey/accounts"
)

// maxBody is the most that a request may carry, in bytes. Passwords end at 1024 bytes, and nothing else is longer.
const maxBody = 4 << 10

// A field is a member that a request's body may have: a string, or, if one of these is set, a string that is kept apart from
// none, a number, a truth or an object.
type field struct {
	name     string
	value    *string
	text     **string
	number   *json.Number // as it was written
	truth    *bool
	object   *json.RawMessage // as it was written: whoever reads it is as strict as this
	optional bool
}

// set takes what was found under the name, and says what it must be if it is something else.
func (f field) set(found json.Token) (must string) {
	var ok bool
	switch {
	case f.number != nil:
		*f.number, ok = found.(json.Number)
		must = "must be a number"
	case f.truth != nil:
		*f.truth, ok = found.(bool)
		must = "must be true or false"
	case f.text != nil:
		var text string
		text, ok = found.(string)
		*f.text = &text
		must = "must be a string"
	default:
		*f.value, ok = found.(string)
		must = "must be a string"
	}
	if ok {
		must = ""
	}
	return must
}

// A mediaError is a body of a kind that is not read.
type mediaError struct{ header, reason string }

func (e *mediaError) Error() string { return e.header + " " + e.reason }

// readBody reads the body as a flat JSON object of just these fields. It is stricter than encoding/json: names match
// exactly, no name comes twice, nothing follows the object, and what is not Unicode is refused rather than replaced,
// since a replaced byte would be another password. Its errors are *accounts.InvalidError and name the field, or a
// *mediaError.
func readBody(c echo.Context, fields ...field) error { return readBodyWithin(c, maxBody, fields...) }

// readBodyWithin is readBody with another bound, in bytes.
func readBodyWithin(c echo.Context, most int, fields ...field) error {
	body, err := bodyOf(c, most)
	if err != nil {
		return err
	}
	return parseFields(body, fields)
}

// bodyOf reads the whole body, however it is framed. One that says that it is something else than plain JSON is refused;
// one that says nothing is taken for it, and an empty one is of no kind.
func bodyOf(c echo.Context, most int) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(c.Request().Body, int64(most)+1))
	header := c.Request().Header
	switch {
	case err != nil:
		return nil, invalid("body", "could not be read to its end")
	case len(body) > most:
		return nil, invalid("body", "must be at most "+strconv.Itoa(most)+" bytes")
	case len(body) == 0:
		return nil, nil
	case strings.Join(header.Values(echo.HeaderContentEncoding), "") != "":
		return nil, &mediaError{echo.HeaderContentEncoding, "must not be there: the body is read as it comes"}
	}
	for _, value := range header.Values(echo.HeaderContentType) {
		media, _, _ := mime.ParseMediaType(value) // a bad parameter does not matter, for none means anything
		if value != "" && media != echo.MIMEApplicationJSON {
			return nil, &mediaError{echo.HeaderContentType, "must be " + echo.MIMEApplicationJSON}
		}
	}
	return body, nil
}

func parseFields(body []byte, fields []field) error {
	if !utf8.Valid(body) {
		return invalid("body", "must be valid UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return invalid("body", "must be a JSON object")
	}
	seen := make(map[string]bool, len(fields))
	for dec.More() {
		key, err := dec.Token()
		name, isName := key.(string)
		if err != nil || !isName {
			return invalid("body", "is not valid JSON")
		}
		if err := parseField(dec, body, name, fields, seen); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return invalid("body", "is not valid JSON")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return invalid("body", "must hold one JSON object and nothing behind it")
	}
	for _, f := range fields {
		if !f.optional && !seen[f.name] {
			return invalid(f.name, "is missing")
		}
	}
	return nil
}

func parseField(dec *json.Decoder, body []byte, name string, fields []field, seen map[string]bool) error {
	for _, f := range fields {
		if f.name != name {
			continue
		}
		if f.object != nil {
			return parseObject(dec, f, seen)
		}
		begin := dec.InputOffset()
		value, err := dec.Token()
		text, _ := value.(string) // what is none has no characters
		switch {
		case err != nil:
			return invalid("body", "is not valid JSON")
		case seen[name]:
			return invalid(name, "is there twice")
		case replaced(text, body[begin:dec.InputOffset()]):
			return invalid(name, "must be valid Unicode")
		}
		if must := f.set(value); must != "" {
			return invalid(name, must)
		}
		seen[name] = true
		return nil
	}
	return invalid(printable(name), "is not a field of this request")
}

func parseObject(dec *json.Decoder, f field, seen map[string]bool) error {
	switch err := dec.Decode(f.object); {
	case err != nil:
		return invalid("body", "is not valid JSON")
	case seen[f.name]:
		return invalid(f.name, "is there twice")
	case !bytes.HasPrefix(*f.object, []byte("{")):
		return invalid(f.name, "must be a JSON object")
	}
	seen[f.name] = true
	return nil
}

// replaced reports whether the decoder has put U+FFFD in the place of a lone surrogate: there are more of them than the
// source asked for.
func replaced(text string, source []byte) bool {
	asked := bytes.Count(source, []byte("\ufffd")) + bytes.Count(bytes.ToLower(source), []byte(`\ufffd`))
	return strings.Count(text, "\ufffd") > asked
}

// printable cuts a name that the client made up to what is fit to be repeated.
func printable(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, name)
	return clean[:min(len(clean), 64)]
}

func invalid(field, reason string) error {
	return &accounts.InvalidError{Field: field, Reason: reason}
}
