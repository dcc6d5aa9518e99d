package gateway

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"rekey/accounts"
)

// roles may use a route.
type roles []accounts.Role

var (
	everyRole  = roles{accounts.RoleSupport, accounts.RoleOperator, accounts.RoleAuditor, accounts.RoleAdmin}
	whoLook    = roles{accounts.RoleSupport, accounts.RoleAuditor, accounts.RoleAdmin} // at one person
	whoHelp    = roles{accounts.RoleSupport, accounts.RoleAdmin}                       // one person
	whoMove    = roles{accounts.RoleOperator, accounts.RoleAdmin}                      // everybody
	whoAppoint = roles{accounts.RoleAdmin}                                             // staff
)

// An adminRoute is a line of the table of who may do what. Staff hold one role each.
type adminRoute struct {
	method, pattern string
	roles           roles
	serve           echo.HandlerFunc
}

// adminTable is the whole of what a staff token is good for. The admin listener is made from it, so that there is no route
// without roles. What changes something reads its body by change.
func (g *Gateway) adminTable() []adminRoute {
	return []adminRoute{
		{http.MethodGet, "/admin/v1/events", everyRole, g.listEvents},
		{http.MethodGet, "/admin/v1/sources", everyRole, g.listSources},
		{http.MethodGet, "/openapi.json", everyRole, g.openAPI},

		{http.MethodGet, "/admin/v1/phase", everyRole, g.showPhase},
		{http.MethodPost, "/admin/v1/phase", whoMove, g.movePhase},
		{http.MethodGet, "/admin/v1/replicas", everyRole, g.listReplicas},

		{http.MethodGet, "/admin/v1/copy-back", everyRole, g.listCopyBack},
		{http.MethodPost, "/admin/v1/copy-back", whoMove, g.tryCopyBack},

		{http.MethodGet, "/admin/v1/validation", everyRole, g.listValidations},

		{http.MethodGet, "/admin/v1/sweeper", everyRole, g.showSweeper},
		{http.MethodPut, "/admin/v1/sweeper", whoMove, g.setSweeper},
		{http.MethodPost, "/admin/v1/sweeper/start", whoMove, g.commandSweeper},
		{http.MethodPost, "/admin/v1/sweeper/resume", whoMove, g.commandSweeper},
		{http.MethodPost, "/admin/v1/sweeper/pause", whoMove, g.commandSweeper},
		{http.MethodPost, "/admin/v1/sweeper/stop", whoMove, g.commandSweeper},

		{http.MethodGet, "/admin/v1/accounts", whoLook, g.findAccounts},
		{http.MethodGet, "/admin/v1/accounts/:ref", whoLook, g.showAccount},
		{http.MethodGet, "/admin/v1/accounts/:ref/sessions", whoLook, g.listSessions},
		{http.MethodPost, "/admin/v1/accounts/:ref/revoke-sessions", whoHelp, g.revokeSessions},
		{http.MethodPost, "/admin/v1/accounts/:ref/migrate", whoHelp, g.migrate},
		{http.MethodPost, "/admin/v1/accounts/:ref/disable", whoHelp, g.disable},
		{http.MethodPost, "/admin/v1/accounts/:ref/enable", whoHelp, g.enable},
		{http.MethodPost, "/admin/v1/accounts/:ref/reset", whoHelp, g.resetAccount},
		{http.MethodPost, "/admin/v1/accounts/:ref/revert", whoHelp, g.revert},
		{http.MethodPost, "/admin/v1/accounts/:ref/unlock", whoHelp, g.unlock},
		{http.MethodDelete, "/admin/v1/accounts/:ref", whoHelp, g.eraseAccount},

		{http.MethodGet, "/admin/v1/staff-tokens", whoAppoint, g.listStaffTokens},
		{http.MethodPost, "/admin/v1/staff-tokens", whoAppoint, g.addStaffToken},
		{http.MethodDelete, "/admin/v1/staff-tokens/:id", whoAppoint, g.revokeStaffToken},
	}
}

// adminOpen is what the admin listener answers without a token: probes and scrapers have none, and ask many times a
// minute. It tells the names of sources, whether they answer, and numbers of no person. The listener is private: it is on
// loopback unless the operator says otherwise.
func (g *Gateway) adminOpen() map[string]echo.HandlerFunc {
	return map[string]echo.HandlerFunc{
		"/healthz": g.healthz,
		"/readyz":  g.readyzInDetail,
		"/metrics": echo.WrapHandler(promhttp.HandlerFor(g.metrics.registry, promhttp.HandlerOpts{})),
	}
}

func (g *Gateway) adminRoutes(proxies []netip.Prefix) (http.Handler, error) {
	e := g.newEcho(proxies)
	e.Use(g.staffOnly)
	for path, handler := range g.open {
		get(e, path, handler)
	}
	for _, r := range g.adminTable() {
		if len(r.roles) == 0 {
			return nil, fmt.Errorf("nobody may use the admin route %s %s", r.method, r.pattern)
		}
		handler := r.forRoles()
		if r.method == http.MethodGet {
			get(e, r.pattern, handler)
		} else {
			e.Add(r.method, r.pattern, handler)
		}
	}
	return e, nil
}

// staffOnly wants a token for whatever is asked for, there or not: also for a route that somebody adds past the table.
func (g *Gateway) staffOnly(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if g.open[c.Path()] == nil {
			if err := g.admit(c); err != nil {
				return err
			}
		}
		return next(c)
	}
}

// forRoles is the route's handler for those who may use it.
func (r adminRoute) forRoles() echo.HandlerFunc {
	return func(c echo.Context) error {
		who, ok := staffOf(c)
		switch {
		case !ok:
			return errNotStaff
		case !slices.Contains(r.roles, who.Role):
			return &forbiddenError{r.roles}
		}
		return r.serve(c)
	}
}
