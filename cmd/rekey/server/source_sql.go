package server

import (
	"maps"
	"slices"

	"rekey/cmd/rekey/config"
	"rekey/legacy/preset"
	"rekey/legacy/sqlsource"
)

func openSQL(l config.Legacy) (adapter, error) { return sqlsource.Open(SQLConfig(l)) }

// SQLConfig fills a source's columns from its preset; what the operator has named counts more.
func SQLConfig(l config.Legacy) sqlsource.Config {
	columns, profile := sqlColumns(l.Columns)
	table := l.Table
	if p, ok := preset.Named(l.Preset); ok {
		if table == "" {
			table = p.TableWith(l.Prefix)
		}
		columns = overlay(sqlsource.Columns(p.Columns), columns)
	}
	return sqlsource.Config{
		Name: l.Name, DSN: l.DSN.Reveal(), Table: table, Columns: columns, Profile: profile, Extra: l.Extra,
		Joins: sqlJoins(l.Joins), Where: sqlConditions(l.Where), DisabledWhen: sqlConditions(l.DisabledWhen),
		Queries: sqlsource.Queries(l.Queries), Scheme: l.Scheme, Params: paramsOf(l),
		Timeout: l.Timeout, MaxConns: int(l.MaxConns),
	}
}

func sqlColumns(c config.Columns) (sqlsource.Columns, sqlsource.ProfileColumns) {
	return sqlsource.Columns{
			ID: c.ID, Username: c.Username, Email: c.Email, Phone: c.Phone, Password: c.Password, Salt: c.Salt,
			CreatedAt: c.CreatedAt, LastLoginAt: c.LastLoginAt, Disabled: c.Disabled,
		}, sqlsource.ProfileColumns{
			DisplayName: c.DisplayName, Locale: c.Locale, EmailVerified: c.EmailVerified, PhoneVerified: c.PhoneVerified,
			Roles: c.Roles, Groups: c.Groups, TOTPSecret: c.TOTPSecret,
		}
}

func sqlJoins(list []config.Join) []sqlsource.Join {
	var joins []sqlsource.Join
	for _, j := range list {
		join := sqlsource.Join{Table: j.Table, As: j.As, Where: sqlConditions(j.Where)}
		for _, left := range slices.Sorted(maps.Keys(j.On)) {
			join.On = append(join.On, sqlsource.On{Left: left, Right: j.On[left]})
		}
		joins = append(joins, join)
	}
	return joins
}

func sqlConditions(list []config.Condition) []sqlsource.Condition {
	var conditions []sqlsource.Condition
	for _, c := range list {
		conditions = append(conditions, sqlsource.Condition{Column: c.Column, Op: c.Op, Values: c.Values})
	}
	return conditions
}

// overlay returns base with the columns that over names.
func overlay(base, over sqlsource.Columns) sqlsource.Columns {
	for _, c := range []struct{ to, from *string }{
		{&base.ID, &over.ID}, {&base.Username, &over.Username}, {&base.Email, &over.Email}, {&base.Phone, &over.Phone},
		{&base.Password, &over.Password}, {&base.Salt, &over.Salt}, {&base.CreatedAt, &over.CreatedAt},
		{&base.LastLoginAt, &over.LastLoginAt}, {&base.Disabled, &over.Disabled},
	} {
		if *c.from != "" {
			*c.to = *c.from
		}
	}
	return base
}
