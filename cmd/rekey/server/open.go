package server

import (
	"rekey/accounts"
	"rekey/cmd/rekey/config"
)

// OpenSources prepares every legacy source, in order, for a command that only reads them, and returns what closes them. It
// asks none of them.
func OpenSources(c *config.Config) ([]accounts.Source, func() error, error) {
	sources, err := openSources(c)
	if err != nil {
		return nil, nil, err
	}
	return accountSources(sources), func() error { return closeSources(sources) }, nil
}
