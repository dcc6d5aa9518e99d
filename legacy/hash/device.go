package hash

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/blowfish"

	"rekey/legacy"
)

// The passwords of network devices and of the IRC bot Eggdrop.

func deviceSchemes() []Scheme {
	return family("database", []Scheme{
		// 16 characters: Cisco PIX and ASA, md5 over the password and four bytes of the user's name, of which 12 bytes are
		// kept. Which of the two it is nothing tells
		{Name: "cisco-pix", parse: ciscoParser(16, 16)},
		{Name: "cisco-asa", parse: ciscoParser(32, 28)},
		// NN and hex: Cisco IOS's type 7, which only hides the password
		{Name: "cisco-type7", Aliases: []string{"cisco7"}, parse: openCiscoType7},
		// +12 characters: Eggdrop's blowfish module; also the 8 bytes themselves
		{Name: "eggdrop", Aliases: []string{"eggdrop-blowfish"}, parse: openEggdrop, Match: func(stored string) bool {
			return len(stored) == 13 && stored[0] == '+' && only(stored[1:], alphabetEggdrop)
		}},
	})
}

const (
	ciscoKept = 12 // bytes of an MD5, every fourth being dropped
	ciscoUser = 4  // bytes of the user's name that are hashed
)

// ciscoParser reads a device's MD5. longest is the longest password, in bytes, that the device takes; the user's name
// is behind passwords of up to named bytes (the PIX always appends it and cuts at 16).
func ciscoParser(longest, named int) parseFunc {
	return func(_ *env, s legacy.Stored) (*Hash, error) {
		want, ok := decodeCrypt64(s.Hash, ciscoKept)
		if !ok {
			return nil, malformed("want 16 characters of crypt's base64")
		}
		user := []byte(s.User)
		if len(user) > 0 { // a short name is repeated
			user = repeatTo(user, ciscoUser)
		}
		return openDigest(s, want, zeroCrypt64(ciscoKept), func(password []byte) []byte {
			if len(password) > longest {
				return nil // the device refuses it, or cuts it: what was typed would not be what is proven
			}
			text := bytes.Clone(password)
			if len(password) < named {
				text = append(text, user...)
			}
			size := 16
			if longest > size && len(text) > size {
				size = longest
			}
			block := make([]byte, size)
			copy(block, text)
			var kept []byte
			for i, c := range hashMD5.sum(block) {
				if i%4 != 3 {
					kept = append(kept, c)
				}
			}
			return kept
		})
	}
}

// ciscoType7Key is XORed over the password from a place on that the first two digits tell.
const ciscoType7Key = "dsfd;kfoA,.iyewrkldJKDHSUBsgvca69834ncxv9873254k;fg87"

// openCiscoType7 reads two digits and hex. As with plaintext, digests of both sides are compared.
func openCiscoType7(_ *env, s legacy.Stored) (*Hash, error) {
	if len(s.Hash) < 4 || !only(s.Hash[:2], digits) {
		return nil, malformed("want two digits and hex")
	}
	at := int(s.Hash[0]-'0')*10 + int(s.Hash[1]-'0')
	text, ok := decodeHex(s.Hash[2:], anyLen)
	if !ok || at >= len(ciscoType7Key) {
		return nil, malformed("want two digits below 53 and hex")
	}
	hide := func(b []byte) []byte {
		out := bytes.Clone(b)
		for i := range out {
			out[i] ^= ciscoType7Key[(at+i)%len(ciscoType7Key)]
		}
		return out
	}
	masked := s.Hash[:2] + strings.ToUpper(hex.EncodeToString(hide([]byte("masked"))))
	return openDigest(s, hashSHA256.sum(hide(text)), masked, func(password []byte) []byte { return hashSHA256.sum(password) })
}

// alphabetEggdrop is Eggdrop's base64, of which the lowest six bits come first.
const alphabetEggdrop = "./0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

const (
	eggdropText  = "\xde\xad\xd0\x61\x23\xf6\xb0\x95" // what is encrypted
	eggdropLimit = 72                                 // bytes of key that blowfish reads
)

// openEggdrop reads "+" and two words of six characters each, the right one first, or 8 bytes, which a database column
// of text holds as ISO 8859-1: one block of Blowfish, keyed by the password.
func openEggdrop(_ *env, s legacy.Stored) (*Hash, error) {
	want, masked, ok := decodeEggdrop(s.Hash)
	if !ok {
		return nil, malformed("want + and 12 characters, or 8 bytes")
	}
	return &Hash{
		Limit: eggdropLimit,
		compute: func(password []byte) []byte {
			if len(password) == 0 || hasNUL(password) {
				return nil
			}
			// With a salt of zeros the salted schedule is the plain one, without its limit of 56 bytes.
			c, err := blowfish.NewSaltedCipher(password[:min(len(password), eggdropLimit)], make([]byte, 16))
			if err != nil {
				return nil // not reached: it refuses only an empty key
			}
			out := make([]byte, blowfish.BlockSize)
			c.Encrypt(out, []byte(eggdropText))
			return out
		},
		want:   want,
		masked: withHash(s, masked),
	}, nil
}

func decodeEggdrop(stored string) (block []byte, masked string, ok bool) {
	if text, marked := strings.CutPrefix(stored, "+"); marked && len(text) == 12 {
		right, ok := eggdropWord(text[:6])
		left, ok2 := eggdropWord(text[6:])
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, left), right), "+" + strings.Repeat(".", 12), ok && ok2
	}
	block = []byte(stored)
	if utf8.ValidString(stored) {
		if block, ok = latin1(block); !ok {
			return nil, "", false
		}
	}
	return block, strings.Repeat("0", blowfish.BlockSize), len(block) == blowfish.BlockSize
}

// eggdropWord reads 32 bits of six characters.
func eggdropWord(text string) (word uint32, ok bool) {
	var n uint64
	for i := range len(text) {
		six := strings.IndexByte(alphabetEggdrop, text[i])
		if six < 0 {
			return 0, false
		}
		n |= uint64(six) << (6 * i)
	}
	return uint32(n), n <= 1<<32-1
}
