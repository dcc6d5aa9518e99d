package survey

import (
	"slices"
	"testing"

	"rekey/legacy"
	"rekey/legacy/hash"
)

func TestStrength(t *testing.T) {
	t.Parallel()
	const (
		bcryptTail = "$abcdefghijklmnopqrstuuO4WZ1Yo4Ov0Xk2cpdYuOXqj1m6TvHme"
		md5Hex     = "5f4dcc3b5aa765d61d8327deb882cf99"
	)
	registry := hash.New(hash.Config{})
	j := &judge{hashes: registry}
	for _, tt := range []struct {
		stored  legacy.Stored
		scheme  string
		want    Strength
		carried bool
	}{
		{legacy.Stored{Scheme: "plaintext", Hash: "hunter2"}, "plaintext", Plain, false},
		{legacy.Stored{Hash: "{CLEARTEXT}hunter2"}, "ldap {CLEARTEXT}", Plain, false},
		{legacy.Stored{Scheme: "raw-md5-hex", Hash: md5Hex}, "raw-md5-hex", Broken, false},
		{legacy.Stored{Hash: "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"}, "mysql41", Broken, false},
		{legacy.Stored{Hash: "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="}, "ldap {SHA}", Broken, false},
		{legacy.Stored{Hash: "{SSHA}9y2nP6QwyqGGoAyZsPPDF1R8OQyYQ2h4"}, "ldap {SSHA}", FastSalted, false},
		{legacy.Stored{Scheme: "md5($pass.$salt)", Hash: md5Hex, Salt: "x"}, "recipe", FastSalted, false},
		{legacy.Stored{Hash: "$P$B7WWMmOgFV.kM7HtH7aZGNRA4cJD3d1"}, "phpass", SlowWeak, false},
		{legacy.Stored{Hash: "$1$abcdefgh$irWbblnpmw.5z7wgBnprh0"}, "md5crypt", SlowWeak, false},
		{legacy.Stored{Hash: "$2y$05" + bcryptTail}, "bcrypt", SlowWeak, false},
		{legacy.Stored{Hash: "$2y$10" + bcryptTail}, "bcrypt", Strong, true},
		{legacy.Stored{Hash: "{CRYPT}$2y$12" + bcryptTail}, "ldap {CRYPT}", Strong, true},
		{legacy.Stored{Hash: "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$" + "RdescudvJCsgt3ub+b1dWRWJTmaaJObG"}, "argon2", Strong, true},
		{legacy.Stored{Hash: "$argon2id$v=19$m=4096,t=3,p=1$c29tZXNhbHQ$" + "RdescudvJCsgt3ub+b1dWRWJTmaaJObG"}, "argon2", SlowWeak, false},
		{legacy.Stored{Hash: "pbkdf2_sha256$260000$salt$" + "9WZ0IUEGlXI4C0kgGKjGQ9sqJ0LVcXFVnjOi4nNUaGw="}, "django-pbkdf2-sha256", SlowWeak, false},
		{legacy.Stored{Hash: "pbkdf2_sha256$600000$salt$" + "9WZ0IUEGlXI4C0kgGKjGQ9sqJ0LVcXFVnjOi4nNUaGw="}, "django-pbkdf2-sha256", Strong, false},
	} {
		v := j.look(tt.stored)
		if v.foreign != nil || v.none {
			t.Errorf("%.12s…: %+v", tt.stored.Hash, v)
			continue
		}
		if want := (schemeRow{tt.scheme, tt.want, tt.carried}); v.row != want {
			t.Errorf("%.12s…: %+v, want %+v", tt.stored.Hash, v.row, want)
		}
		if back := rowOf(v.row.key()); back != v.row {
			t.Errorf("its key reads back as %+v", back)
		}
	}
}

// TestSlowRecipeIsMeasured: no table knows a recipe, so it is tried.
func TestSlowRecipeIsMeasured(t *testing.T) {
	t.Parallel()
	j := &judge{hashes: hash.New(hash.Config{})}
	v := j.look(legacy.Stored{Scheme: "iterate(50000, md5($pass.$salt), md5($it.$salt))", Hash: "5f4dcc3b5aa765d61d8327deb882cf99", Salt: "x"})
	if v.foreign != nil {
		t.Fatal(v.foreign.Reason)
	}
	if v.row.strength != SlowWeak {
		t.Errorf("%+v", v.row)
	}
}

// TestEachListedSchemeIsThere: a name that the registry does not know would be a rule that never holds.
func TestEachListedSchemeIsThere(t *testing.T) {
	t.Parallel()
	var known []string
	for _, s := range hash.New(hash.Config{}).Schemes() {
		known = append(known, append(s.Aliases, s.Name)...)
	}
	for strength, names := range families {
		for _, name := range names {
			if !slices.Contains(known, name) {
				t.Errorf("%s: no scheme is called %q", strength, name)
			}
		}
	}
	for _, name := range containers {
		if !slices.Contains(known, name) {
			t.Errorf("no scheme is called %q", name)
		}
	}
}

func FuzzStrength(f *testing.F) {
	for _, seed := range []string{"$2y$10$", "$2$", "$2", "$2yy10$1", "pbkdf2:sha256:1$", "{\"hashIterations\":9", "$argon2id$v=19$m=1,t=99999999999,p=1$"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, stored string) {
		if cost := bcryptCost(stored); cost < 0 || cost > 99 {
			t.Errorf("cost %d", cost)
		}
		_ = strengthOf(&hash.Hash{Scheme: "pbkdf2"}, legacy.Stored{Hash: stored}) // it must not panic
	})
}
