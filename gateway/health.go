package gateway

import (
	"context"
	"errors"
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
	// Excused tells whether a required check only degrades now; nil: never.
	Excused func() bool
	Ask     func(ctx context.Context) error

	// Source and Kind are the name and the kind of the legacy store that is asked; empty for anything else.
	Source, Kind string
}

const (
	checkFresh   = time.Second            // for how long an answer counts: probes of any number ask this often
	checkWait    = 500 * time.Millisecond // how long a probe waits for an answer; probes give up after about a second
	checkTimeout = 3 * time.Second        // of the question itself, so that a slow store is told from one that is gone
)

// errSlow: there is no answer yet.
var errSlow = errors.New("no answer in time")

// A checker asks one Check, at most one at a time and at most once a second, however many probes come: readyz is open
// to everybody, and must not be a way to load a store. A question is not tied to the probe that caused it.
type checker struct {
	Check
	now func() time.Time

	mu     sync.Mutex
	err    error // of the last answer
	at     time.Time
	asking chan struct{} // closed with the answer; nil while nothing is asked
}

// result returns the state of the check, and waits for it at most checkWait or until ctx ends.
func (c *checker) result(ctx context.Context) error {
	c.mu.Lock()
	if !c.at.IsZero() && c.now().Sub(c.at) < checkFresh {
		defer c.mu.Unlock()
		return c.err
	}
	if c.asking == nil {
		c.asking = make(chan struct{})
		go c.ask(context.WithoutCancel(ctx)) // ends by itself within checkTimeout
	}
	asking := c.asking
	c.mu.Unlock()

	wait := time.NewTimer(checkWait)
	defer wait.Stop()
	select {
	case <-asking:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.err
	case <-wait.C:
	case <-ctx.Done():
	}
	return errSlow
}

func (c *checker) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	err := c.Ask(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err, c.at = err, c.now()
	close(c.asking)
	c.asking = nil
}

// readiness is the body of readyz.
type readiness struct {
	Status string            `json:"status"`           // ready, degraded, unavailable or draining
	Checks map[string]string `json:"checks,omitempty"` // ok or failing, by name; on the admin listener only
}

// healthz serves GET /healthz: the process runs. It asks nobody, so that a store that is down does not get gateways
// killed.
func (g *Gateway) healthz(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"status": "ok"})
}

// readyz serves GET /readyz of the public listener: whether to send people here.
func (g *Gateway) readyz(c echo.Context) error {
	answer := g.readiness(c.Request().Context())
	answer.Checks = nil // which stores there are is nobody's business
	return answerReadiness(c, answer)
}

// readyzInDetail serves GET /readyz of the admin listener.
func (g *Gateway) readyzInDetail(c echo.Context) error {
	return answerReadiness(c, g.readiness(c.Request().Context()))
}

func answerReadiness(c echo.Context, r readiness) error {
	code := http.StatusOK
	if r.Status == "unavailable" || r.Status == "draining" {
		code = http.StatusServiceUnavailable
		c.Response().Header().Set(echo.HeaderRetryAfter, "5")
	}
	return c.JSON(code, r)
}

func (g *Gateway) readiness(ctx context.Context) readiness {
	errs := make([]error, len(g.checks))
	var wg sync.WaitGroup
	for i, check := range g.checks {
		wg.Go(func() { errs[i] = check.result(ctx) })
	}
	wg.Wait()

	r := readiness{Status: "ready", Checks: make(map[string]string, len(g.checks))}
	for i, check := range g.checks {
		switch {
		case errs[i] == nil:
			r.Checks[check.Name] = "ok"
			continue
		case check.Required && (check.Excused == nil || !check.Excused()):
			r.Status = "unavailable"
		case r.Status == "ready":
			r.Status = "degraded"
		}
		r.Checks[check.Name] = "failing"
		g.log.WarnContext(ctx, "check failing", "check", check.Name, "error", errs[i])
	}
	if g.draining.Load() {
		r.Status = "draining"
	}
	return r
}
