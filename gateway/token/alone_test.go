package token

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

// A session that cannot be stored gives an access token that is as good as any, and nothing to renew it with; this process knows
// whose it is until the token ends, and no store is asked.
func TestOpenAlone(t *testing.T) {
	t.Parallel()
	m, c := newMemory(), newClock()
	h := newHouse(t, m, c, nil).families
	before := m.count("CreateSession") + m.count("Session")
	who := Person{ID: alice.ID, Source: "shop", LegacyID: "7"}
	tokens, err := h.OpenAlone(Login{Person: who})
	if err != nil || tokens.Refresh != "" || tokens.ExpiresIn != DefaultAccessLife {
		t.Fatalf("%+v (%v)", tokens, err)
	}
	claims, err := h.Verify(t.Context(), tokens.Access)
	if err != nil || claims.Subject != who.ID.String() || claims.Name != "" {
		t.Fatalf("%+v (%v)", claims, err)
	}
	known, err := h.SessionAlone(claims)
	if err != nil || known.AccountID != who.ID || known.Source != "shop" || known.LegacyID != "7" {
		t.Errorf("%+v (%v)", known, err)
	}
	other := claims
	other.Subject = uuid.NewString() // a token of somebody else's, made with the same session, is not ours; nor is what it says
	if s, err := h.SessionAlone(other); err != nil || s.Source != "" || s.AccountID == who.ID {
		t.Errorf("another's: %+v (%v)", s, err)
	}
	if n := m.count("CreateSession") + m.count("Session"); n != before {
		t.Error("the store was asked")
	}
	c.Add(DefaultAccessLife)
	if s, err := h.SessionAlone(claims); err != nil || s.Source != "" {
		t.Errorf("after its end: %+v (%v)", s, err)
	}
	claims.Subject = "nobody"
	_, err = h.SessionAlone(claims)
	wantInvalid(t, "no id", err)
}

// However many log in, what is kept of them is bounded.
func TestBookIsBounded(t *testing.T) {
	t.Parallel()
	var b book
	at := time.Unix(1e9, 0)
	for i := range 2*maxAlone + 1 {
		b.put(accounts.Session{ID: uuid.New(), CreatedAt: at, ExpiresAt: at.Add(time.Duration(i) * time.Second)})
		if len(b.sessions) > maxAlone {
			t.Fatalf("%d sessions are kept", len(b.sessions))
		}
	}
}
