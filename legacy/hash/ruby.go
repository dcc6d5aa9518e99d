package hash

func rubySchemes() []Scheme { return nil }
