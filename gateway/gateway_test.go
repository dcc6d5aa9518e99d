package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"rekey/accounts"
	"rekey/accounts/masterkey"
	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/accounts/sqlstore"
	"rekey/accounts/sqlstore/sqlstoretest"
	"rekey/gateway"
	"rekey/gateway/limit"
	"rekey/gateway/token"
	"rekey/legacy"
	"rekey/legacy/hash"
	"rekey/legacy/legacytest"
)

// A world is a gateway in front of a real SQLite store and an old store in memory that holds anna (tulip) and the
// disabled bert (daisy).
type world struct {
	t        testing.TB
	gw       *gateway.Gateway
	store    accounts.Store
	old      *legacytest.Memory
	accounts *accounts.Service
	log      *bytes.Buffer
	spec     routers.Router

	failCreate *atomic.Bool              // people who log in are not moved
	frozen     atomic.Pointer[time.Time] // the time, if it stands still for the accounts
	post       *postbox
}

// A postbox is a mail server that keeps what it takes.
type postbox struct {
	mu  sync.Mutex
	all []accounts.Letter
}

func (p *postbox) Send(_ context.Context, l accounts.Letter) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, l)
	return nil
}

// unwilling is a store that can be made to create nobody.
type unwilling struct {
	accounts.Store
	fail atomic.Bool
}

func (u *unwilling) Create(ctx context.Context, r accounts.Record, e accounts.Event) error {
	if u.fail.Load() {
		return errors.New("disk full")
	}
	return u.Store.Create(ctx, r, e)
}

func newWorld(t testing.TB, change func(*gateway.Config)) *world {
	t.Helper()
	return newWorldOf(t, accounts.RequiredActions{}, change)
}

// newWorldOf is newWorld where people have something to do before they are wholly in.
func newWorldOf(t testing.TB, required accounts.RequiredActions, change func(*gateway.Config)) *world {
	t.Helper()
	database, err := sqlstore.Open(t.Context(), sqlstoretest.SQLite(t), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = database.Close() }) // nothing is lost with a temporary folder
	store := &unwilling{Store: database}
	first, err := phase.Initial(phase.Lazy, "0123456789abcdef", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.InitPhase(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	key, err := masterkey.Parse([]byte(strings.Repeat("42", 32)))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: store, log: &bytes.Buffer{}, failCreate: &store.fail, post: &postbox{}}
	w.old = legacytest.NewMemory(
		legacy.User{ID: "1", Username: "anna", Email: "Anna@example.org", Password: &legacy.Stored{Scheme: "plaintext", Hash: "tulip"}},
		legacy.User{ID: "2", Username: "bert", Disabled: true, Password: &legacy.Stored{Scheme: "plaintext", Hash: "daisy"}},
	)
	w.accounts, err = accounts.New(accounts.Config{
		Store: store, Sources: []accounts.Source{{Name: "shop", Source: w.old, ManageURL: manageURL}}, Hashes: hash.New(hash.Config{}),
		Hasher: password.Hasher{Policy: password.Policy{MemoryKiB: 64, Time: 1, Lanes: 1}}, Permits: password.NewPool(password.PoolConfig{}), Key: key, Mailer: w.post,
		Now: w.now, Required: required,
	})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := token.OpenKeys(t.Context(), token.KeysConfig{Store: store, MasterKey: key})
	if err != nil {
		t.Fatal(err)
	}
	access, err := token.NewAccess(token.AccessConfig{Keys: keys, Issuer: "http://rekey.test", Audience: "rekey", Revocations: limit.NewLocalDenylist(limit.LocalConfig{})})
	if err != nil {
		t.Fatal(err)
	}
	families, err := token.NewFamilies(token.FamiliesConfig{Access: access, Sessions: store, MasterKey: key})
	if err != nil {
		t.Fatal(err)
	}
	config := gateway.Config{
		Accounts: w.accounts, Tokens: families, Issuer: "http://rekey.test", Floor: time.Millisecond,
		Staff:   accounts.NewStaff(accounts.StaffConfig{Store: store}),
		Sweeper: &sweeper{},
		Checks:  []gateway.Check{{Name: "store", Required: true, Ask: store.Ping}},
		Log:     slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&config)
	}
	if w.gw, err = gateway.New(config); err != nil {
		t.Fatal(err)
	}
	w.spec = openAPI(t)
	return w
}

// now is the time as the accounts have it.
func (w *world) now() time.Time {
	if frozen := w.frozen.Load(); frozen != nil {
		return *frozen
	}
	return time.Now()
}

// openAPI returns the document that the repository holds, checked.
func openAPI(t testing.TB) routers.Router {
	t.Helper()
	document, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := document.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	router, err := gorillamux.NewRouter(document)
	if err != nil {
		t.Fatal(err)
	}
	return router
}

// An answer is what came back.
type answer struct {
	*httptest.ResponseRecorder
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Account struct{ ID, Username, Email string }
	Errors  []struct{ Field, Reason string }
}

// ask sends a request to the public listener and holds both to the OpenAPI document.
func (w *world) ask(method, path, body string, header ...string) answer {
	w.t.Helper()
	return w.askOf(w.gw.Public(), method, path, body, header...)
}

// askOf is ask for either listener.
func (w *world) askOf(listener http.Handler, method, path, body string, header ...string) answer {
	w.t.Helper()
	req := httptest.NewRequestWithContext(w.t.Context(), method, path, strings.NewReader(body))
	req.RemoteAddr = "192.0.2.1:4711"
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	a := answer{ResponseRecorder: httptest.NewRecorder()}
	listener.ServeHTTP(a.ResponseRecorder, req)
	w.conforms(req, body, a.ResponseRecorder)
	if a.Body.Len() > 0 && strings.Contains(a.Header().Get("Content-Type"), "json") {
		if err := json.Unmarshal(a.Body.Bytes(), &a); err != nil {
			w.t.Errorf("%s %s: the answer is not JSON: %v", method, path, err)
		}
	}
	return a
}

func (w *world) conforms(req *http.Request, body string, res *httptest.ResponseRecorder) {
	w.t.Helper()
	if res.Code == http.StatusNotFound || res.Code == http.StatusMethodNotAllowed {
		return
	}
	route, params, err := w.spec.FindRoute(req)
	if err != nil {
		w.t.Errorf("%s %s is answered and not in the OpenAPI document", req.Method, req.URL.Path)
		return
	}
	req = req.Clone(context.Background())
	req.Body = io.NopCloser(strings.NewReader(body))
	input := &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if res.Code < 400 {
		if err := openapi3filter.ValidateRequest(w.t.Context(), input); err != nil {
			w.t.Errorf("%s %s succeeded with a request that the OpenAPI document refuses: %v", req.Method, req.URL.Path, err)
		}
	}
	output := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: res.Code, Header: res.Header(), Options: &openapi3filter.Options{
			IncludeResponseStatus: true, ExcludeResponseBody: strings.HasPrefix(res.Header().Get("Content-Type"), "text/html"), // it reads no pages
		},
	}
	output.SetBodyBytes(res.Body.Bytes())
	if err := openapi3filter.ValidateResponse(w.t.Context(), output); err != nil {
		w.t.Errorf("%s %s: the answer %d is not as the OpenAPI document says: %v", req.Method, req.URL.Path, res.Code, err)
	}
}

func (w *world) login(identifier, pw string) answer {
	w.t.Helper()
	body, err := json.Marshal(map[string]string{"identifier": identifier, "password": pw})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.ask("POST", "/v1/login", string(body))
}

func TestLoginAndWhatFollows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	in := w.login("anna", "tulip")
	if in.Code != 200 || in.Account.ID != accounts.SubjectFor("shop", "1").String() || in.Account.Username != "anna" || in.Account.Email != "Anna@example.org" {
		t.Fatalf("login: %d %+v", in.Code, in.Account)
	}
	if cc := in.Header().Get("Cache-Control"); cc != "no-store" {
		t.Errorf("tokens may be cached: %q", cc)
	}
	bearer := []string{"Authorization", "Bearer " + in.Access}

	verify := w.ask("GET", "/v1/verify", "", bearer...)
	if verify.Code != 204 || verify.Header().Get("X-Rekey-Account") != in.Account.ID || verify.Header().Get("X-Rekey-Identifier") != "anna" {
		t.Errorf("verify: %d %v", verify.Code, verify.Header())
	}
	if a := w.ask("GET", "/v1/verify", "", "Cookie", "__Host-rekey="+in.Access); a.Code != 204 {
		t.Errorf("verify by cookie: %d", a.Code)
	}
	if a := w.ask("GET", "/v1/account", "", bearer...); a.Code != 200 {
		t.Errorf("account: %d", a.Code)
	}
	refresh := func(raw string) answer { return w.ask("POST", "/v1/token/refresh", `{"refresh_token":"`+raw+`"}`) }
	second := refresh(in.Refresh)
	if second.Code != 200 || second.Refresh == in.Refresh || second.Account.ID != in.Account.ID {
		t.Fatalf("refresh: %d", second.Code)
	}
	if again := refresh(in.Refresh); again.Code != 200 || again.Refresh != second.Refresh {
		t.Errorf("within the grace: %d, and the same successor is %v", again.Code, again.Refresh == second.Refresh)
	}
	if a := w.ask("POST", "/v1/logout", `{"refresh_token":"`+second.Refresh+`"}`); a.Code != 204 {
		t.Errorf("logout: %d", a.Code)
	}
	if a := w.ask("POST", "/v1/logout", `{"refresh_token":"`+second.Refresh+`"}`); a.Code != 204 {
		t.Errorf("second logout: %d", a.Code)
	}
	for name, a := range map[string]answer{
		"refresh": refresh(second.Refresh), "account": w.ask("GET", "/v1/account", "", bearer...), "verify": w.ask("GET", "/v1/verify", "", bearer...),
	} {
		if a.Code != 401 || a.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%s after logout: %d", name, a.Code)
		}
	}

	in = w.login("anna", "tulip")
	if a := w.ask("POST", "/v1/logout", "", "Authorization", "Bearer "+in.Access); a.Code != 204 {
		t.Errorf("logout by Bearer: %d", a.Code)
	}
	if a := refresh(in.Refresh); a.Code != 401 {
		t.Errorf("refresh after logout by Bearer: %d", a.Code)
	}
	if a := w.ask("POST", "/v1/logout", ""); a.Code != 401 {
		t.Errorf("logout with nothing: %d", a.Code)
	}
}

// Who reads an answer must not learn whether an account exists, where it is, or why it is refused.
func TestRefusalsAreTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	legacyWrong := w.login("anna", "rose")
	if a := w.login("anna", "tulip"); a.Code != 200 {
		t.Fatal(a.Code)
	}
	refusals := map[string]answer{
		"legacy, wrong": legacyWrong, "moved, wrong": w.login("anna", "rose"), "unknown": w.login("nobody", "rose"),
		"disabled, right": w.login("bert", "daisy"), "disabled, wrong": w.login("bert", "rose"),
	}
	for name, a := range refusals {
		if a.Code != 401 || !bytes.Equal(a.Body.Bytes(), legacyWrong.Body.Bytes()) {
			t.Errorf("%s: %d %s", name, a.Code, a.Body)
		}
		if a.Header().Get("X-Request-Id") == "" {
			t.Errorf("%s: no request id", name)
		}
		for header := range a.Header() {
			if header != "X-Request-Id" && a.Header().Get(header) != legacyWrong.Header().Get(header) {
				t.Errorf("%s: header %s differs", name, header)
			}
		}
		if len(a.Header()) != len(legacyWrong.Header()) {
			t.Errorf("%s: other headers", name)
		}
	}
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, test := range []struct{ body, field string }{
		{``, "body"},
		{`{`, "body"},
		{`[]`, "body"},
		{`null`, "body"},
		{`{"identifier":"anna","password":"x"} {}`, "body"},
		{`{"identifier":"anna","password":"x",}`, "body"},
		{"{\"identifier\":\"anna\",\"password\":\"\xff\"}", "body"},
		{`{"identifier":"anna","password":"` + strings.Repeat("a", 5000) + `"}`, "body"},
		{`{"identifier":"anna"}`, "password"},
		{`{"password":"x"}`, "identifier"},
		{`{"identifier":"anna","password":"x","otp":"1"}`, "otp"},
		{`{"Identifier":"anna","password":"x"}`, "Identifier"},
		{`{"identifier":"anna","password":"x","password":"y"}`, "password"},
		{`{"identifier":"anna","password":null}`, "password"},
		{`{"identifier":"anna","password":7}`, "password"},
		{`{"identifier":"anna","password":{"a":"b"}}`, "password"},
		{`{"identifier":["anna"],"password":"x"}`, "identifier"},
		{`{"identifier":"anna","password":""}`, "password"},
		{`{"identifier":"anna","password":"a\u0000b"}`, "password"},
		{`{"identifier":"anna","password":"a\ud800b"}`, "password"},
		{`{"identifier":"anna","password":"\ufffd\ud800"}`, "password"},
		{`{"identifier":"\ufffd","password":"\udc00\ud800"}`, "password"},
		{`{"identifier":"anna","password":"` + strings.Repeat("a", 1025) + `"}`, "password"},
		{`{"identifier":"","password":"x"}`, "identifier"},
		{`{"identifier":"a\u0000b","password":"x"}`, "identifier"},
		{`{"identifier":"a\u202eb","password":"x"}`, "identifier"},
		{`{"identifier":"` + strings.Repeat("a", 321) + `","password":"x"}`, "identifier"},
	} {
		a := w.ask("POST", "/v1/login", test.body)
		if a.Code != 400 || len(a.Errors) != 1 || a.Errors[0].Field != test.field || a.Errors[0].Reason == "" {
			t.Errorf("%.60q: %d %+v, want 400 that names %s", test.body, a.Code, a.Errors, test.field)
		}
	}
	if n := w.old.Lookups.Load(); n != 0 {
		t.Errorf("the legacy store was asked %d times about requests that cannot be used", n)
	}
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.old.SetDown(errors.New("dial tcp: connection refused by mysql://root:secret@db"))
	for _, pw := range []string{"tulip", "rose"} {
		a := w.login("anna", pw)
		if a.Code != 503 || a.Header().Get("Retry-After") == "" || strings.Contains(a.Body.String(), "secret") {
			t.Errorf("legacy store down: %d %s, Retry-After %q", a.Code, a.Body, a.Header().Get("Retry-After"))
		}
	}
	w.old.SetDown(nil)
	if a := w.login("anna", "tulip"); a.Code != 200 {
		t.Fatal(a.Code)
	}
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	if a := w.login("anna", "tulip"); a.Code != 503 || a.Header().Get("Retry-After") == "" {
		t.Errorf("new store down: %d", a.Code)
	}
	if a := w.ask("GET", "/readyz", ""); a.Code != 503 {
		t.Errorf("readyz with the store down: %d", a.Code)
	}
	if a := w.ask("GET", "/healthz", ""); a.Code != 200 {
		t.Errorf("healthz with the store down: %d", a.Code)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	rules := limit.Rules{
		Address:    limit.Rule{Name: "address", Count: 1, Per: time.Hour, Burst: 6},
		Identifier: limit.Rule{Name: "identifier", Count: 1, Per: time.Hour, Burst: 3},
	}
	w := newWorld(t, func(c *gateway.Config) { c.Limiter, c.Rules = limit.NewLocal(limit.LocalConfig{}), rules })
	for range 10 {
		if a := w.login("anna", "tulip"); a.Code != 200 {
			t.Fatalf("a right password used up a token: %d", a.Code)
		}
	}
	w.old.SetDown(errors.New("down"))
	for range 10 {
		if a := w.login("carl", "x"); a.Code != 503 {
			t.Fatalf("a failure on our side used up a token: %d", a.Code)
		}
	}
	w.old.SetDown(nil)
	for i, name := range []string{"anna", "Anna", "ANNA "} {
		if a := w.login(name, "wrong"); a.Code != 401 {
			t.Fatalf("guess %d: %d", i, a.Code)
		}
	}
	a := w.login("anna", "tulip")
	if a.Code != 429 || a.Header().Get("Retry-After") == "" {
		t.Errorf("after three guesses at one name: %d, Retry-After %q", a.Code, a.Header().Get("Retry-After"))
	}
	for i := range 3 {
		if a := w.login("nobody"+string(rune('a'+i)), "x"); a.Code != 401 {
			t.Errorf("unknown name %d: %d: the refused try must not have cost the address a token", i, a.Code)
		}
	}
	if a := w.login("nobodyz", "x"); a.Code != 429 {
		t.Errorf("after six guesses from one address: %d", a.Code)
	}
}

func TestClientAddress(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, trusted, forwarded, want string }{
		{"nobody is trusted", "", "203.0.113.9", "192.0.2.1"},
		{"a trusted proxy", "192.0.2.0/24", "203.0.113.9", "203.0.113.9"},
		{"the client lies in front", "192.0.2.0/24", "10.9.9.9, 203.0.113.9", "203.0.113.9"},
		{"two proxies", "192.0.2.0/24,198.51.100.0/24", "10.9.9.9, 203.0.113.9, 198.51.100.2", "203.0.113.9"},
		{"with ports", "192.0.2.0/24", "203.0.113.9:4711, [2001:db8::1]:80", "2001:db8::1"},
		{"rubbish", "192.0.2.0/24", "<script>", "192.0.2.1"},
		{"nothing", "192.0.2.0/24", "", "192.0.2.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(c *gateway.Config) {
				for p := range strings.SplitSeq(test.trusted, ",") {
					if p != "" {
						c.TrustedProxies = append(c.TrustedProxies, netip.MustParsePrefix(p))
					}
				}
			})
			w.ask("GET", "/healthz", "", "X-Forwarded-For", test.forwarded, "X-Real-Ip", "10.8.8.8", "Forwarded", "for=10.7.7.7")
			var line struct{ Client string }
			if err := json.Unmarshal(w.log.Bytes(), &line); err != nil || line.Client != test.want {
				t.Errorf("client is %q (%v), want %q", line.Client, err, test.want)
			}
		})
	}
}

func TestHeadersAndUnknownRoutes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, path := range []string{"/healthz", "/nothing", "/v1/login"} {
		a := w.ask("GET", path, "")
		for _, header := range []string{"X-Request-Id", "X-Content-Type-Options", "Content-Security-Policy", "Referrer-Policy", "X-Frame-Options"} {
			if a.Header().Get(header) == "" {
				t.Errorf("%s: no %s", path, header)
			}
		}
	}
	if a := w.ask("GET", "/nothing", ""); a.Code != 404 || a.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("unknown path: %d %s", a.Code, a.Header().Get("Content-Type"))
	}
	if a := w.ask("GET", "/v1/login", ""); a.Code != 405 || a.Header().Get("Allow") == "" {
		t.Errorf("wrong method: %d, Allow %q", a.Code, a.Header().Get("Allow"))
	}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/v1/verify": 401, "/nothing": 404, "/v1/login": 405} {
		req := httptest.NewRequest(http.MethodHead, path, nil)
		res := httptest.NewRecorder()
		w.gw.Public().ServeHTTP(res, req)
		if res.Code != want {
			t.Errorf("HEAD %s: %d, want %d", path, res.Code, want)
		}
	}
	if a := w.ask("GET", "/metrics", ""); a.Code != 404 {
		t.Errorf("metrics on the public listener: %d", a.Code)
	}
	for _, path := range []string{"/openapi.json", "/.well-known/jwks.json", "/.well-known/openid-configuration"} {
		if a := w.ask("GET", path, ""); a.Code != 200 {
			t.Errorf("%s: %d", path, a.Code)
		}
	}
	res := httptest.NewRecorder()
	w.gw.Admin().ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if res.Code != 200 || !strings.Contains(res.Body.String(), `rekey_http_request_seconds_count{method="GET",route="/healthz",status="200"} 1`) ||
		strings.Contains(res.Body.String(), "/nothing") {
		t.Errorf("metrics: %d\n%s", res.Code, res.Body)
	}
	w.gw.Drain()
	if a := w.ask("GET", "/readyz", ""); a.Code != 503 {
		t.Errorf("readyz while draining: %d", a.Code)
	}
}

// No secret reaches the log, whatever happens to it.
func TestLogHoldsNoSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	in := w.login("anna", "tulip")
	w.login("anna", "rose-guess")
	w.ask("POST", "/v1/login", `{"identifier":"anna","password":"tulip","x":"tulip"}`)
	w.ask("GET", "/v1/verify?token="+in.Access, "", "Authorization", "Bearer "+in.Access)
	w.ask("POST", "/v1/token/refresh", `{"refresh_token":"`+in.Refresh+`"}`)
	w.old.SetDown(errors.New("down"))
	w.login("carl", "rose-guess")
	log := w.log.String()
	for _, secret := range []string{"tulip", "rose-guess", in.Access, in.Refresh, "$argon2id$"} {
		if strings.Contains(log, secret) {
			t.Error("a secret is in the log")
		}
	}
	if !strings.Contains(log, `"route":"/v1/login"`) || !strings.Contains(log, `"status":503`) {
		t.Error("the log does not tell of the requests at all")
	}
}

// Judging a password and then answering "cannot tell" must cost the guess, or a store that is down makes guessing free.
func TestGuessingIsNotFreeWhileAStoreIsDown(t *testing.T) {
	t.Parallel()
	rules := limit.Rules{
		Address:    limit.Rule{Name: "address", Count: 1, Per: time.Hour, Burst: 100},
		Identifier: limit.Rule{Name: "identifier", Count: 1, Per: time.Hour, Burst: 3},
	}
	w := newWorld(t, func(c *gateway.Config) { c.Limiter, c.Rules = limit.NewLocal(limit.LocalConfig{}), rules })
	if a := w.login("anna", "tulip"); a.Code != 200 {
		t.Fatal(a.Code)
	}
	w.old.SetDown(errors.New("down"))
	for i := range 3 { // another spelling, so that a namesake in the legacy store cannot be ruled out
		if a := w.login("ANNA", "wrong"); a.Code != 503 {
			t.Fatalf("guess %d: %d", i, a.Code)
		}
	}
	if a := w.login("ANNA", "tulip"); a.Code != 429 {
		t.Errorf("the fourth try: %d, want 429: three guesses were judged", a.Code)
	}
}

// A client that half-closes its connection or sends its body slowly learns nothing sooner.
func TestFloorCannotBeCutShort(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *gateway.Config) { c.Floor = 400 * time.Millisecond })
	body := `{"identifier":"nobody","password":"x"}`
	ask := func(ctx context.Context, r io.Reader) int {
		req := httptest.NewRequestWithContext(ctx, "POST", "/v1/login", r)
		res := httptest.NewRecorder()
		w.gw.Public().ServeHTTP(res, req)
		return res.Code
	}

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	begin := time.Now()
	if code := ask(gone, strings.NewReader(body)); code != 401 || time.Since(begin) < 400*time.Millisecond {
		t.Errorf("a client that hung up: %d after %v", code, time.Since(begin))
	}
	slow := &slowReader{text: body, pause: 500 * time.Millisecond}
	if code := ask(t.Context(), slow); code != 401 || time.Since(slow.last) < 400*time.Millisecond {
		t.Errorf("a slow body: %d, %v behind its end", code, time.Since(slow.last))
	}
}

type slowReader struct {
	text  string
	pause time.Duration
	last  time.Time
}

func (s *slowReader) Read(p []byte) (int, error) {
	if s.text == "" {
		return 0, io.EOF
	}
	time.Sleep(s.pause) // that is the fault
	n := copy(p, s.text)
	s.text, s.last = s.text[n:], time.Now()
	return n, nil
}

// However many probes come, a store is asked once a second, and one that hangs does not hang the probe.
func TestReadyzAsksSeldom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil) // outside the bubble: its database has goroutines of its own
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		hang := make(chan struct{})
		gw, err := gateway.New(gateway.Config{Accounts: w.accounts, Checks: []gateway.Check{
			{Name: "store", Required: true, Ask: func(context.Context) error { asked.Add(1); return nil }},
			{Name: "legacy:shop", Ask: func(ctx context.Context) error {
				select {
				case <-hang:
				case <-ctx.Done():
				}
				return ctx.Err()
			}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		probe := func(h http.Handler) string {
			res := httptest.NewRecorder()
			h.ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/readyz", nil))
			return res.Body.String()
		}
		begin := time.Now()
		for range 3 {
			if got := probe(gw.Public()); got != "{\"status\":\"degraded\"}\n" {
				t.Errorf("public readyz says %s", got)
			}
		}
		if took := time.Since(begin); took > 3*500*time.Millisecond {
			t.Errorf("three probes took %v while a source hangs", took)
		}
		if n := asked.Load(); n != 2 {
			t.Errorf("the store was asked %d times in 1.5 s, want 2", n)
		}
		close(hang)
		time.Sleep(4 * time.Second)
		if got := probe(gw.Admin()); !strings.Contains(got, `"legacy:shop":"ok"`) || !strings.Contains(got, `"ready"`) {
			t.Errorf("admin readyz says %s", got)
		}
	})
}
