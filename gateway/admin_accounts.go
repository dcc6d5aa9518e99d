package gateway

import (
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"rekey/accounts"
)

// An accountState is a person as staff see them. No secret is in it, and no value of an attribute: applications keep all
// sorts of things there.
type accountState struct {
	ID          uuid.UUID                `json:"id"`
	Disabled    bool                     `json:"disabled"`
	CreatedAt   *time.Time               `json:"created_at,omitempty"` // where it is known
	DeletedAt   *time.Time               `json:"deleted_at,omitempty"`
	Identifiers []identifierState        `json:"identifiers"`
	Credential  *credentialState         `json:"credential,omitempty"`
	Links       []linkState              `json:"links"`
	Profile     profileState             `json:"profile"`
	Factors     map[string]int           `json:"factors"`  // how many of each kind
	Sessions    int                      `json:"sessions"` // that live
	Notes       []noteState              `json:"notes"`
	CopyBack    []accounts.DeliveryState `json:"copy_back"` // what legacy stores have yet to hear
	Events      []EventState             `json:"events"`
	whyState
}

type identifierState struct {
	Kind      string `json:"kind"`
	Value     string `json:"value"` // as it is spelled
	Canonical string `json:"canonical"`
	Contested bool   `json:"contested"`
	Verified  bool   `json:"verified"`
}

func identifierStateOf(i accounts.Identifier) identifierState {
	return identifierState{string(i.Kind), i.Spelling, i.Canonical, i.Contested, i.Verified}
}

type credentialState struct {
	Scheme  string `json:"scheme"`
	Version int64  `json:"version"`
}

type linkState struct {
	Source          string     `json:"source"`
	LegacyID        string     `json:"legacy_id"`
	How             string     `json:"how"`
	At              time.Time  `json:"at"`
	LegacyCreatedAt *time.Time `json:"legacy_created_at,omitempty"`
}

type profileState struct {
	DisplayName string   `json:"display_name,omitempty"`
	Locale      string   `json:"locale,omitempty"`
	Roles       []string `json:"roles,omitempty"`
	Groups      []string `json:"groups,omitempty"`
	Attributes  []string `json:"attributes,omitempty"` // their names
}

type noteState struct {
	Source   string    `json:"source"`
	LegacyID string    `json:"legacy_id"`
	Class    string    `json:"class"`
	Reason   string    `json:"reason"`
	At       time.Time `json:"at"`
}

func accountStateOf(o accounts.Overview) accountState {
	a := accountState{
		ID: o.ID, Disabled: o.Disabled, CreatedAt: timeOrNil(o.CreatedAt), DeletedAt: timeOrNil(o.DeletedAt),
		Identifiers: each(o.Identifiers, identifierStateOf),
		Links: each(o.Links, func(l accounts.LegacyLink) linkState {
			return linkState{l.Source, l.LegacyID, string(l.How), l.At, timeOrNil(l.LegacyCreatedAt)}
		}),
		Profile: profileState{o.Profile.DisplayName, o.Profile.Locale, o.Profile.Roles, o.Profile.Groups, sortedKeys(o.Profile.Attributes)},
		Factors: make(map[string]int, len(o.Factors)), Sessions: o.Sessions,
		Notes: each(o.Notes, func(n accounts.Note) noteState {
			return noteState{n.Source, n.LegacyID, string(n.Class), n.Reason, n.At}
		}),
		CopyBack: o.CopyBack, Events: each(o.Events, EventStateOf),
	}
	if o.Scheme != "" {
		a.Credential = &credentialState{string(o.Scheme), o.Version}
	}
	for kind, n := range o.Factors {
		a.Factors[string(kind)] = n
	}
	return a
}

type sessionState struct {
	ID        uuid.UUID `json:"id"`
	CreatedAt time.Time `json:"created_at"` // the login
	RotatedAt time.Time `json:"refreshed_at"`
	ExpiresAt time.Time `json:"expires_at"`
	Client    string    `json:"client,omitempty"`
	Address   string    `json:"address,omitempty"`
}

func sessionStateOf(s accounts.Session) sessionState {
	return sessionState{s.ID, s.CreatedAt, s.RotatedAt, s.ExpiresAt, s.Client, s.Address}
}

// listSessions serves GET /admin/v1/accounts/{ref}/sessions: those that live.
func (g *Gateway) listSessions(c echo.Context) error {
	subject, err := g.subject(c)
	if err != nil {
		return err
	}
	sessions, err := g.accounts.SessionsOf(c.Request().Context(), subject)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"sessions": each(sessions, sessionStateOf)})
}

// subject is whom the path names, moved or not: who has not moved may have sessions too.
func (g *Gateway) subject(c echo.Context) (uuid.UUID, error) {
	ref, err := refOf(c)
	if err != nil {
		return uuid.Nil, err
	}
	return g.accounts.SubjectAnywhere(c.Request().Context(), ref)
}

// revokeSessions serves POST /admin/v1/accounts/{ref}/revoke-sessions.
func (g *Gateway) revokeSessions(c echo.Context) error {
	by, err := change(c)
	if err != nil {
		return err
	}
	subject, err := g.subject(c)
	if err != nil {
		return err
	}
	ended, err := g.accounts.RevokeSessions(c.Request().Context(), subject, by)
	if err != nil {
		return err
	}
	g.tokens.Refuse(c.Request().Context(), ended...)
	return c.JSON(http.StatusOK, map[string]any{"account_id": subject, "sessions_ended": len(ended)})
}

// disable serves POST /admin/v1/accounts/{ref}/disable.
func (g *Gateway) disable(c echo.Context) error { return g.setDisabled(c, true) }

// enable serves POST /admin/v1/accounts/{ref}/enable.
func (g *Gateway) enable(c echo.Context) error { return g.setDisabled(c, false) }

// changeOf reads a change of the account that the path names.
func changeOf(c echo.Context, fields ...field) (by accounts.By, ref string, err error) {
	if by, err = change(c, fields...); err == nil {
		ref, err = refOf(c)
	}
	return by, ref, err
}

func (g *Gateway) setDisabled(c echo.Context, disabled bool) error {
	by, ref, err := changeOf(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	barred, err := g.accounts.DisableBy(ctx, ref, disabled, false, by)
	if err != nil {
		return err
	}
	g.tokens.Refuse(ctx, barred.Ended...)
	return c.JSON(http.StatusOK, map[string]any{
		"account_id": barred.AccountID, "disabled": disabled, "changed": barred.Changed, "moved": barred.Moved, "sessions_ended": len(barred.Ended),
	})
}
