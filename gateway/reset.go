package gateway

import (
	"context"
	"errors"
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

// takeMail takes a token for the address and one for the mails of a name, whether anybody has it or not. The key holds a space
// at its start, so that no identifier is it: asking for a mail locks nobody out.
func (l limits) takeMail(ctx context.Context, address, identifier string) error {
	id, err := accounts.ParseIdentifier(identifier)
	if err != nil {
		return invalid("identifier", err.Error())
	}
	giveBack, err := l.takeAddress(ctx, address)
	if err != nil || l.limiter == nil {
		return err
	}
	if err := l.takeOne(ctx, " mail "+id.Canonical, mailRule); err != nil {
		giveBack() // nothing was tried
		return err
	}
	return nil
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
	if err := g.limits.takeMail(ctx, c.RealIP(), identifier); err != nil {
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

// useReset sets a password by the token of a mail. A token that does not count costs its address as much as a guess does.
func (g *Gateway) useReset(c echo.Context, token, next string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), requestTimeout)
	defer cancel()
	giveBack, err := g.limits.takeAddress(ctx, c.RealIP())
	if err != nil {
		return err
	}
	err = g.accounts.ConfirmReset(ctx, accounts.Reset{
		Token: password.NewSecret([]byte(token)), New: password.NewSecret([]byte(next)), RequestID: requestID(c),
	})
	if !errors.Is(err, accounts.ErrTicket) {
		giveBack()
	}
	return err
}

// resetAccount serves POST /admin/v1/accounts/{ref}/reset.
func (g *Gateway) resetAccount(c echo.Context) error {
	by, err := change(c)
	if err != nil {
		return err
	}
	ref, err := pathText(c, "ref")
	if err != nil {
		return err
	}
	id, err := g.accounts.AskResetFor(c.Request().Context(), ref, by)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusAccepted, map[string]any{"account_id": id})
}
