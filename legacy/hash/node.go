package hash

func nodeSchemes() []Scheme { return nil }
