package accounts_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"rekey/accounts"
)

// Who measures is told of each login that says something of us.
func TestAnsweredLogins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "7", "anna", "anna@example.org", "tulip"))
	var told []error
	s := w.serve(t, func(c *accounts.Config) {
		c.Answered = func(took time.Duration, err error) {
			if took <= 0 {
				t.Errorf("took %s", took)
			}
			told = append(told, err)
		}
	})
	mustLogin(t, s, "anna", "tulip")
	mustRefuse(t, s, "anna", "rose")
	w.source.SetDown(errDown)
	mustDoubt(t, s, "bert", "tulip")
	if _, err := s.Login(t.Context(), try("anna", "")); err == nil {
		t.Fatal("a login without a password")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Login(gone, try("bert", "tulip")); err == nil {
		t.Fatal("a login whose client has hung up")
	}
	var unavailable *accounts.UnavailableError
	if len(told) != 3 || told[0] != nil || !errors.Is(told[1], accounts.ErrCredentials) || !errors.As(told[2], &unavailable) {
		t.Errorf("told of %v", told)
	}
}
