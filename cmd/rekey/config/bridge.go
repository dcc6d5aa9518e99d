package config

import "rekey/gateway/bridge"

// Bridge gives products their keys. One without a key is off.
type Bridge struct {
	Keycloak   Product `yaml:"keycloak"`
	Kratos     Product `yaml:"kratos"`
	Okta       Product `yaml:"okta"`
	Cognito    Product `yaml:"cognito"`
	FusionAuth Product `yaml:"fusionauth"`
}

// Product is how a product shows that it is that product: by Bearer, as a Basic user, or in a header.
type Product struct {
	Key    Secret `yaml:"key"`
	User   string `yaml:"user"`
	Header string `yaml:"header"`
}

// Config returns which products are answered, and by which keys, as package bridge takes it.
func (b Bridge) Config() bridge.Config {
	access := func(p Product) bridge.Access {
		return bridge.Access{Key: p.Key.Reveal(), User: p.User, Header: p.Header}
	}
	return bridge.Config{
		Keycloak: access(b.Keycloak), Kratos: access(b.Kratos), Okta: access(b.Okta),
		Cognito: access(b.Cognito), FusionAuth: access(b.FusionAuth),
	}
}
