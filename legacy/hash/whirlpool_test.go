package hash

import (
	"encoding/hex"
	"strings"
	"testing"
)

// The test vectors of the designers' reference implementation (ISO/IEC 10118-3, annex).
func TestWhirlpool(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":    "19fa61d75522a4669b44e39c1d2e1726c530232130d407f89afee0964997f7a73e83be698b288febcf88e3e03c4f0757ea8964e59b63d93708b138cc42a66eb3",
		"abc": "4e2448a4c6f486bb16b6562c73b4020bf3043e3a731bce721ae1b303d97e6d4c7181eebdb6c57e277d0e34957114cbd6c797fc9d95d8b582d225292076d4eef5",
		"12345678901234567890123456789012345678901234567890123456789012345678901234567890": "466ef18babb0154d25b9d38a6414f5c08784372bccb204d6549c4afadb6014294d5bd8df2a6c44e538cd047b2681a51a2c60481e88c5a20b2c2a80cf3a9a083b",
	} {
		h := newWhirlpool()
		h.Write([]byte(text[:len(text)/2]))
		h.Sum(nil) // must not disturb what follows
		h.Write([]byte(text[len(text)/2:]))
		if got := hex.EncodeToString(h.Sum(nil)); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// Every split of a text gives the same digest, also around the block's edge.
func TestWhirlpoolSplits(t *testing.T) {
	t.Parallel()
	text := []byte(strings.Repeat("0123456789", 20))
	for n := range text {
		whole, split := newWhirlpool(), newWhirlpool()
		whole.Write(text[:n])
		split.Write(text[:n/3])
		split.Write(text[n/3 : n])
		if string(whole.Sum(nil)) != string(split.Sum(nil)) {
			t.Errorf("%d bytes: the split changes the digest", n)
		}
	}
}
