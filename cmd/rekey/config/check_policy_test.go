package config

import (
	"strings"
	"testing"
)

func TestPasswordPolicy(t *testing.T) {
	t.Parallel()
	for lines, want := range map[string]string{
		"{min_length: 7}": "rekey.yaml:2:31: password_policy.min_length: must be 8 to 64",
		"{min_length: 65, min_length_with_factor: 7}":       "password_policy.min_length_with_factor: must be 8 to 64",
		"{min_length: 10, min_length_with_factor: 12}":      "password_policy.min_length_with_factor: must not be longer than min_length (10)",
		"{hibp_file: list.txt}":                             "password_policy.hibp_file: want the absolute path",
		"{hibp_url: api.example.org}":                       "password_policy.hibp_url: want the address of a range interface",
		"{hibp_file: /l, hibp_url: 'https://example.org/'}": "password_policy.hibp_url: is given beside hibp_file; keep one",
		"{hibp_timeout: 1m}":                                "password_policy.hibp_timeout: must be 10ms to 10s",
	} {
		_, err := load(t, "store: sqlite:///r.db\npassword_policy: "+lines+"\n")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", lines, err, want)
		}
	}
	c, err := load(t, "store: sqlite:///r.db\npassword_policy: {min_length: 8, words: [acme]}\n")
	if err != nil || c.PasswordPolicy.MinLengthWithFactor != 8 || len(c.PasswordPolicy.Words) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
}
