package gateway

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"rekey/accounts"
)

// A person's own sessions. They are read and ended by the session's account id alone, which somebody has before they are
// moved too, so no old store is asked and no phase matters.

// ownSession is a session as its person sees it: what staff see of it, and whether it is the one that asks.
type ownSession struct {
	sessionState
	Current bool `json:"current"`
}

// listOwnSessions serves GET /v1/account/sessions: those that live.
func (g *Gateway) listOwnSessions(c echo.Context) error {
	own, err := g.session(c, bearerOrCookie(c))
	if err != nil {
		return err
	}
	sessions, err := g.accounts.SessionsOf(c.Request().Context(), own.AccountID)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"sessions": each(sessions, func(s accounts.Session) ownSession {
		return ownSession{sessionStateOf(s), s.ID == own.ID}
	})})
}

// revokeOwnSession serves DELETE /v1/account/sessions/{id}. As at a logout, again is a success.
func (g *Gateway) revokeOwnSession(c echo.Context) error {
	own, err := g.session(c, bearer(c))
	if err != nil {
		return err
	}
	id, err := idText("id", c.Param("id"))
	if err != nil {
		return err
	}
	if err := g.tokens.RevokeOwn(c.Request().Context(), own, id, requestID(c)); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
