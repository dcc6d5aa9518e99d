package token

import (
	"strings"
	"testing"

	"github.com/google/uuid"
)

// A known answer for the master key of the bytes 0 to 31, computed with Python's hmac and base64: if it changes,
// everybody is logged out.
const (
	knownRefresh        = "rk1_AZq8EiNFdneaq83vASNFZwAAASwHWgP4Coc4sPjM4-ycyKtbzOw_IIS5PVGhGVjrdneskQ"
	knownRefreshSession = "019abc12-2345-7677-9aab-cdef01234567"
	knownGeneration     = 300
)

func TestRefreshTokenForm(t *testing.T) {
	t.Parallel()
	key := refreshKey(testMaster(t).Derive(refreshPurpose))
	if text := key.text(uuid.MustParse(knownRefreshSession), knownGeneration); text != knownRefresh {
		t.Errorf("text is %s", text)
	}
	id, generation, ok := key.parse(knownRefresh)
	if !ok || id.String() != knownRefreshSession || generation != knownGeneration {
		t.Errorf("parse: %s, %d, %t", id, generation, ok)
	}
	if _, g, ok := key.parse(key.text(uuid.Max, maxGeneration)); !ok || g != maxGeneration {
		t.Errorf("the last generation came back as %d, %t", g, ok)
	}
	if _, _, ok := (refreshKey{}).parse(knownRefresh); ok {
		t.Error("another key accepted the token")
	}
	for name, text := range map[string]string{
		"empty":                    "",
		"no prefix":                strings.TrimPrefix(knownRefresh, refreshPrefix),
		"another prefix":           "rk2_" + strings.TrimPrefix(knownRefresh, refreshPrefix),
		"prefix alone":             refreshPrefix,
		"cut":                      knownRefresh[:len(knownRefresh)-1],
		"padded":                   knownRefresh + "==",
		"line end":                 knownRefresh + "\n",
		"line end for a character": knownRefresh[:20] + "\n" + knownRefresh[21:],
		// The last of 70 characters carries four bits that mean nothing.
		"stray bits": knownRefresh[:len(knownRefresh)-1] + "R",
		"long":       knownRefresh + strings.Repeat("A", 1<<20),
	} {
		if _, _, ok := key.parse(text); ok {
			t.Errorf("%s was accepted", name)
		}
	}
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := len(refreshPrefix); i < len(knownRefresh); i++ {
		for _, d := range digits {
			changed := knownRefresh[:i] + string(d) + knownRefresh[i+1:]
			if _, _, ok := key.parse(changed); ok && changed != knownRefresh {
				t.Fatalf("accepted with character %d changed to %c", i, d)
			}
		}
	}
}

func FuzzParseRefresh(f *testing.F) {
	key := refreshKey(testMaster(f).Derive(refreshPurpose))
	f.Add(knownRefresh)
	f.Add(refreshPrefix)
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		id, generation, ok := key.parse(text)
		if ok && key.text(id, generation) != text {
			t.Errorf("%q was accepted, and is not how %s, %d is written", text, id, generation)
		}
		if ok && text != knownRefresh {
			t.Errorf("%q was accepted without the key", text)
		}
	})
}
