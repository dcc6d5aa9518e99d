package survey

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestShape(t *testing.T) {
	t.Parallel()
	for stored, want := range map[string][2]string{
		"5f4dcc3b5aa765d61d8327deb882cf99":         {"", "32 hex digits"},
		"5f4dcc3b5aa765d61d8327deb882cf99:abc":     {"", "32 hex digits : text"},
		"$new$salt$5f4dcc3b5aa765d61d8327deb882cf": {"$new$", "text $ 30 hex digits"},
		"{X-HASH}QUJDREVGR0hJSktMTU5PUFFSU1RVVg==": {"{X-HASH}", "32 base64 characters"},
		"hunter2":                      {"", "text"},
		"12345678":                     {"", "text"},
		"correct horse battery staple": {"", "text"},
		"correct-horse-battery-staple": {"", "text"}, // a sentence is no base64
		"":                             {"", ""},
		"$":                            {"", "$"},
		"{":                            {"", "text"}, "{}": {"", "text"}, "$a b$c": {"", "$ text $ text"},
		"a\xff": {"", "bytes"},
	} {
		marker, shape := shapeOf(stored)
		if got := [2]string{marker, shape}; got != want {
			t.Errorf("%q: %q, want %q", stored, got, want)
		}
	}
}

// TestRareMarkIsNotShown: what looks like a scheme's mark may be how one person's password begins.
func TestRareMarkIsNotShown(t *testing.T) {
	t.Parallel()
	rare := Foreign{Marker: "$hunter2$", Count: rareMarker - 1}
	if got := rare.shown().Marker; got != "$…$" {
		t.Errorf("%q", got)
	}
	rare.Count = rareMarker
	if got := rare.shown().Marker; got != "$hunter2$" {
		t.Errorf("%q", got)
	}
}

func TestMaskIdentifier(t *testing.T) {
	t.Parallel()
	for canonical, want := range map[string]string{
		"anna": "a…", "anna@example.org": "a…@e….org", "änna@köln": "ä…@k…", "a": "a…", "+49301234": "+…",
	} {
		if got := maskIdentifier(canonical); got != want {
			t.Errorf("%q: %q, want %q", canonical, got, want)
		}
	}
}

// FuzzShape: no shape tells four characters in a row of the value that it describes, its mark apart.
func FuzzShape(f *testing.F) {
	for _, seed := range []string{"hunter2", "$new$hunter2", "{X}hunter2:hunter2", "a$b$c$d$e$f$g$hunter2", "text", "5f4dcc3b5aa765d61d8327deb882cf99"} {
		f.Add(seed)
	}
	words := []string{"text", "bytes", "hex", "digits", "base64", "characters"}
	f.Fuzz(func(t *testing.T, stored string) {
		marker, shape := shapeOf(stored)
		if len(marker) > maxMarker || !strings.HasPrefix(stored, marker) || !utf8.ValidString(shape) {
			t.Errorf("%q: mark %q, shape %q", stored, marker, shape)
		}
		for word := range strings.FieldsSeq(shape) {
			if strings.Trim(word, "0123456789:$") != "" && !slices.Contains(words, word) {
				t.Errorf("%q: shape %q says %q", stored, shape, word)
			}
		}
	})
}
