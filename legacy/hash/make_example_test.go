package hash

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// Each example is one to make others like: they verify, under the name that was asked for.
func TestExamples(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	// The form is looked at here, not the cost, which would take half a minute.
	cheaper := strings.NewReplacer("$12$", "$04$", "$13$", "$04$", "$10$", "$04$", "600000", "1000", "m=65536", "m=64", "$P$B", "$P$7", "$S$D", "$S$7")
	params := map[string]string{"pepper": "site-pepper"}
	names := append(slices.Sorted(maps.Keys(examples)),
		"md5($pass.$salt)", "sha1($salt.sha1($pass))", "base64(sha512($pass.$salt))", "hmac_sha256($salt,$pass)", "sha256($pass.unhex($salt).$pepper)")
	for _, name := range names {
		like, ok := r.Example(name, params)
		if !ok {
			t.Errorf("%s: no example", name)
			continue
		}
		like.User, like.Hash = "anna", cheaper.Replace(like.Hash)
		made, err := r.Make(like, []byte("Password one"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		made.Scheme = name
		h, err := r.Open(made)
		if err != nil || !h.Verify([]byte("Password one")) || h.Verify([]byte("Password two")) {
			t.Errorf("%s: what is made like the example does not verify (%v)", name, err)
		}
	}
	for _, name := range []string{"", Auto, "plaintext", "md5", "no-such-scheme", "md5($pass)("} {
		if _, ok := r.Example(name, nil); ok {
			t.Errorf("%s: an example of what should not be made", name)
		}
	}
}
