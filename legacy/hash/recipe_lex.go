package hash

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// tokenKind is a kind of token of a recipe.
type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenName
	tokenVariable
	tokenNumber
	tokenLiteral
	tokenSign // one of ( ) , .
	tokenBad
)

// A token is a piece of a recipe's text.
type token struct {
	kind tokenKind
	text string // without the quotes of a literal and the "$" of a variable; for tokenBad: what is wrong
	at   int    // its first byte
}

func (t token) String() string {
	switch t.kind {
	case tokenEnd:
		return "the end"
	case tokenVariable:
		return `"$` + t.text + `"`
	case tokenLiteral:
		return "a literal" // which may be a pepper
	case tokenBad:
		return t.text
	case tokenName, tokenNumber, tokenSign:
	}
	return `"` + t.text + `"`
}

const (
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
	digits  = "0123456789"
)

// scanToken reads the token that begins at or behind the byte at.
func scanToken(text string, at int) (t token, end int) {
	for at < len(text) && (text[at] == ' ' || text[at] == '\t') {
		at++
	}
	rest := text[at:]
	if rest == "" {
		return token{tokenEnd, "", at}, at
	}
	span := func(from int, alphabet string) string {
		return rest[from : len(rest)-len(strings.TrimLeft(rest[from:], alphabet))]
	}
	switch c := rest[0]; {
	case strings.IndexByte(letters, c) >= 0:
		name := span(0, letters+digits)
		return token{tokenName, name, at}, at + len(name)
	case strings.IndexByte(digits, c) >= 0:
		number := span(0, digits)
		return token{tokenNumber, number, at}, at + len(number)
	case c == '$':
		name := span(1, letters+digits)
		return token{tokenVariable, name, at}, at + 1 + len(name)
	case c == '"' || c == '\'':
		if end := strings.IndexByte(rest[1:], c); end >= 0 {
			return token{tokenLiteral, rest[1 : 1+end], at}, at + end + 2
		}
		return token{tokenBad, "a literal without its closing quote", at}, len(text)
	case strings.IndexByte("(),.", c) >= 0:
		return token{tokenSign, rest[:1], at}, at + 1
	default:
		r, size := utf8.DecodeRuneInString(rest)
		return token{tokenBad, fmt.Sprintf("%q", r), at}, at + size
	}
}
