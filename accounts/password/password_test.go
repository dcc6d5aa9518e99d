package password_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"rekey/accounts/password"
)

const typed = "correct horse battery staple"

// Shapes in which code might print a secret without meaning to. The unexported field matters: package fmt calls no
// methods there.
type request struct {
	Name     string
	Password password.Secret
	Pointer  *password.Secret
	hidden   password.Secret
}

func TestSecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	s := password.NewSecret([]byte(typed))
	r := request{"ann", s, &s, s}
	wrapped, err := password.NewWrapKeys("k", map[string][]byte{"k": []byte(typed + typed)})
	if err != nil {
		t.Fatal(err)
	}

	var out bytes.Buffer
	values := []any{s, &s, r, &r, []password.Secret{s}, map[string]password.Secret{"p": s}, []request{r}, wrapped, &wrapped}
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c", "%U", "%t", "%e", "%10.3s", "%b"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		fmt.Fprintln(&out, v)
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
		for _, h := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
			slog.New(h).Info("login", "value", v, slog.Group("g", "value", v))
		}
	}
	b, err := xml.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b)

	for _, leak := range []string{
		typed, "horse",
		fmt.Sprintf("%x", "horse"), fmt.Sprintf("%X", "horse"),
		strings.Trim(fmt.Sprint([]byte("horse")), "[]"),
		strings.Trim(fmt.Sprintf("%#v", []byte("horse")), "[]byte{}"),
	} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("printed as %q", leak)
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, s); got != "[secret]" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
	if got := string(s.Reveal()); got != typed {
		t.Error("Reveal does not return the bytes")
	}
}

func TestSecretCheck(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, password string
		want           error
	}{
		{"one byte", "x", nil},
		{"longest", strings.Repeat("x", 1024), nil},
		{"spaces and control", " \t\x01 ", nil},
		{"not ASCII", "pässwörd 密码", nil},
		{"empty", "", password.ErrEmpty},
		{"one too long", strings.Repeat("x", 1025), password.ErrTooLong},
		{"NUL first", "\x00abc", password.ErrNUL},
		{"NUL last", "abc\x00", password.ErrNUL},
		{"not UTF-8", "abc\xff", password.ErrNotUTF8},
		{"surrogate in UTF-8", "\xed\xa0\x80", password.ErrNotUTF8},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := password.NewSecret([]byte(test.password)).Check()
			if err != test.want { //nolint:errorlint // the very sentinel: a wrapped text could carry the password
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
	if err := (password.Secret{}).Check(); err != password.ErrEmpty { //nolint:errorlint // as above
		t.Errorf("zero value: %v", err)
	}
}

func TestSecretLen(t *testing.T) {
	t.Parallel()
	s := password.NewSecret([]byte("密码x"))
	if s.Len() != 7 {
		t.Errorf("got %d bytes", s.Len())
	}
}

func TestFold(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		fold     password.Fold
		in, want string
	}{
		{password.FoldNone, " A\x80é ", " A\x80é "},
		{password.FoldTrim, "\x00\v\t \r\na b\n ", "a b"},
		{password.FoldTrim, "\u00a0a\f", "\u00a0a\f"}, // neither is cut by PHP's trim
		{password.FoldTrim, "  ", ""},
		{password.FoldLower, "AZ@[az`{Éé", "az@[az`{Éé"},
		{password.FoldUpper, "AZ@[az`{Éé", "AZ@[AZ`{Éé"},
		{password.FoldNFC, "e\u0301\ufb01", "é\ufb01"},
		{password.FoldNFKC, "e\u0301\ufb01", "éfi"},
		{password.Fold7Bit, "p\xe4ss\x80", "pdss\x00"},
	} {
		in := []byte(test.in)
		got, err := test.fold.Apply(in)
		if err != nil || string(got) != test.want {
			t.Errorf("%q of %q: got %q, %v; want %q", test.fold, test.in, got, err, test.want)
		}
		if string(in) != test.in {
			t.Errorf("%q changed its argument", test.fold)
		}
		again, _ := test.fold.Apply(got)
		if !bytes.Equal(again, got) {
			t.Errorf("%q is not idempotent on %q", test.fold, test.in)
		}
	}
}
