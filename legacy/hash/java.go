package hash

func javaSchemes() []Scheme { return nil }
