package argon2

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A kernel is a way to compute the compression function; nil: plain Go, and what golang.org/x/crypto/argon2 has.
type kernel struct {
	name     string
	compress func(out, a, b, tmp *block, xor bool)
}

// Generic is the name of the kernel that every machine has.
const Generic = "generic"

// ErrKernel: the kernel that was asked for is not one of Kernels, or does not compute what it should.
var ErrKernel = errors.New("argon2: no such kernel")

// Kernels returns the names of those that this processor has, the fastest first. The last is Generic.
func Kernels() []string {
	names := make([]string, 0, len(kernels)+1)
	for _, k := range kernels {
		names = append(names, k.name)
	}
	return append(names, Generic)
}

// choose returns the kernel of a name, or the first of all that works for "".
func choose(all []kernel, name string, broken func(kernel string)) (kernel, error) {
	all = append(slices.Clone(all), kernel{name: Generic})
	if name != "" {
		i := slices.IndexFunc(all, func(k kernel) bool { return k.name == name })
		if i < 0 {
			return kernel{}, fmt.Errorf("%w: %s; this processor has %s", ErrKernel, name, strings.Join(Kernels(), ", "))
		}
		all = all[i : i+1]
	}
	for _, k := range all {
		if k.compress == nil && !elsewhereWorks() {
			k.compress = compress // nothing but plain Go is left
			if broken != nil {
				broken("golang.org/x/crypto/argon2")
			}
		}
		if k.works() {
			return k, nil
		}
		if broken != nil {
			broken(k.name)
		}
	}
	return kernel{}, fmt.Errorf("%w: %s does not compute what it should", ErrKernel, name)
}

// elsewhereWorks reports whether golang.org/x/crypto computes what plain Go does, which works tests.
func elsewhereWorks() bool {
	plain := newDeriver(kernel{Generic, compress}, Config{})
	for _, v := range []Variant{I, ID} {
		p, in := Params{v, Version13, 2, 32, 1, 32}, Input{Password: []byte("password"), Salt: []byte("somesalt")}
		if key, ok := elsewhere(p, in); !ok || !bytes.Equal(key, plain.Append(nil, p, in)) {
			return false
		}
	}
	return true
}

// works computes the answers that are known, the ones of RFC 9106, section 5.
func (k kernel) works() bool {
	fill := func(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }
	in := Input{Password: fill(1, 32), Salt: fill(2, 16), Secret: fill(3, 8), Data: fill(4, 12)}
	d := newDeriver(k, Config{})
	for variant, want := range known {
		got := d.Append(nil, Params{Variant: Variant(variant), Version: Version13, Time: 3, Memory: 32, Lanes: 4, Length: 32}, in)
		if hex.EncodeToString(got) != want {
			return false
		}
	}
	return true
}

// known are the tags of RFC 9106, sections 5.1 to 5.3.
var known = [...]string{
	D:  "512b391b6f1162975371d30919734294f868e3be3984f3c1a13a4db9fabe4acb",
	I:  "c814d9d1dc7f37aa13f0d77f2494bda1c8de6b016dd388d29952a4c4672b6ce8",
	ID: "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659",
}
