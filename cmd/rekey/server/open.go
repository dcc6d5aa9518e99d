package server

import (
	"rekey/cmd/rekey/config"
	"rekey/legacy"
	"rekey/legacy/mapping"
)

// An Opened is a legacy source for a command that only reads it.
type Opened struct {
	Name    string
	People  legacy.Source    // its people as they are mapped
	Store   legacy.Source    // the store behind, for powers that have nothing to do with people
	Mapping *mapping.Mapping // what has been found about them
}

// OpenSources prepares every legacy source, in order, and returns what closes them. It asks none of them. Its error is
// config.Problems.
func OpenSources(c *config.Config) ([]Opened, func() error, error) {
	sources, err := openSources(c)
	if err != nil {
		return nil, nil, err
	}
	return openedAs(sources), func() error { return closeSources(sources) }, nil
}

func openedAs(sources []*source) []Opened {
	opened := make([]Opened, len(sources))
	for i, s := range sources {
		opened[i] = Opened{Name: s.name, People: s.people, Store: s.adapter, Mapping: s.mapping}
	}
	return opened
}
