package accounts

import (
	"context"
	"time"

	"github.com/google/uuid"

	"rekey/accounts/phase"
	"rekey/legacy"
	"rekey/legacy/hash"
)

// Renew is one renewal of a lease, which Start does by the clock.
func (l *Lease) Renew(ctx context.Context) error {
	err := l.renew(ctx)
	if err == nil {
		l.readApart(ctx)
	}
	return err
}

// MirrorAll makes the lookups that wait for a worker once more, and stores what was measured, which Measure does by the clock.
func (s *Service) MirrorAll(ctx context.Context) {
	for {
		select {
		case job := <-s.meter.jobs:
			s.mirror(ctx, job)
		default:
			s.storeWindows(ctx)
			return
		}
	}
}

// MirrorQueue is how many lookups wait at most.
const MirrorQueue = mirrorQueue

// TryCode looks at a code of somebody who has a generator and a recovery code, and spends nothing.
func (s *Service) TryCode(typed string, t legacy.TOTP) error {
	code, err := parseCode(typed)
	if err == nil {
		_, _, err = s.matchCode(uuid.Max, s.legacyFactors(uuid.Max, legacy.Profile{TOTP: []legacy.TOTP{t}, RecoveryCodes: []string{"abcd-1234"}}), code)
	}
	return err
}

// AnswersFor is who answers for people of a kind.
func AnswersFor(k LinkKind, state phase.State) phase.Store { return answersFor(k, state) }

// A Counted is a number that is counted seldom.
type Counted struct {
	c counted[int]
	s *Service
}

// NewCounted returns one that was never counted.
func NewCounted() *Counted { return &Counted{s: &Service{now: time.Now, closing: make(chan struct{})}} }

// Get returns it.
func (c *Counted) Get(ctx context.Context, every time.Duration, count func(context.Context) (int, error)) (int, error) {
	a := c.c.get(ctx, c.s, every, count)
	return a.value, a.err
}

// Close ends the count that is under way.
func (c *Counted) Close(ctx context.Context) error { return c.s.Close(ctx) }

// OpenComparer lets logins wait to be compared, as CompareVerdicts does.
func (s *Service) OpenComparer() { s.comparer.setOpen(true) }

// CompareAll compares the logins that wait, which CompareVerdicts does as they come.
func (s *Service) CompareAll(ctx context.Context) {
	for {
		select {
		case m := <-s.comparer.jobs:
			s.compareSample(ctx, m)
		default:
			return
		}
	}
}

// CompareQueue is how many logins wait at most.
const CompareQueue = compareQueue

// CompareLate is how long after its login a comparison may begin.
const CompareLate = compareLate

// Waiting returns the passwords that wait to be compared, which go on waiting.
func (s *Service) Waiting() (passwords [][]byte) {
	for range len(s.comparer.jobs) {
		m := <-s.comparer.jobs
		passwords = append(passwords, m.a.Password.Reveal())
		s.comparer.jobs <- m
	}
	return passwords
}

// TellCompared adds what a process has compared to what others know of.
func (s *Service) TellCompared(ctx context.Context) { s.tellCompared(ctx) }

// PanicInBatch makes the credentials of a batch in which somebody has a hash and nothing stored.
func (s *Service) PanicInBatch(ctx context.Context) error {
	b := bulk{Service: s, Batch: Batch{Hash: KeepAuto}, movers: []*mover{{user: &legacy.User{}, hash: &hash.Hash{Memory: 1 << 40}}}}
	return b.credentials(ctx)
}
