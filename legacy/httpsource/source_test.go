package httpsource

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey/legacy"
	"rekey/legacy/legacytest"
)

// TestContract runs the suite over an application that answers in lists, asked by GET and by POST.
func TestContract(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"get": func(*Config) {},
		"post": func(c *Config) {
			c.Plain.LookupPath, c.Plain.LookupField, c.Plain.Form = "/find", "name", true
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			legacytest.Run(t, legacytest.Harness{
				New: func(t *testing.T, people []legacy.User) legacy.Source {
					c := plainConfig(serve(t, &application{people: people}))
					change(&c)
					return open(t, c)
				},
				Down: func(t *testing.T) legacy.Source {
					c := plainConfig("http://" + deaf(t))
					change(&c)
					c.Timeout = 50 * time.Millisecond
					c.Auth = Auth{Bearer: "hunter2"}
					return open(t, c)
				},
				Secrets: []string{"hunter2"},
			})
		})
	}
}

// TestVerify logs in by each way of asking.
func TestVerify(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		config   func(url string) Config
		requests int // that a right password costs
	}{
		"plain, a field says so": {plainConfig, 1},
		"plain, a status says so": {func(url string) Config {
			c := plainConfig(url)
			c.Plain.VerifyPath, c.Plain.VerifyMethod, c.Plain.PasswordField, c.Plain.IDField, c.Plain.Form = "/check", "PUT", "", "id", true
			c.Plain.Yes, c.Plain.No = Verdict{Status: []int{200}}, Verdict{Status: []int{401, 403}}
			return c
		}, 2},
		"keycloak by name": {func(url string) Config { return keycloakConfig(url + "/kc") }, 2},
		"keycloak by id": {func(url string) Config {
			c := keycloakConfig(url + "/kc/") // a slash at the end is none of the path's
			c.VerifyByID = true
			return c
		}, 2},
		"keycloak, believed at once": {func(url string) Config {
			c := keycloakConfig(url + "/kc")
			c.TrustBareYes = true
			return c
		}, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := &application{people: legacytest.People()}
			s := open(t, tt.config(serve(t, app)))
			users, err := s.Lookup(t.Context(), "anna")
			if err != nil || len(users) != 1 {
				t.Fatalf("%d people, error %v", len(users), err)
			}
			before := len(app.questions())
			if err := s.Verify(t.Context(), users[0], []byte(passwordOf("1"))); err != nil {
				t.Errorf("the right password: %v", err)
			}
			if got := len(app.questions()) - before; got != tt.requests {
				t.Errorf("the right password took %d requests, want %d", got, tt.requests)
			}
			for _, wrong := range []string{"", "pw-2", "pw-1 ", "PW-1", "pw-1\n", strings.Repeat("x", 1024), `","password":"pw-1`} {
				if err := s.Verify(t.Context(), users[0], []byte(wrong)); !errors.Is(err, legacy.ErrWrongPassword) {
					t.Errorf("a wrong password of %d bytes: %v", len(wrong), err)
				}
			}
			for _, target := range app.questions() {
				if strings.Contains(target, "pw-1") {
					t.Error("a password stands in a URL")
				}
			}
		})
	}
}

// TestEmptyPassword: it is refused before anybody is asked, for some applications take it for "no password wanted".
func TestEmptyPassword(t *testing.T) {
	t.Parallel()
	app := &application{people: legacytest.People()}
	s := open(t, keycloakConfig(serve(t, app)+"/kc"))
	if err := s.Verify(t.Context(), legacytest.People()[0], nil); !errors.Is(err, legacy.ErrWrongPassword) {
		t.Errorf("error %v, want ErrWrongPassword", err)
	}
	if len(app.questions()) > 0 {
		t.Error("the application was asked")
	}
}

// TestPasswordNotUTF8: JSON could hold it only changed, and the changed one may be right.
func TestPasswordNotUTF8(t *testing.T) {
	t.Parallel()
	app := &application{people: legacytest.People()}
	s := open(t, plainConfig(serve(t, app)))
	err := s.Verify(t.Context(), legacytest.People()[0], []byte("pw-\xff"))
	if err == nil || errors.Is(err, legacy.ErrWrongPassword) || len(app.questions()) > 0 {
		t.Errorf("error %v after %d questions; want a doubt and none", err, len(app.questions()))
	}
}

// TestNamesStayOneSegment: what is asked for under a name is that name, and nothing else on the server.
func TestNamesStayOneSegment(t *testing.T) {
	t.Parallel()
	var people []legacy.User
	names := []string{
		"../admin", "a/b?c", "a#b", "a%2fb", "a%00b", "a+b c", "a;b=c", `a\..\b`, "a&name=b", "...", ".a", "//", "/", "?", "a:b@c", "é€😀", "*", "{id}", "a..b",
	}
	for i, name := range names {
		people = append(people, legacy.User{ID: fmt.Sprint(i + 1), Username: name})
	}
	app := &application{people: people}
	var mu sync.Mutex
	var segments []string
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		segment, ok := strings.CutPrefix(r.URL.EscapedPath(), "/kc/") // no mux, which would clean the path
		if !ok {
			app.ServeHTTP(w, r)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		segments = append(segments, segment)
		i := slices.Index(names, strings.TrimPrefix(r.URL.Path, "/kc/"))
		if i < 0 {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{"id": people[i].ID, "username": names[i]})
	}))
	for where, c := range map[string]Config{"path": keycloakConfig(url + "/kc"), "query": plainConfig(url)} {
		s := open(t, c)
		for i, name := range names {
			users, err := s.Lookup(t.Context(), name)
			if err != nil || len(users) != 1 || users[0].ID != people[i].ID {
				t.Errorf("%s: %q: %d people, error %v", where, name, len(users), err)
			}
		}
	}
	if len(segments) != len(names) {
		t.Errorf("%d questions for %d names", len(segments), len(names))
	}
	for _, segment := range segments {
		if strings.ContainsAny(segment, "/?#;+&\\") {
			t.Errorf("segment %q", segment)
		}
	}
	// Dots cannot be escaped: such a path names the folder, or the one above it.
	s := open(t, keycloakConfig(url+"/kc"))
	if users, err := s.Lookup(t.Context(), ".", ".."); err != nil || len(users) > 0 || len(segments) != len(names) {
		t.Errorf("dots: %d people, error %v, %d questions", len(users), err, len(segments)-len(names))
	}
}

// TestKeys reads people by what their application knows them by.
func TestKeys(t *testing.T) {
	t.Parallel()
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch name := strings.TrimPrefix(r.URL.Path, "/"); strings.ToLower(name) {
		case "anna":
			writeJSON(w, http.StatusOK, map[string]any{"username": name, "email": "Anna@example.org"}) // no id, and the name as asked
		case "bob":
			writeJSON(w, http.StatusOK, map[string]any{"id": 7, "username": "bob"})
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	byName := open(t, Config{URL: url, Dialect: Keycloak, Key: KeyUsername, IgnoresCase: true})
	users, err := byName.Lookup(t.Context(), "ANNA", "anna", "Anna")
	if err != nil || len(users) != 1 || users[0].ID != "anna" {
		t.Errorf("by name: %v people, error %v", len(users), err)
	}
	getter, ok := byName.(legacy.Getter)
	if !ok {
		t.Fatal("cannot be read by key, though the key is the name")
	}
	if u, err := getter.Get(t.Context(), "anna"); err != nil || u.ID != "anna" {
		t.Errorf("Get: %v", err)
	}
	for _, id := range []string{"Anna", "nobody", "..", ""} {
		if _, err := getter.Get(t.Context(), id); !errors.Is(err, legacy.ErrNoUser) {
			t.Errorf("Get(%q): %v", id, err)
		}
	}

	byID := open(t, Config{URL: url, Dialect: Keycloak})
	if _, ok := byID.(legacy.Getter); ok {
		t.Error("can be read by key, though nothing says how")
	}
	if users, err := byID.Lookup(t.Context(), "bob"); err != nil || len(users) != 1 || users[0].ID != "7" {
		t.Errorf("by id: %d people, error %v", len(users), err)
	}
	_, err = byID.Lookup(t.Context(), "anna")
	if row, ok := errors.AsType[*legacy.RowError](err); !ok || row.Column != "id" {
		t.Errorf("without an id: %v", err)
	}
	// An application that writes back the name as asked shows one person under two names.
	exact := open(t, Config{URL: url, Dialect: Keycloak, Key: KeyEmail})
	if _, err := exact.Lookup(t.Context(), "Anna", "anna"); !errors.Is(err, errTwoFaces) {
		t.Errorf("two records of one person: %v", err)
	}
}

// TestCheck tells a wrong configuration from an application that is down.
func TestCheck(t *testing.T) {
	t.Parallel()
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	tests := map[string]struct {
		handler    http.Handler
		identifier string
		up         bool // Check is content
		mapping    bool // or its error wraps ErrMapping
	}{
		"honest":                {handler: &application{people: legacytest.People()}, up: true},
		"honest, with somebody": {handler: &application{people: legacytest.People()}, identifier: "anna", up: true},
		"nobody there":          {handler: status(404), identifier: "anna", mapping: true},
		"our secret is refused": {handler: status(401), mapping: true},
		"moved":                 {handler: status(302), mapping: true},
		"a page": {handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "<html>welcome</html>")
		}), mapping: true},
		"down":    {handler: status(503)},
		"limited": {handler: status(429)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := keycloakConfig(serve(t, tt.handler) + "/kc")
			c.CheckIdentifier = tt.identifier
			s := open(t, c)
			err := s.Check(t.Context())
			if (err == nil) != tt.up || errors.Is(err, legacy.ErrMapping) != tt.mapping {
				t.Errorf("error %v", err)
			}
			if tt.identifier != "" && err != nil && strings.Contains(err.Error(), tt.identifier) {
				t.Errorf("the error names the person: %v", err)
			}
			if err := s.Ping(t.Context()); tt.up && err != nil {
				t.Errorf("Ping: %v", err)
			}
		})
	}
}

// TestTooMany: a list of more people than can share a name is an answer to another question.
func TestTooMany(t *testing.T) {
	t.Parallel()
	var people []legacy.User
	for i := range maxPeople + 1 {
		people = append(people, legacy.User{ID: strconv.Itoa(i + 1), Username: "anna"})
	}
	s := open(t, plainConfig(serve(t, &application{people: people})))
	if _, err := s.Lookup(t.Context(), "anna"); !errors.Is(err, legacy.ErrTooMany) {
		t.Errorf("error %v", err)
	}
}

// TestOpenRefuses shows each mistake of configuration, and that none is told with its secret.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"no dialect":                    func(c *Config) { c.Dialect = "" },
		"no URL":                        func(c *Config) { c.URL = "" },
		"not HTTP":                      func(c *Config) { c.URL = "ftp://127.0.0.1/users" },
		"credentials in the URL":        func(c *Config) { c.URL = "https://u:hunter2@shop.example.org" },
		"a query in the URL":            func(c *Config) { c.URL = "https://shop.example.org/?token=hunter2" },
		"dots in the URL":               func(c *Config) { c.URL = "https://shop.example.org/a/../b" },
		"a fragment in the URL":         func(c *Config) { c.URL = "https://shop.example.org/#" },
		"http without a network":        func(c *Config) { c.AllowPrivate = []netip.Prefix{} },
		"a network that is none":        func(c *Config) { c.AllowPrivate = []netip.Prefix{{}} },
		"a network in IPv6's clothes":   func(c *Config) { c.AllowPrivate = []netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")} },
		"no such CA file":               func(c *Config) { c.CAFile = "/nonexistent" },
		"a negative timeout":            func(c *Config) { c.Timeout = -1 },
		"negative connections":          func(c *Config) { c.MaxConns = -1 },
		"no key of that kind":           func(c *Config) { c.Key = "phone" },
		"the key is no field":           func(c *Config) { c.Plain.Fields.ID = "" },
		"no field to find by":           func(c *Config) { c.Plain.Fields.Username, c.Plain.Fields.Email, c.Plain.Fields.Phone = "", "", "" },
		"a pointer that is none":        func(c *Config) { c.Plain.Fields.Email = "mail" },
		"a pointer with a bad escape":   func(c *Config) { c.Plain.Fields.Email = "/a~2" },
		"a password in a path":          func(c *Config) { c.Plain.VerifyPath = "/login/{password}" },
		"a password by GET":             func(c *Config) { c.Plain.VerifyMethod = "GET" },
		"whose password":                func(c *Config) { c.Plain.IDField = "" },
		"two in one field":              func(c *Config) { c.Plain.IDField = "pass" },
		"a name in path and field":      func(c *Config) { c.Plain.LookupField = "name" },
		"a name nowhere":                func(c *Config) { c.Plain.LookupPath = "/users" },
		"a path with a space":           func(c *Config) { c.Plain.LookupPath = "/us ers/{identifier}" },
		"a path of another host":        func(c *Config) { c.Plain.LookupPath = "@evil.example/{identifier}" },
		"a path that climbs":            func(c *Config) { c.Plain.LookupPath = "/../{identifier}" },
		"a placeholder left open":       func(c *Config) { c.Plain.LookupPath = "/{identifier" },
		"get without a key":             func(c *Config) { c.GetPath = "/users" },
		"yes by any status":             func(c *Config) { c.Plain.Yes.Status = nil },
		"yes by a redirect":             func(c *Config) { c.Plain.Yes = Verdict{Status: []int{302}} },
		"yes by a refusal":              func(c *Config) { c.Plain.Yes = Verdict{Status: []int{401}} },
		"no by a fault":                 func(c *Config) { c.Plain.No = Verdict{Status: []int{500}} },
		"no by a limit":                 func(c *Config) { c.Plain.No = Verdict{Status: []int{429}} },
		"no by 200 alone":               func(c *Config) { c.Plain.No = Verdict{Status: []int{200}} },
		"yes and no by the same":        func(c *Config) { c.Plain.No.Value = "true" },
		"yes and no in two fields":      func(c *Config) { c.Plain.No.Field = "/error" },
		"a value without a field":       func(c *Config) { c.Plain.Yes.Field = "" },
		"the other dialect's settings":  func(c *Config) { c.VerifyByID = true },
		"two ways to show who we are":   func(c *Config) { c.Auth = Auth{Bearer: "hunter2", BasicUser: "u", BasicPassword: "hunter2"} },
		"a line feed in a secret":       func(c *Config) { c.Auth = Auth{Bearer: "hunter2\r\nX-Admin: 1"} },
		"half of Basic":                 func(c *Config) { c.Auth = Auth{BasicPassword: "hunter2"} },
		"a colon in the user":           func(c *Config) { c.Auth = Auth{BasicUser: "a:b", BasicPassword: "hunter2"} },
		"half of a header":              func(c *Config) { c.Auth = Auth{HeaderValue: "hunter2"} },
		"a header that means something": func(c *Config) { c.Auth = Auth{Header: "host", HeaderValue: "hunter2"} },
		"a header that is none":         func(c *Config) { c.Auth = Auth{Header: "X Key", HeaderValue: "hunter2"} },
		"a short signing key":           func(c *Config) { c.Auth = Auth{SigningKey: []byte("hunter2")} },
		"a key id without a key":        func(c *Config) { c.Auth = Auth{KeyID: "k1"} },
		"keycloak, described as plain":  func(c *Config) { c.Dialect = Keycloak },
		"keycloak, with a strange no": func(c *Config) {
			*c = Config{Dialect: Keycloak, URL: c.URL, AllowPrivate: loopback, WrongStatus: []int{200}}
		},
		"keycloak, with no no": func(c *Config) {
			*c = Config{Dialect: Keycloak, URL: c.URL, AllowPrivate: loopback, WrongStatus: []int{}}
		},
		"an attribute's pointer is none": func(c *Config) { c.Plain.Fields.Attributes = map[string]string{"a": "b"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := plainConfig("http://127.0.0.1:1")
			c.Name, c.AllowPrivate = "shop", loopback
			if _, err := Open(c); err != nil {
				t.Fatal(err)
			}
			change(&c)
			_, err := Open(c)
			switch {
			case err == nil:
				t.Error("was taken")
			case strings.Contains(err.Error(), "hunter2"):
				t.Error("the error tells a secret")
			}
		})
	}
}
