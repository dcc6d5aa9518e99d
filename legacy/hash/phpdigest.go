package hash

func phpDigestSchemes() []Scheme { return nil }
