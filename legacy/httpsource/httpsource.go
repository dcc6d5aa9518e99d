// Package httpsource asks the old application itself, over HTTP, who somebody is and whether a password is theirs. It is
// for those who cannot or may not read the old table.
//
// It serves the packages that move people out of an old store. It changes nothing unless it is told how (see Write); it follows no
// redirect, keeps no cookie, uses no proxy, and connects to no address inside the own network that was not named to it.
// A password travels in a request's body alone. No error of the package contains an identifier, a password, a secret or
// a byte of what the application answered.
//
// Only an exact yes is yes and only an exact no is no. Everything else that an application, or what stands in front of
// it, can say (another status, a page, half an answer, too long an answer) is "cannot tell". See verdict.go.
package httpsource

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"rekey/legacy"
	"rekey/legacy/guard"
)

// Config describes a source. Name, URL and Dialect are required; the zero values of the rest are usable, but for Plain
// with the plain dialect.
type Config struct {
	Name    string // in errors
	URL     string // of the application: https://shop.example.org/api/users
	Dialect Dialect
	Plain   Plain // how the plain dialect is spoken

	// Key is what a person is known by for good. Their subject is made from it.
	Key Key
	// GetPath reads a person by key: a path behind URL, with {id} in it. Without it, a source whose Key is "id" is not a
	// legacy.Getter.
	GetPath string
	// IgnoresCase: the application takes Anna and anna for one name. It is then asked once, in lower case, and not for
	// each way of writing a name.
	IgnoresCase bool

	// VerifyByID: in the Keycloak dialect a password is checked under the person's id, not under their name.
	VerifyByID bool
	// WrongStatus are the statuses that say "wrong password" in the Keycloak dialect; nil: 401.
	WrongStatus []int
	// TrustBareYes leaves out the second question that stands behind each yes which only a status has given; see Verify.
	TrustBareYes bool

	Scheme string            // of hashes, where the application shows them (Plain.Fields.Password); see package hash
	Params map[string]string // what the scheme must be told

	Write *Write // what may be written back; nil: nothing, and the source is no legacy.Writer

	Auth Auth
	// AllowPrivate are the networks that are not public and may be connected to all the same. Without TLS, only these.
	AllowPrivate []netip.Prefix
	CAFile       string // PEM certificates to trust instead of the system's

	// CheckIdentifier is somebody whom the application has. With it, Check can tell a wrong URL, under which nobody is
	// found, from a right one.
	CheckIdentifier string

	Timeout    time.Duration    // of one question; 0: 2 s
	MaxConns   int              // 0: 8
	BreakAfter int              // failures in a row that open the circuit breaker; 0: 5
	BreakFor   time.Duration    // how long it then answers at once, before one question tries again; 0: 2 s
	Now        func() time.Time // for the time in a signature; nil: time.Now
}

const (
	defaultMaxConns = 8

	// maxPeople is how many may share one identifier. More is an application that was asked wrongly.
	maxPeople = 16
	// maxIdentifier is the longest name that is asked for or believed, in bytes.
	maxIdentifier = 1 << 10
	maxUserBody   = 64 << 10
	maxVerdict    = 1 << 10
)

// probeIdentifier is nobody's: the domain is reserved for that (RFC 2606).
const probeIdentifier = "rekey-check@rekey.invalid"

// A Source is an old application. Where it can read by key it is a legacy.Getter too.
type Source interface {
	legacy.Source
	legacy.Verifier
	legacy.Checker
	legacy.Pinger
	io.Closer
}

var (
	_ Source        = (*source)(nil)
	_ legacy.Getter = keyed{}
)

type source struct {
	config  Config
	dialect *dialect
	client  *client
	guard   *guard.Guard
	writing *writing // nil: nothing is written
}

// keyed is a source that can be read by key.
type keyed struct{ *source }

// Open checks the configuration, and says all that is wrong with it, each thing as a legacy.SettingError. It asks nothing; the
// application may be down: Check does ask.
func Open(c Config) (Source, error) {
	fail := func(err error) (Source, error) { return nil, fmt.Errorf("legacy source %s: %w", c.Name, err) }
	var errs []error
	if c.MaxConns < 0 {
		errs = append(errs, legacy.Wrong("max_conns", "is negative"))
	}
	if c.MaxConns <= 0 {
		c.MaxConns = defaultMaxConns
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &source{}
	var err error
	s.guard, err = guard.New(guard.Config{
		Source: c.Name, Describe: s.describe, Timeout: c.Timeout, BreakAfter: c.BreakAfter, BreakFor: c.BreakFor,
	})
	if err != nil {
		return fail(err)
	}
	c.Timeout = s.guard.Timeout()
	s.config = c
	s.dialect, err = newDialect(c)
	errs = append(errs, err)
	s.client, err = newClient(c)
	errs = append(errs, err)
	if c.Write != nil && s.client != nil {
		s.writing, err = s.newWriting(c)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return fail(err)
	}
	if s.writing != nil {
		return writer{keyed: keyed{s}, holds: new(atomic.Bool)}, nil
	}
	if s.dialect.get != nil {
		return keyed{s}, nil
	}
	return s, nil
}

// Close closes the connections that are not in use.
func (s *source) Close() error {
	s.client.http.CloseIdleConnections()
	return nil
}

// Lookup is legacy.Source's. It is one request for each spelling, side by side, all within one deadline.
func (s *source) Lookup(ctx context.Context, spellings ...string) ([]legacy.User, error) {
	spellings = s.askable(spellings)
	if len(spellings) == 0 {
		return nil, nil
	}
	var users []legacy.User
	err := s.guard.Ask(ctx, "look up a user", func(ctx context.Context) (err error) {
		answers := make([][]legacy.User, len(spellings))
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(s.config.MaxConns)
		for i, spelling := range spellings {
			group.Go(func() (err error) {
				answers[i], err = s.find(ctx, spelling)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		users, err = union(answers)
		return err
	})
	if err != nil {
		return nil, err
	}
	return users, nil
}

// errTwoFaces usually means that the application writes back the name that it was asked for.
var errTwoFaces = errors.New("one id was answered with two different records; if it writes back the name as asked, it ignores case")

// union joins the answers; each person is in it once.
func union(answers [][]legacy.User) ([]legacy.User, error) {
	var users []legacy.User
	at := map[string]int{}
	for _, answer := range answers {
		for _, u := range answer {
			i, known := at[u.ID]
			if !known {
				at[u.ID] = len(users)
				users = append(users, u)
				continue
			}
			if o := users[i]; o.Username != u.Username || o.Email != u.Email || o.Phone != u.Phone || o.Disabled != u.Disabled {
				return nil, guard.Answered(errTwoFaces)
			}
		}
	}
	if len(users) > maxPeople {
		return nil, guard.Answered(legacy.ErrTooMany)
	}
	return users, nil
}

// find asks for one spelling.
func (s *source) find(ctx context.Context, spelling string) ([]legacy.User, error) {
	answer, err := s.client.ask(ctx, s.dialect.lookup, naming(spelling), nil)
	if err != nil {
		return nil, err
	}
	users, err := s.dialect.people(answer)
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		if !called(u, spelling) {
			return nil, guard.Answered(errSomebodyElse)
		}
	}
	return users, nil
}

// errSomebodyElse is a trap for applications that take part of a name for the whole, or drop what they do not understand
// and answer with whoever comes first.
var errSomebodyElse = errors.New("it answered with somebody who was not asked for")

// called reports whether the spelling is one of the person's identifiers, but for case.
func called(u legacy.User, spelling string) bool {
	for _, id := range u.Identifiers() {
		if strings.EqualFold(id, spelling) {
			return true
		}
	}
	return false
}

// Get is legacy.Getter's. The answer's key must be the one that was asked for to the byte.
func (k keyed) Get(ctx context.Context, id string) (legacy.User, error) {
	s := k.source
	folded := s.dialect.get == s.dialect.lookup && s.spelled(id) != id
	if folded || !askable(id) || !s.dialect.get.asks(naming(id)) {
		if err := ctx.Err(); err != nil {
			return legacy.User{}, fmt.Errorf("legacy source %s: read a user by key: %w", s.config.Name, err)
		}
		return legacy.User{}, legacy.ErrNoUser // no request can name it
	}
	var user legacy.User
	err := s.guard.Ask(ctx, "read a user by key", func(ctx context.Context) (err error) {
		user, err = k.read(ctx, id)
		return err
	})
	return user, err
}

// read asks for a person by a key that can be asked for.
func (k keyed) read(ctx context.Context, id string) (legacy.User, error) {
	answer, err := k.client.ask(ctx, k.dialect.get, naming(id), nil)
	if err != nil {
		return legacy.User{}, err
	}
	users, err := k.dialect.byKey(answer)
	switch {
	case err != nil:
		return legacy.User{}, err
	case len(users) == 0:
		return legacy.User{}, guard.Answered(legacy.ErrNoUser)
	case len(users) > 1 || users[0].ID != id:
		return legacy.User{}, guard.Answered(errSomebodyElse)
	}
	user := users[0]
	if tag := answer.header.Get("ETag"); k.writing != nil && strongTag(tag) {
		user.Extra = map[string]any{tagKey: tag} // the plain dialect has nothing else there
	}
	return user, nil
}

// Verify is legacy.Verifier's.
//
// A yes that only a status has given is a bare yes: a maintenance page, a proxy or a broken application gives it as well.
// So the application is then asked about the same person with a password that was made up on the spot, and is believed
// only if it can say no to that. Each person costs it one refused attempt, once, for they are moved then.
func (s *source) Verify(ctx context.Context, user legacy.User, password []byte) error {
	if len(password) == 0 {
		return legacy.ErrWrongPassword // an empty password is nobody's, whatever the application thinks of it
	}
	var said verdict
	err := s.guard.Ask(ctx, "verify a password", func(ctx context.Context) (err error) {
		said, err = s.verdict(ctx, user, password)
		return err
	})
	if err != nil || said == yesProven || s.config.TrustBareYes {
		return err
	}
	return s.guard.Ask(ctx, "verify that it can say no", func(ctx context.Context) error {
		const enough = 16 // of the 26 characters, 80 bits: some applications refuse long passwords
		switch _, err := s.verdict(ctx, user, []byte(rand.Text()[:enough])); {
		case errors.Is(err, legacy.ErrWrongPassword):
			return nil
		case err != nil:
			return err
		}
		return guard.Answered(errYesToAll)
	})
}

var errYesToAll = errors.New("it says yes to any password")

// verdict asks once. Its error is a marked legacy.ErrWrongPassword for an exact no.
func (s *source) verdict(ctx context.Context, user legacy.User, password []byte) (verdict, error) {
	body, err := s.dialect.passwordBody(user, password)
	if err != nil {
		return 0, guard.Answered(err)
	}
	answer, err := s.client.ask(ctx, s.dialect.verify, whoIs(user), body)
	if err != nil {
		return 0, err
	}
	return s.dialect.judge(answer)
}

// Check is legacy.Checker's. It looks up CheckIdentifier, which must be found, or else somebody who cannot be there, about
// whom the application must say just that.
func (s *source) Check(ctx context.Context) error {
	name := s.config.CheckIdentifier
	if name == "" {
		name = probeIdentifier
	}
	return s.guard.Ask(ctx, "check the application", func(ctx context.Context) error {
		users, err := s.find(ctx, s.spelled(name))
		switch {
		case err != nil && guard.IsAnswered(err):
			return guard.Answered(mappingError{err})
		case err != nil:
			return err
		case s.config.CheckIdentifier != "" && len(users) == 0:
			return guard.Answered(mappingError{errors.New("the person to check with is not found; is the URL right?")})
		}
		return nil
	})
}

// Ping asks for somebody who cannot be there.
func (s *source) Ping(ctx context.Context) error {
	return s.guard.Ask(ctx, "ping", func(ctx context.Context) error {
		_, err := s.find(ctx, probeIdentifier)
		return err
	})
}

// askable returns the spellings that somebody could have and a request can name, each once.
func (s *source) askable(spellings []string) []string {
	var list []string
	seen := map[string]bool{}
	for _, spelling := range spellings {
		spelling = s.spelled(spelling)
		if askable(spelling) && s.dialect.lookup.asks(naming(spelling)) && !seen[spelling] {
			seen[spelling] = true
			list = append(list, spelling)
		}
	}
	return list
}

// spelled is a name as the application is asked for it.
func (s *source) spelled(name string) string {
	if s.config.IgnoresCase {
		return strings.ToLower(name)
	}
	return name
}

// askable reports whether a text can be a name or a key: the same test that those of an answer have to pass.
func askable(text string) bool { return text != "" && len(text) <= maxIdentifier && plainText(text) }
