package config

import (
	"time"

	"rekey/legacy/hash"
)

// Password is the policy for argon2id, and how many hashes run at once.
type Password struct {
	MemoryKiB int64         `yaml:"memory_kib"`
	Time      int64         `yaml:"time"`
	Lanes     int64         `yaml:"lanes"`
	Permits   int64         `yaml:"permits"` // 0: as many as cores
	Queue     time.Duration `yaml:"queue"`   // the longest wait for a permit
	Kernel    string        `yaml:"kernel"`  // of argon2; KernelAuto: the fastest
}

// KernelAuto is the fastest kernel that the processor has.
const KernelAuto = "auto"

// PasswordPolicy says which new passwords are accepted; see policy.Config. Logins are not asked.
type PasswordPolicy struct {
	MinLength           int64         `yaml:"min_length"` // characters
	MinLengthWithFactor int64         `yaml:"min_length_with_factor"`
	Words               List          `yaml:"words"`     // names of the product and of who runs it
	HIBPFile            string        `yaml:"hibp_file"` // breached passwords by SHA-1, in order
	HIBPURL             string        `yaml:"hibp_url"`  // a range interface that is asked for them
	HIBPTimeout         time.Duration `yaml:"hibp_timeout"`
}

// HashBounds are what a stored legacy hash may cost; see hash.Bounds. A zero field means its default.
type HashBounds struct {
	BcryptCost       int64 `yaml:"bcrypt_cost"`
	Argon2MemoryKiB  int64 `yaml:"argon2_memory_kib"`
	Argon2Time       int64 `yaml:"argon2_time"`
	Argon2Lanes      int64 `yaml:"argon2_lanes"`
	Argon2Work       int64 `yaml:"argon2_work_kib"`
	ScryptMemory     int64 `yaml:"scrypt_memory_bytes"`
	ScryptParallel   int64 `yaml:"scrypt_parallel"`
	PBKDF2Iterations int64 `yaml:"pbkdf2_iterations"`
	SHACryptRounds   int64 `yaml:"sha_crypt_rounds"`
	PHPassLog2       int64 `yaml:"phpass_log2"`
	DigestIterations int64 `yaml:"digest_iterations"`
	Salt             int64 `yaml:"salt_bytes"`
}

// Bounds returns the bounds as package hash takes them.
func (b HashBounds) Bounds() hash.Bounds {
	return hash.Bounds{
		BcryptCost: int(b.BcryptCost), Argon2Memory: b.Argon2MemoryKiB, Argon2Time: b.Argon2Time, Argon2Lanes: b.Argon2Lanes,
		Argon2Work: b.Argon2Work, ScryptMemory: b.ScryptMemory, ScryptParallel: b.ScryptParallel,
		PBKDF2Iterations: b.PBKDF2Iterations, SHACryptRounds: b.SHACryptRounds, PHPassLog2: b.PHPassLog2,
		DigestIterations: b.DigestIterations, Salt: int(b.Salt),
	}
}
