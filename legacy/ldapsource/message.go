package ldapsource

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync/atomic"
)

// A server's bytes are looked at before the LDAP library parses them: each message is read whole, at most so long, and
// has to have the shape that RFC 4511 gives to an answer of its kind. What the library builds from a byte is some hundred
// times larger, so a message of empty values, or an endless stream of entries, would otherwise cost what the server likes.
const (
	maxMessage  = 2 << 20  // bytes of one message: Active Directory's list of attribute types has about half a million
	maxElements = 1 << 15  // BER elements of one message, each some 200 bytes in memory
	maxAnswer   = 16 << 20 // bytes of all messages that answer one question
	maxAnswered = 1 << 17  // elements of the same
	maxControl  = 16 << 10 // bytes of a control's value, which the library parses in its turn; cookies have below 4 KiB
)

// Tags of BER (X.690), and the kinds of answer of RFC 4511, 4.2.2 to 4.12.
const (
	tagBoolean    = 0x01
	tagInteger    = 0x02
	tagOctets     = 0x04
	tagEnumerated = 0x0a
	tagSequence   = 0x30
	tagSet        = 0x31
	tagReferral   = 0xa3 // [3] of an LDAPResult
	tagControls   = 0xa0 // [0] of an LDAPMessage

	opBind      = 0x61 // BindResponse
	opEntry     = 0x64 // SearchResultEntry
	opDone      = 0x65 // SearchResultDone
	opReference = 0x73 // SearchResultReference
	opModify    = 0x67 // ModifyResponse
	opAdd       = 0x69 // AddResponse
	opDelete    = 0x6b // DelResponse
	opExtended  = 0x78 // ExtendedResponse
)

// A message is what is known of an answer that has the right shape.
type message struct {
	id       int64
	op       byte
	code     int64 // the result, of those that have one
	elements int
}

// errShape is a message that is not what an LDAP server sends.
var errShape = errors.New("it sent what is no LDAP answer")

// checkMessage looks at a whole message, as readMessage reads it. It copies nothing.
func checkMessage(b []byte) (message, error) {
	var m message
	c := &cursor{rest: b, elements: &m.elements}
	envelope := c.enter(tagSequence)
	m.id = envelope.integer(tagInteger)
	op := cursor{elements: &m.elements, failed: true}
	for _, tag := range []byte{opBind, opEntry, opDone, opReference, opModify, opAdd, opDelete, opExtended} {
		if envelope.is(tag) {
			m.op, op = tag, envelope.enter(tag)
		}
	}
	switch m.op {
	case opBind, opDone, opModify, opAdd, opDelete, opExtended:
		m.code = op.result(m.op)
	case opEntry:
		op.entry()
	case opReference:
		op.texts(tagOctets)
	}
	if envelope.is(tagControls) {
		controls := envelope.enter(tagControls)
		controls.controls()
		envelope.join(controls)
	}
	envelope.end()
	if envelope.failed || op.failed {
		return message{}, errShape
	}
	return m, nil
}

// A cursor goes over the elements of a constructed one. After a failure it stays failed and gives nothing.
type cursor struct {
	rest     []byte
	elements *int // counted over the whole message
	failed   bool
}

// next takes an element off.
func (c *cursor) next() (tag byte, content []byte) {
	if c.failed || len(c.rest) < 2 {
		c.failed = true
		return 0, nil
	}
	tag = c.rest[0]
	head, length := 2, int(c.rest[1])
	if length >= 0x80 {
		n := length - 0x80
		if n == 0 || n > 4 || len(c.rest) < 2+n { // 0x80 is the indefinite form, which RFC 4511, 5.1 forbids
			c.failed = true
			return 0, nil
		}
		var size [8]byte
		copy(size[8-n:], c.rest[2:2+n])
		length = int(binary.BigEndian.Uint64(size[:]))
		head += n
	}
	*c.elements++
	if length > len(c.rest)-head || *c.elements > maxElements || tag&0x1f == 0x1f { // 0x1f: the tag goes on in another byte
		c.failed = true
		return 0, nil
	}
	content, c.rest = c.rest[head:head+length], c.rest[head+length:]
	return tag, content
}

// is reports whether the next element has a tag.
func (c *cursor) is(tag byte) bool { return !c.failed && len(c.rest) > 0 && c.rest[0] == tag }

// take takes an element of a tag off.
func (c *cursor) take(tag byte) []byte {
	got, content := c.next()
	if got != tag {
		c.failed = true
		return nil
	}
	return content
}

// enter takes a constructed element of a tag off and returns a cursor over it.
func (c *cursor) enter(tag byte) cursor {
	content := c.take(tag)
	return cursor{rest: content, elements: c.elements, failed: c.failed}
}

// join makes a failure inside an element one of the element that holds it.
func (c *cursor) join(inner cursor) { c.failed = c.failed || inner.failed }

// end wants nothing to be left.
func (c *cursor) end() { c.failed = c.failed || len(c.rest) > 0 }

// integer takes a number of at most four bytes off.
func (c *cursor) integer(tag byte) int64 {
	content := c.take(tag)
	if len(content) < 1 || len(content) > 4 {
		c.failed = true
		return 0
	}
	n := int64(int8(content[0]))
	for _, b := range content[1:] {
		n = n<<8 | int64(b)
	}
	return n
}

// texts takes elements of one tag off, to the end.
func (c *cursor) texts(tag byte) {
	for len(c.rest) > 0 && !c.failed {
		c.take(tag)
	}
}

// result takes an LDAPResult off and what may stand behind it: SASL credentials, an extended answer's name and value.
func (c *cursor) result(op byte) int64 {
	behind := map[byte][]byte{opBind: {0x87}, opDone: nil, opExtended: {0x8a, 0x8b}}[op]
	code := c.integer(tagEnumerated)
	c.take(tagOctets)
	c.take(tagOctets)
	if c.is(tagReferral) {
		uris := c.enter(tagReferral)
		uris.texts(tagOctets)
		c.join(uris)
	}
	for _, tag := range behind {
		if c.is(tag) {
			c.take(tag)
		}
	}
	c.end()
	return code
}

// entry takes a SearchResultEntry off: a name, and attributes with their values.
func (c *cursor) entry() {
	c.take(tagOctets)
	attributes := c.enter(tagSequence)
	for len(attributes.rest) > 0 && !attributes.failed {
		attribute := attributes.enter(tagSequence)
		attribute.take(tagOctets)
		values := attribute.enter(tagSet)
		values.texts(tagOctets)
		attribute.join(values)
		attribute.end()
		attributes.join(attribute)
	}
	c.join(attributes)
	c.end()
}

// controls takes controls off: a type, whether it is critical, and a value.
func (c *cursor) controls() {
	for len(c.rest) > 0 && !c.failed {
		control := c.enter(tagSequence)
		control.take(tagOctets)
		if control.is(tagBoolean) && len(control.take(tagBoolean)) != 1 {
			control.failed = true
		}
		if control.is(tagOctets) && len(control.take(tagOctets)) > maxControl {
			control.failed = true
		}
		control.end()
		c.join(control)
	}
}

// readMessage reads the bytes of one message and not one more, into buffer if it fits.
func readMessage(r io.Reader, buffer []byte, longest int) ([]byte, error) {
	buffer = append(buffer[:0], 0, 0)
	if _, err := io.ReadFull(r, buffer); err != nil {
		return nil, err
	}
	length := int(buffer[1])
	if n := length - 0x80; n >= 0 {
		if n == 0 || n > 4 {
			return nil, errShape
		}
		buffer = append(buffer, make([]byte, n)...)
		if _, err := io.ReadFull(r, buffer[2:]); err != nil {
			return nil, err
		}
		var size [8]byte
		copy(size[8-n:], buffer[2:])
		length = int(binary.BigEndian.Uint64(size[:]))
	}
	if buffer[0] != tagSequence {
		return nil, errShape
	}
	if length > longest {
		return nil, fmt.Errorf("%w: a message of more than %d bytes", errShape, longest)
	}
	head := len(buffer)
	buffer = slices.Grow(buffer, length)[:head+length]
	_, err := io.ReadFull(r, buffer[head:])
	return buffer, err
}

// frames is a connection that hands on a server's messages only after they have been looked at, and only those that
// answer the question under way.
type frames struct {
	net.Conn
	reader *bufio.Reader
	buffer []byte
	rest   []byte // of buffer, not handed on yet

	question atomic.Pointer[question]
	fault    atomic.Pointer[error] // why nothing more is handed on
}

// A question is what may come back.
type question struct {
	ops             []byte
	bytes, elements int // so far; touched by the reading goroutine alone
}

func newFrames(c net.Conn) *frames {
	f := &frames{Conn: c, reader: bufio.NewReader(c)}
	f.question.Store(&question{}) // a server that speaks unasked is refused
	return f
}

// expect says which answers the next question may have.
func (f *frames) expect(ops ...byte) { f.question.Store(&question{ops: ops}) }

// Read hands on bytes of messages. One goroutine calls it.
func (f *frames) Read(p []byte) (int, error) {
	if len(f.rest) == 0 {
		if err := f.next(); err != nil {
			f.fault.CompareAndSwap(nil, &err)
			return 0, err
		}
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

func (f *frames) next() error {
	b, err := readMessage(f.reader, f.buffer, maxMessage)
	if err != nil {
		return err
	}
	m, err := checkMessage(b)
	if err != nil {
		return err
	}
	q := f.question.Load()
	q.bytes += len(b)
	q.elements += m.elements
	switch {
	case !slices.Contains(q.ops, m.op):
		return fmt.Errorf("%w to what was asked", errShape) // a notice of disconnection too: RFC 4511, 4.4.1
	case q.bytes > maxAnswer || q.elements > maxAnswered:
		return fmt.Errorf("%w: more than is read of one", errShape)
	}
	f.buffer, f.rest = b, b
	return nil
}
