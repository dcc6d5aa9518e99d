package mail

import (
	"embed"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"slices"
	"strings"

	"rekey/accounts"
)

// Each letter is two files, NAME.txt and NAME.html. The first line of the text is "Subject: …", with an empty line behind it.
// What stands between {{ and }} is the name of a value.

//go:embed letters
var builtIn embed.FS

// A form is what is known of a letter before anybody writes one.
type form struct {
	kind   accounts.LetterKind
	values []string // that its text may name
	needs  string   // the one that it must name, or it would be of no use; "" if there is none
}

var forms = []form{
	{accounts.LetterReset, []string{"link", "minutes", "name", "product"}, "link"},
	{accounts.LetterContested, []string{"name", "product"}, ""},
	{accounts.LetterVerify, []string{"link", "minutes", "name", "product"}, "link"},
	{accounts.LetterEmailChanged, []string{"name", "product"}, ""},
}

// maxTemplate is the longest text of a letter, in bytes.
const maxTemplate = 64 << 10

// A piece of a text is words, or else the name of a value.
type piece struct{ words, value string }

// A letter is a form with its texts.
type letter struct{ subject, text, html []piece }

// readLetters reads all letters: those that are in folder, and the built-in ones for the others. folder may be nil. Its error
// names each file and line that is wrong.
func readLetters(folder fs.FS) (map[accounts.LetterKind]letter, error) {
	own, err := fs.Sub(builtIn, "letters")
	if err != nil {
		return nil, fmt.Errorf("built-in letters: %w", err)
	}
	errs := unknownFiles(folder)
	letters := make(map[accounts.LetterKind]letter, len(forms))
	for _, f := range forms {
		text, textErr := readTemplate(folder, own, string(f.kind)+".txt")
		page, pageErr := readTemplate(folder, own, string(f.kind)+".html")
		if textErr != nil || pageErr != nil {
			errs = append(errs, textErr, pageErr)
			continue
		}
		var l letter
		subject, body, err := cutSubject(text)
		errs = append(errs, err)
		for _, part := range []struct {
			file  string
			line  int // of the file, where it begins
			text  string
			needs string
			into  *[]piece
		}{
			{string(f.kind) + ".txt", 1, subject, "", &l.subject},
			{string(f.kind) + ".txt", 3, body, f.needs, &l.text},
			{string(f.kind) + ".html", 1, page, f.needs, &l.html},
		} {
			pieces, err := parse(part.file, part.line, part.text, f.values)
			names := func(p piece) bool { return p.value == part.needs }
			if err == nil && part.needs != "" && !slices.ContainsFunc(pieces, names) {
				err = fmt.Errorf("%s: must have {{%s}}", part.file, part.needs)
			}
			*part.into = pieces
			errs = append(errs, err)
		}
		letters[f.kind] = l
	}
	return letters, errors.Join(errs...)
}

// unknownFiles finds letters that nobody would ever get, because their name is misspelt.
func unknownFiles(folder fs.FS) (errs []error) {
	if folder == nil {
		return nil
	}
	files, err := fs.ReadDir(folder, ".")
	if err != nil {
		return []error{fmt.Errorf("the folder cannot be read: %w", err)}
	}
	for _, file := range files {
		base, isText := strings.CutSuffix(file.Name(), ".txt")
		if !isText {
			var isPage bool
			if base, isPage = strings.CutSuffix(file.Name(), ".html"); !isPage {
				continue
			}
		}
		if !slices.ContainsFunc(forms, func(f form) bool { return string(f.kind) == base }) {
			errs = append(errs, fmt.Errorf("%s: there is no such letter", file.Name()))
		}
	}
	return errs
}

func readTemplate(folder, own fs.FS, name string) (string, error) {
	text, err := []byte(nil), fs.ErrNotExist
	if folder != nil {
		text, err = fs.ReadFile(folder, name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		text, err = fs.ReadFile(own, name)
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: cannot be read: %w", name, err)
	case len(text) > maxTemplate:
		return "", fmt.Errorf("%s: is longer than %d bytes", name, maxTemplate)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n"), nil
}

// cutSubject returns what stands behind "Subject:" in the first line, and what follows the empty line after it.
func cutSubject(text string) (subject, body string, err error) {
	head, body, _ := strings.Cut(text, "\n\n")
	subject, ok := strings.CutPrefix(head, "Subject: ")
	if !ok || strings.Contains(subject, "\n") || strings.TrimSpace(subject) == "" {
		return "", "", errors.New("the text must begin with a line \"Subject: …\" and an empty line")
	}
	return subject, body, nil
}

// parse cuts a text into pieces. Its error names the file and the line.
func parse(file string, line int, text string, values []string) ([]piece, error) {
	var pieces []piece
	for {
		words, rest, opened := strings.Cut(text, "{{")
		if words != "" {
			pieces = append(pieces, piece{words: words})
		}
		if !opened {
			return pieces, nil
		}
		line += strings.Count(words, "\n")
		name, rest, closed := strings.Cut(rest, "}}")
		name = strings.TrimSpace(name)
		switch {
		case !closed:
			return nil, fmt.Errorf("%s:%d: {{ without }}", file, line)
		case !slices.Contains(values, name):
			return nil, fmt.Errorf("%s:%d: unknown value %.40q; there are %s", file, line, name, strings.Join(values, ", "))
		}
		pieces = append(pieces, piece{value: name})
		text = rest
	}
}

// fill puts values into a text, each through escape.
func fill(pieces []piece, values map[string]string, escape func(string) string) string {
	var b strings.Builder
	for _, p := range pieces {
		b.WriteString(p.words)
		if p.value != "" {
			b.WriteString(escape(values[p.value]))
		}
	}
	return b.String()
}

// asHTML makes a value harmless in text and in an attribute between quotes.
func asHTML(value string) string { return html.EscapeString(value) }

func asIs(value string) string { return value }
