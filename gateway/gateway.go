// Package gateway is the HTTP side of rekey: routes on one screen, handlers of a few lines, one table of errors.
//
// It serves browsers, applications and reverse proxies on the public listener, and staff and machines that watch it on
// the admin listener. It holds no truth and knows no database: it asks accounts and token.
package gateway

import (
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"rekey/accounts"
	"rekey/gateway/bridge"
	"rekey/gateway/limit"
	"rekey/gateway/token"
)

// Config is what a Gateway is made of. Accounts, Tokens and Issuer are required.
type Config struct {
	Accounts *accounts.Service
	Tokens   *token.Families
	Issuer   string
	Staff    *accounts.Staff // nil: nobody is staff, and the admin listener refuses whatever needs a token

	Sweeper Sweeper // nil: there is none, and what is asked about it is answered 404

	Limiter limit.Limiter // nil: no limits
	Rules   limit.Rules

	// Bridge says which products rekey answers as the old system behind them. What it is made of besides is filled in here.
	Bridge bridge.Config

	// TrustedProxies are the peers whose X-Forwarded-For is believed. With none, the client is whoever connects.
	TrustedProxies []netip.Prefix

	Floor   time.Duration // least time until a refusal; 0 means 300 ms, negative means none
	Checks  []Check       // what readyz asks
	Metrics []Metric      // what /metrics tells beside its own
	Log     *slog.Logger
	Now     func() time.Time
}

// maxFloor bounds how long a refusal may be held.
const maxFloor = time.Second

// requestTimeout bounds every handler. It is longer than all deadlines inside: 2 s for a legacy store twice, 2 s for
// each hash permit, 10 s for a write that outlives its request.
const requestTimeout = 20 * time.Second

// A Gateway answers HTTP.
type Gateway struct {
	accounts *accounts.Service
	tokens   *token.Families
	staff    *accounts.Staff
	known    knownStaff
	sweeper  Sweeper
	open     map[string]echo.HandlerFunc // what the admin listener answers without a token, by path
	issuer   string
	limits   limits
	floor    *floor
	checks   []*checker
	metrics  *metrics
	log      *slog.Logger
	now      func() time.Time
	draining atomic.Bool

	bridge *bridge.Bridge // nil: no product is on
	public http.Handler
	admin  http.Handler
}

// New returns a Gateway, or an error that says what of the bridge is wrong.
func New(c Config) (*Gateway, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Floor == 0 {
		c.Floor = 300 * time.Millisecond
	}
	g := &Gateway{
		accounts: c.Accounts, tokens: c.Tokens, staff: c.Staff, sweeper: c.Sweeper, issuer: c.Issuer,
		limits:  limits{c.Limiter, c.Rules},
		floor:   newFloor(max(c.Floor, 0), maxFloor, c.Now),
		metrics: newMetrics(c.Metrics), log: c.Log, now: c.Now,
	}
	for _, check := range c.Checks {
		g.checks = append(g.checks, &checker{Check: check, now: c.Now})
	}
	if err := g.openBridge(c); err != nil {
		return nil, err
	}
	g.open = g.adminOpen()
	g.public = g.publicRoutes(c.TrustedProxies)
	var err error
	g.admin, err = g.adminRoutes(c.TrustedProxies)
	return g, err
}

// openBridge makes the bridge, if a product is on. Its guesses count together with those of people who log in here, and its
// refusals are held as long.
func (g *Gateway) openBridge(c Config) (err error) {
	if !c.Bridge.On() {
		return nil
	}
	b := c.Bridge
	b.Accounts, b.Finder, b.Hold, b.Log, b.Now = c.Accounts, c.Accounts, g.floor.hold, c.Log, c.Now
	b.Limiter, b.Identifier = c.Limiter, c.Rules.Identifier
	g.bridge, err = bridge.New(b)
	return err
}

// Public returns the handler of the public listener.
func (g *Gateway) Public() http.Handler { return g.public }

// Admin returns the handler of the admin listener.
func (g *Gateway) Admin() http.Handler { return g.admin }

// Drain makes readyz say 503, so that a load balancer sends nobody new, and lets each connection end with its next answer.
// Everything else goes on.
func (g *Gateway) Drain() { g.draining.Store(true) }

func (g *Gateway) publicRoutes(proxies []netip.Prefix) http.Handler {
	e := g.newEcho(proxies)
	e.POST("/v1/login", g.login)
	e.POST("/v1/login/factor", g.loginFactor)
	e.POST("/v1/token/refresh", g.refresh)
	e.POST("/v1/logout", g.logout)
	e.POST("/v1/accounts", g.register)
	get(e, "/v1/account", g.account)
	e.PUT("/v1/account", g.updateAccount)
	e.DELETE("/v1/account", g.deleteAccount)
	e.PUT("/v1/account/password", g.changePassword)
	get(e, "/v1/account/sessions", g.listOwnSessions)
	e.DELETE("/v1/account/sessions/:id", g.revokeOwnSession)
	e.POST("/v1/password-reset", g.askReset)
	e.POST("/v1/password-reset/confirm", g.confirmReset)
	e.POST("/v1/account/email", g.askEmail)
	e.POST("/v1/email/confirm", g.confirmEmail)
	get(e, "/email", g.emailPage)
	e.POST("/email", g.sendEmailPage)
	get(e, "/reset", g.resetPage)
	e.POST("/reset", g.sendResetPage)
	e.POST("/v1/account/factors/totp", g.beginTOTP)
	e.DELETE("/v1/account/factors/totp", g.removeTOTP)
	e.POST("/v1/account/factors/totp/confirm", g.confirmTOTP)
	get(e, "/v1/verify", g.verify)
	get(e, "/.well-known/jwks.json", g.jwks)
	get(e, "/.well-known/openid-configuration", g.discovery)
	get(e, "/readyz", g.readyz)
	if g.bridge != nil {
		e.Match([]string{http.MethodGet, http.MethodHead, http.MethodPost}, "/bridge/*", echo.WrapHandler(g.bridge))
	}
	get(e, "/healthz", g.healthz)
	get(e, "/openapi.json", g.openAPI)
	return e
}

// get serves GET, and HEAD as RFC 9110, section 9.3.2, wants it wherever GET is: probes ask by it.
func get(e *echo.Echo, path string, handler echo.HandlerFunc) {
	e.GET(path, handler)
	e.HEAD(path, handler)
}

func (g *Gateway) newEcho(proxies []netip.Prefix) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Logger.SetOutput(discard{}) // everything that is worth a line goes through slog
	e.IPExtractor = clientAddress(proxies)
	e.HTTPErrorHandler = g.handleError
	e.Use(g.observe, g.protect, routed)
	return e
}

// discard keeps echo's own logger silent.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
