package config

import (
	"strings"
	"testing"
)

func TestMail(t *testing.T) {
	t.Parallel()
	const base = "store: sqlite:///tmp/rekey.db\nissuer: https://login.example.org\n"
	for name, test := range map[string]struct {
		yaml   string
		wrong  []string // keys
		warned bool
	}{
		"none":                    {"", nil, false},
		"all":                     {"mail: {smtp: 'smtp://rekey@mail.example.org', password: a-password, from: login@example.org, reset_url: 'https://example.org/p'}", nil, false},
		"on the same machine":     {"mail: {smtp: 'smtp://127.0.0.1:25?tls=off', from: login@example.org}", nil, false},
		"an address to show":      {"mail: {smtp: 'smtp://127.0.0.1:25?tls=off', from: login@example.org}\nrequired_actions: {verify_email: true}", nil, false},
		"in the clear":            {"mail: {smtp: 'smtp://mail.example.org:25?tls=off', from: login@example.org}", nil, true},
		"no server":               {"mail: {from: login@example.org}", []string{"mail.smtp"}, false},
		"no sender":               {"mail: {smtp: 'smtp://mail.example.org'}", []string{"mail.from"}, false},
		"no mail server":          {"mail: {smtp: 'https://mail.example.org', from: login@example.org}", []string{"mail.smtp"}, false},
		"a user alone":            {"mail: {smtp: 'smtp://rekey@mail.example.org', from: login@example.org}", []string{"mail.smtp"}, false},
		"a password alone":        {"mail: {smtp: 'smtp://mail.example.org', password: a-password, from: login@example.org}", []string{"mail.smtp"}, false},
		"pages that are none":     {"mail: {smtp: 'smtp://mail.example.org', from: login@example.org, reset_url: /reset, email_url: 'ftp://a'}", []string{"mail.reset_url", "mail.email_url"}, false},
		"a sender with two names": {"mail: {smtp: 'smtp://mail.example.org', from: \"a@b.example\\r\\nBcc: c@d.example\"}", []string{"mail.from"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := load(t, base+test.yaml+"\n")
			var said string
			if err != nil {
				said = err.Error()
			}
			for _, key := range test.wrong {
				if !strings.Contains(said, key+": ") {
					t.Errorf("%s is not named: %s", key, said)
				}
			}
			if strings.Contains(said, "a-password") || len(test.wrong) == 0 && err != nil {
				t.Errorf("got %v", err)
			}
			if err == nil && hasWarning(c, "mail.") != test.warned {
				t.Errorf("warnings %v", c.Warnings())
			}
		})
	}
	c, err := load(t, base+"mail: {smtp: 'smtp://rekey@mail.example.org', password: a-password, from: login@example.org}\n")
	if err != nil {
		t.Fatal(err)
	}
	made, err := c.Mail.Config(c.Issuer)
	if err != nil || made.Server.Password != "a-password" || made.ResetURL != "https://login.example.org/reset" || made.EmailURL != "https://login.example.org/email" {
		t.Errorf("made %+v, %v", made, err)
	}
}

func hasWarning(c *Config, key string) bool {
	for _, w := range c.Warnings() {
		if strings.HasPrefix(w.Key, key) {
			return true
		}
	}
	return false
}
