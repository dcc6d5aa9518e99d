package gateway

import (
	_ "embed"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/labstack/echo/v4"

	"rekey/accounts"
)

// jwks serves GET /.well-known/jwks.json: the keys that access tokens are signed with (RFC 7517), the next one
// included before it signs.
func (g *Gateway) jwks(c echo.Context) error {
	keys, maxAge := g.tokens.JWKS()
	c.Response().Header().Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(maxAge/time.Second)))
	return c.Blob(http.StatusOK, "application/jwk-set+json", keys)
}

// discovery serves GET /.well-known/openid-configuration. The names are those of OpenID Connect Discovery 1.0 and
// RFC 8414; rekey is no OpenID provider, so what it does not have is empty.
func (g *Gateway) discovery(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", "public, max-age=300")
	return c.JSON(http.StatusOK, map[string]any{
		"issuer":                                g.issuer,
		"jwks_uri":                              g.issuer + "/.well-known/jwks.json",
		"token_endpoint":                        g.issuer + "/v1/token/refresh",
		"grant_types_supported":                 []string{"refresh_token"},
		"response_types_supported":              []string{},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": g.tokens.Algorithms(),
		"claims_supported":                      []string{"iss", "sub", "aud", "exp", "iat", "jti", "client_id", "sid", "auth_time", "preferred_username"},
		"service_documentation":                 g.issuer + "/openapi.json",
	})
}

//go:embed openapi.yaml
var openAPISource []byte

// openAPIDocument is made when it is first asked for.
var openAPIDocument = sync.OnceValues(func() ([]byte, error) { return yaml.YAMLToJSON(openAPISource) })

// openAPI serves GET /openapi.json: both listeners, OpenAPI 3.0.3.
func (g *Gateway) openAPI(c echo.Context) error {
	document, err := openAPIDocument()
	if err != nil {
		return &accounts.UnavailableError{RetryAfter: time.Minute, Err: err}
	}
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, document)
}
