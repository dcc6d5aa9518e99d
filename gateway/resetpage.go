package gateway

import (
	"cmp"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"rekey/accounts"
	"rekey/gateway/web"
)

// The page /reset is where the link of a mail leads. Its address holds the token, so it is told to nobody (Referrer-Policy,
// which every answer has), and a look at it uses nothing up: mail filters look too.

// resetPage serves GET /reset: a form for the new password, or, without a token, one to ask for the mail.
func (g *Gateway) resetPage(c echo.Context) error {
	if token := c.QueryParam("token"); token != "" {
		return showPage(c, http.StatusOK, web.NewPassword(token))
	}
	return showPage(c, http.StatusOK, web.AskReset())
}

// sendResetPage serves POST /reset, from either form.
func (g *Gateway) sendResetPage(c echo.Context) error {
	form, err := readForm(c)
	if err != nil {
		return g.showProblem(c, err, web.AskReset)
	}
	token := form.Get("token")
	if token == "" {
		if err := g.wantReset(c, form.Get("identifier")); err != nil {
			return g.showProblem(c, err, web.AskReset)
		}
		return showPage(c, http.StatusOK, web.ResetAsked())
	}
	err = g.useReset(c, token, form.Get("new_password"))
	switch {
	case errors.Is(err, accounts.ErrTicket):
		return g.showProblem(c, err, web.LinkDead)
	case err != nil:
		return g.showProblem(c, err, func(said ...string) web.Page { return web.NewPassword(token, said...) })
	}
	return showPage(c, http.StatusOK, web.PasswordSet())
}

// showPage answers with a page.
func showPage(c echo.Context, status int, page web.Page) error {
	header := c.Response().Header()
	header.Set("Content-Security-Policy", web.Policy())
	header.Set(echo.HeaderContentType, echo.MIMETextHTMLCharsetUTF8)
	c.Response().WriteHeader(status)
	return page.Render(c.Response())
}

// showProblem answers with a page once more, and what was wrong, in the words of the one table.
func (g *Gateway) showProblem(c echo.Context, err error, page func(said ...string) web.Page) error {
	p := g.noteProblem(c, err)
	said := []string{p.Title + ".", p.Detail}
	for _, e := range p.Errors {
		said = append(said, cmp.Or(formNames[e.Field], e.Field)+" "+e.Reason+".")
	}
	return showPage(c, p.Status, page(said...))
}

// formNames are the fields of the forms, as people read them.
var formNames = map[string]string{"new_password": "The password", "identifier": "The name", "email": "The address"}

// readForm reads a small form. Its error is an *accounts.InvalidError, or a *mediaError.
func readForm(c echo.Context) (url.Values, error) {
	media, _, mediaErr := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	body, err := io.ReadAll(io.LimitReader(c.Request().Body, maxBody+1))
	switch {
	case mediaErr != nil || media != echo.MIMEApplicationForm:
		return nil, &mediaError{echo.HeaderContentType, "must be " + echo.MIMEApplicationForm}
	case err != nil:
		return nil, invalid("body", "could not be read to its end")
	case len(body) > maxBody:
		return nil, invalid("body", "must be at most 4096 bytes")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, invalid("body", "is not a form")
	}
	return form, nil
}
