package gateway

import (
	"fmt"

	"rekey/accounts"
)

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

// ProblemOf returns what a client reads of an error.
func ProblemOf(err error) string {
	p, _ := problemFor(err)
	return fmt.Sprintf("%+v %+v", p, extensionsOf(err))
}

// NoteCursor and ParseNoteCursor are how the key of a note travels.
var (
	NoteCursor      = noteCursor
	ParseNoteCursor = parseNoteCursor
)
