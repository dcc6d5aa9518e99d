package gateway

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"rekey/accounts"
)

// each turns a list into the one that is shown, which is [] and not null where it is empty.
func each[T, U any](list []T, show func(T) U) []U {
	shown := make([]U, len(list))
	for i, v := range list {
		shown[i] = show(v)
	}
	return shown
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// timeOrNil leaves a time out that is not set.
func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// An EventState is a line of the audit, as it is shown.
type EventState struct {
	ID        uuid.UUID         `json:"id"`
	At        time.Time         `json:"at"`
	Account   *uuid.UUID        `json:"account_id,omitempty"`
	Kind      string            `json:"kind"`
	Actor     string            `json:"actor"`
	Reason    string            `json:"reason,omitempty"`
	RequestID string            `json:"request_id,omitempty"`
	Detail    map[string]string `json:"detail,omitempty"`
}

// EventStateOf returns an event as it is shown.
func EventStateOf(e accounts.Event) EventState {
	s := EventState{e.ID, e.At, nil, string(e.Kind), e.Actor, e.Reason, e.RequestID, e.Detail}
	if e.AccountID != uuid.Nil {
		s.Account = &e.AccountID
	}
	return s
}

// How many events an answer has.
const (
	defaultEvents = 50
	maxEvents     = 500
)

// listEvents serves GET /admin/v1/events: the audit, newest first, of everybody or of one account. next, if it is there,
// is the before of the next page.
func (g *Gateway) listEvents(c echo.Context) error {
	q, err := g.eventQuery(c)
	if err != nil {
		return err
	}
	events, err := g.accounts.Events(c.Request().Context(), q)
	if err != nil {
		return err
	}
	answer := map[string]any{"events": each(events, EventStateOf)}
	if len(events) == q.Limit {
		answer["next"] = events[len(events)-1].ID
	}
	return c.JSON(http.StatusOK, answer)
}

func (g *Gateway) eventQuery(c echo.Context) (q accounts.EventQuery, err error) {
	var account, limit, before string
	if err := readQuery(c, field{name: "account", value: &account}, field{name: "limit", value: &limit}, field{name: "before", value: &before}); err != nil {
		return q, err
	}
	q.Limit = defaultEvents
	if limit != "" {
		if q.Limit, err = strconv.Atoi(limit); err != nil || q.Limit < 1 || q.Limit > maxEvents {
			return q, invalid("limit", "must be 1 to 500")
		}
	}
	if before != "" {
		if q.Before, err = idText("before", before); err != nil {
			return q, err
		}
	}
	if account != "" {
		q.Account, err = g.accounts.SubjectAnywhere(c.Request().Context(), account)
	}
	return q, err
}

type sourceState struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	State string `json:"state"` // up or down
}

// listSources serves GET /admin/v1/sources: the legacy stores in order, and whether they answer.
func (g *Gateway) listSources(c echo.Context) error {
	sources := []sourceState{}
	var states []func() error
	for _, check := range g.checks {
		if check.Source != "" {
			sources = append(sources, sourceState{check.Source, check.Kind, "up"})
			states = append(states, func() error { return check.result(c.Request().Context()) })
		}
	}
	var wg sync.WaitGroup
	for i := range sources {
		wg.Go(func() {
			if states[i]() != nil {
				sources[i].State = "down"
			}
		})
	}
	wg.Wait()
	return c.JSON(http.StatusOK, map[string]any{"sources": sources})
}
