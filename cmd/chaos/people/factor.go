package people

import (
	"context"
	"maps"
	"net/http"
	"time"

	"github.com/pquerna/otp/totp"

	"rekey/cmd/chaos/history"
)

// second is the second step of a login, by a recovery code: those need no clock, and ours is not the gateway's.
func (a *actor) second(ctx context.Context, password, challenge string) (op history.Op, r reply) {
	code, ok := a.person.code()
	if !ok {
		return history.Op{Answer: history.Refused}, reply{}
	}
	op = history.Op{Kind: history.Second, Password: password, Session: int(a.sessions.Add(1))}
	op, r = a.ask(ctx, op, http.MethodPost, a.public("/v1/login/factor"), "", fields{"challenge": challenge, "code": code}, doneOrLimited)
	if op.Answer == history.Lost {
		return op, r
	}
	if op.Answer != history.Done {
		op.Session = 0
	}
	a.note(op)
	return op, r
}

// doneOrLimited are the answers to a code. Guesses have a ceiling, and right ones count too.
var doneOrLimited = map[int]history.Answer{
	http.StatusOK: history.Done, http.StatusNoContent: history.Done, http.StatusUnauthorized: history.Refused, http.StatusTooManyRequests: history.Refused,
}

// enrol gives somebody a second factor. Where the old store answers it cannot be had.
func (a *actor) enrol(ctx context.Context, s *session) {
	defer a.person.keep(s)
	answers := maps.Clone(doneOrLimited)
	answers[http.StatusConflict] = history.Absent
	begun, r := a.ask(ctx, history.Op{Kind: history.Enrol}, http.MethodPost, a.public("/v1/account/factors/totp"), s.access,
		fields{"current_password": Text(a.person.name, a.person.right(a.dice))}, answers)
	if begun.Answer != history.Done { // nothing counts yet
		return
	}
	code, err := totp.GenerateCode(r.Secret, time.Now())
	if err != nil {
		a.fault("%s was given a secret that is none", a.person.name)
		return
	}
	op, r := a.ask(ctx, history.Op{Kind: history.Enrol, Session: s.id}, http.MethodPost, a.public("/v1/account/factors/totp/confirm"), s.access,
		fields{"code": code}, answers)
	a.note(op)
	if op.Answer == history.Done {
		a.person.mu.Lock()
		a.person.codes = r.RecoveryCodes
		a.person.mu.Unlock()
	}
}

func (a *actor) unenrol(ctx context.Context, s *session) {
	defer a.person.keep(s)
	code, ok := a.person.code()
	if !ok {
		return
	}
	answers := maps.Clone(doneOrLimited)
	answers[http.StatusConflict], answers[http.StatusNotFound] = history.Absent, history.Absent
	op, _ := a.ask(ctx, history.Op{Kind: history.Unenrol, Session: s.id}, http.MethodDelete, a.public("/v1/account/factors/totp"), s.access,
		fields{"current_password": Text(a.person.name, a.person.right(a.dice)), "code": code}, answers)
	a.note(op)
}

// code takes one of a person's recovery codes.
func (p *person) code() (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.codes) == 0 {
		return "", false
	}
	code := p.codes[0]
	p.codes = p.codes[1:]
	return code, true
}

// resetByLetter asks for a letter, and sets a password by it. Whoever has no address gets none, and it may be late.
func (a *actor) resetByLetter(ctx context.Context) {
	if !a.person.letters.TryLock() {
		return
	}
	defer a.person.letters.Unlock()
	op := history.Op{Kind: history.Reset}
	asked, _ := a.ask(ctx, op, http.MethodPost, a.public("/v1/password-reset"), "", fields{"identifier": a.person.name},
		map[int]history.Answer{http.StatusAccepted: history.Done})
	if asked.Answer != history.Done {
		return
	}
	token, ok := a.Letter(ctx, a.person.name)
	if !ok {
		return
	}
	op.New = a.person.fresh()
	op, _ = a.ask(ctx, op, http.MethodPost, a.elsewhere().public("/v1/password-reset/confirm"), "",
		fields{"token": token, "new_password": Text(a.person.name, op.New)}, doneOrRefused)
	a.note(op)
}
