package hash

import "slices"

// schemes lists every scheme in the order in which "auto" tries them: the marks that only one scheme writes first.
func schemes() []Scheme {
	return slices.Concat(
		cryptSchemes(), phcSchemes(), ldapSchemes(), databaseSchemes(),
		pythonSchemes(), rubySchemes(), nodeSchemes(), dotnetSchemes(), javaSchemes(),
		phpSchemes(), phpDigestSchemes(),
		digestSchemes(), plainSchemes(),
	)
}
