package gateway

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"rekey/accounts"
	"rekey/gateway/limit"
)

// errNotStaff: no staff token that counts came with the request. No token, a wrong, an expired and a revoked one are the
// same to whoever asks.
var errNotStaff = errors.New("no staff token that counts")

// A forbiddenError is a request of somebody whose role is another.
type forbiddenError struct{ roles roles }

func (e *forbiddenError) Error() string { return "the role does not allow it" }

// needed names the roles, for the one who asks.
func (e *forbiddenError) needed() string {
	names := make([]string, len(e.roles))
	for i, r := range e.roles {
		names[i] = string(r)
	}
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " or " + names[last]
	}
	return names[0]
}

// staffTries bounds the failed tries of one client address. Nobody guesses 256 bits: it keeps the log readable and the
// store unbothered while somebody tries, or a script goes on with a token that has ended.
var staffTries = limit.Rule{Name: "staff", Count: 10, Per: time.Minute, Burst: 20}

// staffKey is where a request carries whose token it came with.
const staffKey = "staff"

// staffOf returns whose token the request came with.
func staffOf(c echo.Context) (accounts.StaffToken, bool) {
	t, ok := c.Get(staffKey).(accounts.StaffToken)
	return t, ok
}

// admit lets a request in that comes with a staff token.
func (g *Gateway) admit(c echo.Context) error {
	ctx := c.Request().Context()
	digest, given := staffDigest(c)
	if given && g.known.has(digest) { // no count is taken of those who were here: wrong tries beside them do not keep them out
		return g.recognise(ctx, c, digest)
	}
	giveBack, err := g.takeStaffTry(ctx, c.RealIP())
	if err != nil {
		return err
	}
	if !given {
		g.logRefusedStaff(ctx, c, "no token, or none of ours")
		return errNotStaff
	}
	err = g.recognise(ctx, c, digest)
	if !errors.Is(err, errNotStaff) { // right, or our fault
		giveBack()
	}
	return err
}

// recognise looks a token up, at each request anew: one that was revoked counts no longer, at once and on every replica.
func (g *Gateway) recognise(ctx context.Context, c echo.Context, digest accounts.StaffDigest) error {
	if g.staff == nil {
		return errNotStaff
	}
	who, err := g.staff.Who(ctx, digest)
	switch {
	case errors.Is(err, accounts.ErrNotFound):
		g.known.drop(digest)
		g.logRefusedStaff(ctx, c, "unknown, expired or revoked")
		return errNotStaff
	case err != nil:
		return err
	}
	g.known.add(digest)
	c.Set(staffKey, who)
	return nil
}

// staffDigest reads the token of the one Authorization header. A cookie is not looked at: what a browser sends by itself
// would let other pages act for staff.
func staffDigest(c echo.Context) (accounts.StaffDigest, bool) {
	values := c.Request().Header.Values(echo.HeaderAuthorization)
	if len(values) != 1 { // of two, others on the way may have looked at the other one
		return accounts.StaffDigest{}, false
	}
	scheme, text, ok := strings.Cut(values[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return accounts.StaffDigest{}, false
	}
	return accounts.ParseStaffToken(strings.TrimLeft(text, " "))
}

func (g *Gateway) takeStaffTry(ctx context.Context, address string) (giveBack func(), err error) {
	if g.limits.limiter == nil {
		return func() {}, nil
	}
	key := limit.AddressKey(address)
	if err := g.limits.takeOne(ctx, key, staffTries); err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	return func() { g.limits.limiter.Give(ctx, key, staffTries, 1) }, nil
}

// logRefusedStaff tells of a failed try, and nothing of the token.
func (g *Gateway) logRefusedStaff(ctx context.Context, c echo.Context, why string) {
	g.log.LogAttrs(ctx, slog.LevelWarn, "staff token refused",
		slog.String("request_id", requestID(c)), slog.String("route", c.Path()), slog.String("client", c.RealIP()), slog.String("reason", why))
}

// knownStaff remembers, within a bound, the tokens that counted when they were last looked up. It admits nobody.
type knownStaff struct {
	mu      sync.Mutex
	digests map[accounts.StaffDigest]struct{}
}

// maxKnownStaff is more than there are people.
const maxKnownStaff = 1000

func (k *knownStaff) has(d accounts.StaffDigest) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.digests[d]
	return ok
}

func (k *knownStaff) add(d accounts.StaffDigest) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.digests == nil || len(k.digests) >= maxKnownStaff {
		k.digests = make(map[accounts.StaffDigest]struct{})
	}
	k.digests[d] = struct{}{}
}

func (k *knownStaff) drop(d accounts.StaffDigest) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.digests, d)
}
