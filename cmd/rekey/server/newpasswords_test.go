package server

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"rekey/accounts/policy"
	"rekey/cmd/rekey/config"
)

func TestOpenPolicy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	list := filepath.Join(dir, "list")
	// The SHA-1 of "a horse of my own".
	if err := os.WriteFile(list, []byte("21a80602b5a18fbe0511ca52fd18b85d274f8b0e:7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.PasswordPolicy.Words, c.PasswordPolicy.HIBPFile = config.List{"kontoso"}, list
	p, closeList, err := openPolicy(c, "https://id.tulipania.example:8443")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = closeList() })
	for pw, want := range map[string]string{
		"kontoso kontoso 1": policy.ReasonKnown, "tulipania 184820": policy.ReasonKnown, "rekeyrekey1848!!": policy.ReasonKnown,
		"a horse of my own": policy.ReasonBreached, "a stable of my own": "", "an example to all": "",
	} {
		if got, err := p.Check(t.Context(), []byte(pw), policy.About{}); got != want || err != nil {
			t.Errorf("%q: %q, %v", pw, got, err)
		}
	}

	if err := os.WriteFile(list, []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err = openPolicy(c, "http://127.0.0.1:8080")
	if problems, ok := errors.AsType[config.Problems](err); !ok || problems[0].Key != "password_policy.hibp_file" {
		t.Errorf("a list that is none: %v", err)
	}
}
