package hash

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"rekey/legacy"
)

// cheapBounds let a fuzz target compute whatever opens.
func cheapBounds() Bounds {
	return Bounds{
		BcryptCost: 4, Argon2Memory: 64, Argon2Time: 2, Argon2Lanes: 4, Argon2Work: 128, ScryptMemory: 1 << 20, ScryptParallel: 2,
		PBKDF2Iterations: 1000, SHACryptRounds: 5000, PHPassLog2: 8, DigestIterations: 1000, Salt: 256,
	}
}

// fuzzFamily fuzzes stored strings against some schemes and auto, seeded by their rows: nothing panics; what opens
// also opens masked, to the same mask and the same digest.
func fuzzFamily(f *testing.F, schemes []Scheme) {
	names := []string{Auto}
	rows := map[string]bool{}
	for _, s := range schemes {
		names = append(names, s.Name)
		for _, name := range append(s.Aliases, s.Name) {
			rows[name] = true
		}
	}
	for _, v := range readVectors(f) {
		if rows[v.Format] {
			f.Add(v.Hash, v.Password)
		}
	}
	r, cheap := New(Config{}), New(Config{Bounds: cheapBounds()})
	f.Fuzz(func(t *testing.T, stored, password string) {
		for _, name := range names {
			if h, err := r.Open(legacy.Stored{Scheme: name, Hash: stored}); err == nil {
				checkOpened(t, r, h)
			} else if errors.Is(err, ErrScheme) {
				t.Errorf("%s: %v", name, err)
			}
			if h, err := cheap.Open(legacy.Stored{Scheme: name, Hash: stored}); err == nil {
				checkDigest(t, cheap, h, password)
			}
		}
	})
}

// checkOpened checks what holds for every hash that opens.
func checkOpened(t *testing.T, r *Registry, h *Hash) *Hash {
	t.Helper()
	if len(h.Stored()) == 0 || h.Limit < 0 || h.Memory < 0 || h.Memory > 2*DefaultBounds().ScryptMemory {
		t.Errorf("%s: %d bytes of digest, limit %d, memory %d", h.Scheme, len(h.Stored()), h.Limit, h.Memory)
	}
	again, err := r.Open(h.Masked())
	if err != nil {
		t.Fatalf("%s: opens, but masked it does not: %v", h.Scheme, err)
	}
	if again.Masked().Hash != h.Masked().Hash || again.Scheme != h.Scheme {
		t.Errorf("%s: the mask's mask is another", h.Scheme)
	}
	return again
}

// checkDigest computes a digest from the hash and from its mask.
func checkDigest(t *testing.T, r *Registry, h *Hash, password string) {
	t.Helper()
	again := checkOpened(t, r, h)
	want, err := h.Digest([]byte(password))
	got, err2 := again.Digest([]byte(password))
	if !bytes.Equal(got, want) || (err == nil) != (err2 == nil) {
		t.Errorf("%s: the mask computes another digest (%v, %v)", h.Scheme, err, err2)
	}
}

func FuzzCrypt(f *testing.F) { fuzzFamily(f, cryptSchemes()) }

func FuzzPHC(f *testing.F) { fuzzFamily(f, phcSchemes()) }

func FuzzLDAP(f *testing.F) { fuzzFamily(f, ldapSchemes()) }

// FuzzRecipe fuzzes a recipe, and what is opened under it: errors name a column, and a recipe that compiles opens the
// digest that it makes.
func FuzzRecipe(f *testing.F) {
	for _, recipe := range []string{
		"md5($pass.$salt)", "sha1($salt.sha1($pass))", "base64(sha512(utf16le($pass).$salt))", "upper(md5(lower($p)))",
		"iterate(9, $pepper, sha1($it.'--'.$salt.\"--\".$pass))", "base64(iterate(99,sha512_bin($p),sha512_bin($it.$p)))",
		"pbkdf2_sha256($pass,$salt,10,32)", "hmac_sha256($salt,$pass)", "whirlpool_bin($pass)", "md5(unhex($salt).raw(md5($pass)))",
	} {
		f.Add(recipe, "00ff", "split::", "password")
		f.Add(recipe, "salt", "column", "Pässwort")
	}
	r := New(Config{Bounds: cheapBounds()})
	f.Fuzz(func(t *testing.T, text, salt, from, password string) {
		recipe, err := compileRecipe(r.env.bounds, text)
		if err != nil {
			if !errors.Is(err, ErrScheme) || len(text) <= maxRecipe && !strings.Contains(err.Error(), "column ") {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		s := legacy.Stored{Scheme: text, Salt: salt, User: "user", Params: map[string]string{"pepper": "pepper", "salt_from": from}}
		for _, hash := range []string{strings.Repeat("0", max(0, recipe.root.size)), salt} {
			s.Hash = hash + ":" + salt
			if from == "column" {
				s.Hash = hash
			}
			if h, err := r.Open(s); err == nil {
				checkDigest(t, r, h, password)
			} else if errors.Is(err, ErrScheme) && isRecipe(text) {
				t.Errorf("%q compiles, but opens with %v", text, err)
			}
		}
	})
}

// FuzzPHP: whatever the stored string, Open neither panics nor takes long, and what it opens it also opens masked,
// to the same digest.
func FuzzPHP(f *testing.F) {
	var names []string
	for _, s := range slices.Concat(phpSchemes(), phpDigestSchemes()) {
		names = append(names, s.Name)
	}
	number := func(name string) byte { return byte(slices.Index(names, name)) }
	for _, row := range phpRows(f) {
		f.Add(number(row.Format), row.Hash, row.Salt, row.Extra["pepper"])
	}
	for _, stored := range []string{phpPortable, phpDrupal, "U" + phpDrupal, "$wp" + phpBcrypt, "1|" + phpBcrypt, ":B:salt:" + phpHex32, phpHex64 + ":salt:1:2"} {
		for _, name := range []string{"phpass", "drupal", "wordpress", "nextcloud", "mediawiki", "magento2"} {
			f.Add(number(name), stored, "", "")
		}
	}
	f.Add(number("mediawiki"), ":pbkdf2-legacyB:!sha512:10:64!ab!"+phpSalt64+"!"+strings.Repeat("A", 86)+"==", "", "")
	f.Add(number("seafile-pbkdf2"), "PBKDF2SHA256$10$00$"+phpHex64, "", "")
	// Costs that are cheap, so that digests can be compared.
	r := New(Config{Bounds: Bounds{
		BcryptCost: 4, Argon2Memory: 64, Argon2Time: 2, Argon2Work: 128, PBKDF2Iterations: 100, PHPassLog2: 7, DigestIterations: 100,
	}})
	f.Fuzz(func(t *testing.T, scheme byte, stored, salt, pepper string) {
		s := legacy.Stored{Scheme: names[int(scheme)%len(names)], Hash: stored, Salt: salt, User: salt}
		if pepper != "" {
			s.Params = map[string]string{"pepper": pepper}
		}
		h, err := r.Open(s)
		if err != nil {
			return
		}
		masked, err := r.Open(h.Masked())
		if err != nil {
			t.Fatalf("%s opens, but masked it does not: %v", s.Scheme, err)
		}
		want, wantErr := h.Digest([]byte("password"))
		got, gotErr := masked.Digest([]byte("password"))
		if string(want) != string(got) || (wantErr == nil) != (gotErr == nil) {
			t.Errorf("%s: the masked value gives another digest", s.Scheme)
		}
	})
}
