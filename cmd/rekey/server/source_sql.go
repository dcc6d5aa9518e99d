package server

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"rekey/cmd/rekey/config"
	"rekey/legacy/preset"
	"rekey/legacy/sqlsource"
)

func openSQL(l config.Legacy) (adapter, error) {
	c := SQLConfig(l)
	if c.Write != nil {
		return sqlsource.OpenWriter(c)
	}
	return sqlsource.Open(c)
}

// SQLConfig is what a source of kind sql is opened with: its preset, and over it what the operator has named. Conditions
// add to those of the preset.
func SQLConfig(l config.Legacy) sqlsource.Config {
	p, _ := preset.Named(l.Preset) // without one, all of it is empty
	c := sqlsource.Config{
		Name: l.Name, DSN: l.DSN.Reveal(), Table: cmp.Or(l.Table, p.TableWith(l.Prefix)),
		Columns: columnsOf(sqlsource.Columns(p.Columns), l.Columns), Profile: profileOf(sqlsource.ProfileColumns(p.Profile), l.Columns),
		Extra:        slices.Concat(l.Extra, p.Extra), // the operator's first, here and below, so that errors count as they did
		Joins:        configuredJoins(l.Joins),
		UpdatedAt:    named(l.Columns.UpdatedAt, ""),
		Where:        append(configuredConditions(l.Where), presetConditions(p.Where)...),
		DisabledWhen: append(configuredConditions(l.DisabledWhen), presetConditions(p.DisabledWhen)...),
		Queries:      sqlsource.Queries(l.Queries),
		Scheme:       l.Scheme, Params: p.ParamsWith(paramsOf(l)), ParamColumns: p.ParamColumns,
		Timeout: l.Timeout, MaxConns: int(l.MaxConns),
	}
	if c.Queries == (sqlsource.Queries{}) {
		c.Queries = sqlsource.Queries(p.Queries)
	}
	if len(c.Joins) == 0 {
		c.Joins = usedJoins(presetJoins(p.JoinsWith(l.Prefix)), c)
	}
	c.Write = writeOf(p, l, c.Table)
	return c
}

// writeOf returns what may be written back: what the operator says, over what the preset knows of the application. Of an
// application of which it knows nothing, only the operator's own statements are run.
func writeOf(p preset.Preset, l config.Legacy, table string) *sqlsource.Write {
	if !l.Write.On {
		return nil
	}
	w, known := p.WriteWith(table, l.Prefix)
	missing := ""
	if l.Preset != "" && !known {
		missing = sqlsource.None
	}
	own := l.Write
	return &sqlsource.Write{
		DSN: own.DSN.Reveal(), Scheme: cmp.Or(own.Scheme, schemeUnless(!own.Like.IsZero(), w.Scheme)),
		Like: own.Like.Reveal(), LikeSalt: own.LikeSalt.Reveal(),
		Password: cmp.Or(own.Password, w.Password, missing), Username: cmp.Or(own.Username, w.Username, missing),
		Email: cmp.Or(own.Email, w.Email, missing), Phone: cmp.Or(own.Phone, w.Phone, missing),
		DisplayName: cmp.Or(own.DisplayName, w.DisplayName, missing), EmailVerified: cmp.Or(own.EmailVerified, w.EmailVerified, missing),
		Disabled: cmp.Or(own.Disabled, w.Disabled, missing), Insert: cmp.Or(own.Insert, w.Insert, missing), Delete: cmp.Or(own.Delete, w.Delete, missing),
	}
}

// schemeUnless returns the preset's scheme, unless the operator gives an example, which has a scheme of its own.
func schemeUnless(hasExample bool, scheme string) string {
	if hasExample {
		return ""
	}
	return scheme
}

// none, as the name of a column, leaves out what the preset would read.
const none = "-"

// named returns the operator's name of a column, or else the preset's.
func named(own, preset string) string {
	if own == none {
		return ""
	}
	return cmp.Or(own, preset)
}

// usedJoins leaves out the preset's tables of which no column is read: an operator who does without groups needs no
// right to see them.
func usedJoins(joins []sqlsource.Join, c sqlsource.Config) []sqlsource.Join {
	columns := []string{
		c.Columns.ID, c.Columns.Username, c.Columns.Email, c.Columns.Phone, c.Columns.Password, c.Columns.Salt,
		c.Columns.CreatedAt, c.Columns.LastLoginAt, c.Columns.Disabled, c.Profile.DisplayName, c.Profile.Locale,
		c.Profile.EmailVerified, c.Profile.PhoneVerified, c.Profile.Roles, c.Profile.Groups, c.Profile.TOTPSecret,
	}
	columns = append(columns, c.Extra...)
	for _, condition := range slices.Concat(c.Where, c.DisabledWhen) {
		columns = append(columns, condition.Column)
	}
	var used []sqlsource.Join
	for _, join := range slices.Backward(joins) { // a table may be there for the sake of one behind it
		alias := cmp.Or(join.As, join.Table) + "."
		if !slices.ContainsFunc(columns, func(column string) bool { return strings.Contains(column, alias) }) {
			continue
		}
		used = append(used, join)
		for _, on := range join.On {
			columns = append(columns, on.Left)
		}
	}
	slices.Reverse(used)
	return used
}

// columnsOf returns base with the columns that the operator names.
func columnsOf(base sqlsource.Columns, c config.Columns) sqlsource.Columns {
	return sqlsource.Columns{
		ID: named(c.ID, base.ID), Username: named(c.Username, base.Username), Email: named(c.Email, base.Email),
		Phone: named(c.Phone, base.Phone), Password: named(c.Password, base.Password), Salt: named(c.Salt, base.Salt),
		CreatedAt: named(c.CreatedAt, base.CreatedAt), LastLoginAt: named(c.LastLoginAt, base.LastLoginAt),
		Disabled: named(c.Disabled, base.Disabled),
	}
}

func profileOf(base sqlsource.ProfileColumns, c config.Columns) sqlsource.ProfileColumns {
	return sqlsource.ProfileColumns{
		DisplayName: named(c.DisplayName, base.DisplayName), Locale: named(c.Locale, base.Locale),
		EmailVerified: named(c.EmailVerified, base.EmailVerified), PhoneVerified: named(c.PhoneVerified, base.PhoneVerified),
		Roles: named(c.Roles, base.Roles), Groups: named(c.Groups, base.Groups), TOTPSecret: named(c.TOTPSecret, base.TOTPSecret),
	}
}

func presetJoins(list []preset.Join) []sqlsource.Join {
	var joins []sqlsource.Join
	for _, j := range list {
		join := sqlsource.Join{Table: j.Table, As: j.As, Where: presetConditions(j.Where)}
		for _, on := range j.On {
			join.On = append(join.On, sqlsource.On(on))
		}
		joins = append(joins, join)
	}
	return joins
}

func configuredJoins(list []config.Join) []sqlsource.Join {
	var joins []sqlsource.Join
	for _, j := range list {
		join := sqlsource.Join{Table: j.Table, As: j.As, Where: configuredConditions(j.Where)}
		for _, left := range slices.Sorted(maps.Keys(j.On)) {
			join.On = append(join.On, sqlsource.On{Left: left, Right: j.On[left]})
		}
		joins = append(joins, join)
	}
	return joins
}

func presetConditions(list []preset.Condition) []sqlsource.Condition {
	var conditions []sqlsource.Condition
	for _, c := range list {
		conditions = append(conditions, sqlsource.Condition(c))
	}
	return conditions
}

func configuredConditions(list []config.Condition) []sqlsource.Condition {
	var conditions []sqlsource.Condition
	for _, c := range list {
		conditions = append(conditions, sqlsource.Condition{Column: c.Column, Op: c.Op, Values: c.Values})
	}
	return conditions
}
