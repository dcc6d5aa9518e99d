package ldapsource

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"

	"github.com/go-ldap/ldap/v3"

	"rekey/legacy"
)

// A dialer opens connections to the one server of a source, and knows those that are open.
type dialer struct {
	address  string
	tls      *tls.Config // nil: in the clear
	startTLS bool

	mu     sync.Mutex
	open   map[*conn]struct{}
	closed bool
}

// maxCAFile bounds the file of authorities: a system's own has some 200 KiB.
const maxCAFile = 4 << 20

// newDialer reads the address and how it is secured. Its errors do not contain the URL.
func newDialer(c Config) (*dialer, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, legacy.Wrong("url", "not a URL") // the parser's error repeats it
	}
	ports := map[string]string{"ldap": "389", "ldaps": "636"}
	port, known := ports[u.Scheme]
	switch {
	case !known:
		return nil, legacy.Wrong("url", "want ldap:// or ldaps://")
	case u.User != nil:
		return nil, legacy.Wrong("url", "who binds, and with which password, is not said in the URL")
	case u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return nil, legacy.Wrong("url", "want a host, a port if need be, and nothing else")
	case u.Scheme == "ldaps" && c.StartTLS:
		return nil, legacy.Wrong("start_tls", "ldaps:// is secured from the first byte, StartTLS cannot be asked for besides")
	}
	if u.Port() != "" {
		port = u.Port()
	}
	d := &dialer{address: net.JoinHostPort(u.Hostname(), port), startTLS: c.StartTLS, open: map[*conn]struct{}{}}
	if u.Scheme == "ldap" && !c.StartTLS {
		if c.CAFile != "" || c.InsecureSkipVerify {
			return nil, legacy.Wrong("url", "a certificate is spoken of, but neither ldaps:// nor start_tls is asked for")
		}
		if !c.AllowPlaintext && !loopback(u.Hostname()) {
			return nil, legacy.Wrong("url", "passwords would cross the network in the clear: use ldaps:// or start_tls")
		}
		return d, nil
	}
	d.tls = &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         u.Hostname(),
		InsecureSkipVerify: c.InsecureSkipVerify, //nolint:gosec // said by the operator, for a directory whose certificate nobody can mend
		ClientSessionCache: tls.NewLRUClientSessionCache(0),
	}
	if c.CAFile != "" {
		if d.tls.RootCAs, err = authorities(c.CAFile); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func authorities(path string) (*x509.CertPool, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, legacy.Wrong("ca_file", "%w", err)
	}
	if info.Size() > maxCAFile {
		return nil, legacy.Wrong("ca_file", "%s has more than %d bytes", path, maxCAFile)
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, legacy.Wrong("ca_file", "%w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, legacy.Wrong("ca_file", "no certificate in %s", path)
	}
	return pool, nil
}

// loopback reports whether a host is this machine by its very name, whatever a resolver says.
func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && address.IsLoopback()
}

// errClosed: the source was closed.
var errClosed = &told{text: "the source is closed"}

// dial opens a connection on which nobody has bound yet.
func (d *dialer) dial(ctx context.Context) (*conn, error) {
	tcp, err := new(net.Dialer).DialContext(ctx, "tcp", d.address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = tcp.Close() }) // only to interrupt what waits for it
	secured, err := d.secure(ctx, tcp)
	if !stop() {
		err = ctx.Err()
	}
	if err != nil {
		_ = tcp.Close() // the error is told, not this one
		return nil, err
	}
	c := &conn{tcp: tcp, frames: newFrames(secured), dialer: d}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		_ = tcp.Close() // nothing was said on it yet
		return nil, errClosed
	}
	d.open[c] = struct{}{}
	c.ldap = ldap.NewConn(c.frames, d.tls != nil)
	c.ldap.Start()
	return c, nil
}

func (d *dialer) secure(ctx context.Context, tcp net.Conn) (net.Conn, error) {
	if d.tls == nil {
		return tcp, nil
	}
	if d.startTLS {
		if err := startTLS(tcp); err != nil {
			return nil, err
		}
	}
	secured := tls.Client(tcp, d.tls)
	return secured, secured.HandshakeContext(ctx)
}

// startTLSRequest is message 1: an ExtendedRequest of 1.3.6.1.4.1.1466.20037 (RFC 4511, 4.14.1).
const startTLSRequest = "\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"

// startTLS asks for TLS. Nothing is read beyond the answer, so that what somebody put behind it in the clear is taken for
// the beginning of the handshake, and fails there.
func startTLS(tcp net.Conn) error {
	if _, err := tcp.Write([]byte(startTLSRequest)); err != nil {
		return err
	}
	b, err := readMessage(tcp, nil, 4<<10)
	if err != nil {
		return err
	}
	m, err := checkMessage(b)
	switch {
	case err != nil:
		return err
	case m.id != 1 || m.op != opExtended:
		return fmt.Errorf("%w to what was asked", errShape)
	case m.code != 0:
		return &told{text: fmt.Sprintf("it refuses StartTLS (LDAP result %d)", m.code)}
	}
	return nil
}

// close cuts every connection off. What is under way on one ends with an error.
func (d *dialer) close() {
	d.mu.Lock()
	d.closed = true
	var open []*conn
	for c := range d.open {
		open = append(open, c)
	}
	d.mu.Unlock()
	for _, c := range open {
		c.close()
	}
}

// A conn is a connection. One question is asked on it at a time.
type conn struct {
	tcp    net.Conn // below TLS, whose own Close may wait
	frames *frames
	ldap   *ldap.Conn
	dialer *dialer
}

// close hangs up. A directory that is closed upon knows by it that nobody is bound any more (RFC 4511, 4.3 and 5.3).
func (c *conn) close() {
	c.dialer.mu.Lock()
	delete(c.dialer.open, c)
	c.dialer.mu.Unlock()
	_ = c.tcp.Close()  // so that nobody waits in a write to it
	_ = c.ldap.Close() // the library's goroutines; the connection is closed already
}

// ask runs a question that may have answers of some kinds, until ctx ends.
func (c *conn) ask(ctx context.Context, run func() error, ops ...byte) error {
	c.frames.expect(ops...)
	stop := context.AfterFunc(ctx, func() { _ = c.tcp.Close() }) // only to interrupt the question
	err := run()
	if !stop() {
		return ctx.Err()
	}
	if fault := c.frames.fault.Load(); err != nil && fault != nil && !isResult(err) {
		return *fault // the library tells it as text
	}
	return err
}

// search asks a search. There may be entries beside a *ldap.Error.
func (c *conn) search(ctx context.Context, request *ldap.SearchRequest) (*ldap.SearchResult, error) {
	var result *ldap.SearchResult
	err := c.ask(ctx, func() (err error) {
		result, err = c.ldap.Search(request)
		return err
	}, opEntry, opReference, opDone)
	return result, err
}

// bind proves a name and a password. It never asks with an empty one: RFC 4513, 5.1.2 has the server answer "success" to
// that, having proven nothing.
func (c *conn) bind(ctx context.Context, name, password string) error {
	if name == "" || password == "" {
		return errors.New("a bind needs a name and a password")
	}
	return c.ask(ctx, func() error { return c.ldap.Bind(name, password) }, opBind)
}
