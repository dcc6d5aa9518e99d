package accounts

import (
	"context"

	"rekey/accounts/password"
	"rekey/accounts/policy"
	"rekey/legacy"
)

// checkNew returns a *PolicyError for a password that nobody should have. It is never asked at a login. Where the breached
// passwords cannot be asked, the person is not kept waiting for them: that is logged, and counted.
func (s *Service) checkNew(ctx context.Context, about policy.About, pw password.Secret) error {
	reason, err := s.policy.Check(ctx, pw.Reveal(), about)
	switch {
	case reason != "":
		return &PolicyError{Field: "new_password", Reason: reason}
	case err != nil:
		s.stats.Unscreened.Add(1)
		s.log.WarnContext(ctx, "a new password was not compared with breached ones", "error", err)
	}
	return nil
}

// checkNewOf is checkNew for somebody who is here.
func (s *Service) checkNewOf(ctx context.Context, rec Record, pw password.Secret) error {
	profile, err := s.store.Profile(ctx, rec.ID)
	if err != nil {
		return cannotTell("read profile", err)
	}
	about := policy.About{Names: []string{profile.DisplayName}, HasFactor: rec.SecondFactor}
	for _, id := range rec.Identifiers {
		about.Names = append(about.Names, id.Spelling)
	}
	return s.checkNew(ctx, about, pw)
}

// aboutThere is whom a new password is for that legacy answers for.
func aboutThere(user legacy.User) policy.About {
	return policy.About{Names: append(user.Identifiers(), user.Profile.DisplayName), HasFactor: len(user.Profile.TOTP) > 0}
}
