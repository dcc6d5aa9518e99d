// Package history keeps what was asked of accounts and what was answered, and tells whether one account each, with one
// password, could have answered so: that is linearizability, which porcupine checks. It serves the chaos harness.
//
// Passwords are named, never written: "p3" is the third that an account was given.
package history

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Kind is what was asked.
type Kind string

// The kinds.
const (
	Login       Kind = "login"
	Change      Kind = "change"
	Delete      Kind = "delete"
	Register    Kind = "register"
	Disable     Kind = "disable"
	Enable      Kind = "enable"
	Refresh     Kind = "refresh"
	Reuse       Kind = "reuse" // of a refresh token whose successor was used
	Logout      Kind = "logout"
	Revoke      Kind = "revoke"
	LegacyWrite Kind = "legacy-write" // of a password, by the old application
	Reset       Kind = "reset"        // by the token of a letter
	Migrate     Kind = "migrate"      // by staff, without the password
	Enrol       Kind = "enrol"        // of a second factor: from now on a password alone opens nothing
	Unenrol     Kind = "unenrol"      // with a code
	Second      Kind = "second"       // step of a login, with a code
)

// An Answer is how it ended.
type Answer string

// The answers.
const (
	Done    Answer = "done"
	Refused Answer = "refused" // 401: wrong, unknown, disabled, over
	Taken   Answer = "taken"   // 409: there is somebody of that name
	Absent  Answer = "absent"  // 404, 409, 422: it cannot be done here, or in this phase
	Half    Answer = "half"    // the password is right, and there is a second factor
	Lost    Answer = "lost"    // 5xx, or no answer: it may have been done, and may be done until the servers are at rest
)

// An Op is one thing that was asked of one account.
type Op struct {
	Name         string // of the account
	Worker       int
	Gateway      int
	Kind         Kind
	Call, Return time.Duration // since the begin; of a Lost one Return is when it can happen no more
	Password     string        // that was typed
	New          string        // that is to be
	Session      int           // by which it was asked, or that a login opened; 0: none
	Subject      string        // that a login or registration was answered with
	Answer       Answer
	Note         string // for people

	frail bool // the session was opened while a change was under way, whose end may end it
	doubt bool // a change is under way whose begin is done, and whose end may be not
}

// A Log takes down what happens. It may be used by several goroutines.
type Log struct {
	begin time.Time
	mu    sync.Mutex
	ops   []Op
}

// NewLog returns an empty log that begins now.
func NewLog() *Log { return &Log{begin: time.Now()} }

// Now is the time since the begin.
func (l *Log) Now() time.Duration { return time.Since(l.begin) }

// Add takes down an operation that has ended.
func (l *Log) Add(op Op) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ops = append(l.ops, op)
}

// All returns what was taken down. What is Lost may have happened until rest, the time from which on nothing was under way.
func (l *Log) All(rest time.Duration) []Op {
	l.mu.Lock()
	defer l.mu.Unlock()
	ops := slices.Clone(l.ops)
	for i := range ops {
		if ops[i].Answer == Lost {
			ops[i].Return = max(ops[i].Return, rest)
		}
	}
	return ops
}

// An account is what the model knows of one name at one moment.
type account struct {
	exists   bool
	disabled bool
	password string
	drifted  string // passwords that the old application has set since, ",p3,p5,"; each of them may count or not
	subject  string // "" until somebody has seen it
	factor   bool   // there is a second one
	sessions string // that live: ",3,17,"
}

func (a account) has(session int) bool {
	return strings.Contains(a.sessions, ","+strconv.Itoa(session)+",")
}

func (a account) with(session int) account {
	if session != 0 {
		a.sessions = strings.TrimSuffix(a.sessions, ",") + "," + strconv.Itoa(session) + ","
	}
	return a
}

func (a account) without(session int) account {
	a.sessions = strings.Replace(a.sessions, ","+strconv.Itoa(session)+",", ",", 1)
	if a.sessions == "," {
		a.sessions = ""
	}
	return a
}

// only leaves of the sessions that live one.
func (a account) only(session int) account {
	alive := a.has(session)
	a.sessions = ""
	if alive {
		return a.with(session)
	}
	return a
}

func (a account) String() string {
	if !a.exists {
		return "nobody"
	}
	text := a.password
	if a.drifted != "" {
		text += " or " + strings.Trim(a.drifted, ",")
	}
	if a.disabled {
		text += " disabled"
	}
	if a.factor {
		text += " with a second factor"
	}
	return text + " " + strings.Trim(a.sessions, ",")
}

// accepts tells whether a password may be accepted; surely, whether it may not be refused.
func (a account) accepts(password string) bool {
	return a.exists && !a.disabled && (password == a.password || strings.Contains(a.drifted, ","+password+","))
}

func (a account) surely(password string) bool {
	return a.exists && !a.disabled && password == a.password && a.drifted == ""
}

// next returns the accounts that a may be after an operation that was answered so; none, if it cannot have been.
func (a account) next(op Op) []account {
	after, possible := a.done(op)
	if op.Kind == Reuse { // whatever it is answered but tokens, the session may be over, and is if it was refused
		after, possible = a.without(op.Session), op.Answer != Done
	}
	switch op.Answer {
	case Done:
		if possible {
			return []account{after}
		}
		return a.unless(!op.doubt || !slices.Contains([]Kind{Refresh, Disable, Enable, Revoke, Migrate}, op.Kind))
	case Lost:
		if possible && after != a {
			return []account{a, after}
		}
		return []account{a}
	case Refused:
		if op.Kind == Reuse {
			return []account{after}
		}
		return a.unless(a.owes(op))
	case Taken:
		return a.unless(op.Kind != Register || !a.exists && !op.doubt)
	case Half:
		return a.unless(op.Kind != Login || !a.factor || !a.accepts(op.Password))
	case Absent:
		return a.unless(!slices.Contains([]Kind{Disable, Enable, Revoke, Migrate, Enrol, Unenrol}, op.Kind))
	}
	return nil
}

func (a account) unless(impossible bool) []account {
	if impossible {
		return nil
	}
	return []account{a}
}

// owes tells whether an operation must not be refused.
func (a account) owes(op Op) bool {
	switch op.Kind {
	case Login:
		return a.surely(op.Password)
	case Change, Delete:
		return a.surely(op.Password) && a.has(op.Session) && !op.frail
	case Refresh:
		return a.exists && !a.disabled && a.has(op.Session) && !op.frail
	case Reuse, Logout, Reset, Enrol, Unenrol, Second: // a link or a code is dead by more than is known here
		return false
	case Register, Disable, Enable, Revoke, LegacyWrite, Migrate:
		return true // whoever asks may
	}
	return true
}

// done returns what a is after an operation that was done, and whether it could be.
func (a account) done(op Op) (account, bool) {
	switch op.Kind {
	case Login:
		ok := a.accepts(op.Password) && !a.factor && (a.subject == "" || a.subject == op.Subject)
		a.subject = op.Subject
		return a.with(op.Session), ok
	case Second:
		ok := a.accepts(op.Password) && a.factor && (a.subject == "" || a.subject == op.Subject)
		a.subject = op.Subject
		return a.with(op.Session), ok
	case Enrol, Unenrol:
		ok := a.exists && !a.disabled && a.factor == (op.Kind == Unenrol)
		a.factor = op.Kind == Enrol
		return a, ok
	case Reset: // a second factor stays
		ok := a.exists && !a.disabled
		a.password, a.drifted, a.sessions = op.New, "", ""
		return a, ok
	case Migrate: // it changes where somebody is, not who may be in
		return a, a.exists
	case Change:
		ok := a.accepts(op.Password) && op.New != op.Password
		a.password, a.drifted = op.New, ""
		return a.only(op.Session), ok
	case Delete:
		return account{}, a.accepts(op.Password)
	case Register:
		return account{exists: true, password: op.New, subject: op.Subject}, !a.exists
	case Disable:
		ok := a.exists
		a.disabled, a.sessions = true, ""
		return a, ok
	case Enable:
		ok := a.exists
		a.disabled = false
		return a, ok
	case Refresh:
		return a, a.exists && !a.disabled && a.has(op.Session)
	case Logout:
		return a.without(op.Session), true
	case Revoke:
		a.sessions = ""
		return a, true
	case LegacyWrite: // the row of somebody who is deleted may be there still
		if a.exists {
			a.drifted = strings.TrimSuffix(a.drifted, ",") + "," + op.New + ","
		}
		return a, true
	case Reuse:
	}
	return a, false
}

// opens tells whether a session is opened by it.
func (op Op) opens() bool { return op.Kind == Login || op.Kind == Second }

// describe says what was asked.
func (op Op) describe() string {
	var b strings.Builder
	b.WriteString(string(op.Kind))
	if op.Password != "" {
		b.WriteString(" " + op.Password)
	}
	if op.New != "" {
		b.WriteString(" -> " + op.New)
	}
	if op.Session != 0 {
		fmt.Fprintf(&b, " (session %d)", op.Session)
	}
	return b.String()
}
