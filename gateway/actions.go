package gateway

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"rekey/accounts"
	"rekey/gateway/token"
)

// Who has something to do before they are wholly in gets a token that is good for just that: it says what, and this table
// says where. A route that is not in it takes no such token.
var actionRoutes = map[string][]accounts.Action{
	"GET /v1/account":          allActions,
	"HEAD /v1/account":         allActions,
	"POST /v1/logout":          allActions,
	"PUT /v1/account/password": {accounts.ActionChangePassword},
	"POST /v1/account/email":   {accounts.ActionVerifyEmail}, // what confirms it takes the token of a letter, and no other
	"PUT /v1/account":          {accounts.ActionCompleteProfile, accounts.ActionAcceptTerms},
}

var allActions = []accounts.Action{
	accounts.ActionChangePassword, accounts.ActionVerifyEmail, accounts.ActionCompleteProfile, accounts.ActionAcceptTerms,
}

// claims returns what an access token says, if it is good for the route that was asked for. It is where all routes look.
func (g *Gateway) claims(c echo.Context, access string) (token.Claims, error) {
	claims, err := g.tokens.VerifyRestricted(c.Request().Context(), access)
	if err != nil || claims.Required == "" {
		return claims, err
	}
	required := strings.Fields(claims.Required)
	for _, action := range actionRoutes[c.Request().Method+" "+c.Path()] {
		if slices.Contains(required, string(action)) {
			return claims, nil
		}
	}
	return token.Claims{}, token.ErrRestricted
}

// updateAccount serves PUT /v1/account.
func (g *Gateway) updateAccount(c echo.Context) error {
	change := accounts.ProfileChange{RequestID: requestID(c)}
	err := readBody(c,
		field{name: "display_name", text: &change.DisplayName, optional: true}, field{name: "locale", text: &change.Locale, optional: true},
		field{name: "accepted_terms", text: &change.AcceptedTerms, optional: true})
	if err != nil {
		return err
	}
	if change.Session, err = g.session(c, bearer(c)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), requestTimeout)
	defer cancel()
	if err := g.accounts.UpdateProfile(ctx, change); err != nil {
		return asToken(err)
	}
	return c.NoContent(http.StatusNoContent)
}

// issuerName is how a generator of one-time passwords names this installation: by its host.
func (g *Gateway) issuerName() string {
	if u, err := url.Parse(g.issuer); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	return g.issuer
}
