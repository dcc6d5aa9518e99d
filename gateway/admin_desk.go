package gateway

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"rekey/accounts"
	"rekey/gateway/limit"
)

// What support sees of one person in both stores, and does for them. The command line shows the same.

// whyState says where somebody is and why, beside what is kept of them here.
type whyState struct {
	Where    string            `json:"where"` // here, legacy or both
	State    string            `json:"state"`
	Why      string            `json:"why"`
	Also     []accounts.Cause  `json:"also"`
	Phase    string            `json:"phase"`
	Answers  string            `json:"answers"` // new, legacy or neither
	Source   string            `json:"source,omitempty"`
	LegacyID string            `json:"legacy_id,omitempty"`
	Silent   bool              `json:"legacy_silent"` // the legacy store did not answer
	Move     accounts.MoveView `json:"move"`          // of who is not here
	Here     *sideState        `json:"here,omitempty"`
	There    *sideState        `json:"there,omitempty"` // in the legacy store
	Differ   []string          `json:"differ"`
}

// A sideState is what one store has of a person.
type sideState struct {
	Identifiers  []identifierState     `json:"identifiers"`
	Email        string                `json:"email,omitempty"`
	Profile      profileState          `json:"profile"`
	Disabled     bool                  `json:"disabled"`
	CreatedAt    *time.Time            `json:"created_at,omitempty"`
	LastLoginAt  *time.Time            `json:"last_login_at,omitempty"`
	SecondFactor bool                  `json:"second_factor"`
	Password     accounts.PasswordView `json:"password"`
}

func sideStateOf(side *accounts.Side) *sideState {
	if side == nil {
		return nil
	}
	return &sideState{
		Identifiers: each(side.Identifiers, identifierStateOf), Email: side.Email,
		Profile:  profileState{side.DisplayName, side.Locale, side.Roles, side.Groups, side.Attributes},
		Disabled: side.Disabled, CreatedAt: timeOrNil(side.CreatedAt), LastLoginAt: timeOrNil(side.LastLoginAt),
		SecondFactor: side.SecondFactor, Password: side.Password,
	}
}

// PersonStateOf returns a person as they are shown.
func PersonStateOf(v accounts.PersonView) any { return personStateOf(v) }

func personStateOf(v accounts.PersonView) accountState {
	state := accountStateOf(v.Overview)
	state.whyState = whyState{
		Where: string(v.Where), State: string(v.State), Why: v.Why, Also: v.Also, Phase: v.Phase.String(), Answers: v.Answers.String(),
		Source: v.Source, LegacyID: v.LegacyID, Silent: v.Silent, Move: v.Move, Here: sideStateOf(v.Here), There: sideStateOf(v.There), Differ: v.Differ,
	}
	if state.Differ == nil {
		state.Differ = []string{}
	}
	return state
}

// showAccount serves GET /admin/v1/accounts/{ref}: a person in both stores, and why they are where they are.
func (g *Gateway) showAccount(c echo.Context) error {
	ref, err := refOf(c)
	if err != nil {
		return err
	}
	v, err := g.accounts.View(c.Request().Context(), ref)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, personStateOf(v))
}

// A FoundState is somebody whom a search has found, as they are shown.
type FoundState struct {
	ID          uuid.UUID         `json:"id"`
	Where       string            `json:"where"`
	State       string            `json:"state"`
	Why         string            `json:"why"`
	Source      string            `json:"source,omitempty"`
	LegacyID    string            `json:"legacy_id,omitempty"`
	Identifiers []identifierState `json:"identifiers"`
}

// A FindingState is what a search has come to, as it is shown.
type FindingState struct {
	People   []FoundState             `json:"accounts"`
	More     bool                     `json:"more"`
	Problems []accounts.SearchProblem `json:"problems"`
}

// FindingStateOf returns what a search has come to as it is shown.
func FindingStateOf(f accounts.Finding) FindingState {
	state := FindingState{
		People: each(f.People, func(p accounts.Found) FoundState {
			return FoundState{p.AccountID, string(p.Where), string(p.State), p.Why, p.Source, p.LegacyID, each(p.Identifiers, identifierStateOf)}
		}),
		More: f.More, Problems: f.Problems,
	}
	if state.Problems == nil {
		state.Problems = []accounts.SearchProblem{}
	}
	return state
}

// Name returns something that the person logs in with; "" if nothing is known.
func (f FoundState) Name() string {
	if len(f.Identifiers) == 0 {
		return ""
	}
	return f.Identifiers[0].Value
}

// findAccounts serves GET /admin/v1/accounts?q=: both stores at once.
func (g *Gateway) findAccounts(c echo.Context) error {
	var q string
	if err := readQuery(c, field{name: "q", value: &q}); err != nil {
		return err
	}
	f, err := g.accounts.Search(c.Request().Context(), q)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, FindingStateOf(f))
}

// A RevertState is what taking a move back has come to, as it is shown.
type RevertState struct {
	AccountID uuid.UUID `json:"account_id"`
	Source    string    `json:"source"`
	LegacyID  string    `json:"legacy_id"`
	DryRun    bool      `json:"dry_run"`
	Changed   bool      `json:"changed"`
	Until     string    `json:"until"` // how long the legacy store answers
	Sessions  int       `json:"sessions_ended"`
}

// RevertStateOf returns what taking a move back has come to as it is shown.
func RevertStateOf(t accounts.Taken, dryRun bool) RevertState {
	return RevertState{t.AccountID, t.Source, t.LegacyID, dryRun, t.Changed, t.Until, len(t.Ended)}
}

// revert serves POST /admin/v1/accounts/{ref}/revert.
func (g *Gateway) revert(c echo.Context) error {
	var dryRun bool
	by, ref, err := changeOf(c, field{name: "dry_run", truth: &dryRun, optional: true})
	if err != nil {
		return err
	}
	taken, err := g.accounts.Revert(c.Request().Context(), ref, dryRun, by)
	if err != nil {
		return err
	}
	g.tokens.Refuse(c.Request().Context(), taken.Ended...)
	return c.JSON(http.StatusOK, RevertStateOf(taken, dryRun))
}

// An EraseState is what a deletion has come to, as it is shown.
type EraseState struct {
	AccountID uuid.UUID `json:"account_id"`
	Source    string    `json:"source,omitempty"`
	LegacyID  string    `json:"legacy_id,omitempty"`
	DryRun    bool      `json:"dry_run"`
	Changed   bool      `json:"changed"`
	What      []string  `json:"what"` // in words, in the order in which it is done
}

// EraseStateOf returns what a deletion has come to as it is shown.
func EraseStateOf(e accounts.Erasure, dryRun bool) EraseState {
	if e.What == nil {
		e.What = []string{}
	}
	return EraseState{e.AccountID, e.Source, e.LegacyID, dryRun, e.Changed, e.What}
}

// eraseAccount serves DELETE /admin/v1/accounts/{ref}.
func (g *Gateway) eraseAccount(c echo.Context) error {
	var dryRun bool
	by, ref, err := changeOf(c, field{name: "dry_run", truth: &dryRun, optional: true})
	if err != nil {
		return err
	}
	erased, err := g.accounts.DeleteBy(c.Request().Context(), ref, dryRun, by)
	if err != nil {
		return err
	}
	g.tokens.Refuse(c.Request().Context(), erased.Ended...)
	return c.JSON(http.StatusOK, EraseStateOf(erased, dryRun))
}

// Scope says for whom guesses at a password count anew.
type Scope string

// For whom.
const (
	ScopeEverywhere Scope = "everywhere" // all gateways count together
	ScopeHere       Scope = "here"       // each gateway counts for itself, and this is one of them
	ScopeNowhere    Scope = "nowhere"    // nobody counts them
)

// An UnlockState is what unlocking has come to, as it is shown.
type UnlockState struct {
	AccountID uuid.UUID `json:"account_id"`
	DryRun    bool      `json:"dry_run"`
	Counted   int       `json:"counted"` // by how many names guesses at the password are counted
	Scope     Scope     `json:"scope"`
}

// UnlockStateOf returns what unlocking has come to as it is shown.
func UnlockStateOf(l accounts.Locked, dryRun bool, scope Scope) UnlockState {
	return UnlockState{l.AccountID, dryRun, len(l.Identifiers) + 1, scope}
}

// unlock serves POST /admin/v1/accounts/{ref}/unlock. The event comes before the counts: what fails is asked for again.
func (g *Gateway) unlock(c echo.Context) error {
	var dryRun bool
	by, ref, err := changeOf(c, field{name: "dry_run", truth: &dryRun, optional: true})
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	locked, err := g.accounts.Unlock(ctx, ref, dryRun, by)
	if err != nil {
		return err
	}
	if !dryRun {
		if err := Forget(ctx, g.limits.limiter, g.limits.rules, locked); err != nil {
			return err
		}
	}
	return c.JSON(http.StatusOK, UnlockStateOf(locked, dryRun, ScopeOf(g.limits.limiter)))
}

// ScopeOf says for whom a limiter counts; nil counts for nobody.
func ScopeOf(l limit.Limiter) Scope {
	switch l.(type) {
	case nil:
		return ScopeNowhere
	case *limit.Local:
		return ScopeHere
	}
	return ScopeEverywhere
}

// retryUnlock is when to try again to reach what the gateways count together.
const retryUnlock = 2 * time.Second

// Forget gives somebody all guesses at their password back, as far as a limiter counts them by who it is. Those of an address are
// others' too, and stay. Its error is an *accounts.UnavailableError.
func Forget(ctx context.Context, l limit.Limiter, rules limit.Rules, who accounts.Locked) error {
	if l == nil {
		return nil
	}
	for _, key := range append([]string{accountKey(who.AccountID)}, who.Identifiers...) {
		if err := l.Forget(ctx, key, rules.Identifier); err != nil {
			return &accounts.UnavailableError{RetryAfter: retryUnlock, Err: err}
		}
	}
	return nil
}
