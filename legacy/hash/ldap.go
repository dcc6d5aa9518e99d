package hash

func ldapSchemes() []Scheme { return nil }
