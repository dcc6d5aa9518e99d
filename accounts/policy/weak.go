package policy

import (
	_ "embed" // the list
	"strings"
	"unicode"
	"unicode/utf8"
)

// common are passwords that many people use, folded, one a line, in the order of their bytes. See common.md for where they
// come from. It is read where it lies in the program, so that it takes no memory of its own.
//
//go:embed common.txt
var common string

// isCommon reports whether a folded text is on the list.
func isCommon(folded string) bool {
	low, high := 0, len(common)
	for low < high {
		start := low + strings.LastIndexByte(common[low:low+(high-low)/2], '\n') + 1
		length := strings.IndexByte(common[start:], '\n') // every line has an end
		switch strings.Compare(common[start:start+length], folded) {
		case 0:
			return true
		case -1:
			low = start + length + 1
		default:
			high = start
		}
	}
	return false
}

// holds reports whether what is left of a password, without what can be guessed of it, would hold alone.
func holds(rest string) bool {
	return utf8.RuneCountInString(rest) >= leastLength && weakAlone(rest) == ""
}

// weak returns why a text that lower has returned is weak: it is so as it is, or without the digits and signs at its ends.
func weak(plain string) string {
	if reason := weakAlone(plain); reason != "" {
		return reason
	}
	isOther := func(r rune) bool { return !unicode.IsLetter(r) }
	// A sign may stand for the first or last letter, or be one too many.
	for _, core := range []string{strings.TrimFunc(plain, isOther), strings.TrimLeftFunc(plain, isOther), strings.TrimRightFunc(plain, isOther)} {
		if utf8.RuneCountInString(core) >= minWord && isCommon(fold(core)) && !holds(strings.Replace(plain, core, "", 1)) {
			return ReasonCommon
		}
	}
	return ""
}

func weakAlone(plain string) string {
	unit := period(plain)
	switch {
	case len(unit) < len(plain) && !holds(unit):
		return ReasonRepeats
	case isRuns(plain):
		return ReasonSequence
	case isCommon(fold(plain)):
		return ReasonCommon
	}
	return ""
}

// period returns what a text is the repetition of, the last time maybe not to its end; the text itself if it is none.
func period(text string) string {
	runes := []rune(text)
	border := make([]int, len(runes)) // of each beginning: the longest end of it that it begins with (Knuth, Morris, Pratt)
	for i := 1; i < len(runes); i++ {
		k := border[i-1]
		for k > 0 && runes[i] != runes[k] {
			k = border[k-1]
		}
		if runes[i] == runes[k] {
			k++
		}
		border[i] = k
	}
	if n := len(runes); n > 0 && 2*(n-border[n-1]) <= n {
		return string(runes[:n-border[n-1]])
	}
	return text
}

// rows are what fingers and tongues know by heart: the alphabet, the digits, and keyboards along and across.
var rows = func() []string {
	var all []string
	for _, row := range []string{
		"abcdefghijklmnopqrstuvwxyz", "0123456789", "1234567890",
		"qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm", "azertyuiopqsdfghjklmwxcvbn",
		"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "1q2w3e4r5t6y7u8i9o0p",
	} {
		back := []byte(row)
		for i, j := 0, len(back)-1; i < j; i, j = i+1, j-1 {
			back[i], back[j] = back[j], back[i]
		}
		all = append(all, row+row, string(back)+string(back)) // they go on from the beginning
	}
	return all
}()

// runLength is how long the runs of a text may be on average. English words have runs of two.
const runLength = 4

// isRuns reports whether a text is made of runs along rows.
func isRuns(plain string) bool {
	runs := 0
	for rest := plain; rest != ""; runs++ {
		longest := 1
		for _, row := range rows {
			for longest < len(rest) && longest < len(row) && strings.Contains(row, rest[:longest+1]) {
				longest++
			}
		}
		rest = rest[longest:]
	}
	return runs*runLength <= len(plain)
}
