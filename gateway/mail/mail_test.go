package mail

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"rekey/accounts"
	"rekey/accounts/password"
)

func TestParseServer(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]Server{
		"smtp://mail.example.org":                      {Host: "mail.example.org", Port: 587},
		"smtp://rekey:pw@mail.example.org:2525":        {Host: "mail.example.org", Port: 2525, User: "rekey", Password: "pw"},
		"smtps://rekey%40example.org@mail.example.org": {Host: "mail.example.org", Port: 465, TLS: Implicit, User: "rekey@example.org"},
		"smtp://127.0.0.1?tls=off":                     {Host: "127.0.0.1", Port: 25, TLS: Plain},
	} {
		if got, err := ParseServer(address); err != nil || got != want {
			t.Errorf("%s: %+v, %v", address, got, err)
		}
	}
	for _, address := range []string{
		"", "mail.example.org:25", "http://mail.example.org", "smtp://", "smtp://mail.example.org/inbox", "smtp://mail.example.org:0",
		"smtp://mail.example.org?tls=on", "smtps://mail.example.org?tls=off", "smtp://mail.example.org?a=b", "smtp://rekey:pw@127.0.0.1?tls=off",
		"smtp://rekey:p%zz@mail.example.org",
	} {
		if _, err := ParseServer(address); err == nil || strings.Contains(err.Error(), "pw") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func sender(t *testing.T, change func(*Config)) *Sender {
	t.Helper()
	c := Config{Server: Server{Host: "127.0.0.1", Port: 1}, From: "Example <login@example.org>", Product: "Tom & Jerry", ResetURL: "https://login.example.org/reset?lang=en", EmailURL: "https://login.example.org/email"}
	if change != nil {
		change(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func resetLetter() accounts.Letter {
	return accounts.Letter{Kind: accounts.LetterReset, To: "anna@example.org", Name: "Anna", Token: password.NewSecret([]byte("the-token")), Life: 10 * time.Minute}
}

// read takes a message apart as a mail program does: its header, and the decoded parts by their type.
func read(t *testing.T, s *Sender, l accounts.Letter) (netmail.Header, map[string]string) {
	t.Helper()
	msg, err := s.message(l)
	if err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if _, err := msg.WriteTo(&raw); err != nil {
		t.Fatal(err)
	}
	m, err := netmail.ReadMessage(&raw)
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return m.Header, parts
		}
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := strings.Cut(p.Header.Get("Content-Type"), ";")
		body, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		parts[kind] = strings.ReplaceAll(string(body), "\r\n", "\n")
	}
}

func TestResetLetter(t *testing.T) {
	t.Parallel()
	header, parts := read(t, sender(t, nil), resetLetter())
	for name, want := range map[string]string{
		"From": `"Example" <login@example.org>`, "To": "<anna@example.org>", "Subject": "Set a new password for Tom & Jerry", "Auto-Submitted": "auto-generated",
		"User-Agent": "", "X-Mailer": "",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if id := header.Get("Message-Id"); !strings.HasSuffix(id, "@example.org>") {
		t.Errorf("Message-ID is %q: it may name this machine", id)
	}
	if got := slices.Sorted(maps.Keys(parts)); !slices.Equal(got, []string{"text/html", "text/plain"}) {
		t.Fatalf("parts are %v", got)
	}
	for kind, words := range map[string][]string{
		"text/plain": {"\nhttps://login.example.org/reset?lang=en&token=the-token\n", "within 10 minutes", "at Tom & Jerry."},
		"text/html":  {`href="https://login.example.org/reset?lang=en&amp;token=the-token"`, "Tom &amp; Jerry"},
	} {
		for _, word := range words {
			if !strings.Contains(parts[kind], word) {
				t.Errorf("%s has no %q:\n%s", kind, word, parts[kind])
			}
		}
	}
	if _, parts := read(t, sender(t, nil), accounts.Letter{Kind: accounts.LetterContested, To: "anna@example.org"}); strings.Contains(parts["text/plain"], "token") {
		t.Error("a letter without a token has a link")
	}
	verify := resetLetter()
	verify.Kind = accounts.LetterVerify
	if _, parts := read(t, sender(t, nil), verify); !strings.Contains(parts["text/plain"], "\nhttps://login.example.org/email?token=the-token\n") {
		t.Errorf("the letter to confirm an address has no link:\n%s", parts["text/plain"])
	}
}

// Whatever an old store holds as a name or an address: it is one recipient, no header, and no markup.
func TestHostileLetters(t *testing.T) {
	t.Parallel()
	s := sender(t, func(c *Config) {
		c.Product = "Tom\r\nBcc: eve@example.net"
		c.Letters = fstest.MapFS{
			"reset.txt":  {Data: []byte("Subject: For {{name}} at {{product}}\n\n{{name}}\n{{link}}\n")},
			"reset.html": {Data: []byte("<p title=\"{{ name }}\">{{name}}</p>{{link}}\n")},
		}
	})
	for _, name := range []string{
		"Anna\r\nBcc: eve@example.net", "Anna\nSubject: free money", "<script>\"'</script>", "\u202eanna", "a\x00b", "\xff\xfe", strings.Repeat("ä", 5000), "{{link}}",
	} {
		l := resetLetter()
		l.Name = name
		header, parts := read(t, s, l)
		subject, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
		if err != nil || strings.ContainsAny(subject, "\r\n") {
			t.Errorf("%.40q: the subject is %q (%v)", name, subject, err)
		}
		if header.Get("Bcc") != "" || len(header["Subject"]) != 1 || len(header["To"]) != 1 {
			t.Errorf("%.40q: header %v", name, header)
		}
		if strings.Contains(parts["text/html"], "<script>") || strings.Count(parts["text/html"], `"`) != 2 || strings.Contains(parts["text/plain"], "\u202e") {
			t.Errorf("%.40q: %v", name, parts)
		}
		if n := strings.Count(parts["text/plain"], "token="); n != 1 {
			t.Errorf("%.40q: the link is there %d times", name, n)
		}
	}
	for _, to := range []string{
		"", "anna", "anna@example.org, eve@example.net", "anna@example.org\r\nBcc: eve@example.net", "Anna <anna@example.org>", "<anna@example.org>",
		"anna@example.org (eve)", "anna@example.org\x00",
	} {
		l := resetLetter()
		l.To = to
		if _, err := s.message(l); err == nil || to != "" && strings.Contains(err.Error(), to) {
			t.Errorf("%q: %v", to, err)
		}
	}
}

func TestBadTemplates(t *testing.T) {
	t.Parallel()
	good := "Subject: Hello\n\n{{link}}\n"
	for want, files := range map[string]map[string]string{
		`reset.txt:4: unknown value "nome"; there are link, minutes, name, product`: {"reset.txt": good + "Dear {{nome}}"},
		`contested.txt:3: unknown value "link"`:                                     {"contested.txt": good},
		"reset.html:2: {{ without }}":                                               {"reset.html": "<p>\n{{link"},
		"reset.html: must have {{link}}":                                            {"reset.html": "<p>Hello</p>"},
		`the text must begin with a line "Subject: …"`:                              {"reset.txt": "{{link}}"},
		"rest.txt: there is no such letter":                                         {"rest.txt": good},
		"reset.txt: is longer than 65536 bytes":                                     {"reset.txt": good + strings.Repeat("a", 1<<16)},
	} {
		folder := fstest.MapFS{"notes.md": {Data: []byte("{{anything}}")}}
		for name, text := range files {
			folder[name] = &fstest.MapFile{Data: []byte(text)}
		}
		_, err := New(Config{From: "login@example.org", ResetURL: "https://example.org/reset", EmailURL: "https://example.org/email", Letters: folder})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// Whatever a template is, its values come out as they went in, and what stands around them stays.
func FuzzTemplate(f *testing.F) {
	f.Add("Hello {{name}}, {{ name }}", "Anna")
	f.Add("{{", "{{name}}")
	f.Add("a{{name}}b}}c", "}}")
	f.Fuzz(func(t *testing.T, text, value string) {
		pieces, err := parse("f.txt", 1, text, []string{"name"})
		if err != nil {
			return
		}
		got := fill(pieces, map[string]string{"name": value}, asIs)
		want := text
		for _, spelling := range pieces {
			if spelling.value != "" {
				open := strings.Index(want, "{{")
				end := strings.Index(want[open:], "}}") + open + 2
				want = want[:open] + "\x00" + want[end:]
			}
		}
		if strings.ReplaceAll(want, "\x00", value) != got && !strings.Contains(text, "\x00") {
			t.Errorf("%q with %q is %q", text, value, got)
		}
	})
}
