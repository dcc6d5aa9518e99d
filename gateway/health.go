package gateway

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
)

// A Check is something that readyz asks.
type Check struct {
	Name string
	// Required: without it nobody can be served. A check that is not required only degrades: while a legacy store is
	// down, everybody who was moved still logs in.
	Required bool
	Ask      func(ctx context.Context) error
}

// checkTimeout is the deadline of one check. Probes come every few seconds and give up after about as much.
const checkTimeout = time.Second

// readiness is the body of readyz.
type readiness struct {
	Status string            `json:"status"` // ready, degraded, unavailable or draining
	Checks map[string]string `json:"checks"` // ok or failing, by name
}

// healthz serves GET /healthz: the process runs. It asks nobody, so that a store that is down does not get gateways
// killed.
func (g *Gateway) healthz(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"status": "ok"})
}

// readyz serves GET /readyz: whether to send people here.
func (g *Gateway) readyz(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), checkTimeout)
	defer cancel()
	errs := make([]error, len(g.checks))
	var wg sync.WaitGroup
	for i, check := range g.checks {
		wg.Go(func() { errs[i] = check.Ask(ctx) })
	}
	wg.Wait()

	answer := readiness{Status: "ready", Checks: make(map[string]string, len(g.checks))}
	code := http.StatusOK
	for i, check := range g.checks {
		switch {
		case errs[i] == nil:
			answer.Checks[check.Name] = "ok"
			continue
		case check.Required:
			answer.Status, code = "unavailable", http.StatusServiceUnavailable
		case answer.Status == "ready":
			answer.Status = "degraded"
		}
		answer.Checks[check.Name] = "failing"
		g.log.WarnContext(ctx, "check failing", "check", check.Name, "error", errs[i])
	}
	if g.draining.Load() {
		answer.Status, code = "draining", http.StatusServiceUnavailable
	}
	if code != http.StatusOK {
		c.Response().Header().Set(echo.HeaderRetryAfter, "5")
	}
	return c.JSON(code, answer)
}
