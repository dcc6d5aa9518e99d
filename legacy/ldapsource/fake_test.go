package ldapsource

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"
)

// serve runs a server that does what a test wants with each connection, and ends when the test ends.
func serve(t *testing.T, each func(net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var (
		all   sync.WaitGroup
		mu    sync.Mutex
		conns []net.Conn
	)
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			all.Go(func() { each(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		mu.Lock()
		for _, conn := range conns {
			conn.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return listener.Addr().String()
}

// deaf returns the address of a server that accepts connections and never says a word.
func deaf(t *testing.T) string {
	t.Helper()
	return serve(t, func(net.Conn) {})
}

// The kinds of request of RFC 4511, 4.2 to 4.12.
const (
	askBind     = 0x60
	askUnbind   = 0x42
	askSearch   = 0x63
	askExtended = 0x77
)

// An asked is a request that a fake directory has been sent.
type asked struct {
	id   int64
	op   byte
	body cursor
	rest []byte // controls
}

// nextAsked reads a request; false means that there is none any more.
func nextAsked(c net.Conn) (asked, bool) {
	b, err := readMessage(c, nil, maxMessage)
	if err != nil {
		return asked{}, false
	}
	elements := 0
	whole := &cursor{rest: b, elements: &elements}
	envelope := whole.enter(tagSequence)
	a := asked{id: envelope.integer(tagInteger)}
	op, content := envelope.next()
	a.op, a.body, a.rest = op, cursor{rest: content, elements: &elements}, envelope.rest
	return a, !envelope.failed
}

// credentials reads a simple bind.
func (a asked) credentials() (name, password string) {
	body := a.body
	body.integer(tagInteger) // version
	return string(body.take(tagOctets)), string(body.take(0x80))
}

// element encodes an element of BER.
func element(tag byte, parts ...[]byte) []byte {
	content := bytes.Join(parts, nil)
	n := len(content)
	switch {
	case n < 0x80:
		return append([]byte{tag, byte(n)}, content...)
	case n < 0x10000:
		return append([]byte{tag, 0x82, byte(n >> 8), byte(n)}, content...)
	}
	return append([]byte{tag, 0x84, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, content...)
}

func text(s string) []byte { return element(tagOctets, []byte(s)) }

func texts(all ...string) []byte {
	var b []byte
	for _, s := range all {
		b = append(b, text(s)...)
	}
	return b
}

// answer encodes an LDAPMessage.
func (a asked) answer(op byte, parts ...[]byte) []byte {
	id := []byte{byte(a.id >> 24), byte(a.id >> 16), byte(a.id >> 8), byte(a.id)}
	return element(tagSequence, element(tagInteger, id), element(op, parts...))
}

// result encodes an LDAPResult with a diagnostic message.
func (a asked) result(op byte, code byte, words string) []byte {
	return a.answer(op, element(tagEnumerated, []byte{code}), text(""), text(words))
}

// paged encodes a SearchResultDone with a cookie.
func (a asked) paged(cookie string) []byte {
	id := []byte{byte(a.id >> 24), byte(a.id >> 16), byte(a.id >> 8), byte(a.id)}
	value := element(tagSequence, element(tagInteger, []byte{0}), text(cookie))
	return element(tagSequence, element(tagInteger, id),
		element(opDone, element(tagEnumerated, []byte{0}), text(""), text("")),
		element(tagControls, element(tagSequence, text("1.2.840.113556.1.4.319"), element(tagOctets, value))))
}

// person encodes an entry with attributes, each a name and values.
func (a asked) person(dn string, attributes ...[]string) []byte {
	var list []byte
	for _, attribute := range attributes {
		list = append(list, element(tagSequence, text(attribute[0]), element(tagSet, texts(attribute[1:]...)))...)
	}
	return a.answer(opEntry, text(dn), element(tagSequence, list))
}

const (
	annaKey = "5bfb8b1f-86b3-4b2c-9f52-0d7f0d6f1a10"
	annaDN  = "uid=anna,ou=people,dc=example,dc=org"
)

func (a asked) anna() []byte {
	return a.person(annaDN, []string{"entryUUID", annaKey}, []string{"uid", "anna"})
}

// A fake is a directory of one person, anna, in which a test changes what it is about.
type fake struct {
	// bind answers the bind of anybody but the source, as which all others may bind.
	bind func(asked) []byte
	// search answers a search.
	search func(asked) []byte

	mu    sync.Mutex
	names []string // who has tried to bind
}

// config is a source over the fake directory.
func (f *fake) config(t *testing.T) Config {
	t.Helper()
	address := serve(t, func(c net.Conn) {
		for {
			a, ok := nextAsked(c)
			if !ok || a.op == askUnbind {
				return
			}
			if _, err := c.Write(f.answer(a)); err != nil {
				return
			}
		}
	})
	return fakeConfig(address)
}

func fakeConfig(address string) Config {
	return Config{
		Name: "staff", URL: "ldap://" + address, BindDN: "cn=reader", BindPassword: servicePassword, BaseDN: "dc=example,dc=org",
		Preset: "openldap", Timeout: 10 * time.Second,
	}
}

func (f *fake) answer(a asked) []byte {
	switch a.op {
	case askBind:
		name, _ := a.credentials()
		f.mu.Lock()
		f.names = append(f.names, name)
		f.mu.Unlock()
		if f.bind != nil && name != "cn=reader" {
			return f.bind(a)
		}
		return a.result(opBind, 0, "")
	case askSearch:
		if f.search != nil {
			return f.search(a)
		}
		return append(a.anna(), a.result(opDone, 0, "")...)
	}
	return nil
}

// binds returns how often somebody has tried to bind.
func (f *fake) binds(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, other := range f.names {
		if other == name {
			n++
		}
	}
	return n
}

// selfSigned makes a certificate for 127.0.0.1 that nobody vouches for.
func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
