package server

import (
	"fmt"

	"rekey/accounts"
	"rekey/cmd/rekey/config"
	"rekey/gateway/mail"
)

// newMailer makes what sends mail, or nil where none is to be sent.
func newMailer(c *config.Config, issuer string) (accounts.Mailer, error) {
	if !c.Mail.On() {
		return nil, nil
	}
	made, err := c.Mail.Config(issuer)
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	sender, err := mail.New(made)
	if err != nil {
		return nil, config.Problems{c.Mistake("mail.templates", err)}
	}
	return sender, nil
}

// CheckMail reads the letters, and asks no server. Its error is config.Problems.
func CheckMail(c *config.Config) error {
	_, err := newMailer(c, c.Issuer)
	return err
}
