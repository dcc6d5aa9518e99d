// Package mail makes letters of the accounts into e-mail and hands them to a mail server by SMTP.
//
// It serves accounts as its Mailer. It keeps no mail and tries none twice: that is the outbox's. Links are made from the
// address that is configured, so nothing that a client sends has a say in them.
package mail

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	netmail "net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/wneessen/go-mail"

	"rekey/accounts"
)

// Config says how mail is sent. Server, From and the URLs are required.
type Config struct {
	Server   Server
	From     string // an address, with or without a name: Example <login@example.org>
	Product  string // what the letters call it; "" means the domain of From
	ResetURL string // the page that takes a token of LetterReset as ?token=
	EmailURL string // the same of LetterVerify
	Letters  fs.FS  // texts in the place of the built-in ones; nil: none
}

// A Server is a mail server that takes mail for others.
type Server struct {
	Host     string
	Port     int
	TLS      TLS
	User     string // "": without authentication
	Password string
}

// TLS is how the connection to the mail server is protected.
type TLS int

// How a connection is protected.
const (
	StartTLS TLS = iota // encrypted before anything is said, or not at all
	Implicit            // from the first byte
	Plain               // not at all
)

// ParseServer reads the address of a server:
//
//	smtp://user@host:587     encrypted by STARTTLS, or no mail is sent
//	smtps://user@host:465    encrypted from the first byte
//	smtp://host:25?tls=off   in the clear, for a server on the same machine
//
// A password may stand behind the user. The error holds nothing of the address.
func ParseServer(address string) (Server, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.Fragment != "" {
		return Server{}, errAddress
	}
	s := Server{Host: u.Hostname(), User: u.User.Username()}
	s.Password, _ = u.User.Password()
	port := u.Port()
	query := u.Query()
	tls := query.Get("tls")
	query.Del("tls")
	switch {
	case len(query) > 0, tls != "" && tls != "off":
		return Server{}, errors.New("may have ?tls=off behind it and nothing else")
	case u.Scheme == "smtps" && tls == "":
		s.TLS, s.Port = Implicit, 465
	case u.Scheme == "smtp" && tls == "off":
		s.TLS, s.Port = Plain, 25
	case u.Scheme == "smtp":
		s.Port = 587
	default:
		return Server{}, errAddress
	}
	if s.TLS == Plain && s.User != "" {
		return Server{}, errors.New("would send a password in the clear: leave out the user, or ?tls=off")
	}
	if port != "" {
		if s.Port, err = strconv.Atoi(port); err != nil || s.Port < 1 || s.Port > 65535 {
			return Server{}, errAddress
		}
	}
	return s, nil
}

var errAddress = errors.New("want smtp://user@host:587, smtps://user@host:465, or smtp://host:25?tls=off")

// ParseFrom reads a sender's address.
func ParseFrom(from string) (*netmail.Address, error) {
	address, err := netmail.ParseAddress(from)
	if err != nil || !strings.Contains(address.Address, "@") {
		return nil, errors.New("want an e-mail address, such as login@example.org or Example <login@example.org>")
	}
	return address, nil
}

// A Sender sends letters. It is safe for concurrent use.
type Sender struct {
	config  Config
	from    *netmail.Address
	domain  string
	pages   map[accounts.LetterKind]*url.URL
	letters map[accounts.LetterKind]letter
}

var _ accounts.Mailer = (*Sender)(nil)

// New returns a Sender. It asks no server. Its error says what of the configuration is wrong: of letters, the files and lines.
func New(c Config) (*Sender, error) {
	from, err := ParseFrom(c.From)
	if err != nil {
		return nil, fmt.Errorf("from: %w", err)
	}
	s := &Sender{config: c, from: from, domain: from.Address[strings.LastIndexByte(from.Address, '@')+1:]}
	if s.config.Product == "" {
		s.config.Product = s.domain
	}
	s.pages = make(map[accounts.LetterKind]*url.URL)
	for kind, page := range map[accounts.LetterKind]string{accounts.LetterReset: c.ResetURL, accounts.LetterVerify: c.EmailURL} {
		if s.pages[kind], err = url.Parse(page); err != nil || s.pages[kind].Host == "" {
			return nil, fmt.Errorf("the page of the letter %s: want an http(s) address", kind)
		}
	}
	if s.letters, err = readLetters(c.Letters); err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	return s, nil
}

// sendTimeout bounds one mail, from the connection to the server's answer. The outbox gives a mail 25 s.
const sendTimeout = 10 * time.Second

// Errors of Send that are not the server's.
var (
	errTo     = errors.New("the address on file cannot be written to")
	errLetter = errors.New("there is no such letter")
)

// Send implements accounts.Mailer.
func (s *Sender) Send(ctx context.Context, l accounts.Letter) error {
	msg, err := s.message(l)
	if err != nil {
		return err
	}
	client, err := mail.NewClient(s.config.Server.Host, s.options()...)
	if err != nil {
		return fmt.Errorf("mail server: %w", err)
	}
	conn, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return fmt.Errorf("connect to the mail server: %w", err)
	}
	err = client.SendWithSMTPClient(conn, msg)
	_ = client.CloseWithSMTPClient(conn) // the server has taken the mail, or has not: how it says goodbye changes nothing
	if err == nil || msg.IsDelivered() {
		return nil
	}
	if refused, ok := errors.AsType[*mail.SendError](err); ok { // its own text has the address in it
		return fmt.Errorf("the mail server did not take it: %s: %d %s", refused.Reason, refused.ErrorCode(), refused.EnhancedStatusCode())
	}
	return errors.New("the mail server did not take it")
}

func (s *Sender) options() []mail.Option {
	server := s.config.Server
	options := []mail.Option{mail.WithPort(server.Port), mail.WithTimeout(sendTimeout), mail.WithHELO(helo(s.domain))}
	switch server.TLS {
	case Implicit:
		options = append(options, mail.WithSSL())
	case Plain:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if server.User != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(server.User), mail.WithPassword(server.Password))
	}
	return options
}

// helo is how we are called: not by the machine's own name, which is nobody's business.
func helo(domain string) string {
	if net.ParseIP(strings.Trim(domain, "[]")) != nil {
		return "localhost"
	}
	return domain
}

// message makes an e-mail of a letter.
func (s *Sender) message(l accounts.Letter) (*mail.Msg, error) {
	form, ok := s.letters[l.Kind]
	if !ok {
		return nil, errLetter
	}
	// The address may be anything that an old store holds. Parsed, it cannot be two, nor a header.
	to, err := netmail.ParseAddress(l.To)
	if err != nil || to.Address != l.To {
		return nil, errTo
	}
	values := map[string]string{
		"product": s.config.Product, "name": oneLine(l.Name), "minutes": strconv.Itoa(int(l.Life / time.Minute)), "link": s.link(l),
	}
	if values["name"] == "" {
		values["name"] = l.To
	}
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	msg.FromMailAddress(s.from)
	msg.ToMailAddress(&netmail.Address{Address: to.Address})
	msg.Subject(oneLine(fill(form.subject, values, asIs)))
	msg.SetDate()
	msg.SetMessageIDWithValue(rand.Text() + "@" + s.domain)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: nobody's holiday reply comes back
	msg.SetBodyString(mail.TypeTextPlain, fill(form.text, values, asIs))
	msg.AddAlternativeString(mail.TypeTextHTML, fill(form.html, values, asHTML))
	return msg, nil
}

// link is the page of a token. It is made of the configured address alone.
func (s *Sender) link(l accounts.Letter) string {
	of := s.pages[l.Kind]
	if of == nil {
		return ""
	}
	page := *of
	query := page.Query()
	query.Set("token", string(l.Token.Reveal()))
	page.RawQuery = query.Encode()
	return page.String()
}

// maxLine is the longest subject or name, in characters.
const maxLine = 128

// oneLine makes a text that others have written fit for a line: it begins no new one, and hides nothing.
func oneLine(text string) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	runes := []rune(strings.Join(strings.Fields(clean), " "))
	return string(runes[:min(len(runes), maxLine)])
}
