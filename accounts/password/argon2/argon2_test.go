package argon2

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"
)

// derivers returns one for each kernel of this machine, and one for plain Go without x/crypto.
func derivers(t testing.TB) map[string]*Deriver {
	t.Helper()
	all := map[string]*Deriver{"plain": newDeriver(kernel{"plain", compress}, Config{})}
	for _, name := range Kernels() {
		d, err := New(Config{Kernel: name})
		if err != nil {
			t.Fatal(err)
		}
		if d.Kernel() != name {
			t.Fatalf("asked for %s, it is %s", name, d.Kernel())
		}
		all[name] = d
	}
	return all
}

// The reference program made these, of both versions and all variants.
func TestReference(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../legacy/hash/testdata/vectors.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	all := derivers(t)
	rows := map[string]int{}
	for line := range bytes.Lines(text) {
		var row struct {
			ID, Format, Password, Hash string
			Valid                      bool
		}
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(row.Format, "argon2") || !strings.HasPrefix(row.Hash, "$argon2") {
			continue
		}
		p, salt, want := parse(t, row.Hash)
		for name, d := range all {
			if name == "plain" && p.Memory > 4<<10 {
				continue // it is slow
			}
			got := d.Append(nil, p, Input{Password: []byte(row.Password), Salt: salt})
			if bytes.Equal(got, want) != row.Valid {
				t.Errorf("%s by %s: the password is right: %t", row.ID, name, row.Valid)
			}
		}
		rows[fmt.Sprintf("%d of %#x", p.Variant, p.Version)]++
	}
	if len(rows) != 6 {
		t.Errorf("not all variants and versions are among them: %v", rows)
	}
}

func parse(t *testing.T, encoded string) (p Params, salt, key []byte) {
	t.Helper()
	fields := strings.Split(encoded, "$")
	variants := map[string]Variant{"argon2d": D, "argon2i": I, "argon2id": ID}
	var err error
	if _, err = fmt.Sscanf(fields[2]+" "+fields[3], "v=%d m=%d,t=%d,p=%d", &p.Version, &p.Memory, &p.Time, &p.Lanes); err != nil {
		t.Fatal(err)
	}
	if salt, err = base64.RawStdEncoding.DecodeString(fields[4]); err != nil {
		t.Fatal(err)
	}
	if key, err = base64.RawStdEncoding.DecodeString(fields[5]); err != nil {
		t.Fatal(err)
	}
	p.Variant, p.Length = variants[fields[1]], uint32(len(key))
	return p, salt, key
}

// A sample is something to hash.
type sample struct {
	Params
	Input
}

func (s sample) String() string { return fmt.Sprintf("%+v, %x", s.Params, s.Input) }

// random returns one that takes little time.
func random(r *rand.Rand) sample {
	text := func(most int) []byte {
		b := make([]byte, r.IntN(most+1))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	s := sample{
		Params{[]Variant{D, I, I, ID, ID}[r.IntN(5)], Version13, 1 + r.Uint32N(3), r.Uint32N(64), 1 + uint8(r.IntN(4)), 4 + r.Uint32N(150)},
		Input{Password: text(80), Salt: text(40)},
	}
	if r.IntN(10) == 0 {
		s.Version = Version10
	}
	if r.IntN(4) == 0 {
		s.Length = []uint32{32, 48, 64, 65, 96, 128, 1024}[r.IntN(7)]
	}
	if r.IntN(10) == 0 {
		s.Secret, s.Data = text(40), text(40)
	}
	if r.IntN(50) == 0 {
		s.Password = text(2000)
	}
	return s
}

// Every kernel, plain Go and x/crypto agree about whatever each can compute, on one processor and on two, and with lanes at the same time.
func TestAgree(t *testing.T) { // not parallel: it sets how many processors there are
	samples := 1_500 // on each number of processors; with 80,000 x/crypto computes more than 100,000 of them too
	if testing.Short() {
		samples = 500
	}
	if text := os.Getenv("REKEY_TEST_ARGON2_SAMPLES"); text != "" {
		var err error
		if samples, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	seed := rand.Uint64()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	byOthers := 0
	for processors := 1; processors <= 2; processors++ {
		runtime.GOMAXPROCS(processors)
		all := derivers(t)
		plain := all["plain"]
		delete(all, Generic) // it is x/crypto, or the plain one
		r := rand.New(rand.NewPCG(seed, uint64(processors)))
		for i := range samples {
			s := random(r)
			want, ok := elsewhere(s.Params, s.Input)
			if ok {
				byOthers++
			} else {
				want = plain.Append(nil, s.Params, s.Input)
			}
			for name, d := range all {
				if d == plain && i%20 > 0 {
					continue // it is slow
				}
				if d.borrow = nil; i%4 == 0 {
					d.borrow = func(most int) (int, func()) { return most, func() {} }
				}
				if got := d.Append(nil, s.Params, s.Input); !bytes.Equal(got, want) {
					t.Fatalf("seed %d: %s: %s: %x, want %x", seed, s, name, got, want)
				}
			}
		}
	}
	t.Logf("%d samples, %d of them computed by x/crypto too, by %v", 2*samples, byOthers, Kernels())
}

// By whatever kernel, lanes run at the same time only on processors that are lent.
func TestLanesWaitForProcessors(t *testing.T) {
	t.Parallel()
	for name, d := range derivers(t) {
		asked := 0
		d.borrow = func(int) (int, func()) { asked++; return 0, func() {} }
		p := Params{ID, Version13, 1, 64, 4, 32}
		in := Input{Password: []byte("tulip"), Salt: []byte("0123456789abcdef")}
		want, _ := elsewhere(p, in)
		if got := d.Append(nil, p, in); !bytes.Equal(got, want) || asked != 1 {
			t.Errorf("%s: %x, want %x; asked for processors %d times", name, got, want, asked)
		}
		if p.Lanes = 1; d.Append(nil, p, in) != nil && asked != 1 {
			t.Errorf("%s asks for processors for one lane", name)
		}
	}
}

// Large memory too, and more lanes than processors.
func TestAgreeAtSize(t *testing.T) {
	t.Parallel()
	for _, p := range []Params{
		{ID, Version13, 2, 19 << 10, 1, 32}, {ID, Version13, 1, 46 << 10, 1, 32}, {ID, Version13, 3, 64 << 10, 4, 32}, {I, Version13, 3, 4099, 7, 16},
	} {
		want, _ := elsewhere(p, Input{Password: []byte("tulip"), Salt: []byte("0123456789abcdef")})
		for name, d := range derivers(t) {
			if name == "plain" && p.Memory > 20<<10 {
				continue // it is slow
			}
			if got := d.Append([]byte("before"), p, Input{Password: []byte("tulip"), Salt: []byte("0123456789abcdef")}); string(got) != "before"+string(want) {
				t.Errorf("%+v by %s: %x, want %x", p, name, got, want)
			}
		}
	}
}

func TestRefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	good := Params{ID, Version13, 1, 8, 1, 4}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Params){
		"variant": func(p *Params) { p.Variant = 3 }, "version": func(p *Params) { p.Version = 0x12 }, "passes": func(p *Params) { p.Time = 0 },
		"lanes": func(p *Params) { p.Lanes = 0 }, "key": func(p *Params) { p.Length = 3 },
	} {
		p := good
		change(&p)
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: it is computed", name)
				}
			}()
			newDeriver(kernel{name: Generic}, Config{}).Append(nil, p, Input{})
		}()
	}
}

// In steady state a hash allocates nothing.
func TestAllocatesNothing(t *testing.T) { // not parallel: others allocate
	for name, d := range derivers(t) {
		if name == Generic {
			continue // x/crypto's are its own
		}
		key := make([]byte, 0, 32)
		if n := testing.AllocsPerRun(20, func() {
			d.Append(key, Params{ID, Version13, 1, 64, 1, 32}, Input{Password: []byte("tulip"), Salt: []byte("0123456789abcdef")})
		}); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func FuzzAppend(f *testing.F) {
	f.Add([]byte("tulip"), []byte("salt"), []byte("secret"), []byte("data"), uint8(2), true, uint8(2), uint8(33), uint8(1), uint8(32))
	f.Add([]byte(nil), []byte(nil), []byte(nil), []byte(nil), uint8(0), false, uint8(0), uint8(0), uint8(0), uint8(0))
	all := derivers(f)
	f.Fuzz(func(t *testing.T, password, salt, secret, data []byte, variant uint8, new bool, time, memory, lanes, length uint8) {
		p := Params{Variant(variant % 3), Version10, 1 + uint32(time%4), uint32(memory), 1 + lanes%8, 4 + uint32(length)}
		if new {
			p.Version = Version13
		}
		in := Input{password, salt, secret, data}
		want := all["plain"].Append(nil, p, in)
		for name, d := range all {
			if got := d.Append(nil, p, in); !bytes.Equal(got, want) {
				t.Errorf("%s does not agree", name)
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	in := Input{Password: []byte("correct horse battery staple"), Salt: []byte("0123456789abcdef")}
	for _, p := range []Params{
		{ID, Version13, 2, 19 << 10, 1, 32}, {ID, Version13, 1, 46 << 10, 1, 32}, {ID, Version13, 3, 64 << 10, 4, 32},
		{ID, Version13, 3, 12 << 10, 1, 32}, {ID, Version13, 5, 7 << 10, 1, 32},
	} {
		costs := fmt.Sprintf("m=%dMiB,t=%d,p=%d", p.Memory>>10, p.Time, p.Lanes)
		for _, name := range Kernels() {
			if name == Generic {
				continue
			}
			b.Run(costs+"/"+name, func(b *testing.B) {
				d, err := New(Config{Kernel: name, Idle: 256 << 20})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				key := make([]byte, 0, 32)
				for b.Loop() {
					d.Append(key, p, in)
				}
			})
		}
		b.Run(costs+"/xcrypto", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				argon2.IDKey(in.Password, in.Salt, p.Time, p.Memory, p.Lanes, p.Length)
			}
		})
	}
}
