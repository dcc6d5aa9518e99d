package config

import (
	"path/filepath"

	"rekey/accounts/policy"
)

// checkPasswordPolicy checks what the rules for new passwords say together.
func (l *loader) checkPasswordPolicy() {
	p := &l.config.PasswordPolicy
	if !l.isSet("password_policy.min_length_with_factor") {
		p.MinLengthWithFactor = min(p.MinLengthWithFactor, p.MinLength)
	} else if p.MinLengthWithFactor > p.MinLength {
		l.problem("password_policy.min_length_with_factor", "must not be longer than min_length (%d)", p.MinLength)
	}
	if p.MinLength < policy.DefaultMinLength {
		l.warn("password_policy.min_length", "is less than the %d characters that NIST SP 800-63B-4 asks for where the password is all there is", policy.DefaultMinLength)
	}
	if p.HIBPFile != "" && !filepath.IsAbs(p.HIBPFile) {
		l.problem("password_policy.hibp_file", "want the absolute path of a list of SHA-1 hashes in order")
	}
	if p.HIBPURL != "" {
		if p.HIBPFile != "" {
			l.problem("password_policy.hibp_url", "is given beside hibp_file; keep one")
		}
		if _, err := policy.NewRange(policy.RangeConfig{URL: p.HIBPURL}); err != nil {
			l.problem("password_policy.hibp_url", "%v", err)
		}
	}
}
