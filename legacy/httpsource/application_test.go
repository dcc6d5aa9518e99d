package httpsource

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey/legacy"
)

// loopback is where the tests' applications are.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// A record is a person as the tests' application writes them.
type appRecord struct {
	ID       json.Number `json:"id"`
	Login    string      `json:"login,omitempty"`
	Mail     *string     `json:"mail"`
	Tel      string      `json:"tel,omitempty"`
	Active   bool        `json:"active"`
	Created  string      `json:"created,omitempty"`
	LastSeen int64       `json:"last_seen,omitempty"`
}

// An application is an honest one. It compares byte by byte, keeps the questions that it was asked, and knows each person
// by the password "pw-" and their id.
type application struct {
	people []legacy.User

	mu    sync.Mutex
	asked []string // request targets
}

func passwordOf(id string) string { return "pw-" + id }

func (a *application) find(fits func(legacy.User) bool) []appRecord {
	found := []appRecord{}
	for _, u := range a.people {
		if !fits(u) {
			continue
		}
		r := appRecord{ID: json.Number(u.ID), Login: u.Username, Tel: u.Phone, Active: !u.Disabled}
		if u.Email != "" {
			r.Mail = &u.Email
		}
		if !u.CreatedAt.IsZero() {
			r.Created = u.CreatedAt.Format(time.RFC3339)
		}
		if !u.LastLoginAt.IsZero() {
			r.LastSeen = u.LastLoginAt.Unix()
		}
		found = append(found, r)
	}
	return found
}

func (a *application) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.asked = append(a.asked, r.RequestURI)
	a.mu.Unlock()
	a.routes().ServeHTTP(w, r)
}

// questions returns what was asked, as it stood on the wire.
func (a *application) questions() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.asked)
}

func (a *application) routes() http.Handler {
	mux := http.NewServeMux()
	has := func(name string) func(legacy.User) bool {
		return func(u legacy.User) bool { return slices.Contains(u.Identifiers(), name) }
	}
	mux.HandleFunc("GET /users", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"data": map[string]any{"people": a.find(has(r.URL.Query().Get("name")))}})
	})
	mux.HandleFunc("POST /find", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm() // a body that is no form has no name in it
		writeJSON(w, http.StatusOK, map[string]any{"data": map[string]any{"people": a.find(has(r.PostForm.Get("name")))}})
	})
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		found := a.find(func(u legacy.User) bool { return u.ID == r.PathValue("id") })
		if len(found) == 0 {
			http.NotFound(w, r)
			return
		}
		writeJSON(w, http.StatusOK, found[0])
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Who  string `json:"who"`
			Pass string `json:"pass"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{"result": map[string]bool{"ok": body.Pass == passwordOf(body.Who)}})
	})
	mux.HandleFunc("PUT /check", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("password") != passwordOf(r.FormValue("id")) {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	mux.HandleFunc("GET /kc/{name}", func(w http.ResponseWriter, r *http.Request) {
		for _, u := range a.people {
			if slices.ContainsFunc(u.Identifiers(), func(id string) bool { return strings.EqualFold(id, r.PathValue("name")) }) {
				writeJSON(w, http.StatusOK, map[string]any{
					"id": u.ID, "username": u.Username, "email": u.Email, "enabled": !u.Disabled, "emailVerified": true,
					"attributes": map[string][]string{"colour": {"red"}},
				})
				return
			}
		}
		http.NotFound(w, r)
	})
	mux.HandleFunc("POST /kc/{name}", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		for _, u := range a.people {
			if u.Username == r.PathValue("name") || u.ID == r.PathValue("name") {
				if err == nil && string(body) == `{"password":"`+passwordOf(u.ID)+`"}` {
					return // 200 and nothing else, as the contract has it
				}
			}
		}
		w.WriteHeader(http.StatusUnauthorized)
	})
	return mux
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // the tests write what JSON can say
	}
	_, _ = w.Write(text) // who hangs up needs no answer
}

// serve starts a server and returns its URL.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// open opens a source and closes it when the test ends.
func open(t *testing.T, c Config) Source {
	t.Helper()
	if c.Name == "" {
		c.Name = "shop"
	}
	if c.AllowPrivate == nil {
		c.AllowPrivate = loopback
	}
	if c.Timeout == 0 {
		c.Timeout = 20 * time.Second // the machine may be busy; what is about deadlines sets its own
	}
	s, err := Open(c)
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

// plainConfig speaks to the application above.
func plainConfig(url string) Config {
	return Config{
		URL: url, Dialect: PlainDialect, GetPath: "/users/{id}",
		Plain: Plain{
			LookupPath: "/users?name={identifier}", List: true, ListAt: "/data/people",
			Fields: Fields{
				ID: "/id", Username: "/login", Email: "/mail", Phone: "/tel", Disabled: "!/active", CreatedAt: "/created", LastLoginAt: "/last_seen",
			},
			VerifyPath: "/login", IDField: "who", PasswordField: "pass",
			Yes: Verdict{Status: []int{200}, Field: "/result/ok", Value: "true"},
			No:  Verdict{Status: []int{200}, Field: "/result/ok", Value: "false"},
		},
	}
}

func keycloakConfig(url string) Config { return Config{URL: url, Dialect: Keycloak} }

// deaf is the address of a listener that accepts nobody.
func deaf(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}
