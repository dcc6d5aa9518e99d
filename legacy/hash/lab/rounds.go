package lab

import (
	"bytes"
	"crypto/hmac"
	"slices"
	"strconv"
)

// Rounds: a value is digested, with something before and behind it, again and again. Every round's digest is compared,
// so that no number of rounds needs to be guessed.

// A chain is what begins, and what stands about the value in every round.
type chain struct{ first, before, behind piece }

// rounds runs the chains that a space makes, for every outer digest, passing on hex, bytes and capitals.
func (t *trials) rounds(most int64, space func(t *trials) []chain) (string, error) {
	passed := forms[:2]
	if most == 1_100 && !t.place.base64 { // capitals are rare, and nobody stores them in base64
		passed = forms[:3]
	}
	if len(t.repeated) == 0 {
		return "", nil
	}
	for _, c := range space(t) {
		for i := range t.repeated {
			d := &t.repeated[i]
			for at, f := range passed {
				n, err := t.follow(c, d, f, at == 1, most)
				if err != nil {
					return "", err
				}
				if n == 0 {
					continue
				}
				next := f.wrap(d.name, joinTexts(c.before.text, "$it", c.behind.text))
				first := c.first.text
				if first == "" {
					first = `""`
				}
				text := "iterate(" + strconv.FormatInt(n, 10) + "," + first + "," + next + ")"
				if at == 1 && !t.place.base64 {
					return "hex(" + text + ")", nil
				}
				return t.spelled(text), nil
			}
		}
	}
	return "", nil
}

func joinTexts(parts ...string) string {
	text := ""
	for _, part := range parts {
		if text != "" && part != "" {
			text += "."
		}
		text += part
	}
	return text
}

// follow runs a chain, and returns the round that gave what is wanted, or 0.
func (t *trials) follow(c chain, d *digest, f form, raw bool, most int64) (int64, error) {
	value := c.first.bytes
	var sum []byte
	for n := int64(1); n <= most; n++ {
		sum = d.sum(sum, c.before.bytes, value, c.behind.bytes)
		if bytes.Equal(sum, t.place.want) {
			return n, nil
		}
		if value = sum; !raw {
			value = f.encode(sum)
		}
		if n%tellEach == 0 {
			if err := t.count(tellEach); err != nil {
				return 0, err
			}
		}
	}
	return 0, t.count(most % tellEach)
}

// wideRounds is the space for few rounds: any simple material first, any before or behind the value, and the ways in
// which Rails plug-ins join four things by dashes.
func wideRounds(t *trials) []chain {
	passwords := t.passwords[:min(2, len(t.passwords))]
	firsts, about := t.materials(passwords, arrangements()[:9])
	list := append(t.dashed(), t.crossed(firsts, about)...)
	for _, p := range passwords {
		for _, x := range t.core {
			for _, separator := range append([]string{""}, joints[:4]...) {
				s := literal(separator)
				for _, first := range firsts {
					list = append(list, chain{first, joined(x, s), joined(s, p)}, chain{first, joined(p, s), joined(s, x)})
				}
			}
		}
	}
	return list
}

// usualRounds is the space for a thousand rounds.
func usualRounds(t *trials) []chain {
	return t.crossed(t.materials(t.passwords[:1], arrangements()[:2]))
}

// fewRounds keeps to the material that it began with.
func fewRounds(t *trials) []chain {
	firsts, _ := t.materials(t.passwords[:1], arrangements()[:2])
	var list []chain
	for _, first := range firsts {
		list = append(list, chain{first: first}, chain{first: first, behind: first}, chain{first: first, before: first})
		for i := range t.repeated {
			started := t.started(&t.repeated[i], first)
			for _, s := range started {
				list = append(list, chain{first: s, behind: first}, chain{first: s, before: first})
			}
		}
		for _, x := range t.core {
			list = append(list, chain{first: first, behind: x}, chain{first: first, before: x})
		}
		list = append(list, chain{first: first, behind: t.passwords[0]}, chain{first: first, before: t.passwords[0]})
	}
	return list
}

// bareRounds digests nothing but the value.
func bareRounds(t *trials) []chain {
	firsts, _ := t.materials(t.passwords[:1], arrangements()[:1])
	var list []chain
	for _, first := range firsts {
		list = append(list, chain{first: first})
	}
	return list
}

// materials are the passwords with a core extra or without, and what can stand about a value.
func (t *trials) materials(passwords []piece, as []arrangement) (firsts, about []piece) {
	var l pieceList
	for _, p := range passwords {
		l.add(p.text, p.bytes)
		for _, x := range t.core {
			for _, a := range as {
				for _, m := range []piece{a.join(p, x), a.join(x, p)} {
					l.add(m.text, m.bytes)
				}
			}
		}
	}
	firsts = slices.Clone(l.list)
	for _, x := range t.core {
		l.add(x.text, x.bytes)
	}
	return firsts, l.list
}

// crossed are chains of any first with anything before or behind the value, and those that begin with a digest.
func (t *trials) crossed(firsts, about []piece) []chain {
	var list []chain
	for _, first := range firsts {
		list = append(list, chain{first: first})
	}
	for _, m := range about {
		for _, first := range firsts {
			list = append(list, chain{first: first, behind: m}, chain{first: first, before: m})
		}
		for i := range t.repeated {
			for _, s := range t.started(&t.repeated[i], m) {
				list = append(list, chain{first: s, behind: m}, chain{first: s, before: m})
			}
		}
	}
	return list
}

// started are the digest of a material, in hex and in bytes.
func (t *trials) started(d *digest, m piece) []piece {
	var l pieceList
	t.formsOf(&l, d, forms[:2], m)
	return l.list
}

// dashed are the chains of Rails plug-ins: the value, a salt, the password and a pepper in every order, joined and
// perhaps surrounded by a separator, beginning with one of them or with nothing.
func (t *trials) dashed() []chain {
	const value = -1 // where the value of the round before goes
	nothing := piece{}
	var list []chain
	for _, separator := range []string{"--", "-", ":"} {
		s := literal(separator)
		for i, x := range append(slices.Clip(t.core), nothing) {
			for j, y := range append(slices.Clip(t.core), nothing) {
				if i == j && i < len(t.core) {
					continue
				}
				parts := []piece{t.passwords[0], x, y}
				for _, order := range orders([]int{value, 0, 1, 2}) {
					at := slices.Index(order, value)
					var before, behind []piece
					for _, k := range order[:at] {
						before = append(before, parts[k], s)
					}
					for _, k := range order[at+1:] {
						behind = append(behind, s, parts[k])
					}
					for _, first := range []piece{y, nothing, t.passwords[0]} {
						list = append(list,
							chain{first, joined(before...), joined(behind...)},
							chain{first, joined(append([]piece{s}, before...)...), joined(append(behind, s)...)})
					}
				}
				list = append(list, chain{t.passwords[0], nothing, joined(s, x)}, chain{t.passwords[0], joined(x, s), nothing})
			}
		}
	}
	return list
}

// orders are the permutations of a list.
func orders(list []int) [][]int {
	if len(list) <= 1 {
		return [][]int{list}
	}
	var all [][]int
	for i, head := range list {
		for _, tail := range orders(slices.Delete(slices.Clone(list), i, i+1)) {
			all = append(all, append([]int{head}, tail...))
		}
	}
	return all
}

const (
	leastKey = 16  // bytes of PBKDF2's key in a recipe
	mostKey  = 512 //
)

// pbkdf2 tries PBKDF2 with any number of iterations. The first block of its key is the sum of all rounds so far, so that
// one run compares them all.
func (t *trials) pbkdf2(most int64) (string, error) {
	if size := len(t.place.want); size < leastKey || size > mostKey {
		return "", nil
	}
	salts := pieceList{}
	for _, x := range t.core {
		salts.add(x.text, x.bytes)
	}
	for _, x := range t.core {
		for _, y := range t.core {
			if x.text == "$pepper" != (y.text == "$pepper") || x.text == "$user" != (y.text == "$user") { // of different origin
				salts.add(x.text+"."+y.text, slices.Concat(x.bytes, y.bytes))
			}
		}
	}
	for i := range t.inners {
		d := &t.inners[i]
		for _, p := range t.passwords[:min(2, len(t.passwords))] {
			for _, salt := range salts.list {
				n, err := t.derive(d, p, salt, most)
				if err != nil {
					return "", err
				}
				if n > 0 {
					return t.spelled("pbkdf2_" + d.name + "(" + p.text + "," + salt.text + "," + strconv.FormatInt(n, 10) + "," + strconv.Itoa(len(t.place.want)) + ")"), nil
				}
			}
		}
	}
	return "", nil
}

// derive returns the number of iterations whose first block of key is the one that is wanted, or 0.
func (t *trials) derive(d *digest, password, salt piece, most int64) (int64, error) {
	prf := hmac.New(d.new, password.bytes)
	want := t.place.want[:min(d.size, len(t.place.want))]
	prf.Write(salt.bytes)
	prf.Write([]byte{0, 0, 0, 1}) // the number of the block
	u := prf.Sum(nil)
	key := bytes.Clone(u)
	for n := int64(1); ; n++ {
		if bytes.Equal(key[:len(want)], want) {
			return n, nil
		}
		if n%tellEach == 0 {
			if err := t.count(2 * tellEach); err != nil {
				return 0, err
			}
		}
		if n == most {
			return 0, t.count(2 * (most % tellEach))
		}
		prf.Reset()
		prf.Write(u)
		u = prf.Sum(u[:0])
		for i, c := range u {
			key[i] ^= c
		}
	}
}
