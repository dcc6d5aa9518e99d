package hash

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"rekey/legacy"
)

// What the rows do not show of CRAM-MD5, Jetty's obfuscation and SQL Server 2000.

func TestCRAMMD5LongKey(t *testing.T) {
	t.Parallel()
	long := []byte(strings.Repeat("a", 65))
	if got, want := cramMD5(long), cramMD5(hashMD5.sum(long)); !bytes.Equal(got, want) {
		t.Errorf("a key of 65 bytes gives %x, want that of its MD5, %x", got, want)
	}
	if bytes.Equal(cramMD5(long[:64]), cramMD5(hashMD5.sum(long[:64]))) {
		t.Error("a key of 64 bytes is hashed first")
	}
}

func TestMSSQL2000IgnoresCase(t *testing.T) {
	t.Parallel()
	const digests = "CD93CDF48EAC3C687CA06818128D2D70116918C2FE9A81F183F63CC02ADFA27AC228EE000FAC2CE4"
	h, err := New(Config{}).Open(legacy.Stored{Hash: "0x01008650AAB5" + digests})
	if err != nil {
		t.Fatal(err)
	}
	if h.Scheme != "mssql2000" || h.Fold != FoldUpper || !h.Verify([]byte("pAssWord")) || h.Verify([]byte("passwort")) {
		t.Errorf("%s with fold %q does not take the password in any case", h.Scheme, h.Fold)
	}
	if _, err := h.Digest([]byte("\xff")); !errors.Is(err, ErrPassword) {
		t.Errorf("bytes that are not UTF-8: %v, want ErrPassword", err)
	}
}

func TestExtraRefusals(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	const obf, cram = "1v2j1uum1xtv1zej1zer1xtn1uvk1v1v", "9186d855e11eba527a7a52ca82b313e180d62234f0acc9051b527243d41e2740"
	for stored, want := range map[string]error{
		"OBF:" + obf:                             nil,
		"OBF:":                                   ErrUnusable,
		"OBF:" + obf + "0":                       ErrMalformed,
		"OBF:" + obf[:31]:                        ErrMalformed,
		"OBF:UU" + obf:                           ErrMalformed,
		"OBF:" + strings.ToUpper(obf):            ErrMalformed,
		"OBF:1v2j1uu+" + obf:                     ErrMalformed,
		"{CRAM-MD5}" + cram:                      nil,
		"{CRAM-MD5}" + cram[:62]:                 ErrMalformed,
		"{HMAC-MD5}" + cram + "00":               ErrMalformed,
		"{CRAM-MD5}z" + cram[1:]:                 ErrMalformed,
		"0x0100" + strings.Repeat("0", 88):       nil,
		"0x0100" + strings.Repeat("0", 87):       ErrMalformed,
		"0x0100" + strings.Repeat("0", 90):       ErrMalformed,
		"0x0100" + strings.Repeat("0", 87) + "g": ErrMalformed,
	} {
		if _, err := r.Open(legacy.Stored{Scheme: Auto, Hash: stored}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", stored, err, want)
		}
	}
}
