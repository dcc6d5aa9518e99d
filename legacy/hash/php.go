package hash

func phpSchemes() []Scheme { return nil }
