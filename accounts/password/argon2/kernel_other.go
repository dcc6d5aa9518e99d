//go:build !amd64

package argon2

// kernels: this processor has none.
var kernels []kernel
