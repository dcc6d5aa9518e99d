package stage

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Address is where somebody of the old store has their letters.
func Address(name string) string { return name + "@chaos.test" }

// letterIn is how long somebody waits for a letter: whoever sends it may be stopped or dead.
const letterIn = 4 * time.Second

// A Mailbox is a mail server that keeps the token of the newest letter to each address, until somebody takes it.
type Mailbox struct {
	listener net.Listener
	all      sync.WaitGroup

	mu     sync.Mutex
	tokens map[string]string // by address
	came   chan struct{}     // closed when a letter comes
	ever   []string          // every token
}

func (s *Stage) openMailbox(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.Mailbox = &Mailbox{listener: listener, tokens: map[string]string{}, came: make(chan struct{})}
	s.Mailbox.all.Go(s.Mailbox.accept)
	s.undo = append(s.undo, func() error {
		err := listener.Close()
		s.Mailbox.all.Wait()
		return err
	})
	return nil
}

// Letter waits for a letter to somebody of the old store, and takes its token.
func (m *Mailbox) Letter(ctx context.Context, name string) (string, bool) {
	ctx, cancel := context.WithTimeout(ctx, letterIn)
	defer cancel()
	for {
		m.mu.Lock()
		token, came := m.tokens[Address(name)], m.came
		delete(m.tokens, Address(name))
		m.mu.Unlock()
		if token != "" {
			return token, true
		}
		select {
		case <-ctx.Done():
			return "", false
		case <-came:
		}
	}
}

// Tokens returns those of all letters.
func (m *Mailbox) Tokens() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.ever...)
}

func (m *Mailbox) accept() {
	for {
		conn, err := m.listener.Accept()
		if err != nil {
			return
		}
		m.all.Go(func() {
			defer func() { _ = conn.Close() }() // it has said what it had to
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			_ = m.serve(conn) // a sender that was killed is one of the things that happen
		})
	}
}

// serve speaks as much SMTP (RFC 5321) as a sender needs.
func (m *Mailbox) serve(conn io.ReadWriter) error {
	in := bufio.NewReader(conn)
	say := func(text string) error {
		_, err := io.WriteString(conn, text+"\r\n")
		return err
	}
	to := ""
	if err := say("220 chaos.test"); err != nil {
		return err
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		answer := "250 OK"
		switch word, rest, _ := strings.Cut(strings.TrimSpace(line), " "); strings.ToUpper(word) {
		case "RCPT":
			_, rest, _ = strings.Cut(rest, "<")
			to, _, _ = strings.Cut(rest, ">")
		case "DATA":
			if err := say("354 go on"); err != nil {
				return err
			}
			if err := m.take(in, to); err != nil {
				return err
			}
		case "QUIT":
			return say("221 bye")
		}
		if err := say(answer); err != nil {
			return err
		}
	}
}

var linkToken = regexp.MustCompile(`[?&]token=([^&\s]+)`)

// take reads a letter to its end, the line with a dot, and keeps its token.
func (m *Mailbox) take(in *bufio.Reader, to string) error {
	var text strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		if line == ".\r\n" {
			break
		}
		text.WriteString(strings.TrimPrefix(line, "."))
	}
	plain, err := plainText(text.String())
	if err != nil {
		return err
	}
	found := linkToken.FindStringSubmatch(plain)
	if found == nil {
		return nil
	}
	token, err := url.QueryUnescape(found[1])
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tokens[to], m.ever = token, append(m.ever, token)
	close(m.came)
	m.came = make(chan struct{})
	return nil
}

// plainText is the text of a letter of several parts.
func plainText(letter string) (string, error) {
	read, err := netmail.ReadMessage(strings.NewReader(letter))
	if err != nil {
		return "", err
	}
	_, params, err := mime.ParseMediaType(read.Header.Get("Content-Type"))
	if err != nil {
		return "", err
	}
	for parts := multipart.NewReader(read.Body, params["boundary"]); ; {
		part, err := parts.NextRawPart()
		if err != nil {
			return "", fmt.Errorf("no plain text in the letter: %w", err)
		}
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/plain") {
			text, err := io.ReadAll(quotedprintable.NewReader(part))
			return string(text), err
		}
	}
}
