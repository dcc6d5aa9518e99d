package policy

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Words that others know of somebody: what they log in with, how they are called, where they are.

const (
	minWord  = 4  // characters: shorter ones are in every second sentence
	maxWords = 64 // of one person; who has more has chosen them
)

// lower is a text in one spelling of its case and its characters. Passwords are verified as they were typed: this is only
// for looking at one.
func lower(text string) string { return cases.Fold().String(norm.NFKC.String(text)) }

// substitutions are characters that people write in place of others. "l" is there since "1" stands for it as for "i".
var substitutions = strings.NewReplacer(
	"0", "o", "1", "i", "l", "i", "!", "i", "|", "i", "3", "e", "4", "a", "@", "a", "5", "s", "$", "s", "7", "t",
)

// fold is a text that lower has returned without the usual substitutions.
func fold(plain string) string { return substitutions.Replace(plain) }

// wordsOf returns the folded words of names, longest first, so that a word goes before what it contains.
func wordsOf(names []string) []string {
	var words []string
	for _, name := range names {
		words = appendWords(words, name)
	}
	slices.SortFunc(words, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	words = slices.Compact(words)
	return words[:min(len(words), maxWords)]
}

// appendWords appends the words of a name: the whole and its parts, but not the last part of an e-mail address, which is half
// the world's.
func appendWords(words []string, name string) []string {
	add := func(text string) {
		if folded := fold(text); utf8.RuneCountInString(folded) >= minWord {
			words = append(words, folded)
		}
	}
	plain := lower(strings.TrimSpace(name))
	local, domain, isAddress := strings.Cut(plain, "@")
	add(plain)
	if isAddress {
		add(local)
		end := max(0, strings.LastIndexByte(domain, '.'))
		add(domain[:end])
		local += "." + domain[:end]
	}
	for part := range strings.FieldsFuncSeq(local, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) }) {
		add(part)
	}
	return words
}

// without takes words out of a text that lower has returned, substituted or not, and reports whether there were any.
func without(plain string, words []string) (rest string, found bool) {
	for _, word := range words {
		for {
			at := strings.Index(fold(plain), word) // a substitution is as long as what it stands for
			if at < 0 {
				break
			}
			plain, found = plain[:at]+plain[at+len(word):], true
		}
	}
	return plain, found
}
