package hash

import (
	"errors"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"rekey/legacy"
)

// What refusing a hash may cost: a row of a database must not be able to hold up a login or the process.
const (
	refuseWithin = 50 * time.Millisecond
	refuseMemory = 4 << 20 // bytes beyond the stored string's own length
)

// openMeasured opens s and fails the test if it took long or much memory. It must not run beside other tests, whose
// allocations would be counted. A slow machine gets three tries: a parser that computes is slow each time.
func openMeasured(t *testing.T, r *Registry, s legacy.Stored) (*Hash, error) {
	t.Helper()
	var before, after runtime.MemStats
	for try := 1; ; try++ {
		runtime.ReadMemStats(&before)
		start := time.Now()
		h, err := r.Open(s)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		used := after.TotalAlloc - before.TotalAlloc
		if used <= refuseMemory+uint64(len(s.Hash)) && took <= refuseWithin {
			return h, err
		}
		if try == 3 {
			t.Errorf("%s %.80q: opening took %s and %d bytes (%v)", s.Scheme, s.Hash, took, used, err)
			return h, err
		}
	}
}

// TestHostile has the strings that hang or kill other libraries.
func TestHostile(t *testing.T) { //nolint:paralleltest // it measures memory
	r := New(Config{})
	const (
		argonTail  = "$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8"
		bcryptTail = "$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
		mcfTail    = "$6H2PUSoF4BxDyFlL6f1fqw$siVmc0.ObyM2xFKYmyFg5Px60pQpRGQj8ZIy18McOig"
		scryptTail = "$DoHQ+j+HsBbinFPqPadUyg$H7s8S9ymXGXode4hyBurKmfRe3PXiiDyRLZ9JnPjfHs"
	)
	for stored, want := range map[string]error{
		"$argon2id$v=19$m=4194304,t=1,p=1" + argonTail:                                        ErrBounds, // 4 GiB
		"$argon2id$v=19$m=4294967295,t=1,p=1" + argonTail:                                     ErrBounds, // 4 TiB
		"$argon2id$v=19$m=64,t=4294967295,p=1" + argonTail:                                    ErrBounds,
		"$argon2id$v=19$m=64,t=1,p=16777215" + argonTail:                                      ErrBounds,
		"$argon2id$v=19$m=64,t=1,p=0" + argonTail:                                             ErrBounds,
		"$argon2id$v=19$m=64,t=0,p=1" + argonTail:                                             ErrBounds,
		"$argon2id$v=19$m=99999999999999999999,t=1,p=1" + argonTail:                           ErrMalformed,
		"$2b$31" + bcryptTail:                                                                 ErrBounds,
		"$2b$00" + bcryptTail:                                                                 ErrBounds,
		"$2b$03" + bcryptTail:                                                                 ErrBounds,
		"$2b$-1" + bcryptTail:                                                                 ErrMalformed,
		"$bcrypt-sha256$v=2,t=2b,r=31$YgBWnpwIrKkUnAKhdCe75.$gsVlpVEzGXk8BuMN9VFBn8tV9FdH7wO": ErrBounds,
		"$bcrypt-sha256$2b,99$YgBWnpwIrKkUnAKhdCe75.$gsVlpVEzGXk8BuMN9VFBn8tV9FdH7wO":         ErrBounds,
		"$pbkdf2-sha256$2147483647" + mcfTail:                                                 ErrBounds,
		"$pbkdf2-sha256$9223372036854775807" + mcfTail:                                        ErrBounds,
		"$pbkdf2-sha256$0" + mcfTail:                                                          ErrBounds,
		"$pbkdf2-sha256$1e3" + mcfTail:                                                        ErrMalformed,
		"$pbkdf2-sha256$+1000" + mcfTail:                                                      ErrMalformed,
		"$pbkdf2-sha256$01000" + mcfTail:                                                      ErrMalformed,
		"$pbkdf2-sha256$1000" + mcfTail[:len(mcfTail)-5]:                                      ErrMalformed, // would verify by its beginning
		"$pbkdf2-sha256$1000$6H2P$" + strings.Repeat("A", 8000):                               ErrMalformed,
		"$pbkdf2-sha256$1000$6H2P$" + strings.Repeat("A", 1<<20):                              ErrMalformed,
		"$pbkdf2-sha256$1000$" + strings.Repeat("A", 2000) + mcfTail[23:]:                     ErrBounds, // salt
		"$scrypt$ln=30,r=8,p=1" + scryptTail:                                                  ErrBounds,
		"$scrypt$ln=20,r=8,p=100000" + scryptTail:                                             ErrBounds,
		"$scrypt$ln=-1,r=8,p=1" + scryptTail:                                                  ErrMalformed,
		"$scrypt$ln=0,r=8,p=1" + scryptTail:                                                   ErrBounds,
		"$scrypt$ln=63,r=8,p=1" + scryptTail:                                                  ErrBounds,
		"$scrypt$ln=10,r=0,p=1" + scryptTail:                                                  ErrBounds,
		"$scrypt$ln=10,r=8,p=0" + scryptTail:                                                  ErrBounds,
		"$scrypt$ln=10,r=9223372036854775807,p=1" + scryptTail:                                ErrBounds,
		"$scrypt$n=1000,r=8,p=1" + scryptTail:                                                 ErrMalformed,
		"$scrypt$ln=10,r=8,p=1" + scryptTail[:len(scryptTail)-5]:                              ErrMalformed,
		"$6$rounds=999999999$salt$" + strings.Repeat(".", 86):                                 ErrBounds,
		"$6$rounds=999$salt$" + strings.Repeat(".", 86):                                       ErrBounds,
		"$5$rounds=0$salt$" + strings.Repeat(".", 43):                                         ErrBounds,
		"$5$rounds=$salt$" + strings.Repeat(".", 43):                                          ErrMalformed,
		"$5$salt$" + strings.Repeat(".", 42):                                                  ErrMalformed,
		"$5$salt$" + strings.Repeat(".", 42) + "z":                                            ErrMalformed, // spare bits
		"$sha1$4294967295$salt$" + strings.Repeat(".", 28):                                    ErrBounds,
		"$sha1$0$salt$" + strings.Repeat(".", 28):                                             ErrBounds,
		"$y$jzT$abcd$" + strings.Repeat(".", 43):                                              ErrBounds,
		"$y$jTT$abcd$" + strings.Repeat(".", 43):                                              ErrBounds,
		"$y$.9T$abcd$" + strings.Repeat(".", 43):                                              ErrBounds,
		"$y$j$abcd$" + strings.Repeat(".", 43):                                                ErrBounds,
		"$y$j9T$!bcd$" + strings.Repeat(".", 43):                                              ErrMalformed,
		"$7$z6..../....salt$" + strings.Repeat(".", 43):                                       ErrBounds,
		"$7$C/zzzz/....salt$" + strings.Repeat(".", 43):                                       ErrBounds,
		"$7$C6....zzzzzsalt$" + strings.Repeat(".", 43):                                       ErrBounds,
		"$7$C6..../....salt$" + strings.Repeat(".", 42):                                       ErrMalformed,
		"_zzzzsaltabcdefghij.":                                                                ErrBounds,
		"_....saltabcdefghij.":                                                                ErrBounds,
		"$P$S12345678" + strings.Repeat(".", 22):                                              ErrBounds,
		"$P$*12345678" + strings.Repeat(".", 22):                                              ErrMalformed,
		"$S$S12345678" + strings.Repeat(".", 43):                                              ErrBounds,
		"{PBKDF2}4294967295$3TFJ2zgakUJNZNOpPVPgUA$Iu47RlSj9LCfJnH0ZiTEg1XCuHI":               ErrBounds,
		"{PBKDF2}10000$3TFJ2zgakUJNZNOpPVPgUA$Iu47RlSj9LCfJnH0ZiTEg1":                         ErrMalformed,
		"{PBKDF2-SHA256}10000$3TFJ2zgakUJNZNOpPVPgUA$Iu47RlSj9LCfJnH0ZiTEg1XCuHI":             ErrMalformed,
		"{PBKDF2_SHA256}/////" + strings.Repeat("A", 427):                                     ErrBounds,
		"{CRYPT}$6$rounds=999999999$salt$" + strings.Repeat(".", 86):                          ErrBounds,
		"{CRYPT}" + strings.Repeat("{CRYPT}", 1000):                                           ErrMalformed,
		"{CRYPT}":                             ErrUnusable,
		"{CRYPT}*":                            ErrUnusable,
		"{CLEARTEXT}":                         ErrUnusable,
		"{SSHA}" + strings.Repeat("A", 4000):  ErrBounds,    // salt
		"{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=":  ErrMalformed, // no salt
		"{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g":    ErrMalformed,
		"{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9h=":   ErrMalformed,
		"{SHA}W6ph5Mm5Pz8GgiULbPgzG37m\nj9g=": ErrMalformed,
		"":                                    ErrUnusable,
		"*LK*":                                ErrUnusable,
		"!$2b$05" + bcryptTail:                ErrUnusable,
		"5f4dcc3b5aa765d61d8327deb882cf99+":   ErrMalformed,
		strings.Repeat("$", MaxStored):        ErrMalformed,
		strings.Repeat("{", MaxStored):        ErrMalformed,
		strings.Repeat("x", MaxStored+1):      ErrMalformed,
	} {
		if _, err := openMeasured(t, r, legacy.Stored{Scheme: Auto, Hash: stored}); !errors.Is(err, want) {
			t.Errorf("%.100q: %v, want %v", stored, err, want)
		}
	}
}

var decimalRun = regexp.MustCompile(`\d+`)

// mutations are the neighbours of a stored string: cut, grown, with a character changed, with each number replaced by
// one that is out of all bounds.
func mutations(s string) []string {
	list := []string{s + "A", s + "$", s + "=", s + "\n", " " + s, s + s, strings.ToUpper(s), strings.ToLower(s)}
	for i := 1; i <= 8; i++ {
		at := i * (len(s) - 1) / 8
		list = append(list, s[:at], s[:at]+s[at+1:], s[:at]+"\x00"+s[at+1:], s[:at]+"/"+s[at+1:], s[:at]+"z"+s[at+1:])
	}
	runs := decimalRun.FindAllStringIndex(s, 6)
	for _, run := range runs {
		for _, n := range []string{"", "0", "-1", "31", "4294967295", "2147483647", "9223372036854775807", "99999999999999999999"} {
			list = append(list, s[:run[0]]+n+s[run[1]:])
		}
	}
	return list
}

// TestMutations opens the neighbours of a row of each format, declared and under auto: nothing may panic, be slow or
// take memory, and what opens is within bounds and can be masked.
func TestMutations(t *testing.T) { //nolint:paralleltest // it measures memory
	r := New(Config{})
	opened := 0
	for _, v := range firstRows(readVectors(t)) {
		if r.byName[v.Format] == nil {
			continue
		}
		s := v.stored()
		for _, hash := range mutations(v.Hash) {
			for _, scheme := range []string{v.Format, Auto} {
				s.Scheme, s.Hash = scheme, hash
				h, err := openMeasured(t, r, s)
				if err != nil {
					if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrBounds) && !errors.Is(err, ErrUnusable) {
						t.Errorf("%s: %v is none of the package's errors", v.Format, err)
					}
					if len(v.Hash) > 20 && strings.Contains(err.Error(), v.Hash[len(v.Hash)-12:]) {
						t.Errorf("%s: the error quotes the hash", v.Format)
					}
					continue
				}
				opened++
				if h.Memory > r.env.bounds.ScryptMemory+64<<20 {
					t.Errorf("%s: %d bytes of memory are over the bounds", v.Format, h.Memory)
				}
				if _, err := r.Open(h.Masked()); err != nil {
					t.Errorf("%s %q: opens, but masked it does not: %v", v.Format, hash, err)
				}
			}
		}
	}
	t.Logf("%d neighbours opened", opened)
}
