package accounts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/singleflight"

	"rekey/accounts/masterkey"
	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/accounts/policy"
	"rekey/legacy"
	"rekey/legacy/hash"
)

// A Source is a legacy store under the name that its people's ids are made from.
type Source struct {
	Name string
	legacy.Source
	// Domains are e-mail domains whose addresses are looked for in this store alone. A store
	// that has some is asked for no other address.
	Domains []string
	// Fold is what a store that only verifies does to a password before it looks at it, as far as the operator knows: it
	// has proven the folded bytes. Stores that show their hashes need none; their schemes declare it.
	Fold password.Fold

	// CopyBack says what the store is told of changes made here; "" means CopyBackNone. CopyBackFull needs a
	// legacy.Writer that writes under a condition and takes hashes.
	CopyBack CopyBack

	// Replica is a copy of the store that is kept by the store itself, for reading much at a time: it may be behind. nil: there is
	// none, and the store is read. Before anything is said of somebody the store is.
	Replica legacy.Source

	Watch Watch // how the store is looked at for changes of others; zero: it is not

	// ManageURL is where people change what has to be changed in this store; "" if there is no such place.
	ManageURL string
}

// Config is what a Service is made of. Store, Hashes, Hasher, Permits and Key are required.
type Config struct {
	Store   Store
	Sources []Source // in order of precedence
	Hashes  *hash.Registry
	Hasher  password.Hasher
	Permits *password.Pool
	Key     *masterkey.Key

	NewPasswords *policy.Policy // nil: the default, and nobody is asked for breached ones
	Mailer       Mailer         // nil: no mail can be sent

	Lease  *Lease        // nil: the phase is new-first, for ever
	Terms  phase.Lease   // that every process lives by; zero: those of Lease, else phase.DefaultLease
	Limits *phase.Limits // of the gates; nil: phase.DefaultLimits

	// Nudge is told that there is background work of a kind (JobCopyBack, JobMail), after it was committed. nil: nobody is told,
	// and whoever works looks from time to time.
	Nudge func(kind string)

	// Answered is told of each login that was not malformed, how long it took and what Login returns. nil: nobody is told.
	Answered func(took time.Duration, err error)

	Compare CompareLogins // which are compared while CompareVerdicts runs

	Collisions   Collisions // "" means CollisionsQuarantine
	Required     RequiredActions
	WriteTimeout time.Duration // of a write that outlives its request; 0 means 10 s
	Now          func() time.Time
	Log          *slog.Logger
}

// Service runs the flows. It is safe for concurrent use.
type Service struct {
	store   Store
	sources []Source
	hashes  *hash.Registry
	hasher  password.Hasher
	permits *password.Pool
	policy  *policy.Policy
	key     *masterkey.Key
	lease   *Lease
	mailer  Mailer
	terms   phase.Lease
	limits  phase.Limits
	stats   Stats
	meter   *meter

	comparer comparer

	measures func(took time.Duration, err error) // nil: nobody does

	collisions     Collisions
	required       RequiredActions
	fingerprintKey [32]byte
	printers       sync.Pool // of HMACs under it, which cost as much to make as to use
	nameKey        [32]byte
	wrapKeys       password.WrapKeys
	noted          recentSet // notes that this process has written: a hint that saves the attempt
	ownSpelling    recentSet // spellings known to mean the account that holds the canonical value
	legacyLogins   recentSet // sources of which this process has noted that a login needed them

	progress counted[Progress]
	totals   []*counted[int64] // of the sources
	left     counted[int64]    // people, by reading all sources

	writeTimeout time.Duration
	now          func() time.Time
	nudge        func(kind string)
	log          *slog.Logger

	moves   singleflight.Group // one move per person and password at a time
	unended sync.WaitGroup     // writes that may outlive their request
	close   sync.Once
	closing chan struct{} // closed when nothing is begun any more that can wait
}

// New returns a Service.
func New(c Config) (*Service, error) {
	s := &Service{
		store: c.Store, sources: slices.Clone(c.Sources), hashes: c.Hashes, hasher: c.Hasher, permits: c.Permits, key: c.Key, lease: c.Lease, mailer: c.Mailer,
		terms: c.Terms, limits: phase.DefaultLimits(), meter: newMeter(), measures: c.Answered, closing: make(chan struct{}),
		comparer: comparer{logins: c.Compare, jobs: make(chan *sample, compareQueue)},
		policy:   c.NewPasswords, collisions: c.Collisions, required: c.Required, writeTimeout: c.WriteTimeout, now: c.Now, nudge: c.Nudge, log: c.Log,
	}
	if s.terms == (phase.Lease{}) {
		s.terms = phase.DefaultLease()
		if s.lease != nil {
			s.terms = s.lease.terms
		}
	}
	if c.Limits != nil {
		s.limits = *c.Limits
	}
	if err := errors.Join(s.terms.Check(), s.limits.Check()); err != nil {
		return nil, err
	}
	if s.writeTimeout == 0 {
		s.writeTimeout = 10 * time.Second
	}
	if s.policy == nil {
		var err error
		if s.policy, err = policy.New(policy.Config{}); err != nil {
			return nil, err
		}
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.nudge == nil {
		s.nudge = func(string) {}
	}
	s.left.most = unmovedTimeout
	for i, source := range c.Sources {
		domains := make([]string, len(source.Domains))
		for j, domain := range source.Domains {
			domains[j] = canonicalDomain(domain)
		}
		s.sources[i].Domains = domains
		s.totals = append(s.totals, &counted[int64]{})
		if err := source.Fold.Check(); err != nil {
			return nil, fmt.Errorf("source %s: %w", source.Name, err)
		}
	}
	s.fingerprintKey, s.nameKey = c.Key.Derive("fingerprint"), c.Key.Derive("name")
	wrap := c.Key.Derive("wrap")
	var err error
	s.wrapKeys, err = password.NewWrapKeys(c.Key.ID(), map[string][]byte{c.Key.ID(): wrap[:]})
	return s, err
}

// Terms returns the lease that every process lives by.
func (s *Service) Terms() phase.Lease { return s.terms }

// Limits returns what the gates ask for.
func (s *Service) Limits() phase.Limits { return s.limits }

// Close waits for the writes that have outlived their requests, or until ctx ends.
func (s *Service) Close(ctx context.Context) error {
	s.close.Do(func() { close(s.closing) })
	done := make(chan struct{})
	go func() {
		s.unended.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// outlive runs a write that must not be cut short because the person has hung up: their password is proven, and
// half a move helps nobody.
func (s *Service) outlive(ctx context.Context, write func(context.Context) error) error {
	s.unended.Add(1)
	defer s.unended.Done()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.writeTimeout)
	defer cancel()
	return write(ctx)
}

// event starts an audit line about an account.
func (s *Service) event(account uuid.UUID, kind EventKind, a Attempt) Event {
	if a.by != nil {
		return a.by.event(account, kind, s.now())
	}
	return Event{
		ID: uuid.Must(uuid.NewV7()), At: s.now(), AccountID: account, Kind: kind,
		Actor: "person", RequestID: a.RequestID,
	}
}
