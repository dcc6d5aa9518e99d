package gateway

import (
	"context"
	"net/http"
	"path"
	"time"

	"github.com/labstack/echo/v4"

	"rekey/accounts"
)

// A Sweeper moves those who do not come by themselves. What its settings mean is its own to know.
type Sweeper interface {
	// Look returns how it works. Its error is an *accounts.UnavailableError, or something that is ours to mend.
	Look(ctx context.Context) (accounts.SweepView, error)
	// Change makes a change and returns how it then works, or would. Its error is an *accounts.InvalidError, or several joined,
	// accounts.ErrStale, or one of those of Look.
	Change(ctx context.Context, c accounts.SweepChange) (accounts.SweepView, error)
}

// maxSettings is the most that a change of the sweeper's settings may carry, in bytes: a year's blackout days and a filter of
// some lines. The sweeper takes no longer ones.
const maxSettings = 64 << 10

// showSweeper serves GET /admin/v1/sweeper.
func (g *Gateway) showSweeper(c echo.Context) error {
	if g.sweeper == nil {
		return accounts.ErrNotFound
	}
	v, err := g.sweeper.Look(c.Request().Context())
	return sweeperAnswer(c, v, err)
}

// setSweeper serves PUT /admin/v1/sweeper: a merge patch of the settings, for good or until a time.
func (g *Gateway) setSweeper(c echo.Context) error {
	var change accounts.SweepChange
	var until *string
	var err error
	change.By, err = changeWithin(c, maxSettings, field{name: "set", object: &change.Patch},
		field{name: "until", text: &until, optional: true}, field{name: "dry_run", truth: &change.DryRun, optional: true})
	if err != nil {
		return err
	}
	if until != nil {
		if change.Until, err = time.Parse(time.RFC3339, *until); err != nil || change.Until.IsZero() {
			return invalid("until", "must be a time as in RFC 3339, such as 2027-01-31T06:00:00Z")
		}
	}
	if change.Version, err = ifMatch(c, "/admin/v1/sweeper"); err != nil {
		return err
	}
	return g.changeSweeper(c, change)
}

// commandSweeper serves POST /admin/v1/sweeper/{start,resume,pause,stop}. It needs no If-Match: who pauses means it, whatever
// else has changed.
func (g *Gateway) commandSweeper(c echo.Context) (err error) {
	request := accounts.SweepChange{Command: accounts.SweepCommand(path.Base(c.Path()))}
	if request.By, err = change(c, field{name: "dry_run", truth: &request.DryRun, optional: true}); err != nil {
		return err
	}
	return g.changeSweeper(c, request)
}

func (g *Gateway) changeSweeper(c echo.Context, change accounts.SweepChange) error {
	if g.sweeper == nil {
		return accounts.ErrNotFound
	}
	v, err := g.sweeper.Change(c.Request().Context(), change)
	return sweeperAnswer(c, v, err)
}

func sweeperAnswer(c echo.Context, v accounts.SweepView, err error) error {
	if err != nil {
		return err
	}
	c.Response().Header().Set("ETag", numberTag(v.Version))
	return c.JSON(http.StatusOK, v.JSON)
}
