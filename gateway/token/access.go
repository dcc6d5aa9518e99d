// Package token makes and verifies what people carry after a login: access tokens, which are JWTs that anybody can
// verify with the published keys, and refresh tokens, which only this installation can.
//
// It serves the gateway's handlers. It never sees a password, never asks who somebody is (its callers tell it), and
// stores no token.
package token

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"rekey/accounts"
)

// ErrInvalid is the answer to a token that does not count (any more), whatever the reason. Every other error means
// that it could not be told, and is an *accounts.UnavailableError where a store was to blame.
var ErrInvalid = errors.New("the token is not valid")

// ErrRestricted: the token is valid, and good only for what its owner has to do first.
var ErrRestricted = errors.New("the token is restricted to required actions")

// restrictedAudience ends the audience of a restricted token: an application that verifies tokens by itself refuses it, also if
// it has never heard of required actions.
const restrictedAudience = ":required-actions"

// Limits of access tokens.
const (
	DefaultAccessLife = 5 * time.Minute
	maxToken          = 4 << 10         // bytes; ours have about 600, with RS256 and the longest name less than 4,000
	leeway            = 5 * time.Second // between the clock that signed and the one that verifies
)

// A Person is whom tokens are for.
type Person struct {
	ID       uuid.UUID // the account's, which is the sub of every token
	Name     string    // how they are called: username, e-mail address or phone number
	Source   string    // with LegacyID: where they are, while they are not in the new store
	LegacyID string
	Epoch    int64  // the account's session epoch, as the login read it
	Required string // what they have to do first, words between spaces; their access tokens are restricted to that
}

// Claims are what a valid access token says.
type Claims struct {
	Subject   string // the account's id
	Name      string // preferred_username
	TokenID   string
	ClientID  string
	Required  string    // words between spaces; "" for a token that is not restricted
	SessionID uuid.UUID // of the refresh family
	AuthTime  time.Time // of the login
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// Revocations is the list of sessions whose access tokens are refused though they have not expired. It is soft: one
// that is lost lives no longer than an access token does.
type Revocations interface {
	// Revoke puts a session on the list until a time at which all its access tokens have expired.
	Revoke(ctx context.Context, session string, until time.Time)
	// Revoked reports whether it is there. It is asked at every verification and must not wait.
	Revoked(session string) bool
}

// AccessConfig is what Access is made of. Keys, Issuer, Audience and Revocations are required.
type AccessConfig struct {
	Keys        *Keys
	Issuer      string // of the installation, a URL
	Audience    string // whom the tokens are for
	ClientID    string // who asked for them; empty means Audience
	Revocations Revocations
	CacheSize   int // verified tokens that are remembered; 0 means 16,384, negative none

	Now   func() time.Time // nil means time.Now
	NewID func() uuid.UUID // of tokens; nil means UUIDv7
}

// Access signs and verifies access tokens (RFC 9068). It is safe for concurrent use.
type Access struct {
	c          AccessConfig
	life       time.Duration
	validator  *jwt.Validator
	restricted *jwt.Validator // of restricted tokens
	cache      *cache
}

// NewAccess returns an Access whose tokens live as long as its keys expect.
func NewAccess(c AccessConfig) (*Access, error) {
	switch {
	case c.Keys == nil || c.Revocations == nil:
		return nil, errors.New("access tokens need keys and a list of revocations")
	case c.Issuer == "" || c.Audience == "":
		return nil, errors.New("access tokens need an issuer and an audience")
	case len(c.Issuer) > 256 || len(c.Audience) > 256 || len(c.ClientID) > 256:
		return nil, errors.New("issuer, audience and client id must have at most 256 bytes each")
	}
	if c.ClientID == "" {
		c.ClientID = c.Audience
	}
	c.Now, c.NewID = orClock(c.Now), orIDs(c.NewID)
	a := &Access{c: c, life: c.Keys.c.AccessLife, cache: newCache(orDefault(c.CacheSize, defaultCacheSize))}
	a.validator, a.restricted = newValidator(c, c.Audience), newValidator(c, c.Audience+restrictedAudience)
	return a, nil
}

func newValidator(c AccessConfig, audience string) *jwt.Validator {
	return jwt.NewValidator(
		jwt.WithIssuer(c.Issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithLeeway(leeway), jwt.WithTimeFunc(c.Now),
	)
}

// JWKS returns the public keys and for how long they may be cached; see Keys.
func (a *Access) JWKS() (set []byte, maxAge time.Duration) { return a.c.Keys.JWKS() }

// Algorithms returns the names of the algorithms of the published keys; see Keys.
func (a *Access) Algorithms() []string { return a.c.Keys.Algorithms() }

// wire is an access token's claims as JSON (RFC 9068, section 2.2; sid is that of OpenID Connect).
type wire struct {
	jwt.RegisteredClaims
	ClientID  string           `json:"client_id"`
	SessionID uuid.UUID        `json:"sid"`
	AuthTime  *jwt.NumericDate `json:"auth_time"`
	Name      string           `json:"preferred_username,omitempty"`
	Required  string           `json:"required_actions,omitempty"`
}

// Sign makes an access token for a session, and tells how long it lives: not beyond the session's end. One with something in
// required is good only for that.
func (a *Access) Sign(session accounts.Session, name, required string) (raw string, life time.Duration, err error) {
	now := a.c.Now()
	life = min(a.life, session.ExpiresAt.Sub(now)).Truncate(time.Second)
	if life <= 0 {
		return "", 0, ErrInvalid
	}
	if len(name) > accounts.MaxIdentifier {
		name = "" // a token that is too long to be verified helps nobody
	}
	audience := a.c.Audience
	if required != "" {
		audience += restrictedAudience
	}
	key := a.c.Keys.current.Load().active(now)
	claims, err := json.Marshal(wire{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: a.c.Issuer, Subject: session.AccountID.String(), Audience: jwt.ClaimStrings{audience},
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(life)), ID: a.c.NewID().String(),
		},
		ClientID: a.c.ClientID, SessionID: session.ID, AuthTime: jwt.NewNumericDate(session.CreatedAt), Name: name, Required: required,
	})
	if err == nil {
		raw, err = key.sign(claims)
	}
	if err != nil {
		return "", 0, fmt.Errorf("sign access token: %w", err)
	}
	return raw, life, nil
}

// Verify returns the claims of an access token that is ours, has not expired and is of a session that was not
// revoked, as far as this replica knows. The error is ErrInvalid, or an *accounts.UnavailableError if the token
// names a key that is unknown here and the store cannot be asked for it; or ErrRestricted.
func (a *Access) Verify(ctx context.Context, raw string) (Claims, error) {
	claims, err := a.VerifyRestricted(ctx, raw)
	if err == nil && claims.Required != "" {
		return Claims{}, ErrRestricted
	}
	return claims, err
}

// VerifyRestricted is Verify that takes restricted tokens too: who asks looks at Required.
func (a *Access) VerifyRestricted(ctx context.Context, raw string) (Claims, error) {
	if raw == "" || len(raw) > maxToken {
		return Claims{}, ErrInvalid
	}
	// The generation is read before the key is: a verdict is never kept for a set of keys that it was not made with.
	generation := a.c.Keys.current.Load().generation
	sum := sumOf(raw)
	if e, ok := a.cache.get(sum, generation, a.c.Now()); ok {
		if a.c.Revocations.Revoked(e.session) {
			a.cache.drop(sum)
			return Claims{}, ErrInvalid
		}
		return e.claims, nil
	}
	claims, err := a.verify(ctx, raw)
	if err != nil {
		return Claims{}, err
	}
	session := claims.SessionID.String()
	if a.c.Revocations.Revoked(session) {
		return Claims{}, ErrInvalid
	}
	a.cache.put(sum, entry{claims, session, generation}, a.c.Now())
	return claims, nil
}

// sumOf returns the SHA-256 of a token; one of usual length is not copied to the heap.
func sumOf(raw string) [sha256.Size]byte {
	var usual [1 << 10]byte
	if len(raw) > len(usual) {
		return sha256.Sum256([]byte(raw))
	}
	return sha256.Sum256(usual[:copy(usual[:], raw)])
}

// verify reads nothing of a token but its header before the signature is known to be ours.
func (a *Access) verify(ctx context.Context, raw string) (Claims, error) {
	if strings.ContainsAny(raw, "\r\n") { // the base64 decoder skips them: one token would have many texts
		return Claims{}, ErrInvalid
	}
	header, _, _ := strings.Cut(raw, ".")
	key, err := a.keyFor(ctx, header)
	if err != nil {
		return Claims{}, err
	}
	payload, ok := key.verify(raw)
	if !ok {
		return Claims{}, ErrInvalid
	}
	var w wire
	// Whoever can sign knows the form; what is checked here is that no other issuer of ours ever slips in.
	if json.Unmarshal(payload, &w) != nil || a.validatorOf(w).Validate(w) != nil {
		return Claims{}, ErrInvalid
	}
	subject, err := uuid.Parse(w.Subject)
	if err != nil || subject.String() != w.Subject || w.SessionID == uuid.Nil || w.AuthTime == nil || w.IssuedAt == nil {
		return Claims{}, ErrInvalid
	}
	return Claims{
		Subject: w.Subject, Name: w.Name, TokenID: w.ID, ClientID: w.ClientID, Required: w.Required, SessionID: w.SessionID,
		AuthTime: w.AuthTime.UTC(), IssuedAt: w.IssuedAt.UTC(), ExpiresAt: w.ExpiresAt.UTC(),
	}, nil
}

func (a *Access) validatorOf(w wire) *jwt.Validator {
	if w.Required != "" {
		return a.restricted
	}
	return a.validator
}

// keyFor returns the key whose header this is, to the letter: one with another algorithm, or with more members (crit,
// jwk, x5u …), is not ours.
func (a *Access) keyFor(ctx context.Context, header string) (*key, error) {
	kid, known := a.c.Keys.current.Load().byHeader[header]
	if !known {
		kid = keyIDIn(header)
	}
	key, err := a.c.Keys.find(ctx, kid)
	if err == nil && key.header != header {
		err = ErrInvalid
	}
	if err != nil {
		return nil, err
	}
	return key, nil
}

// Tokens are what a login or a refresh returns. They print as a placeholder.
type Tokens struct {
	Access    string
	ExpiresIn time.Duration // of Access
	Refresh   string
}

const redacted = "[tokens]"

// String hides the tokens.
func (Tokens) String() string { return redacted }

// GoString hides the tokens from %#v.
func (Tokens) GoString() string { return redacted }

// Format hides the tokens from every verb.
func (Tokens) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, redacted) } // fmt.State cannot fail

// LogValue hides the tokens from slog.
func (Tokens) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the tokens from encoders: an answer names the fields that it sends.
func (Tokens) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// retryStore is how long a client should wait for a store that did not answer: about as long as a failover takes.
const retryStore = 5 * time.Second

func cannotTell(doing string, err error) error {
	return &accounts.UnavailableError{RetryAfter: retryStore, Err: fmt.Errorf("%s: %w", doing, err)}
}

func orDefault[T int | time.Duration](v, otherwise T) T {
	if v == 0 {
		return otherwise
	}
	return v
}

func orClock(now func() time.Time) func() time.Time {
	if now == nil {
		return time.Now
	}
	return now
}

func orIDs(newID func() uuid.UUID) func() uuid.UUID {
	if newID == nil {
		return func() uuid.UUID { return uuid.Must(uuid.NewV7()) } // fails only if the system has no randomness
	}
	return newID
}
