package hash

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"rekey/legacy"
)

func TestDecimal(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"0": 0, "7": 7, "1000": 1000, "9223372036854775807": 1<<63 - 1} {
		if n, ok := decimal(text); !ok || n != want {
			t.Errorf("%q: %d, %t", text, n, ok)
		}
	}
	for _, text := range []string{"", "-1", "+1", " 1", "1 ", "01", "00", "1e3", "0x10", "1_000", "９", "9223372036854775808"} {
		if n, ok := decimal(text); ok {
			t.Errorf("%q is taken for %d", text, n)
		}
	}
}

func TestDecodeHex(t *testing.T) {
	t.Parallel()
	if b, ok := decodeHex("00fFAb", 3); !ok || !bytes.Equal(b, []byte{0, 0xff, 0xab}) {
		t.Errorf("%x, %t", b, ok)
	}
	for _, text := range []string{"", "00ff", "00ffab00", "00ffa", "00ffag", "00ff\na"} {
		if _, ok := decodeHex(text, 3); ok {
			t.Errorf("%q is taken for 3 bytes", text)
		}
	}
}

func TestDecode64(t *testing.T) {
	t.Parallel()
	in := []byte{0xfb, 0xff, 0xfe, 0x01}
	for _, enc := range []*base64.Encoding{b64Std, b64Raw, b64URL, b64RawURL, b64AB, b64Crypt, b64Bcrypt, b64Loose} {
		text := enc.EncodeToString(in)
		if b, ok := decode64(enc, text, 4); !ok || !bytes.Equal(b, in) {
			t.Errorf("%q: %x, %t", text, b, ok)
		}
		for _, bad := range []string{text[1:], text + "A", text + "=", text[:2] + "\n" + text[2:], text[:2] + "\r\n" + text[2:], "!" + text[1:]} {
			if _, ok := decode64(enc, bad, 4); ok {
				t.Errorf("%q is taken for 4 bytes", bad)
			}
		}
	}
	if _, ok := decode64(b64Raw, "+//+AR", 4); ok {
		t.Error("spare bits are not refused")
	}
	if _, ok := decode64(b64Std, "+//+AQ", anyLen); ok {
		t.Error("missing padding is not refused")
	}
}

func TestCrypt64(t *testing.T) {
	t.Parallel()
	for n := range 70 {
		in := bytes.Repeat([]byte{0xa5, 0x0f, 0xff}, 24)[:n]
		text := encodeCrypt64(in)
		if b, ok := decodeCrypt64(text, n); !ok || !bytes.Equal(b, in) {
			t.Errorf("%d bytes: %q is read as %x, %t", n, text, b, ok)
		}
		if _, ok := decodeCrypt64(text+".", n); ok {
			t.Errorf("%d bytes: a character more is not refused", n)
		}
	}
	if _, ok := decodeCrypt64(strings.Repeat(".", 21)+"z", 16); ok {
		t.Error("spare bits are not refused")
	}
	if _, ok := decodeCrypt64(strings.Repeat("-", 22), 16); ok {
		t.Error("another alphabet is not refused")
	}
}

func TestIntParam(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{"10": nil, "1": nil, "100": nil, "0": ErrBounds, "101": ErrBounds, "": ErrMalformed, "x": ErrMalformed, "-1": ErrMalformed} {
		_, err := intParam(legacy.Stored{Params: map[string]string{"rounds": text}}, "rounds", 5, 1, 100)
		if !errors.Is(err, want) || err != nil && !strings.Contains(err.Error(), "rounds") {
			t.Errorf("%q: %v, want %v that names the parameter", text, err, want)
		}
	}
	if n, err := intParam(legacy.Stored{}, "rounds", 5, 1, 100); n != 5 || err != nil {
		t.Errorf("missing: %d, %v", n, err)
	}
}
