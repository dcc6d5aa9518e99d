package lab

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	gohash "hash"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"rekey/legacy/hash"
)

// A piece is a value of a recipe: its text, and the bytes that it is for the question's password, salt and so on. All of
// them are known, so a recipe is tried by digesting bytes.
type piece struct {
	text  string
	bytes []byte
}

// A pieceList holds no two pieces of the same bytes: of two ways to the same, the first, which is the simpler, stays.
type pieceList struct {
	list []piece
	seen map[string]bool
}

func (l *pieceList) add(text string, b []byte) {
	if l.seen == nil {
		l.seen = map[string]bool{}
	}
	if len(b) == 0 || l.seen[string(b)] {
		return
	}
	l.seen[string(b)] = true
	l.list = append(l.list, piece{text, b})
}

// passwords are the ways in which the password is written.
func passwords(password []byte) []piece {
	var l pieceList
	l.add("$pass", password)
	l.add("utf16le($pass)", utf16le(password))
	l.add("lower($pass)", lower(password))
	l.add("upper($pass)", upper(password))
	return l.list
}

// extras are the ways in which salt, name and pepper are written.
func extras(q Question, salt string) []piece {
	var l pieceList
	text := func(name, value string) {
		l.add(name, []byte(value))
		l.add("lower("+name+")", lower([]byte(value)))
		l.add("upper("+name+")", upper([]byte(value)))
		l.add("utf16le("+name+")", utf16le([]byte(value)))
	}
	text("$salt", salt)
	if raw, err := hex.DecodeString(salt); err == nil {
		l.add("unhex($salt)", raw)
	}
	if raw, err := base64.StdEncoding.Strict().DecodeString(salt); err == nil && !strings.ContainsAny(salt, "\r\n") {
		l.add("unbase64($salt)", raw)
	}
	text("$user", q.User)
	l.add("$pepper", []byte(q.Pepper))
	return l.list
}

// A form is how a digest is written where it is joined or digested again.
type form struct {
	wrap   func(digest, argument string) string // the recipe's text
	encode func([]byte) []byte
}

// forms are hex, bytes, capitals and base64, the usual first.
var forms = []form{
	{func(d, arg string) string { return d + "(" + arg + ")" }, hexForm},
	{func(d, arg string) string { return d + "_bin(" + arg + ")" }, func(b []byte) []byte { return b }},
	{func(d, arg string) string { return "upper(" + d + "(" + arg + "))" }, func(b []byte) []byte { return upper(hexForm(b)) }},
	{func(d, arg string) string { return "base64(" + d + "(" + arg + "))" }, func(b []byte) []byte { return base64.StdEncoding.AppendEncode(nil, b) }},
}

func hexForm(b []byte) []byte { return hex.AppendEncode(nil, b) }

// A digest is a function that can be used again and again, from one goroutine.
type digest struct {
	name string
	size int
	h    gohash.Hash
	new  func() gohash.Hash
}

// digests lists the functions that recipes know.
func digests() []digest {
	var list []digest
	for _, f := range hash.DigestFuncs() {
		list = append(list, digest{name: f.Name, size: f.Size, h: f.New(), new: f.New})
	}
	return list
}

func digestSizes() []int {
	seen := map[int]bool{}
	var sizes []int
	for _, f := range hash.DigestFuncs() {
		if !seen[f.Size] {
			seen[f.Size] = true
			sizes = append(sizes, f.Size)
		}
	}
	return sizes
}

// sum digests the parts one behind another, into the space of out.
func (d *digest) sum(out []byte, parts ...[]byte) []byte {
	d.h.Reset()
	for _, part := range parts {
		d.h.Write(part)
	}
	return d.h.Sum(out[:0])
}

// lower and upper change no other letters than recipes do.
func lower(b []byte) []byte { return mapASCII(b, 'A', 'Z') }

func upper(b []byte) []byte { return mapASCII(b, 'a', 'z') }

func mapASCII(b []byte, from, to byte) []byte {
	out := bytes.Clone(b)
	for i, c := range out {
		if from <= c && c <= to {
			out[i] ^= 0x20
		}
	}
	return out
}

// utf16le returns nothing for what is not UTF-8, which recipes refuse.
func utf16le(b []byte) []byte {
	if !utf8.Valid(b) {
		return nil
	}
	var out []byte
	for _, r := range string(b) {
		for _, unit := range utf16.AppendRune(nil, r) {
			out = append(out, byte(unit), byte(unit>>8))
		}
	}
	return out
}
