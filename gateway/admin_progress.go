package gateway

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"rekey/accounts"
)

// showProgress serves GET /admin/v1/progress: how far the migration is, as it was counted some seconds ago at most, or, where that
// takes long, so much longer ago.
func (g *Gateway) showProgress(c echo.Context) error {
	p, err := g.accounts.Progress(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, p)
}

// showReady serves GET /admin/v1/ready: what is still in the way of switching the legacy stores off.
func (g *Gateway) showReady(c echo.Context) error {
	r, err := g.accounts.Ready(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, r)
}

// shownRuns are the newest runs that are shown.
const shownRuns = 20

// A runState is a run as it is stored.
type runState struct {
	ID    uuid.UUID         `json:"id"`
	Kind  accounts.RunKind  `json:"kind"`
	State accounts.RunState `json:"state"`
	Began time.Time         `json:"began"`
	Ended *time.Time        `json:"ended,omitempty"`
	Why   string            `json:"why,omitempty"`
	Spec  json.RawMessage   `json:"spec,omitempty"`
	Found json.RawMessage   `json:"found,omitempty"`
}

// rawJSON is a document as it is stored, if it is one.
func rawJSON(text string) json.RawMessage {
	if !json.Valid([]byte(text)) {
		return nil
	}
	return json.RawMessage(text)
}

// listRuns serves GET /admin/v1/sweeper/runs: the newest runs and, however old, those that are under way, newest first, and how far
// the sweeper is.
func (g *Gateway) listRuns(c echo.Context) error {
	ctx := c.Request().Context()
	runs, err := g.accounts.Runs(ctx, shownRuns)
	if err != nil {
		return err
	}
	under, err := g.accounts.RunsUnderWay(ctx)
	if err != nil {
		return err
	}
	for _, r := range under {
		if !slices.ContainsFunc(runs, func(newer accounts.Run) bool { return newer.ID == r.ID }) {
			runs = append(runs, r)
		}
	}
	answer := map[string]any{"runs": each(runs, func(r accounts.Run) runState {
		return runState{r.ID, r.Kind, r.State, r.Began, timeOrNil(r.Ended), r.Why, rawJSON(r.Spec), r.Told()}
	})}
	if g.sweepStatus != nil {
		if answer["status"], err = g.sweepStatus(ctx); err != nil {
			return err
		}
	}
	return c.JSON(http.StatusOK, answer)
}
