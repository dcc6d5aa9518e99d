package server

import (
	"maps"

	"rekey/cmd/rekey/config"
	"rekey/legacy/filesource"
	"rekey/legacy/httpsource"
	"rekey/legacy/ldapsource"
	"rekey/legacy/preset"
)

func openLDAP(l config.Legacy) (adapter, error) {
	d, a := l.LDAP, l.LDAP.Attributes
	var rules []ldapsource.Rule
	for _, r := range d.Disabled {
		rules = append(rules, ldapsource.Rule{Attribute: r.Attribute, When: ldapsource.When(r.When), Values: r.Values, Bits: r.Bits})
	}
	extra := map[string]ldapsource.Kind{}
	for name, kind := range d.Extra {
		extra[name] = ldapsource.Kind(kind)
	}
	c := ldapsource.Config{
		Name: l.Name, URL: d.URL, StartTLS: d.StartTLS, CAFile: d.CAFile, InsecureSkipVerify: d.InsecureSkipVerify,
		AllowPlaintext: d.AllowPlaintext, BindDN: d.BindDN, BindPassword: d.BindPassword.Reveal(),
		BaseDN: d.BaseDN, OneLevel: d.OneLevel, UserFilter: d.UserFilter, Preset: l.Preset,
		Attributes: ldapsource.Attributes{
			ID: a.ID, Username: a.Username, Email: a.Email, Phone: a.Phone, Password: a.Password, Salt: a.Salt,
			CreatedAt: a.CreatedAt, LastLoginAt: a.LastLoginAt, DisplayName: a.DisplayName, Locale: a.Locale, Groups: a.Groups,
		},
		Disabled: rules, LockoutFor: d.LockoutFor, AcceptExpired: d.AcceptExpired, Extra: extra,
		Scheme: l.Scheme, Params: paramsOf(l), Timeout: l.Timeout, MaxConns: int(l.MaxConns),
	}
	if !d.Write.On {
		return ldapsource.Open(c)
	}
	w := d.Write
	c.Write = &ldapsource.Write{
		BindDN: w.BindDN, BindPassword: w.BindPassword.Reveal(), Modify: w.Modify, Scheme: w.Scheme, Like: w.Like.Reveal(),
		Username: w.Username, Email: w.Email, Phone: w.Phone, DisplayName: w.DisplayName, Delete: w.Delete,
	}
	if w.Disable.Attribute != "" {
		c.Write.Disable = &ldapsource.Disable{Attribute: w.Disable.Attribute, On: w.Disable.On, Off: w.Disable.Off}
	}
	if w.Insert.RDN != "" || len(w.Insert.ObjectClasses) > 0 {
		c.Write.Insert = &ldapsource.Insert{ObjectClasses: w.Insert.ObjectClasses, RDN: w.Insert.RDN, Attributes: w.Insert.Attributes}
	}
	return ldapsource.OpenWriter(c)
}

func openHTTP(l config.Legacy) (adapter, error) {
	h, p := l.HTTP, l.HTTP.Plain
	dialect := httpsource.Dialect(h.Dialect)
	if dialect == "" {
		dialect = httpsource.Keycloak
	}
	c := httpsource.Config{
		Name: l.Name, URL: h.URL, Dialect: dialect, Key: httpsource.Key(h.Key), GetPath: h.GetPath, IgnoresCase: h.IgnoresCase,
		VerifyByID: h.VerifyByID, WrongStatus: config.Statuses(h.WrongStatus), TrustBareYes: h.TrustBareYes,
		Auth: httpsource.Auth{
			Bearer: h.Bearer.Reveal(), BasicUser: h.BasicUser, BasicPassword: h.BasicPassword.Reveal(),
			Header: h.Header, HeaderValue: h.HeaderValue.Reveal(), SigningKey: []byte(h.SigningKey.Reveal()), KeyID: h.KeyID,
		},
		AllowPrivate: h.AllowPrivate, CAFile: h.CAFile, CheckIdentifier: h.CheckIdentifier,
		Plain: httpsource.Plain{
			LookupPath: p.LookupPath, LookupField: p.LookupField, List: p.List, ListAt: p.ListAt, Fields: httpFields(p.Fields),
			VerifyPath: p.VerifyPath, VerifyMethod: p.VerifyMethod, PasswordField: p.PasswordField,
			NameField: p.NameField, IDField: p.IDField, Form: p.Form,
			Yes: httpVerdict(p.Yes), No: httpVerdict(p.No),
		},
		Scheme: l.Scheme, Params: paramsOf(l), Timeout: l.Timeout, MaxConns: int(l.MaxConns),
	}
	if w, f := h.Write, h.Write.Fields; w.On {
		c.Write = &httpsource.Write{
			Path: w.Path, Method: w.Method, InsertPath: w.InsertPath, Fixed: w.Fixed, Delete: w.Delete,
			Scheme: w.Scheme, Like: w.Like.Reveal(), LikeSalt: w.LikeSalt.Reveal(),
			Fields: httpsource.WriteFields{
				Password: f.Password, Salt: f.Salt, OldPassword: f.OldPassword, Username: f.Username, Email: f.Email, Phone: f.Phone,
				DisplayName: f.DisplayName, EmailVerified: f.EmailVerified, Disabled: f.Disabled,
			},
			Auth: httpsource.Auth{
				Bearer: w.Bearer.Reveal(), BasicUser: w.BasicUser, BasicPassword: w.BasicPassword.Reveal(),
				Header: w.Header, HeaderValue: w.HeaderValue.Reveal(),
			},
		}
	}
	return httpsource.Open(c)
}

func httpFields(f config.HTTPFields) httpsource.Fields {
	return httpsource.Fields{
		ID: f.ID, Username: f.Username, Email: f.Email, Phone: f.Phone, Disabled: f.Disabled, Password: f.Password, Salt: f.Salt, CreatedAt: f.CreatedAt,
		LastLoginAt: f.LastLoginAt, DisplayName: f.DisplayName, Locale: f.Locale, EmailVerified: f.EmailVerified,
		PhoneVerified: f.PhoneVerified, Roles: f.Roles, Groups: f.Groups, Attributes: f.Attributes,
	}
}

func httpVerdict(v config.HTTPVerdict) httpsource.Verdict {
	return httpsource.Verdict{Status: config.Statuses(v.Status), Field: v.Field, Value: v.Value}
}

func openFile(l config.Legacy) (adapter, error) {
	f := l.File
	p, _ := preset.Named(l.Preset) // without one, all of it is empty
	columns := map[string]string{}
	maps.Copy(columns, p.File.Columns)
	maps.Copy(columns, f.Columns)
	var separator byte
	if f.Separator != "" {
		separator = f.Separator[0]
	}
	return filesource.Open(filesource.Config{
		Name: l.Name, Path: f.Path, Format: f.Format, Columns: columns, Separator: separator,
		Scheme: l.Scheme, Params: p.ParamsWith(paramsOf(l)), IndexPath: f.Index, Timeout: l.Timeout, MaxConns: int(l.MaxConns),
	})
}
