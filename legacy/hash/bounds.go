package hash

import "fmt"

// Bounds limit what a stored string may ask for. The zero value of a field means its default.
type Bounds struct {
	BcryptCost       int   // log2 rounds, at most; 15 is about 2 s here. The least is 4, as in bcrypt itself
	Argon2Memory     int64 // KiB
	Argon2Time       int64 // passes
	Argon2Lanes      int64
	Argon2Work       int64 // KiB times passes: memory traffic, the true cost
	ScryptMemory     int64 // bytes, 128*N*r
	ScryptParallel   int64 // p
	PBKDF2Iterations int64 // for pbkdf1 and SHA1-crypt chains too
	SHACryptRounds   int64 // $5$ and $6$; fewer than 1000 are always refused
	PHPassLog2       int64 // phpass and Drupal; the least is 7
	DigestIterations int64 // iterated plain digests: Shiro, jasypt, Spring, Authlogic, recipes
	Salt             int   // bytes
}

// DefaultBounds are what an operator gets who says nothing. They admit every default of the applications listed in
// this package and refuse what would take seconds of a core or a noticeable part of a small machine's memory.
func DefaultBounds() Bounds {
	return Bounds{
		BcryptCost:       15,
		Argon2Memory:     256 << 10,
		Argon2Time:       20,
		Argon2Lanes:      16,
		Argon2Work:       1 << 20,
		ScryptMemory:     256 << 20,
		ScryptParallel:   16,
		PBKDF2Iterations: 10_000_000,
		SHACryptRounds:   5_000_000,
		PHPassLog2:       22,
		DigestIterations: 2_000_000,
		Salt:             1 << 10,
	}
}

// orDefault fills the fields that are zero.
func (b Bounds) orDefault() Bounds {
	d := DefaultBounds()
	fill(&b.BcryptCost, d.BcryptCost)
	fill(&b.Argon2Memory, d.Argon2Memory)
	fill(&b.Argon2Time, d.Argon2Time)
	fill(&b.Argon2Lanes, d.Argon2Lanes)
	fill(&b.Argon2Work, d.Argon2Work)
	fill(&b.ScryptMemory, d.ScryptMemory)
	fill(&b.ScryptParallel, d.ScryptParallel)
	fill(&b.PBKDF2Iterations, d.PBKDF2Iterations)
	fill(&b.SHACryptRounds, d.SHACryptRounds)
	fill(&b.PHPassLog2, d.PHPassLog2)
	fill(&b.DigestIterations, d.DigestIterations)
	fill(&b.Salt, d.Salt)
	return b
}

func fill[T int | int64](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// within returns ErrBounds, naming the parameter, unless low <= value <= high.
func within(parameter string, value, low, high int64) error {
	if value < low || value > high {
		return fmt.Errorf("%w: %s must be %d to %d", ErrBounds, parameter, low, high)
	}
	return nil
}
