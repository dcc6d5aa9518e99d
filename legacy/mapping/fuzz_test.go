package mapping

import (
	"strings"
	"testing"
	"time"

	"rekey/legacy"
)

// FuzzExpression: whatever stands in a configuration and whatever a person is, compiling and asking end soon, without a
// panic, and without a word of the password.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{
		`user.last_login > now - duration("8760h") || user.paying`,
		`user.email.split("@")[1].lowerAscii() == "example.org"`,
		`user.roles.exists(r, r in user.groups) && !has(user.attributes.x)`,
		"user.`last-name`.matches('^a+$')",
		`user.paying ? user.tags : [string(user.points)]`,
		`dyn(user)`, `user`, `[1, 2, 3].map(x, [x].map(y, [y]))`, `"%s".format([user.email])`, `user.email.replace("", "aaaa")`,
		`timestamp(user.points) > now`, `1 / user.points`, `user.tags[9]`, `{user.email: 1}[user.email]`, `user.paying`, `truth(null)`,
		"\x00", "((((((", "user.\n\t", "'\xff'", `user.payng`, `a.b{c: 1}`, `b"\xff"`, `0xffffffffffffffffff`,
	} {
		f.Add(seed, "text", int64(3), true)
	}
	c, err := newCompiler([]string{"paying", "points", "tags", "last-name"})
	if err != nil {
		f.Fatal(err)
	}
	clean := Sanitise{}
	if err := clean.complete(); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, value string, number int64, paying bool) {
		const secret = "correct horse battery staple"
		u := legacy.User{
			ID: "1", Username: value, Email: value + "@example.org", LastLoginAt: time.Unix(number%(1<<35), 0),
			Password: &legacy.Stored{Hash: secret, Salt: secret},
			Profile: legacy.Profile{
				Roles: []string{value, "a"}, Groups: strings.Fields(value), Attributes: map[string]string{"x": value},
				TOTP: []legacy.TOTP{{Secret: []byte(secret)}}, RecoveryCodes: []string{secret},
			},
			Extra: map[string]any{"paying": paying, "points": number, "tags": strings.Fields(value), "last-name": value},
		}
		for name, target := range map[string]target{
			"attributes.x": attributeTarget("x"), "roles": targets()["roles"], "created_at": targets()["created_at"], "disabled": targets()["disabled"],
		} {
			start := time.Now()
			e, err := c.compile(name, text, target.result)
			if err == nil {
				m := &Mapping{name: "shop", sets: []set{{e, target}}, clean: clean, now: func() time.Time { return time.Unix(1_700_000_000, 0) }}
				var got legacy.User
				got, _, err = m.Apply(u)
				if strings.Contains(got.Profile.Attributes["x"], secret) && !strings.Contains(text+value, secret) {
					t.Errorf("%s: %q reads the password", name, text)
				}
				if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "0xc0")) {
					t.Errorf("%s: the error tells too much", name)
				}
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("%s: %q took %v", name, text, took)
			}
		}
	})
}
