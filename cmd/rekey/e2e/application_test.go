package e2e

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// An application keeps its people behind HTTP, and takes changes of one that still has the tag that was read.
type application struct {
	mu     sync.Mutex
	people map[string]member
}

type member struct {
	ID      string `json:"id"`
	Login   string `json:"login"`
	Hash    string `json:"hash"`
	version int
}

// logsIn is the application's own login.
func (a *application) logsIn(login, password string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	sum := md5.Sum([]byte(password))
	for _, m := range a.people {
		if m.Login == login {
			return m.Hash == hex.EncodeToString(sum[:])
		}
	}
	return false
}

func (a *application) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	answer := func(v any) {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err) // it is made of texts
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text) // who hangs up needs no answer
	}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /users", func(_ http.ResponseWriter, r *http.Request) {
		found := []member{}
		for _, m := range a.people {
			if m.Login == r.URL.Query().Get("name") {
				found = append(found, m)
			}
		}
		answer(found)
	})
	routes.HandleFunc("POST /users", func(w http.ResponseWriter, r *http.Request) {
		m := member{ID: strconv.Itoa(100 + len(a.people))}
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		a.people[m.ID] = m
		w.WriteHeader(http.StatusCreated)
	})
	routes.HandleFunc("/users/{id}", func(w http.ResponseWriter, r *http.Request) {
		m, there := a.people[r.PathValue("id")]
		tag := fmt.Sprintf(`"%s.%d"`, m.ID, m.version)
		switch {
		case !there:
			http.NotFound(w, r)
		case r.Method == http.MethodGet:
			w.Header().Set("ETag", tag)
			answer(m)
		case r.Header.Get("If-Match") != tag:
			w.WriteHeader(http.StatusPreconditionFailed)
		case r.Method == http.MethodDelete:
			delete(a.people, m.ID)
			w.WriteHeader(http.StatusNoContent)
		case json.NewDecoder(r.Body).Decode(&m) != nil:
			w.WriteHeader(http.StatusBadRequest)
		default:
			m.version++
			a.people[m.ID] = m
		}
	})
	routes.ServeHTTP(w, r)
}

// newApplication serves one whose people have an old password, by id and login, and returns it with the lines of a configuration that
// ask it.
func newApplication(t *testing.T, people map[string]string) (a *application, asked string) {
	t.Helper()
	a = &application{people: map[string]member{}}
	for id, login := range people {
		sum := md5.Sum([]byte("old password"))
		a.people[id] = member{ID: id, Login: login, Hash: hex.EncodeToString(sum[:])}
	}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	return a, fmt.Sprintf(askedOverHTTP, server.URL)
}

// askedOverHTTP is how it is asked, in a configuration.
const askedOverHTTP = `    http:
      url: %s
      allow_private: [127.0.0.0/8]
      dialect: plain
      get_path: /users/{id}
      plain:
        lookup_path: /users?name={identifier}
        list: true
        fields: {id: /id, username: /login, password: /hash}
        verify_path: /users/{id}/check
        yes: {status: [200]}
        no: {status: [401]}
`

// Nobody can go through the people of an application: a sweep leaves them out and says so, and they move when they log in.
func TestSweepLeavesAnApplicationOut(t *testing.T) {
	t.Parallel()
	_, asked := newApplication(t, map[string]string{"1": "bert"})
	table := sqlite(t, `CREATE TABLE users (id INTEGER PRIMARY KEY, login TEXT, hash TEXT)`,
		fmt.Sprintf(`INSERT INTO users VALUES (1, 'anna', '%x')`, md5.Sum([]byte("old password"))))
	g := start(t, "", fmt.Sprintf(`
store: sqlite://%s
limits: off
legacy:
  - name: portal
    kind: http
    scheme: md5($pass)
%s  - {name: shop, dsn: 'sqlite://%s', table: users, columns: {id: id, username: login, password: hash}, scheme: md5($pass)}
`, filepath.Join(t.TempDir(), "rekey.db"), asked, table))

	out, said := g.mustRekey(t, "sweep", "run")
	if !regexp.MustCompile(`(?m)^shop +1 +1 `).MatchString(out) || !strings.Contains(said, "portal is left out: its people can only be asked for by name") {
		t.Errorf("the sweep says:\n%s%s", out, said)
	}
	for source, want := range map[string]int{"portal": 2, "shop": 0} {
		if _, said, code := g.rekey(t, "sweep", "run", "--source", source); code != want || strings.Contains(said, "only be asked for by name") != (want == 2) {
			t.Errorf("the sweep of %s: exit code %d, want %d\n%s", source, code, want, said)
		}
	}
	for _, name := range []string{"anna", "bert"} {
		wantStatus(t, "login of "+name, g.login(t, name, "old password"), http.StatusOK)
	}
}

// In new-first somebody registers, somebody changes a password and somebody is deleted: an application that is asked over HTTP
// hears of all three, and its own login then says the same as ours.
func TestApplicationHearsOfChanges(t *testing.T) {
	t.Parallel()
	a, asked := newApplication(t, map[string]string{"1": "bert", "2": "carl"})
	g := start(t, "", fmt.Sprintf(`
store: sqlite://%s
limits: off
legacy:
  - name: shop
    kind: http
    scheme: md5($pass)
    copy_back: full
%s      write:
        path: /users/{id}
        insert_path: /users
        delete: true
        scheme: md5($pass)
        fields: {username: /login, password: /hash}
`, filepath.Join(t.TempDir(), "rekey.db"), asked))

	wantStatus(t, "register", g.register(t, "anna", orchids), http.StatusCreated)
	wantStatus(t, "change", g.change(t, g.mustLogin(t, "bert", "old password").Access, "old password", tulips), http.StatusNoContent)
	wantStatus(t, "delete", g.erase(t, g.mustLogin(t, "carl", "old password").Access, "old password"), http.StatusNoContent)
	waitFor(t, "copy-back", func() bool {
		return a.logsIn("anna", orchids) && a.logsIn("bert", tulips) && !a.logsIn("carl", "old password")
	})
	if a.logsIn("bert", "old password") {
		t.Error("the application still takes a password that was changed")
	}
	for name, password := range map[string]string{"anna": orchids, "bert": tulips} {
		wantStatus(t, "login of "+name, g.login(t, name, password), http.StatusOK)
	}
}
