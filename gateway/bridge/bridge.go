// Package bridge answers other identity products as the old system behind them: for people whose new home is Keycloak, Ory
// Kratos, Okta, Amazon Cognito or FusionAuth, and whose passwords only rekey can still check.
//
// It serves those products' servers, each by the product's own contract and with a key of its own, and is off for every
// product that has none. A question goes the way of every login: limits, the stores, the hash, and a refusal is held as
// long as any other. It keeps nothing. Doubt is never told as "wrong": what a product takes for a fault is not what it
// takes for a no.
//
// It hands over no password hash and no second factor. It proves the password alone, for the session is the product's, and so
// is asking for more: a Person's Challenge is not looked at.
package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/gateway/limit"
)

// Accounts proves who somebody is, and tells what is kept of them. *accounts.Service does, whose errors are promised.
type Accounts interface {
	Login(ctx context.Context, a accounts.Attempt) (accounts.Person, error)
	ProfileOf(ctx context.Context, p accounts.Person) (accounts.Profile, error)
}

// A Finder says who has a name, without a password: its caller has shown a key.
type Finder interface {
	// Find returns the person. Its error is an *accounts.InvalidError, accounts.ErrCredentials if nobody who may log in
	// has the name for themselves, or an *accounts.UnavailableError if that cannot be told.
	Find(ctx context.Context, identifier string) (accounts.Person, error)
}

// Config is what a bridge is made of. Accounts is required, and so is Finder where Keycloak is on.
type Config struct {
	Accounts Accounts
	Finder   Finder // nil: Cognito's question about a forgotten password is answered as a fault

	// The products. One without a key is off.
	Keycloak   Access // GET and POST /bridge/keycloak/{identifier}
	Kratos     Access // POST /bridge/kratos
	Okta       Access // POST /bridge/okta
	Cognito    Access // POST /bridge/cognito
	FusionAuth Access // POST /bridge/fusionauth

	Limiter limit.Limiter // nil: no limits
	// Identifier limits guesses at one name. Under the name of the gateway's own rule both are counted together. Its zero
	// value is the gateway's default.
	Identifier limit.Rule
	// Address limits guesses from one address of a person, where the product tells it (Okta and FusionAuth do). Its zero
	// value is the gateway's default, counted apart.
	Address limit.Rule

	// Hold returns when a refusal that arrived then may be answered; see the gateway's floor. nil: at once.
	Hold func(ctx context.Context, class string, arrived time.Time)
	Log  *slog.Logger
	Now  func() time.Time
}

// maxBody is the most that a question may carry, in bytes. Okta's and Cognito's have some 2 KiB around the password.
const maxBody = 8 << 10

// requestTimeout bounds every question, as the gateway bounds a login. The products give up sooner,
// after some seconds; what was begun is then done, and the next try finds the person moved.
const requestTimeout = 20 * time.Second

// A Bridge is the handler of all products that are on.
type Bridge struct {
	c   Config
	mux *http.ServeMux
}

// New returns a Bridge, or an error that says which products' access is wrong, each as a *AccessError.
func New(c Config) (*Bridge, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Hold == nil {
		c.Hold = func(context.Context, string, time.Time) {}
	}
	rules := limit.DefaultRules()
	rules.Address.Name = "bridge-address"
	c.Identifier, c.Address = c.Identifier.Or(rules.Identifier), c.Address.Or(rules.Address)
	if err := errors.Join(c.Identifier.Check(), c.Address.Check()); err != nil {
		return nil, fmt.Errorf("bridge: %w", err)
	}
	if c.Finder == nil && c.Keycloak.on() {
		return nil, errors.New("bridge: keycloak asks who somebody is before it asks for a password, and there is no Finder")
	}
	var wrong []error
	for _, mistake := range c.Mistakes() {
		wrong = append(wrong, fmt.Errorf("bridge: %w", mistake))
	}
	if wrong != nil {
		return nil, errors.Join(wrong...)
	}
	b := &Bridge{c: c, mux: http.NewServeMux()}
	for _, r := range b.routes() {
		if !r.access.on() {
			continue
		}
		b.mux.HandleFunc(r.pattern, func(w http.ResponseWriter, req *http.Request) { b.serve(w, req, r) })
	}
	return b, nil
}

// On reports whether any product is on.
func (c Config) On() bool {
	return slices.ContainsFunc(c.products(), func(p accessOf) bool { return p.access.on() })
}

// ServeHTTP implements http.Handler for the paths below /bridge/.
func (b *Bridge) ServeHTTP(w http.ResponseWriter, r *http.Request) { b.mux.ServeHTTP(w, r) }

// A route is one address of a product.
type route struct {
	pattern string
	access  Access
	product product
}

// routes is all there is.
func (b *Bridge) routes() []route {
	return []route{
		{"GET /bridge/keycloak/{identifier}", b.c.Keycloak, keycloakLookup},
		{"POST /bridge/keycloak/{identifier}", b.c.Keycloak, keycloakVerify},
		{"POST /bridge/kratos", b.c.Kratos, kratos},
		{"POST /bridge/okta", b.c.Okta, okta},
		{"POST /bridge/cognito", b.c.Cognito, cognito},
		{"POST /bridge/fusionauth", b.c.FusionAuth, fusionAuth},
	}
}

// A product is how one of them asks and wants to be answered.
type product struct {
	name string
	// read makes a question of a request. Its error is a malformed request.
	read func(r *http.Request, body []byte) (question, error)
	// yes is the body of the answer about a person, nil for none.
	yes func(q question, p person) any
	// whole says that yes wants to know what is kept of the person.
	whole bool
	// alone is the name by which the product knows the person from this answer on: it must mean nobody else, in whatever
	// spelling. nil: it knows them by what it asked.
	alone func(q question, p person) string
	// no is the whole answer to a wrong password and to a name that nobody has.
	no answer
}

// A question is what a product asks, in our words.
type question struct {
	identifier string
	password   *password.Secret // nil: it is only asked who that is
	address    string           // of the person, as the product tells it; "" if it does not
	event      event            // Cognito's, which is answered with itself
}

// A person is somebody who was proven or found.
type person struct {
	accounts.Person
	profile accounts.Profile
}

// An answer is a status and a JSON body; nil is none.
type answer struct {
	status     int
	body       any
	retryAfter time.Duration
	challenge  string // for WWW-Authenticate
}

// fault is the body of every answer that is neither a yes nor a no.
type fault struct {
	Error string `json:"error"`
}

// The faults, which no product takes for a no but Keycloak, to whom all that is not 200 is one.
var (
	faultMalformed   = answer{status: http.StatusBadRequest, body: fault{"malformed request"}}
	faultKey         = answer{status: http.StatusUnauthorized, body: fault{"key not accepted"}}
	faultTooLarge    = answer{status: http.StatusRequestEntityTooLarge, body: fault{"request too large"}}
	faultLimited     = answer{status: http.StatusTooManyRequests, body: fault{"too many attempts"}}
	faultUnavailable = answer{status: http.StatusServiceUnavailable, body: fault{"temporarily unavailable"}}
	faultInternal    = answer{status: http.StatusInternalServerError, body: fault{"internal error"}}
)

// serve answers one request: the key, the size and the shape first, then the question.
func (b *Bridge) serve(w http.ResponseWriter, r *http.Request, to route) {
	w.Header().Set("Cache-Control", "no-store")
	if !to.access.allows(r) {
		refusal := faultKey
		refusal.challenge = to.access.challenge()
		b.write(w, r, refusal)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			b.write(w, r, faultTooLarge)
			return
		}
		b.write(w, r, faultMalformed)
		return
	}
	q, err := to.product.read(r, body)
	if err != nil {
		b.write(w, r, faultMalformed)
		return
	}
	b.write(w, r, b.answer(r, w.Header().Get("X-Request-Id"), to.product, q))
}

// answer is the way from a question to its answer. The clock starts when the request is read, and hanging up stops
// neither it nor the guess.
func (b *Bridge) answer(r *http.Request, requestID string, to product, q question) answer {
	arrived := b.c.Now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), requestTimeout)
	defer cancel()
	giveBack, err := b.take(ctx, q)
	if err != nil {
		return b.otherwise(ctx, to, err, arrived, func() {})
	}
	p, err := b.ask(ctx, requestID, to, q)
	if err != nil {
		return b.otherwise(ctx, to, err, arrived, giveBack)
	}
	giveBack()
	return answer{status: http.StatusOK, body: to.yes(q, p)}
}

// ask proves or finds the person, and reads what is kept of them if the product wants it.
func (b *Bridge) ask(ctx context.Context, requestID string, to product, q question) (p person, err error) {
	switch {
	case q.password != nil:
		p.Person, err = b.c.Accounts.Login(ctx, accounts.Attempt{Identifier: q.identifier, Password: *q.password, RequestID: requestID})
	case b.c.Finder != nil:
		p.Person, err = b.c.Finder.Find(ctx, q.identifier)
	default:
		err = errNoFinder
	}
	if err == nil && to.alone != nil {
		err = b.means(ctx, to.alone(q, p), p.Person)
	}
	if err != nil || !to.whole {
		return p, err
	}
	// Without it the product would keep somebody without their roles for good: then better a fault, and another try.
	p.profile, err = b.c.Accounts.ProfileOf(ctx, p.Person)
	if errors.Is(err, accounts.ErrCredentials) {
		err = &accounts.UnavailableError{RetryAfter: time.Second, Err: errGone} // they were there a moment ago
	}
	return p, err
}

// means returns nil if a name means this person and nobody else. A product that does not tell spellings apart, and that
// keeps for good who was once proven, would otherwise hand the account of one namesake to another.
func (b *Bridge) means(ctx context.Context, name string, p accounts.Person) error {
	found, err := b.c.Finder.Find(ctx, name)
	_, unfit := errors.AsType[*accounts.InvalidError](err)
	switch {
	case unfit, err == nil && found.ID != p.ID:
		return &accounts.RefusedError{Class: "bridge-namesake"}
	case err != nil:
		return err
	}
	return nil
}

var (
	errNoFinder = errors.New("there is no Finder to ask")
	errGone     = errors.New("the person has gone between two questions")
)

// otherwise is the answer for an error.
func (b *Bridge) otherwise(ctx context.Context, to product, err error, arrived time.Time, giveBack func()) answer {
	if refused, ok := errors.AsType[*accounts.RefusedError](err); ok {
		b.c.Hold(ctx, refused.Class, arrived)
		return to.no
	}
	if errors.Is(err, accounts.ErrCredentials) {
		b.c.Hold(ctx, "bridge-"+to.name, arrived)
		return to.no
	}
	if _, ok := errors.AsType[*accounts.InvalidError](err); ok {
		// What nobody can be called, and no password can be, is a no to the product, which passes on what people type.
		giveBack()
		b.c.Hold(ctx, "bridge-invalid", arrived)
		return to.no
	}
	if limited, ok := errors.AsType[*limitedError](err); ok {
		a := faultLimited
		a.retryAfter = limited.retryAfter
		return a
	}
	if doubt, ok := errors.AsType[*accounts.UnavailableError](err); ok {
		b.c.Log.WarnContext(ctx, "bridge cannot tell", "product", to.name, "error", err)
		a := faultUnavailable
		a.retryAfter = doubt.RetryAfter
		if doubt.Judged { // it was a guess, and looks like one
			b.c.Hold(ctx, "judged", arrived)
			return a
		}
		giveBack()
		return a
	}
	giveBack()
	b.c.Log.ErrorContext(ctx, "bridge failed", "product", to.name, "error", err)
	return faultInternal
}

// A limitedError is a question that came too soon.
type limitedError struct{ retryAfter time.Duration }

func (e *limitedError) Error() string { return "limited" }

// take takes a token for the name, and one for the person's address where it is told, before anything is asked or hashed.
// giveBack returns them: what succeeded, or failed on our side, was no guess.
func (b *Bridge) take(ctx context.Context, q question) (giveBack func(), err error) {
	id, err := accounts.ParseIdentifier(q.identifier)
	if err != nil {
		return nil, &accounts.InvalidError{Field: "identifier", Reason: err.Error()}
	}
	giveBack = func() {}
	if b.c.Limiter == nil {
		return giveBack, nil
	}
	type token struct {
		key  string
		rule limit.Rule
	}
	tokens := []token{{id.Canonical, b.c.Identifier}}
	if q.address != "" {
		tokens = append(tokens, token{limit.AddressKey(q.address), b.c.Address})
	}
	lasting := context.WithoutCancel(ctx)
	for _, t := range tokens {
		decision, err := b.c.Limiter.Take(ctx, t.key, t.rule, 1)
		if err == nil && !decision.OK {
			err = &limitedError{decision.RetryAfter}
		}
		if err != nil {
			giveBack()
			return nil, err
		}
		before := giveBack
		giveBack = func() {
			before()
			b.c.Limiter.Give(lasting, t.key, t.rule, 1)
		}
	}
	return giveBack, nil
}

// write sends an answer.
func (b *Bridge) write(w http.ResponseWriter, r *http.Request, a answer) {
	if a.challenge != "" {
		w.Header().Set("WWW-Authenticate", a.challenge)
	}
	if a.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(a.retryAfter.Seconds()))))
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	body, err := json.Marshal(a.body)
	if err != nil {
		b.c.Log.ErrorContext(r.Context(), "bridge answer cannot be written as JSON", "error", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	if _, err := w.Write(body); err != nil {
		b.c.Log.DebugContext(r.Context(), "bridge answer not delivered", "error", err)
	}
}
