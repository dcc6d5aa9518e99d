package gateway

import (
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"rekey/accounts"
	"rekey/accounts/phase"
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
	ID         uuid.UUID             `json:"id"`
	Began      time.Time             `json:"began"`
	Ended      time.Time             `json:"ended"`
	Epoch      int64                 `json:"epoch"`
	Clean      bool                  `json:"clean"`
	Complete   bool                  `json:"complete"`
	Since      time.Time             `json:"since,omitzero"`
	SinceClean bool                  `json:"since_clean,omitempty"`
	Sources    []accounts.Comparison `json:"sources"`
}

type runningValidation struct {
	ID        uuid.UUID                     `json:"id"`
	Began     time.Time                     `json:"began"`
	Epoch     int64                         `json:"epoch"`
	Chunks    map[accounts.ChunkState]int64 `json:"chunks"`
	Suspended string                        `json:"suspended,omitempty"`
	Sources   []accounts.Comparison         `json:"sources"`
}

type ignoredState struct {
	Source   string           `json:"source"`
	LegacyID string           `json:"legacy_id"`
	Verdict  accounts.Verdict `json:"verdict"`
	Actor    string           `json:"actor"`
	Reason   string           `json:"reason"`
	At       time.Time        `json:"at"`
}

type disagreementState struct {
	Source   string      `json:"source"`
	LegacyID string      `json:"legacy_id"`
	Taken    phase.Store `json:"taken"`
	At       time.Time   `json:"at"`
}

const (
	shownValidations   = 20  // the newest passes
	shownIgnored       = 100 // the newest differences that somebody accepts
	shownDisagreements = 100 // the newest people about whose password the stores disagree
)

// listValidations serves GET /admin/v1/validation: how far the pass over both stores is that goes on, what the newest have found,
// newest first, what nobody has to look at any more, and about whose password the stores disagree.
func (g *Gateway) listValidations(c echo.Context) error {
	ctx := c.Request().Context()
	all, err := g.accounts.Validations(ctx, shownValidations)
	if err != nil {
		return err
	}
	ignored, err := g.accounts.AllIgnored(ctx, shownIgnored)
	if err != nil {
		return err
	}
	disagree, err := g.accounts.Disagreements(ctx, shownDisagreements)
	if err != nil {
		return err
	}
	answer := map[string]any{
		"disagreeing": each(disagree, func(d accounts.Disagreement) disagreementState {
			return disagreementState{d.Source, d.LegacyID, d.Taken, d.At}
		}),
		"validations": each(all, func(v accounts.Validation) validationState {
			return validationState{v.ID, v.Began, v.Ended, v.Epoch, v.Found.Clean(), v.Found.Complete, v.Found.Since, v.Found.SinceClean, v.Found.Sources}
		}),
		"ignored": each(ignored, func(i accounts.Ignored) ignoredState {
			return ignoredState{i.Source, i.LegacyID, i.Verdict, i.Actor, i.Reason, i.At}
		}),
	}
	switch p, err := g.accounts.VerifyProgress(ctx); {
	case err == nil:
		answer["running"] = runningValidation{p.Run.ID, p.Run.Began, p.Spec.Epoch, p.Chunks, p.Why, p.Sources}
	case !errors.Is(err, accounts.ErrNotFound):
		return err
	}
	return c.JSON(http.StatusOK, answer)
}
