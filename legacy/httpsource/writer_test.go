package httpsource

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey/legacy"
	"rekey/legacy/hash"
	"rekey/legacy/legacytest"
)

// TestWriterContract runs the suite over an application that shows its hashes, and one that hashes passwords itself.
func TestWriterContract(t *testing.T) {
	t.Parallel()
	hashes := hash.New(hash.Config{})
	for name, hides := range map[string]bool{"hashes": false, "typed": true} {
		h := legacytest.WriterHarness{
			Harness: legacytest.Harness{
				New: func(t *testing.T, people []legacy.User) legacy.Source {
					a := newRegistry(hides, people)
					return open(t, a.config(serve(t, a)))
				},
				Down: func(t *testing.T) legacy.Source {
					c := (&registry{hides: hides}).config("http://" + deaf(t))
					c.Timeout, c.Write.Auth = 50*time.Millisecond, Auth{Bearer: "hunter2"}
					return open(t, c)
				},
				Secrets: []string{"hunter2"},
			},
			TooLong: "Username",
			Make:    hashes.Make,
			Verify: func(stored legacy.Stored, password []byte) bool {
				opened, err := hashes.Open(stored)
				return err == nil && opened.Verify(password)
			},
		}
		if !hides {
			h.Like = legacy.Stored{Scheme: "md5(md5($pass).$salt)", Hash: "0123456789abcdef0123456789abcdef", Salt: "Xy7"}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			legacytest.RunWriter(t, h)
		})
	}
}

// people are two of an application that hides its hashes.
func people() []legacy.User {
	return []legacy.User{
		{ID: "1", Username: "anna", Email: "anna@example.org", Password: &legacy.Stored{Hash: "pw-1"}},
		{ID: "2", Username: "bert", Password: &legacy.Stored{Hash: "pw-2"}},
	}
}

// opened returns an application and a writer to it, and anna as she was read.
func opened(t *testing.T, change func(*Config)) (*registry, legacy.Writer, legacy.User) {
	t.Helper()
	a := newRegistry(true, people())
	c := a.config(serve(t, a))
	if change != nil {
		change(&c)
	}
	s := open(t, c)
	anna, err := s.(legacy.Getter).Get(t.Context(), "1")
	if err != nil {
		t.Fatal(err)
	}
	return a, s.(legacy.Writer), anna
}

// meaning returns what the error of a write says.
func meaning(err error) string {
	refused, isRefused := errors.AsType[*legacy.RefusedError](err)
	switch {
	case err == nil:
		return "done"
	case errors.Is(err, legacy.ErrConflict):
		return "conflict"
	case errors.Is(err, legacy.ErrNoUser):
		return "no user"
	case errors.Is(err, legacy.ErrNotSent):
		return "not sent"
	case isRefused && refused.Taken:
		return "taken"
	case isRefused:
		return "refused"
	}
	return "unknown"
}

// TestWhatAStatusSays: of a write that the application answers so, whatever it has done. What came before it, the person's
// reading and the try of the condition, was honest.
func TestWhatAStatusSays(t *testing.T) {
	t.Parallel()
	want := map[int]string{
		200: "unknown", 201: "unknown", 204: "unknown", // it has not done it
		202: "unknown", 206: "unknown", 301: "unknown", 303: "unknown", 307: "unknown",
		400: "refused", 401: "refused", 403: "refused", 404: "refused", 405: "refused", 408: "unknown", 409: "taken", 410: "refused",
		412: "conflict", 413: "refused", 415: "refused", 418: "unknown", 422: "refused", 428: "refused", 429: "not sent", 431: "refused",
		500: "unknown", 501: "refused", 502: "unknown", 503: "unknown", 504: "unknown", 507: "unknown",
	}
	for _, status := range slices.Sorted(maps.Keys(want)) {
		a, w, anna := opened(t, nil)
		name, writes := "renamed", 0
		a.before = func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPatch {
				return false
			}
			if writes++; writes == 1 {
				return false
			}
			w.Header().Set("Location", "/people/2")
			w.WriteHeader(status)
			return true
		}
		err := w.Update(t.Context(), anna, legacy.Change{Username: &name})
		if got := meaning(err); got != want[status] || writes != 2 {
			t.Errorf("%d after %d writes: %s (%v), want %s", status, writes, got, err, want[status])
		}
	}
}

// TestLostAcknowledgement: the application has written, and its answer does not arrive, or half of it. Nobody knows, until
// the person is read again.
func TestLostAcknowledgement(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(http.ResponseWriter){
		"dropped": func(w http.ResponseWriter) { hangUp(w, "") },
		"half":    func(w http.ResponseWriter) { hangUp(w, "HTTP/1.1 20") },
		"garbage": func(w http.ResponseWriter) { hangUp(w, "OK!\r\n\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, w, anna := opened(t, nil)
			email, writes := "new@example.org", 0
			a.after = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodGet {
					return false
				}
				if writes++; writes == 2 { // the first is the try
					lose(w)
					return true
				}
				return false
			}
			if err := w.Update(t.Context(), anna, legacy.Change{Email: &email}); meaning(err) != "unknown" {
				t.Errorf("%s (%v), want unknown", meaning(err), err)
			}
			now, err := w.(legacy.Getter).Get(t.Context(), "1")
			if err != nil || now.Email != email || writes != 2 {
				t.Errorf("read again: %v, after %d writes", err, writes)
			}
			if err := w.Update(t.Context(), now, legacy.Change{Email: &email}); err != nil {
				t.Errorf("again: %v", err)
			}
		})
	}
}

// hangUp says something that is no answer, and closes the connection.
func hangUp(w http.ResponseWriter, text string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err) // a server of the standard library lets it
	}
	_, _ = io.WriteString(conn, text)
	_ = conn.Close()
}

// TestConditionIsTried: an application that takes an If-Match that nothing has is not written to, nor is one without a
// strong ETag.
func TestConditionIsTried(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]func(*registry, http.ResponseWriter, *http.Request) bool{
		"it looks at no condition": func(a *registry, _ http.ResponseWriter, r *http.Request) bool {
			r.Header.Set("If-Match", a.people["1"].tag())
			return false
		},
		"it says yes to all": func(_ *registry, w http.ResponseWriter, r *http.Request) bool {
			return r.Method == http.MethodPatch // 200 and nothing done
		},
		"a weak tag": func(a *registry, w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodGet && r.URL.Path == "/people/1" {
				w.Header().Set("ETag", `W/"1"`)
				writeJSON(w, http.StatusOK, a.people["1"])
				return true
			}
			return false
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, w, anna := opened(t, nil)
			a.before = func(w http.ResponseWriter, r *http.Request) bool { return before(a, w, r) }
			mail := "new@example.org"
			if err := w.Update(t.Context(), anna, legacy.Change{Email: &mail}); meaning(err) != "refused" {
				t.Errorf("Update: %s (%v), want refused", meaning(err), err)
			}
			anna, err := w.(legacy.Getter).Get(t.Context(), "1")
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Delete(t.Context(), anna); meaning(err) != "refused" {
				t.Errorf("Delete: %s (%v), want refused", meaning(err), err)
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			if e := a.people["1"]; e == nil || *e.Mail != "anna@example.org" {
				t.Error("something was written")
			}
		})
	}
}

// It is tried once, and not for each write.
func TestConditionIsTriedOnce(t *testing.T) {
	t.Parallel()
	a, w, _ := opened(t, nil)
	for n, mail := range []string{"a@example.org", "b@example.org", "c@example.org"} {
		anna, err := w.(legacy.Getter).Get(t.Context(), "1")
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Update(t.Context(), anna, legacy.Change{Email: &mail}); err != nil {
			t.Fatal(err)
		}
		a.mu.Lock()
		writes := a.writes
		a.mu.Unlock()
		if writes != n+2 {
			t.Errorf("%d writes for %d changes", writes, n+1)
		}
	}
}

// TestWriterLies: of an application that says that it has deleted somebody, lets two have one name, or no longer hides its hashes.
func TestWriterLies(t *testing.T) {
	t.Parallel()
	a, w, anna := opened(t, nil)
	writes := 0
	a.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodDelete {
			return false
		}
		writes++
		w.WriteHeader(http.StatusNoContent)
		return true
	}
	if err := w.Delete(t.Context(), anna); meaning(err) != "unknown" || writes != 1 {
		t.Errorf("a deletion that was none: %s (%v)", meaning(err), err)
	}

	a, w, anna = opened(t, nil)
	a.lax = true
	name := "bert"
	if err := w.Update(t.Context(), anna, legacy.Change{Username: &name}); meaning(err) != "taken" {
		t.Errorf("another's name: %s (%v)", meaning(err), err)
	}
	if _, err := w.Insert(t.Context(), legacy.User{Username: name}, legacy.NewPassword{Typed: []byte("x")}); meaning(err) != "taken" {
		t.Errorf("another's name for somebody new: %s (%v)", meaning(err), err)
	}

	other := newRegistry(false, people())
	shows := open(t, other.config(serve(t, other))).(legacy.Writer)
	mail := "new@example.org"
	if err := shows.Update(t.Context(), anna, legacy.Change{Email: &mail}); meaning(err) != "conflict" {
		t.Errorf("somebody who was read without a hash: %s (%v)", meaning(err), err)
	}
}

// JSON can hold what is not Unicode only changed, and the changed one would be the password.
func TestNewPasswordNotUTF8(t *testing.T) {
	t.Parallel()
	a, w, anna := opened(t, func(c *Config) { c.Write.Fields.DisplayName = "" })
	err := w.Update(t.Context(), anna, legacy.Change{Password: &legacy.NewPassword{Typed: []byte("secret\xff"), Old: []byte("pw-1")}})
	if meaning(err) != "refused" || a.people["1"].typed != "pw-1" {
		t.Errorf("%s (%v), want refused", meaning(err), err)
	}
}

// TestWriteSettings: each mistake is told at its own key.
func TestWriteSettings(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		"write: want the dialect":           func(c *Config) { c.GetPath, c.Key = "", KeyUsername },
		"write.path: nothing in it says":    func(c *Config) { c.Write.Path = "/people" },
		"write.path: a placeholder":         func(c *Config) { c.Write.Path = "/people/{password}" },
		"write.method: want PATCH":          func(c *Config) { c.Write.Method = "GET" },
		"write.insert_path: a placeholder":  func(c *Config) { c.Write.InsertPath = "/people/{id}" },
		"write.fields: nothing is named":    func(c *Config) { c.Write.Fields, c.Write.InsertPath = WriteFields{}, "" },
		"write.fields: two things":          func(c *Config) { c.Write.Fields.Email = "/login/mail" },
		"write.fixed: want a JSON":          func(c *Config) { c.Write.Fixed = map[string]string{"source": "x"} },
		"write.fields.phone: is not among":  func(c *Config) { c.Plain.Fields.Phone = "" },
		"write.fields.email: want a JSON":   func(c *Config) { c.Write.Fields.Email = "mail" },
		"write.fields.password: a scheme":   func(c *Config) { c.Write.Scheme = "ldap" },
		"write.fields.old_password: is for": func(c *Config) { c.Plain.Fields.Password, c.Write.Fields.OldPassword = "/hash", "/old" },
		"write.insert_path: a new person":   func(c *Config) { c.Write.Fields.Password = "" },
		"write.fields.salt: is missing": func(c *Config) {
			c.Plain.Fields.Password, c.Scheme, c.Write.Scheme = "/hash", "md5($pass.$salt)", "md5($pass.$salt)"
		},
		"write.scheme: no value":             func(c *Config) { c.Plain.Fields.Password, c.Write.Scheme = "/hash", "auto" },
		"write.like_salt: there is no":       func(c *Config) { c.Write.LikeSalt = "x" },
		"plain.fields.salt: there is no":     func(c *Config) { c.Plain.Fields.Salt = "/salt" },
		"write.scheme: what is made in it":   func(c *Config) { c.Plain.Fields.Password, c.Scheme, c.Write.Scheme = "/hash", "bcrypt", "ldap" },
		"basic_user: there is no basic_pass": func(c *Config) { c.Write.Auth.BasicUser = "x" },
	} {
		c := (&registry{hides: true}).config("http://127.0.0.1")
		c.Name, c.AllowPrivate = "shop", loopback
		change(&c)
		if _, err := Open(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// FuzzStrongTag: what is taken for a tag can stand in a header, and means one thing there.
func FuzzStrongTag(f *testing.F) {
	for _, seed := range []string{`"1"`, `""`, `W/"1"`, `"a", "b"`, `"`, `*`, "\"\n\"", `"` + strings.Repeat("x", 300) + `"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strongTag(text) && (strings.Count(text, `"`) != 2 || strings.ContainsAny(text, " \t\r\n\x00\x7f") || len(text) > maxTag) {
			t.Errorf("%q is taken for a tag", text)
		}
	})
}
