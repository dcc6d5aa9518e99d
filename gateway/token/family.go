package token

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/masterkey"
)

// Refresh, in rules:
//
//  1. A text without our HMAC is refused before any store is asked.
//  2. The person is asked about before their session moves on, or in the statement that moves it: who may no longer
//     be in ends the family.
//  3. One compare-and-set on the generation decides who rotates. The successor of a token is the same text for
//     everybody, so that there is one however many ask at once.
//  4. The token before the current one gets that successor again for a grace of 10 s: its client may not have heard
//     the answer. After that, or with an older token, two parties hold the family: it ends, with an event.
//  5. What cannot be told (a store does not answer) is never "invalid".
//  6. The end of a family outlives the request: who replays a stolen token cannot prevent it by hanging up.

// Defaults of a FamiliesConfig.
const (
	DefaultIdle     = 14 * 24 * time.Hour
	DefaultAbsolute = 90 * 24 * time.Hour
	DefaultGrace    = 10 * time.Second
)

// maxClient is how much of a user agent is kept, in bytes.
const maxClient = 256

// endTimeout bounds the write that ends a family, and telling the other replicas.
const endTimeout = 10 * time.Second

// FamiliesConfig is what Families are made of. Access, Sessions and MasterKey are required.
type FamiliesConfig struct {
	Access    *Access
	Sessions  accounts.Sessions
	MasterKey *masterkey.Key

	Idle     time.Duration // a session ends when it was not refreshed for so long; 0 means DefaultIdle
	Absolute time.Duration // and at this age in any case; 0 means DefaultAbsolute
	Grace    time.Duration // 0 means DefaultGrace, negative none
}

// Families are the refresh families: one for each login, with one valid refresh token at a time. They are safe for
// concurrent use. What Access can, they can too.
type Families struct {
	*Access
	sessions accounts.Sessions
	key      refreshKey
	idle     time.Duration
	absolute time.Duration
	grace    time.Duration
	alone    book
}

// NewFamilies returns Families.
func NewFamilies(c FamiliesConfig) (*Families, error) {
	if c.Access == nil || c.Sessions == nil || c.MasterKey == nil {
		return nil, errors.New("refresh families need access tokens, sessions and a master key")
	}
	f := &Families{
		Access: c.Access, sessions: c.Sessions, key: c.MasterKey.Derive(refreshPurpose),
		idle: orDefault(c.Idle, DefaultIdle), absolute: orDefault(c.Absolute, DefaultAbsolute), grace: orDefault(c.Grace, DefaultGrace),
	}
	if min(f.idle, f.absolute) <= f.life {
		return nil, fmt.Errorf("a session must live longer than an access token (%s)", f.life)
	}
	return f, nil
}

// A Login is what a new family is made from.
type Login struct {
	Person
	Client  string // user agent, as sent
	Address string // of the client
}

// Open starts a family for somebody whose login has succeeded. Every error means that it could not be stored.
func (f *Families) Open(ctx context.Context, l Login) (Tokens, error) {
	now := f.c.Now().UTC().Truncate(time.Microsecond)
	s := accounts.Session{
		ID: f.c.NewID(), AccountID: l.ID, Source: l.Source, LegacyID: l.LegacyID, Epoch: l.Epoch,
		Client: clientText(l.Client), Address: clientText(l.Address),
		CreatedAt: now, RotatedAt: now, ExpiresAt: f.expires(now, now),
	}
	tokens, err := f.tokens(s, l.Person) // before the session is stored: it needs nothing and leaves nothing behind
	if err != nil {
		return Tokens{}, err
	}
	if err := f.sessions.CreateSession(ctx, s); err != nil {
		return Tokens{}, cannotTell("store session", err)
	}
	return tokens, nil
}

// People are asked who a session's person is now.
type People interface {
	// Renew moves a session on from a generation to the next, in one step with the question whether its person may
	// still be in, and returns both. With accounts.ErrStale it has changed nothing and says nothing: Resume tells more.
	Renew(ctx context.Context, session uuid.UUID, from int64, at time.Time, idle, absolute time.Duration) (accounts.Session, Person, error)
	// Resume returns the person; with accounts.ErrCredentials or ErrInvalid they may no longer be in.
	Resume(ctx context.Context, s accounts.Session) (Person, error)
}

// Refresh returns the successor of a refresh token, or ends the family of one that must not have any. The error is
// ErrInvalid, an *accounts.UnavailableError, or any other of people's.
func (f *Families) Refresh(ctx context.Context, raw, requestID string, people People) (Tokens, error) {
	id, generation, ok := f.key.parse(raw)
	if !ok {
		return Tokens{}, ErrInvalid
	}
	if generation < maxGeneration {
		s, person, err := people.Renew(ctx, id, generation, f.c.Now(), f.idle, f.absolute)
		if err == nil {
			return f.tokens(s, person)
		}
		if !errors.Is(err, accounts.ErrStale) {
			return Tokens{}, err
		}
	}
	return f.refreshSlowly(ctx, id, generation, requestID, people)
}

// refreshSlowly serves who is not here yet, who may no longer be in, and every token that is not the newest.
func (f *Families) refreshSlowly(ctx context.Context, id uuid.UUID, generation int64, requestID string, people People) (Tokens, error) {
	for range attempts {
		s, err := f.living(ctx, id)
		if err != nil {
			return Tokens{}, err
		}
		switch {
		case generation > s.Generation:
			// Not made by this store's history: it was put back to an earlier state.
			return Tokens{}, ErrInvalid
		case generation < s.Generation && !f.graced(s, generation):
			if err := f.end(ctx, s, ending{kind: accounts.EventSessionReused, actor: "system", reason: "a refresh token was used again"}, requestID); err != nil {
				return Tokens{}, err
			}
			return Tokens{}, ErrInvalid
		}
		person, err := f.resume(ctx, s, requestID, people)
		if err != nil {
			return Tokens{}, err
		}
		if generation == s.Generation {
			s, err = f.rotate(ctx, s)
			if errors.Is(err, accounts.ErrStale) {
				continue // rotated or ended meanwhile: look again
			}
			if err != nil {
				return Tokens{}, err
			}
		}
		return f.tokens(s, person)
	}
	return Tokens{}, cannotTell("rotate session", errBusy)
}

// graced reports whether the token of a generation may have its successor once more.
func (f *Families) graced(s accounts.Session, generation int64) bool {
	return generation == s.Generation-1 && f.c.Now().Sub(s.RotatedAt) < f.grace
}

// resume asks who the person is now, and ends the family if they may no longer be in.
func (f *Families) resume(ctx context.Context, s accounts.Session, requestID string, people People) (Person, error) {
	person, err := people.Resume(ctx, s)
	switch {
	case errors.Is(err, accounts.ErrCredentials) || errors.Is(err, ErrInvalid):
		if err := f.end(ctx, s, ending{kind: accounts.EventSessionRevoked, actor: "system", reason: "the account may no longer log in"}, requestID); err != nil {
			return Person{}, err
		}
		return Person{}, ErrInvalid
	case err != nil:
		return Person{}, err
	case person.ID != s.AccountID:
		return Person{}, fmt.Errorf("session %s is of account %s, not of %s", s.ID, s.AccountID, person.ID)
	}
	return person, nil
}

// rotate moves the session on; accounts.ErrStale if it is no longer as s says.
func (f *Families) rotate(ctx context.Context, s accounts.Session) (accounts.Session, error) {
	if s.Generation >= maxGeneration {
		return accounts.Session{}, ErrInvalid
	}
	now := f.c.Now()
	rotated, err := f.sessions.RotateSession(ctx, s.ID, s.Generation, now, f.expires(s.CreatedAt, now))
	switch {
	case err == nil || errors.Is(err, accounts.ErrStale):
		return rotated, err
	case errors.Is(err, accounts.ErrNotFound):
		return accounts.Session{}, ErrInvalid
	}
	return accounts.Session{}, cannotTell("rotate session", err)
}

// Session returns the living session of an access token, which also tells of a revocation that the token does not
// show. The error is ErrInvalid or an *accounts.UnavailableError.
func (f *Families) Session(ctx context.Context, c Claims) (accounts.Session, error) {
	return f.living(ctx, c.SessionID)
}

func (f *Families) living(ctx context.Context, id uuid.UUID) (accounts.Session, error) {
	s, err := f.sessions.Session(ctx, id)
	switch {
	case errors.Is(err, accounts.ErrNotFound):
		return accounts.Session{}, ErrInvalid
	case err != nil:
		return accounts.Session{}, cannotTell("read session", err)
	case !s.RevokedAt.IsZero() || s.Superseded || !f.c.Now().Before(s.ExpiresAt):
		return accounts.Session{}, ErrInvalid
	}
	return s, nil
}

// Revoke ends the family of a refresh token, current or not: logout. A token that is not ours or whose family is
// over is no error (RFC 7009, section 2.2).
func (f *Families) Revoke(ctx context.Context, raw, requestID string) error {
	id, _, ok := f.key.parse(raw)
	if !ok {
		return nil
	}
	return f.RevokeFamily(ctx, id, requestID)
}

// RevokeFamily ends a family by its id, which is the SessionID of its access tokens. One that is over, or that never
// was, is no error.
func (f *Families) RevokeFamily(ctx context.Context, id uuid.UUID, requestID string) error {
	s, err := f.sessions.Session(ctx, id)
	switch {
	case errors.Is(err, accounts.ErrNotFound):
		return nil
	case err != nil:
		return cannotTell("read session", err)
	}
	return f.end(ctx, s, ending{kind: accounts.EventSessionRevoked, actor: "person", reason: "logout"}, requestID)
}

// RevokeOwn ends a family for somebody who shows another session of the same account, or that one, and its event says which.
// One of theirs that is over is no error. accounts.ErrNotFound: it is not theirs, or there is none, and they do not learn which.
func (f *Families) RevokeOwn(ctx context.Context, by accounts.Session, id uuid.UUID, requestID string) error {
	s, err := f.sessions.Session(ctx, id)
	switch {
	case errors.Is(err, accounts.ErrNotFound), err == nil && s.AccountID != by.AccountID:
		return accounts.ErrNotFound
	case err != nil:
		return cannotTell("read session", err)
	}
	return f.end(ctx, s, ending{accounts.EventSessionRevoked, "person", "ended by its owner", by.ID}, requestID)
}

// An ending is why a family ends, as its event tells it.
type ending struct {
	kind          accounts.EventKind
	actor, reason string
	by            uuid.UUID // the session by which a person ended it; uuid.Nil: none that is known
}

// end ends a family in the store, and then its access tokens. Of several who do so, one writes the event.
func (f *Families) end(ctx context.Context, s accounts.Session, why ending, requestID string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	now := f.c.Now()
	detail := map[string]string{"session": s.ID.String()}
	if why.by != uuid.Nil {
		detail["by_session"] = why.by.String()
	}
	_, err := f.sessions.RevokeSession(ctx, s.ID, now, accounts.Event{
		ID: f.c.NewID(), At: now, AccountID: s.AccountID, Kind: why.kind, Actor: why.actor, Reason: why.reason, RequestID: requestID,
		Detail: detail,
	})
	if err != nil {
		return cannotTell("end session", err)
	}
	f.Refuse(ctx, s.ID)
	return nil
}

// Refuse ends the access tokens of sessions that were ended in the store, on this replica at once and on the others as
// soon as they hear of it. What does not reach them ends with the token's life.
func (f *Families) Refuse(ctx context.Context, sessions ...uuid.UUID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	until := f.c.Now().Add(f.life + skew)
	for _, id := range sessions {
		f.c.Revocations.Revoke(ctx, id.String(), until)
	}
}

// tokens signs an access token and computes the refresh token of the session's generation.
func (f *Families) tokens(s accounts.Session, p Person) (Tokens, error) {
	access, life, err := f.Sign(s, p.Name, p.Required)
	if err != nil {
		return Tokens{}, err
	}
	return Tokens{Access: access, ExpiresIn: life, Refresh: f.key.text(s.ID, s.Generation)}, nil
}

// expires returns when a session ends that was created and is refreshed at these times.
func (f *Families) expires(created, now time.Time) time.Time {
	idle, absolute := now.Add(f.idle), created.Add(f.absolute)
	if absolute.Before(idle) {
		return absolute
	}
	return idle
}

// clientText makes what a client says of itself fit to be stored: valid UTF-8 without control characters (PostgreSQL
// refuses a NUL, and a login must not fail for its user agent), cut to 256 bytes at a character.
func clientText(s string) string {
	if len(s) > 4*maxClient {
		s = s[:4*maxClient]
	}
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "�") {
		if unicode.IsControl(r) {
			r = ' '
		}
		if b.Len()+len(string(r)) > maxClient {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}
