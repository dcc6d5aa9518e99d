package token

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"testing"

	"filippo.io/edwards25519"
	"pgregory.net/rapid"
)

// The vectors are those of RFC 8032, section 7.1: seed, text and signature.
func TestMadeVectors(t *testing.T) {
	t.Parallel()
	for _, v := range [][3]string{
		{
			"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "",
			"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
		},
		{
			"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "72",
			"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
		},
		{
			"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "af82",
			"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
		},
	} {
		k := newOwnKey(ed25519.NewKeyFromSeed(fromHex(t, v[0])))
		if !k.made(fromHex(t, v[2]), fromHex(t, v[1])) {
			t.Errorf("the signature of %q is not recognised", v[1])
		}
	}
}

func fromHex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What Sign returns is accepted. With one bit changed anywhere, in the signature, the text or the key, or with a byte more
// or less, it is not.
func TestMade(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.SliceOfN(rapid.Byte(), ed25519.SeedSize, ed25519.SeedSize).Draw(t, "seed")
		text := rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "text")
		private := ed25519.NewKeyFromSeed(seed)
		k, signature := newOwnKey(private), ed25519.Sign(private, text)
		if !k.made(signature, text) {
			t.Fatal("what was signed is not recognised")
		}
		for bit := range 8 * len(signature) {
			if k.made(flipped(signature, bit), text) {
				t.Fatalf("accepted with bit %d of the signature changed", bit)
			}
		}
		for bit := range 8 * len(text) {
			if k.made(signature, flipped(text, bit)) {
				t.Fatalf("accepted with bit %d of the text changed", bit)
			}
		}
		for n := range signature {
			if k.made(signature[:n], text) || k.made(append(bytes.Clone(signature), signature[:n+1]...), text) {
				t.Fatalf("accepted with %d bytes, or %d", n, len(signature)+n+1)
			}
		}
		other := ed25519.NewKeyFromSeed(flipped(seed, rapid.IntRange(0, 8*len(seed)-1).Draw(t, "bit")))
		if newOwnKey(other).made(signature, text) {
			t.Fatal("accepted by another key")
		}
	})
}

func flipped(b []byte, bit int) []byte {
	b = bytes.Clone(b)
	b[bit/8] ^= 1 << (bit % 8)
	return b
}

// A signature that the public key accepts and that Sign would not have made is not ours: each R has one S, and only the R
// of Sign has the one that it needs.
func TestMadeIsTheOneSignature(t *testing.T) {
	t.Parallel()
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	k, text := newOwnKey(private), []byte("text")
	r := hashScalar([]byte("some other number"))
	signature := new(edwards25519.Point).ScalarBaseMult(r).Bytes()
	c := hashScalar(signature, k.public, text)
	signature = append(signature, new(edwards25519.Scalar).MultiplyAdd(c, k.scalar, r).Bytes()...)
	if !ed25519.Verify(private.Public().(ed25519.PublicKey), text, signature) {
		t.Fatal("the public key does not accept the signature that this is about")
	}
	if k.made(signature, text) {
		t.Error("a signature with another R is accepted")
	}
	// S and S plus the order are the same number; only one of them is written.
	signature = ed25519.Sign(private, text)
	order := fromHex(t, "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
	carry := 0
	for i, b := range order {
		sum := int(signature[32+i]) + int(b) + carry
		signature[32+i], carry = byte(sum), sum>>8
	}
	if k.made(signature, text) {
		t.Error("a signature with an S beyond the order is accepted")
	}
}
