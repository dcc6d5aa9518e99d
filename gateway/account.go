package gateway

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"rekey/accounts"
	"rekey/accounts/password"
)

// session returns the living session of an access token that is good for the route.
func (g *Gateway) session(c echo.Context, access string) (accounts.Session, error) {
	claims, err := g.claims(c, access)
	if err != nil {
		return accounts.Session{}, err
	}
	return g.tokens.Session(c.Request().Context(), claims)
}

// account serves GET /v1/account. It reads the session, so that one that was ended is refused at once.
func (g *Gateway) account(c echo.Context) error {
	ctx := c.Request().Context()
	session, err := g.session(c, bearerOrCookie(c))
	if err != nil {
		return err
	}
	person, err := g.accounts.Resume(ctx, session)
	if err != nil {
		return asToken(err)
	}
	profile, err := g.accounts.ProfileOf(ctx, person)
	if err != nil {
		return asToken(err)
	}
	return c.JSON(http.StatusOK, wholeAccount{
		accountOf(person), profile.DisplayName, profile.Locale, profile.Roles, profile.Groups, profile.Attributes,
	})
}

// register serves POST /v1/accounts. That a name is taken is told, and takes as long whichever store has it. An account
// costs its address as much as a guess does: nobody tries or takes names by the thousand.
func (g *Gateway) register(c echo.Context) error {
	var r accounts.Registration
	var typed string
	err := readBody(c,
		field{name: "username", value: &r.Username, optional: true}, field{name: "email", value: &r.Email, optional: true},
		field{name: "phone", value: &r.Phone, optional: true}, field{name: "password", value: &typed},
		field{name: "display_name", value: &r.DisplayName, optional: true}, field{name: "locale", value: &r.Locale, optional: true})
	if err != nil {
		return err
	}
	arrived := g.now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), requestTimeout)
	defer cancel()
	giveBack, err := g.limits.takeAddress(ctx, c.RealIP())
	if err != nil {
		return err
	}
	giveMail := func() {}
	if r.Email != "" { // it gets a mail
		if giveMail, err = g.limits.takeMail(ctx, "email", r.Email); err != nil {
			giveBack()
			return err
		}
	}
	r.Password, r.RequestID = password.NewSecret([]byte(typed)), requestID(c)
	person, err := g.accounts.Register(ctx, r)
	switch {
	case errors.Is(err, accounts.ErrTakenIdentifier):
		giveMail()
		g.floor.hold(ctx, "taken", arrived)
		return err
	case err != nil: // nothing was learnt and nothing was made
		giveMail()
		giveBack()
		return err
	}
	return c.JSON(http.StatusCreated, accountOf(person))
}

// changePassword serves PUT /v1/account/password.
func (g *Gateway) changePassword(c echo.Context) error {
	var current, next string
	if err := readBody(c, field{name: "current_password", value: &current}, field{name: "new_password", value: &next}); err != nil {
		return err
	}
	var name string
	alone := g.accounts.Alone()
	find := g.session
	if alone {
		find = func(c echo.Context, access string) (accounts.Session, error) {
			claims, err := g.claims(c, access)
			if err != nil {
				return accounts.Session{}, err
			}
			name = claims.Name
			return g.tokens.SessionAlone(claims)
		}
	}
	err := g.proveBy(c, find, func(ctx context.Context, session accounts.Session) error {
		return g.accounts.ChangePassword(ctx, accounts.Change{
			Alone: alone, Name: name, Session: session, Current: password.NewSecret([]byte(current)), New: password.NewSecret([]byte(next)), RequestID: requestID(c),
		})
	})
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// deleteAccount serves DELETE /v1/account.
func (g *Gateway) deleteAccount(c echo.Context) error {
	var current string
	if err := readBody(c, field{name: "current_password", value: &current}); err != nil {
		return err
	}
	return g.proven(c, http.StatusNoContent, func(ctx context.Context, session accounts.Session) error {
		return g.accounts.Delete(ctx, accounts.Deletion{
			Session: session, Current: password.NewSecret([]byte(current)), RequestID: requestID(c),
		})
	})
}

// proven is prove for a change that is answered with a status alone.
func (g *Gateway) proven(c echo.Context, done int, change func(context.Context, accounts.Session) error) error {
	if err := g.prove(c, change); err != nil {
		return err
	}
	return c.NoContent(done)
}

// prove runs a change for which a logged-in person gives their password once more. A stolen access token must not be a way
// to guess it, so guesses are limited and held as those of a login are.
func (g *Gateway) prove(c echo.Context, change func(context.Context, accounts.Session) error) error {
	return g.proveBy(c, g.session, change)
}

// proveBy is prove for who finds the session otherwise than in the store.
func (g *Gateway) proveBy(
	c echo.Context, find func(c echo.Context, access string) (accounts.Session, error), change func(context.Context, accounts.Session) error,
) error {
	arrived := g.now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), requestTimeout)
	defer cancel()
	session, err := find(c, bearer(c))
	if err != nil {
		return err
	}
	giveBack, err := g.limits.takeAccount(ctx, c.RealIP(), session.AccountID)
	if err != nil {
		return err
	}
	err = change(ctx, session)
	if g.holdRefusal(ctx, err, arrived) {
		return err
	}
	giveBack()
	return err
}

// holdRefusal holds an answer that says no to a password, and reports whether it was one.
func (g *Gateway) holdRefusal(ctx context.Context, err error, arrived time.Time) bool {
	var refused *accounts.RefusedError
	var doubt *accounts.UnavailableError
	switch {
	case errors.As(err, &refused):
		g.floor.hold(ctx, refused.Class, arrived)
	case errors.As(err, &doubt) && doubt.Judged:
		g.floor.hold(ctx, "judged", arrived)
	default:
		return false
	}
	return true
}
