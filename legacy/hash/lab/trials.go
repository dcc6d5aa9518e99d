package lab

import (
	"bytes"
	"crypto/hmac"
	"slices"
	"strings"
)

// trials are what is tried in one place.
type trials struct {
	*search
	place     place
	passwords []piece
	extras    []piece  // all ways of writing salt, name and pepper
	core      []piece  // those that take part in rounds
	outers    []digest // that make a digest of the length that is wanted
	repeated  []digest // the usual ones of these: what applications nest and repeat
	inners    []digest // that applications nest within another
	out       [64]byte
}

func (s *search) trials(p place) *trials {
	t := &trials{search: s, place: p, passwords: passwords(s.question.Password), extras: extras(s.question, p.salt)}
	for _, d := range digests() {
		usual := slices.Contains(usualDigests, d.name)
		if d.size == len(p.want) {
			t.outers = append(t.outers, d)
			if usual {
				t.repeated = append(t.repeated, d)
			}
		}
		if usual {
			t.inners = append(t.inners, d)
		}
	}
	for _, x := range t.extras {
		if !strings.HasPrefix(x.text, "lower") && !strings.HasPrefix(x.text, "upper") && !strings.HasPrefix(x.text, "utf16le") {
			t.core = append(t.core, x)
		}
	}
	return t
}

// usualDigests are the functions that applications nest and repeat. The others are tried around them, once.
var usualDigests = []string{"md5", "sha1", "sha256", "sha384", "sha512"}

// A stage is a part of the space. Cheap and common parts come first.
type stage struct {
	name string
	run  func(t *trials) (text string, err error)
}

var stages = []stage{
	{"one digest", (*trials).plain},
	{"digests of digests, of one function", (*trials).nestedInOne},
	{"PBKDF2 up to 12,000 iterations", func(t *trials) (string, error) { return t.pbkdf2(12_000) }},
	{"up to 64 rounds", func(t *trials) (string, error) { return t.rounds(64, wideRounds) }},
	{"up to 1,100 rounds", func(t *trials) (string, error) { return t.rounds(1_100, usualRounds) }},
	{"up to 11,000 rounds", func(t *trials) (string, error) { return t.rounds(11_000, fewRounds) }},
	{"digests of digests", (*trials).nested},
	{"PBKDF2 up to 120,000 iterations", func(t *trials) (string, error) { return t.pbkdf2(120_000) }},
	{"up to 110,000 rounds", func(t *trials) (string, error) { return t.rounds(110_000, fewRounds) }},
	{"PBKDF2 up to 1,100,000 iterations", func(t *trials) (string, error) { return t.pbkdf2(1_100_000) }},
	{"up to 1,100,000 rounds", func(t *trials) (string, error) { return t.rounds(1_100_000, bareRounds) }},
}

func (t *trials) run(s stage) (string, error) {
	if err := t.enter(s.name); err != nil {
		return "", err
	}
	return s.run(t) // with no outer function of that length, only PBKDF2 has something to do
}

// joined is pieces one behind another, as a piece.
func joined(parts ...piece) piece {
	texts, all := make([]string, 0, len(parts)), make([][]byte, 0, len(parts))
	for _, part := range parts {
		if part.text != "" {
			texts, all = append(texts, part.text), append(all, part.bytes)
		}
	}
	return piece{strings.Join(texts, "."), slices.Concat(all...)}
}

// literal is fixed text.
func literal(text string) piece {
	if text == "" {
		return piece{}
	}
	return piece{`"` + text + `"`, []byte(text)}
}

// An arrangement puts two pieces together: before, the first, between, the second, behind.
type arrangement struct{ before, between, behind piece }

func arranged(before, between, behind string) arrangement {
	return arrangement{literal(before), literal(between), literal(behind)}
}

// arrangements are the ways in which applications join a password and a salt, in either order.
func arrangements() []arrangement {
	list := []arrangement{{}, arranged("", "{", "}"), arranged("{", "}", ""), arranged("", "", "}"), arranged("--", "--", "--")}
	for _, separator := range joints {
		list = append(list, arranged("", separator, ""))
	}
	return list
}

// joints are separators within what is digested.
var joints = []string{":", "-", "--", "$", "|", "_", ".", " ", "/", "+", "@", "#", ",", ";", "*", "&", "\\"}

func (a arrangement) join(first, second piece) piece {
	return joined(a.before, first, a.between, second, a.behind)
}

// plain tries one digest, and HMAC, over the password or a digest of it, and one or two extras.
func (t *trials) plain() (string, error) {
	inners := t.once(t.passwords, forms)
	return t.over(inners, t.extras, arrangements(), joints[:6])
}

// nestedInOne is nested with one function all through, which is most of what people write.
func (t *trials) nestedInOne() (string, error) {
	for i := range t.repeated {
		d := t.repeated[i : i+1]
		if text, err := t.nestedOf(d, d, t.core, forms[:2]); text != "" || err != nil {
			return text, err
		}
	}
	return "", nil
}

// nested tries digests over digests that hold an extra already, and with extras that are digested first.
func (t *trials) nested() (string, error) { return t.nestedOf(t.repeated, t.inners, t.extras, forms) }

func (t *trials) nestedOf(outers, digests []digest, extras []piece, as []form) (string, error) {
	if len(outers) == 0 {
		return "", nil
	}
	outer := *t
	outer.outers, outer.inners = outers, digests
	few := []arrangement{{}, arranged("", ":", ""), arranged("", "{", "}")}
	plain := outer.once(t.passwords[:1], forms[:1])
	var inners, digested pieceList
	for i := range digests {
		d := &digests[i]
		for _, p := range slices.Concat(t.passwords[:min(2, len(t.passwords))], plain) {
			for _, x := range extras {
				for _, a := range few {
					t.formsOf(&inners, d, as, a.join(p, x))
					t.formsOf(&inners, d, as, a.join(x, p))
				}
				t.macsOf(&inners, d, x, p)
				t.macsOf(&inners, d, p, x)
			}
			t.formsOf(&inners, d, as, p)
		}
	}
	for _, x := range extras {
		digested.add(x.text, x.bytes)
	}
	for _, x := range t.core {
		for i := range digests {
			t.formsOf(&digested, &digests[i], forms[:2], x)
		}
	}
	if text, err := outer.over(plain, digested.list, few, nil); text != "" || err != nil {
		return text, err
	}
	return outer.over(inners.list, digested.list, few[:1], nil)
}

// once are the pieces, and their digests in the given forms.
func (t *trials) once(pieces []piece, as []form) []piece {
	var l pieceList
	for _, p := range pieces {
		l.add(p.text, p.bytes)
	}
	for i := range t.inners {
		for _, p := range pieces {
			t.formsOf(&l, &t.inners[i], as, p)
		}
	}
	return l.list
}

func (t *trials) formsOf(l *pieceList, d *digest, as []form, p piece) {
	sum := d.sum(nil, p.bytes)
	t.tried++
	for _, f := range as {
		l.add(f.wrap(d.name, p.text), f.encode(sum))
	}
}

func (t *trials) macsOf(l *pieceList, d *digest, key, text piece) {
	sum := mac(d, key.bytes, text.bytes)
	t.tried++
	l.add("hmac_"+d.name+"("+key.text+","+text.text+")", hexForm(sum))
	l.add("hmac_"+d.name+"_bin("+key.text+","+text.text+")", sum)
}

func mac(d *digest, key, text []byte) []byte {
	h := hmac.New(d.new, key)
	h.Write(text)
	return h.Sum(nil)
}

// over tries the outer digests over each inner piece, alone, with one extra in every arrangement, and with two behind
// each other around the separators.
func (t *trials) over(inners, extras []piece, as []arrangement, separators []string) (string, error) {
	for _, p := range inners {
		if text, err := t.try(p); text != "" || err != nil {
			return text, err
		}
		for _, x := range extras {
			for _, a := range as {
				if text, err := t.try(a.before, p, a.between, x, a.behind); text != "" || err != nil {
					return text, err
				}
				if text, err := t.try(a.before, x, a.between, p, a.behind); text != "" || err != nil {
					return text, err
				}
			}
			if text, err := t.try(x, p, x); text != "" || err != nil {
				return text, err
			}
			if text, err := t.tryMAC(p, x); text != "" || err != nil {
				return text, err
			}
		}
	}
	for _, separator := range append([]string{""}, separators...) {
		if separators == nil {
			break
		}
		for _, p := range inners {
			if text, err := t.two(p, extras, literal(separator)); text != "" || err != nil {
				return text, err
			}
		}
	}
	return "", nil
}

// two tries a piece with two extras, in every order.
func (t *trials) two(p piece, extras []piece, separator piece) (string, error) {
	for i, x := range extras {
		for j, y := range extras {
			if i == j {
				continue
			}
			for _, o := range [][3]piece{{p, x, y}, {x, p, y}, {x, y, p}} {
				if text, err := t.try(o[0], separator, o[1], separator, o[2]); text != "" || err != nil {
					return text, err
				}
			}
			if separator.text != "" {
				continue
			}
			if text, err := t.tryMAC(joined(p, x), y); text != "" || err != nil {
				return text, err
			}
			if text, err := t.tryMAC(joined(x, p), y); text != "" || err != nil {
				return text, err
			}
		}
	}
	return "", nil
}

// try digests a material, given in parts, with every outer function. Only what fits is spelled out.
func (t *trials) try(parts ...piece) (string, error) {
	for i := range t.outers {
		d := &t.outers[i]
		d.h.Reset()
		for _, part := range parts {
			d.h.Write(part.bytes)
		}
		if bytes.Equal(d.h.Sum(t.out[:0]), t.place.want) {
			return t.spelled(d.name + "(" + joined(parts...).text + ")"), nil
		}
	}
	return "", t.count(int64(len(t.outers)))
}

// tryMAC tries HMAC with either as the key.
func (t *trials) tryMAC(p, x piece) (string, error) {
	for i := range t.outers {
		d := &t.outers[i]
		for _, order := range [][2]piece{{x, p}, {p, x}} {
			if bytes.Equal(mac(d, order[0].bytes, order[1].bytes), t.place.want) {
				return t.spelled("hmac_" + d.name + "(" + order[0].text + "," + order[1].text + ")"), nil
			}
		}
	}
	return "", t.count(int64(4 * len(t.outers)))
}

// spelled is a recipe whose digest is written as the stored one is.
func (t *trials) spelled(text string) string {
	if t.place.base64 {
		return "base64(" + text + ")"
	}
	return text
}
