package token

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

// A restricted token is none to whoever does not ask for such, and the claim and the audience only count together.
func TestRestricted(t *testing.T) {
	t.Parallel()
	h := newHouse(t, newMemory(), newClock(), nil)
	restricted := alice
	restricted.Required = "change-password accept-terms"
	tokens, err := h.families.Open(t.Context(), Login{Person: restricted})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is remembered
		if _, err := h.families.Verify(t.Context(), tokens.Access); !errors.Is(err, ErrRestricted) {
			t.Errorf("Verify: %v, want ErrRestricted", err)
		}
		claims, err := h.families.VerifyRestricted(t.Context(), tokens.Access)
		if err != nil || claims.Required != restricted.Required || claims.Subject != alice.ID.String() {
			t.Errorf("VerifyRestricted: %+v, %v", claims, err)
		}
	}
	whole := h.open(t)
	if claims, err := h.families.VerifyRestricted(t.Context(), whole.Access); err != nil || claims.Required != "" {
		t.Errorf("VerifyRestricted of a whole token: %+v, %v", claims, err)
	}

	// Signed with our key for another audience: a restricted one without its claim, and one of another installation.
	now := h.clock.Now()
	session := accounts.Session{ID: uuid.Max, AccountID: alice.ID, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
	for _, forged := range []struct{ audience, required string }{{"rekey" + restrictedAudience, ""}, {"other", "change-password"}} {
		elsewhere := *h.families.Access
		elsewhere.c.Audience = forged.audience
		raw, _, err := elsewhere.Sign(session, "alice", forged.required)
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.families.VerifyRestricted(t.Context(), raw)
		wantInvalid(t, "a token for "+forged.audience, err)
	}
}
