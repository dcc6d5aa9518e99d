package hash

func pythonSchemes() []Scheme { return nil }
