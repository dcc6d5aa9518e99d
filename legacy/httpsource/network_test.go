package httpsource

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rekey/legacy"
	"rekey/legacy/legacytest"
)

func isNo(err error) bool { return errors.Is(err, legacy.ErrWrongPassword) }

// TestAddresses decides over addresses as a dialer has them.
func TestAddresses(t *testing.T) {
	t.Parallel()
	refused := []string{
		"127.0.0.1:80", "127.9.9.9:80", "10.0.0.1:443", "172.16.0.1:443", "172.31.255.255:443", "192.168.1.1:443", "169.254.1.1:80",
		"169.254.169.254:80", "169.254.170.2:80", "100.64.0.1:443", "100.127.255.255:443", "100.100.100.200:80", "0.0.0.0:80", "0.1.2.3:80",
		"192.0.0.1:443", "192.0.2.1:443", "198.18.0.1:443", "198.51.100.7:443", "203.0.113.9:443", "224.0.0.1:443", "240.0.0.1:443",
		"255.255.255.255:443", "[::1]:80", "[::]:80", "[fe80::1]:80", "[fe80::1%eth0]:80", "[fc00::1]:443", "[fd12:3456::1]:443",
		"[fd00:ec2::254]:80", "[ff02::1]:80", "[::ffff:127.0.0.1]:80", "[::ffff:10.0.0.1]:443", "[::ffff:169.254.169.254]:80",
		"[::127.0.0.1]:80", "[64:ff9b::7f00:1]:80", "[64:ff9b::a9fe:a9fe]:80", "[64:ff9b:1::1]:80", "[2002:7f00:1::]:80", "[2001::1]:443",
		"[2001:db8::1]:443", "[3fff::1]:443", "[fec0::1]:80", "[100::1]:80", "[4000::1]:80", "localhost:80", "", "10.0.0.1",
	}
	public := []string{"8.8.8.8:443", "172.32.0.1:443", "100.128.0.1:443", "[2a00:1450::1]:443", "[2606:4700::1111]:443", "[::ffff:8.8.8.8]:443"}
	strict, err := newAddresses(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range refused {
		if err := strict.check(a); !errors.Is(err, errAddress) {
			t.Errorf("%s: error %v", a, err)
		}
	}
	for _, a := range public {
		if err := strict.check(a); err != nil {
			t.Errorf("%s: %v", a, err)
		}
	}
	everything := prefixes("0.0.0.0/0", "::/0")
	for _, plaintext := range []bool{false, true} {
		open, err := newAddresses(everything, plaintext)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range []string{"169.254.169.254:80", "[::ffff:169.254.169.254]:80", "[fd00:ec2::254]:80", "100.100.100.200:80", "224.0.0.1:80", "0.0.0.0:80"} {
			if open.check(a) == nil {
				t.Errorf("%s may be connected to where all is allowed", a)
			}
		}
		for _, a := range []string{"127.0.0.1:80", "10.1.2.3:80", "[::1]:80", "[fd12::1]:80", "[::ffff:10.1.2.3]:80", "[fe80::1%eth0]:80"} {
			if err := open.check(a); err != nil {
				t.Errorf("%s: %v", a, err)
			}
		}
		for _, a := range public {
			if err := open.check(a); (err != nil) != plaintext {
				t.Errorf("%s, plaintext %v: %v", a, plaintext, err)
			}
		}
	}
	some, err := newAddresses(prefixes("10.1.0.0/16"), false)
	if err != nil {
		t.Fatal(err)
	}
	if some.check("10.1.2.3:443") != nil || some.check("10.2.0.1:443") == nil || some.check("127.0.0.1:443") == nil {
		t.Error("what is allowed is not just what was named")
	}
}

// TestAddressIsJudgedAfterResolution: a harmless name that leads inside is refused before a byte is sent.
func TestAddressIsJudgedAfterResolution(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	url := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	_, port, _ := strings.Cut(strings.TrimPrefix(url, "http://"), ":")
	for _, target := range []string{"https://localhost:" + port, "https://127.0.0.1:" + port, "https://[::ffff:127.0.0.1]:" + port, "http://localhost:" + port} {
		s := open(t, Config{URL: target, Dialect: Keycloak, AllowPrivate: prefixes("10.0.0.0/8")})
		_, err := s.Lookup(t.Context(), "anna")
		if !errors.Is(err, errAddress) || !strings.Contains(err.Error(), "may not be connected to") {
			t.Errorf("%s: error %v", target, err)
		}
	}
	if asked.Load() > 0 {
		t.Error("the server was asked")
	}
}

// TestNoProxy: the transport would take one from the environment only if it was told to.
func TestNoProxy(t *testing.T) {
	t.Parallel()
	c, err := newClient(Config{URL: "https://shop.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	if c.http.Transport.(*http.Transport).Proxy != nil || c.http.Jar != nil {
		t.Error("there is a proxy or a cookie jar")
	}
}

// TestTLS: whoever cannot show a certificate that is trusted is not asked.
func TestTLS(t *testing.T) {
	t.Parallel()
	app := &application{people: legacytest.People()}
	server := httptest.NewUnstartedServer(app)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // refused handshakes are the point
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "https://"), ":")
	for name, tt := range map[string]struct {
		url, ca, want string
	}{
		"trusted":         {server.URL, ca, ""},
		"not trusted":     {server.URL, "", "signed by nobody"},
		"of another host": {"https://localhost:" + port, ca, "for another host"},
	} {
		s := open(t, Config{URL: tt.url + "/kc", Dialect: Keycloak, CAFile: tt.ca, Auth: Auth{Bearer: lieToken}})
		users, err := s.Lookup(t.Context(), "anna")
		switch {
		case tt.want == "" && (err != nil || len(users) != 1):
			t.Errorf("%s: %d people, error %v", name, len(users), err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: error %v", name, err)
		}
	}
	if n := len(app.questions()); n != 1 {
		t.Errorf("%d questions were asked", n)
	}
	if _, err := Open(Config{URL: server.URL, Dialect: Keycloak, CAFile: os.DevNull}); err == nil {
		t.Error("a file without a certificate was taken")
	}
}

// signedBy checks a signature as an application would, from the documentation.
func signedBy(r *http.Request, body, key []byte) error {
	digest := sha256.Sum256(body)
	lines := fmt.Sprintf("rekey-request-v1\n%s\n%s\n%s\n%s\n%x",
		r.Method, r.RequestURI, r.Header.Get("X-Rekey-Timestamp"), r.Header.Get("X-Rekey-Nonce"), digest)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(lines))
	got, err := hex.DecodeString(strings.TrimPrefix(r.Header.Get("X-Rekey-Signature"), "v1="))
	if err != nil || !hmac.Equal(got, mac.Sum(nil)) {
		return errors.New("the signature does not fit")
	}
	return nil
}

// TestAuth: each way to show who we are arrives with every question.
func TestAuth(t *testing.T) {
	t.Parallel()
	key := []byte(strings.Repeat("k", 32))
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, tt := range map[string]struct {
		auth  Auth
		check func(r *http.Request, body []byte) error
	}{
		"bearer": {Auth{Bearer: lieToken}, func(r *http.Request, _ []byte) error { return want(r, "Authorization", "Bearer "+lieToken) }},
		"basic": {Auth{BasicUser: "rekey", BasicPassword: "se:cret"}, func(r *http.Request, _ []byte) error {
			if user, pw, ok := r.BasicAuth(); !ok || user != "rekey" || pw != "se:cret" {
				return errors.New("other credentials")
			}
			return nil
		}},
		"header": {Auth{Header: "X-Api-Key", HeaderValue: "a b=c"}, func(r *http.Request, _ []byte) error { return want(r, "X-Api-Key", "a b=c") }},
		"signed": {Auth{SigningKey: key, KeyID: "k1", Bearer: lieToken}, func(r *http.Request, body []byte) error {
			return errors.Join(signedBy(r, body, key), want(r, "X-Rekey-Key", "k1"), want(r, "X-Rekey-Timestamp", "1767323045"),
				want(r, "Authorization", "Bearer "+lieToken))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := &application{people: []legacy.User{{ID: "1", Username: "a/b?c=ä"}}}
			nonces := make(chan string, 10)
			faults := make(chan error, 10)
			c := keycloakConfig(serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				nonces <- r.Header.Get("X-Rekey-Nonce")
				faults <- errors.Join(err, tt.check(r, body))
				r.Body = io.NopCloser(strings.NewReader(string(body)))
				app.ServeHTTP(w, r)
			})) + "/kc")
			c.Auth, c.Now = tt.auth, func() time.Time { return now }
			s := open(t, c)
			users, err := s.Lookup(t.Context(), "a/b?c=ä")
			if err != nil || len(users) != 1 {
				t.Fatalf("%d people, error %v", len(users), err)
			}
			if err := s.Verify(t.Context(), users[0], []byte(passwordOf("1"))); err != nil {
				t.Errorf("Verify: %v", err)
			}
			close(faults)
			close(nonces)
			for fault := range faults {
				if fault != nil {
					t.Error(fault)
				}
			}
			seen := map[string]bool{}
			for nonce := range nonces {
				if len(tt.auth.SigningKey) > 0 && (seen[nonce] || len(nonce) != 32) {
					t.Errorf("nonce %q", nonce)
				}
				seen[nonce] = true
			}
		})
	}
}

func want(r *http.Request, header, value string) error {
	if got := r.Header.Get(header); got != value {
		return fmt.Errorf("header %s is not as it should be", header)
	}
	return nil
}

// TestSign compares with what openssl says of the same six lines:
//
//	printf 'rekey-request-v1\nPOST\n/users/anna?as=written\n1700000000\n000102030405060708090a0b0c0d0e0f\n%s' \
//	  "$(printf '{"password":"tulip"}' | sha256sum | cut -d' ' -f1)" | openssl dgst -sha256 -hmac "$(printf 'k%.0s' {1..32})"
func TestSign(t *testing.T) {
	t.Parallel()
	got := sign([]byte(strings.Repeat("k", 32)), "POST", "/users/anna?as=written", "1700000000", "000102030405060708090a0b0c0d0e0f", []byte(`{"password":"tulip"}`))
	if want := "4fee538072babef77e9813704d3f014ac6586e7379b76b7cae302874aed300d7"; got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

func TestAuthPrintsNothing(t *testing.T) {
	t.Parallel()
	a := Auth{Bearer: "hunter2", BasicPassword: "hunter2", HeaderValue: "hunter2", SigningKey: []byte("hunter2")}
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).InfoContext(t.Context(), "opened", "auth", a)
	for _, text := range []string{fmt.Sprint(a), fmt.Sprintf("%+v %#v %s", a, a, a), fmt.Sprintf("%+v", Config{Auth: a}), b.String()} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "104 117") {
			t.Error("a secret is printed")
		}
	}
}

// TestCallerGivesUp: it is no answer, and it says nothing of the application.
func TestCallerGivesUp(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 1)
	c := keycloakConfig(serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does a server notice that the other side hangs up
		arrived <- struct{}{}
		<-r.Context().Done()
	})))
	s := open(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		<-arrived
		cancel()
	}()
	doubt(t, "Verify", s.Verify(ctx, legacy.User{ID: "1", Username: "anna"}, []byte(liePassword)))
}
