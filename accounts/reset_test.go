package accounts_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/legacy"
)

// A postbox is a mail server that keeps what it takes.
type postbox struct {
	mu   sync.Mutex
	all  []accounts.Letter
	fail error // set: it takes nothing
}

func (p *postbox) Send(_ context.Context, l accounts.Letter) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail == nil {
		p.all = append(p.all, l)
	}
	return p.fail
}

func (p *postbox) down(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = err
}

// taken returns the letters since the last time.
func (p *postbox) taken() []accounts.Letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.all
	p.all = nil
	return all
}

// mail sends what is due.
func (v *village) mail(t *testing.T, s *accounts.Service) []accounts.Letter {
	t.Helper()
	for range 20 {
		more, err := s.MailNext(t.Context())
		must(t, "mail", err, nil)
		if !more {
			return v.post.taken()
		}
	}
	t.Fatal("the mail does not come to rest")
	return nil
}

// token asks for a reset and returns the token of the one letter that comes.
func (v *village) token(t *testing.T, identifier string) password.Secret {
	t.Helper()
	must(t, "ask", v.AskReset(t.Context(), identifier, "req-1"), nil)
	letters := v.mail(t, v.second)
	if len(letters) != 1 || letters[0].Kind != accounts.LetterReset {
		t.Fatalf("%d letters for %s, want one with a token", len(letters), identifier)
	}
	return letters[0].Token
}

func confirmReset(t *testing.T, s *accounts.Service, token password.Secret, next string) error {
	t.Helper()
	return s.ConfirmReset(t.Context(), accounts.Reset{Token: token, New: password.NewSecret([]byte(next)), RequestID: "req-2"})
}

// inAll runs a test in each phase in which there are old passwords: also in new-first, along both plans.
func inAll(t *testing.T, f func(t *testing.T, v *village)) {
	t.Helper()
	inEach(t, f)
	t.Run("new-first", func(t *testing.T) {
		t.Parallel()
		f(t, newVillage(t, phase.Lazy, accounts.CopyBackFull, salted(t, "7", "anna", "tulip")))
	})
	t.Run("new-first after a ramp", func(t *testing.T) {
		t.Parallel()
		v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
		v.move(t, phase.Shadow, phase.Both, phase.Ramp, phase.NewFirst)
		f(t, v)
	})
}

// wasReset fails unless anna's password is another now, in both stores, with one event.
func (v *village) wasReset(t *testing.T, old, next string) {
	t.Helper()
	v.takes(t, next)
	v.refuses(t, old)
	v.deliver(t, v.second)
	v.waiting(t, 0)
	v.sold(t, "7", next, true)
	v.takes(t, next)
	v.refuses(t, old)
	if n := v.count(t, anna, accounts.EventReset); n != 1 {
		t.Errorf("%d events of the reset, want 1", n)
	}
}

// Somebody who never logged in since the move began.
func TestResetOfTheUnmoved(t *testing.T) {
	t.Parallel()
	inAll(t, func(t *testing.T, v *village) {
		token := v.token(t, "anna")
		v.takesNothingYet(t)
		must(t, "confirm", confirmReset(t, v.second, token, orchids), nil)
		v.wasReset(t, "tulip", orchids)
		must(t, "the token again", confirmReset(t, v.Service, token, tulips), accounts.ErrTicket)
	})
}

// takesNothingYet fails if a mail that was sent has changed anything.
func (v *village) takesNothingYet(t *testing.T) {
	t.Helper()
	v.sold(t, "7", "tulip", true)
	if _, err := v.store.ByID(t.Context(), anna); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("she is here after a mail (%v)", err)
	}
}

// Somebody who has logged in before, and whose sessions end.
func TestResetOfTheMoved(t *testing.T) {
	t.Parallel()
	inAll(t, func(t *testing.T, v *village) {
		session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
		token := v.token(t, "ANNA@EXAMPLE.ORG")
		must(t, "confirm", confirmReset(t, v.Service, token, orchids), nil)
		if got, err := v.store.Session(t.Context(), session.ID); err != nil || !got.Superseded && got.RevokedAt.IsZero() {
			t.Errorf("her session lives (%v)", err)
		}
		v.wasReset(t, "tulip", orchids)
	})
}

// Somebody with a session from a login that could not move her: it ends too, and so does one that is just opened.
func TestResetEndsSessionsOfTheUnmoved(t *testing.T) {
	t.Parallel()
	inAll(t, func(t *testing.T, v *village) {
		v.doors.beforeCreate = func() error { return errDown }
		person := mustLogin(t, v.Service, "anna", "tulip")
		v.doors.beforeCreate = nil
		session := v.open(t, person)
		must(t, "confirm", confirmReset(t, v.Service, v.token(t, "anna"), orchids), nil)
		if got, err := v.store.Session(t.Context(), session.ID); err != nil || !got.Superseded && got.RevokedAt.IsZero() {
			t.Errorf("her session lives (%v)", err)
		}
	})
}

// A copy that is not trusted is made equal to legacy again, together with the new password.
func TestResetOfTheDrifted(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	mustLogin(t, v.Service, "anna", "tulip")
	v.raw(t, `UPDATE legacy_links SET drifted = TRUE`)
	changed := salted(t, "7", "anna", "rose")
	changed.Email = "anna@new.example"
	v.source.Change("7", func(u *legacy.User) { *u = changed })
	must(t, "ask", v.AskReset(t.Context(), "anna", ""), nil)
	letters := v.mail(t, v.second)
	if len(letters) != 1 || letters[0].To != "anna@new.example" {
		t.Fatalf("letters go elsewhere than where legacy says")
	}
	must(t, "confirm", confirmReset(t, v.Service, letters[0].Token, orchids), nil)
	v.wasReset(t, "rose", orchids)
	v.refuses(t, "tulip")
	rec, err := v.store.ByID(t.Context(), anna)
	if err != nil || rec.Named(accounts.Email) != "anna@new.example" || rec.Link.Drifted {
		t.Errorf("she is %+v (%v)", rec.Account, err)
	}
}

// On the way down, too, no older password works again, whatever the shop was told.
func TestResetSurvivesARollback(t *testing.T) {
	t.Parallel()
	for _, policy := range []accounts.CopyBack{accounts.CopyBackFull, accounts.CopyBackNone} {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			v := newVillage(t, phase.Lazy, policy, salted(t, "7", "anna", "tulip"))
			must(t, "confirm", confirmReset(t, v.Service, v.token(t, "anna"), orchids), nil)
			v.deliver(t, v.second)
			v.move(t, phase.LegacyOnly)
			v.takes(t, orchids)
			v.refuses(t, "tulip")
		})
	}
}

// The process dies when the shop has the password and we have not: the other one brings it to its end.
func TestResetIsRolledForward(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		token := v.token(t, "anna")
		v.doors.beforeFinish = func() error { return errDown }
		_ = confirmReset(t, v.Service, token, orchids) // in doubt, or acknowledged, by phase
		v.later(t, 31*time.Second)
		v.wasReset(t, "tulip", orchids)
		must(t, "the token again", confirmReset(t, v.Service, token, tulips), accounts.ErrTicket)
	})
}

// Of two who use one token at once one gets it.
func TestOneTokenTwice(t *testing.T) {
	t.Parallel()
	inAll(t, func(t *testing.T, v *village) {
		for _, moved := range []bool{false, true} {
			token := v.token(t, "anna")
			passwords, errs := []string{orchids + "1", orchids + "2"}, make([]error, 2)
			if moved {
				passwords = []string{tulips + "1", tulips + "2"}
			}
			var both sync.WaitGroup
			for i, s := range []*accounts.Service{v.Service, v.second} {
				both.Go(func() { errs[i] = confirmReset(t, s, token, passwords[i]) })
			}
			both.Wait()
			winner := slices.Index(errs, nil)
			if winner < 0 || errs[1-winner] == nil {
				t.Fatalf("the two got %v", errs)
			}
			v.takes(t, passwords[winner])
			v.refuses(t, passwords[1-winner])
			must(t, "the other once more", confirmReset(t, v.Service, token, passwords[1-winner]), accounts.ErrTicket)
		}
	})
}

// Whatever changes about the account kills the token.
func TestTokensDie(t *testing.T) {
	t.Parallel()
	inAll(t, func(t *testing.T, v *village) {
		older := v.token(t, "anna")
		newer := v.token(t, "anna@example.org")
		must(t, "an older one", confirmReset(t, v.Service, older, orchids), accounts.ErrTicket)
		must(t, "none", confirmReset(t, v.Service, password.NewSecret(nil), orchids), accounts.ErrTicket)
		must(t, "a made-up one", confirmReset(t, v.Service, password.NewSecret([]byte("made up")), orchids), accounts.ErrTicket)
		var policy *accounts.PolicyError
		if err := confirmReset(t, v.Service, newer, "short"); !errors.As(err, &policy) {
			t.Errorf("a short password: %v", err)
		}
		v.later(t, 10*time.Minute)
		must(t, "one that has ended", confirmReset(t, v.Service, newer, orchids), accounts.ErrTicket)

		token := v.token(t, "anna")
		session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
		must(t, "change", change(v.Service, session, "tulip", tulips), nil)
		must(t, "after a change", confirmReset(t, v.Service, token, orchids), accounts.ErrTicket)
		v.takes(t, tulips)

		v.deliver(t, v.Service)
		token = v.token(t, "anna")
		must(t, "delete", erase(v.Service, session, tulips), nil)
		must(t, "after a deletion", confirmReset(t, v.Service, token, orchids), accounts.ErrTicket)
		must(t, "ask", v.AskReset(t.Context(), "anna", ""), nil)
		if letters := v.mail(t, v.second); len(letters) != 0 {
			t.Errorf("%d letters to a deleted person", len(letters))
		}
	})
}

// The old application changes somebody between the mail and the click.
func TestTokenDiesByDrift(t *testing.T) {
	t.Parallel()
	inAll(t, func(t *testing.T, v *village) {
		token := v.token(t, "anna")
		v.source.Change("7", func(u *legacy.User) { *u = salted(t, "7", "anna", "rose") })
		must(t, "confirm", confirmReset(t, v.Service, token, orchids), accounts.ErrTicket)
		v.takes(t, "rose")
	})
}

// Everybody gets the same answer; only some get a letter, and it goes to the address on file, never to the one that was typed.
func TestWhoGetsALetter(t *testing.T) {
	t.Parallel()
	blocked := salted(t, "8", "bert", "tulip")
	blocked.Disabled = true
	silent := salted(t, "9", "carl", "tulip")
	silent.Email = ""
	other := salted(t, "11", "Dora", "tulip")
	other.Email = "other@example.org"
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"), blocked, silent, salted(t, "10", "dora", "tulip"), other)
	for typed, want := range map[string][]string{
		"ANNA@example.ORG":  {"reset anna@example.org"},
		"anna":              {"reset anna@example.org"},
		"nobody":            nil,
		"nobody@nowhere.eu": nil,
		"bert":              nil,
		"carl":              nil,
		"dora":              {"contested dora@example.org", "contested other@example.org"},
	} {
		must(t, typed, v.AskReset(t.Context(), typed, ""), nil)
		var got []string
		for _, l := range v.mail(t, v.Service) {
			got = append(got, string(l.Kind)+" "+l.To)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: letters %v, want %v", typed, got, want)
		}
	}
	var invalid *accounts.InvalidError
	if err := v.AskReset(t.Context(), "", ""); !errors.As(err, &invalid) {
		t.Errorf("no name: %v", err)
	}
	mute := v.serve(t, func(*accounts.Config) {})
	must(t, "ask where there is no mail", mute.AskReset(t.Context(), "anna", ""), accounts.ErrNoMail)
	if more, err := mute.MailNext(t.Context()); more || err != nil {
		t.Errorf("MailNext() = %v, %v where there is no mail", more, err)
	}
}

// While the phase is being changed nothing is, and no mail says otherwise; afterwards the mail comes.
func TestResetWhileFrozen(t *testing.T) {
	t.Parallel()
	for _, moved := range []bool{false, true} {
		v := newVillage(t, phase.Lazy, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
		if moved {
			mustLogin(t, v.Service, "anna", "tulip")
		}
		token := v.token(t, "anna")
		v.step(t, phase.LegacyOnly, 0)
		v.hear(t)
		var unavailable *accounts.UnavailableError
		if err := confirmReset(t, v.Service, token, orchids); !errors.As(err, &unavailable) {
			t.Errorf("confirm while the phase is frozen: %v", err)
		}
		must(t, "ask", v.AskReset(t.Context(), "anna", ""), nil)
		if letters := v.mail(t, v.second); len(letters) != 0 {
			t.Errorf("%d letters while the phase is frozen", len(letters))
		}
		v.takes(t, "tulip")
		for v.step(t, phase.LegacyOnly, 0).Moving() {
			v.hear(t)
		}
		v.later(t, 2*time.Second)
		letters := v.mail(t, v.second)
		if len(letters) != 1 {
			t.Fatalf("%d letters afterwards, want 1", len(letters))
		}
		must(t, "confirm", confirmReset(t, v.Service, letters[0].Token, orchids), nil)
		v.wasReset(t, "tulip", orchids)
	}
}

// Since the mail was sent the address is another's too: reading what is sent there does not tell whose it is.
func TestResetByAContestedAddress(t *testing.T) {
	t.Parallel()
	v, _ := copying(t)
	token := v.token(t, "anna")
	event := accounts.Event{ID: newID(t), At: time.Now(), AccountID: anna, Kind: accounts.EventContested, Actor: "test"}
	_, err := v.store.Contest(t.Context(), "anna@example.org", event)
	must(t, "contest", err, nil)
	must(t, "confirm", confirmReset(t, v.Service, token, orchids), accounts.ErrTicket)
}

// Somebody shares a name since the mail was sent: nobody is moved, and the answer says so.
func TestResetOfTheContested(t *testing.T) {
	t.Parallel()
	for name, way := range map[string][]phase.Phase{"new-first": nil, "legacy-only": {phase.LegacyOnly}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVillage(t, phase.Lazy, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
			v.move(t, way...)
			token := v.token(t, "anna")
			twin := salted(t, "8", "Anna", "rose")
			twin.Email = "twin@example.org"
			v.source.Put(twin)
			must(t, "confirm", confirmReset(t, v.Service, token, orchids), accounts.ErrContestedPerson)
			v.sold(t, "7", "tulip", true)
		})
	}
}

// Where the old store must have the password and takes none.
func TestResetManagedElsewhere(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		v.source.Allow = legacy.Writes{}
		must(t, "confirm", confirmReset(t, v.Service, v.token(t, "anna"), orchids), accounts.ErrManagedElsewhere)
		v.takes(t, "tulip")
	})
}

// Disabled stays disabled, and enabling does not bring a link of before back.
func TestResetOfTheDisabled(t *testing.T) {
	t.Parallel()
	inAll(t, func(t *testing.T, v *village) {
		mustLogin(t, v.Service, "anna", "tulip")
		if _, err := v.store.ByID(t.Context(), anna); err != nil {
			return // nobody is copied in this phase, and so nobody is disabled here
		}
		token := v.token(t, "anna")
		by := accounts.By{Actor: "staff:sue", Reason: "a test"}
		_, err := v.AskResetFor(t.Context(), "anna", by)
		must(t, "ask by staff", err, nil)
		_, _, err = v.SetDisabled(t.Context(), anna, true, by)
		must(t, "disable", err, nil)
		if letters := v.mail(t, v.second); len(letters) != 0 {
			t.Errorf("%d letters to somebody who is disabled since", len(letters))
		}
		must(t, "confirm", confirmReset(t, v.Service, token, orchids), accounts.ErrTicket)
		must(t, "ask", v.AskReset(t.Context(), "anna", ""), nil)
		if letters := v.mail(t, v.second); len(letters) != 0 {
			t.Errorf("%d letters to a disabled person", len(letters))
		}
		var policy *accounts.PolicyError
		if _, err := v.AskResetFor(t.Context(), "anna", by); !errors.As(err, &policy) {
			t.Errorf("staff ask for a disabled person: %v", err)
		}
		_, _, err = v.SetDisabled(t.Context(), anna, false, by)
		must(t, "enable", err, nil)
		must(t, "confirm", confirmReset(t, v.Service, token, orchids), accounts.ErrTicket)
		v.takes(t, "tulip")
	})
}

func TestResetByStaff(t *testing.T) {
	t.Parallel()
	inAll(t, func(t *testing.T, v *village) {
		by := accounts.By{Actor: "staff:sue", Reason: "she called"}
		_, err := v.AskResetFor(t.Context(), "nobody", by)
		must(t, "nobody", err, accounts.ErrNotFound)
		var invalid *accounts.InvalidError
		if _, err = v.AskResetFor(t.Context(), "anna", accounts.By{Actor: "staff:sue"}); !errors.As(err, &invalid) {
			t.Errorf("without a reason: %v", err)
		}
		id, err := v.AskResetFor(t.Context(), "anna", by)
		must(t, "ask", err, nil)
		if id != anna || v.count(t, anna, accounts.EventResetAsked) != 1 {
			t.Errorf("asked for %s, with %d events", id, v.count(t, anna, accounts.EventResetAsked))
		}
		letters := v.mail(t, v.second)
		if len(letters) != 1 {
			t.Fatalf("%d letters, want 1", len(letters))
		}
		must(t, "confirm", confirmReset(t, v.Service, letters[0].Token, orchids), nil)
		v.wasReset(t, "tulip", orchids)
	})
}

// A mail server that is away is tried again with another token, and given up after an hour, with an event.
func TestMailIsTriedAgain(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"))
	v.post.down(errDown)
	must(t, "ask", v.AskReset(t.Context(), "anna", ""), nil)
	v.mail(t, v.Service)
	v.mail(t, v.Service) // it waits
	if n := v.Stats().MailsNotSent.Load(); n != 1 {
		t.Errorf("%d tries, want 1", n)
	}
	v.later(t, 2*time.Second)
	v.post.down(nil)
	if letters := v.mail(t, v.second); len(letters) != 1 {
		t.Fatalf("%d letters, want 1", len(letters))
	}
	v.later(t, time.Hour)
	if letters := v.mail(t, v.second); len(letters) != 0 {
		t.Errorf("the letter comes twice")
	}

	v.post.down(errDown)
	must(t, "ask", v.AskReset(t.Context(), "anna", ""), nil)
	v.mail(t, v.Service)
	v.later(t, time.Hour)
	v.mail(t, v.Service)
	v.post.down(nil)
	v.later(t, time.Hour)
	if letters := v.mail(t, v.second); len(letters) != 0 || v.Stats().MailsGivenUp.Load() != 1 {
		t.Errorf("%d letters, %d given up", len(letters), v.Stats().MailsGivenUp.Load())
	}
}

// Nobody who has the database can reset a password with it, or knows who asked.
func TestNoTokenIsStored(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"))
	token := v.token(t, "anna")
	v.post.down(errDown)
	must(t, "ask", v.AskReset(t.Context(), "anna@example.org", ""), nil)
	for _, file := range []string{v.path, v.path + "-wal"} {
		content, err := os.ReadFile(file)
		must(t, "read the store", err, nil)
		if bytes.Contains(content, token.Reveal()) || bytes.Contains(content, []byte("anna@example.org")) {
			t.Errorf("%s holds the token, or the address", file)
		}
	}
}
