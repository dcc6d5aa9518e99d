package server

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"

	"rekey/accounts/policy"
	"rekey/cmd/rekey/config"
)

// openPolicy makes the rules for new passwords, and opens the list of breached ones if there is one; closeList closes it.
func openPolicy(c *config.Config, issuer string) (p *policy.Policy, closeList func() error, err error) {
	rules := policy.Config{
		MinLength: int(c.PasswordPolicy.MinLength), MinLengthWithFactor: int(c.PasswordPolicy.MinLengthWithFactor),
		Words: append(hostWords(issuer), c.PasswordPolicy.Words...),
	}
	closeList = func() error { return nil }
	switch {
	case c.PasswordPolicy.HIBPFile != "":
		list, err := policy.OpenFile(c.PasswordPolicy.HIBPFile)
		if err != nil {
			return nil, nil, config.Problems{c.Mistake("password_policy.hibp_file", err)}
		}
		rules.Breached, closeList = list, list.Close
	case c.PasswordPolicy.HIBPURL != "":
		service, err := policy.NewRange(policy.RangeConfig{URL: c.PasswordPolicy.HIBPURL, Timeout: c.PasswordPolicy.HIBPTimeout})
		if err != nil {
			return nil, nil, err
		}
		rules.Breached, closeList = service, service.Close
	}
	if p, err = policy.New(rules); err != nil {
		return nil, nil, errors.Join(err, closeList())
	}
	return p, closeList, nil
}

// hostWords are the words that everybody knows of us: the product's name, and those of the host that people log in at.
func hostWords(issuer string) []string {
	words := []string{"rekey"}
	u, err := url.Parse(issuer)
	if err != nil {
		return words
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return words
	}
	labels := strings.Split(u.Hostname(), ".")
	return append(words, labels[:len(labels)-1]...)
}
