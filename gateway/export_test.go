package gateway

import "rekey/accounts"

// An AdminRoute is a line of the admin table, for tests.
type AdminRoute struct {
	Method, Pattern string
	Roles           []accounts.Role
}

// AdminTable returns the table that the admin listener is made from.
func (g *Gateway) AdminTable() []AdminRoute {
	var table []AdminRoute
	for _, r := range g.adminTable() {
		table = append(table, AdminRoute{r.method, r.pattern, r.roles})
	}
	return table
}
