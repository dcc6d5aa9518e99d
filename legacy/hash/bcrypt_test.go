package hash

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// The strings are crypt_blowfish 1.3's own self-test (wrapper.c).
func TestBcryptKernel(t *testing.T) {
	t.Parallel()
	e := &env{bounds: DefaultBounds()}
	for _, v := range [][2]string{
		{"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
		{"$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "U*U*"},
		{"$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", "U*U*U"},
		{"$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui", "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored"},
		{"$2x$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "\xa3"},
		{"$2x$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "\xff\xff\xa3"},
		{"$2y$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq", "\xa3"},
		{"$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "\xff\xff\xa3"},
		{"$2b$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq", "\xa3"},
		{"$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy", ""},
	} {
		stored, password := v[0], v[1]
		set, digest, err := parseBcrypt(e, stored)
		if err != nil {
			t.Errorf("%q: %v", stored, err)
			continue
		}
		if got := set.hash([]byte(password)); !bytes.Equal(got, digest) {
			t.Errorf("%q does not match %q", stored, password)
		}
		if set.encode(digest) != stored {
			t.Errorf("%q is written back as %q", stored, set.encode(digest))
		}
		masked, none, err := parseBcrypt(e, set.mask())
		if err != nil || masked != set || bytes.Equal(none, digest) {
			t.Errorf("%q: mask %q, %v", stored, set.mask(), err)
		}
	}
}

func TestBcryptRefuses(t *testing.T) {
	t.Parallel()
	e := &env{bounds: DefaultBounds()}
	good := "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
	for name, tc := range map[string]struct {
		stored string
		want   error
	}{
		"short":                {good[:59], ErrMalformed},
		"long":                 {good + "W", ErrMalformed},
		"variant c":            {"$2c" + good[3:], ErrMalformed},
		"variant absent":       {"$2$" + good[4:] + "W", ErrMalformed},
		"signed cost":          {strings.Replace(good, "$05$", "$-1$", 1), ErrMalformed},
		"one-digit cost":       {strings.Replace(good, "$05$", "$5$", 1) + "W", ErrMalformed},
		"salt alphabet":        {strings.Replace(good, "CCC", "C+C", 1), ErrMalformed},
		"newline in salt":      {strings.Replace(good, "CCC", "C\nC", 1), ErrMalformed},
		"digest alphabet":      {good[:59] + "=", ErrMalformed},
		"digest trailing bits": {good[:59] + "X", ErrMalformed},
		"cost 0":               {strings.Replace(good, "$05$", "$00$", 1), ErrBounds},
		"cost 3":               {strings.Replace(good, "$05$", "$03$", 1), ErrBounds},
		"cost 16":              {strings.Replace(good, "$05$", "$16$", 1), ErrBounds},
		"cost 31":              {strings.Replace(good, "$05$", "$31$", 1), ErrBounds},
	} {
		if _, _, err := parseBcrypt(e, tc.stored); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}
