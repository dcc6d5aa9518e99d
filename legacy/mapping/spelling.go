package mapping

import (
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"rekey/legacy"
)

// A store compares what it is asked with what it holds, and what it holds may be dirty: "anna " is not "anna" for most
// databases. So the source is asked for each spelling in the shapes of which cleaning makes that spelling and which
// people really have: in both Unicode forms, and with one blank behind or before.
//
// Every other repair (a tab, a line feed, two blanks, a zero width space) is possible only for somebody whom List meets,
// because nobody can guess what to ask. Those people are counted as Unreachable: they cannot log in by that identifier
// before they have been moved.

// ask returns the spellings to ask the source for.
func (s Sanitise) ask(spellings []string) []string {
	if s.AskAsTyped {
		return spellings
	}
	all := make([]string, 0, 3*len(spellings))
	for _, spelling := range spellings {
		all = append(all, s.shapes(spelling)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// shapes returns what the store may hold where a spelling is meant.
func (s Sanitise) shapes(spelling string) []string {
	shapes := []string{spelling}
	if s.AskAsTyped || spelling == "" || len(spelling) > maxIdentifier || !utf8.ValidString(spelling) {
		return shapes
	}
	if !s.KeepForm && !ascii(spelling) {
		shapes = append(shapes, norm.NFC.String(spelling), norm.NFD.String(spelling))
	}
	if !s.KeepSpaces {
		for _, shape := range shapes {
			shapes = append(shapes, shape+" ", " "+shape)
		}
	}
	return shapes
}

// reaches reports whether the store finds a person by an identifier as it is after cleaning and mapping. Case is left to
// the store and to whoever asks it in several.
func (s Sanitise) reaches(identifier string, stored legacy.User) bool {
	is := func(shape string) bool {
		return strings.EqualFold(shape, stored.Username) || strings.EqualFold(shape, stored.Email) || strings.EqualFold(shape, stored.Phone)
	}
	return is(identifier) || slices.ContainsFunc(s.shapes(identifier), is)
}

func ascii(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
