package gateway

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// headerRequestID carries the id under which a request is logged.
const headerRequestID = "X-Request-Id"

func requestID(c echo.Context) string { return c.Response().Header().Get(headerRequestID) }

func newRequestID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // crypto/rand never fails; it ends the process instead
	return hex.EncodeToString(b[:])
}

// observe is the outer layer: it gives the request an id, turns errors and panics into answers, counts and logs. A
// log line names the route, never the path or the query, and nothing of the body.
func (g *Gateway) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := g.now()
		c.Response().Header().Set(headerRequestID, newRequestID())
		c.Response().Before(func() {
			if g.draining.Load() {
				c.Response().Header().Set(echo.HeaderConnection, "close") // the next request goes to whoever stays
			}
		})
		if err := g.guarded(next, c); err != nil {
			c.Error(err)
		}
		took := g.now().Sub(start)
		status := c.Response().Status
		g.metrics.observe(c.Path(), c.Request().Method, status, took)

		level := slog.LevelInfo
		if status < 300 && quiet[c.Path()] {
			level = slog.LevelDebug
		}
		ctx := c.Request().Context()
		if g.log.Enabled(ctx, level) {
			log := g.log
			if who, ok := staffOf(c); ok {
				log = log.With("staff", who.Name)
			}
			log.LogAttrs(ctx, level, "request", slog.String("request_id", requestID(c)), slog.String("method", c.Request().Method),
				slog.String("route", c.Path()), slog.Int("status", status), slog.Duration("took", took), slog.String("client", c.RealIP()))
		}
		return nil
	}
}

// quiet routes are asked by machines, many times a second: their successes are logged at debug level only.
var quiet = map[string]bool{"/v1/verify": true, "/healthz": true, "/readyz": true, "/metrics": true, "/.well-known/jwks.json": true}

// guarded runs the handler and returns a panic as an error, with where it came from.
func (g *Gateway) guarded(next echo.HandlerFunc, c echo.Context) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if abort, ok := r.(error); ok && errors.Is(abort, http.ErrAbortHandler) {
				panic(r)
			}
			stack := make([]byte, 4<<10)
			stack = stack[:runtime.Stack(stack, false)]
			// The value may hold anything, a password too; its type and the stack's function names are enough.
			err = fmt.Errorf("panic of type %T at %s", r, functions(stack))
		}
	}()
	return next(c)
}

// functions reduces a stack to the names of its functions: arguments are addresses, but better none than some.
func functions(stack []byte) string {
	var names []string
	for line := range strings.Lines(string(stack)) {
		if i := strings.LastIndexByte(line, '('); i > 0 && !strings.HasPrefix(line, "\t") {
			names = append(names, line[:i])
		}
	}
	return strings.Join(names[:min(len(names), 12)], " < ")
}

// protect sets the headers of every answer and the deadline of every request. Answers of an API are not pages: nothing
// may frame them, run in them, guess their type or keep them.
func (g *Gateway) protect(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		header := c.Response().Header()
		header.Set("Cache-Control", "no-store")
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Frame-Options", "DENY")
		if c.Scheme() == "https" {
			header.Set("Strict-Transport-Security", "max-age=31536000")
		}
		ctx, cancel := context.WithTimeout(c.Request().Context(), requestTimeout)
		defer cancel()
		c.SetRequest(c.Request().WithContext(ctx))
		return next(c)
	}
}

// routed refuses every method that a path was not given. Left alone, echo answers OPTIONS with 204 on any path, which
// forward auth takes for a yes.
func routed(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		allow, unrouted := c.Get(echo.ContextKeyHeaderAllow).(string)
		if !unrouted {
			return next(c)
		}
		c.Response().Header().Set(echo.HeaderAllow, strings.TrimPrefix(allow, http.MethodOptions+", "))
		return echo.ErrMethodNotAllowed
	}
}

// clientAddress says who the client is: the peer, unless the peer is a proxy that is trusted. Then X-Forwarded-For is
// read from its end, and the first address that is not a trusted proxy is the client; what stands before it was
// written by the client and means nothing.
func clientAddress(trusted []netip.Prefix) echo.IPExtractor {
	isTrusted := func(a netip.Addr) bool {
		for _, p := range trusted {
			if p.Contains(a) {
				return true
			}
		}
		return false
	}
	return func(r *http.Request) string {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil {
			return r.RemoteAddr
		}
		client := peer.Addr().Unmap().WithZone("")
		if !isTrusted(client) {
			return client.String()
		}
		hops := strings.Split(strings.Join(r.Header.Values(echo.HeaderXForwardedFor), ","), ",")
		for _, entry := range slices.Backward(hops) {
			hop, ok := hopAddress(strings.TrimSpace(entry))
			if !ok {
				break
			}
			client = hop.Unmap().WithZone("")
			if !isTrusted(client) {
				break
			}
		}
		return client.String()
	}
}

// hopAddress reads an entry of X-Forwarded-For: an address, which some proxies write with a port.
func hopAddress(entry string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(entry); err == nil {
		return addr, true
	}
	withPort, err := netip.ParseAddrPort(entry)
	return withPort.Addr(), err == nil
}
