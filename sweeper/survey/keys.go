package survey

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"rekey/legacy"
)

// keys make the digests that stand for values on disk. The key is drawn for a state file and lives in it: without that
// file nobody can look for a person in what a survey leaves behind.
type keys struct{ secret [32]byte }

func newKeys() keys {
	var k keys
	_, _ = rand.Read(k.secret[:]) // never fails: it would end the process
	return k
}

// A digester computes digests; each goroutine has its own.
type digester struct {
	keys keys
	buf  []byte
}

// What a digest is of, so that equal texts of different meaning have different ones.
const (
	ofIdentifier = 'i'
	ofPerson     = 'p'
	ofRecord     = 'r'
)

// begin starts a digest. The key stands in front: what follows has its length told, so that nothing can be appended.
func (d *digester) begin(kind byte) { d.buf = append(append(d.buf[:0], d.keys.secret[:]...), kind) }

func (d *digester) text(text string) {
	d.buf = binary.AppendUvarint(d.buf, uint64(len(text)))
	d.buf = append(d.buf, text...)
}

func (d *digester) sum() (high, low uint64) {
	sum := sha256.Sum256(d.buf)
	return binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])
}

// identifier returns 128 bits: among 10¹² identifiers two different ones meet with a chance of 10⁻¹⁵.
func (d *digester) identifier(canonical string) (high, low uint64) {
	d.begin(ofIdentifier)
	d.text(canonical)
	return d.sum()
}

// A mark is what the sketch keeps of one person.
type mark struct {
	person uint64 // by source and legacy id
	record uint64 // what a login depends on: credential, identifiers, status
	seen   uint64 // the last login
}

func (d *digester) mark(source string, u *legacy.User) mark {
	d.begin(ofPerson)
	d.text(source)
	d.text(u.ID)
	person, salt := d.sum()

	d.begin(ofRecord)
	for _, text := range []string{u.ID, u.Username, u.Email, u.Phone} {
		d.text(text)
	}
	if u.Password != nil {
		d.text(u.Password.Hash)
		d.text(u.Password.Salt)
	}
	status := byte(0)
	if u.Disabled {
		status = 1
	}
	if u.Profile.EmailVerified {
		status |= 2
	}
	d.buf = append(d.buf, status)
	for _, roles := range [][]string{u.Profile.Roles, u.Profile.Groups} {
		for _, role := range slices.Sorted(slices.Values(roles)) {
			d.text(role)
		}
		d.buf = append(d.buf, 0)
	}
	record, _ := d.sum()

	// The salt is secret and of this person, so a mix of it with the time tells nobody the time.
	seen := (salt ^ uint64(u.LastLoginAt.UnixMicro())) * 0x9E3779B97F4A7C15 // odd: 2⁶⁴ over the golden ratio
	return mark{person, record, seen ^ seen>>31}
}
