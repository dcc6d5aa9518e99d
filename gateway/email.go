package gateway

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/gateway/web"
)

// askEmail serves POST /v1/account/email. The answer does not tell whether another account has the address.
func (g *Gateway) askEmail(c echo.Context) error {
	var current, email string
	if err := readBody(c, field{name: "current_password", value: &current}, field{name: "email", value: &email}); err != nil {
		return err
	}
	return g.proven(c, http.StatusAccepted, func(ctx context.Context, session accounts.Session) error {
		if _, err := g.limits.takeMail(ctx, "email", email); err != nil {
			return err
		}
		return g.accounts.AskEmail(ctx, accounts.EmailChange{
			Session: session, Current: password.NewSecret([]byte(current)), Email: email, RequestID: requestID(c),
		})
	})
}

// confirmEmail serves POST /v1/email/confirm.
func (g *Gateway) confirmEmail(c echo.Context) error {
	var token string
	if err := readBody(c, field{name: "token", value: &token}); err != nil {
		return err
	}
	if err := g.useEmail(c, token); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// useEmail confirms an address by the token of a mail.
func (g *Gateway) useEmail(c echo.Context, token string) error {
	return g.useToken(c, func(ctx context.Context) error {
		return g.accounts.ConfirmEmail(ctx, accounts.EmailConfirmation{Token: password.NewSecret([]byte(token)), RequestID: requestID(c)})
	})
}

// useToken runs what the token of a mail is for. One that does not count costs its address as much as a guess does.
func (g *Gateway) useToken(c echo.Context, use func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), requestTimeout)
	defer cancel()
	giveBack, err := g.limits.takeAddress(ctx, c.RealIP())
	if err != nil {
		return err
	}
	err = use(ctx)
	if !errors.Is(err, accounts.ErrTicket) {
		giveBack()
	}
	return err
}

// emailPage serves GET /email, where the link of a mail leads. A look at it confirms nothing: mail filters look too.
func (g *Gateway) emailPage(c echo.Context) error {
	return showPage(c, http.StatusOK, web.ConfirmEmail(c.QueryParam("token")))
}

// sendEmailPage serves POST /email.
func (g *Gateway) sendEmailPage(c echo.Context) error {
	form, err := readForm(c)
	if err == nil {
		err = g.useEmail(c, form.Get("token"))
	}
	if err != nil {
		return g.showProblem(c, err, web.EmailNotConfirmed)
	}
	return showPage(c, http.StatusOK, web.EmailConfirmed())
}
