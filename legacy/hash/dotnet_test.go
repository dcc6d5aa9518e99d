package hash

import (
	"encoding/base64"
	"strings"
	"testing"

	"rekey/legacy"
)

func FuzzDotnet(f *testing.F) { fuzzApp(f, dotnetSchemes()) }

// hashcat's published examples 141, 1441 and 24800.
const (
	dotnetEPiServer0 = "$episerver$*0*bEtiVGhPNlZpcUN4a3ExTg==*utkfN0EOgljbv5FoZ6+AcZD5iLk"
	dotnetEPiServer1 = "$episerver$*1*MDEyMzQ1Njc4OWFiY2RlZg==*lRjiU46qHA7S6ZE7RfKUcYhB85ofArj1j7TrCtu3u6Y"
	dotnetUmbraco    = "8uigXlGMNI7BzwLCJlDbcKR2FP4="
)

func TestDotnet(t *testing.T) {
	t.Parallel()
	runApp(t, []appCase{
		{scheme: "episerver", stored: dotnetEPiServer0, password: "hashcat"},
		{name: "episerver sha256", scheme: "episerver", stored: dotnetEPiServer1, password: "hashcat"},
		{scheme: "umbraco", stored: dotnetUmbraco, password: "hashcat"},
	})
}

// identityRecord edits the record of a row and returns it in base64.
func identityRecord(t *testing.T, format string, edit func(record []byte) []byte) string {
	t.Helper()
	record, err := base64.StdEncoding.DecodeString(appRow(t, format).Hash)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(edit(record))
}

func TestDotnetRefuses(t *testing.T) {
	t.Parallel()
	v3 := func(at int, value byte) string {
		return identityRecord(t, "aspnet-identity-v3", func(record []byte) []byte { record[at] = value; return record })
	}
	cut := func(format string, n int) string {
		return identityRecord(t, format, func(record []byte) []byte { return record[:len(record)-n] })
	}
	grow := func(format string) string {
		return identityRecord(t, format, func(record []byte) []byte { return append(record, 0) })
	}
	// A record that claims a salt of 8 bytes and is as short as that makes it.
	short := identityRecord(t, "aspnet-identity-v3", func(record []byte) []byte {
		record[12] = 8
		return append(record[:21:21], record[29:]...)
	})
	long := identityRecord(t, "aspnet-identity-v3", func(record []byte) []byte {
		record[11], record[12] = 4, 1 // 1,025 bytes of salt
		return append(append(record[:13:13], make([]byte, 1025)...), record[29:]...)
	})
	membership := appRow(t, "aspnet-membership-sha1")
	runApp(t, []appCase{
		{name: "v2 short", scheme: "aspnet-identity-v2", stored: cut("aspnet-identity-v2", 1), want: ErrMalformed},
		{name: "v2 long", scheme: "aspnet-identity-v2", stored: grow("aspnet-identity-v2"), want: ErrMalformed},
		{name: "v2 as v3", scheme: "aspnet-identity-v3", stored: cut("aspnet-identity-v2", 0), want: ErrMalformed},
		{name: "v3 as v2", scheme: "aspnet-identity-v2", stored: cut("aspnet-identity-v3", 0), want: ErrMalformed},
		{name: "v3 short", scheme: "aspnet-identity-v3", stored: cut("aspnet-identity-v3", 1), want: ErrMalformed},
		{name: "v3 half a key", scheme: "aspnet-identity-v3", stored: cut("aspnet-identity-v3", 16), want: ErrMalformed},
		{name: "v3 long", scheme: "aspnet-identity-v3", stored: grow("aspnet-identity-v3"), want: ErrMalformed},
		{name: "v3 version", scheme: "aspnet-identity-v3", stored: v3(0, 2), want: ErrMalformed},
		{name: "either version", scheme: "aspnet-identity", stored: v3(0, 2), want: ErrMalformed},
		{name: "v3 prf", scheme: "aspnet-identity-v3", stored: v3(4, 3), want: ErrMalformed, mentions: "PRF"},
		{name: "v3 prf high byte", scheme: "aspnet-identity-v3", stored: v3(1, 0x80), want: ErrMalformed, mentions: "PRF"},
		{name: "v3 iterations", scheme: "aspnet-identity-v3", stored: v3(5, 0xff), want: ErrBounds, mentions: "iterations"},
		{name: "v3 salt length", scheme: "aspnet-identity-v3", stored: v3(12, 17), want: ErrMalformed},
		{name: "v3 salt length high byte", scheme: "aspnet-identity-v3", stored: v3(9, 0xff), want: ErrMalformed},
		{name: "v3 short salt", scheme: "aspnet-identity-v3", stored: short, want: ErrMalformed},
		{name: "v3 long salt", scheme: "aspnet-identity-v3", stored: long, want: ErrBounds, mentions: "salt"},
		{name: "membership without a salt", scheme: "aspnet-membership-sha1", stored: membership.Hash, want: ErrMalformed, mentions: "salt"},
		{name: "membership of another digest", scheme: "aspnet-membership-sha256", stored: membership.Hash, salt: membership.Salt, want: ErrMalformed},
		{name: "membership salt", scheme: "aspnet-membership-sha1", stored: membership.Hash, salt: strings.Repeat("AAAA", 342), want: ErrBounds, mentions: "salt"},
		{name: "episerver version", scheme: "episerver", stored: strings.Replace(dotnetEPiServer0, "*0*", "*2*", 1), want: ErrMalformed},
	})
}

func TestDotnetNeighbours(t *testing.T) {
	t.Parallel()
	appNeighboursOf(t, "aspnet-identity-v2", "aspnet-identity-v3", "aspnet-membership-sha1", "aspnet-membership-sha256")
	appNeighbours(t, "episerver", dotnetEPiServer0, "", nil)
	appNeighbours(t, "umbraco", dotnetUmbraco, "", nil)
}

// Bytes that are not UTF-8 have no UTF-16: they are refused, not made one password.
func TestDotnetRefusesNonUTF8(t *testing.T) {
	t.Parallel()
	membership := appRow(t, "aspnet-membership-sha1")
	for _, s := range []legacy.Stored{membership, {Scheme: "umbraco", Hash: dotnetUmbraco}} {
		h, err := New(Config{}).Open(s)
		if err != nil {
			t.Fatal(err)
		}
		if digest, err := h.Digest([]byte("\xff")); err == nil {
			t.Errorf("%s: hashes a lone 0xff to %d bytes", s.Scheme, len(digest))
		}
	}
}
