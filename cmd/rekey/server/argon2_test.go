package server

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"rekey/accounts/password"
	"rekey/accounts/password/argon2"
	"rekey/cmd/rekey/config"
)

// Whatever kernel is configured, and whether it is to be had or not, the keys are the same, and the log says if it is not.
func TestArgon2(t *testing.T) {
	t.Parallel()
	var c config.Config
	permits := password.NewPool(password.PoolConfig{})
	want := NewArgon2(&c, nil, nil).deriver.IDKey([]byte("tulip"), []byte("0123456789abcdef"), 2, 64, 4, 32)
	fastest := argon2.Kernels()[0]
	for kernel, is := range map[string]string{config.KernelAuto: fastest, argon2.Generic: argon2.Generic, "none of these": fastest} {
		var log bytes.Buffer
		c.Password.Kernel = kernel
		a := NewArgon2(&c, permits, slog.New(slog.NewTextHandler(&log, nil)))
		if got := a.deriver.IDKey([]byte("tulip"), []byte("0123456789abcdef"), 2, 64, 4, 32); !bytes.Equal(got, want) {
			t.Errorf("%s: %x, want %x", kernel, got, want)
		}
		if got := a.Any("argon2id", 0x13, []byte("tulip"), []byte("0123456789abcdef"), nil, nil, 2, 64, 4, 32); !bytes.Equal(got, want) {
			t.Errorf("%s, of an old hash: %x, want %x", kernel, got, want)
		}
		if got := a.Any("argon2x", 0x13, nil, nil, nil, nil, 2, 64, 4, 32); got != nil {
			t.Errorf("%s: there is an argon2x", kernel)
		}
		if warned := strings.Contains(log.String(), "level=WARN"); warned != (kernel == "none of these") || a.Kernel() != is {
			t.Errorf("%s: it is %s, not %s; the log says %s", kernel, a.Kernel(), is, &log)
		}
	}
}
