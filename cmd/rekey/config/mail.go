package config

import (
	"cmp"
	"net/url"
	"os"

	"rekey/gateway/mail"
)

// Mail says how mail is sent. Without a server none is.
type Mail struct {
	SMTP      URL    `yaml:"smtp"`
	Password  Secret `yaml:"password" secret:"file"` // of the user in smtp
	From      string `yaml:"from"`
	Product   string `yaml:"product"`   // what the letters call it
	Templates string `yaml:"templates"` // a folder
	ResetURL  string `yaml:"reset_url"` // the page that sets a password; "<issuer>/reset" if unset
	EmailURL  string `yaml:"email_url"` // the page that confirms an address; "<issuer>/email" if unset
}

// On reports whether mail is sent.
func (m Mail) On() bool { return !m.SMTP.IsZero() }

// Config returns what package mail is made of. issuer is where people reach us.
func (m Mail) Config(issuer string) (mail.Config, error) {
	server, err := mail.ParseServer(m.SMTP.Reveal())
	if !m.Password.IsZero() {
		server.Password = m.Password.Reveal()
	}
	c := mail.Config{Server: server, From: m.From, Product: m.Product, ResetURL: cmp.Or(m.ResetURL, issuer+"/reset"), EmailURL: cmp.Or(m.EmailURL, issuer+"/email")}
	if m.Templates != "" {
		c.Letters = os.DirFS(m.Templates)
	}
	return c, err
}

// checkMail opens no connection, and does not read the letters.
func (l *loader) checkMail() {
	m := l.config.Mail
	if !m.On() {
		if m != (Mail{}) {
			l.problem("mail.smtp", "is missing: smtp://user@host:587")
		}
		return
	}
	c, err := m.Config(l.config.Issuer)
	if err != nil {
		l.problem("mail.smtp", "%v", err)
	} else if (c.Server.User == "") != (c.Server.Password == "") {
		l.problem("mail.smtp", "a user and a password come together: the user in smtp, the password in password_file")
	}
	if c.Server.TLS == mail.Plain && c.Server.Host != "localhost" && c.Server.Host != "127.0.0.1" && c.Server.Host != "::1" {
		l.warn("mail.smtp", "tls=off sends links that set passwords in the clear to another machine")
	}
	if _, err := mail.ParseFrom(m.From); err != nil {
		l.problem("mail.from", "%v", err)
	}
	for _, page := range []struct{ key, value string }{{"mail.reset_url", m.ResetURL}, {"mail.email_url", m.EmailURL}} {
		u, err := url.Parse(page.value)
		if page.value != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Fragment != "") {
			l.problem(page.key, "want an http(s) address without fragment")
		}
	}
}
