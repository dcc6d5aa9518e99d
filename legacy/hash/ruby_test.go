package hash

import (
	"strings"
	"testing"
)

func FuzzRuby(f *testing.F) { fuzzApp(f, rubySchemes()) }

// The one-round row is hashcat's published example 27200.
func TestRuby(t *testing.T) {
	t.Parallel()
	s := appRow(t, "devise-sha1")
	pepper := s.Params["pepper"]
	runApp(t, []appCase{
		{scheme: "restful-auth-sha1-one-round", stored: "3999d08db95797891ec77f07223ca81bf43e1be2", salt: "5dcc47b04c49d3c8e1b9e4ec367fddeed21b7b85", password: "hashcat"},
		{name: "default stretches", scheme: "devise-sha1", stored: s.Hash, salt: s.Salt, params: map[string]string{"pepper": pepper}},
		{name: "upper case", scheme: "devise-sha1", stored: strings.ToUpper(s.Hash), salt: s.Salt, params: s.Params},
	})
}

func TestRubyRefuses(t *testing.T) {
	t.Parallel()
	s := appRow(t, "authlogic-sha512")
	with := func(name, value string) map[string]string { return map[string]string{name: value} }
	runApp(t, []appCase{
		{name: "no stretches", scheme: "authlogic-sha512", stored: s.Hash, salt: s.Salt, params: with("stretches", "0"), want: ErrBounds, mentions: "stretches"},
		{name: "many stretches", scheme: "authlogic-sha512", stored: s.Hash, salt: s.Salt, params: with("stretches", "2000001"), want: ErrBounds, mentions: "stretches"},
		{name: "not a number", scheme: "authlogic-sha512", stored: s.Hash, salt: s.Salt, params: with("stretches", "1e3"), want: ErrMalformed, mentions: "stretches"},
		{name: "long salt", scheme: "authlogic-sha512", stored: s.Hash, salt: strings.Repeat("s", 1025), want: ErrBounds, mentions: "salt"},
		{name: "long pepper", scheme: "authlogic-sha512", stored: s.Hash, params: with("pepper", strings.Repeat("p", 1025)), want: ErrBounds, mentions: "pepper"},
		{name: "long pepper of bcrypt", scheme: "devise", stored: appRow(t, "bcrypt-pepper").Hash, params: with("pepper", strings.Repeat("p", 1025)), want: ErrBounds, mentions: "pepper"},
		{name: "locked", scheme: "redmine", stored: "", want: ErrUnusable},
	})
}

func TestRubyNeighbours(t *testing.T) {
	t.Parallel()
	appNeighboursOf(t, "bcrypt-pepper", "restful-auth-sha1", "clearance-sha1", "devise-sha1", "devise-sha512", "redmine",
		"authlogic-md5", "authlogic-md5-v2", "authlogic-sha1", "authlogic-sha1-v2",
		"authlogic-sha256", "authlogic-sha256-v2", "authlogic-sha512", "authlogic-sha512-v2")
}

// The pepper takes its bytes from the 72 that bcrypt reads, and the limit is never 0, which would mean "none".
func TestDeviseLimit(t *testing.T) {
	t.Parallel()
	s := appRow(t, "bcrypt-pepper")
	for pepper, want := range map[string]int{"": 72, "pepper-secret": 59, strings.Repeat("p", 71): 1, strings.Repeat("p", 128): 1} {
		s.Params = map[string]string{"pepper": pepper}
		h, err := New(Config{}).Open(s)
		if err != nil || h.Limit != want {
			t.Errorf("pepper of %d bytes: limit %v, %v, want %d", len(pepper), h.Limit, err, want)
		}
	}
}

// What lies past bcrypt's 72nd byte is ignored, pepper or password: this is why there is a limit.
func TestDeviseCuts(t *testing.T) {
	t.Parallel()
	s := appRow(t, "bcrypt-pepper")
	s.Params = map[string]string{"pepper": "pepper-secret"}
	h, err := New(Config{}).Open(s)
	if err != nil {
		t.Fatal(err)
	}
	digest := func(password string) string {
		d, err := h.Digest([]byte(password))
		if err != nil {
			t.Fatal(err)
		}
		return string(d)
	}
	at := strings.Repeat("a", 72)
	if digest(at) != digest(at+"tail") {
		t.Error("bytes past the 72nd count")
	}
	if digest(at[:h.Limit]) != digest(at[:h.Limit]+"pepper-secret") {
		t.Error("a password at the limit that ends in the pepper is another one")
	}
	if digest(at[:h.Limit-1]) == digest(at[:h.Limit]) {
		t.Error("a byte before the limit does not count")
	}
}
