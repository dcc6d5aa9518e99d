package ldapsource

// A preset is what a kind of directory has as a rule.
type preset struct {
	filter     string
	attributes Attributes
	disabled   []Rule
}

// Active Directory's bits, of userAccountControl and of msDS-User-Account-Control-Computed (MS-ADTS, 2.2.16 and 3.1.1.4.5.17).
const (
	bitAccountDisabled = 0x2
	bitLockedOut       = 0x10
)

const presetActiveDirectory = "activedirectory"

// presets lists them. Neither takes a phone number for an identifier: in a company several people have the same.
func presets() map[string]preset {
	return map[string]preset{
		"openldap": {
			filter: "(objectClass=person)", // RFC 4519, and inetOrgPerson below it
			attributes: Attributes{
				ID: "entryUUID", Username: []string{"uid"}, Email: []string{"mail"}, Password: "userPassword",
				CreatedAt: "createTimestamp", LastLoginAt: "pwdLastSuccess", // the latter where "lastbind on" is set
				DisplayName: "displayName", Locale: "preferredLanguage", Groups: "memberOf", // where the overlay is
			},
			disabled: []Rule{
				{Attribute: "pwdAccountLockedTime", When: LockedOut},
				{Attribute: "pwdStartTime", When: Future},
				{Attribute: "pwdEndTime", When: Past},
			},
		},
		presetActiveDirectory: {
			filter: "(&(objectCategory=person)(objectClass=user))",
			attributes: Attributes{
				ID: "objectGUID", Username: []string{"sAMAccountName"}, Email: []string{"mail"},
				CreatedAt: "whenCreated", LastLoginAt: "lastLogonTimestamp", // replicated, and up to two weeks late
				DisplayName: "displayName", Locale: "preferredLanguage", Groups: "memberOf",
			},
			disabled: []Rule{
				{Attribute: "userAccountControl", When: HasBits, Bits: bitAccountDisabled},
				{Attribute: "accountExpires", When: Past},
				// Computed from lockoutTime and the domain's policy, which an entry does not show.
				{Attribute: "msDS-User-Account-Control-Computed", When: HasBits, Bits: bitLockedOut},
			},
		},
	}
}

// fill sets what a configuration leaves empty.
func (p preset) fill(c *Config) {
	if c.UserFilter == "" {
		c.UserFilter = p.filter
	}
	if c.Disabled == nil {
		c.Disabled = p.disabled
	}
	from := p.attributes
	for i, one := range c.Attributes.single() {
		if *one.name == "" {
			*one.name = *from.single()[i].name
		}
	}
	for i, several := range c.Attributes.several() {
		if len(*several.names) == 0 {
			*several.names = *from.several()[i].names
		}
	}
}
