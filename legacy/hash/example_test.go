package hash_test

import (
	"fmt"

	"rekey/legacy"
	"rekey/legacy/hash"
)

// ExampleRegistry_Open verifies a password against a hash that nothing marks, and one that says what it is.
func ExampleRegistry_Open() {
	r := hash.New(hash.Config{})
	for _, stored := range []legacy.Stored{
		{Scheme: "md5(md5($pass).$salt)", Hash: "f70b31a0efb8724c244b67f190541871", Salt: "x7!"},
		{Scheme: hash.Auto, Hash: "$1$lGbKMmqE$SbZ3CH4mNdg4tdYObhko.."},
	} {
		h, err := r.Open(stored)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(h.Scheme, h.Verify([]byte("password")))
	}
	// Output:
	// md5(md5($pass).$salt) true
	// md5crypt true
}

// ExampleRegistry_CheckScheme shows what an operator is told about a recipe with a mistake in it.
func ExampleRegistry_CheckScheme() {
	r := hash.New(hash.Config{})
	fmt.Println(r.CheckScheme("sha1($salt.sha1($pass))"))
	fmt.Println(r.CheckScheme("sha1($salt.sha1($password))"))
	// Output:
	// <nil>
	// unknown scheme: recipe, column 17: want $pass, $salt, $user, $pepper or $it, got "$password"
}
