package mapping_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rekey/legacy"
	"rekey/legacy/legacytest"
	"rekey/legacy/mapping"
)

// People who have not come for a year stay behind, unless they pay.
func Example() {
	m, err := mapping.New(mapping.Config{
		Name:    "shop",
		Columns: []string{"paying", "plan_id"},
		Keep:    `user.last_login > now - duration("8760h") || user.paying`,
		Set:     map[string]string{"attributes.plan": `user.plan_id == 2 ? "gold" : "none"`},
		Now:     func() time.Time { return time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	source := m.Wrap(legacytest.NewMemory(
		legacy.User{ID: "1", Username: "anna ", LastLoginAt: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), Extra: map[string]any{"plan_id": int64(2)}},
		legacy.User{ID: "2", Username: "bob", LastLoginAt: time.Date(2019, 6, 1, 0, 0, 0, 0, time.UTC)},
	))
	users, err := source.Lookup(context.Background(), "anna", "bob")
	for _, u := range users {
		fmt.Printf("%q has the plan %s\n", u.Username, u.Profile.Attributes["plan"])
	}
	fmt.Println(len(users), err, m.Report())

	_, err = mapping.New(mapping.Config{Name: "shop", Keep: "user.disabled == false && user.payng", Columns: []string{"paying"}})
	if wrong, ok := errors.AsType[*mapping.ExpressionError](err); ok {
		fmt.Println(wrong)
	}

	// Output:
	// "anna" has the plan gold
	// 1 <nil> {1 1 0 [{trimmed username 1 [1]}]}
	// keep, line 1, column 31: there is no user.payng; there are id, username, email, phone, display_name, locale, disabled, email_verified, phone_verified, created_at, last_login, last_login_at, roles, groups, attributes, paying
	//	user.disabled == false && user.payng
	//	                              ^
}
