package accounts_test

import (
	"errors"
	"slices"
	"testing"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/accounts/phase"
)

func (v *village) askEmail(t *testing.T, session accounts.Session, current, email string) error {
	t.Helper()
	return v.AskEmail(t.Context(), accounts.EmailChange{Session: session, Current: password.NewSecret([]byte(current)), Email: email})
}

func confirmEmail(t *testing.T, s *accounts.Service, token password.Secret) error {
	t.Helper()
	return s.ConfirmEmail(t.Context(), accounts.EmailConfirmation{Token: token})
}

// letter sends what is due, which must be one letter of a kind to an address.
func (v *village) letter(t *testing.T, kind accounts.LetterKind, to string) password.Secret {
	t.Helper()
	letters := v.mail(t, v.second)
	if len(letters) != 1 || letters[0].Kind != kind || letters[0].To != to {
		t.Fatalf("%d letters, want one of kind %s to %s", len(letters), kind, to)
	}
	return letters[0].Token
}

// address fails unless an account has an address, verified or not.
func (v *village) address(t *testing.T, session accounts.Session, want string, verified bool) {
	t.Helper()
	rec, err := v.store.ByID(t.Context(), session.AccountID)
	must(t, "read the account", err, nil)
	i := slices.IndexFunc(rec.Identifiers, func(id accounts.Identifier) bool { return id.Kind == accounts.Email })
	if rec.Named(accounts.Email) != want || rec.Identifiers[i].Verified != verified {
		t.Errorf("the address is %+v, want %s (verified: %v)", rec.Identifiers, want, verified)
	}
}

func TestEmailChange(t *testing.T) {
	t.Parallel()
	v, session := copying(t, salted(t, "8", "bert", "rose"))
	must(t, "a wrong password", v.askEmail(t, session, "rose", "anna@new.example"), accounts.ErrCredentials)
	var invalid *accounts.InvalidError
	for _, email := range []string{"", "anna", "+491234567", "anna@new.example\r\nBcc: eve@example.net"} {
		if err := v.askEmail(t, session, "tulip", email); !errors.As(err, &invalid) || invalid.Field != "email" {
			t.Errorf("%q: %v", email, err)
		}
	}
	must(t, "ask", v.askEmail(t, session, "tulip", "Anna@New.example"), nil)
	token := v.letter(t, accounts.LetterVerify, "Anna@New.example")
	v.address(t, session, "anna@example.org", false)
	reset := v.token(t, "anna")
	must(t, "it as a token of another kind", confirmReset(t, v.Service, token, orchids), accounts.ErrTicket)
	must(t, "another kind as it", confirmEmail(t, v.Service, reset), accounts.ErrTicket)

	must(t, "confirm", confirmEmail(t, v.Service, token), nil)
	v.address(t, session, "Anna@New.example", true)
	v.letter(t, accounts.LetterEmailChanged, "anna@example.org")
	must(t, "the token again", confirmEmail(t, v.Service, token), accounts.ErrTicket)
	must(t, "a reset that went to the old address", confirmReset(t, v.Service, reset, orchids), accounts.ErrTicket)
	if p := mustLogin(t, v.Service, "anna@new.example", "tulip"); p.ID != anna {
		t.Error("the subject has changed")
	}
	must(t, "ask for a reset", v.AskReset(t.Context(), "anna", ""), nil)
	v.letter(t, accounts.LetterReset, "Anna@New.example")
	if n := v.count(t, anna, accounts.EventEmail); n != 1 {
		t.Errorf("%d events of it, want 1", n)
	}

	// Whatever the phase goes back to and whatever else is told to the shop, the address stands.
	must(t, "change", change(v.Service, session, "tulip", orchids), nil)
	v.deliver(t, v.Service)
	v.move(t, phase.LegacyOnly)
	if p := mustLogin(t, v.Service, "anna@new.example", orchids); p.ID != anna {
		t.Error("the subject has changed on the way back")
	}
}

// Her own address is marked as hers, and nobody is told of a change.
func TestEmailVerification(t *testing.T) {
	t.Parallel()
	v, session := copying(t)
	must(t, "ask", v.askEmail(t, session, "tulip", "ANNA@example.org"), nil)
	must(t, "confirm", confirmEmail(t, v.Service, v.letter(t, accounts.LetterVerify, "ANNA@example.org")), nil)
	v.address(t, session, "anna@example.org", true)
	if letters := v.mail(t, v.second); len(letters) != 0 {
		t.Errorf("%d letters, want none", len(letters))
	}
}

// Another's address, in whichever store, is not told, not mailed to, and not given.
func TestEmailOfAnother(t *testing.T) {
	t.Parallel()
	v, session := copying(t, salted(t, "8", "bert", "rose"))
	must(t, "ask for bert's", v.askEmail(t, session, "tulip", "bert@example.org"), nil)
	if letters := v.mail(t, v.second); len(letters) != 0 {
		t.Errorf("%d letters to bert", len(letters))
	}
	must(t, "ask", v.askEmail(t, session, "tulip", "free@example.org"), nil)
	token := v.letter(t, accounts.LetterVerify, "free@example.org")
	zoe := mustRegister(t, v.Service, "zoe", "free@example.org", orchids)
	must(t, "confirm what zoe has now", confirmEmail(t, v.Service, token), accounts.ErrTakenIdentifier)
	v.address(t, session, "anna@example.org", false)
	if p := mustLogin(t, v.Service, "free@example.org", orchids); p.ID != zoe.ID {
		t.Error("zoe's address is another's")
	}
}

// Somebody who registers gets a letter, and somebody without an address gets one by their first.
func TestEmailOfTheRegistered(t *testing.T) {
	t.Parallel()
	v, _ := copying(t)
	zoe := v.open(t, mustRegister(t, v.Service, "zoe", "zoe@example.org", orchids))
	token := v.letter(t, accounts.LetterVerify, "zoe@example.org")
	must(t, "confirm", confirmEmail(t, v.Service, token), nil)
	v.address(t, zoe, "zoe@example.org", true)

	yan := v.open(t, mustRegister(t, v.Service, "yan", "", orchids))
	must(t, "ask", v.askEmail(t, yan, orchids, "yan@example.org"), nil)
	must(t, "confirm", confirmEmail(t, v.Service, v.letter(t, accounts.LetterVerify, "yan@example.org")), nil)
	v.address(t, yan, "yan@example.org", true)
}

// Where the old store must have it and takes none.
func TestEmailManagedElsewhere(t *testing.T) {
	t.Parallel()
	v := inBoth(t)
	session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
	must(t, "ask", v.askEmail(t, session, "tulip", "anna@new.example"), nil)
	token := v.letter(t, accounts.LetterVerify, "anna@new.example")
	v.source.Allow.Email = false
	must(t, "confirm", confirmEmail(t, v.Service, token), accounts.ErrManagedElsewhere)
	must(t, "ask", v.askEmail(t, session, "tulip", "anna@new.example"), accounts.ErrManagedElsewhere)
	v.source.Allow.Email = true
	must(t, "ask", v.askEmail(t, session, "tulip", "anna@third.example"), nil)
	v.source.Allow.Email = false
	if n := len(v.mail(t, v.second)); n != 0 {
		t.Errorf("%d letters with a link that does nothing", n)
	}
	v.source.Allow.Email, v.source.Allow.Conditional = true, false
	must(t, "confirm under no condition", confirmEmail(t, v.Service, token), accounts.ErrManagedElsewhere)
	v.waiting(t, 0)

	v, session = copying(t)
	v.source.Allow.Email = false
	must(t, "ask", v.askEmail(t, session, "tulip", "anna@new.example"), nil)
	token = v.letter(t, accounts.LetterVerify, "anna@new.example")
	v.move(t, phase.LegacyOnly)
	if err := confirmEmail(t, v.Service, token); !errors.Is(err, accounts.ErrManagedElsewhere) && !errors.Is(err, accounts.ErrTicket) {
		t.Errorf("confirm after a way back: %v", err)
	}
	v.address(t, session, "anna@example.org", false)
}
