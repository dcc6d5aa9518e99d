package argon2

import "golang.org/x/sys/cpu"

//go:generate go run -modfile=../../../tools.mod kernels_gen.go -out kernels_amd64.s -stubs kernels_amd64.go -pkg argon2

// kernels are those that this processor has, the fastest first.
var kernels = func() (all []kernel) {
	if cpu.X86.HasAVX512F {
		all = append(all, kernel{"avx512", compressAVX512})
	}
	if cpu.X86.HasAVX2 {
		all = append(all, kernel{"avx2", compressAVX2})
	}
	return all
}()
