package accounts_test

import (
	"context"
	"encoding/base32"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/legacy"
)

// generator is what the old shop has of anna's telephone.
var generator = legacy.TOTP{Secret: []byte("12345678901234567890"), Algorithm: "SHA256", Digits: 8, Period: 60}

// guarded is anna of the shop with a generator and two recovery codes.
func guarded(t *testing.T) legacy.User {
	t.Helper()
	user := salted(t, "7", "anna", "tulip")
	user.Profile.TOTP = []legacy.TOTP{generator}
	user.Profile.RecoveryCodes = []string{"ABCD-1234", "EFGH-5678"}
	return user
}

// codeAt is what anna's telephone shows at a time.
func codeAt(t *testing.T, at time.Time) string {
	t.Helper()
	code, err := totp.GenerateCodeCustom(base32.StdEncoding.EncodeToString(generator.Secret), at, totp.ValidateOpts{
		Period: 60, Digits: otp.DigitsEight, Algorithm: otp.AlgorithmSHA256,
	})
	must(t, "make a code", err, nil)
	return code
}

// asked logs in with a right password, and wants to be asked for more.
func asked(t *testing.T, s *accounts.Service, identifier, pw string) string {
	t.Helper()
	p := mustLogin(t, s, identifier, pw)
	if p.Challenge == nil {
		t.Fatalf("%s is in by a password alone", identifier)
	}
	return p.Challenge.Text
}

func answer(s *accounts.Service, challenge, code string) (accounts.Person, error) {
	return s.LoginFactor(context.Background(), accounts.FactorAttempt{Challenge: challenge, Code: code, RequestID: "test"})
}

// stand lets the clock of a village stand still.
func (v *village) stand() time.Time {
	v.clock.mu.Lock()
	defer v.clock.mu.Unlock()
	v.clock.still = time.Now().Add(v.clock.past)
	return v.clock.still
}

// Whichever store answers, nobody who has a second factor is in by a password alone, and no code works twice, on whichever
// machine, before and after the move.
func TestFactorInEachPhase(t *testing.T) {
	t.Parallel()
	all := ways()
	all["new-first"] = []phase.Phase{phase.Shadow, phase.Both, phase.Ramp, phase.NewFirst}
	for name, way := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, guarded(t))
			now := v.stand()
			early := codeAt(t, now.Add(-time.Minute))
			p, err := answer(v.Service, asked(t, v.Service, "anna", "tulip"), early)
			must(t, "in legacy-only", err, nil)
			if p.ID != anna || p.Source != "shop" {
				t.Errorf("she is %+v", p)
			}
			_, err = answer(v.Service, asked(t, v.Service, "anna", "tulip"), "abcd1234")
			must(t, "by a recovery code", err, nil)

			v.move(t, way...)
			for range 2 { // the first one copies, where the phase says so
				for _, s := range []*accounts.Service{v.Service, v.second} {
					_, err = answer(s, asked(t, s, "anna", "tulip"), early)
					must(t, "the code of before", err, accounts.ErrCode)
					_, err = answer(s, asked(t, s, "anna", "tulip"), "ABCD-1234")
					must(t, "the recovery code of before", err, accounts.ErrCode)
				}
			}
			p, err = answer(v.second, asked(t, v.second, "anna", "tulip"), codeAt(t, now))
			must(t, "the next code", err, nil)
			if p.ID != anna {
				t.Errorf("the subject is %s", p.ID)
			}
			if name == "new-first" {
				_, err = answer(v.second, asked(t, v.second, "anna", "tulip"), "efgh 5678")
				must(t, "a recovery code that moved with her", err, nil)
			}
		})
	}
}

// Two machines that get one code at the same time let one of them in.
func TestOneCodeOnTwoMachines(t *testing.T) {
	t.Parallel()
	for _, to := range []phase.Phase{phase.LegacyOnly, phase.NewFirst} {
		v := newVillage(t, phase.Lazy, accounts.CopyBackNone, guarded(t))
		v.stand()
		if to == phase.LegacyOnly {
			v.move(t, to)
		}
		for range 3 { // more would be too many guesses
			v.later(t, time.Minute)
			code := codeAt(t, v.clock.now())
			services := []*accounts.Service{v.Service, v.second, v.Service, v.second}
			challenges := []string{asked(t, v.Service, "anna", "tulip"), asked(t, v.second, "anna", "tulip"), asked(t, v.second, "anna", "tulip"), ""}
			challenges[3] = challenges[0]
			errs := make([]error, len(services))
			var wait sync.WaitGroup
			for i, s := range services {
				wait.Go(func() { _, errs[i] = answer(s, challenges[i], code) })
			}
			wait.Wait()
			in := 0
			for _, err := range errs {
				if err == nil {
					in++
				} else {
					must(t, "who was later", err, accounts.ErrCode)
				}
			}
			if in != 1 {
				t.Errorf("%s: %d are in by one code", to, in)
			}
		}
	}
}

// Guesses have a ceiling over all challenges and machines, and the audit shows that it was reached.
func TestGuessesAtCodes(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, guarded(t))
	now := v.stand()
	const guesses = 40
	challenges := []string{asked(t, v.Service, "anna", "tulip"), asked(t, v.second, "anna", "tulip"), asked(t, v.Service, "anna", "tulip")}
	errs := make([]error, guesses)
	var wait sync.WaitGroup
	for i := range guesses {
		s := []*accounts.Service{v.Service, v.second}[i%2]
		wait.Go(func() { _, errs[i] = answer(s, challenges[i%len(challenges)], "12345") })
	}
	wait.Wait()
	wrong := 0
	for _, err := range errs {
		var limited *accounts.LimitedError
		switch {
		case errors.Is(err, accounts.ErrCode):
			wrong++
		case !errors.As(err, &limited) || limited.RetryAfter <= 0 || limited.RetryAfter > 10*time.Minute:
			t.Errorf("a guess: %v", err)
		}
	}
	if wrong != 10 {
		t.Errorf("%d guesses were looked at, want 10", wrong)
	}
	if n := v.count(t, anna, accounts.EventFactorLimited); n != 1 {
		t.Errorf("%d events tell of it, want 1", n)
	}
	var limited *accounts.LimitedError
	if _, err := answer(v.second, challenges[0], codeAt(t, now)); !errors.As(err, &limited) {
		t.Errorf("the right code: %v", err)
	}
	v.later(t, 10*time.Minute)
	_, err := answer(v.second, asked(t, v.second, "anna", "tulip"), codeAt(t, v.clock.now()))
	must(t, "ten minutes later", err, nil)
}

// A challenge counts for five minutes, and no longer than what has proven the password.
func TestChallengeIsBound(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(t *testing.T, v *village){
		"five minutes": func(t *testing.T, v *village) { t.Helper(); v.later(t, 5*time.Minute) },
		"another password": func(t *testing.T, v *village) {
			t.Helper()
			v.raw(t, `UPDATE credentials SET version = version + 1`)
		},
		"all sessions ended": func(t *testing.T, v *village) {
			t.Helper()
			v.raw(t, `UPDATE accounts SET session_epoch = session_epoch + 1`)
		},
		"disabled": func(t *testing.T, v *village) { t.Helper(); v.raw(t, `UPDATE accounts SET disabled = TRUE`) },
		"another phase": func(t *testing.T, v *village) {
			t.Helper()
			v.raw(t, `UPDATE legacy_links SET drifted = TRUE`) // so that legacy answers
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVillage(t, phase.Lazy, accounts.CopyBackNone, guarded(t))
			v.stand()
			challenge := asked(t, v.Service, "anna", "tulip")
			change(t, v)
			_, err := answer(v.second, challenge, codeAt(t, v.clock.now()))
			must(t, name, err, accounts.ErrCode)
		})
	}
	for name, change := range map[string]func(*legacy.User){
		"password":  func(u *legacy.User) { u.Password = salted(t, "7", "anna", "rose").Password },
		"disabled":  func(u *legacy.User) { u.Disabled = true },
		"generator": func(u *legacy.User) { u.Profile.TOTP = []legacy.TOTP{{Secret: []byte("another")}} },
		"name":      func(u *legacy.User) { u.Username, u.Email = "berta", "berta@example.org" },
	} {
		t.Run("unmoved, "+name, func(t *testing.T) {
			t.Parallel()
			v := newVillage(t, phase.Lazy, accounts.CopyBackNone, guarded(t))
			v.move(t, phase.LegacyOnly)
			now := v.stand()
			challenge := asked(t, v.Service, "anna", "tulip")
			v.source.Change("7", change)
			_, err := answer(v.second, challenge, codeAt(t, now))
			must(t, name, err, accounts.ErrCode)
		})
	}
}

// A password that is hashed anew by the login itself does not end the login's challenge.
func TestChallengeOutlivesARehash(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, guarded(t))
	v.stand()
	asked(t, v.Service, "anna", "tulip")
	stronger := v.serve(t, func(c *accounts.Config) {
		c.Hasher.Policy, c.Now = password.Policy{MemoryKiB: 128, Time: 1, Lanes: 1}, v.clock.now
	})
	challenge := asked(t, stronger, "anna", "tulip")
	if n := v.count(t, anna, accounts.EventRehashed); n != 1 {
		t.Fatalf("%d rehashes, want 1", n)
	}
	_, err := answer(stronger, challenge, codeAt(t, v.clock.now()))
	must(t, "after a rehash", err, nil)
}

// begin begins an enrolment of a session's, and returns the secret.
func begin(t *testing.T, s *accounts.Service, session accounts.Session, pw string) (secret string, err error) {
	t.Helper()
	made, err := s.BeginTOTP(t.Context(), accounts.EnrolTOTP{
		Session: session, Current: password.NewSecret([]byte(pw)), Issuer: "rekey test", RequestID: "test",
	})
	if text := strings.Join([]string{made.String(), made.GoString(), made.LogValue().String()}, " "); made.Secret != "" && strings.Contains(text, made.Secret) {
		t.Error("a secret prints")
	}
	return made.Secret, err
}

func confirm(s *accounts.Service, session accounts.Session, code string) ([]string, error) {
	return s.ConfirmTOTP(context.Background(), accounts.ConfirmTOTP{Session: session, Code: code, RequestID: "test"})
}

func ownCode(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, at)
	must(t, "make a code", err, nil)
	return code
}

// An enrolment is of the session that began it, for ten minutes, and the newest; nobody has two generators.
func TestEnrolment(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"))
	now := v.stand()
	session, other := v.session(t, "anna", "tulip"), v.session(t, "anna", "tulip")
	_, err := begin(t, v.Service, session, "rose")
	must(t, "without the password", err, accounts.ErrCredentials)
	secret, err := begin(t, v.Service, session, "tulip")
	must(t, "begin", err, nil)
	if p := mustLogin(t, v.Service, "anna", "tulip"); p.Challenge != nil {
		t.Error("a secret that was not confirmed is asked for")
	}
	_, err = confirm(v.second, other, ownCode(t, secret, now))
	must(t, "by another session", err, accounts.ErrCode)
	_, err = confirm(v.Service, session, "123456x")
	must(t, "with a wrong code", err, accounts.ErrCode)
	v.later(t, 10*time.Minute)
	_, err = confirm(v.Service, session, ownCode(t, secret, v.clock.now()))
	must(t, "ten minutes later", err, accounts.ErrCode)

	older, err := begin(t, v.Service, session, "tulip")
	must(t, "begin", err, nil)
	newer, err := begin(t, v.second, session, "tulip")
	must(t, "begin", err, nil)
	_, err = confirm(v.Service, session, ownCode(t, older, v.clock.now()))
	must(t, "of an older one", err, accounts.ErrCode)
	codes, err := confirm(v.Service, session, ownCode(t, newer, v.clock.now()))
	must(t, "confirm", err, nil)
	seen := map[string]bool{}
	for _, code := range codes {
		seen[code] = len(code) == len("abcd-efgh-ijkl-mnop")
	}
	if len(seen) != 10 {
		t.Errorf("recovery codes are %d different ones", len(seen))
	}
	_, err = begin(t, v.Service, session, "tulip")
	must(t, "beside the first", err, accounts.ErrFactorThere)
	if n := v.count(t, anna, accounts.EventFactorEnrolled); n != 1 {
		t.Errorf("%d events tell of it, want 1", n)
	}
}

// session logs somebody in who has no second factor.
func (v *village) session(t *testing.T, identifier, pw string) accounts.Session {
	t.Helper()
	p := mustLogin(t, v.Service, identifier, pw)
	if p.Challenge != nil {
		t.Fatal("she is asked for a second factor")
	}
	return v.open(t, p)
}

// Where legacy has the last word, factors are managed there.
func TestEnrolmentWhereLegacyAnswers(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		session := v.session(t, "anna", "tulip")
		_, err := begin(t, v.Service, session, "tulip")
		must(t, "begin", err, accounts.ErrManagedElsewhere)
		_, err = confirm(v.Service, session, "123456")
		must(t, "confirm", err, accounts.ErrManagedElsewhere)
		err = v.RemoveFactors(t.Context(), accounts.FactorRemoval{Session: session, Current: password.NewSecret([]byte("tulip")), Code: "1"})
		must(t, "remove", err, accounts.ErrManagedElsewhere)
		name := "Anna"
		err = v.UpdateProfile(t.Context(), accounts.ProfileChange{Session: session, DisplayName: &name})
		must(t, "update", err, accounts.ErrManagedElsewhere)
	})
}

// A factor that legacy does not know is asked for after a way back, whatever legacy was told of in between, and also where
// legacy answers for somebody who has one here.
func TestOwnFactorOutlivesAWayBack(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	now := v.stand()
	session := v.session(t, "anna", "tulip")
	secret, err := begin(t, v.Service, session, "tulip")
	must(t, "begin", err, nil)
	codes, err := confirm(v.Service, session, ownCode(t, secret, now))
	must(t, "confirm", err, nil)
	must(t, "change", change(v.Service, session, "tulip", tulips), nil)
	v.deliver(t, v.Service)
	v.move(t, phase.LegacyOnly)
	_, err = answer(v.second, asked(t, v.second, "anna", tulips), codes[0])
	must(t, "after a way back", err, nil)

	v.raw(t, `UPDATE accounts SET changed_here = FALSE`)
	v.later(t, time.Minute)
	p, err := answer(v.second, asked(t, v.second, "anna", tulips), ownCode(t, secret, v.clock.now()))
	must(t, "where legacy answers", err, nil)
	if p.ID != anna {
		t.Errorf("the subject is %s", p.ID)
	}
}

// A generator that somebody has set up in the old application after they were copied is asked for here too.
func TestFactorSetUpInLegacyLater(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	v.move(t, phase.Shadow, phase.Both)
	v.session(t, "anna", "tulip")
	v.source.Change("7", func(u *legacy.User) { u.Profile = guarded(t).Profile })
	asked(t, v.Service, "anna", "tulip")
	v.move(t, phase.Ramp)
	now := v.stand()
	rec, err := v.store.ByID(t.Context(), anna)
	if err != nil || !rec.SecondFactor {
		t.Fatalf("the copy has no second factor (%v)", err)
	}
	_, err = answer(v.Service, asked(t, v.Service, "anna", "tulip"), codeAt(t, now))
	must(t, "in the ramp", err, nil)

	v.source.Change("7", func(u *legacy.User) { u.Profile = legacy.Profile{} })
	v.raw(t, `UPDATE legacy_links SET drifted = TRUE`)
	v.session(t, "anna", "tulip") // and where it was removed there, nobody is locked out
}

// Who is copied again because their copy was not trusted is answered here from then on, and so is their second step; not if
// their password was changed in between, which what they have proven is older than.
func TestFactorOfWhoIsCopiedAgain(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackFull, guarded(t))
	now := v.stand()
	_, err := answer(v.Service, asked(t, v.Service, "anna", "tulip"), codeAt(t, now.Add(-time.Minute)))
	must(t, "moved", err, nil)
	v.move(t, phase.LegacyOnly, phase.NewFirst)
	challenge := asked(t, v.second, "anna", "tulip")
	_, err = answer(v.Service, challenge, codeAt(t, now))
	must(t, "copied again", err, nil)
	must(t, "used once more", second(answer(v.Service, challenge, codeAt(t, now))), accounts.ErrCode)

	v.later(t, time.Minute)
	v.raw(t, `UPDATE legacy_links SET drifted = TRUE`)
	v.doors.afterRecopy = func() { v.raw(t, `UPDATE credentials SET version = version + 1`) }
	challenge = asked(t, v.second, "anna", "tulip")
	must(t, "changed in between", second(answer(v.Service, challenge, codeAt(t, v.clock.now()))), accounts.ErrCode)
	must(t, "once more", second(answer(v.Service, asked(t, v.second, "anna", "tulip"), codeAt(t, v.clock.now()))), nil)
}

// closedStore spends nothing.
type closedStore struct {
	accounts.Store
	guesses, spends bool
}

func (c *closedStore) TakeGuess(ctx context.Context, id uuid.UUID, at time.Time, every time.Duration, burst int, e accounts.Event) (time.Duration, error) {
	if c.guesses {
		return 0, errDown
	}
	return c.Store.TakeGuess(ctx, id, at, every, burst, e)
}

func (c *closedStore) SpendCode(ctx context.Context, id uuid.UUID, spent accounts.Spent, e accounts.Event) error {
	if c.spends {
		return errDown
	}
	return c.Store.SpendCode(ctx, id, spent, e)
}

// A code that cannot be counted, or not be spent, is neither right nor wrong.
func TestCodesWhileTheStoreIsDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, guarded(t))
	closed := &closedStore{Store: w.store}
	now := time.Now()
	s := w.serve(t, func(c *accounts.Config) { c.Store, c.Now = closed, func() time.Time { return now } })
	challenge := asked(t, s, "anna", "tulip")
	for _, at := range []*bool{&closed.guesses, &closed.spends} {
		*at = true
		_, err := answer(s, challenge, codeAt(t, now))
		doubtful(t, "while the store is down", err)
		*at = false
	}
	_, err := answer(s, challenge, codeAt(t, now))
	must(t, "afterwards", err, nil)
}

// FuzzChallenge: whatever is sent as a challenge and as a code is refused in good order.
func FuzzChallenge(f *testing.F) {
	f.Add("rc1_", "123456")
	f.Add("rc1_AQAAAAA", "abcd-efgh")
	f.Add("", "")
	f.Add("rc1_\n", " - ")
	w, err := accounts.New(accounts.Config{Key: testKey(f)})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, challenge, code string) {
		_, err := answer(w, challenge, code)
		var invalid *accounts.InvalidError
		if !errors.Is(err, accounts.ErrCode) && !errors.As(err, &invalid) {
			t.Errorf("%v", err)
		}
	})
}

// A recovery code that one of two people has used who turn out to be one does not come along.
func TestLinkedPeopleBringNoSpentCode(t *testing.T) {
	t.Parallel()
	crm := md5Salted(t, "9", "anna", "anna@crm.example", "tulip")
	crm.Profile = guarded(t).Profile
	w := newTown(t, policy(accounts.CollisionsLink), []legacy.User{md5Salted(t, "7", "anna", "", "tulip")}, []legacy.User{crm})
	w.store.failCreate.Store(true)
	p, err := answer(w.Service, asked(t, w.Service, "anna@crm.example", "tulip"), "ABCD-1234")
	must(t, "before", err, nil)
	if p.ID != accounts.SubjectFor("crm", "9") {
		t.Fatalf("she is %+v", p)
	}
	w.store.failCreate.Store(false)
	_, err = answer(w.Service, asked(t, w.Service, "anna", "tulip"), "ABCD-1234")
	must(t, "a spent code of a half of hers", err, accounts.ErrCode)
	p, err = answer(w.Service, asked(t, w.Service, "anna", "tulip"), "EFGH-5678")
	must(t, "the other one", err, nil)
	if p.ID != anna || p.Source != "" {
		t.Errorf("she is %+v, want the account of both", p)
	}
}

// FuzzCode: whatever a legacy store says of a generator, and whatever is typed, a code is right, wrong, or cannot be told.
func FuzzCode(f *testing.F) {
	f.Add("123456", "SHA1", 6, 30, []byte("12345678901234567890"))
	f.Add("12345678", "sha-256", 8, 60, []byte("s"))
	f.Add("abcd-efgh", "", 0, 0, []byte{})
	f.Add("٣٤٥٦٧٨", "MD5", -1, -1, []byte{0})
	f.Add("", "SHA512", 1<<40, 1<<40, []byte(nil))
	s, err := accounts.New(accounts.Config{Key: testKey(f)})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, code, algorithm string, digits, period int, secret []byte) {
		err := s.TryCode(code, legacy.TOTP{Secret: secret, Algorithm: algorithm, Digits: digits, Period: period})
		var doubt *accounts.UnavailableError
		var invalid *accounts.InvalidError
		if err != nil && !errors.Is(err, accounts.ErrCode) && !errors.As(err, &doubt) && !errors.As(err, &invalid) {
			t.Errorf("%v", err)
		}
	})
}
