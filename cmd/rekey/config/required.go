package config

import (
	"slices"
	"strings"
	"unicode"

	"rekey/accounts"
	"rekey/legacy/hash"
)

// Required says what people have to do before they are wholly in. The zero value asks nothing.
type Required struct {
	ChangePassword  List   `yaml:"change_password"`  // schemes of old hashes whose people get a new password
	VerifyEmail     bool   `yaml:"verify_email"`     // an address that was shown to be theirs
	CompleteProfile List   `yaml:"complete_profile"` // fields that may not be empty
	AcceptTerms     string `yaml:"accept_terms"`     // version of the terms
}

// Actions returns them as package accounts takes them.
func (r Required) Actions() accounts.RequiredActions {
	return accounts.RequiredActions{Schemes: r.ChangePassword, Email: r.VerifyEmail, Fields: r.CompleteProfile, Terms: r.AcceptTerms}
}

// maxTerms bounds the version of the terms, in bytes: a date, or a number.
const maxTerms = 64

// printableScheme leaves out the text of a recipe, which may hold a pepper.
func printableScheme(name string) string {
	name, _, recipe := strings.Cut(name, "(")
	if recipe {
		return name + "(…"
	}
	return name
}

// checkRequired looks at what is asked of people.
func (l *loader) checkRequired(registry *hash.Registry) {
	r := l.config.Required
	schemes := []string{accounts.SchemeRecipe}
	for _, scheme := range registry.Schemes() {
		schemes = append(schemes, scheme.Name) // not its aliases: what is compared is what a hash was recognised as
	}
	for _, scheme := range r.ChangePassword {
		if !slices.Contains(schemes, scheme) {
			l.problem("required_actions.change_password",
				"unknown scheme %q: want recipe, for all of them, or a name that `rekey hash identify --list` prints", printableScheme(scheme))
		}
	}
	if r.VerifyEmail && !l.config.Mail.On() {
		l.problem("required_actions.verify_email", "needs mail: without a letter nobody could do it, and so nobody would be wholly in")
	}
	for _, field := range r.CompleteProfile {
		if known := accounts.ProfileFields(); !slices.Contains(known, field) {
			l.problem("required_actions.complete_profile", "unknown field %q%s", field, didYouMean(field, known))
		}
	}
	unfit := func(r rune) bool { return !unicode.IsPrint(r) }
	if len(r.AcceptTerms) > maxTerms || strings.ContainsFunc(r.AcceptTerms, unfit) {
		l.problem("required_actions.accept_terms", "want at most 64 characters that can be shown, such as 2026-11")
	}
}
