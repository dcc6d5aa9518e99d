package httpsource

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"rekey/legacy"
)

// A registry is an application that takes changes. It keeps a version of each person, which is their ETag, and does every
// request at one moment.
type registry struct {
	hides bool // it shows no hashes, takes passwords as they are typed, and verifies them
	lax   bool // several may have one name

	mu     sync.Mutex
	people map[string]*entry
	next   int
	writes int // requests that would write, refused ones among them
	// before answers in place of the application if it returns true; after runs when it has done what it was asked for.
	before func(w http.ResponseWriter, r *http.Request) bool
	after  func(w http.ResponseWriter, r *http.Request) bool
}

// An entry is a person as the application writes them.
type entry struct {
	ID       string  `json:"id"`
	Login    *string `json:"login"`
	Mail     *string `json:"mail"`
	Tel      *string `json:"tel"`
	Name     *string `json:"name"`
	Active   bool    `json:"active"`
	Verified bool    `json:"verified"`
	Secret   *struct {
		Hash string  `json:"hash"`
		Salt *string `json:"salt"`
	} `json:"secret,omitempty"`

	version int
	typed   string
}

func newRegistry(hides bool, people []legacy.User) *registry {
	a := &registry{hides: hides, people: map[string]*entry{}, next: 100}
	for _, u := range people {
		e := &entry{ID: u.ID, Login: orNil(u.Username), Mail: orNil(u.Email), Tel: orNil(u.Phone), Name: orNil(u.Profile.DisplayName), Active: true, version: 1}
		if hides {
			e.typed = u.Password.Hash
		} else {
			e.Secret = &struct {
				Hash string  `json:"hash"`
				Salt *string `json:"salt"`
			}{u.Password.Hash, orNil(u.Password.Salt)}
		}
		a.people[u.ID] = e
	}
	return a
}

func orNil(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func (e *entry) tag() string { return fmt.Sprintf(`"%s.%d"`, e.ID, e.version) }

// copied shares nothing with e.
func (e *entry) copied() *entry {
	text, err := json.Marshal(e)
	c := &entry{version: e.version, typed: e.typed}
	if err = errors.Join(err, json.Unmarshal(text, c)); err != nil {
		panic(err) // it is made of what JSON can say
	}
	return c
}

func (e *entry) names() []string {
	var names []string
	for _, name := range []*string{e.Login, e.Mail, e.Tel} {
		if name != nil {
			names = append(names, *name)
		}
	}
	return names
}

func (a *registry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.Method != http.MethodGet && r.URL.Path != "/login" {
		a.writes++
	}
	if a.before != nil && a.before(w, r) {
		return
	}
	answer := &held{header: http.Header{}, status: http.StatusOK}
	a.serve(answer, r)
	if a.after != nil && a.after(w, r) {
		return
	}
	for key := range answer.header {
		w.Header().Set(key, answer.header.Get(key))
	}
	w.WriteHeader(answer.status)
	_, _ = w.Write(answer.body) // who hangs up needs no answer
}

// held is an answer that is not given yet.
type held struct {
	header http.Header
	status int
	body   []byte
}

func (h *held) Header() http.Header  { return h.header }
func (h *held) WriteHeader(code int) { h.status = code }
func (h *held) Write(b []byte) (int, error) {
	h.body = append(h.body, b...)
	return len(b), nil
}

func (a *registry) serve(w http.ResponseWriter, r *http.Request) {
	id, personal := strings.CutPrefix(r.URL.Path, "/people/")
	e := a.people[id]
	switch {
	case r.Method == http.MethodGet && r.URL.Path == "/people":
		found := []*entry{}
		for _, e := range a.people {
			if slices.Contains(e.names(), r.URL.Query().Get("name")) {
				found = append(found, e)
			}
		}
		writeJSON(w, http.StatusOK, found)
	case r.Method == http.MethodPost && r.URL.Path == "/people":
		a.next++
		fresh := &entry{ID: strconv.Itoa(a.next), Active: true}
		if status := a.change(fresh, r); status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
		a.people[fresh.ID] = fresh
		w.WriteHeader(http.StatusCreated)
	case r.URL.Path == "/login":
		var body struct{ Who, Pass string }
		if json.NewDecoder(r.Body).Decode(&body) != nil || a.people[body.Who] == nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		writeJSON(w, http.StatusOK, map[string]bool{"ok": a.people[body.Who].typed == body.Pass})
	case !personal || e == nil:
		http.NotFound(w, r)
	case r.Method == http.MethodGet:
		w.Header().Set("ETag", e.tag())
		writeJSON(w, http.StatusOK, e)
	case r.Header.Get("If-Match") != e.tag():
		w.WriteHeader(cmp.Or(map[bool]int{true: http.StatusPreconditionRequired}[r.Header.Get("If-Match") == ""], http.StatusPreconditionFailed))
	case r.Method == http.MethodDelete:
		delete(a.people, id)
		w.WriteHeader(http.StatusNoContent)
	default:
		changed := e.copied()
		status := a.change(changed, r)
		if status == http.StatusOK {
			changed.version++
			a.people[id] = changed
		}
		w.WriteHeader(status)
	}
}

// change takes what a body has in it, all of it or nothing.
func (a *registry) change(e *entry, r *http.Request) int {
	typed := struct {
		*entry
		Password *string `json:"password"`
		Source   string  `json:"source"`
	}{entry: e}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	id := e.ID
	if err := d.Decode(&typed); err != nil || e.ID != id {
		return http.StatusBadRequest
	}
	if typed.Password != nil {
		e.typed = *typed.Password
	}
	for _, name := range e.names() {
		if len(name) > 200 {
			return http.StatusUnprocessableEntity
		}
		for _, o := range a.people {
			if !a.lax && o.ID != e.ID && slices.Contains(o.names(), name) {
				return http.StatusConflict
			}
		}
	}
	return http.StatusOK
}

// config speaks to the application at url.
func (a *registry) config(url string) Config {
	c := Config{
		URL: url, Dialect: PlainDialect, GetPath: "/people/{id}", Scheme: "md5(md5($pass).$salt)",
		Plain: Plain{
			LookupPath: "/people?name={identifier}", List: true,
			Fields: Fields{
				ID: "/id", Username: "/login", Email: "/mail", Phone: "/tel", DisplayName: "/name", Disabled: "!/active", EmailVerified: "/verified",
				Password: "/secret/hash", Salt: "/secret/salt",
			},
			VerifyPath: "/login", IDField: "Who", PasswordField: "Pass",
			Yes: Verdict{Status: []int{200}, Field: "/ok", Value: "true"}, No: Verdict{Status: []int{200}, Field: "/ok", Value: "false"},
		},
		Write: &Write{
			Path: "/people/{id}", InsertPath: "/people", Delete: true, Fixed: map[string]string{"/source": "rekey"},
			Scheme: "md5(md5($pass).$salt)", Like: "0123456789abcdef0123456789abcdef", LikeSalt: "Xy7",
			Fields: WriteFields{
				Username: "/login", Email: "/mail", Phone: "/tel", DisplayName: "/name", Disabled: "!/active", EmailVerified: "/verified",
				Password: "/secret/hash", Salt: "/secret/salt",
			},
		},
	}
	if a.hides {
		c.Scheme, c.Plain.Fields.Password, c.Plain.Fields.Salt = "", "", ""
		c.Write.Scheme, c.Write.Like, c.Write.LikeSalt, c.Write.Fields.Salt, c.Write.Fields.Password = "", "", "", "", "/password"
	}
	return c
}
