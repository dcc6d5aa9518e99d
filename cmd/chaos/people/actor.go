package people

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"rekey/cmd/chaos/history"
)

// An actor does one step.
type actor struct {
	*Crowd
	person  *person
	worker  int
	gateway int
	dice    *rand.Rand
}

// A reply is what came back. Status 0: nothing did.
type reply struct {
	status  int
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Account struct {
		ID string `json:"id"`
	} `json:"account"`
	ID            string   `json:"id"`
	Outcome       string   `json:"outcome"`
	Challenge     string   `json:"challenge"`
	Secret        string   `json:"secret"`
	RecoveryCodes []string `json:"recovery_codes"`
}

// ask sends one request to the actor's gateway and takes down what came of it. What needs no note is not kept: a login, or
// refresh, without an answer changes nothing that anybody sees.
func (a *actor) ask(ctx context.Context, op history.Op, method, address, bearer string, body any, answers map[int]history.Answer) (history.Op, reply) {
	op.Name, op.Worker, op.Gateway, op.Call = a.person.name, a.worker, a.gateway, a.Log.Now()
	r := a.send(ctx, method, address, bearer, body)
	op.Return = a.Log.Now()
	answer, known := answers[r.status]
	switch {
	case known:
		op.Answer = answer
	case r.status == 0, r.status >= http.StatusInternalServerError && r.status != http.StatusInternalServerError:
		op.Answer = history.Lost
	default:
		op.Answer = history.Lost
		a.fault("%.3f %s of %s: status %d", op.Call.Seconds(), op.Kind, op.Name, r.status)
	}
	op.Subject = r.Account.ID
	if op.Kind == history.Register {
		op.Subject = r.ID
	}
	return op, r
}

// note takes an operation down.
func (a *actor) note(op history.Op) {
	a.Log.Add(op)
	a.person.believe(op)
}

func (a *actor) send(ctx context.Context, method, address, bearer string, body any) reply {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // maps of strings
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(text))
	if err != nil {
		panic(err) // the addresses are ours
	}
	req.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := a.client.Do(req)
	if err != nil {
		return reply{}
	}
	defer func() { _ = res.Body.Close() }() // it is read to its end
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return reply{}
	}
	r := reply{status: res.StatusCode}
	if res.StatusCode < http.StatusBadRequest && len(answer) > 0 {
		if err := json.Unmarshal(answer, &r); err != nil {
			a.fault("%s %s answered what is not JSON", method, req.URL.Path)
		}
	}
	return r
}

func (a *actor) public(path string) string { return a.Doors[a.gateway].Public + path }

type fields map[string]string

var doneOrRefused = map[int]history.Answer{
	http.StatusOK: history.Done, http.StatusNoContent: history.Done, http.StatusUnauthorized: history.Refused,
}

// login tries a password, and keeps the session that it opens if it is asked to.
func (a *actor) login(ctx context.Context, password string, keep bool) *session {
	return a.loginTyped(ctx, password, Text(a.person.name, password), keep)
}

func (a *actor) loginTyped(ctx context.Context, password, typed string, keep bool) *session {
	op := history.Op{Kind: history.Login, Password: password, Session: int(a.sessions.Add(1))}
	op, r := a.ask(ctx, op, http.MethodPost, a.public("/v1/login"), "", fields{"identifier": a.person.name, "password": typed}, doneOrRefused)
	if op.Answer == history.Lost {
		return nil
	}
	if r.Challenge != "" {
		op.Answer = history.Half
	}
	if op.Answer != history.Done || r.Refresh == "" { // without the new store nobody gets a session, but an access token alone
		op.Session = 0
	}
	a.note(op)
	if op.Answer == history.Half {
		op, r = a.second(ctx, password, r.Challenge)
	}
	if op.Answer != history.Done || op.Session == 0 {
		return nil
	}
	s := &session{id: op.Session, access: r.Access, refresh: r.Refresh}
	if keep {
		a.person.keep(s)
		return nil
	}
	return s
}

// loginWrong tries what is nobody's: the right password cut, longer, or another's.
func (a *actor) loginWrong(ctx context.Context) {
	right := Text(a.person.name, a.person.right(a.dice))
	other := a.people[a.dice.IntN(len(a.people))]
	typed := []string{right[:len(right)-1], right + "x", Text(other.name+"'s", other.right(a.dice))}
	a.loginTyped(ctx, "wrong", typed[a.dice.IntN(len(typed))], true)
}

// withSession does something by a session: one that is kept, or a new one.
func (a *actor) withSession(ctx context.Context, do func(context.Context, *session)) {
	s := a.person.take(a.dice)
	if s == nil {
		s = a.login(ctx, a.person.right(a.dice), false)
	}
	if s != nil {
		do(ctx, s)
	}
}

func (a *actor) change(ctx context.Context, s *session, current string) (next string, done bool) {
	next = a.person.fresh()
	return next, a.changeTo(ctx, s, current, next)
}

func (a *actor) changeTo(ctx context.Context, s *session, current, next string) (done bool) {
	op := history.Op{Kind: history.Change, Password: current, New: next, Session: s.id}
	op, _ = a.ask(ctx, op, http.MethodPut, a.public("/v1/account/password"), s.access,
		fields{"current_password": Text(a.person.name, op.Password), "new_password": Text(a.person.name, op.New)}, doneOrRefused)
	a.note(op)
	if op.Answer != history.Refused {
		a.person.keep(s)
	}
	return op.Answer == history.Done
}

// elsewhere is the same actor at another gateway, if there is one.
func (a *actor) elsewhere() *actor {
	return a.actor(a.worker+1000, a.person, Step{Gateway: (a.gateway + 1) % len(a.Doors), Dice: a.dice.Uint64()})
}

// changeAndTry tries at once, at another gateway, whether the old password still counts and the new one does.
func (a *actor) changeAndTry(ctx context.Context, s *session, current string) {
	next, done := a.change(ctx, s, current)
	if !done {
		return
	}
	for _, password := range []string{next, current} {
		if a.dice.IntN(2) == 0 {
			a.elsewhere().login(ctx, password, true)
		}
	}
}

// changeTwice changes one password by two sessions at the same moment. One of the two at most can be first.
func (a *actor) changeTwice(ctx context.Context) {
	password := a.person.right(a.dice)
	first, second := a.login(ctx, password, false), a.login(ctx, password, false)
	if first == nil || second == nil {
		return
	}
	var both sync.WaitGroup
	twin := a.elsewhere()
	both.Go(func() { a.change(ctx, first, password) })
	both.Go(func() { twin.change(ctx, second, password) })
	both.Wait()
}

// changeChain changes a password, and while that is under way, at another gateway, what it is changed to.
func (a *actor) changeChain(ctx context.Context) {
	password := a.person.right(a.dice)
	s := a.login(ctx, password, false)
	if s == nil {
		return
	}
	next := a.person.fresh()
	var both sync.WaitGroup
	done := make(chan struct{})
	both.Go(func() {
		defer close(done)
		a.changeTo(ctx, s, password, next)
	})
	other := a.elsewhere()
	both.Go(func() {
		for {
			if s := other.login(ctx, next, false); s != nil {
				other.change(ctx, s, next)
				return
			}
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	both.Wait()
}

func (a *actor) delete(ctx context.Context, s *session) {
	op := history.Op{Kind: history.Delete, Password: a.person.right(a.dice), Session: s.id}
	op, _ = a.ask(ctx, op, http.MethodDelete, a.public("/v1/account"), s.access, fields{"current_password": Text(a.person.name, op.Password)}, doneOrRefused)
	a.note(op)
	if op.Answer == history.Done { // are they gone?
		a.elsewhere().login(ctx, op.Password, true)
	}
}

func (a *actor) register(ctx context.Context) {
	op := history.Op{Kind: history.Register, New: a.person.fresh()}
	op, _ = a.ask(ctx, op, http.MethodPost, a.public("/v1/accounts"), "", fields{"username": a.person.name, "password": Text(a.person.name, op.New)},
		map[int]history.Answer{http.StatusCreated: history.Done, http.StatusConflict: history.Taken})
	a.note(op)
}

// refreshBy moves a session on. Without an answer nobody knows which token is the newest, and the session is left alone.
func (a *actor) refreshBy(ctx context.Context, s *session) {
	if a.refresh(ctx, s) {
		a.person.keep(s)
	}
}

func (a *actor) refresh(ctx context.Context, s *session) bool {
	op, r := a.ask(ctx, history.Op{Kind: history.Refresh, Session: s.id}, http.MethodPost, a.public("/v1/token/refresh"), "",
		fields{"refresh_token": s.refresh}, doneOrRefused)
	if op.Answer == history.Lost {
		return false
	}
	a.note(op)
	if op.Answer != history.Done {
		return false
	}
	s.used, s.access, s.refresh = s.refresh, r.Access, r.Refresh
	return true
}

// reuse uses a token again whose successor was used.
func (a *actor) reuse(ctx context.Context, s *session) {
	if !a.refresh(ctx, s) {
		return
	}
	older := s.used
	if !a.refresh(ctx, s) {
		return
	}
	op, _ := a.ask(ctx, history.Op{Kind: history.Reuse, Session: s.id}, http.MethodPost, a.public("/v1/token/refresh"), "",
		fields{"refresh_token": older}, doneOrRefused)
	a.note(op)
	a.person.keep(s)
}

func (a *actor) logout(ctx context.Context, s *session) {
	op, _ := a.ask(ctx, history.Op{Kind: history.Logout, Session: s.id}, http.MethodPost, a.public("/v1/logout"), "",
		fields{"refresh_token": s.refresh}, doneOrRefused)
	a.note(op)
	a.person.keep(s)
}

// staff does what support does to an account.
func (a *actor) staff(ctx context.Context, act Act) {
	ref := a.person.name
	path := "/" + string(act)
	if act == Revoke {
		a.person.mu.Lock()
		ref = a.person.subject
		a.person.mu.Unlock()
		path = "/revoke-sessions"
	}
	if ref == "" {
		return
	}
	answers := map[int]history.Answer{http.StatusOK: history.Done, http.StatusNoContent: history.Done, http.StatusNotFound: history.Absent}
	if act == Migrate || act == Disable { // in this phase nobody is moved; or not without a login
		answers[http.StatusConflict], answers[http.StatusUnprocessableEntity] = history.Absent, history.Absent
	}
	op, r := a.ask(ctx, history.Op{Kind: kindOf[act]}, http.MethodPost, a.Doors[a.gateway].Admin+"/admin/v1/accounts/"+url.PathEscape(ref)+path, a.Token,
		fields{"reason": "chaos"}, answers)
	if op.Note = r.Outcome; r.Outcome == "deleted" {
		op.Answer = history.Absent
	}
	a.note(op)
}

// legacyWrite is the old application, which changes a password and tells nobody.
func (a *actor) legacyWrite(ctx context.Context) {
	op := history.Op{Name: a.person.name, Worker: a.worker, Kind: history.LegacyWrite, New: a.person.fresh(), Answer: history.Lost}
	stored, err := StoredFor(a.hashes, a.Example, a.person.name, op.New)
	if err != nil {
		panic(err) // the example is ours
	}
	op.Call = a.Log.Now()
	result, err := a.Legacy.ExecContext(ctx, `UPDATE wp_users SET user_pass = ? WHERE user_login = ?`, stored, op.Name)
	op.Return = a.Log.Now()
	if err == nil {
		n, err := result.RowsAffected()
		if err == nil && n == 0 {
			return // nobody was there
		}
		if err == nil {
			op.Answer = history.Done
		}
	}
	a.note(op)
}
