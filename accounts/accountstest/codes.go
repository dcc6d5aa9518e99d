package accountstest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

func codeRules() []rule {
	return []rule{
		{"spend", "A code is spent once: it and all earlier ones of its secret count no more, its challenge and its factor neither, and " +
			"who comes late changes nothing and writes no event.", testSpend},
		{"spend race", "Of 50 that spend one code at once one does. Otherwise a code that was looked at over a shoulder works " +
			"twice.", testSpendRace},
		{"spent for good", "A spent code without an end stays; others go once they have expired, with the next one.", testSpentFor},
		{"guesses", "An account has so many guesses and gets one back after a time; the last one has an event, and a right code " +
			"gives its guess back.", testGuesses},
		{"guess race", "Of 50 guesses at once no more than the burst are let through: parallel connections win nobody a guess.",
			testGuessRace},
		{"enrolment", "The newest enrolment stands; it becomes factors once, beside which no second generator comes, and the account " +
			"is changed here.", testEnrolment},
		{"enrolment race", "Of 50 that end an enrolment at once one does.", testEnrolmentRace},
		{"remove factors", "Factors go under the password's version and a code that was not spent; otherwise all of them stay.",
			testRemoveFactors},
		{"deleted codes", "Of a deleted account no code, guess or enrolment stays.", testDeletedCodes},
	}
}

func generator(secret string) accounts.Factor {
	return accounts.Factor{ID: uuid.Must(uuid.NewV7()), Kind: accounts.FactorTOTP, Name: "phone", Secret: []byte(secret)}
}

func recovery(digest string) accounts.Factor {
	return accounts.Factor{ID: uuid.Must(uuid.NewV7()), Kind: accounts.FactorRecovery, Secret: []byte(digest)}
}

// spent is a code of a secret's, at a step.
func spent(secret string, step int64) accounts.Spent {
	return accounts.Spent{Digest: []byte(secret), Step: step, Until: now().Add(time.Minute), GiveBack: time.Minute, At: now()}
}

func spend(t *testing.T, s accounts.Store, account uuid.UUID, code accounts.Spent, want error) {
	t.Helper()
	is(t, "SpendCode", s.SpendCode(t.Context(), account, code, Event(account, accounts.EventFactorUsed)), want)
}

// hasFactors fails unless an account has just these secrets.
func hasFactors(t *testing.T, s accounts.Store, account uuid.UUID, want ...string) {
	t.Helper()
	factors, err := s.Factors(t.Context(), account)
	is(t, "Factors", err, nil)
	var got []string
	for _, f := range factors {
		got = append(got, string(f.Secret))
	}
	same(t, "secrets", got, want)
}

func testSpend(t *testing.T, s accounts.Store) {
	ada, nobody := Person("Ada"), uuid.Must(uuid.NewV7())
	ada.Factors = []accounts.Factor{generator("phone"), recovery("r1"), recovery("r2")}
	create(t, s, ada)
	spend(t, s, ada.ID, spent("phone", 7), nil)
	spend(t, s, ada.ID, spent("phone", 7), accounts.ErrSpent)
	spend(t, s, ada.ID, spent("phone", 6), accounts.ErrSpent)
	spend(t, s, ada.ID, spent("phone", 8), nil)
	spend(t, s, ada.ID, spent("other", 7), nil)
	spend(t, s, nobody, spent("phone", 7), nil) // somebody who is not here
	spend(t, s, nobody, spent("phone", 7), accounts.ErrSpent)

	answered := spent("phone", 9)
	answered.Challenge = []byte("challenge")
	spend(t, s, ada.ID, answered, nil)
	answered.Step = 10
	spend(t, s, ada.ID, answered, accounts.ErrSpent)
	spend(t, s, ada.ID, spent("phone", 10), nil) // which the refused one has not spent

	code := spent("r1", 1)
	code.Factor = ada.Factors[1].ID
	spend(t, s, nobody, code, accounts.ErrSpent) // it is not theirs
	spend(t, s, ada.ID, code, nil)
	hasFactors(t, s, ada.ID, "phone", "r2")
	code.Digest = []byte("r1 again")
	spend(t, s, ada.ID, code, accounts.ErrSpent)
	hasFactors(t, s, ada.ID, "phone", "r2")
	events(t, s, ada.ID, 1+6)
	events(t, s, nobody, 1)
}

func testSpendRace(t *testing.T, s accounts.Store) {
	ada := Person("Ada")
	ada.Factors = []accounts.Factor{recovery("r")}
	create(t, s, ada)
	for step := range int64(3) {
		errs := together(crowd, func(i int) error {
			code := spent("phone", 7+step)
			code.Challenge = []byte(numbered(numbered("challenge", int(step)), i))
			return s.SpendCode(t.Context(), ada.ID, code, Event(ada.ID, accounts.EventFactorUsed))
		})
		oneWon(t, errs, accounts.ErrSpent)
	}
	errs := together(crowd, func(int) error {
		code := spent("r", 1)
		code.Factor = ada.Factors[0].ID
		return s.SpendCode(t.Context(), ada.ID, code, Event(ada.ID, accounts.EventFactorUsed))
	})
	oneWon(t, errs, accounts.ErrSpent)
	events(t, s, ada.ID, 1+4)
}

func testSpentFor(t *testing.T, s accounts.Store) {
	account, other := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	forGood := spent("recovery", 1)
	forGood.Until = time.Time{}
	spend(t, s, account, forGood, nil)
	spend(t, s, account, spent("phone", 1), nil)
	spend(t, s, other, spent("phone", 1), nil)
	late := spent("tablet", 1)
	late.At, late.Until = now().Add(time.Hour), now().Add(2*time.Hour)
	spend(t, s, account, late, nil)
	got, err := s.SpentCodes(t.Context(), account)
	is(t, "SpentCodes", err, nil)
	left := map[string]bool{}
	for _, digest := range got {
		left[string(digest)] = true
	}
	same(t, "what is kept", left, map[string]bool{"recovery": true, "tablet": true})
	spend(t, s, account, forGood, accounts.ErrSpent)
	got, err = s.SpentCodes(t.Context(), other)
	is(t, "SpentCodes", err, nil)
	same(t, "what is kept of another", len(got), 1)
}

// The rate of the tests.
const (
	guessEvery = time.Minute
	guessBurst = 3
)

// guess takes a guess of an account, and wants to wait for so long.
func guess(t *testing.T, s accounts.Store, account uuid.UUID, at time.Time, want time.Duration) {
	t.Helper()
	wait, err := s.TakeGuess(t.Context(), account, at, guessEvery, guessBurst, Event(account, accounts.EventFactorLimited))
	is(t, "TakeGuess", err, nil)
	same(t, "wait", wait, want)
}

func testGuesses(t *testing.T, s accounts.Store) {
	account, other := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	at := stored(now())
	guess(t, s, account, at, 0)
	guess(t, s, account, at, 0)
	events(t, s, account, 0)
	guess(t, s, account, at, 0)
	events(t, s, account, 1)
	for range 3 {
		guess(t, s, account, at, guessEvery)
	}
	events(t, s, account, 1)
	guess(t, s, account, at.Add(guessEvery/2), guessEvery/2)
	guess(t, s, other, at, 0)

	guess(t, s, account, at.Add(guessEvery), 0)
	events(t, s, account, 2)
	guess(t, s, account, at.Add(guessEvery), guessEvery)
	spend(t, s, account, spent("phone", 1), nil)
	guess(t, s, account, at.Add(guessEvery), 0)
	guess(t, s, account, at.Add(guessEvery), guessEvery)
	spend(t, s, account, spent("phone", 1), accounts.ErrSpent)
	guess(t, s, account, at.Add(guessEvery), guessEvery)

	for range guessBurst { // after a long time all are there again, and no more
		guess(t, s, account, at.Add(100*guessEvery), 0)
	}
	guess(t, s, account, at.Add(100*guessEvery), guessEvery)
}

func testGuessRace(t *testing.T, s accounts.Store) {
	account := uuid.Must(uuid.NewV7())
	errNone := errors.New("no guess is left")
	passed := 0
	for _, err := range together(crowd, func(int) error {
		wait, err := s.TakeGuess(t.Context(), account, now(), guessEvery, guessBurst, Event(account, accounts.EventFactorLimited))
		if err == nil && wait > 0 {
			err = errNone
		}
		return err
	}) {
		switch {
		case err == nil:
			passed++
		case !errors.Is(err, errNone):
			t.Error(err)
		}
	}
	same(t, "guesses that were let through", passed, guessBurst)
	events(t, s, account, 1)
}

func enrolment(account uuid.UUID, secret string) accounts.Enrolment {
	return accounts.Enrolment{
		AccountID: account, SessionID: uuid.Must(uuid.NewV7()), Secret: []byte(secret), ExpiresAt: stored(now().Add(time.Hour)),
	}
}

// enrol ends an enrolment with a code of its secret's.
func enrol(t *testing.T, s accounts.Store, of accounts.Enrolment, step int64) error {
	t.Helper()
	factors := []accounts.Factor{generator(string(of.Secret)), recovery("of " + string(of.Secret))}
	return s.AddFactors(t.Context(), of, factors, spent(string(of.Secret), step), Event(of.AccountID, accounts.EventFactorEnrolled))
}

func testEnrolment(t *testing.T, s accounts.Store) {
	ada := Person("Ada")
	ada.Factors = []accounts.Factor{recovery("old")}
	create(t, s, ada)
	_, err := s.Enrolment(t.Context(), ada.ID)
	is(t, "Enrolment", err, accounts.ErrNotFound)
	older, newer := enrolment(ada.ID, "older"), enrolment(ada.ID, "newer")
	for _, e := range []accounts.Enrolment{older, newer} {
		is(t, "BeginEnrolment", s.BeginEnrolment(t.Context(), e), nil)
		got, err := s.Enrolment(t.Context(), ada.ID)
		is(t, "Enrolment", err, nil)
		same(t, "Enrolment", got, e)
	}
	is(t, "AddFactors of an older one", enrol(t, s, older, 1), accounts.ErrStale)
	spend(t, s, ada.ID, spent("newer", 5), nil)
	is(t, "AddFactors with a spent code", enrol(t, s, newer, 5), accounts.ErrSpent)
	hasFactors(t, s, ada.ID, "old")
	is(t, "AddFactors", enrol(t, s, newer, 6), nil)
	hasFactors(t, s, ada.ID, "newer", "of newer")
	is(t, "AddFactors again", enrol(t, s, newer, 7), accounts.ErrStale)
	spend(t, s, ada.ID, spent("newer", 6), accounts.ErrSpent)
	got, err := s.ByID(t.Context(), ada.ID)
	is(t, "ByID", err, nil)
	same(t, "second factor, changed here", [2]bool{got.SecondFactor, got.ChangedHere}, [2]bool{true, true})

	third := enrolment(ada.ID, "third")
	is(t, "BeginEnrolment", s.BeginEnrolment(t.Context(), third), nil)
	is(t, "AddFactors beside another generator", enrol(t, s, third, 1), accounts.ErrTaken)
	hasFactors(t, s, ada.ID, "newer", "of newer")
	events(t, s, ada.ID, 3)
}

func testEnrolmentRace(t *testing.T, s accounts.Store) {
	ada := Person("Ada")
	create(t, s, ada)
	e := enrolment(ada.ID, "phone")
	is(t, "BeginEnrolment", s.BeginEnrolment(t.Context(), e), nil)
	errs := together(crowd, func(i int) error { return enrol(t, s, e, int64(1+i)) })
	oneWon(t, errs, accounts.ErrStale)
	hasFactors(t, s, ada.ID, "phone", "of phone")
	events(t, s, ada.ID, 2)
}

func testRemoveFactors(t *testing.T, s accounts.Store) {
	ada, bob := Person("Ada"), Person("Bob")
	ada.Factors = []accounts.Factor{generator("phone"), recovery("r")}
	bob.Factors = []accounts.Factor{generator("bob's")}
	create(t, s, ada)
	create(t, s, bob)
	remove := func(id uuid.UUID, from, step int64) error {
		return s.RemoveFactors(t.Context(), id, from, spent("phone", step), Event(id, accounts.EventFactorRemoved))
	}
	is(t, "RemoveFactors from another version", remove(ada.ID, 2, 7), accounts.ErrStale)
	is(t, "RemoveFactors of nobody", remove(uuid.Must(uuid.NewV7()), 1, 7), accounts.ErrNotFound)
	spend(t, s, ada.ID, spent("phone", 7), nil)
	is(t, "RemoveFactors with a spent code", remove(ada.ID, 1, 7), accounts.ErrSpent)
	hasFactors(t, s, ada.ID, "phone", "r")
	is(t, "RemoveFactors", remove(ada.ID, 1, 8), nil)
	hasFactors(t, s, ada.ID)
	hasFactors(t, s, bob.ID, "bob's")
	got, err := s.ByID(t.Context(), ada.ID)
	is(t, "ByID", err, nil)
	same(t, "second factor, changed here", [2]bool{got.SecondFactor, got.ChangedHere}, [2]bool{false, true})
	events(t, s, ada.ID, 3)
}

func testDeletedCodes(t *testing.T, s accounts.Store) {
	ada := Person("Ada")
	create(t, s, ada)
	spend(t, s, ada.ID, spent("phone", 1), nil)
	is(t, "BeginEnrolment", s.BeginEnrolment(t.Context(), enrolment(ada.ID, "next")), nil)
	for range guessBurst {
		guess(t, s, ada.ID, now(), 0)
	}
	deleted(t, s, ada)
	_, err := s.Enrolment(t.Context(), ada.ID)
	is(t, "Enrolment", err, accounts.ErrNotFound)
	kept, err := s.SpentCodes(t.Context(), ada.ID)
	is(t, "SpentCodes", err, nil)
	same(t, "spent codes", len(kept), 0)
	guess(t, s, ada.ID, now(), 0)
}
