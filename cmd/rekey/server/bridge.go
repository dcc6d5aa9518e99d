package server

import (
	"rekey/cmd/rekey/config"
	"rekey/gateway/bridge"
)

// bridgeConfig says which products are answered.
func bridgeConfig(c *config.Config) bridge.Config {
	access := func(p config.Product) bridge.Access {
		return bridge.Access{Key: p.Key.Reveal(), User: p.User, Header: p.Header}
	}
	return bridge.Config{
		Keycloak: access(c.Bridge.Keycloak), Kratos: access(c.Bridge.Kratos), Okta: access(c.Bridge.Okta),
		Cognito: access(c.Bridge.Cognito), FusionAuth: access(c.Bridge.FusionAuth),
	}
}
