package ldapsource

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/uuid"

	"rekey/legacy"
)

// FuzzAnswer lets a directory answer a search and a bind with any bytes. What is let through must be one message after the
// other, and bytes that were not made by an answer to a bind must never be a yes.
func FuzzAnswer(f *testing.F) {
	a := asked{id: 1}
	for _, seed := range [][]byte{
		a.result(opBind, 0, ""), a.result(opBind, 49, "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 52e, v2580"),
		append(a.anna(), a.result(opDone, 0, "")...), append(a.anna(), a.paged("cookie")...), a.answer(opReference, text("ldap://x/")),
		a.answer(opDone, element(tagEnumerated, []byte{10}), text(""), text(""), element(tagReferral, text("ldap://x/"))),
		asked{}.result(opExtended, 52, ""), a.person(annaDN, append([]string{"uid"}, strings.Split(strings.Repeat("a", 200), "")...)),
		{0x30, 0x80, 0, 0}, {0x30, 0x84, 0xff, 0xff, 0xff, 0xff}, []byte("HTTP/1.1 200 OK\r\n\r\n"), {},
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		if b, err := readMessage(bytes.NewReader(answer), nil, maxMessage); err == nil {
			if !bytes.HasPrefix(answer, b) {
				t.Fatal("what was read is not what was sent")
			}
			if m, err := checkMessage(b); err == nil && (m.op == 0 || m.elements < 3 || m.elements > len(b)) {
				t.Fatalf("a message of %d bytes: %+v", len(b), m)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for _, ask := range []func(*conn) error{
			func(c *conn) error {
				_, err := c.search(ctx, ldap.NewSearchRequest("", 0, 0, 0, 0, false, anyone, nil, nil))
				return err
			},
			func(c *conn) error { return c.bind(ctx, "cn=x", "x") },
		} {
			here, there := net.Pipe()
			go func() {
				_, _ = readMessage(there, nil, maxMessage) // the request; then any bytes come back
				_, _ = there.Write(answer)
				there.Close()
			}()
			c := &conn{tcp: here, frames: newFrames(here), dialer: &dialer{open: map[*conn]struct{}{}}}
			c.ldap = ldap.NewConn(c.frames, false)
			c.ldap.Start()
			err := ask(c)
			c.close()
			if err == nil && !succeeds(answer) {
				t.Fatalf("a success that nobody has sent: %x", answer)
			}
			if errors.Is(err, context.DeadlineExceeded) {
				t.Fatal("it waits for more, though the connection was closed")
			}
		}
	})
}

// succeeds reports whether bytes hold a message that says "success" to the first request.
func succeeds(answer []byte) bool {
	for rest := bytes.NewReader(answer); ; {
		b, err := readMessage(rest, nil, maxMessage)
		if err != nil {
			return false
		}
		m, err := checkMessage(b)
		if err != nil {
			return false
		}
		if m.id == 1 && m.code == 0 && (m.op == opBind || m.op == opDone) {
			return true
		}
	}
}

// FuzzFrames lets any bytes through in any portions, and compares with what the messages are.
func FuzzFrames(f *testing.F) {
	a := asked{id: 1}
	f.Add(append(a.anna(), a.result(opDone, 0, "")...), 1)
	f.Add(a.paged("cookie"), 7)
	f.Fuzz(func(t *testing.T, sent []byte, portion int) {
		here, there := net.Pipe()
		defer here.Close()
		go func() {
			_, _ = there.Write(sent)
			there.Close()
		}()
		frames := newFrames(here)
		frames.expect(opEntry, opDone, opReference)
		buffer := make([]byte, 1+abs(portion)%4096)
		var got []byte
		for {
			n, err := frames.Read(buffer)
			got = append(got, buffer[:n]...)
			if err != nil {
				break
			}
		}
		if !bytes.HasPrefix(sent, got) {
			t.Fatal("what is handed on is not what was sent")
		}
		for rest := bytes.NewReader(got); rest.Len() > 0; {
			b, err := readMessage(rest, nil, maxMessage)
			if err != nil {
				t.Fatalf("half a message was handed on: %v", err)
			}
			if _, err := checkMessage(b); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := io.ReadAll(here); err != nil && !errors.Is(err, io.ErrClosedPipe) {
			t.Fatal(err)
		}
	})
}

func abs(n int) int {
	if n < 0 {
		return -(n + 1)
	}
	return n
}

// FuzzLookupFilter shows that no spelling changes the shape of a filter, and that it is asked for as it is.
func FuzzLookupFilter(f *testing.F) {
	for _, seed := range []string{"anna", "*", "*)(uid=*", `\2a`, "\x00", "дарья", "\xff", "(", `a\`, "\u2028", "\x7f"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, spelling string) {
		s := &Source{config: Config{Attributes: Attributes{Username: []string{"uid"}, Email: []string{"mail"}}}}
		filter := s.lookupFilter([]string{spelling})
		if filter == "" {
			if spelling != "" && len(spelling) <= maxIdentifier && plain(spelling) {
				t.Fatalf("%q is not asked for", spelling)
			}
			return
		}
		packet, err := ldap.CompileFilter(filter)
		if err != nil {
			t.Fatalf("%s: %v", filter, err)
		}
		if packet.Tag != ldap.FilterOr || len(packet.Children) != 2 {
			t.Fatalf("%s is no alternative of two", filter)
		}
		for _, child := range packet.Children {
			if child.Tag != ldap.FilterEqualityMatch || len(child.Children) != 2 || child.Children[1].Data.String() != spelling {
				t.Fatalf("%s does not ask for %q", filter, spelling)
			}
		}
	})
}

// FuzzKey shows that a key is the same both ways, and asked for as it is.
func FuzzKey(f *testing.F) {
	f.Add(annaKey)
	f.Add(strings.ToUpper(annaKey))
	f.Add("\x00\x04\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46")
	f.Add("uid=anna,dc=example,dc=org")
	f.Fuzz(func(t *testing.T, value string) {
		for _, kind := range []keyKind{keyText, keyUUID, keyGUID, keyDN} {
			key, ok := kind.text(value)
			if !ok {
				continue
			}
			back, ok := kind.value(key)
			if !ok || back != value && kind != keyUUID || kind == keyUUID && !strings.EqualFold(back, value) {
				t.Fatalf("kind %d: %q is told as %q, which is asked for as %q", kind, value, key, back)
			}
			if got := kind.unpack(kind.pack(key)); got != key {
				t.Fatalf("kind %d: %q is remembered as %q", kind, key, got)
			}
			packet, err := ldap.CompileFilter("(x=" + ldap.EscapeFilter(back) + ")")
			if err != nil || packet.Tag != ldap.FilterEqualityMatch || packet.Children[1].Data.String() != back {
				t.Fatalf("kind %d: %q is not asked for as it is: %v", kind, back, err)
			}
		}
	})
}

// FuzzEntry makes people of any values.
func FuzzEntry(f *testing.F) {
	f.Add(annaDN, annaKey, "anna", "{SSHA}+S++kg2y+PFJfQcDBA7G3uPrRBN3cbkG", "20240229235959Z", "000001010000Z")
	f.Add("", "", "", "{SASL}x", "133537247990000000", "")
	f.Add(`cn=a\,b+uid=c,dc=example,dc=org`, annaKey, "\xff", "{", "-1", "9223372036854775807")
	s, err := Open(plainConfig())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, dn, key, uid, password, created, locked string) {
		u, bad := s.user(&ldap.Entry{DN: dn, Attributes: []*ldap.EntryAttribute{
			ldap.NewEntryAttribute("entryUUID", []string{key}), ldap.NewEntryAttribute("uid", []string{uid, dn}),
			ldap.NewEntryAttribute("userPassword", []string{password}), ldap.NewEntryAttribute("createTimestamp", []string{created}),
			ldap.NewEntryAttribute("pwdAccountLockedTime", []string{locked}), ldap.NewEntryAttribute(uid, []string{key}),
		}})
		if bad != nil {
			if u.ID != "" || len(bad.Key) > legacy.MaxRowKey {
				t.Fatalf("%v, and somebody", bad)
			}
			return
		}
		if _, err := uuid.Parse(u.ID); err != nil || len(u.Username) > maxIdentifier+1 {
			t.Fatalf("key %q, a name of %d bytes", u.ID, len(u.Username))
		}
		if p := u.Password; p != nil && (len(p.Hash) > maxHash+1 || strings.HasPrefix(strings.ToUpper(p.Hash), "{SASL}")) {
			t.Fatal("what is stored is too long, or not for us")
		}
		if !u.CreatedAt.IsZero() && (u.CreatedAt.Year() < 1900 || u.CreatedAt.Year() > 9999) {
			t.Fatalf("created at %v", u.CreatedAt)
		}
	})
}

// FuzzActiveDirectoryReason reads the reason out of any words. None is a yes.
func FuzzActiveDirectoryReason(f *testing.F) {
	f.Add("80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 52e, v2580\x00")
	f.Add("AcceptSecurityContext error, data 775")
	f.Add("AcceptSecurityContext error, data ,")
	f.Fuzz(func(t *testing.T, words string) {
		code, ok := activeDirectoryReason(errors.New(words))
		if ok != strings.Contains(words, "AcceptSecurityContext error, data ") || len(code) > 8 {
			t.Fatalf("%q: %q, %v", words, code, ok)
		}
		err := new(Source).verdict(ldap.NewError(ldap.LDAPResultInvalidCredentials, errors.New(words)))
		if err == nil || errors.Is(err, legacy.ErrNoUser) || !ok && !errors.Is(err, legacy.ErrWrongPassword) {
			t.Fatalf("%q: %v", words, err)
		}
	})
}

// FuzzDefinedNames takes any definition apart.
func FuzzDefinedNames(f *testing.F) {
	f.Add("( 2.5.4.3 NAME ( 'cn' 'commonName' ) DESC 'RFC4519: common name(s)' SUP name )")
	f.Add("( 1.2.3 NAME 'mail' )")
	f.Add(" NAME (")
	f.Fuzz(func(t *testing.T, definition string) {
		for _, name := range definedNames(definition) {
			if !strings.Contains(definition, name) {
				t.Fatalf("%q has no %q", definition, name)
			}
		}
	})
}
