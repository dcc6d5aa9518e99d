package gateway

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/gateway/limit"
)

// mailRule is how many mails may be asked for under one name: enough for somebody who does not find the first, and too few to
// fill a mailbox.
var mailRule = limit.Rule{Name: "mail", Count: 3, Per: time.Hour, Burst: 3}

// takeMail takes a token for the mails of a name, whether anybody has it or not. The key holds a space at its start, so that no
// identifier is it: asking for a mail locks nobody out. field is what the name is called in the request.
func (l limits) takeMail(ctx context.Context, field, name string) (giveBack func(), err error) {
	id, err := accounts.ParseIdentifier(name)
	switch {
	case err != nil:
		return nil, invalid(field, err.Error())
	case l.limiter == nil:
		return func() {}, nil
	}
	key := " mail " + id.Canonical
	if err := l.takeOne(ctx, key, mailRule); err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	return func() { l.limiter.Give(ctx, key, mailRule, 1) }, nil
}

// askReset serves POST /v1/password-reset. It looks nowhere, so that its answer and its time are the same for everybody.
func (g *Gateway) askReset(c echo.Context) error {
	var identifier string
	if err := readBody(c, field{name: "identifier", value: &identifier}); err != nil {
		return err
	}
	if err := g.wantReset(c, identifier); err != nil {
		return err
	}
	return c.NoContent(http.StatusAccepted)
}

func (g *Gateway) wantReset(c echo.Context, identifier string) error {
	ctx := c.Request().Context()
	giveBack, err := g.limits.takeAddress(ctx, c.RealIP())
	if err != nil {
		return err
	}
	if _, err := g.limits.takeMail(ctx, "identifier", identifier); err != nil {
		giveBack() // nothing was tried
		return err
	}
	return g.accounts.AskReset(ctx, identifier, requestID(c))
}

// confirmReset serves POST /v1/password-reset/confirm.
func (g *Gateway) confirmReset(c echo.Context) error {
	var token, next string
	if err := readBody(c, field{name: "token", value: &token}, field{name: "new_password", value: &next}); err != nil {
		return err
	}
	if err := g.useReset(c, token, next); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// useReset sets a password by the token of a mail.
func (g *Gateway) useReset(c echo.Context, token, next string) error {
	return g.useToken(c, func(ctx context.Context) error {
		return g.accounts.ConfirmReset(ctx, accounts.Reset{
			Token: password.NewSecret([]byte(token)), New: password.NewSecret([]byte(next)), RequestID: requestID(c),
		})
	})
}

// resetAccount serves POST /admin/v1/accounts/{ref}/reset.
func (g *Gateway) resetAccount(c echo.Context) error {
	by, ref, err := changeOf(c)
	if err != nil {
		return err
	}
	id, err := g.accounts.AskResetFor(c.Request().Context(), ref, by)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusAccepted, map[string]any{"account_id": id})
}
