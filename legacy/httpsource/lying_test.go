package httpsource

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rekey/legacy"
	"rekey/legacy/guard"
)

const (
	lieName     = "anna.private@example.org"
	liePassword = "tulip-and-daisy"
	lieToken    = "token-of-the-shop"
	lieRecord   = `{"id":"1","username":"anna","email":"anna.private@example.org","enabled":true}`
)

// A lie is an answer that is neither yes nor no, whatever it was that was asked.
type lie struct {
	name   string
	answer http.HandlerFunc
	// slow lies are told by not ending: only a deadline helps.
	slow bool
}

func says(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // who hangs up needs no answer
	}
}

// raw writes bytes to the connection as they are, and closes it.
func raw(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(conn, text) // who hangs up needs no answer
		_ = conn.Close()
	}
}

// endless writes a piece again and again, until the other side hangs up.
func endless(piece string, every time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does a server notice that the other side hangs up
		w.Header().Set("Content-Type", "application/json")
		for {
			if _, err := io.WriteString(w, piece); err != nil {
				return
			}
			if http.NewResponseController(w).Flush() != nil {
				return
			}
			select {
			case <-r.Context().Done():
				return
			case <-time.After(every):
			}
		}
	}
}

// lies are told to lookups and verdicts alike. body is what the honest answer would be.
func lies(body string) []lie {
	const js = "application/json"
	page := "<!doctype html><html><title>Welcome</title><p>Back soon.</p></html>"
	return []lie{
		{name: "201", answer: says(201, js, body)},
		{name: "202", answer: says(202, js, body)},
		{name: "203", answer: says(203, js, body)},
		{name: "204", answer: says(204, js, "")},
		{name: "206", answer: says(206, js, body)},
		{name: "a page", answer: says(200, "text/html", page)},
		{name: "a page that is called JSON", answer: says(200, js, page)},
		{name: "a page that is called text", answer: says(200, "text/plain", page)},
		{name: "a page for 401", answer: says(401, "text/html", page)},
		{name: "302", answer: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }},
		{name: "307", answer: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}},
		{name: "304", answer: says(304, js, "")},
		{name: "400", answer: says(400, js, `{}`)},
		{name: "403", answer: says(403, js, `{}`)},
		{name: "407", answer: says(407, js, `{}`)},
		{name: "410", answer: says(410, js, `{}`)},
		{name: "429", answer: says(429, js, `{}`)},
		{name: "500", answer: says(500, js, body)},
		{name: "502", answer: says(502, "text/html", page)},
		{name: "503", answer: says(503, "text/plain", "no")},
		{name: "599", answer: says(599, js, body)},
		{name: "10 MB", answer: says(200, js, `{"a":"`+strings.Repeat("x", 10<<20)+`"}`)},
		{name: "10 MB of spaces", answer: says(200, js, body+strings.Repeat(" ", 10<<20))},
		{name: "10 MB for 401", answer: says(401, js, strings.Repeat(" ", 10<<20))},
		{name: "a key twice", answer: says(200, js, body[:len(body)-1]+`,"id":"2"}`+"")},
		{name: "a key twice, deep down", answer: says(200, js, body[:len(body)-1]+`,"more":[{"a":1,"\u0061":2}]}`)},
		{name: "two objects", answer: says(200, js, body+body)},
		{name: "half an object", answer: says(200, js, body[:len(body)-1])},
		{name: "not UTF-8", answer: says(200, js, body[:len(body)-1]+",\"x\":\"\xff\"}")},
		{name: "half a character", answer: says(200, js, body[:len(body)-1]+`,"x":"\ud800"}`)},
		{name: "NUL", answer: says(200, js, body[:len(body)-1]+`,"x":"\u0000"}`)},
		{name: "nested deeply", answer: says(200, js, body[:len(body)-1]+`,"x":`+strings.Repeat("[", 50)+strings.Repeat("]", 50)+`}`)},
		{name: "a byte order mark", answer: says(200, js, "\ufeff"+body)},
		{name: "gzip", answer: zipped(body)},
		{name: "called gzip", answer: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			says(200, js, body)(w, r)
		}},
		{name: "gzip, and large", answer: zipped(strings.Repeat(" ", 10<<20))},
		{name: "broken off", answer: raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n" + body)},
		{name: "broken off in a chunk", answer: raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1f4\r\n" + body)},
		{name: "broken off for 401", answer: raw("HTTP/1.1 401 No\r\nContent-Length: 500\r\n\r\n{}")},
		{name: "no HTTP", answer: raw("SSH-2.0-OpenSSH_9.2\r\n")},
		{name: "nothing at all", answer: raw("")},
		{name: "a status that is none", answer: raw("HTTP/1.1 2OO OK\r\n\r\n")},
		{name: "two lengths", answer: raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}")},
		{name: "1 MB of headers", answer: raw(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX: %s\r\n\r\n%s", len(body), strings.Repeat("x", 1<<20), body))},
		{name: "early hints for ever", answer: raw(strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n", 10_000))},
		{name: "another protocol", answer: raw("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")},
		{name: "a slow drip", answer: endless(" ", 5*time.Millisecond), slow: true},
		{name: "chunks for ever", answer: endless(strings.Repeat(" ", 64<<10), 0)},
		{name: "silence", answer: func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // as above
			<-r.Context().Done()
		}, slow: true},
		{name: "our own secret is refused", answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Negotiate, Bearer realm="shop", error="invalid_token"`)
			w.WriteHeader(http.StatusUnauthorized)
		}},
	}
}

func zipped(body string) http.HandlerFunc {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, body) // a buffer takes everything
	_ = z.Close()
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		says(200, "application/json", b.String())(w, r)
	}
}

// lyingSources are ways to be lied to: each dialect.
func lyingSources(url string) map[string]Config {
	plain := Config{
		URL: url, Dialect: PlainDialect, GetPath: "/users/{id}",
		Plain: Plain{
			LookupPath: "/users/{identifier}", Fields: Fields{ID: "/id", Username: "/username", Email: "/email"},
			VerifyPath: "/login", NameField: "name",
			Yes: Verdict{Status: []int{200}, Field: "/id", Value: "1"}, No: Verdict{Status: []int{401}, Field: "/id", Value: "0"},
		},
	}
	return map[string]Config{"keycloak": keycloakConfig(url), "plain": plain}
}

// doubt fails unless err is a "cannot tell" that tells nothing else.
func doubt(t *testing.T, what string, err error) {
	t.Helper()
	switch {
	case err == nil:
		t.Errorf("%s: believed", what)
	case errors.Is(err, legacy.ErrNoUser), errors.Is(err, legacy.ErrWrongPassword), errors.Is(err, legacy.ErrTooMany):
		t.Errorf("%s: taken for an answer: %v", what, err)
	}
	for _, secret := range []string{liePassword, lieToken, lieName, "anna", "html", "Welcome", "SSH"} {
		if strings.Contains(fmt.Sprintf("%v %+v", err, err), secret) {
			t.Errorf("%s: the error tells %q: %v", what, secret, err)
		}
	}
	for cause := err; cause != nil; cause = errors.Unwrap(cause) { // nobody should print these, but somebody will
		if strings.Contains(cause.Error(), "anna") {
			t.Errorf("%s: a cause names the person: %T", what, cause)
		}
	}
}

// TestLies: whatever is said that is neither a yes nor a no is a doubt, for every question in each dialect, and is told
// within the deadline.
func TestLies(t *testing.T) {
	t.Parallel()
	for _, l := range lies(lieRecord) {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, l.answer)
			for dialect, c := range lyingSources(url) {
				c.Auth = Auth{Bearer: lieToken}
				if l.slow {
					c.Timeout = 100 * time.Millisecond
				}
				s := open(t, c)
				users, err := s.Lookup(t.Context(), lieName)
				doubt(t, dialect+": Lookup", err)
				if len(users) > 0 {
					t.Errorf("%s: found somebody", dialect)
				}
				err = s.Verify(t.Context(), legacy.User{ID: "1", Username: "anna", Email: lieName}, []byte(liePassword))
				doubt(t, dialect+": Verify", err)
				if getter, ok := s.(legacy.Getter); ok {
					_, err = getter.Get(t.Context(), "1")
					doubt(t, dialect+": Get", err)
				}
				if s.Check(t.Context()) == nil || s.Ping(t.Context()) == nil {
					t.Errorf("%s: Check or Ping is content", dialect)
				}
			}
		})
	}
}

// TestLiesToLookup are answers that would be a verdict, or a bare yes, but are no person.
func TestLiesToLookup(t *testing.T) {
	t.Parallel()
	const js = "application/json"
	for name, answer := range map[string]http.HandlerFunc{
		"an empty 200":          says(200, js, ""),
		"null":                  says(200, js, `null`),
		"a list":                says(200, js, `[`+lieRecord+`]`),
		"an empty object":       says(200, js, `{}`),
		"a text":                says(200, js, `"anna"`),
		"401":                   says(401, js, `{}`),
		"somebody else":         says(200, js, `{"id":"1","username":"admin","email":"admin@example.org"}`),
		"nobody in particular":  says(200, js, `{"id":"1"}`),
		"without an id":         says(200, js, `{"username":"anna","email":"anna.private@example.org"}`),
		"an empty id":           says(200, js, `{"id":"","email":"anna.private@example.org"}`),
		"an id that is a list":  says(200, js, `{"id":["1"],"email":"anna.private@example.org"}`),
		"an id with a fraction": says(200, js, `{"id":1.5,"email":"anna.private@example.org"}`),
		"an id with a line end": says(200, js, `{"id":"1\n","email":"anna.private@example.org"}`),
		"a name that is a list": says(200, js, `{"id":"1","username":["anna"],"email":"anna.private@example.org"}`),
		"a very long name":      says(200, js, `{"id":"1","username":"`+strings.Repeat("x", 1025)+`","email":"anna.private@example.org"}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for dialect, c := range lyingSources(serve(t, answer)) {
				users, err := open(t, c).Lookup(t.Context(), lieName)
				doubt(t, dialect, err)
				if len(users) > 0 {
					t.Errorf("%s: found somebody", dialect)
				}
			}
		})
	}
}

// TestGetSomebodyElse: a key means one person, to the byte.
func TestGetSomebodyElse(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"2", "01", "1 ", "１"} {
		c := keycloakConfig(serve(t, says(200, "application/json", `{"id":"`+id+`","username":"anna"}`)))
		c.GetPath = "/by-id/{id}"
		u, err := open(t, c).(legacy.Getter).Get(t.Context(), "1")
		doubt(t, "Get", err)
		if u.ID != "" {
			t.Errorf("person %q", u.ID)
		}
	}
}

// TestYesToAll: whoever says 200 to every password, with nothing in it or with whatever JSON or text, logs nobody in.
func TestYesToAll(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"empty":        says(200, "text/html", ""),
		"a record":     says(200, "application/json", lieRecord),
		"false":        says(200, "application/json", `{"valid":false}`),
		"a plain text": says(200, "text/plain", "OK"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, keycloakConfig(serve(t, answer)))
			doubt(t, "Verify", s.Verify(t.Context(), legacy.User{ID: "1", Username: "anna"}, []byte(liePassword)))
		})
	}
}

// TestControlQuestion: the doubt about the second question is a doubt about the first.
func TestControlQuestion(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]http.HandlerFunc{
		"yes": says(200, "", ""), "503": says(503, "", ""), "broken off": raw(""), "403": says(403, "", ""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, keycloakConfig(serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body) // half a body is another password, to which the answer is the second
				if strings.Contains(string(body), liePassword) {
					return
				}
				second(w, r)
			}))))
			doubt(t, "Verify", s.Verify(t.Context(), legacy.User{ID: "1", Username: "anna"}, []byte(liePassword)))
		})
	}
}

// TestClearNo: what an exact no looks like. Everything else is in the tests above.
func TestClearNo(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"401":           says(401, "text/html", ""),
		"401 in JSON":   says(401, "application/json", `{"error":"wrong"}`),
		"401 in a word": says(401, "text/plain; charset=utf-8", "Unauthorized\n"),
		"another scheme": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", "Form")
			w.WriteHeader(http.StatusUnauthorized)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := keycloakConfig(serve(t, answer))
			c.Auth = Auth{Bearer: lieToken}
			err := open(t, c).Verify(t.Context(), legacy.User{ID: "1", Username: "anna"}, []byte(liePassword))
			if !errors.Is(err, legacy.ErrWrongPassword) {
				t.Errorf("error %v", err)
			}
		})
	}
	c := keycloakConfig(serve(t, says(404, "text/html", strings.Repeat("<html>", 1<<20))))
	users, err := open(t, c).Lookup(t.Context(), lieName)
	if err != nil || len(users) > 0 {
		t.Errorf("404: %d people, error %v", len(users), err)
	}
}

// TestRedirectIsNotFollowed: the password goes where it was configured to go, and nowhere else.
func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int64
	thief := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	for _, status := range []int{301, 302, 303, 307, 308} {
		c := keycloakConfig(serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, thief+r.URL.Path, status)
		})))
		c.TrustBareYes = true
		s := open(t, c)
		_, err := s.Lookup(t.Context(), lieName)
		doubt(t, "Lookup", err)
		doubt(t, "Verify", s.Verify(t.Context(), legacy.User{ID: "1", Username: "anna"}, []byte(liePassword)))
	}
	if elsewhere.Load() > 0 {
		t.Error("a redirect was followed")
	}
}

// TestFlapping: an application that works every other time never turns a password into another answer, and serves again
// as soon as it works.
func TestFlapping(t *testing.T) {
	t.Parallel()
	faults := []http.HandlerFunc{says(500, "", ""), raw(""), says(200, "text/html", "<p>"), says(302, "", ""), raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")}
	var count atomic.Int64
	s := open(t, keycloakConfig(serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // half a body is another password
		switch n := count.Add(1); {
		case n%4 == 0:
			faults[int(n/4)%len(faults)](w, r)
		case strings.Contains(string(body), liePassword):
		default:
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))))
	anna := legacy.User{ID: "1", Username: "anna"}
	right, wrong := 0, 0
	for range 60 {
		switch err := s.Verify(t.Context(), anna, []byte(liePassword)); {
		case err == nil:
			right++
		case errors.Is(err, legacy.ErrWrongPassword):
			t.Fatal("the right password was called wrong")
		}
		switch err := s.Verify(t.Context(), anna, []byte("guess")); {
		case err == nil:
			t.Fatal("a wrong password was taken")
		case errors.Is(err, legacy.ErrWrongPassword):
			wrong++
		}
	}
	if right == 0 || wrong == 0 {
		t.Errorf("%d right and %d wrong of 60 were recognised", right, wrong)
	}
}

// TestBreaker: an application that is down is left alone; one that refuses a question is not, for whoever can make it
// refuse would lock everybody out.
func TestBreaker(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		opens  bool
	}{
		"500": {says(500, "", ""), true}, "429": {says(429, "", ""), true}, "broken off": {raw(""), true},
		"400": {says(400, "", ""), false}, "a page": {says(200, "text/html", "<p>"), false}, "302": {says(302, "", ""), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := keycloakConfig(serve(t, tt.answer))
			c.BreakAfter, c.BreakFor = 3, time.Hour
			s := open(t, c)
			for range 3 {
				_, err := s.Lookup(t.Context(), "anna")
				doubt(t, "Lookup", err)
			}
			if _, err := s.Lookup(t.Context(), "anna"); errors.Is(err, guard.ErrOpen) != tt.opens {
				t.Errorf("error %v", err)
			}
		})
	}
}
