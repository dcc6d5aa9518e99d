package people

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"

	"rekey/cmd/chaos/history"
)

// A person is what the harness believes of one name.
type person struct {
	name string

	mu       sync.Mutex
	given    int      // passwords so far
	belief   string   // the password that is right, as far as is known; "" for nobody
	maybe    []string // those of changes that were not answered
	unknown  int      // writes that were not answered
	subject  string
	sessions []*session // that nobody uses at the moment
	codes    []string   // that were given for a second step, and not used

	letters sync.Mutex // held by whoever waits for a letter
}

// A session is one login that is kept.
type session struct {
	id              int
	access, refresh string
	used            string // a refresh token whose successor was used
}

// maxUnknown is how many writes of one name may be without an answer: each doubles what has to be looked at.
const maxUnknown = 4

// Text is the password of a name, in full: nobody else's, and without the name in it.
func Text(name, password string) string {
	return fmt.Sprintf("quiet lantern %x", sha256.Sum224([]byte(name+" "+password)))
}

// fresh names a password that nobody had.
func (p *person) fresh() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.given++
	return "p" + strconv.Itoa(p.given)
}

// right is the password that is believed to be right, or one that may be.
func (p *person) right(dice *rand.Rand) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.maybe); n > 0 && dice.IntN(2) == 0 {
		return p.maybe[dice.IntN(n)]
	}
	if p.belief == "" {
		return "p" + strconv.Itoa(max(1, p.given))
	}
	return p.belief
}

// old is any password that was ever given.
func (p *person) old(dice *rand.Rand) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return "p" + strconv.Itoa(1+dice.IntN(max(1, p.given)))
}

// every returns all passwords that were ever given.
func (p *person) every() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for i := range p.given {
		all = append(all, "p"+strconv.Itoa(i+1))
	}
	return all
}

// believe takes note of what an operation has told.
func (p *person) believe(op history.Op) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case op.Kind == history.Login && op.Answer == history.Done:
		p.belief, p.subject = op.Password, op.Subject
	case op.Answer == history.Half:
		p.belief = op.Password
	case op.Kind == history.Login:
	case op.Answer == history.Lost:
		p.unknown++
		if op.New != "" {
			p.maybe = append(p.maybe, op.New)
		}
	case op.Answer != history.Done:
	case op.Kind == history.Change, op.Kind == history.Register, op.Kind == history.Reset:
		p.belief = op.New
		if op.Subject != "" {
			p.subject = op.Subject
		}
	case op.Kind == history.Delete:
		p.belief, p.sessions, p.codes = "", nil, nil
	case op.Kind == history.LegacyWrite:
		p.maybe = append(p.maybe, op.New)
	}
}

// mayWrite tells whether one more write can be without an answer.
func (p *person) mayWrite() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.unknown < maxUnknown
}

// take returns a session that nobody uses meanwhile, or nil.
func (p *person) take(dice *rand.Rand) *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.sessions)
	if n == 0 {
		return nil
	}
	i := dice.IntN(n)
	s := p.sessions[i]
	p.sessions[i] = p.sessions[n-1]
	p.sessions = p.sessions[:n-1]
	return s
}

// keep gives a session back.
func (p *person) keep(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.sessions) < 6 {
		p.sessions = append(p.sessions, s)
	}
}
