package accounts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// A Role says what a member of staff may do. What that is, is the table of the admin listener.
type Role string

// Roles of staff.
const (
	RoleSupport  Role = "support"  // looks people up and acts on one account at a time
	RoleOperator Role = "operator" // runs the move
	RoleAuditor  Role = "auditor"  // reads everything, changes nothing
	RoleAdmin    Role = "admin"    // everything, and who may do what
)

// Roles returns all roles.
func Roles() []Role { return []Role{RoleSupport, RoleOperator, RoleAuditor, RoleAdmin} }

// A StaffToken lets one member of staff in at the admin listener. Its text is shown once and not kept.
type StaffToken struct {
	ID         uuid.UUID // UUIDv7
	Name       string    // the person's; one person may have several tokens
	Role       Role
	Digest     StaffDigest
	CreatedAt  time.Time
	ExpiresAt  time.Time
	LastUsedAt time.Time // zero: never; to the minute
	RevokedAt  time.Time // zero: not
}

// StaffTokenState says whether a token counts.
type StaffTokenState string

// States of a staff token.
const (
	StaffTokenActive  StaffTokenState = "active"
	StaffTokenExpired StaffTokenState = "expired"
	StaffTokenRevoked StaffTokenState = "revoked"
)

// State returns whether the token counts at a time.
func (t StaffToken) State(at time.Time) StaffTokenState {
	switch {
	case !t.RevokedAt.IsZero():
		return StaffTokenRevoked
	case !at.Before(t.ExpiresAt):
		return StaffTokenExpired
	}
	return StaffTokenActive
}

// StaffTokens is the part of a Store that knows who works here.
type StaffTokens interface {
	// AddStaffToken stores a new token, with the event. An id or a digest that is there already is an error.
	AddStaffToken(ctx context.Context, t StaffToken, e Event) error
	// StaffTokenByDigest returns the token with this digest if it counts at a time; ErrNotFound if it does not: unknown,
	// expired and revoked are one.
	StaffTokenByDigest(ctx context.Context, digest StaffDigest, at time.Time) (StaffToken, error)
	// UseStaffToken notes that a token was used at a time, unless its last use was noted less than every before.
	UseStaffToken(ctx context.Context, id uuid.UUID, at time.Time, every time.Duration) error
	// RevokeStaffToken ends a token, with the event, and reports whether this call ended it: ending it again changes
	// nothing and writes no event. ErrNotFound if there is none.
	RevokeStaffToken(ctx context.Context, id uuid.UUID, at time.Time, e Event) (bool, error)
	// StaffTokens returns all tokens, those that no longer count too, oldest first.
	StaffTokens(ctx context.Context) ([]StaffToken, error)
}

// How long a staff token lives. There is no token without an end: people leave, and nobody remembers theirs.
const (
	DefaultStaffLife = 30 * 24 * time.Hour
	MaxStaffLife     = 365 * 24 * time.Hour
)

// A StaffGrant is what a token is made for.
type StaffGrant struct {
	Name  string
	Role  Role
	Until time.Time // when it expires; zero means DefaultStaffLife from now
}

// Check returns an *InvalidError if no token can be made for it at this time.
func (g StaffGrant) Check(now time.Time) error {
	switch {
	case !staffName(g.Name):
		return &InvalidError{Field: "name", Reason: "must be 1 to 64 ASCII letters, digits and . _ - @ +, such as anna.meier"}
	case !slices.Contains(Roles(), g.Role):
		return &InvalidError{Field: "role", Reason: "must be support, operator, auditor or admin"}
	case !g.Until.IsZero() && (!g.Until.After(now) || g.Until.Sub(now) > MaxStaffLife):
		return &InvalidError{Field: "expires_at", Reason: "must be in the next 365 days"}
	}
	return nil
}

// staffName reports whether a name can stand in the audit: no two that look alike, and nothing that looks like more than
// a name.
func staffName(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@+"
	return name != "" && len(name) <= 64 && strings.Trim(name, letters) == ""
}

// StaffConfig is what Staff is made of. Store is required.
type StaffConfig struct {
	Store StaffTokens
	Now   func() time.Time // nil means time.Now
	Log   *slog.Logger
}

// Staff hands out the tokens of those who work here, takes them back, and says whose one is. It is safe for concurrent
// use.
type Staff struct {
	store StaffTokens
	now   func() time.Time
	log   *slog.Logger
}

// NewStaff returns a Staff.
func NewStaff(c StaffConfig) *Staff {
	s := &Staff{store: c.Store, now: c.Now, log: c.Log}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s
}

// Add makes a token and returns it with its text, which nobody can read again. Its error is an *InvalidError, or an
// *UnavailableError: then it is not known whether the token was stored, and nobody has its text.
func (s *Staff) Add(ctx context.Context, g StaffGrant, by By) (t StaffToken, text string, err error) {
	now := s.now().UTC().Truncate(time.Microsecond)
	if err := cmp.Or(g.Check(now), by.Check()); err != nil {
		return StaffToken{}, "", err
	}
	if g.Until.IsZero() {
		g.Until = now.Add(DefaultStaffLife)
	}
	text, digest := newStaffText()
	t = StaffToken{
		ID: uuid.Must(uuid.NewV7()), Name: g.Name, Role: g.Role, Digest: digest,
		CreatedAt: now, ExpiresAt: g.Until.UTC().Truncate(time.Microsecond),
	}
	e := by.event(uuid.Nil, EventStaffTokenAdded, now)
	e.Detail = map[string]string{
		"id": t.ID.String(), "name": t.Name, "role": string(t.Role), "expires_at": t.ExpiresAt.Format(time.RFC3339),
	}
	if err := s.store.AddStaffToken(ctx, t, e); err != nil {
		return StaffToken{}, "", cannotTell("add staff token", err)
	}
	return t, text, nil
}

// Revoke ends a token and reports whether this call ended it. Its error is an *InvalidError, ErrNotFound if there is no
// such token, or an *UnavailableError.
func (s *Staff) Revoke(ctx context.Context, id uuid.UUID, by By) (bool, error) {
	if err := by.Check(); err != nil {
		return false, err
	}
	now := s.now()
	e := by.event(uuid.Nil, EventStaffTokenRevoked, now)
	e.Detail = map[string]string{"id": id.String()}
	did, err := s.store.RevokeStaffToken(ctx, id, now, e)
	switch {
	case errors.Is(err, ErrNotFound):
		return false, ErrNotFound
	case err != nil:
		return false, cannotTell("revoke staff token", err)
	}
	return did, nil
}

// List returns all tokens, oldest first. Its error is an *UnavailableError.
func (s *Staff) List(ctx context.Context) ([]StaffToken, error) {
	tokens, err := s.store.StaffTokens(ctx)
	if err != nil {
		return nil, cannotTell("read staff tokens", err)
	}
	return tokens, nil
}

// staffUseEvery is how often the last use of a token is noted: often enough to see which are forgotten, and seldom enough
// that reading costs no write.
const staffUseEvery = time.Minute

// Who returns the token with a digest. Its error is ErrNotFound if there is none that counts, or an *UnavailableError.
func (s *Staff) Who(ctx context.Context, digest StaffDigest) (StaffToken, error) {
	now := s.now()
	t, err := s.store.StaffTokenByDigest(ctx, digest, now)
	switch {
	case errors.Is(err, ErrNotFound):
		return StaffToken{}, ErrNotFound
	case err != nil:
		return StaffToken{}, cannotTell("read staff token", err)
	}
	if now.Sub(t.LastUsedAt) >= staffUseEvery {
		if err := s.store.UseStaffToken(ctx, t.ID, now, staffUseEvery); err != nil { // nobody is kept out for a note
			s.log.WarnContext(ctx, "use of a staff token not noted", "id", t.ID, "error", err)
		}
	}
	return t, nil
}

// String names the token by what may be known of it.
func (t StaffToken) String() string {
	return fmt.Sprintf("staff token %s of %s (%s)", t.ID, t.Name, t.Role)
}
