package server

import (
	"log/slog"
	"slices"

	"rekey/accounts/password"
	"rekey/accounts/password/argon2"
	"rekey/cmd/rekey/config"
	"rekey/legacy/hash"
)

// Argon2 is argon2 by the kernel that is configured, for new hashes and for old ones.
type Argon2 struct{ deriver *argon2.Deriver }

// NewArgon2 tests the kernel. Where it is not to be had, or broken, the fastest of the slower ones computes the same, and the log says so.
// permits lends the cores on which lanes run at the same time. It and log may be nil.
func NewArgon2(c *config.Config, permits *password.Pool, log *slog.Logger) Argon2 {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	a := argon2.Config{Kernel: c.Password.Kernel}
	if c.Password.Kernel == config.KernelAuto {
		a.Kernel = ""
	}
	a.Broken = func(kernel string) {
		log.Error("a kernel of argon2 does not compute what it should; it is not used", "kernel", kernel)
	}
	if permits != nil {
		a.Borrow, a.Idle = permits.Borrow, permits.Stats().Memory
	}
	d, err := argon2.New(a)
	if err != nil {
		log.Warn("the kernel of argon2 that is configured cannot be used; the next that this processor has is", "error", err)
	}
	all := argon2.Kernels()
	for _, next := range all[slices.Index(all, c.Password.Kernel)+1:] { // whoever named a slower one may not want a faster one
		if err == nil {
			break
		}
		a.Kernel = next
		d, err = argon2.New(a)
	}
	if err != nil {
		panic("not even plain Go computes argon2: " + err.Error()) // no password could be told right from wrong
	}
	return Argon2{d}
}

// Kernel is the name of the kernel that computes it.
func (a Argon2) Kernel() string { return a.deriver.Kernel() }

var variants = map[string]argon2.Variant{"argon2d": argon2.D, "argon2i": argon2.I, "argon2id": argon2.ID}

// Any is every argon2, as package hash takes it.
func (a Argon2) Any(variant string, version int, pw, salt, secret, data []byte, time, memory uint32, lanes uint8, length uint32) []byte {
	v, ok := variants[variant]
	p := argon2.Params{Variant: v, Version: uint32(version), Time: time, Memory: memory, Lanes: lanes, Length: length}
	if !ok || p.Check() != nil {
		return nil
	}
	return a.deriver.Append(make([]byte, 0, length), p, argon2.Input{Password: pw, Salt: salt, Secret: secret, Data: data})
}

// Hasher makes new hashes by the configured policy.
func (a Argon2) Hasher(c *config.Config) password.Hasher {
	return password.Hasher{Policy: passwordPolicy(c), Argon2id: a.deriver.IDKey}
}

// Hashes reads old ones within the configured bounds.
func (a Argon2) Hashes(c *config.Config) *hash.Registry {
	return hash.New(hash.Config{Bounds: c.HashBounds.Bounds(), Argon2: a.Any})
}
