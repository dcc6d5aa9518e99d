package bridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/gateway/bridge"
	"rekey/gateway/limit"
	"rekey/legacy"
	"rekey/legacy/httpsource"
)

// asked counts who gets through to the accounts.
type asked struct {
	logins, finds int
	person        accounts.Person
	profileErr    error
	loginErr      error
}

func (a *asked) Login(context.Context, accounts.Attempt) (accounts.Person, error) {
	a.logins++
	return a.person, a.loginErr
}

func (a *asked) ProfileOf(context.Context, accounts.Person) (accounts.Profile, error) {
	return accounts.Profile{}, a.profileErr
}

func (a *asked) Find(context.Context, string) (accounts.Person, error) {
	a.finds++
	return a.person, a.loginErr
}

// TestKey: without the product's own key, in the product's own place, nobody is asked anything.
func TestKey(t *testing.T) {
	t.Parallel()
	for _, c := range callers() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var who asked
			w := newWorld(t, func(b *bridge.Config) { b.Accounts, b.Finder = &who, &who })
			right, own := c.auth[1], key(strings.TrimSuffix(strings.Fields(c.name)[0], ","))
			other := key("somebody")
			tries := map[string][]string{
				"none":               {},
				"empty":              {c.auth[0], ""},
				"another":            {c.auth[0], strings.ReplaceAll(right, own, other)},
				"another, as bearer": {"Authorization", "Bearer " + other},
				"as basic":           {"Authorization", basic("anybody", own)},
				"in another header":  {"X-Key", own},
				"twice":              {c.auth[0], right, c.auth[0], right},
				"with another":       {c.auth[0], "Bearer " + other, c.auth[0], right},
				"cut":                {c.auth[0], right[:len(right)-1]},
				"longer":             {c.auth[0], right + "x"},
				"in other case":      {c.auth[0], strings.ToUpper(right)},
				"only the scheme":    {c.auth[0], "Bearer"},
				"no user":            {"Authorization", basic("", own)},
			}
			if strings.HasPrefix(right, "Basic ") {
				tries["another"] = []string{"Authorization", basic("fusion", other)}
				tries["another user"] = []string{"Authorization", basic("confusion", own)}
			}
			for name, headers := range tries {
				a := w.send(c.method, strings.ReplaceAll(c.path, "NAME", "anna"), c.body, headers...)
				if a.Code != http.StatusUnauthorized || a.Header().Get("WWW-Authenticate") == "" {
					t.Errorf("%s: status %d", name, a.Code)
				}
			}
			if who.logins+who.finds > 0 {
				t.Error("somebody got through")
			}
			if strings.Contains(w.log.String(), own) {
				t.Error("the key is in the log")
			}
			w.ask(c, "anna", "tulip")
			if who.logins+who.finds == 0 {
				t.Error("the right key does not get through")
			}
		})
	}
}

// TestMalformed: what is not a question of the product is nobody's password.
func TestMalformed(t *testing.T) {
	t.Parallel()
	for _, c := range callers() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var who asked
			w := newWorld(t, func(b *bridge.Config) { b.Accounts, b.Finder = &who, &who })
			body := strings.NewReplacer("NAME", "anna", "PASSWORD", "tulip").Replace(c.body)
			bad := map[string]string{"garbage": "garbage"}
			if body == "" {
				bad["a body where there is none"] = "{}"
			} else {
				inner := body[:len(body)-1]
				bad = map[string]string{
					"empty": "", "garbage": "garbage", "a list": "[" + body + "]", "half": inner, "two": body + body, "null": "null",
					"nothing in it": "{}", "not UTF-8": inner + ",\"x\":\"\xff\"}", "half a character": inner + `,"x":"\ud83d"}`,
					"a second half first": inner + `,"x":"\ude00\ud83d"}`, "a name twice": inner + `,"more":{"a":1,"\u0061":2}}`,
					"a name in two spellings": inner + `,"x":1,"X":2}`, "deep": inner + `,"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "}",
					"a comma too many": inner + ",}", "a byte order mark": "\ufeff" + body,
				}
				if !c.withoutSecret {
					bad["no password"] = strings.Replace(body, `"password":"tulip"`, `"pass":"tulip"`, 1)
					bad["null for a password"] = strings.Replace(body, `"password":"tulip"`, `"password":null`, 1)
					bad["a number for a password"] = strings.Replace(body, `"password":"tulip"`, `"password":5`, 1)
					bad["two passwords"] = strings.Replace(body, `"password":"tulip"`, `"password":"tulip","Password":"daisy"`, 1)
				}
				if strings.Contains(body, `"anna"`) {
					bad["no name"] = strings.Replace(body, `"anna"`, `null`, 1)
					bad["a list for a name"] = strings.Replace(body, `"anna"`, `["anna"]`, 1)
				}
			}
			if strings.Contains(body, "UserMigration_") {
				bad["another trigger"] = strings.Replace(body, "UserMigration_", "PostConfirmation_", 1)
				bad["no request"] = strings.Replace(body, `"request":`, `"requests":`, 1)
			}
			if strings.Contains(body, "com.okta") {
				bad["another hook"] = strings.Replace(body, "credential.password.import", "pre-registration", 1)
			}
			if strings.Contains(body, "Migration_ForgotPassword") {
				bad["a password where it was forgotten"] = strings.Replace(body, `"clientMetadata"`, `"password":"tulip","clientMetadata"`, 1)
			}
			for name, text := range bad {
				if text == body {
					t.Fatalf("%s: is not", name)
				}
				a := w.send(c.method, strings.ReplaceAll(c.path, "NAME", "anna"), text, c.auth[0], c.auth[1])
				c.isFault(t, name, http.StatusBadRequest, a)
				if strings.Contains(a.Body.String(), "tulip") {
					t.Errorf("%s: the answer tells the password", name)
				}
			}
			large := strings.Repeat(" ", 8<<10+1) + body
			c.isFault(t, "too large", http.StatusRequestEntityTooLarge, w.send(c.method, strings.ReplaceAll(c.path, "NAME", "anna"), large, c.auth[0], c.auth[1]))
			if who.logins+who.finds > 0 {
				t.Error("somebody was asked")
			}
			if body != "" { // with the spaces, just as large as may be
				w.send(c.method, strings.ReplaceAll(c.path, "NAME", "anna"), strings.Repeat(" ", 8<<10-len(body))+body, c.auth[0], c.auth[1])
				if who.logins+who.finds == 0 {
					t.Error("a question of 8 KiB is not read")
				}
			}
		})
	}
}

// TestPasswordArrivesAsItIs: escapes, halves of characters that belong together, and text that looks like an escape.
func TestPasswordArrivesAsItIs(t *testing.T) {
	t.Parallel()
	for _, pw := range []string{"tülip", "🌷", `\ud83d`, `"}`, "a\tb", "\u2028", `\\`, "\ufffd"} {
		w := newWorld(t, nil)
		w.old.Change("1", func(u *legacy.User) { u.Password.Hash = pw })
		for _, c := range callers() {
			c.isYes(t, w.ask(c, "anna", pw))
		}
	}
	w := newWorld(t, nil)
	w.old.Change("1", func(u *legacy.User) { u.Password.Hash = "🌷" })
	a := w.send("POST", "/bridge/keycloak/anna", `{"password":"\ud83c\udf37"}`, "Authorization", "Bearer "+key("keycloak"))
	if a.Code != http.StatusOK {
		t.Errorf("an escaped pair: status %d", a.Code)
	}
}

// TestPhoneOnly: who has only a number, and not even an international one, is called by it.
func TestPhoneOnly(t *testing.T) {
	t.Parallel()
	for _, c := range callers() {
		w := newWorld(t, nil)
		a := w.ask(c, "0049151", "poppy")
		if a.Code != http.StatusOK {
			t.Errorf("%s: status %d", c.name, a.Code)
		}
		var got struct {
			Username string
			User     struct{ Username, PhoneNumber string }
			Response struct {
				UserAttributes map[string]string `json:"userAttributes"`
			}
		}
		if a.Body.Len() > 0 {
			if err := json.Unmarshal(a.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
		}
		switch c.name {
		case "keycloak lookup":
			if got.Username != "0049151" {
				t.Errorf("%s: %+v", c.name, got)
			}
		case "fusionauth":
			if got.User.Username != "0049151" || got.User.PhoneNumber != "" {
				t.Errorf("%s: %+v", c.name, got)
			}
		case "cognito":
			if len(got.Response.UserAttributes) > 0 {
				t.Errorf("%s: %+v", c.name, got)
			}
		}
	}
}

// TestFaultsBehindTheProof: a person who was proven, but cannot be described, is no yes without their roles, and no no.
func TestFaultsBehindTheProof(t *testing.T) {
	t.Parallel()
	person := accounts.Person{ID: uuid.MustParse("00000000-0000-0000-0000-000000000001")}
	whole := map[string]bool{"keycloak lookup": true, "cognito": true, "cognito, password forgotten": true, "fusionauth": true}
	for name, err := range map[string]error{
		"the store is down": &accounts.UnavailableError{RetryAfter: time.Second, Err: errDown},
		"gone meanwhile":    &accounts.RefusedError{Class: "new-gone"},
	} {
		for _, c := range callers() {
			who := asked{person: person, profileErr: err}
			w := newWorld(t, func(b *bridge.Config) { b.Accounts, b.Finder = &who, &who })
			if a := w.ask(c, "anna", "tulip"); whole[c.name] {
				c.isFault(t, name, http.StatusServiceUnavailable, a)
			} else if a.Code != http.StatusOK {
				t.Errorf("%s, %s: status %d, though nothing of the person is wanted", c.name, name, a.Code)
			}
		}
	}
}

// TestErrors: what else accounts may say.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, c := range callers() {
		judged := &accounts.UnavailableError{RetryAfter: time.Second, Err: errDown, Judged: true}
		for _, tt := range []struct {
			name   string
			err    error
			status int
			free   bool // it costs no guess
		}{
			{"judged", judged, 503, false}, {"doubt", &accounts.UnavailableError{Err: errDown}, 503, true},
			{"a fault of ours", errors.New("tulip"), 500, true}, {"credentials", accounts.ErrCredentials, c.no, false},
		} {
			who := asked{loginErr: tt.err}
			w := newWorld(t, func(b *bridge.Config) {
				b.Accounts, b.Finder, b.Limiter = &who, &who, limit.NewLocal(limit.LocalConfig{})
				b.Identifier = limit.Rule{Count: 1, Per: time.Hour, Burst: 1}
			})
			if a := w.ask(c, "anna", "guess"); a.Code != tt.status || strings.Contains(a.Body.String(), "tulip") {
				t.Errorf("%s, %s: status %d, body %s", c.name, tt.name, a.Code, a.Body)
			}
			if again := w.ask(c, "anna", "guess").Code; (again == http.StatusTooManyRequests) == tt.free {
				t.Errorf("%s, %s: status %d the second time", c.name, tt.name, again)
			}
			if held := len(w.holds) > 0; held == tt.free {
				t.Errorf("%s, %s: held %v", c.name, tt.name, held)
			}
		}
	}
	w := newWorld(t, func(b *bridge.Config) { b.Finder, b.Keycloak = nil, bridge.Access{} })
	for _, c := range callers() {
		if c.name == "cognito, password forgotten" {
			c.isFault(t, "without a finder", http.StatusInternalServerError, w.ask(c, "anna", ""))
		}
	}
}

// TestOff: a product without a key is not there.
func TestOff(t *testing.T) {
	t.Parallel()
	if (bridge.Config{}).On() || !(bridge.Config{Okta: bridge.Access{Key: "k"}}).On() {
		t.Error("On does not tell whether a product is on")
	}
	for _, off := range callers() {
		var who asked
		w := newWorld(t, func(b *bridge.Config) {
			b.Accounts, b.Finder = &who, &who
			for prefix, access := range map[string]*bridge.Access{
				"keycloak": &b.Keycloak, "kratos": &b.Kratos, "okta": &b.Okta, "cognito": &b.Cognito, "fusionauth": &b.FusionAuth,
			} {
				if strings.HasPrefix(off.name, prefix) {
					*access = bridge.Access{}
				}
			}
		})
		if a := w.ask(off, "anna", "tulip"); a.Code != http.StatusNotFound || who.logins+who.finds > 0 {
			t.Errorf("%s: status %d", off.name, a.Code)
		}
		a := w.send(off.method, strings.ReplaceAll(off.path, "NAME", "anna"), off.body, "Authorization", "Bearer ", off.auth[0], "")
		if a.Code != http.StatusNotFound {
			t.Errorf("%s, with an empty key: status %d", off.name, a.Code)
		}
	}
}

// TestNewRefuses shows each mistake of configuration, and that none is told with its key.
func TestNewRefuses(t *testing.T) {
	t.Parallel()
	who := &asked{}
	for name, change := range map[string]func(*bridge.Config){
		"a short key":               func(c *bridge.Config) { c.Kratos.Key = strings.Repeat("k", 31) },
		"a user without a key":      func(c *bridge.Config) { c.FusionAuth = bridge.Access{User: "fusion"} },
		"a space in a key":          func(c *bridge.Config) { c.Kratos.Key = key("kratos") + " x" },
		"a line feed in a key":      func(c *bridge.Config) { c.Kratos.Key = key("kratos") + "\n" },
		"a user and a header":       func(c *bridge.Config) { c.Kratos.User = "kratos" },
		"a colon in a user":         func(c *bridge.Config) { c.FusionAuth.User = "a:b" },
		"a header that is none":     func(c *bridge.Config) { c.Kratos.Header = "X Key" },
		"one key for two products":  func(c *bridge.Config) { c.Okta.Key = c.Kratos.Key },
		"Keycloak without a finder": func(c *bridge.Config) { c.Finder = nil },
		"a rule that cannot be":     func(c *bridge.Config) { c.Identifier.Count = -1 },
	} {
		config := bridge.Config{
			Accounts: who, Finder: who, Keycloak: bridge.Access{Key: key("keycloak")}, Kratos: bridge.Access{Key: key("kratos"), Header: "X-Api-Key"},
			Okta: bridge.Access{Key: key("okta")}, FusionAuth: bridge.Access{Key: key("fusionauth"), User: "fusion"},
		}
		if _, err := bridge.New(config); err != nil {
			t.Fatal(err)
		}
		change(&config)
		switch _, err := bridge.New(config); {
		case err == nil:
			t.Errorf("%s: was taken", name)
		case strings.Contains(err.Error(), "-key-key") || strings.Contains(err.Error(), "kkk"):
			t.Errorf("%s: the error tells a key", name)
		}
	}
}

func TestAccessPrintsNothing(t *testing.T) {
	t.Parallel()
	a := bridge.Access{Key: key("hunter2"), User: "u"}
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).InfoContext(t.Context(), "opened", "access", a)
	if text := fmt.Sprintf("%v %+v %#v %s %+v", a, a, a, a, bridge.Config{Okta: a}) + b.String(); strings.Contains(text, "hunter2") {
		t.Error("the key is printed")
	}
}

// TestAnotherRekey: what a bridge answers to Keycloak, the source that speaks the same contract understands, doubts
// included.
func TestAnotherRekey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	server := httptest.NewServer(w.bridge)
	t.Cleanup(server.Close)
	open := func(bearer string) httpsource.Source {
		s, err := httpsource.Open(httpsource.Config{
			Name: "other", URL: server.URL + "/bridge/keycloak", Dialect: httpsource.Keycloak, IgnoresCase: true,
			Auth: httpsource.Auth{Bearer: bearer}, AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Timeout: 20 * time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	}
	s := open(key("keycloak"))
	users, err := s.Lookup(t.Context(), "ANNA@example.org")
	if err != nil || len(users) != 1 || users[0].ID != accounts.SubjectFor("shop", "1").String() || !users[0].Profile.EmailVerified {
		t.Fatalf("%d people, error %v", len(users), err)
	}
	if err := s.Verify(t.Context(), users[0], []byte("tulip")); err != nil {
		t.Errorf("right: %v", err)
	}
	if err := s.Verify(t.Context(), users[0], []byte("daisy")); !errors.Is(err, legacy.ErrWrongPassword) {
		t.Errorf("wrong: %v", err)
	}
	if users, err := s.Lookup(t.Context(), "nobody"); err != nil || len(users) > 0 {
		t.Errorf("nobody: %d people, error %v", len(users), err)
	}
	w.store.down.Store(true)
	if err := s.Verify(t.Context(), users[0], []byte("daisy")); err == nil || errors.Is(err, legacy.ErrWrongPassword) {
		t.Errorf("down: %v", err)
	}
	w.store.down.Store(false)
	if err := open(key("another")).Verify(t.Context(), users[0], []byte("tulip")); err == nil || errors.Is(err, legacy.ErrWrongPassword) {
		t.Errorf("with another key: %v", err)
	}
}

// FuzzQuestions sends whatever bytes to each product. Nobody knows the password, so none may be told yes; and what comes
// back is an answer of the table.
func FuzzQuestions(f *testing.F) {
	for _, c := range callers() {
		f.Add(strings.NewReplacer("NAME", "anna", "PASSWORD", "guess").Replace(c.body))
	}
	f.Add(`{"password":"\ud83d\ude00","userName":"a","triggerSource":"UserMigration_Authentication","request":{"password":"x"}}`)
	who := &asked{loginErr: accounts.ErrCredentials}
	b, err := bridge.New(bridge.Config{
		Accounts: who, Finder: who, Keycloak: bridge.Access{Key: key("keycloak")}, Kratos: bridge.Access{Key: key("kratos"), Header: "X-Api-Key"},
		Okta: bridge.Access{Key: key("okta"), Header: "Authorization"}, Cognito: bridge.Access{Key: key("cognito")},
		FusionAuth: bridge.Access{Key: key("fusionauth"), User: "fusion"},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, c := range callers() {
			r := httptest.NewRequestWithContext(t.Context(), c.method, strings.ReplaceAll(c.path, "NAME", "anna"), strings.NewReader(body))
			r.Header.Set(c.auth[0], c.auth[1])
			a := httptest.NewRecorder()
			b.ServeHTTP(a, r)
			switch a.Code {
			case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
			case c.no:
				if a.Body.String() != c.noBody {
					t.Errorf("%s: body %q", c.name, a.Body)
				}
			default:
				t.Errorf("%s: status %d", c.name, a.Code)
			}
		}
	})
}
