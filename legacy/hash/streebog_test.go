package hash

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// The first example of RFC 6986, section 10, and the digest of nothing as Wikipedia's article has it. The rows of
// gost-yescrypt, which libxcrypt made, hash longer texts.
func TestStreebog(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, want string }{
		"63 digits (RFC 6986, 10.1)": {"012345678901234567890123456789012345678901234567890123456789012", "9d151eefd8590b89daa6ba6cb74af9275dd051026bb149a452fd84e5e57b5500"},
		"nothing":                    {"", "3f539a213e97c802cc229d474c6aa32a825a360b2a933a949fd925208d9ce1bb"},
	} {
		h := newStreebog256()
		for _, c := range []byte(tc.text) { // byte by byte: the rest of a block is kept
			h.Write([]byte{c})
		}
		if got := hex.EncodeToString(h.Sum(nil)); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
		h.Write(nil) // Sum changes nothing
		if got := hex.EncodeToString(h.Sum(nil)); got != tc.want {
			t.Errorf("%s, asked again: %s, want %s", name, got, tc.want)
		}
	}
	h := newStreebog256()
	h.Write(bytes.Repeat([]byte{0xff}, 200))
	whole := h.Sum(nil)
	h.Reset()
	for range 8 {
		h.Write(bytes.Repeat([]byte{0xff}, 25))
	}
	if !bytes.Equal(h.Sum(nil), whole) || h.Size() != len(whole) {
		t.Error("the digest depends on how the text is cut")
	}
}
