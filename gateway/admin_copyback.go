package gateway

import (
	"net/http"
	"strconv"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"rekey/accounts"
)

// How many deliveries an answer has.
const (
	defaultDeliveries = 100
	maxDeliveries     = 500
)

// copyBackState is what the legacy stores have yet to hear.
type copyBackState struct {
	Backlog    accounts.Backlog         `json:"backlog"`
	Deliveries []accounts.DeliveryState `json:"deliveries"`
	Next       *uuid.UUID               `json:"next,omitempty"` // the after of the next page, if this one is full
}

// listCopyBack serves GET /admin/v1/copy-back: the deliveries that have not arrived, oldest first.
func (g *Gateway) listCopyBack(c echo.Context) error {
	q, err := g.deliveryQuery(c)
	if err != nil {
		return err
	}
	var answer copyBackState
	if answer.Backlog, err = g.accounts.Backlog(c.Request().Context()); err != nil {
		return err
	}
	if answer.Deliveries, err = g.accounts.Deliveries(c.Request().Context(), q); err != nil {
		return err
	}
	if n := len(answer.Deliveries); n == q.Limit {
		answer.Next = &answer.Deliveries[n-1].ID
	}
	return c.JSON(http.StatusOK, answer)
}

func (g *Gateway) deliveryQuery(c echo.Context) (q accounts.DeliveryQuery, err error) {
	var account, refused, limit, after string
	err = readQuery(c, field{name: "account", value: &account}, field{name: "refused", value: &refused},
		field{name: "limit", value: &limit}, field{name: "after", value: &after})
	if err != nil {
		return q, err
	}
	q.Limit = defaultDeliveries
	if limit != "" {
		if q.Limit, err = strconv.Atoi(limit); err != nil || q.Limit < 1 || q.Limit > maxDeliveries {
			return q, invalid("limit", "must be 1 to 500")
		}
	}
	if q.Refused = refused == "true"; refused != "" && !q.Refused && refused != "false" {
		return q, invalid("refused", "must be true or false")
	}
	if after != "" {
		if q.After, err = idText("after", after); err != nil {
			return q, err
		}
	}
	if account != "" {
		q.Account, err = g.accounts.SubjectOf(c.Request().Context(), account)
	}
	return q, err
}

// tryCopyBack serves POST /admin/v1/copy-back: what waits for its next try is tried at once, for one account or for all.
func (g *Gateway) tryCopyBack(c echo.Context) error {
	var ref *string
	var dryRun bool
	by, err := change(c, field{name: "account", text: &ref, optional: true}, field{name: "dry_run", truth: &dryRun, optional: true})
	if err != nil {
		return err
	}
	account := uuid.Nil
	if ref != nil {
		if account, err = g.accounts.SubjectOf(c.Request().Context(), *ref); err != nil {
			return err
		}
	}
	n, err := g.accounts.TryNow(c.Request().Context(), account, dryRun, by)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"dry_run": dryRun, "deliveries": n})
}
