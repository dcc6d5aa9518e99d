package hash

import (
	"bytes"
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey/legacy"
)

// What the rows of testdata/vectors.jsonl do not cover of the application schemes, and the tools for it that the tests
// of Ruby, Node, .NET and Java use as well.

// An appCase is a stored value; "password" is its password unless another is named.
type appCase struct {
	name           string
	scheme         string
	stored, salt   string
	params         map[string]string
	password       string
	want           error  // of Open; nil: it opens and the password verifies
	mentions       string // a word of the error's text
	limit          int
	fold           Fold
	other          string // another password that verifies as well
	never          string // a password that must not verify
	schemeOnceOpen string // Hash.Scheme
}

func (c appCase) run(t *testing.T) {
	t.Helper()
	h, err := New(Config{}).Open(legacy.Stored{Scheme: c.scheme, Hash: c.stored, Salt: c.salt, Params: c.params})
	if c.want != nil {
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		} else if !strings.Contains(err.Error(), c.mentions) {
			t.Errorf("%s: %q does not mention %s", c.name, err, c.mentions)
		}
		return
	}
	if err != nil {
		t.Errorf("%s: %v", c.name, err)
		return
	}
	password := cmp.Or(c.password, "password")
	if !h.Verify([]byte(password)) {
		t.Errorf("%s: does not verify", c.name)
	}
	if h.Verify([]byte(cmp.Or(c.never, "passworD"))) {
		t.Errorf("%s: verifies a wrong password", c.name)
	}
	if c.other != "" && !h.Verify([]byte(c.other)) {
		t.Errorf("%s: does not verify the other spelling", c.name)
	}
	if h.Limit != c.limit || h.Fold != c.fold {
		t.Errorf("%s: limit %d and fold %q, want %d and %q", c.name, h.Limit, h.Fold, c.limit, c.fold)
	}
	if c.schemeOnceOpen != "" && h.Scheme != c.schemeOnceOpen {
		t.Errorf("%s: scheme %s, want %s", c.name, h.Scheme, c.schemeOnceOpen)
	}
	appMasked(t, c.name, h, []byte(password))
}

// appMasked checks that the masked value opens to the same computation and has lost the digest; password is the right one.
func appMasked(t *testing.T, name string, h *Hash, password []byte) {
	t.Helper()
	again, err := New(Config{}).Open(h.Masked())
	if err != nil {
		t.Errorf("%s: the masked value does not open: %v", name, err)
		return
	}
	got, _ := again.Digest(password)
	if !bytes.Equal(got, h.Stored()) || bytes.Equal(again.Stored(), h.Stored()) || again.Limit != h.Limit || again.Fold != h.Fold {
		t.Errorf("%s: the masked value is not the same hash without its digest", name)
	}
}

func runApp(t *testing.T, cases []appCase) {
	t.Helper()
	for _, c := range cases {
		c.name = cmp.Or(c.name, c.scheme)
		c.run(t)
	}
}

// appNeighbours checks that a stored value which opens opens no more after each of the usual accidents to it. It is not
// for argon2, whose tag may be of any length: the length is hashed, so a longer or shorter tag is another one.
func appNeighbours(t *testing.T, scheme, stored, salt string, params map[string]string) {
	t.Helper()
	r := New(Config{})
	open := func(hash string) error {
		_, err := r.Open(legacy.Stored{Scheme: scheme, Hash: hash, Salt: salt, Params: params})
		return err
	}
	if err := open(stored); err != nil {
		t.Errorf("%s: %v", scheme, err)
		return
	}
	for accident, hash := range map[string]string{
		"one character less": stored[:len(stored)-1],
		"five less":          stored[:len(stored)-5],
		"one digit more":     stored + "0",
		"four more":          stored + "AAAA",
		"space before":       " " + stored,
		"newline behind":     stored + "\n",
		"newline inside":     stored[:len(stored)-4] + "\n" + stored[len(stored)-4:],
		"newline replaces":   stored[:len(stored)-6] + "\n" + stored[len(stored)-5:],
		"NUL behind":         stored + "\x00",
		"field more":         stored + "$0",
		"colon more":         stored + ":0",
		"wrong alphabet":     stored[:len(stored)-6] + "_" + stored[len(stored)-5:],
		"not ASCII":          stored[:len(stored)-6] + "é" + stored[len(stored)-4:],
	} {
		if err := open(hash); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s, %s: %v, want ErrMalformed", scheme, accident, err)
		}
	}
}

// appRow returns the first valid row of a format.
func appRow(t testing.TB, format string) legacy.Stored {
	t.Helper()
	for _, v := range readVectors(t) {
		if v.Format == format && v.Valid {
			return v.stored()
		}
	}
	t.Fatalf("no row of %s", format)
	return legacy.Stored{}
}

// appNeighboursOf runs appNeighbours on the first row of each format.
func appNeighboursOf(t *testing.T, formats ...string) {
	t.Helper()
	for _, format := range formats {
		s := appRow(t, format)
		appNeighbours(t, format, s.Hash, s.Salt, s.Params)
	}
}

// fuzzApp: whatever the stored value, Open neither panics nor takes long; what it opens it also opens masked; and
// where the costs are low, to the same digest.
func fuzzApp(f *testing.F, schemes []Scheme) {
	var names []string
	for _, s := range schemes {
		names = append(names, s.Name)
	}
	free := New(Config{})
	for _, v := range readVectors(f) {
		scheme := free.byName[v.Format]
		if scheme == nil || !slices.Contains(names, scheme.Name) {
			continue
		}
		var params strings.Builder
		s := v.stored()
		for _, name := range slices.Sorted(maps.Keys(s.Params)) {
			if name != "note" && name != "negative" {
				params.WriteString(name + "=" + s.Params[name] + "\n")
			}
		}
		f.Add(byte(slices.Index(names, scheme.Name)), v.Hash, v.Salt, params.String())
	}
	cheap := New(Config{Bounds: Bounds{
		BcryptCost: 4, Argon2Memory: 64, Argon2Time: 2, Argon2Work: 128, ScryptMemory: 64 << 10, ScryptParallel: 2,
		PBKDF2Iterations: 100, DigestIterations: 100,
	}})
	f.Fuzz(func(t *testing.T, scheme byte, stored, salt, params string) {
		s := legacy.Stored{Scheme: names[int(scheme)%len(names)], Hash: stored, Salt: salt, Params: map[string]string{}}
		for line := range strings.Lines(params) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			s.Params[name] = value
		}
		s.User = s.Params["user"]
		start := time.Now()
		h, err := free.Open(s)
		if spent := time.Since(start); spent > time.Second {
			t.Errorf("%s: Open took %v", s.Scheme, spent)
		}
		if err != nil {
			return
		}
		if h.compute == nil || len(h.want) == 0 || h.Limit < 0 || h.Memory < 0 {
			t.Errorf("%s: a Hash that is not whole", s.Scheme)
		}
		masked, err := free.Open(h.Masked())
		if err != nil {
			t.Fatalf("%s opens, but masked it does not: %v", s.Scheme, err)
		}
		if masked.Limit != h.Limit || masked.Fold != h.Fold || masked.Memory != h.Memory {
			t.Errorf("%s: the masked value has other properties", s.Scheme)
		}
		if h, err = cheap.Open(s); err != nil {
			return
		}
		if masked, err = cheap.Open(h.Masked()); err != nil {
			t.Fatalf("%s opens cheaply, but masked it does not: %v", s.Scheme, err)
		}
		want, wantErr := h.Digest([]byte("password"))
		got, gotErr := masked.Digest([]byte("password"))
		if !bytes.Equal(want, got) || (wantErr == nil) != (gotErr == nil) {
			t.Errorf("%s: the masked value gives another digest", s.Scheme)
		}
	})
}

func FuzzPython(f *testing.F) { fuzzApp(f, pythonSchemes()) }

const pythonMD5 = "5f4dcc3b5aa765d61d8327deb882cf99" // of "password"

// The rows of pbkdf2 and scrypt are CPython's hashlib; web2py's is hashcat's published example 21600.
func TestPython(t *testing.T) {
	t.Parallel()
	runApp(t, []appCase{
		{scheme: "django-bare-md5", stored: pythonMD5},
		{scheme: "django-unsalted-md5", stored: "md5$$" + pythonMD5},
		{scheme: "django", stored: pythonMD5, schemeOnceOpen: "django"},
		{scheme: "django", stored: "md5$$" + strings.ToUpper(pythonMD5)},
		{scheme: "django", stored: "crypt$Rh$RhpfILsj4WjRU", limit: 8, fold: Fold7Bit},
		{scheme: "django-scrypt-package", stored: "scrypt$saltsalt$10$8$1$64$AOLXEESCcPmf2DxU3D47ZJxp5ZTcHC0S2Mb2eFXc4tK4HhclLSt5xGx1AnJe8dQLzMHev2fNCK4hToQfRc01Uw=="},
		{scheme: "werkzeug-pbkdf2-sha384", stored: "pbkdf2:sha384:1000$saltsalt$9c2af27410c6bfe294fda90b79736699f5c735ddcb4d743274c72054b82aeac6c020834ab060f2f86f3f2d13c9d5f696"},
		{name: "werkzeug's default count", scheme: "werkzeug", stored: "pbkdf2:sha256$saltsalt$e5683dd874a61a441cbb307f525e7610681f92207ac00718d30e3d25fb8768bc"},
		{name: "werkzeug without a salt", scheme: "werkzeug-md5", stored: "md5$$" + pythonMD5},
		{name: "plain with dollars", scheme: "werkzeug-plain", stored: "plain$$pa$$word", password: "pa$$word"},
		{name: "plain allowed", scheme: "werkzeug", stored: "plain$$password", params: map[string]string{"plaintext": "allow"}},
		{scheme: "web2py", stored: "pbkdf2(1000,20,sha512)$744943$c5f8cdef76e3327c908d8d96d4abdb3d8caba14c", password: "hashcat"},
	})
}

func TestPythonRefuses(t *testing.T) {
	t.Parallel()
	hash32 := strings.Repeat("A", 43) + "="
	runApp(t, []appCase{
		{name: "unusable", scheme: "django", stored: "!Pq3", want: ErrUnusable},
		{name: "unknown hasher", scheme: "django", stored: "sha512$salt$00", want: ErrMalformed},
		{name: "empty salt", scheme: "django-pbkdf2-sha256", stored: "pbkdf2_sha256$1000$$" + hash32, want: ErrMalformed, mentions: "salt"},
		{name: "other hasher", scheme: "django-pbkdf2-sha1", stored: "pbkdf2_sha256$1000$salt$" + hash32, want: ErrMalformed},
		{name: "signed count", scheme: "django", stored: "pbkdf2_sha256$+1000$salt$" + hash32, want: ErrMalformed},
		{name: "no rounds", scheme: "django", stored: "pbkdf2_sha256$0$salt$" + hash32, want: ErrBounds},
		{name: "many rounds", scheme: "django", stored: "pbkdf2_sha256$2147483647$salt$" + hash32, want: ErrBounds, mentions: "iterations"},
		{name: "more rounds than a number holds", scheme: "django", stored: "pbkdf2_sha256$9223372036854775808$salt$" + hash32, want: ErrMalformed},
		{name: "long salt", scheme: "django", stored: "pbkdf2_sha256$1000$" + strings.Repeat("s", 1025) + "$" + hash32, want: ErrBounds, mentions: "salt"},
		{name: "long salt of a digest", scheme: "django-md5", stored: "md5$" + strings.Repeat("s", 1025) + "$" + pythonMD5, want: ErrBounds, mentions: "salt"},
		{name: "crypt of another salt", scheme: "django-crypt", stored: "crypt$ab$RhpfILsj4WjRU", want: ErrMalformed},
		{name: "crypt of another kind", scheme: "django-crypt", stored: "crypt$$$1$salt$0000000000000000000000", want: ErrMalformed},
		{name: "bcrypt cost", scheme: "django", stored: "bcrypt$$2b$31$z54PpVzlLLpJqz7F..efku5LwfICK6Hd7wvcn73keyzAaoZpL2GAO", want: ErrBounds, mentions: "cost"},
		{name: "argon2 memory", scheme: "django", stored: "argon2$argon2id$v=19$m=4194304,t=2,p=8$bXc3MDJFNG5nUGJyaXJ0OWcyTWNyYw$ItDLYyrW9pqJlRlbqrRRvA", want: ErrBounds},
		{name: "plain not allowed", scheme: "werkzeug", stored: "plain$$password", want: ErrMalformed, mentions: "plaintext"},
		{name: "plain and empty", scheme: "werkzeug-plain", stored: "plain$$", want: ErrUnusable},
		{name: "plain with a salt", scheme: "werkzeug-plain", stored: "plain$salt$password", want: ErrMalformed},
		{name: "werkzeug without a salt", scheme: "werkzeug", stored: "pbkdf2:sha256:1000$$" + pythonMD5 + pythonMD5, want: ErrMalformed, mentions: "salt"},
		{name: "werkzeug's other method", scheme: "werkzeug-md5", stored: "md6$salt$" + pythonMD5, want: ErrMalformed, mentions: "method"},
		{name: "werkzeug's unknown method", scheme: "werkzeug", stored: "md6$salt$" + pythonMD5, want: ErrMalformed, mentions: "method"},
		{name: "web2py's key length", scheme: "web2py", stored: "pbkdf2(1000,10,sha512)$744943$c5f8cdef76e3327c908d", want: ErrMalformed},
		{name: "fshp salt", scheme: "fshp", stored: "{FSHP1|1000000|1000}AAAA", want: ErrBounds, mentions: "salt"},
		{name: "fshp rounds", scheme: "fshp", stored: "{FSHP1|0|4294967295}" + hash32, want: ErrBounds, mentions: "rounds"},
		{name: "fshp variant", scheme: "fshp", stored: "{FSHP4|0|1000}" + hash32, want: ErrMalformed},
	})
	s := legacy.Stored{Scheme: "werkzeug-plain", Hash: "plain$$password"}
	if name, ok := New(Config{}).Identify(s.Hash); ok {
		t.Errorf("a plain password is recognised as %s", name)
	}
}

// A scrypt setting that does not fit is refused whichever of its three costs is to blame, and before it can overflow.
func TestScryptBounds(t *testing.T) {
	t.Parallel()
	digest := strings.Repeat("A", 86) + "=="
	for costs, want := range map[string]error{
		"1024$salt$8$1":                              nil,
		"262144$salt$8$1":                            nil, // 256 MiB: exactly the bound
		"524288$salt$8$1":                            ErrBounds,
		"32$salt$65536$1":                            nil, // the same memory the other way round
		"32$salt$65536$2":                            nil,
		"32$salt$65536$3":                            ErrBounds, // its lanes and scratch are 8 MiB each, besides
		"2$salt$1048576$1":                           ErrBounds,
		"32$salt$65537$1":                            ErrBounds,
		"1024$salt$8$17":                             ErrBounds,
		"1$salt$8$1":                                 ErrMalformed,
		"0$salt$8$1":                                 ErrMalformed,
		"1023$salt$8$1":                              ErrMalformed,
		"1024$salt$0$1":                              ErrBounds,
		"1024$salt$8$0":                              ErrBounds,
		"4611686018427387904$salt$8$1":               ErrBounds,
		"1024$salt$9223372036854775807$1":            ErrBounds,
		"1024$salt$8$9223372036854775807":            ErrBounds,
		"1024$salt$36028797018963968$8":              ErrBounds, // 128*1024*r is 0 in 64 bits
		"-1024$salt$8$1":                             ErrMalformed,
		"1024$salt$8$99999999999999999999":           ErrMalformed,
		"1024$" + strings.Repeat("s", 1025):          ErrMalformed,
		"1024$" + strings.Repeat("s", 1025) + "$8$1": ErrBounds,
	} {
		_, err := New(Config{}).Open(legacy.Stored{Scheme: "django-scrypt", Hash: "scrypt$" + costs + "$" + digest})
		if !errors.Is(err, want) {
			t.Errorf("%.40s: %v, want %v", costs, err, want)
		}
	}
	h, err := New(Config{}).Open(legacy.Stored{Scheme: "django-scrypt", Hash: "scrypt$32$salt$65536$2$" + digest})
	if err != nil || h.Memory != 288<<20 {
		t.Errorf("memory of N=32 r=2^16 p=2: %v, %v", h, err)
	}
}

func TestPythonNeighbours(t *testing.T) {
	t.Parallel()
	appNeighboursOf(t, "django-pbkdf2-sha256", "django-pbkdf2-sha1", "django-bcrypt", "django-bcrypt-sha256",
		"django-scrypt", "django-md5", "django-sha1", "django-unsalted-sha1", "django-crypt",
		"werkzeug-pbkdf2-sha1", "werkzeug-pbkdf2-sha256", "werkzeug-pbkdf2-sha512", "werkzeug-scrypt",
		"werkzeug-md5", "werkzeug-sha1", "werkzeug-sha256", "werkzeug-sha512", "fshp")
	for _, scheme := range []string{"django-unsalted-md5", "django"} {
		appNeighbours(t, scheme, "md5$$"+pythonMD5, "", nil)
	}
	appNeighbours(t, "django-bare-md5", pythonMD5, "", nil)
	appNeighbours(t, "web2py", "pbkdf2(1000,20,sha512)$744943$c5f8cdef76e3327c908d8d96d4abdb3d8caba14c", "", nil)
}

// A container opens every row of its family, as the scheme of that row does.
func TestAppContainers(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	for prefix, container := range map[string]string{"django-": "django", "werkzeug-": "werkzeug", "aspnet-identity-v": "aspnet-identity"} {
		for _, v := range readVectors(t) {
			if !v.Valid || !strings.HasPrefix(v.Format, prefix) || v.Format == "werkzeug-plain" {
				continue
			}
			s := v.stored()
			one, err := r.Open(s)
			if err != nil {
				t.Errorf("%s %s: %v", v.ID, v.Format, err)
				continue
			}
			s.Scheme = container
			h, err := r.Open(s)
			if err != nil || !bytes.Equal(h.Stored(), one.Stored()) || h.Limit != one.Limit || h.Memory != one.Memory {
				t.Errorf("%s %s: %s opens it otherwise (%v)", v.ID, v.Format, container, err)
			}
			if _, err := r.Open(h.Masked()); err != nil {
				t.Errorf("%s %s: masked, %s does not open it: %v", v.ID, v.Format, container, err)
			}
		}
	}
}

// The shapes that Django and Werkzeug share are left to a declaration.
func TestPythonAuto(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	for stored, want := range map[string]string{
		"md5$salt$" + pythonMD5:                      "",
		"sha1$salt$" + pythonMD5 + "00000000":        "",
		pythonMD5:                                    "",
		"md5$$" + pythonMD5:                          "django-unsalted-md5",
		"sha1$$" + pythonMD5 + "00000000":            "django-unsalted-sha1",
		"sha1$salt$1$" + pythonMD5 + "00000000":      "npm-password-hash",
		"scrypt$16384$salt$8$1$AA==":                 "django-scrypt",
		"scrypt$salt$14$8$1$64$AA==":                 "django-scrypt-package",
		"scrypt:32768:8:1$salt$00":                   "werkzeug-scrypt",
		"SCRYPT:1024:1:1:c2FsdA==:AA==":              "",
		"pbkdf2:sha256$salt$00":                      "werkzeug-pbkdf2-sha256",
		"argon2$argon2id$v=19$m=8,t=1,p=1$c2FsdA$AA": "django-argon2",
	} {
		if got, _ := r.Identify(stored); got != want {
			t.Errorf("%.30s is taken for %q, want %q", stored, got, want)
		}
	}
}
