package hash

// crypt64 is the base64 of md5crypt, sha-crypt, phpass, yescrypt and scrypt's $7$: crypt(3)'s alphabet, three bytes
// to a little-endian number, its low six bits first.

// encodeCrypt64 writes n bytes as ceil(n*8/6) characters.
func encodeCrypt64(b []byte) string {
	out := make([]byte, 0, crypt64Len(len(b)))
	for len(b) > 0 {
		group := b[:min(3, len(b))]
		b = b[len(group):]
		var v uint32
		for i, c := range group {
			v |= uint32(c) << (8 * i)
		}
		for range len(group) + 1 {
			out = append(out, alphabetCrypt[v&63])
			v >>= 6
		}
	}
	return string(out)
}

// decodeCrypt64 reads exactly n bytes and refuses other lengths, other characters and non-zero spare bits.
func decodeCrypt64(s string, n int) ([]byte, bool) {
	if len(s) != crypt64Len(n) {
		return nil, false
	}
	out := make([]byte, 0, n)
	for len(s) > 0 {
		group := s[:min(4, len(s))]
		s = s[len(group):]
		var v uint32
		for i := range len(group) {
			six := crypt64Value(group[i])
			if six < 0 {
				return nil, false
			}
			v |= uint32(six) << (6 * i)
		}
		for range len(group) - 1 {
			out = append(out, byte(v))
			v >>= 8
		}
		if v != 0 {
			return nil, false
		}
	}
	return out, true
}

func crypt64Len(n int) int { return (n*8 + 5) / 6 }

// crypt64Value returns the six bits that a character stands for, or -1.
func crypt64Value(c byte) int {
	switch {
	case '.' <= c && c <= '9':
		return int(c - '.')
	case 'A' <= c && c <= 'Z':
		return int(c-'A') + 12
	case 'a' <= c && c <= 'z':
		return int(c-'a') + 38
	}
	return -1
}

// crypt64Number reads little-endian six-bit digits.
func crypt64Number(s string) (n uint64, ok bool) {
	for i := range len(s) {
		six := crypt64Value(s[i])
		if six < 0 {
			return 0, false
		}
		n |= uint64(six) << (6 * i)
	}
	return n, true
}
