package hash

import (
	"bytes"
	"crypto/md5"
	"encoding"

	"rekey/legacy"
)

// openCRAMMD5 reads Dovecot's {CRAM-MD5} and {HMAC-MD5}: 64 hex digits, the states of MD5 after the key block of
// HMAC's outer and of its inner hash (lib/hmac-cram-md5.c), from which a challenge is answered without the password.
func openCRAMMD5(_ *env, s legacy.Stored, prefix, body string) (*Hash, error) {
	want, ok := decodeHex(body, 2*md5.Size)
	if !ok {
		return nil, malformed("want 64 hex digits")
	}
	return openDigest(s, want, prefix+zeroHex(2*md5.Size), cramMD5)
}

func cramMD5(password []byte) []byte {
	if len(password) > md5.BlockSize { // RFC 2104, section 2
		password = hashMD5.sum(password)
	}
	var out []byte
	for _, pad := range []byte{0x5c, 0x36} {
		block := bytes.Repeat([]byte{pad}, md5.BlockSize)
		for i, c := range password {
			block[i] ^= c
		}
		state, ok := md5State(block)
		if !ok {
			return nil // not reached, as TestVectors shows
		}
		out = append(out, state...)
	}
	return out
}

// md5State returns MD5's four words after one block, little-endian. Package md5 tells them when it is marshalled: a
// mark of 4 bytes, the words big-endian, the block that is not full, the length.
func md5State(block []byte) ([]byte, bool) {
	h := md5.New()
	h.Write(block)
	m, ok := h.(encoding.BinaryMarshaler)
	if !ok {
		return nil, false
	}
	text, err := m.MarshalBinary()
	if err != nil || len(text) < 4+md5.Size {
		return nil, false
	}
	state := text[4 : 4+md5.Size]
	for word := 0; word < md5.Size; word += 4 {
		state[word], state[word+1], state[word+2], state[word+3] = state[word+3], state[word+2], state[word+1], state[word]
	}
	return state, true
}
