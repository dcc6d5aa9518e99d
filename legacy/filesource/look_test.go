package filesource

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rekey/legacy"
)

// many is a text with a number of lines of JSON made by line, whose number is the first argument.
func many(n int, line string) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, line+"\n", i)
	}
	return text.String()
}

func TestLook(t *testing.T) {
	t.Parallel()
	const good = `{"id":"%d","mail":"secret@x","hash":"secret"}`
	const first = "none of its first 1000 records "
	tests := map[string]struct {
		format, text string
		want         []Doubt
	}{
		"good":           {"csv", "id,mail,hash\n1,secret@x,secret\n", nil},
		"empty":          {"jsonl", "", nil},
		"columns":        {"csv", "id,email,pass\n1,secret@x,secret\n", []Doubt{{"email", "it has no column mail", true}, {"password", "it has no column hash", true}}},
		"no identifier":  {"okta", "id,profile.firstName\n1,secret\n", []Doubt{{"", "it has no column profile.email or email or profile.mobilePhone or mobilePhone or profile.login or login", true}}},
		"path":           {"jsonl", many(3, `{"id":"%d","mail":"secret@x","pass":"secret"}`), []Doubt{{"password", "none of its records has hash", true}}},
		"path so far":    {"jsonl", many(1500, `{"id":"%d","mail":"secret@x"}`) + many(1, good), []Doubt{{"password", first + "has hash", false}}},
		"late mistakes":  {"jsonl", many(1000, good) + many(1000, `{"ID":"%d"}`), nil},
		"keys":           {"jsonl", many(1500, `{"id":{"a":"secret%d"},"mail":"secret@x","hash":"secret"}`), []Doubt{{"", first + "can be read; of the first, id: the key is no text or whole number (line 1)", false}}},
		"another format": {"jsonl", "secret,secret\n1,2\n", []Doubt{{"", "none of its records can be read; of the first, record: not valid JSON at byte 1: a value is missing (line 1)", false}}},
		"names":          {"csv", "id,mail,hash\n1,,secret\n", []Doubt{{"email", "none of its records has mail", true}}},
		"nobody's name":  {"auth0", `{"user_id":"secret"}`, []Doubt{{"", "none of its records has a username, an e-mail address or a phone number, so nobody in it could log in", false}}},
		"no hashes":      {"auth0", many(1500, `{"user_id":"%d","email":"secret@x"}`), []Doubt{{"", first + "has a password hash, so nobody in it could log in", false}}},
		"never hashes":   {"cognito", "cognito:username,email\n1,secret@x\n", nil},
		"UTF-16":         {"csv", "\xff\xfei\x00d\x00", []Doubt{{"", "it is UTF-16; convert it to UTF-8", true}}},
		"packed":         {"jsonl", asGzip(t, many(1500, `{"id":"%d","mail":"secret@x"}`)), []Doubt{{"password", first + "has hash", false}}},
		// The tail of a record that the look cuts is no torn record.
		"large": {"jsonl", many(9, `{"id":"%d","mail":"secret@x","hash":"secret","more":"`+strings.Repeat("x", lookBytes/8)+`"}`), nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := Config{Format: tt.format, Path: write(t, "export", tt.text)}
			if tt.format == "csv" || tt.format == "jsonl" {
				c.Columns = few()
			}
			s := source(t, c)
			doubts, err := s.Look(t.Context())
			if diff := cmp.Diff(tt.want, doubts); err != nil || diff != "" {
				t.Errorf("%v (-want +got)\n%s", err, diff)
			}
			if strings.Contains(fmt.Sprint(doubts), "secret") {
				t.Error("a value of a record is told")
			}
			if left := leftovers(t, s); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			// What is certain is what Index says too.
			if err := s.Check(t.Context()); len(doubts) > 0 && doubts[0].Certain && !errors.Is(err, legacy.ErrMapping) {
				t.Errorf("Check: %v", err)
			}
		})
	}
}

func TestLookCannotRead(t *testing.T) {
	t.Parallel()
	s := source(t, Config{Format: "csv", Path: t.TempDir() + "/nowhere", Columns: few()})
	if doubts, err := s.Look(t.Context()); err == nil || len(doubts) > 0 || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("%v, %v", doubts, err)
	}
}

// A look costs no more for a larger export.
func TestLookIsBounded(t *testing.T) {
	t.Parallel()
	text := many(lookRecords, `{"id":"%d","mail":"a@x","hash":"h"}`) + strings.Repeat("\x00", 64)
	s := source(t, Config{Format: "jsonl", Path: write(t, "export", text), Columns: few()})
	l := look{config: s.config, format: s.format}
	if err := l.read(t.Context()); err != nil || l.records != lookRecords || l.whole || l.first != nil {
		t.Errorf("%d records, whole %v, %v", l.records, l.whole, err)
	}
	endless := bytes.Repeat([]byte(" "), 2*lookBytes)
	l = look{config: s.config, format: s.format}
	rewrite(t, s.config.Path, string(endless))
	if err := l.read(t.Context()); err != nil || l.whole {
		t.Errorf("whole %v, %v", l.whole, err)
	}
}
