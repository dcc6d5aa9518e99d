package gateway

import (
	"testing"
	"unicode/utf8"
)

func FuzzParseFields(f *testing.F) {
	for _, seed := range []string{
		`{"identifier":"a","password":"b"}`, `{"identifier":"a","password":"\ud800"}`, `{"a":{}}`, `[[[[`, `{"password":"\ufffd","identifier":"x"} x`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var identifier, pw string
		err := parseFields(body, []field{{name: "identifier", value: &identifier}, {name: "password", value: &pw}})
		if err == nil && (!utf8.ValidString(identifier) || !utf8.ValidString(pw)) {
			t.Error("what is not Unicode was let through")
		}
	})
}

func TestHeaderText(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"anna": "anna", "a b": "a%20b", "änna": "%C3%A4nna", "50%": "50%25", "a\r\nb": "a%0D%0Ab", "": ""} {
		if got := headerText(name); got != want {
			t.Errorf("%q became %q, want %q", name, got, want)
		}
	}
}
