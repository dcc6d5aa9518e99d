package gateway

import (
	"errors"
	"mime"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"rekey/accounts"
)

// errMediaType: the body is not said to be JSON. A form of a foreign page cannot say so without asking first.
var errMediaType = errors.New("the body is not declared as JSON")

// change reads the body of a staff request that changes something: just these fields, and the reason that every such
// request gives. It returns who wants the change and why, for the event in the transaction of the change.
func change(c echo.Context, fields ...field) (accounts.By, error) {
	return changeWithin(c, maxBody, fields...)
}

// changeWithin is change for a body of another bound, in bytes.
func changeWithin(c echo.Context, most int, fields ...field) (accounts.By, error) {
	who, ok := staffOf(c)
	if !ok {
		return accounts.By{}, errNotStaff
	}
	kind, params, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	if charset, given := params["charset"]; err != nil || kind != echo.MIMEApplicationJSON || given && !strings.EqualFold(charset, "utf-8") {
		return accounts.By{}, errMediaType
	}
	by := accounts.By{Actor: "staff:" + who.Name, RequestID: requestID(c)}
	if err := readBodyWithin(c, most, append(slices.Clone(fields), field{name: "reason", value: &by.Reason})...); err != nil {
		return accounts.By{}, err
	}
	for _, f := range fields {
		if f.value != nil && strings.ContainsRune(*f.value, 0) {
			return accounts.By{}, invalid(f.name, "has a character that no store keeps")
		}
	}
	return by, by.Check()
}

// readQuery reads the query as just these fields, each once and all of them optional.
func readQuery(c echo.Context, fields ...field) error {
	query, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return invalid("query", "is malformed")
	}
	for name, values := range query {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
		switch {
		case i < 0:
			return invalid(printable(name), "is not a parameter of this request")
		case len(values) > 1:
			return invalid(name, "is there twice")
		}
		*fields[i].value = values[0]
	}
	return nil
}

// refOf returns the ref in the path as the client meant it. The router hands it over as it was escaped, where that matters: an
// e-mail address may be written with %40.
func refOf(c echo.Context) (string, error) {
	text := c.Param("ref")
	if c.Request().URL.RawPath == "" {
		return text, nil
	}
	text, err := url.PathUnescape(text)
	if err != nil {
		return "", invalid("ref", "is malformed")
	}
	return text, nil
}

// idText reads an id, in its usual form alone.
func idText(field, text string) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil || id.String() != strings.ToLower(text) {
		return uuid.Nil, invalid(field, "must be an id, such as 0197f3a2-5a0c-7cc1-8d2e-3f4f5a6b7c8d")
	}
	return id, nil
}
