package hash

func dotnetSchemes() []Scheme { return nil }
