package gateway_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"
)

// Every route is in the OpenAPI document, and every operation of the document is a route. HEAD is what GET is; the bridge
// has one route for all of its products, which its own tests hold to the document.
func TestDocumentHasEveryRoute(t *testing.T) {
	t.Parallel()
	document, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for path, item := range document.Paths.Map() {
		for method := range item.Operations() {
			if !strings.HasPrefix(path, "/bridge/") {
				documented[method+" "+path] = true
			}
		}
	}
	gw := newWorld(t, nil).gw
	served := map[string]bool{}
	for _, e := range []*echo.Echo{echoOf(t, gw.Public()), echoOf(t, gw.Admin())} {
		for _, route := range e.Routes() {
			if route.Method != http.MethodHead {
				served[route.Method+" "+parameters.ReplaceAllString(route.Path, "{$1}")] = true
			}
		}
	}
	if diff := cmp.Diff(documented, served); diff != "" {
		t.Errorf("operations (-document +routes):\n%s", diff)
	}
}

// parameters are written :ref by echo and {ref} by OpenAPI.
var parameters = regexp.MustCompile(`:(\w+)`)

func echoOf(t *testing.T, handler http.Handler) *echo.Echo {
	t.Helper()
	e, ok := handler.(*echo.Echo)
	if !ok {
		t.Fatalf("the handler is a %T: its routes cannot be listed", handler)
	}
	return e
}
