package gateway

import (
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"rekey/accounts"
)

// migrate serves POST /admin/v1/accounts/{ref}/migrate: one person is moved or copied without their password, as the phase
// says.
func (g *Gateway) migrate(c echo.Context) error {
	var dryRun bool
	by, ref, err := changeOf(c, field{name: "dry_run", truth: &dryRun, optional: true})
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	account, source, legacyID, err := g.accounts.PersonOf(ctx, ref)
	if err != nil {
		return err
	}
	outcome, err := g.accounts.Migrate(ctx, accounts.Migration{Source: source, LegacyID: legacyID, How: accounts.BySupport, By: by, DryRun: dryRun})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{
		"account_id": account, "source": source, "legacy_id": legacyID, "outcome": outcome, "dry_run": dryRun,
	})
}

type validationState struct {
	ID       uuid.UUID             `json:"id"`
	Began    time.Time             `json:"began"`
	Ended    time.Time             `json:"ended"`
	Epoch    int64                 `json:"epoch"`
	Clean    bool                  `json:"clean"`
	Complete bool                  `json:"complete"`
	Sources  []accounts.Comparison `json:"sources"`
}

// shownValidations are the newest passes that are shown.
const shownValidations = 20

// listValidations serves GET /admin/v1/validation: what the newest passes over both stores have found, newest first.
func (g *Gateway) listValidations(c echo.Context) error {
	all, err := g.accounts.Validations(c.Request().Context(), shownValidations)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"validations": each(all, func(v accounts.Validation) validationState {
		return validationState{v.ID, v.Began, v.Ended, v.Epoch, v.Found.Clean(), v.Found.Complete, v.Found.Sources}
	})})
}
