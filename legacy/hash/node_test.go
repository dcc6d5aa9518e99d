package hash

import (
	"encoding/base64"
	"maps"
	"strings"
	"testing"

	"rekey/legacy"
)

func FuzzNode(f *testing.F) { fuzzApp(f, nodeSchemes()) }

// The scrypt rows are CPython's hashlib.
const (
	nodeLegacyScrypt = "0123456789abcdef0123456789abcdef:d17d0629e32ad3ac88ab78b388a13cb98d41fa6ed2e104e81b80e25bc66af3008a31dd0a0a9fa8bef5b167c25ca65cb0c9278b211bd5ab1270f7104cadd89486" // of "password", r=8
	nodeFoldedScrypt = "0123456789abcdef0123456789abcdef:f1056a2236e925a0efc59870b5d4da437438fd11a8f8855875ccba110c33a0b357ec8438a6af15b9301842ea2b6dec4c68cfb6150bdcdf40c153619e6c4566b4" // of "file2", r=16
)

func TestNode(t *testing.T) {
	t.Parallel()
	firebase := appRow(t, "firebase-scrypt")
	signerKey := map[string]string{"signerKey": firebase.Params["signerKey"]}
	urlSafe := strings.NewReplacer("+", "-", "/", "_")
	runApp(t, []appCase{
		{scheme: "lucia-scrypt-legacy", stored: nodeLegacyScrypt, fold: FoldNFKC},
		{name: "r from params", scheme: "better-auth", stored: nodeLegacyScrypt, params: map[string]string{"r": "8"}, fold: FoldNFKC},
		{name: "ligature and superscript", scheme: "better-auth", stored: nodeFoldedScrypt, password: "file2", other: "\ufb01le\u00b2", fold: FoldNFKC},
		{name: "firebase's defaults", scheme: "firebase", stored: firebase.Hash, salt: firebase.Salt, params: signerKey},
		{name: "firebase, URL-safe", scheme: "firebase", stored: urlSafe.Replace(firebase.Hash), salt: urlSafe.Replace(firebase.Salt), params: signerKey},
	})
}

// r=8 and r=16 are told apart by the declaration alone.
func TestNodeScryptVersions(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	for _, scheme := range []string{"better-auth", "lucia"} {
		h, err := r.Open(legacy.Stored{Scheme: scheme, Hash: nodeLegacyScrypt})
		if err != nil || h.Verify([]byte("password")) {
			t.Errorf("%s verifies a hash of r=8 (%v)", scheme, err)
		}
	}
}

func TestNodeRefuses(t *testing.T) {
	t.Parallel()
	firebase, mongoose := appRow(t, "firebase-scrypt"), appRow(t, "passport-local-mongoose")
	with := func(s legacy.Stored, name, value string) map[string]string {
		params := map[string]string{}
		maps.Copy(params, s.Params)
		params[name] = value
		return params
	}
	node := func(name, value string) map[string]string { return map[string]string{name: value} }
	var cases []appCase
	for _, c := range []struct {
		name, value string
		want        error
	}{
		{"signerKey", "", ErrMalformed}, {"signerKey", "AAAA", ErrMalformed}, {"signerKey", "not base64", ErrMalformed},
		{"saltSeparator", "!", ErrMalformed}, {"memCost", "0", ErrBounds}, {"memCost", "64", ErrBounds}, {"memCost", "14.0", ErrMalformed},
		{"rounds", "0", ErrBounds}, {"rounds", "-8", ErrMalformed},
	} {
		cases = append(cases, appCase{
			name: "firebase " + c.name + "=" + c.value, scheme: "firebase-scrypt", stored: firebase.Hash, salt: firebase.Salt,
			params: with(firebase, c.name, c.value), want: c.want, mentions: c.name,
		})
	}
	runApp(t, append(cases, []appCase{
		{name: "firebase without a key", scheme: "firebase-scrypt", stored: firebase.Hash, salt: firebase.Salt, want: ErrMalformed, mentions: "signerKey"},
		{name: "firebase without a salt", scheme: "firebase-scrypt", stored: firebase.Hash, params: firebase.Params, want: ErrMalformed, mentions: "salt"},
		{name: "firebase salt", scheme: "firebase-scrypt", stored: firebase.Hash, salt: strings.Repeat("AAAA", 342), params: firebase.Params, want: ErrBounds, mentions: "salt"},
		{name: "firebase digest of 48 bytes", scheme: "firebase-scrypt", stored: firebase.Hash[:64], salt: firebase.Salt, params: firebase.Params, want: ErrMalformed, mentions: "signer key"},
		{name: "firebase memory", scheme: "firebase-scrypt", stored: firebase.Hash, salt: firebase.Salt, params: with(firebase, "memCost", "19"), want: ErrBounds, mentions: "scrypt"},
		{name: "better-auth N", scheme: "better-auth", stored: nodeFoldedScrypt, params: node("N", "1000"), want: ErrMalformed, mentions: "N"},
		{name: "better-auth memory", scheme: "better-auth", stored: nodeFoldedScrypt, params: node("N", "1048576"), want: ErrBounds, mentions: "scrypt"},
		{name: "better-auth p", scheme: "better-auth", stored: nodeFoldedScrypt, params: node("p", "17"), want: ErrBounds, mentions: "scrypt p"},
		{name: "short salt", scheme: "better-auth", stored: nodeFoldedScrypt[17+8:], want: ErrMalformed},
		{name: "s2 undeclared", scheme: "lucia", stored: "s2:" + nodeFoldedScrypt, want: ErrMalformed},
		{name: "s2 absent", scheme: "lucia-s2", stored: nodeFoldedScrypt, want: ErrMalformed},
		{name: "payload without a salt", scheme: "payload", stored: mongoose.Hash, want: ErrMalformed, mentions: "salt"},
		{name: "payload digest", scheme: "payload", stored: mongoose.Hash, salt: "s", params: node("digest", "rot13"), want: ErrMalformed, mentions: "digest"},
		{name: "payload iterations", scheme: "payload", stored: mongoose.Hash, salt: "s", params: node("iterations", "10000001"), want: ErrBounds, mentions: "iterations"},
		{name: "payload key length", scheme: "payload", stored: mongoose.Hash, salt: "s", params: node("dklen", "64"), want: ErrMalformed},
		{name: "payload no key", scheme: "payload", stored: mongoose.Hash, salt: "s", params: node("dklen", "0"), want: ErrBounds, mentions: "dklen"},
		{name: "npm password-hash rounds", scheme: "npm-password-hash", stored: "sha1$salt$2000001$" + strings.Repeat("0", 40), want: ErrBounds, mentions: "iterations"},
		{name: "npm password-hash digest", scheme: "npm-password-hash", stored: "md4$salt$1$" + strings.Repeat("0", 32), want: ErrMalformed},
	}...))
}

func TestNodeNeighbours(t *testing.T) {
	t.Parallel()
	appNeighboursOf(t, "better-auth-scrypt", "lucia-scrypt", "lucia-scrypt-s2", "passport-local-mongoose", "payload-pbkdf2",
		"bcrypt-sha256hex", "node-scrypt-hex", "npm-password-hash", "npm-pbkdf2-password", "scrypt-kdf-b64")
	appNeighbours(t, "lucia-scrypt-legacy", nodeLegacyScrypt, "", nil)
}

// Meteor hashes first, so nothing of a long password is lost.
func TestMeteorReadsAll(t *testing.T) {
	t.Parallel()
	h, err := New(Config{}).Open(appRow(t, "bcrypt-sha256hex"))
	if err != nil || h.Limit != 0 {
		t.Fatalf("limit %d, %v", h.Limit, err)
	}
	one, _ := h.Digest([]byte(strings.Repeat("a", 80) + "b"))
	two, _ := h.Digest([]byte(strings.Repeat("a", 80) + "c"))
	if string(one) == string(two) {
		t.Error("the end of a long password is ignored")
	}
}

// A scrypt header whose costs were changed fails at its own checksum, before anything is spent; one that is made anew
// with such costs fails at the bounds.
func TestScryptKDFHeader(t *testing.T) {
	t.Parallel()
	s := appRow(t, "scrypt-kdf-b64")
	good, err := base64.StdEncoding.DecodeString(s.Hash)
	if err != nil {
		t.Fatal(err)
	}
	d := hashSHA256
	edit := func(at int, value byte, sign bool) string {
		header := append([]byte(nil), good...)
		header[at] = value
		if sign {
			copy(header[48:64], d.sum(header[:48]))
		}
		return base64.StdEncoding.EncodeToString(header)
	}
	runApp(t, []appCase{
		{name: "signed, unchanged", scheme: "scrypt-kdf", stored: edit(7, good[7], true)},
		{name: "changed cost", scheme: "scrypt-kdf", stored: edit(7, good[7]+1, false), want: ErrMalformed, mentions: "checksum"},
		{name: "log2 N", scheme: "scrypt-kdf", stored: edit(7, 63, true), want: ErrBounds, mentions: "scrypt"},
		{name: "log2 N beyond a word", scheme: "scrypt-kdf", stored: edit(7, 64, true), want: ErrBounds, mentions: "scrypt"},
		{name: "log2 N of nothing", scheme: "scrypt-kdf", stored: edit(7, 0, true), want: ErrBounds, mentions: "scrypt"},
		{name: "r", scheme: "scrypt-kdf", stored: edit(8, 255, true), want: ErrBounds, mentions: "scrypt r"},
		{name: "p", scheme: "scrypt-kdf", stored: edit(12, 255, true), want: ErrBounds, mentions: "scrypt p"},
		{name: "version", scheme: "scrypt-kdf", stored: edit(6, 1, true), want: ErrMalformed},
	})
}
