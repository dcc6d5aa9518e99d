package stage

import (
	"net"
	"net/smtp"
	"strings"
	"testing"
)

// Of several letters to an address the newest counts, and it is taken once.
func TestMailbox(t *testing.T) {
	t.Parallel()
	s := &Stage{}
	if err := s.openMailbox(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, token := range []string{"first", "rt1_a-b_c"} {
		letter := strings.Join([]string{
			"Subject: Your password", `Content-Type: multipart/alternative; boundary="x"`, "",
			"--x", "Content-Type: text/plain", "Content-Transfer-Encoding: quoted-printable", "",
			".. http://chaos.test/reset?token=3D" + token[:1] + "=", token[1:], "--x--", "",
		}, "\r\n")
		if err := smtp.SendMail(s.Mailbox.listener.Addr().String(), nil, "login@chaos.test", []string{Address("anna")}, []byte(letter)); err != nil {
			t.Fatal(err)
		}
	}
	if token, ok := s.Mailbox.Letter(t.Context(), "anna"); !ok || token != "rt1_a-b_c" {
		t.Errorf("%q, %v", token, ok)
	}
	if n := len(s.Mailbox.Tokens()); n != 2 || len(s.Mailbox.tokens) != 0 {
		t.Errorf("%d letters, and %d not taken", n, len(s.Mailbox.tokens))
	}
}

// A process has its address to itself, whoever connects to where meanwhile: two on one host would share a port now and then.
func TestFreeAddress(t *testing.T) {
	t.Parallel()
	hosts := map[string]bool{}
	for range 20 {
		address, err := freeAddress()
		if err != nil {
			t.Fatal(err)
		}
		host, _, err := net.SplitHostPort(address)
		if err != nil || host == "127.0.0.1" || !strings.HasPrefix(host, "127.") || hosts[host] {
			t.Fatalf("%s, %v", address, err)
		}
		hosts[host] = true
	}
}
