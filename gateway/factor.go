package gateway

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/gateway/token"
)

// challengeAnswer is what login returns to whoever has a second factor.
type challengeAnswer struct {
	Challenge string                `json:"challenge"`
	Factors   []accounts.FactorKind `json:"factors"`
}

// letIn answers somebody whose login has succeeded, or asks for their second factor. It is the only way to a session.
func (g *Gateway) letIn(ctx context.Context, c echo.Context, p accounts.Person) error {
	if p.Challenge != nil {
		return c.JSON(http.StatusOK, challengeAnswer{p.Challenge.Text, p.Challenge.Factors})
	}
	open := g.tokens.Open
	if p.Alone {
		open = func(_ context.Context, l token.Login) (token.Tokens, error) { return g.tokens.OpenAlone(l) }
	}
	tokens, err := open(ctx, token.Login{Person: tokenPerson(p), Client: c.Request().UserAgent(), Address: c.RealIP()})
	if err != nil {
		return err
	}
	return answerTokens(c, tokens, p)
}

// loginFactor serves POST /v1/login/factor. Guesses are counted for the account where the accounts are, and for the address
// here. As at a login, hanging up stops neither.
func (g *Gateway) loginFactor(c echo.Context) error {
	f := accounts.FactorAttempt{RequestID: requestID(c)}
	if err := readBody(c, field{name: "challenge", value: &f.Challenge}, field{name: "code", value: &f.Code}); err != nil {
		return err
	}
	arrived := g.now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), requestTimeout)
	defer cancel()
	giveBack, err := g.limits.takeAddress(ctx, c.RealIP())
	if err != nil {
		return err
	}
	person, err := g.accounts.LoginFactor(ctx, f)
	if g.holdRefusal(ctx, err, arrived) {
		return err
	}
	giveBack()
	if err != nil {
		return err
	}
	return g.letIn(ctx, c, person)
}

// beginTOTP serves POST /v1/account/factors/totp.
func (g *Gateway) beginTOTP(c echo.Context) error {
	var current string
	if err := readBody(c, field{name: "current_password", value: &current}); err != nil {
		return err
	}
	var made accounts.TOTPSecret
	err := g.prove(c, func(ctx context.Context, session accounts.Session) (err error) {
		made, err = g.accounts.BeginTOTP(ctx, accounts.EnrolTOTP{
			Session: session, Current: password.NewSecret([]byte(current)), Issuer: g.issuerName(), RequestID: requestID(c),
		})
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct {
		Secret string `json:"secret"`
		URI    string `json:"uri"`
	}{made.Secret, made.URI})
}

// confirmTOTP serves POST /v1/account/factors/totp/confirm.
func (g *Gateway) confirmTOTP(c echo.Context) error {
	var code string
	if err := readBody(c, field{name: "code", value: &code}); err != nil {
		return err
	}
	var codes []string
	err := g.prove(c, func(ctx context.Context, session accounts.Session) (err error) {
		codes, err = g.accounts.ConfirmTOTP(ctx, accounts.ConfirmTOTP{Session: session, Code: code, RequestID: requestID(c)})
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct {
		RecoveryCodes []string `json:"recovery_codes"`
	}{codes})
}

// removeTOTP serves DELETE /v1/account/factors/totp.
func (g *Gateway) removeTOTP(c echo.Context) error {
	var current, code string
	if err := readBody(c, field{name: "current_password", value: &current}, field{name: "code", value: &code}); err != nil {
		return err
	}
	return g.proven(c, http.StatusNoContent, func(ctx context.Context, session accounts.Session) error {
		return g.accounts.RemoveFactors(ctx, accounts.FactorRemoval{
			Session: session, Current: password.NewSecret([]byte(current)), Code: code, RequestID: requestID(c),
		})
	})
}
