package server

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"rekey/accounts/password"
	"rekey/cmd/rekey/config"
)

// Whatever kernel is configured, and whether it is to be had or not, the keys are the same, and the log says if it is not.
func TestArgon2(t *testing.T) {
	t.Parallel()
	var c config.Config
	permits := password.NewPool(password.PoolConfig{})
	want := NewArgon2(&c, nil, nil).deriver.IDKey([]byte("tulip"), []byte("0123456789abcdef"), 2, 64, 4, 32)
	for kernel, warns := range map[string]bool{config.KernelAuto: false, "generic": false, "none of these": true} {
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
		if strings.Contains(log.String(), "level=WARN") != warns || kernel != config.KernelAuto && a.Kernel() != "generic" {
			t.Errorf("%s: it is %s; the log says %s", kernel, a.Kernel(), &log)
		}
	}
}
