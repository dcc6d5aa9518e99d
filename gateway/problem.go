package gateway

import (
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"rekey/accounts"
	"rekey/gateway/token"
)

// A problem is what a client sees of an error, per RFC 9457. Its text is fixed: nothing of an error reaches it but the
// name of a field, and an address that the configuration names. The id of the request travels in a header only, so that the bodies of two refusals are the same
// to the byte.
type problem struct {
	Type   string       `json:"type"`
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Detail string       `json:"detail,omitempty"`
	Errors []fieldError `json:"errors,omitempty"`
}

// A fieldError names what is wrong with the request.
type fieldError struct {
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

// The table: every answer that is not a success is one of these.
var (
	problemMalformed   = problem{"urn:rekey:problem:malformed", "Malformed request", http.StatusBadRequest, "Mend the fields that are named and try again.", nil}
	problemCredentials = problem{"urn:rekey:problem:credentials", "Wrong identifier or password", http.StatusUnauthorized, "Check both and try again.", nil}
	problemToken       = problem{"urn:rekey:problem:token", "Token not accepted", http.StatusUnauthorized, "Log in again.", nil}
	problemCode        = problem{"urn:rekey:problem:code", "Code not accepted", http.StatusUnauthorized, "Try the next code. If the login, or what you set up, was begun more than a few minutes ago, begin again.", nil}
	problemActions     = problem{"urn:rekey:problem:required-actions", "Something is to be done first", http.StatusForbidden, "Do what required_actions of the login names, then refresh the token.", nil}
	problemFactorThere = problem{"urn:rekey:problem:factor-there", "There is a second factor already", http.StatusConflict, "Remove it first, with one of its codes.", nil}
	problemStaff       = problem{"urn:rekey:problem:staff-token", "Staff token not accepted", http.StatusUnauthorized, "Send a staff token that has not ended, as Authorization: Bearer.", nil}
	problemForbidden   = problem{"urn:rekey:problem:forbidden", "Not allowed", http.StatusForbidden, "It needs another role.", nil}
	problemNoSuch      = problem{"urn:rekey:problem:no-such", "No such thing", http.StatusNotFound, "The address is right, but there is nothing of that id or name.", nil}
	problemMedia       = problem{"urn:rekey:problem:media-type", "Unsupported media type", http.StatusUnsupportedMediaType, "Send JSON, and Content-Type: application/json.", nil}
	problemPhase       = problem{"urn:rekey:problem:phase", "The phase stays as it is", http.StatusConflict, "Everything that speaks against the move is in reasons, or in gates.", nil}
	problemStale       = problem{"urn:rekey:problem:stale", "Changed by somebody else", http.StatusPreconditionFailed, "Look at it again, and send its ETag in If-Match.", nil}
	problemUnmatched   = problem{"urn:rekey:problem:unmatched", "If-Match is missing", http.StatusPreconditionRequired, "Send the ETag of what you have seen in If-Match.", nil}
	problemNotFound    = problem{"urn:rekey:problem:not-found", "Not found", http.StatusNotFound, "There is nothing at this address; /openapi.json lists what there is.", nil}
	problemMethod      = problem{"urn:rekey:problem:method", "Method not allowed", http.StatusMethodNotAllowed, "The Allow header lists the methods.", nil}
	problemTaken       = problem{"urn:rekey:problem:taken", "Identifier taken", http.StatusConflict, "Log in if it is yours, or choose another.", nil}
	problemElsewhere   = problem{"urn:rekey:problem:managed-elsewhere", "Managed elsewhere", http.StatusConflict, "The old system manages this account for now. Ask support, or whoever runs that system, to make the change there.", nil}
	problemContested   = problem{"urn:rekey:problem:contested", "Account needs support", http.StatusConflict, "Several people have the same identifier. Support can settle it.", nil}
	problemUnmovable   = problem{"urn:rekey:problem:unmovable", "Cannot be moved", http.StatusConflict, "", nil}
	problemKept        = problem{"urn:rekey:problem:not-reverted", "The move is not taken back", http.StatusConflict, "", nil}
	problemNoMoves     = problem{"urn:rekey:problem:nothing-moves", "Nobody is moved now", http.StatusConflict, "In this phase nobody is moved or copied.", nil}
	problemTicket      = problem{"urn:rekey:problem:link", "Link not accepted", http.StatusUnauthorized, "It was used, it is too old, or the account has changed since. Ask for a new one.", nil}
	problemNoMail      = problem{"urn:rekey:problem:no-mail", "No mail is sent from here", http.StatusNotImplemented, "Ask support for help with the account.", nil}
	problemPolicy      = problem{"urn:rekey:problem:policy", "Not accepted", http.StatusUnprocessableEntity, "The fields that are named break a rule.", nil}
	problemLimited     = problem{"urn:rekey:problem:limited", "Too many attempts", http.StatusTooManyRequests, "Wait for the number of seconds in Retry-After.", nil}
	problemInternal    = problem{"urn:rekey:problem:internal", "Internal error", http.StatusInternalServerError, "It was logged under the id in X-Request-Id.", nil}
	problemUnavailable = problem{"urn:rekey:problem:unavailable", "Temporarily unavailable", http.StatusServiceUnavailable, "Nothing is wrong with the request. Try again after the number of seconds in Retry-After.", nil}
)

// A limitedError is a request that came too soon.
type limitedError struct{ retryAfter time.Duration }

func (e *limitedError) Error() string { return "limited" }

// problemFor is the one place where errors become answers. retryAfter is 0 where there is none.
func problemFor(err error) (p problem, retryAfter time.Duration) {
	var (
		invalid     *accounts.InvalidError
		policy      *accounts.PolicyError
		unavailable *accounts.UnavailableError
		media       *mediaError
		limited     *limitedError
		guesses     *accounts.LimitedError
		forbidden   *forbiddenError
		http        *echo.HTTPError
		unmovable   *accounts.UnmovableError
		kept        *accounts.KeptError
	)
	switch {
	case errors.As(err, &invalid):
		p = problemMalformed
		p.Errors = fieldErrors(err)
		return p, 0
	case errors.As(err, &policy):
		p = problemPolicy
		if policy.Field == "" {
			p.Detail = policy.Reason
			return p, 0
		}
		p.Errors = []fieldError{{policy.Field, policy.Reason}}
		return p, 0
	case errors.As(err, &media):
		p = problemMedia
		p.Errors = []fieldError{{media.header, media.reason}}
		return p, 0
	case errors.Is(err, errUnmatched):
		return problemUnmatched, 0
	case !phaseReasons(err).none():
		return problemPhase, 0
	case errors.Is(err, accounts.ErrStale) && !errors.As(err, &unavailable): // what was not done for it can be tried again
		return problemStale, 0
	case errors.Is(err, accounts.ErrCode):
		return problemCode, 0
	case errors.Is(err, accounts.ErrCredentials):
		return problemCredentials, 0
	case errors.Is(err, accounts.ErrTakenIdentifier):
		return problemTaken, 0
	case errors.Is(err, accounts.ErrManagedElsewhere):
		p = problemElsewhere
		if at := extensionsOf(err).ManageURL; at != "" {
			p.Detail = "The old system manages this account for now. Make the change there: " + at
		}
		return p, 0
	case errors.As(err, &unmovable):
		p = problemUnmovable
		p.Detail, p.Errors = unmovable.Reason, []fieldError{{"class", string(unmovable.Class)}}
		return p, 0
	case errors.As(err, &kept):
		p = problemKept
		p.Detail, p.Errors = kept.Reason, []fieldError{{"state", string(kept.State)}}
		return p, 0
	case errors.Is(err, accounts.ErrNothingMoves):
		return problemNoMoves, 0
	case errors.Is(err, accounts.ErrContestedPerson):
		return problemContested, 0
	case errors.Is(err, accounts.ErrTicket):
		return problemTicket, 0
	case errors.Is(err, accounts.ErrNoMail):
		return problemNoMail, 0
	case errors.Is(err, token.ErrInvalid):
		return problemToken, 0
	case errors.Is(err, accounts.ErrFactorThere):
		return problemFactorThere, 0
	case errors.Is(err, token.ErrRestricted):
		return problemActions, 0
	case errors.As(err, &guesses):
		return problemLimited, guesses.RetryAfter
	case errors.As(err, &limited):
		return problemLimited, limited.retryAfter
	case errors.As(err, &unavailable):
		return problemUnavailable, unavailable.RetryAfter
	case errors.Is(err, errNotStaff):
		return problemStaff, 0
	case errors.As(err, &forbidden):
		p = problemForbidden
		p.Detail = "It needs the role " + forbidden.needed() + "."
		return p, 0
	case errors.Is(err, errMediaType):
		return problemMedia, 0
	case errors.Is(err, accounts.ErrNotFound), errors.Is(err, accounts.ErrNoFactor):
		return problemNoSuch, 0
	case errors.As(err, &http):
		return problemForStatus(http.Code), 0
	}
	return problemInternal, 0
}

// maxFieldErrors bounds what is told of a request that is wrong all over.
const maxFieldErrors = 50

// fieldErrors returns every field that an error names.
func fieldErrors(err error) []fieldError {
	all := accounts.InvalidErrors(err)
	return each(all[:min(len(all), maxFieldErrors)], func(e *accounts.InvalidError) fieldError { return fieldError{e.Field, e.Reason} })
}

// problemForStatus serves the errors that echo makes itself.
func problemForStatus(status int) problem {
	switch status {
	case http.StatusNotFound:
		return problemNotFound
	case http.StatusMethodNotAllowed:
		return problemMethod
	}
	return problemInternal
}

// handleError answers with the problem for err.
func (g *Gateway) handleError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	p := g.noteProblem(c, err)
	if err := writeProblem(c, p, extensionsOf(err)); err != nil {
		g.log.DebugContext(c.Request().Context(), "answer not delivered", "request_id", requestID(c), "error", err)
	}
}

// noteProblem returns the problem for err, sets the headers that go with it, and logs what is ours to mend.
func (g *Gateway) noteProblem(c echo.Context, err error) problem {
	p, retryAfter := problemFor(err)
	header := c.Response().Header()
	switch {
	case p.Status == http.StatusUnauthorized:
		header.Set(echo.HeaderWWWAuthenticate, "Bearer") // RFC 9110, section 15.5.2, asks for one
	case retryAfter > 0:
		header.Set(echo.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(retryAfter.Seconds()))))
	}
	if p.Status >= http.StatusInternalServerError && p.Status != http.StatusNotImplemented { // that is how it is configured
		level := slog.LevelError
		if p.Status == http.StatusServiceUnavailable {
			level = slog.LevelWarn // it passes by itself
		}
		g.log.LogAttrs(c.Request().Context(), level, "request failed",
			slog.String("request_id", requestID(c)), slog.String("route", c.Path()), slog.Int("status", p.Status), slog.Any("error", err))
	}
	return p
}

// extensions are members that some problems have beside those of RFC 9457.
type extensions struct {
	reasons
	ManageURL string `json:"manage_url,omitempty"` // as it is configured
}

func extensionsOf(err error) extensions {
	e := extensions{reasons: phaseReasons(err)}
	if elsewhere, ok := errors.AsType[*accounts.ElsewhereError](err); ok {
		e.ManageURL = elsewhere.URL
	}
	return e
}

func writeProblem(c echo.Context, p problem, more extensions) error {
	if c.Request().Method == http.MethodHead {
		return c.NoContent(p.Status)
	}
	body, err := json.Marshal(struct {
		problem
		extensions
	}{p, more})
	if err != nil {
		return err
	}
	return c.Blob(p.Status, "application/problem+json", body)
}
