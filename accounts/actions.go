package accounts

import (
	"context"
	"slices"

	"rekey/accounts/phase"
	"rekey/legacy"
)

// An Action is something that a person has to do before they are wholly in.
type Action string

// What may be asked for.
const (
	ActionChangePassword  Action = "change-password"
	ActionVerifyEmail     Action = "verify-email"
	ActionCompleteProfile Action = "complete-profile"
	ActionAcceptTerms     Action = "accept-terms"
)

// RequiredActions say what is asked of people. The zero value asks nothing. Who owes a new password, or something of their
// profile, is noted when they are moved; new terms and a verified address are asked of everybody. Nothing is asked before the new store answers for
// all who were moved (new-first), nor of somebody for whom legacy still does: it may not be the place where such a thing is done.
type RequiredActions struct {
	Schemes []string // of legacy hashes, as the audit names them, whose passwords are to be replaced
	Email   bool     // an e-mail address that was shown to be theirs; without a Mailer it is asked of nobody
	Fields  []string // of the profile that may not be empty: display_name, locale
	Terms   string   // version of the terms that are to be accepted; "" none
}

// The fields that can be asked for.
const (
	fieldDisplayName = "display_name"
	fieldLocale      = "locale"
)

// ProfileFields are those that RequiredActions can ask for.
func ProfileFields() []string { return []string{fieldDisplayName, fieldLocale} }

// debts are what an account says of what its owner owes.
type debts struct {
	here        bool // there is an account
	needsChange bool
	unverified  bool // no e-mail address of theirs was shown to be theirs; they may have none
	incomplete  bool
	terms       string // accepted last
}

func debtsOf(a Account) debts {
	verified := func(id Identifier) bool { return id.Kind == Email && id.Verified }
	return debts{true, a.NeedsChange, !slices.ContainsFunc(a.Identifiers, verified), a.Incomplete, a.Terms}
}

// owe notes on somebody who is being moved, or copied again, what they will owe.
func (s *Service) owe(rec *Record, p proof, profile legacy.Profile) {
	rec.NeedsChange = p.hash != nil && slices.Contains(s.required.Schemes, schemeName(p.hash))
	rec.Incomplete = !s.complete(profileFrom(profile))
}

// complete reports whether a profile has all that is asked for.
func (s *Service) complete(p Profile) bool {
	has := map[string]bool{fieldDisplayName: p.DisplayName != "", fieldLocale: p.Locale != ""}
	return !slices.ContainsFunc(s.required.Fields, func(field string) bool { return !has[field] })
}

// owing says of a person what they have to do, in a phase. Of somebody who owes something the account is read once more, as it
// is now: while legacy answers for it (its copy cannot be made equal, or a change is in doubt) nothing of it could be done.
func (s *Service) owing(ctx context.Context, p Person, at phase.State) Person {
	p.Required = s.owed(p.debts, at)
	if p.Required == nil {
		return p
	}
	rec, err := s.store.ByID(ctx, p.ID)
	switch {
	case err != nil: // which is no reason to ask for less
		s.log.WarnContext(ctx, "account not read again; its person owes what they owed before", "account", p.ID, "error", err)
	case (Attempt{at: at}).row(rec).Answers != phase.New:
		p.Required = nil
	default:
		p.Required = s.owed(debtsOf(rec.Account), at)
	}
	return p
}

// owed lists them in the order in which they are best done: a new password ends the link of a letter. Who has no address owes
// one, as what a profile lacks is to be given: the same request takes another, so it locks nobody out who has a mailbox.
func (s *Service) owed(d debts, at phase.State) (required []Action) {
	if !d.here || at.Phase < phase.NewFirst {
		return nil
	}
	for _, owed := range []struct {
		is     bool
		action Action
	}{
		{d.needsChange, ActionChangePassword},
		{d.unverified && s.required.Email && s.mailer != nil, ActionVerifyEmail},
		{d.incomplete && len(s.required.Fields) > 0, ActionCompleteProfile},
		{s.required.Terms != "" && d.terms != s.required.Terms, ActionAcceptTerms},
	} {
		if owed.is {
			required = append(required, owed.action)
		}
	}
	return required
}

// owingNow is owing for a flow that does not hold its phase.
func (s *Service) owingNow(ctx context.Context, p Person) Person {
	if s.lease == nil {
		return s.owing(ctx, p, alwaysNewFirst)
	}
	return s.owing(ctx, p, s.lease.State())
}
