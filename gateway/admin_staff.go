package gateway

import (
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"rekey/accounts"
)

// A StaffState is a staff token without what proves it, as the API and the command line show it.
type StaffState struct {
	ID         uuid.UUID  `json:"id"`
	Name       string     `json:"name"`
	Role       string     `json:"role"`
	State      string     `json:"state"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  time.Time  `json:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
	RevokedAt  *time.Time `json:"revoked_at,omitempty"`
}

// StaffStateOf shows a token as it is at a time.
func StaffStateOf(t accounts.StaffToken, at time.Time) StaffState {
	return StaffState{
		t.ID, t.Name, string(t.Role), string(t.State(at)), t.CreatedAt, t.ExpiresAt,
		timeOrNil(t.LastUsedAt), timeOrNil(t.RevokedAt),
	}
}

// listStaffTokens serves GET /admin/v1/staff-tokens: all of them, oldest first.
func (g *Gateway) listStaffTokens(c echo.Context) error {
	tokens, err := g.staff.List(c.Request().Context())
	if err != nil {
		return err
	}
	now := g.now()
	return c.JSON(http.StatusOK, map[string]any{"staff_tokens": each(tokens, func(t accounts.StaffToken) StaffState {
		return StaffStateOf(t, now)
	})})
}

// addedStaff is a new token with its text, which is told this once.
type addedStaff struct {
	StaffState
	Token string `json:"token"`
}

// addStaffToken serves POST /admin/v1/staff-tokens.
func (g *Gateway) addStaffToken(c echo.Context) error {
	var grant accounts.StaffGrant
	var role, expires string
	by, err := change(c, field{name: "name", value: &grant.Name}, field{name: "role", value: &role},
		field{name: "expires_at", value: &expires, optional: true})
	if err != nil {
		return err
	}
	grant.Role = accounts.Role(role)
	if expires != "" {
		if grant.Until, err = time.Parse(time.RFC3339, expires); err != nil || grant.Until.IsZero() {
			return invalid("expires_at", "must be a time as in RFC 3339, such as 2027-01-31T12:00:00Z")
		}
	}
	t, text, err := g.staff.Add(c.Request().Context(), grant, by)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, addedStaff{StaffStateOf(t, g.now()), text})
}

// revokeStaffToken serves DELETE /admin/v1/staff-tokens/{id}. Revoking it again is a success.
func (g *Gateway) revokeStaffToken(c echo.Context) error {
	by, err := change(c)
	if err != nil {
		return err
	}
	id, err := idText("id", c.Param("id"))
	if err != nil {
		return err
	}
	if _, err := g.staff.Revoke(c.Request().Context(), id, by); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
