package bridge_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rekey/accounts"
	"rekey/accounts/masterkey"
	"rekey/accounts/password"
	"rekey/accounts/sqlstore"
	"rekey/accounts/sqlstore/sqlstoretest"
	"rekey/gateway/bridge"
	"rekey/gateway/limit"
	"rekey/legacy"
	"rekey/legacy/hash"
	"rekey/legacy/legacytest"
)

// A key is the one of a product, as long as they have to be.
func key(product string) string { return product + strings.Repeat("-key", 8) }

// A world is a bridge in front of a real SQLite store and an old store in memory that holds anna (tulip) and the disabled
// bert (daisy).
type world struct {
	t      *testing.T
	bridge *bridge.Bridge
	store  *faulty
	old    *legacytest.Memory
	log    *bytes.Buffer

	mu    sync.Mutex
	holds []string // the classes of refusals that were held
}

// faulty is a store that can be made unreachable.
type faulty struct {
	accounts.Store
	down atomic.Bool
}

var errDown = errors.New("connection refused")

func (f *faulty) ByIdentifier(ctx context.Context, canonical string) (accounts.Record, error) {
	if f.down.Load() {
		return accounts.Record{}, errDown
	}
	return f.Store.ByIdentifier(ctx, canonical)
}

func newWorld(t *testing.T, change func(*bridge.Config)) *world {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), sqlstoretest.SQLite(t), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() }) // nothing is lost with a temporary folder
	masterKey, err := masterkey.Parse([]byte(strings.Repeat("42", 32)))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: &faulty{Store: store}, log: &bytes.Buffer{}}
	w.old = legacytest.NewMemory(
		legacy.User{
			ID: "1", Username: "Anna", Email: "Anna@example.org", Phone: "+49 151 1", Password: &legacy.Stored{Scheme: "plaintext", Hash: "tulip"},
			Profile: legacy.Profile{
				DisplayName: "Anna Berg", Locale: "de-CH", EmailVerified: true, Roles: []string{"admin"}, Groups: []string{"ski"},
				Attributes: map[string]string{"plan": "gold"},
			},
		},
		legacy.User{ID: "2", Username: "bert", Disabled: true, Password: &legacy.Stored{Scheme: "plaintext", Hash: "daisy"}},
		legacy.User{ID: "3", Username: "", Phone: "0049151", Password: &legacy.Stored{Scheme: "plaintext", Hash: "poppy"}},
	)
	service, err := accounts.New(accounts.Config{
		Store: w.store, Sources: []accounts.Source{{Name: "shop", Source: w.old}}, Hashes: hash.New(hash.Config{}),
		Hasher: password.Hasher{Policy: password.Policy{MemoryKiB: 64, Time: 1, Lanes: 1}}, Permits: password.NewPool(password.PoolConfig{}), Key: masterKey,
	})
	if err != nil {
		t.Fatal(err)
	}
	config := bridge.Config{
		Accounts: service, Finder: service,
		Keycloak: bridge.Access{Key: key("keycloak")}, Kratos: bridge.Access{Key: key("kratos"), Header: "X-Api-Key"},
		Okta: bridge.Access{Key: key("okta"), Header: "Authorization"}, Cognito: bridge.Access{Key: key("cognito")},
		FusionAuth: bridge.Access{Key: key("fusionauth"), User: "fusion"},
		Hold: func(_ context.Context, class string, _ time.Time) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.holds = append(w.holds, class)
		},
		Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&config)
	}
	w.bridge, err = bridge.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// A caller is a product: how it asks, and what it takes for a yes and for a no.
type caller struct {
	name          string
	method, path  string // with NAME in it, or
	body          string // with NAME and PASSWORD in it, as JSON strings without quotes
	auth          [2]string
	yes           string // the body of a 200, about Anna; ID is her id
	no            int
	noBody        string
	takesNoAsYes  bool // its no is a 200 too
	withoutSecret bool // it asks for nobody's password
}

const (
	oktaYes = `{"commands":[{"type":"com.okta.action.update","value":{"credential":"VERIFIED"}}]}`
	oktaNo  = `{"commands":[{"type":"com.okta.action.update","value":{"credential":"UNVERIFIED"}}]}`
)

// callers ask as the products' documentation has it, with all the fields that are not looked at.
func callers() []caller {
	return []caller{
		{
			name: "keycloak", method: "POST", path: "/bridge/keycloak/NAME", body: `{"password":"PASSWORD"}`,
			auth: [2]string{"Authorization", "Bearer " + key("keycloak")}, yes: "", no: 401,
		},
		{
			name: "keycloak lookup", method: "GET", path: "/bridge/keycloak/NAME", auth: [2]string{"Authorization", "Bearer " + key("keycloak")},
			yes: `{"id":"ID","username":"anna","email":"Anna@example.org","enabled":true,"emailVerified":true,"attributes":{"displayName":["Anna Berg"],` +
				`"locale":["de-CH"],"phoneNumber":["+49 151 1"],"plan":["gold"]},"roles":["admin"],"groups":["ski"]}`,
			no: 404, withoutSecret: true,
		},
		{
			name: "kratos", method: "POST", path: "/bridge/kratos", body: `{"identifier":"NAME","password":"PASSWORD","flow":{"id":"f"},"identity":{"id":"i"}}`,
			auth: [2]string{"X-Api-Key", key("kratos")}, yes: `{"status":"password_match"}`, no: 403,
		},
		{
			name: "okta", method: "POST", path: "/bridge/okta",
			body: `{"eventId":"uS5871kJThSU8qlA1LTcdg","eventTime":"2020-01-17T21:23:56.000Z","eventType":"com.okta.user.credential.password.import",` +
				`"eventTypeVersion":"1.0","contentType":"application/json","cloudEventVersion":"0.1","source":"https://org/api/v1/inlineHooks/cal4eu",` +
				`"data":{"context":{"request":{"id":"XiIl6wn7005Rr@fjYqeC7A","method":"POST","url":{"value":"/api/v1/authn"},"ipAddress":"66.124.153.138"},` +
				`"credential":{"username":"NAME","password":"PASSWORD"}},"action":{"credential":"UNVERIFIED"}}}`,
			auth: [2]string{"Authorization", key("okta")}, yes: oktaYes, no: 200, noBody: oktaNo, takesNoAsYes: true,
		},
		{
			name: "cognito", method: "POST", path: "/bridge/cognito",
			body: `{"version":"1","triggerSource":"UserMigration_Authentication","region":"eu-central-1","userPoolId":"eu-central-1_abc","userName":"NAME",` +
				`"callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":"c1"},"request":{"password":"PASSWORD","validationData":{"k":"v"},` +
				`"userAttributes":null},"response":{"userAttributes":null,"forceAliasCreation":null}}`,
			auth: [2]string{"Authorization", "Bearer " + key("cognito")},
			yes: `{"version":"1","triggerSource":"UserMigration_Authentication","region":"eu-central-1","userPoolId":"eu-central-1_abc","userName":"anna",` +
				`"callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":"c1"},"request":{"validationData":{"k":"v"},"userAttributes":null},` +
				`"response":{"userAttributes":{"email":"Anna@example.org","email_verified":"true","phone_number":"+491511","phone_number_verified":"false",` +
				`"name":"Anna Berg","locale":"de-CH"},"finalUserStatus":"CONFIRMED","messageAction":"SUPPRESS","forceAliasCreation":false}}`,
			no: 403,
		},
		{
			name: "cognito, password forgotten", method: "POST", path: "/bridge/cognito",
			body: `{"version":"1","triggerSource":"UserMigration_ForgotPassword","region":"eu-central-1","userPoolId":"p","userName":"NAME",` +
				`"callerContext":{"clientId":"c1"},"request":{"clientMetadata":{"k":"v"}},"response":{}}`,
			auth: [2]string{"Authorization", "Bearer " + key("cognito")},
			yes: `{"version":"1","triggerSource":"UserMigration_ForgotPassword","region":"eu-central-1","userPoolId":"p","userName":"anna",` +
				`"callerContext":{"clientId":"c1"},"request":{"clientMetadata":{"k":"v"}},"response":{"userAttributes":{"email":"Anna@example.org",` +
				`"email_verified":"true","phone_number":"+491511","phone_number_verified":"false","name":"Anna Berg","locale":"de-CH"},` +
				`"messageAction":"SUPPRESS","forceAliasCreation":false}}`,
			no: 403, withoutSecret: true,
		},
		{
			name: "fusionauth", method: "POST", path: "/bridge/fusionauth",
			body: `{"applicationId":"10000000-0000-0002-0000-000000000001","eventInfo":{"deviceName":"d","deviceType":"BROWSER","ipAddress":"192.0.2.7",` +
				`"userAgent":"u"},"loginId":"NAME","newDevice":false,"noJWT":false,"password":"PASSWORD"}`,
			auth: [2]string{"Authorization", basic("fusion", key("fusionauth"))},
			yes: `{"user":{"id":"ID","username":"Anna","email":"Anna@example.org","phoneNumber":"+491511","active":true,"fullName":"Anna Berg","verified":true,` +
				`"data":{"migrated":true,"locale":"de-CH","roles":["admin"],"groups":["ski"],"attributes":{"plan":"gold"}}}}`,
			no: 404,
		},
	}
}

func basic(user, pw string) string {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, pw)
	return r.Header.Get("Authorization")
}

// ask sends a caller's question.
func (w *world) ask(c caller, name, pw string) *httptest.ResponseRecorder {
	w.t.Helper()
	quoted := func(s string) string {
		raw, err := json.Marshal(s)
		if err != nil {
			w.t.Fatal(err)
		}
		return string(raw[1 : len(raw)-1])
	}
	body := strings.NewReplacer("NAME", quoted(name), "PASSWORD", quoted(pw)).Replace(c.body)
	path := strings.ReplaceAll(c.path, "NAME", strings.ReplaceAll(name, "@", "%40"))
	return w.send(c.method, path, body, c.auth[0], c.auth[1])
}

func (w *world) send(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	a := httptest.NewRecorder()
	w.bridge.ServeHTTP(a, r)
	return a
}

// isYes compares a yes with what the product wants, as JSON.
func (c caller) isYes(t *testing.T, a *httptest.ResponseRecorder) {
	t.Helper()
	want := strings.ReplaceAll(c.yes, "ID", accounts.SubjectFor("shop", "1").String())
	if a.Code != http.StatusOK {
		t.Errorf("%s: status %d: %s", c.name, a.Code, a.Body)
		return
	}
	if want == "" {
		if a.Body.Len() > 0 {
			t.Errorf("%s: a body", c.name)
		}
		return
	}
	var got, wanted any
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(a.Body.Bytes(), &got); err != nil {
		t.Errorf("%s: the answer is not JSON: %v", c.name, err)
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", c.name, diff)
	}
	if ct := a.Header().Get("Content-Type"); ct != "application/json" {
		t.Errorf("%s: content type %q", c.name, ct)
	}
}

func (c caller) isNo(t *testing.T, why string, a *httptest.ResponseRecorder) {
	t.Helper()
	if a.Code != c.no || a.Body.String() != c.noBody {
		t.Errorf("%s, %s: status %d, body %q; want %d, %q", c.name, why, a.Code, a.Body, c.no, c.noBody)
	}
}

// isFault checks an answer that no product takes for a yes or a no.
func (c caller) isFault(t *testing.T, why string, status int, a *httptest.ResponseRecorder) {
	t.Helper()
	if a.Code != status || a.Code == c.no || a.Code == http.StatusOK {
		t.Errorf("%s, %s: status %d, want %d", c.name, why, a.Code, status)
	}
	if strings.Contains(a.Body.String(), "VERIFIED") || strings.Contains(a.Body.String(), "password_match") {
		t.Errorf("%s, %s: body %q", c.name, why, a.Body)
	}
}

// TestRight: each product is answered with its own yes, before the person is moved and after, and a password moves them.
func TestRight(t *testing.T) {
	t.Parallel()
	for _, c := range callers() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			c.isYes(t, w.ask(c, "anna", "tulip"))
			moved, err := w.store.CountAccounts(t.Context())
			if err != nil || (moved == 1) == c.withoutSecret {
				t.Errorf("%d accounts were moved, error %v", moved, err)
			}
			c.isYes(t, w.ask(c, "anna", "tulip"))
			w.old.SetDown(errDown)
			if !c.withoutSecret {
				c.isYes(t, w.ask(c, "anna", "tulip")) // she lives here now
			}
			if len(w.holds) > 0 {
				t.Errorf("a success was held: %v", w.holds)
			}
		})
	}
}

// TestNo: the ways of being refused are told apart by nothing, and each is held.
func TestNo(t *testing.T) {
	t.Parallel()
	for _, c := range callers() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			noes := [][3]string{
				{"unknown", "nobody", "tulip"}, {"disabled", "bert", "daisy"},
				{"a name that nobody can have", strings.Repeat("x", 400), "tulip"}, {"another such name", "%00", "tulip"},
			}
			if !c.withoutSecret {
				noes = append(noes, [3]string{"wrong", "anna", "daisy"}, [3]string{"empty", "anna", ""},
					[3]string{"too long", "anna", strings.Repeat("x", 1025)}, [3]string{"NUL", "anna", "tulip\x00"})
			}
			var header http.Header
			for i, no := range noes {
				a := w.ask(c, no[1], no[2])
				c.isNo(t, no[0], a)
				if len(w.holds) != i+1 {
					t.Errorf("%s was not held", no[0])
				}
				if diff := cmp.Diff(header, a.Header()); i > 0 && diff != "" {
					t.Errorf("%s is told apart by its headers: %s", no[0], diff)
				}
				header = a.Header()
			}
		})
	}
}

// TestDown: a store that does not answer is no verdict, whichever store it is, and the guess was none.
func TestDown(t *testing.T) {
	t.Parallel()
	for _, c := range callers() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(b *bridge.Config) {
				b.Limiter = limit.NewLocal(limit.LocalConfig{})
				b.Identifier = limit.Rule{Name: "identifier", Count: 1, Per: time.Hour, Burst: 1}
			})
			for _, pw := range []string{"tulip", "daisy"} {
				w.old.SetDown(errDown)
				a := w.ask(c, "anna", pw)
				c.isFault(t, "the old store is down", http.StatusServiceUnavailable, a)
				if a.Header().Get("Retry-After") == "" {
					t.Error("nothing says when to try again")
				}
				w.old.SetDown(nil)
				w.store.down.Store(true)
				c.isFault(t, "the new store is down", http.StatusServiceUnavailable, w.ask(c, "anna", pw))
				w.store.down.Store(false)
			}
			c.isYes(t, w.ask(c, "anna", "tulip"))
			if strings.Contains(w.log.String(), "tulip") || strings.Contains(w.log.String(), "daisy") || !strings.Contains(w.log.String(), "cannot tell") {
				t.Errorf("the log: %s", w.log)
			}
		})
	}
}

// TestLimits: guesses run out by name and by the address that a product tells; what succeeded was none.
func TestLimits(t *testing.T) {
	t.Parallel()
	for _, c := range callers() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(b *bridge.Config) {
				b.Limiter = limit.NewLocal(limit.LocalConfig{})
				b.Identifier = limit.Rule{Count: 2, Per: time.Hour, Burst: 2}
			})
			for range 5 {
				c.isYes(t, w.ask(c, "anna", "tulip"))
			}
			names := []string{"ghost", "GHOST", "Ghost", "ghost"}
			for i, name := range names {
				switch a := w.ask(c, name, "guess"); {
				case i < 2:
					c.isNo(t, "a guess", a)
				default:
					c.isFault(t, "too many guesses", http.StatusTooManyRequests, a)
					if a.Header().Get("Retry-After") == "" {
						t.Error("nothing says when to try again")
					}
				}
			}
			c.isYes(t, w.ask(c, "anna", "tulip"))
		})
	}
	t.Run("by address", func(t *testing.T) {
		t.Parallel()
		for _, c := range callers() {
			w := newWorld(t, func(b *bridge.Config) {
				b.Limiter = limit.NewLocal(limit.LocalConfig{})
				b.Address = limit.Rule{Count: 2, Per: time.Hour, Burst: 2}
			})
			for i, name := range []string{"ghost1", "ghost2", "ghost3"} {
				a := w.ask(c, name, "guess")
				if told := strings.Contains(c.body, "ipAddress"); i == 2 && told {
					c.isFault(t, "too many guesses from one address", http.StatusTooManyRequests, a)
				} else {
					c.isNo(t, "a guess", a)
				}
			}
		}
	})
}

// TestHangingUp: who does not wait for the answer has still guessed.
func TestHangingUp(t *testing.T) {
	t.Parallel()
	c := callers()[0]
	w := newWorld(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, c.method, "/bridge/keycloak/anna", strings.NewReader(`{"password":"tulip"}`))
	r.Header.Set(c.auth[0], c.auth[1])
	a := httptest.NewRecorder()
	w.bridge.ServeHTTP(a, r)
	c.isYes(t, a)
}

// A watched writer knows whether anything was sent.
type watched struct {
	http.ResponseWriter
	sent bool
}

func (w *watched) WriteHeader(status int) {
	w.sent = true
	w.ResponseWriter.WriteHeader(status)
}

// TestHeldBeforeItIsAnswered: a refusal that is written first and held then would tell all.
func TestHeldBeforeItIsAnswered(t *testing.T) {
	t.Parallel()
	for _, c := range callers() {
		to := &watched{ResponseWriter: httptest.NewRecorder()}
		arrived, held := time.Unix(1_700_000_000, 0), false
		w := newWorld(t, func(b *bridge.Config) {
			b.Now = func() time.Time { return arrived }
			b.Hold = func(ctx context.Context, _ string, at time.Time) {
				held = true
				if !at.Equal(arrived) || ctx.Err() != nil || to.sent {
					t.Errorf("%s: held from %v, sent %v, %v", c.name, at, to.sent, ctx.Err())
				}
			}
		})
		body := strings.NewReplacer("NAME", "ghost", "PASSWORD", "guess").Replace(c.body)
		r := httptest.NewRequestWithContext(t.Context(), c.method, strings.ReplaceAll(c.path, "NAME", "ghost"), strings.NewReader(body))
		r.Header.Set(c.auth[0], c.auth[1])
		w.bridge.ServeHTTP(to, r)
		if !held || !to.sent {
			t.Errorf("%s: held %v, answered %v", c.name, held, to.sent)
		}
	}
}
