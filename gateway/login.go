package gateway

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/gateway/token"
)

// tokensAnswer is what login and refresh return.
type tokensAnswer struct {
	AccessToken     string            `json:"access_token"`
	TokenType       string            `json:"token_type"`
	ExpiresIn       int               `json:"expires_in"`              // seconds
	RefreshToken    string            `json:"refresh_token,omitempty"` // none where no session could be stored
	Account         accountAnswer     `json:"account"`
	RequiredActions []accounts.Action `json:"required_actions"`
}

// accountAnswer is a person as they see themselves.
type accountAnswer struct {
	ID       uuid.UUID `json:"id"`
	Username string    `json:"username,omitempty"`
	Email    string    `json:"email,omitempty"`
	Phone    string    `json:"phone,omitempty"`

	EmailVerified bool `json:"email_verified"`
	PhoneVerified bool `json:"phone_verified"`
}

// wholeAccount is a person with all that is kept of them.
type wholeAccount struct {
	accountAnswer
	DisplayName string            `json:"display_name,omitempty"`
	Locale      string            `json:"locale,omitempty"`
	Roles       []string          `json:"roles,omitempty"`
	Groups      []string          `json:"groups,omitempty"`
	Attributes  map[string]string `json:"attributes,omitempty"`
}

func accountOf(p accounts.Person) accountAnswer {
	named := accounts.Account{Identifiers: p.Identifiers}.Named
	return accountAnswer{
		ID: p.ID, Username: named(accounts.Username), Email: named(accounts.Email), Phone: named(accounts.Phone),
		EmailVerified: verified(p, accounts.Email), PhoneVerified: verified(p, accounts.Phone),
	}
}

// verified reports whether the address that is shown is known to be theirs.
func verified(p accounts.Person, kind accounts.Kind) bool {
	i := slices.IndexFunc(p.Identifiers, func(id accounts.Identifier) bool { return id.Kind == kind })
	return i >= 0 && p.Identifiers[i].Verified
}

// login serves POST /v1/login.
func (g *Gateway) login(c echo.Context) error {
	var identifier, typed string
	if err := readBody(c, field{name: "identifier", value: &identifier}, field{name: "password", value: &typed}); err != nil {
		return err
	}
	// The clock starts here: a client that sends its body slowly must not use up the floor. And it cannot be stopped by
	// hanging up, which would give an answer early, or a guess for nothing.
	arrived := g.now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), requestTimeout)
	defer cancel()
	giveBack, err := g.limits.take(ctx, c.RealIP(), identifier)
	if err != nil {
		return err
	}

	person, err := g.accounts.Login(ctx, accounts.Attempt{
		Identifier: identifier, Password: password.NewSecret([]byte(typed)), RequestID: requestID(c),
	})
	switch {
	case g.holdRefusal(ctx, err, arrived):
		return err
	case err != nil:
		giveBack()
		return err
	}
	giveBack()

	return g.letIn(ctx, c, person)
}

// refresh serves POST /v1/token/refresh.
func (g *Gateway) refresh(c echo.Context) error {
	var raw string
	if err := readBody(c, field{name: "refresh_token", value: &raw}); err != nil {
		return err
	}
	who := asked{accounts: g.accounts}
	tokens, err := g.tokens.Refresh(c.Request().Context(), raw, requestID(c), &who)
	if err != nil {
		return asToken(err)
	}
	return answerTokens(c, tokens, who.person)
}

// asked is token.People for one request. It keeps the answer, which the response shows.
type asked struct {
	accounts *accounts.Service
	person   accounts.Person
}

// Renew implements token.People.
func (a *asked) Renew(
	ctx context.Context, session uuid.UUID, from int64, at time.Time, idle, absolute time.Duration,
) (s accounts.Session, p token.Person, err error) {
	s, a.person, err = a.accounts.Renew(ctx, session, from, at, idle, absolute)
	return s, tokenPerson(a.person), err
}

// Resume implements token.People.
func (a *asked) Resume(ctx context.Context, s accounts.Session) (p token.Person, err error) {
	a.person, err = a.accounts.Resume(ctx, s)
	return tokenPerson(a.person), err
}

// logout serves POST /v1/logout: by refresh token, or by Bearer where the body has none.
func (g *Gateway) logout(c echo.Context) error {
	body, err := bodyOf(c, maxBody)
	if err != nil {
		return err
	}
	access := bearer(c)
	var raw string
	if len(body) > 0 {
		if err := parseFields(body, []field{{name: "refresh_token", value: &raw, optional: access != ""}}); err != nil {
			return err
		}
	}
	ctx := c.Request().Context()
	if raw != "" || len(body) > 0 && access == "" {
		err = g.tokens.Revoke(ctx, raw, requestID(c))
	} else {
		err = g.logoutByAccess(c, access)
	}
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// logoutByAccess ends the session of an access token, which must still count.
func (g *Gateway) logoutByAccess(c echo.Context, raw string) error {
	claims, err := g.claims(c, raw)
	if err != nil {
		return err
	}
	return g.tokens.RevokeFamily(c.Request().Context(), claims.SessionID, requestID(c))
}

// verify serves GET /v1/verify, the forward-auth question of nginx, Traefik and Caddy. It reads no store.
func (g *Gateway) verify(c echo.Context) error {
	claims, err := g.claims(c, bearerOrCookie(c))
	if err != nil {
		return err
	}
	header := c.Response().Header()
	header.Set("X-Rekey-Account", claims.Subject)
	if claims.Name != "" { // an empty one may be taken for somebody of that name
		header.Set("X-Rekey-Identifier", headerText(claims.Name))
	}
	return c.NoContent(http.StatusNoContent)
}

func answerTokens(c echo.Context, t token.Tokens, p accounts.Person) error {
	return c.JSON(http.StatusOK, tokensAnswer{
		AccessToken: t.Access, TokenType: "Bearer", ExpiresIn: int(t.ExpiresIn / time.Second), RefreshToken: t.Refresh,
		Account: accountOf(p), RequiredActions: append([]accounts.Action{}, p.Required...),
	})
}

func tokenPerson(p accounts.Person) token.Person {
	var required []string
	for _, action := range p.Required {
		required = append(required, string(action))
	}
	return token.Person{ID: p.ID, Name: p.Name(), Source: p.Source, LegacyID: p.LegacyID, Epoch: p.SessionEpoch, Required: strings.Join(required, " ")}
}

// asToken turns "this person may no longer be in" into an answer about the token that was shown.
func asToken(err error) error {
	if errors.Is(err, accounts.ErrCredentials) {
		return token.ErrInvalid
	}
	return err
}

// sessionCookie holds an access token where a page cannot send a header.
const sessionCookie = "__Host-rekey"

// bearer returns the access token of the Authorization header (RFC 6750, section 2.1), or "". It is what a change asks
// for: a browser adds a cookie by itself, also to what another site makes it send.
func bearer(c echo.Context) string {
	scheme, raw, ok := strings.Cut(c.Request().Header.Get(echo.HeaderAuthorization), " ")
	if ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimLeft(raw, " ")
	}
	return ""
}

// bearerOrCookie returns the access token of the Authorization header, else of the session cookie, else "".
func bearerOrCookie(c echo.Context) string {
	if raw := bearer(c); raw != "" {
		return raw
	}
	if cookie, err := c.Cookie(sessionCookie); err == nil {
		return cookie.Value
	}
	return ""
}

// headerText makes a name safe for a header: what is not visible ASCII is percent-encoded as UTF-8.
func headerText(name string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(name) {
		if ch := name[i]; ch > ' ' && ch < 0x7f && ch != '%' {
			b.WriteByte(ch)
		} else {
			b.WriteByte('%')
			b.WriteByte(hex[ch>>4])
			b.WriteByte(hex[ch&15])
		}
	}
	return b.String()
}
