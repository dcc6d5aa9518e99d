package people

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"rekey/cmd/chaos/history"
	"rekey/legacy"
	"rekey/legacy/hash"
)

// A Door is one gateway, as its clients and staff reach it.
type Door struct{ Public, Admin string }

// Config is what a Crowd is made of.
type Config struct {
	Cast    Cast
	Doors   []Door
	Token   string // of staff
	Legacy  *sql.DB
	Example string // a stored hash of the old store
	Log     *history.Log
	Address func(name string) string // for letters, of those of the old store
	// Letter waits for the letter that is on its way to somebody, and returns its token.
	Letter func(ctx context.Context, name string) (token string, ok bool)
}

// A Crowd is everybody.
type Crowd struct {
	Config
	people   []*person
	client   *http.Client
	hashes   *hash.Registry
	sessions atomic.Int64

	mu     sync.Mutex
	faults []string // answers that nobody should get
}

// Names returns the names of a cast, those of the old store first.
func (c Cast) Names() []string {
	var names []string
	for i := range c.Old {
		names = append(names, "old"+strconv.Itoa(i))
	}
	for i := range c.Others {
		names = append(names, "new"+strconv.Itoa(i))
	}
	return names
}

// patience is how long a client waits for an answer.
const patience = 8 * time.Second

// New returns a crowd. Those of the old store have their first password.
func New(c Config) *Crowd {
	crowd := &Crowd{Config: c, hashes: hash.New(hash.Config{}), client: &http.Client{
		Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 16, DisableKeepAlives: false},
	}}
	for i, name := range c.Cast.Names() {
		p := &person{name: name}
		if i < c.Cast.Old {
			p.given, p.belief = 1, First
		}
		crowd.people = append(crowd.people, p)
	}
	return crowd
}

// First is the name of everybody's first password.
const First = "p1"

// StoredFor returns what the old store has of a password.
func StoredFor(hashes *hash.Registry, example, name, password string) (string, error) {
	made, err := hashes.Make(legacy.Stored{Scheme: "phpass", Hash: example}, []byte(Text(name, password)))
	return made.Hash, err
}

// Faults are answers that nobody should get, whatever happens.
func (c *Crowd) Faults() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.faults...)
}

func (c *Crowd) fault(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.faults) < 20 {
		c.faults = append(c.faults, fmt.Sprintf(format, args...))
	}
}

// Run does what is planned, each step at its time or as soon after as one of the workers is free, until ctx ends.
func (c *Crowd) Run(ctx context.Context, plan []Step, workers int) {
	begin := time.Now()
	next := make(chan Step)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for step := range next {
				c.do(ctx, w, step)
			}
		})
	}
	for _, step := range plan {
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(begin.Add(step.At))):
			next <- step
		}
		if ctx.Err() != nil {
			break
		}
	}
	close(next)
	all.Wait()
}

// Settle asks everybody once for each password they ever had, and for their sessions, when everything is at rest.
func (c *Crowd) Settle(ctx context.Context) {
	var all sync.WaitGroup
	for door := range c.Doors {
		all.Go(func() {
			for i := door; i < len(c.people); i += len(c.Doors) {
				p := c.people[i]
				a := c.actor(len(c.people)+door, p, Step{Gateway: door, Dice: uint64(i)})
				for _, password := range p.every() {
					a.login(ctx, password, false)
				}
				for s := p.take(a.dice); s != nil; s = p.take(a.dice) {
					a.refresh(ctx, s)
				}
			}
		})
	}
	all.Wait()
}

// do is one step.
func (c *Crowd) do(ctx context.Context, worker int, step Step) {
	p := c.people[step.Person]
	a := c.actor(worker, p, step)
	switch act := step.Act; {
	case act == LoginRight:
		a.login(ctx, p.right(a.dice), true)
	case act == LoginOld:
		a.login(ctx, p.old(a.dice), true)
	case act == LoginWrong:
		a.loginWrong(ctx)
	case act == Refresh:
		a.withSession(ctx, a.refreshBy)
	case act == Reuse:
		a.withSession(ctx, a.reuse)
	case !p.mayWrite():
		a.login(ctx, p.right(a.dice), true)
	case act == Register:
		a.register(ctx)
	case act == Change:
		a.withSession(ctx, func(ctx context.Context, s *session) { a.changeAndTry(ctx, s, p.right(a.dice)) })
	case act == ChangeTwice:
		a.changeTwice(ctx)
	case act == ChangeChain:
		a.changeChain(ctx)
	case act == ChangeWrong:
		a.withSession(ctx, func(ctx context.Context, s *session) { a.change(ctx, s, p.old(a.dice)) })
	case act == Delete:
		a.withSession(ctx, a.delete)
	case act == Logout:
		a.withSession(ctx, a.logout)
	case act == Reset:
		a.resetByLetter(ctx)
	case act == Enrol:
		a.withSession(ctx, a.enrol)
	case act == Unenrol:
		a.withSession(ctx, a.unenrol)
	case act == Disable, act == Enable, act == Revoke, act == Migrate:
		a.staff(ctx, act)
	case act == LegacyWrite:
		a.legacyWrite(ctx)
	}
}

func (c *Crowd) actor(worker int, p *person, step Step) *actor {
	return &actor{Crowd: c, person: p, worker: worker, gateway: step.Gateway, dice: rand.New(rand.NewPCG(step.Dice, 2))}
}
