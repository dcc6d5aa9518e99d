package gateway

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"rekey/accounts"
)

// How many people an answer has, and how many one request tries again: each costs some questions to a legacy store and a hash.
const (
	defaultQuarantine = 100
	maxQuarantine     = 500
	retriesAtOnce     = 100
)

// whoSettle may try again who was not moved, or let them be. Support do so for one person at a time.
var whoSettle = roles{accounts.RoleSupport, accounts.RoleOperator, accounts.RoleAdmin}

// quarantineState is who was not moved.
type quarantineState struct {
	Counts []accounts.QuarantineCount `json:"counts,omitempty"` // on the first page alone: they cost more than a page
	Notes  []accounts.QuarantineRow   `json:"notes"`
	Next   string                     `json:"next,omitempty"` // the after of the next page, if this one is full
}

// listQuarantine serves GET /admin/v1/quarantine.
func (g *Gateway) listQuarantine(c echo.Context) error {
	q, err := quarantineQuery(c)
	if err != nil {
		return err
	}
	answer := quarantineState{}
	if answer.Notes, err = g.accounts.Quarantine(c.Request().Context(), q); err != nil {
		return err
	}
	if q.After == (accounts.NoteKey{}) {
		if answer.Counts, err = g.accounts.QuarantineCounts(c.Request().Context()); err != nil {
			return err
		}
	}
	if n := len(answer.Notes); n == q.Limit {
		answer.Next = noteCursor(answer.Notes[n-1].NoteKey)
	}
	answer.Notes = each(answer.Notes, func(r accounts.QuarantineRow) accounts.QuarantineRow { return r })
	return c.JSON(http.StatusOK, answer)
}

func quarantineQuery(c echo.Context) (q accounts.QuarantineQuery, err error) {
	var class, state, limit, after string
	err = readQuery(c, field{name: "class", value: &class}, field{name: "source", value: &q.Source}, field{name: "state", value: &state},
		field{name: "limit", value: &limit}, field{name: "after", value: &after})
	if err != nil {
		return q, err
	}
	q.Class, q.State, q.Limit = accounts.NoteClass(class), accounts.NoteState(state), defaultQuarantine
	if limit != "" {
		if q.Limit, err = strconv.Atoi(limit); err != nil || q.Limit < 1 || q.Limit > maxQuarantine {
			return q, invalid("limit", "must be 1 to 500")
		}
	}
	q.After, err = parseNoteCursor(after)
	return q, err
}

// noteCursor writes the key of a note as a client hands it back. No stored text holds a NUL.
func noteCursor(k accounts.NoteKey) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join([]string{k.Source, k.LegacyID, string(k.Class)}, "\x00")))
}

// parseNoteCursor reads it; "" is the beginning.
func parseNoteCursor(text string) (k accounts.NoteKey, err error) {
	if text == "" {
		return k, nil
	}
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	parts := strings.Split(string(decoded), "\x00")
	if err != nil || len(parts) != 3 || noteCursor(accounts.NoteKey{LegacyKey: accounts.LegacyKey{Source: parts[0], LegacyID: parts[1]}, Class: accounts.NoteClass(parts[2])}) != text {
		return k, invalid("after", "must be the next of the page before")
	}
	k.Source, k.LegacyID, k.Class = parts[0], parts[1], accounts.NoteClass(parts[2])
	return k, nil
}

// retryState is what came of people who were tried again.
type retryState struct {
	DryRun bool               `json:"dry_run"`
	People []accounts.Retried `json:"people"`
	Next   string             `json:"next,omitempty"` // the after of the next request, if there are more
}

// retryQuarantine serves POST /admin/v1/quarantine/retry: one person, or those of a class, as many as one request has the time for.
func (g *Gateway) retryQuarantine(c echo.Context) error {
	var r accounts.Retry
	var class, source, legacyID, after string
	by, err := change(c, field{name: "class", value: &class, optional: true}, field{name: "source", value: &source, optional: true},
		field{name: "legacy_id", value: &legacyID, optional: true}, field{name: "after", value: &after, optional: true},
		field{name: "dry_run", truth: &r.DryRun, optional: true})
	if err != nil {
		return err
	}
	r.By, r.Limit = by, retriesAtOnce
	switch {
	case class+legacyID == "":
		return invalid("class", "is missing, or source and legacy_id")
	case legacyID == "":
		if who, ok := staffOf(c); !ok || who.Role == accounts.RoleSupport {
			return &forbiddenError{whoMove}
		}
		r.Class, r.Source = accounts.NoteClass(class), source
		if r.After, err = parseNoteCursor(after); err != nil {
			return err
		}
	case source == "":
		return invalid("source", "is missing")
	case class+after != "":
		return invalid("class", "and after must not be there beside legacy_id")
	default:
		r.Person = accounts.LegacyKey{Source: source, LegacyID: legacyID}
	}
	done, next, err := g.accounts.RetryQuarantined(c.Request().Context(), r)
	if err != nil && len(done) == 0 {
		return err
	}
	// Of what came before a store fell silent the client is told; next is where to go on.
	answer := retryState{DryRun: r.DryRun, People: each(done, func(one accounts.Retried) accounts.Retried { return one })}
	if next != nil && r.Person == (accounts.LegacyKey{}) {
		answer.Next = noteCursor(*next)
	}
	return c.JSON(http.StatusOK, answer)
}

// skipQuarantine serves POST /admin/v1/quarantine/skip: nothing is to be done about a person.
func (g *Gateway) skipQuarantine(c echo.Context) error {
	var person accounts.LegacyKey
	by, err := change(c, field{name: "source", value: &person.Source, optional: true}, field{name: "legacy_id", value: &person.LegacyID, optional: true})
	switch {
	case err != nil:
		return err
	case person.Source == "":
		return invalid("source", "is missing")
	case person.LegacyID == "":
		return invalid("legacy_id", "is missing")
	}
	changed, err := g.accounts.SkipQuarantined(c.Request().Context(), person, by)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"source": person.Source, "legacy_id": person.LegacyID, "changed": changed})
}
