package hash

import "testing"

// What a survey pays for each value that it identifies, by where in the table the scheme stands.
func BenchmarkIdentify(b *testing.B) {
	r := New(Config{})
	for _, v := range []struct{ name, stored string }{
		{"bcrypt", "$2b$10$eImiTXuWVxfM37uY4JANjQ4CWcHp9BZ2b6ZsIv0Pkq1uYwLrQjzfa"},
		{"ldap", "{SSHA}0c0blFTXXNuAMHECS4uxrj3ZieMoWImr"},
		{"ldap-last-label", "{CLEARTEXT}secret"},
		{"django", "pbkdf2_sha256$1000$NaCl$Xj2IFwiplCmgWcWMtWGLSd0LPSFIGzIuVOvQCwfkYdk="},
		{"no-marks", "0123456789abcdef0123456789abcdef"},
	} {
		b.Run(v.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.Identify(v.stored)
			}
		})
	}
}
