package argon2

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A kernel that computes something else is left out, and is not to be had by its name either.
func TestKernelThatLies(t *testing.T) {
	t.Parallel()
	lies := kernel{"lies", func(out, a, b, tmp *block, xor bool) {
		compress(out, a, b, tmp, xor)
		out[77] ^= 1 << 40
	}}
	honest := kernel{"honest", compress}
	var told []string
	tell := func(name string) { told = append(told, name) }
	if k, err := choose([]kernel{lies, honest}, "", tell); err != nil || k.name != "honest" {
		t.Errorf("%s is chosen (%v)", k.name, err)
	}
	if k, err := choose([]kernel{lies}, "", nil); err != nil || k.name != Generic {
		t.Errorf("%s is chosen (%v)", k.name, err)
	}
	if k, err := choose([]kernel{lies, honest}, "lies", tell); !errors.Is(err, ErrKernel) {
		t.Errorf("%s is chosen", k.name)
	}
	if !slices.Equal(told, []string{"lies", "lies"}) {
		t.Errorf("told of %v", told)
	}
	if _, err := New(Config{Kernel: "melt"}); !errors.Is(err, ErrKernel) || !strings.Contains(err.Error(), "melt; this processor has ") {
		t.Error(err)
	}
	if all := Kernels(); all[len(all)-1] != Generic || slices.Contains(all[:len(all)-1], Generic) {
		t.Error(all)
	}
}

// Kernels have no frame: what they keep beside registers is in the memory of the derivation, where it is cleared, and no instruction wants
// memory that is aligned.
func TestKernelsHaveNoFrame(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("kernels_amd64.s")
	if err != nil {
		t.Fatal(err)
	}
	heads := regexp.MustCompile(`(?m)^TEXT ·(\w+)\(SB\), (.*), \$(\d+)-(\d+)$`).FindAllSubmatch(text, -1)
	if len(heads) != 2 {
		t.Errorf("%d kernels", len(heads))
	}
	for _, h := range heads {
		if string(h[2]) != "NOSPLIT" || string(h[3]) != "0" || string(h[4]) != "33" {
			t.Errorf("%s", h[0])
		}
	}
	if found := regexp.MustCompile(`(?m)^\s*(VMOVDQA|VMOVAP|VMOVNT)\w*`).Find(text); found != nil {
		t.Errorf("%s", found)
	}
}
