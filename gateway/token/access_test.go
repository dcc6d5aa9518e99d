package token

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"rekey/accounts"
)

// part decodes one of the three parts of a token.
func part(t *testing.T, raw string, i int) map[string]any {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[i])
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAccessTokenForm(t *testing.T) {
	t.Parallel()
	m, c := newMemory(), newClock()
	h := newHouse(t, m, c, nil)
	tokens := h.open(t)
	header, claims := part(t, tokens.Access, 0), part(t, tokens.Access, 1)
	if diff := cmp.Diff(map[string]any{"typ": "at+jwt", "alg": "EdDSA", "kid": m.keys[0].ID}, header); diff != "" {
		t.Errorf("header: %s", diff)
	}
	got, err := h.families.Verify(t.Context(), tokens.Access)
	if err != nil {
		t.Fatal(err)
	}
	now := float64(c.Now().Unix())
	if diff := cmp.Diff(map[string]any{
		"iss": "https://login.example.org", "sub": alice.ID.String(), "aud": []any{"rekey"}, "client_id": "rekey",
		"iat": now, "exp": now + 300, "auth_time": now, "jti": got.TokenID, "sid": got.SessionID.String(),
		"preferred_username": "alice",
	}, claims); diff != "" {
		t.Errorf("claims: %s", diff)
	}
	if id, err := uuid.Parse(got.TokenID); err != nil || id.Version() != 7 {
		t.Errorf("jti %q is no UUIDv7", got.TokenID)
	}
	if diff := cmp.Diff(Claims{
		Subject: alice.ID.String(), Name: "alice", TokenID: got.TokenID, ClientID: "rekey", SessionID: got.SessionID,
		AuthTime: c.Now(), IssuedAt: c.Now(), ExpiresAt: c.Now().Add(DefaultAccessLife),
	}, got); diff != "" {
		t.Errorf("Verify: %s", diff)
	}
	if tokens.ExpiresIn != DefaultAccessLife {
		t.Errorf("expires in %s", tokens.ExpiresIn)
	}
}

// The longest name that an account can have still makes a token that is accepted, with the largest signature.
func TestLongestName(t *testing.T) {
	t.Parallel()
	h := newHouse(t, newMemory(), newClock(), func(k *KeysConfig) { k.Algorithm = RS256 })
	for _, name := range []string{strings.Repeat("<", accounts.MaxIdentifier), strings.Repeat("é", accounts.MaxIdentifier/2), strings.Repeat("x", 1<<16), "\xff\x00"} {
		s := accounts.Session{ID: uuid.New(), AccountID: alice.ID, CreatedAt: h.clock.Now(), ExpiresAt: h.clock.Now().Add(time.Hour)}
		raw, _, err := h.families.Sign(s, name, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.families.Verify(t.Context(), raw); err != nil {
			t.Errorf("a token of %d bytes for a name of %d: %v", len(raw), len(name), err)
		}
	}
}

func TestTokenEndsWithItsSession(t *testing.T) {
	t.Parallel()
	h := newHouse(t, newMemory(), newClock(), nil)
	now := h.clock.Now()
	s := accounts.Session{ID: uuid.New(), AccountID: alice.ID, CreatedAt: now, ExpiresAt: now.Add(time.Minute)}
	if _, life, err := h.families.Sign(s, "", ""); err != nil || life != time.Minute {
		t.Errorf("life is %s (%v), want that of the session", life, err)
	}
	h.clock.Add(time.Minute)
	_, _, err := h.families.Sign(s, "", "")
	wantInvalid(t, "a session that is over", err)
}

// A forgery is a token as whoever has the signing key could make it, to be spoilt in one place.
type forgery struct {
	method jwt.SigningMethod
	key    any
	header map[string]any
	claims jwt.MapClaims
}

func (f forgery) text(t *testing.T) string {
	t.Helper()
	token := jwt.NewWithClaims(f.method, f.claims)
	token.Header = f.header
	raw, err := token.SignedString(f.key)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	m, c := newMemory(), newClock()
	h := newHouse(t, m, c, nil)
	good := h.open(t).Access
	ours := h.keys.current.Load().keys[0]
	public, err := x509.MarshalPKIXPublicKey(ours.private.Public())
	if err != nil {
		t.Fatal(err)
	}
	foreign, foreignID, err := generate(EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	ec, _, err := generate(ES256)
	if err != nil {
		t.Fatal(err)
	}
	now := c.Now().Unix()
	claim := func(name string, value any) func(*forgery) {
		return func(f *forgery) { f.claims[name] = value }
	}
	without := func(name string) func(*forgery) {
		return func(f *forgery) { delete(f.claims, name); delete(f.header, name) }
	}
	header := func(name string, value any) func(*forgery) {
		return func(f *forgery) { f.header[name] = value }
	}
	signed := func(alg string, method jwt.SigningMethod, key any) func(*forgery) {
		return func(f *forgery) { f.header["alg"], f.method, f.key = alg, method, key }
	}
	for _, x := range []struct {
		name  string
		spoil func(*forgery)
		ok    bool
	}{
		{"unchanged", func(*forgery) {}, true},
		{"alg none", signed("none", jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType), false},
		{"HS256 with the public key", signed("HS256", jwt.SigningMethodHS256, public), false},
		{"HS256 with the raw public key", signed("HS256", jwt.SigningMethodHS256, []byte(ours.private.Public().(ed25519.PublicKey))), false},
		{"another algorithm's key under our kid", signed("ES256", jwt.SigningMethodES256, ec), false},
		{"another key under our kid", signed("EdDSA", jwt.SigningMethodEdDSA, foreign), false},
		{"another key under its own kid", func(f *forgery) { f.key, f.header["kid"] = foreign, foreignID }, false},
		{"no kid", without("kid"), false},
		{"kid that is no text", header("kid", 1), false},
		{"kid that is no thumbprint", header("kid", "1"), false},
		{"an ID token", header("typ", "JWT"), false},
		{"no typ", without("typ"), false},
		{"typ that is no text", header("typ", []string{"at+jwt"}), false},
		{"critical extension", header("crit", []string{"b64"}), false},
		{"key in the header", header("jwk", map[string]string{"kty": "OKP"}), false},
		{"another issuer", claim("iss", "https://login.example.com"), false},
		{"no issuer", without("iss"), false},
		{"another audience", claim("aud", "shop"), false},
		{"no audience", without("aud"), false},
		{"our audience among others", claim("aud", []string{"shop", "rekey"}), true},
		{"no expiry", without("exp"), false},
		{"expired", claim("exp", now-5), false},
		{"expired within the leeway", claim("exp", now-4), true},
		{"expiry that is no number", claim("exp", "tomorrow"), false},
		{"made in the future", claim("iat", now+6), false},
		{"made in the future within the leeway", claim("iat", now+5), true},
		{"no iat", without("iat"), false},
		{"not yet valid", claim("nbf", now+60), false},
		{"no subject", without("sub"), false},
		{"subject that is no account", claim("sub", "alice"), false},
		{"subject in another spelling", claim("sub", strings.ToUpper(alice.ID.String())), false},
		{"no session", without("sid"), false},
		{"session that is no id", claim("sid", "x"), false},
		{"no auth_time", without("auth_time"), false},
		{"too long", claim("x", strings.Repeat("x", maxToken)), false},
	} {
		f := forgery{
			jwt.SigningMethodEdDSA, ours.private,
			map[string]any{"typ": "at+jwt", "alg": "EdDSA", "kid": ours.info.ID}, part(t, good, 1),
		}
		x.spoil(&f)
		_, err := h.families.Verify(t.Context(), f.text(t))
		if x.ok && err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
		if !x.ok {
			wantInvalid(t, x.name, err)
		}
	}

	parts := strings.Split(good, ".")
	other := strings.Split(h.open(t).Access, ".")
	for name, raw := range map[string]string{
		"empty":              "",
		"one part":           parts[0],
		"two parts":          parts[0] + "." + parts[1],
		"four parts":         good + ".",
		"five parts (a JWE)": good + ".x.y",
		"no signature":       parts[0] + "." + parts[1] + ".",
		"another's claims":   parts[0] + "." + other[1] + "." + parts[2],
		"padded":             good + "==",
		"a line end":         good + "\n",
		"a space":            " " + good,
		// The last character of 86 carries two bits that mean nothing.
		"stray bits":   good[:len(good)-1] + string(good[len(good)-1]+1),
		"not base64":   "!." + parts[1] + "." + parts[2],
		"not JSON":     "e30x." + parts[1] + "." + parts[2],
		"empty header": "e30." + parts[1] + "." + parts[2],
	} {
		_, err := h.families.Verify(t.Context(), raw)
		wantInvalid(t, name, err)
	}
	if _, err := h.families.Verify(t.Context(), good); err != nil {
		t.Errorf("the good one, after all this: %v", err)
	}
}

// The key decides on the algorithm, whatever a header says; and nothing of that is a question for the store.
func TestAlgorithmIsTheKeys(t *testing.T) {
	t.Parallel()
	m := newMemory()
	h := newHouse(t, m, newClock(), nil)
	info := h.keys.current.Load().keys[0].info
	before := m.count("SigningKeys")
	for _, algorithm := range supported() {
		info.Algorithm = algorithm
		_, err := h.families.keyFor(t.Context(), headerOf(info))
		if algorithm == EdDSA && err != nil {
			t.Error(err)
		}
		if algorithm != EdDSA {
			wantInvalid(t, algorithm+" with a key for EdDSA", err)
		}
	}
	if m.count("SigningKeys") != before {
		t.Error("the store was asked")
	}
}

func TestVerifyCannotTell(t *testing.T) {
	t.Parallel()
	m, c := newMemory(), newClock()
	here, there := newHouse(t, m, c, nil), newHouse(t, m, c, nil)
	if _, err := there.keys.Rotate(t.Context(), Rotation{Now: true}); err != nil {
		t.Fatal(err)
	}
	raw := there.open(t).Access
	m.setBefore(func(string) error { return errDown })
	_, err := here.families.Verify(t.Context(), raw)
	wantUnavailable(t, "a key that only another replica knows, while the store is down", err)
	m.setBefore(nil)
	if _, err := here.families.Verify(t.Context(), raw); err != nil {
		t.Errorf("when the store is back: %v", err)
	}
}

// cached returns the number of remembered tokens.
func (c *cache) cached() (n int) {
	for i := range c.shards {
		n += len(c.shards[i].entries)
	}
	return n
}

func TestCacheForgets(t *testing.T) {
	t.Parallel()
	m, c := newMemory(), newClock()
	h := newHouse(t, m, c, nil)
	verify := func(raw string) error {
		_, err := h.families.Verify(t.Context(), raw)
		return err
	}

	expiring := h.open(t).Access
	for range 2 {
		if err := verify(expiring); err != nil || h.families.cache.cached() != 1 {
			t.Fatalf("%d are remembered, want 1 (%v)", h.families.cache.cached(), err)
		}
	}
	c.Add(DefaultAccessLife)
	sum := sha256.Sum256([]byte(expiring))
	if _, ok := h.families.cache.get(sum, h.keys.current.Load().generation, c.Now()); ok || h.families.cache.cached() != 0 {
		t.Error("a token is remembered beyond its life")
	}
	c.Add(leeway)
	wantInvalid(t, "an expired token that was remembered", verify(expiring))

	revoked, sibling := h.open(t), h.open(t).Access
	for _, raw := range []string{revoked.Access, sibling} {
		if err := verify(raw); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.families.Revoke(t.Context(), revoked.Refresh, "r"); err != nil {
		t.Fatal(err)
	}
	wantInvalid(t, "a token that was remembered when its session was revoked", verify(revoked.Access))
	if n := h.families.cache.cached(); n != 1 {
		t.Errorf("%d are remembered, want the sibling alone", n)
	}
	wantInvalid(t, "again", verify(revoked.Access))
	if err := verify(sibling); err != nil {
		t.Errorf("another session's token: %v", err)
	}

	// The key is withdrawn before its time.
	if _, err := h.keys.Rotate(t.Context(), Rotation{Now: true}); err != nil {
		t.Fatal(err)
	}
	if err := verify(sibling); err != nil {
		t.Errorf("a token of a retiring key: %v", err)
	}
	if _, err := m.DeleteSigningKeys(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if err := h.keys.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantInvalid(t, "a token that was remembered, of a key that is gone", verify(sibling))
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	now := newClock().Now()
	for _, size := range []int{-1, 1, 64, 1000} {
		c := newCache(size)
		for i := range 5000 {
			sum := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
			c.put(sum, entry{claims: Claims{ExpiresAt: now.Add(time.Minute)}}, now)
			if _, ok := c.get(sum, 0, now); ok != (size > 0) {
				t.Fatalf("size %d: what was just put is there: %t", size, ok)
			}
		}
		if n := c.cached(); n > max(size, cacheShards) || size < 0 && n > 0 {
			t.Errorf("size %d: %d entries", size, n)
		}
	}
}

func TestTokensAreNotPrinted(t *testing.T) {
	t.Parallel()
	tokens := newHouse(t, newMemory(), newClock(), nil).open(t)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "tokens", tokens, "list", []Tokens{tokens})
	asJSON, err := json.Marshal(map[string]any{"tokens": tokens})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		fmt.Sprintf("%v %+v %#v %s %q %x", tokens, tokens, tokens, tokens, tokens, &tokens), tokens.String(), tokens.GoString(), log.String(), string(asJSON),
	} {
		if strings.Contains(text, tokens.Access[:8]) || strings.Contains(text, refreshPrefix) {
			t.Errorf("a token was printed: %s", text)
		}
	}
}

func TestNewAccessRefuses(t *testing.T) {
	t.Parallel()
	keys := openKeys(t, newMemory(), nil, nil)
	whole := AccessConfig{Keys: keys, Issuer: "https://x", Audience: "a", Revocations: &list{}}
	for name, spoil := range map[string]func(*AccessConfig){
		"no keys":        func(c *AccessConfig) { c.Keys = nil },
		"no revocations": func(c *AccessConfig) { c.Revocations = nil },
		"no issuer":      func(c *AccessConfig) { c.Issuer = "" },
		"no audience":    func(c *AccessConfig) { c.Audience = "" },
		"a long issuer":  func(c *AccessConfig) { c.Issuer = strings.Repeat("x", 257) },
	} {
		c := whole
		spoil(&c)
		if _, err := NewAccess(c); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if _, err := NewAccess(whole); err != nil {
		t.Error(err)
	}
}

func FuzzVerify(f *testing.F) {
	// The same key and token in each process of a fuzz run.
	m, c := newMemory(), newClock()
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	kid, err := thumbprint(private.Public())
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := seal(testMaster(f), private, kid)
	if err != nil {
		f.Fatal(err)
	}
	m.keys = []accounts.SigningKey{{Seq: 1, ID: kid, Algorithm: EdDSA, Sealed: sealed, CreatedAt: c.Now(), ActiveAt: c.Now()}}
	a := newAccess(f, openKeys(f, m, c.Now, nil), &list{}, c.Now)
	a.c.NewID = func() uuid.UUID { return uuid.Max }
	good, _, err := a.Sign(accounts.Session{ID: uuid.Max, AccountID: alice.ID, CreatedAt: c.Now(), ExpiresAt: c.Now().Add(time.Hour)}, "alice", "")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0Iiwia2lkIjoiIn0.e30.")
	f.Add("..")
	ctx, cancel := context.WithCancel(f.Context())
	cancel() // a kid that is unknown would wait for its turn to ask the store
	f.Fuzz(func(t *testing.T, raw string) {
		claims, err := a.Verify(ctx, raw)
		if (err == nil) != (raw == good) {
			t.Errorf("%q: %v", raw, err)
		}
		if err == nil && claims.Subject != alice.ID.String() {
			t.Errorf("%q is of %s", raw, claims.Subject)
		}
	})
}
